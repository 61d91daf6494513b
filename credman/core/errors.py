"""Every error credman raises on purpose. Imports nothing, so that any layer can raise one.

    CredmanError                 1  failed
    ├── StoreConflict            1  somebody else wrote first; the session tries again
    ├── UsageError               2  the command line, a name or a value is not acceptable
    │   └── DeniedVariable       2  a variable that changes how programs start
    ├── NotFound                 3  no such token, environment, profile, provider
    │   └── NoVault              3  nothing has been stored here yet
    ├── Locked                   4  needs unlocking, and nothing could do it
    │   ├── WrongPassphrase      4
    │   └── NoMatch              4  none of the recipients is ours
    ├── VaultDamaged             5  the file is not what credman wrote; nothing was changed
    │   ├── NotAVault            5  something else lies there
    │   ├── HeaderDamaged        5
    │   ├── HeaderMACMismatch    5
    │   ├── PayloadDamaged       5
    │   └── RolledBack           5  an older copy lies where a newer one was seen
    ├── Unavailable              6  a store, a disk or a part cannot be reached
    │   ├── VaultMissing         6  a vault was seen here and is gone
    │   ├── VaultNewer           6  written by a newer credman
    │   ├── MissingExtra         6  a part is not installed
    │   └── LockTimeout          6  another credman holds the lock
    ├── Refused                  7  refused, or the user said no
    │   ├── NameTaken            7
    │   └── VaultExists          7
    └── Interrupted            130  Ctrl-C at a prompt

Rule: a message or a hint never holds a value, a passphrase, or text that may be one.
"""

from __future__ import annotations


class CredmanError(Exception):
    """Base of all errors meant for people.

    Args:
        message: one line, lower case, no full stop, no value in it.
        hint: the next step, same form; empty when there is none.
    """

    exit_code = 1
    kind = "failed"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class StoreConflict(CredmanError):
    kind = "conflict"


class UsageError(CredmanError):
    exit_code = 2
    kind = "usage"


class DeniedVariable(UsageError):
    kind = "denied_variable"


class NotFound(CredmanError):
    exit_code = 3
    kind = "not_found"


class NoVault(NotFound):
    kind = "no_vault"


class Locked(CredmanError):
    exit_code = 4
    kind = "locked"


class WrongPassphrase(Locked):
    kind = "wrong_passphrase"


class NoMatch(Locked):
    kind = "no_match"


class VaultDamaged(CredmanError):
    exit_code = 5
    kind = "vault_damaged"


class NotAVault(VaultDamaged):
    kind = "not_a_vault"


class HeaderDamaged(VaultDamaged):
    kind = "header_damaged"


class HeaderMACMismatch(VaultDamaged):
    kind = "header_mac_mismatch"


class PayloadDamaged(VaultDamaged):
    kind = "payload_damaged"


class RolledBack(VaultDamaged):
    kind = "rolled_back"


class Unavailable(CredmanError):
    exit_code = 6
    kind = "unavailable"


class VaultMissing(Unavailable):
    kind = "vault_missing"


class VaultNewer(Unavailable):
    kind = "vault_newer"


class LockTimeout(Unavailable):
    kind = "lock_timeout"


class MissingExtra(Unavailable):
    """Args: what: is missing, in words; extra: the extra of the distribution that brings it."""

    kind = "missing_extra"

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} is not installed")
        self.extra = extra


class Refused(CredmanError):
    exit_code = 7
    kind = "refused"


class NameTaken(Refused):
    kind = "name_taken"


class VaultExists(Refused):
    kind = "vault_exists"


class Interrupted(CredmanError):
    exit_code = 130
    kind = "interrupted"
