"""A process that changes once what opens a vault, or which state of it counts: to be killed.

    python -m tests.stores.key_driver HOME ACTION

Its vault is one of ``make_home``. It prints one line, ``ok`` and what was warned of, or the kind
and the message of the error, and ends with its exit code.
"""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from credman.core.errors import CredmanError
from credman.core.keyslots import NewPassphrase, NewRecovery, SlotChange
from credman.stores.base import Creation
from credman.vault import keys, slots
from tests.stores.key_places import NEW, SECOND, change
from tests.stores.places import PASSPHRASE, add, find_seen, open_vault, vault_file

RECOVERY, NEW_RECOVERY = bytes(range(32)), bytes(range(32, 64))
SECRETS = (PASSPHRASE, SECOND, NEW, *map(keys.render_identity, (RECOVERY, NEW_RECOVERY)))
COPY = "vault (1).age"
CHANGES = {
    "passwd": SlotChange((NewPassphrase(NEW),), frozenset({"0"}), {"1": SECOND}),
    "slot-add": SlotChange((NewPassphrase(NEW),)),
    "slot-remove": SlotChange(remove=frozenset({"1"}), secrets={"0": PASSPHRASE}),
    "recovery-new": SlotChange(
        (NewRecovery(NEW_RECOVERY),),
        frozenset({"recovery"}),
        {"0": PASSPHRASE, "1": SECOND},
    ),
}


def make_home(home: Path, state: str) -> None:
    """Makes a vault that two passphrases and a recovery key open, with a fork of it beside it.

    Args:
        state: ``damaged`` or ``rolled back``, else whole.
    """
    store = open_vault(home)
    store.create(Creation(PASSPHRASE, RECOVERY))
    change(store, SlotChange((NewPassphrase(SECOND, "laptop"),)))
    vault, seen = vault_file(home), find_seen(home)
    common, record = vault.read_bytes(), seen.read_bytes()
    add(store, "there")
    vault.with_name(COPY).write_bytes(vault.read_bytes())
    vault.write_bytes(common)
    seen.write_bytes(record)
    store = open_vault(home)
    add(store, "before")
    older = vault.read_bytes()
    add(store, "here")
    if state == "damaged":
        vault.write_bytes(vault.read_bytes()[:-1000])
    elif state == "rolled back":
        vault.write_bytes(older)


def main(home: Path, action: str) -> str:
    slots.DEFAULT_PARAMETERS = slots.Argon2Parameters(memory=19 * 1024, passes=2, lanes=1)
    store = open_vault(home)
    if action in CHANGES:
        warnings = change(store, CHANGES[action])
    elif action == "accept":
        warnings = store.accept().warnings
    else:
        store.current()
        name = store.previous() if "previous" in action else str(vault_file(home).with_name(COPY))
        warnings = store.restore(store.read_copy(name), merge=action == "merge").warnings
    return "; ".join(("ok", *warnings))


def run(home: str, action: str) -> int:
    """Returns: the exit code, after the line was printed."""
    try:
        line, code = main(Path(home), action), 0
    except CredmanError as error:
        line, code = f"{error.kind}: {error.message}", error.exit_code
    with contextlib.suppress(OSError):  # what cannot be said does not change the exit code
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
    return code


if __name__ == "__main__":
    os._exit(run(*sys.argv[1:]))
