from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from credman.cli.create import create_store
from credman.cli.namecache import remember_names
from credman.cli.options import Invocation, command
from credman.core.errors import Refused
from credman.stores.base import Snapshot

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import RecoveryFileOption


@command(selecting=False)
def init(
    invocation: Invocation,
    no_keyring: Annotated[
        bool, typer.Option("--no-keyring", help="Open it with a passphrase only")
    ] = False,
    recovery_file: RecoveryFileOption = None,
) -> None:
    """Make the store, and a recovery key for it.

    The recovery key opens the vault when the passphrase is lost. It is shown once, on the terminal,
    or written to a file. Nothing else is ever asked: `credman add` makes the store as well.

    Example: credman init --recovery-file ~/usb/credman.key
    """
    store = invocation.open_store()
    if store.exists():
        known = store.describe()
        what = "vault" if known["kind"] == "file" else "store"
        where = f": {known['path']}" if "path" in known else ""
        raise Refused(
            f"there is a {what} already{where}",
            hint="credman add NAME stores a token in it",
        )
    create_store(invocation, store, recovery_file=recovery_file, no_keyring=no_keyring)
    # Reminders know then that there is nothing to remind of.
    nothing = Snapshot("", (), ())
    remember_names(invocation.context, invocation.config, invocation.store_url, nothing)
