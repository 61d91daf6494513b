"""Making a store: at ``init``, or by the way at the first ``add``."""

from __future__ import annotations

import os

from credman.cli.options import Invocation
from credman.cli.terminal import Terminal
from credman.core.errors import (
    CredmanError,
    Interrupted,
    Refused,
    Unavailable,
    UsageError,
    VaultExists,
)
from credman.stores.base import Creation, Store


def create_store(invocation: Invocation, store: Store, *, recovery_file: str | None = None) -> None:
    """Makes the store and hands out its recovery key: into a file, or once to the terminal.

    Args:
        recovery_file: a new file, mode 0600; None: the terminal, if somebody sits there.

    Raises:
        Refused, Locked, Unavailable
    """
    context, source = invocation.context, invocation.source
    wants_recovery = recovery_file is not None or source.is_attended()
    recovery = os.urandom(32) if wants_recovery else None
    if recovery_file == "":
        raise UsageError("--recovery-file needs the path of a file")
    if recovery_file is not None and recovery is not None:
        recovery_file = os.path.join(context.cwd, recovery_file)
        _write_recovery_file(recovery_file, recovery)
    is_shown = False
    try:
        passphrase = source.new_passphrase()
        if recovery is not None and recovery_file is None:
            _show_recovery(context.terminal, recovery)
            is_shown = True
        store.create(Creation(passphrase, recovery))
    except BaseException as error:
        if recovery is not None and not _is_made(store, error):
            if recovery_file is not None:
                os.unlink(recovery_file)
            elif is_shown:
                context.note("no vault was made with the recovery key above: it opens nothing")
        raise
    where = store.describe().get("path", "")
    context.note(f"vault made{f' at {where}' if where else ''}, opened by a passphrase")
    if recovery is None:
        context.note("it has no recovery key, since nobody is here to keep it:")
        context.note("without the passphrase its tokens are lost")
    elif recovery_file is not None:
        context.note(f"recovery key written to {recovery_file}: keep it offline")


def _is_made(store: Store, error: BaseException) -> bool:
    # A signal may arrive after the vault was put in place: then the key belongs to it, and stays.
    if isinstance(error, VaultExists):
        return False
    try:
        return store.exists()
    except CredmanError:
        return True


def _show_recovery(terminal: Terminal, recovery: bytes) -> None:
    # Before the vault is made, so that there is none whose key nobody saw. Only ever to the
    # terminal: a stream could be a log.
    from credman.vault.keys import render_identity

    try:
        terminal.write(
            "  recovery key, shown once on this terminal, keep it offline:\n"
            f"  {render_identity(recovery)}\n"
        )
    except OSError:
        raise Interrupted("the terminal has gone") from None


def _write_recovery_file(path: str, recovery: bytes) -> None:
    from credman.vault.age import public_key
    from credman.vault.keys import render_identity, render_recipient

    text = (
        "# credman recovery key: opens the vault, also as  age -d -i THIS-FILE vault.age\n"
        f"# public key: {render_recipient(public_key(recovery))}\n"
        f"{render_identity(recovery)}\n"
    )
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        descriptor = os.open(path, flags, 0o600)
    except FileExistsError:
        raise Refused(f"there is a file already: {path}") from None
    except OSError as error:
        raise Unavailable(f"cannot write {path}: {(error.strerror or 'failed').lower()}") from None
    try:
        with os.fdopen(descriptor, "wb") as file:
            os.fchmod(descriptor, 0o600)
            file.write(text.encode("ascii"))
            file.flush()
            os.fsync(descriptor)
    except BaseException as error:
        os.unlink(path)
        if not isinstance(error, OSError):
            raise
        raise Unavailable(f"cannot write {path}: {(error.strerror or 'failed').lower()}") from None
