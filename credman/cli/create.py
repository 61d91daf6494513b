"""Making a store, at ``init`` or by the way at the first ``add``; and handing out recovery keys."""

from __future__ import annotations

import contextlib
import os
from types import TracebackType

from credman.cli.options import Invocation
from credman.core.errors import (
    CredmanError,
    Interrupted,
    UsageError,
    VaultExists,
)
from credman.oskeyring.client import OsKeyring
from credman.output.files import write_new_file
from credman.stores.base import Creation, Store


class RecoveryKey:
    """A new key on its way to its keeper: into a file, or once to the terminal. It is handed out
    before the vault has it, so that there is no vault whose key nobody saw.

    In a ``with`` block that fails, the file is removed again, unless the vault has the key already.

    Args:
        path: a new file, mode 0600; None: the terminal.
        failed: what to say of a key that was shown in vain.
    """

    def __init__(self, invocation: Invocation, path: str | None, *, failed: str) -> None:
        if path == "":
            raise UsageError("--recovery-file needs the path of a file")
        self.identity = os.urandom(32)
        self._context = invocation.context
        self._path = None if path is None else os.path.join(self._context.cwd, path)
        self._failed = failed
        self._is_handed_out = False
        self._is_in_use = False

    def __enter__(self) -> RecoveryKey:
        if self._path is not None:
            data = _render_recovery_file(self.identity)
            write_new_file(self._path, data, directory=self._context.cwd)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or self._is_in_use:
            return
        if self._path is not None:
            with contextlib.suppress(OSError):
                os.unlink(self._path)
        elif self._is_handed_out:
            self._context.note(self._failed)

    def hand_out(self) -> None:
        """Shows it on the terminal, if that is where it goes. Raises: Interrupted"""
        if self._path is not None:
            return
        # Only ever to the terminal: a stream could be a log.
        from credman.vault.keys import render_identity

        try:
            self._context.terminal.write(
                "  recovery key, shown once on this terminal, keep it offline:\n"
                f"  {render_identity(self.identity)}\n"
            )
        except OSError:
            raise Interrupted("the terminal has gone") from None
        self._is_handed_out = True

    def keep(self) -> None:
        """The vault has it, or may have it: it stays whatever happens."""
        self._is_in_use = True

    def tell(self) -> None:
        """Says where it is."""
        if self._path is not None:
            self._context.note(f"recovery key written to {self._path}: keep it offline")


def create_store(
    invocation: Invocation,
    store: Store,
    *,
    recovery_file: str | None = None,
    no_keyring: bool = False,
) -> None:
    """Makes the store, opened by the keyring if there is one that works, else by a passphrase; and
    hands out its recovery key: into a file, or once to the terminal.

    Args:
        recovery_file: a new file, mode 0600; None: the terminal, if somebody sits there.
        no_keyring: a passphrase opens it in any case.

    Raises:
        Refused, Locked, Unavailable
    """
    context, source = invocation.context, invocation.source
    if store.describe().get("opened by") == "keyring":
        _create_in_keyring(invocation, store, recovery_file=recovery_file, no_keyring=no_keyring)
        return
    ring = None if no_keyring else source.find_keyring()
    may_show = source.is_attended() and context.terminal.is_private
    if recovery_file is None and not may_show:
        store.create(Creation(None if ring else source.new_passphrase()))
        _tell_made(invocation, store, ring)
        context.note("it has no recovery key, since nobody is here to keep it:")
        context.note(f"without the {'keyring' if ring else 'passphrase'} its tokens are lost")
        return
    failed = "no vault was made with the recovery key above: it opens nothing"
    with RecoveryKey(invocation, recovery_file, failed=failed) as key:
        passphrase = None if ring else source.new_passphrase()
        key.hand_out()
        try:
            store.create(Creation(passphrase, key.identity))
        except BaseException as error:
            if _is_made(store, error):
                key.keep()
            raise
    _tell_made(invocation, store, ring)
    key.tell()


def _create_in_keyring(
    invocation: Invocation, store: Store, *, recovery_file: str | None, no_keyring: bool
) -> None:
    if no_keyring or recovery_file is not None:
        raise UsageError(
            "tokens kept in the keyring are opened by it alone, and have no recovery key",
            hint="credman backup writes them to a file with a passphrase of its own",
        )
    ring = invocation.source.require_keyring()
    store.create(Creation(None))
    invocation.context.note(f"tokens rest in {ring.title}, each as an item of its own")


def _tell_made(invocation: Invocation, store: Store, ring: OsKeyring | None) -> None:
    where = store.describe().get("path", "")
    how = "a passphrase" if ring is None else ring.title
    invocation.context.note(f"vault made{f' at {where}' if where else ''}, opened by {how}")


def _is_made(store: Store, error: BaseException) -> bool:
    # A signal may arrive after the vault was put in place: then the key belongs to it, and stays.
    if isinstance(error, VaultExists):
        return False
    try:
        return store.exists()
    except CredmanError:
        return True


def _render_recovery_file(recovery: bytes) -> bytes:
    from credman.vault.age import public_key
    from credman.vault.keys import render_identity, render_recipient

    return (
        "# credman recovery key: opens the vault, also as  age -d -i THIS-FILE vault.age\n"
        f"# public key: {render_recipient(public_key(recovery))}\n"
        f"{render_identity(recovery)}\n"
    ).encode("ascii")
