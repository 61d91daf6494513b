"""A backup: a vault file of one state of a store, at a place of its own.

Rules: it opens without the keyring of this machine; it is read back from the disk, opened and
compared before it counts; nothing is written over; what fails is taken away again.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from datetime import UTC, datetime

from credman.core.errors import Refused, Unavailable, UsageError
from credman.core.model import Contents
from credman.core.secret import Secret
from credman.stores import disk
from credman.vault import age, slots
from credman.vault.container import MAX_VAULT_BYTES, parse_vault, seal_vault
from credman.vault.document import Document, SlotLabel
from credman.vault.rekeying import Keyed

SLOT_LABEL = "backup"
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def make_document(contents: Contents, *, vault_id: str, generation: int) -> Document:
    """For a store that is no vault file itself.

    Args:
        vault_id: the store's own, 32 characters 0-9a-f, always the same.
        generation: the store's, so that of two backups it can be told which one is newer.

    Returns:
        A document with a new identity.
    """
    return Document(
        identity=os.urandom(age.KEY_BYTES),
        vault_id=vault_id,
        generation=generation,
        written_at=_now(),
        contents=contents,
        next_slot=0,
    )


def write_backup(path: str, document: Document, passphrase: Secret | None) -> str:
    """Args:
        path: a new file, absolute.
        document: what it holds; its recipients open the backup, its slots do not.
        passphrase: opens it as well; None: the recipients alone.

    Returns:
        What opens it, in words.

    Raises:
        Refused: something lies there already, or the state is too large for one file.
        UsageError: nothing would open it.
        Unavailable: it cannot be written, or did not come back as it was meant; nothing is left.
    """
    if passphrase is None and not document.recipients:
        raise UsageError("a backup needs a passphrase: there is no recovery key to open it")
    keyed = _give_keys(document, passphrase)
    file = seal_vault(keyed.document, keyed.stanzas)
    descriptor = _create(path)
    try:
        _write(path, descriptor, file)
        _check(path, keyed, file)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(path)
        raise
    return _describe(document, passphrase)


def _give_keys(document: Document, passphrase: Secret | None) -> Keyed:
    if passphrase is None:
        return Keyed(replace(document, slots=()), ())
    number = document.next_slot
    stanza = slots.wrap_passphrase(
        document.identity, passphrase, vault_id=document.vault_id, number=number
    )
    label = SlotLabel(number, SLOT_LABEL, _now())
    document = replace(document, slots=(label,), next_slot=number + 1)
    return Keyed(document, (stanza,), ((number, passphrase),))


def _create(path: str) -> int:
    try:
        return os.open(path, _CREATE, 0o600)
    except FileExistsError:
        raise Refused(
            f"there is a file already: {path}",
            hint="nothing is written over: remove it, or name another",
        ) from None
    except (OSError, ValueError) as error:
        raise _cannot(path, error) from None


def _write(path: str, descriptor: int, file: bytes) -> None:
    try:
        with os.fdopen(descriptor, "wb") as stream:
            # Whatever the umask is. A stick's file system has modes of its own, and none but them.
            with contextlib.suppress(PermissionError):
                os.fchmod(descriptor, 0o600)
            stream.write(file)
            stream.flush()
            os.fsync(descriptor)
        directory = os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        try:
            with contextlib.suppress(OSError):  # some file systems do not sync directories
                os.fsync(directory)
        finally:
            os.close(directory)
    except OSError as error:
        raise _cannot(path, error) from None


def _check(path: str, keyed: Keyed, file: bytes) -> None:
    written = disk.read_own_file(path, limit=MAX_VAULT_BYTES)
    if written != file:
        raise Unavailable(f"cannot write {path}: what was read back differs")
    sealed = parse_vault(written)
    if sealed.open(keyed.document.identity) != keyed.document or not keyed.opens(sealed):
        raise Unavailable(f"cannot write {path}: it does not open again")


def _describe(document: Document, passphrase: Secret | None) -> str:
    count = len(document.recipients)
    keys = "the recovery key" if count == 1 else f"any of the {count} recovery keys"
    if passphrase is None:
        return keys
    return f"that passphrase{f', and by {keys}' if count else ''}"


def _cannot(path: str, error: OSError | ValueError) -> Unavailable:
    reason = (isinstance(error, OSError) and error.strerror) or "failed"
    return Unavailable(f"cannot write {path}: {reason.lower()}")


def _now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)
