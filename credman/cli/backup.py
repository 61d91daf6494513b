from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from credman.cli.options import Invocation, command, parse_descriptor
from credman.cli.values import refuse_value_as_argument
from credman.core.errors import Refused, Unavailable, UsageError
from credman.core.names import looks_like_value
from credman.output.files import refuse_existing
from credman.providers.catalogue import load_catalogue

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import NewPassphraseOption


@command(selecting=False, asks_again=True)
def backup(
    invocation: Invocation,
    file: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE", help="A new file; credman-backup-DATE.age", show_default=False
        ),
    ] = None,
    passphrase: Annotated[
        bool, typer.Option("--passphrase", help="Ask for a passphrase that opens it as well")
    ] = False,
    new_passphrase_fd: NewPassphraseOption = None,
) -> None:
    """Write a backup to a new file, and read it back.

    One encrypted file with everything that is stored, opened by the recovery key; without one, or
    with --passphrase, by a new passphrase of its own. It needs no keyring, so it opens on any
    machine: credman restore FILE.

    Example: credman backup ~/usb/credman.age
    """
    context = invocation.context
    descriptor = parse_descriptor("--new-passphrase-fd", new_passphrase_fd)
    path = _choose_path(context.cwd, file, is_bare=passphrase)
    session = invocation.open_session()
    store = session.backup_store()
    count = len(session.snapshot().tokens)
    invocation.report(session)
    chosen = None
    if passphrase or descriptor is not None or not store.has_recovery():
        if not passphrase and descriptor is None:
            context.note("there is no recovery key, so a passphrase will open the backup")
        chosen = invocation.source.another_passphrase(descriptor)
    opened_by = store.backup(path, chosen)
    tokens = f"{count} token{'' if count == 1 else 's'}"
    context.note(f"backup of {tokens} written to {path}, read back and compared")
    context.note(f"it is opened by {opened_by}")


def _choose_path(directory: str, file: str | None, *, is_bare: bool) -> str:
    """Raises: what stands in the way, before anybody types anything."""
    name = f"credman-backup-{datetime.now(UTC).date().isoformat()}.age"
    if file == "":
        raise UsageError("FILE is empty", hint=f"such as {name}")
    if file == "-":
        raise UsageError(
            "a backup is a file, since it is read back", hint="./- names a file of that name"
        )
    if file is not None:
        _refuse_secret(file, is_bare=is_bare)
    folder, last = os.path.split(os.path.join(directory, file or name))
    if not os.path.isdir(folder):
        raise Unavailable(f"there is no directory {folder}")
    path = os.path.join(os.path.realpath(folder), last)
    if os.path.isdir(path):
        raise Refused(f"{path} is a directory", hint=f"such as {os.path.join(path, name)}")
    refuse_existing(path, directory=directory)
    return path


def _refuse_secret(file: str, *, is_bare: bool) -> None:
    """Whatever stands there becomes the name of a file: a token or a passphrase must not."""
    last = os.path.basename(file)
    refuse_value_as_argument(load_catalogue(), [last])
    if "/" in file or file.endswith(".age"):
        return
    if is_bare:
        raise UsageError(
            "--passphrase takes no value: the passphrase is asked for",
            hint="a FILE beside it ends in .age, or has a / in it",
        )
    if looks_like_value(last):
        raise UsageError(
            "that looks like a token itself", hint="a FILE ends in .age, or has a / in it"
        )
