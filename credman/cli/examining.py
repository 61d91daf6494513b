"""What there is to say of a store: where it is, what opens it, what lies beside it, what is wrong.

Rule: a store that is damaged, gone or does not open is something to tell, not a reason to stop.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field

from credman.cli.permissions import quote_path
from credman.core.errors import (
    CredmanError,
    Interrupted,
    Locked,
    NoMatch,
    NoVault,
    RolledBack,
    Unavailable,
    UsageError,
    VaultDamaged,
    WrongPassphrase,
)
from credman.core.keyslots import SlotKind
from credman.oskeyring.client import KeyringUnavailable
from credman.stores.base import SlotStore, Snapshot, Store
from credman.stores.capabilities import CopyStore, ExaminedStore, Fact
from credman.stores.location import lock_of
from credman.stores.looking import find_exposure

_STATES = (VaultDamaged, Unavailable, WrongPassphrase, NoMatch)
"""What may be wrong with a store itself; anything else kept us from looking at it."""


@dataclass(slots=True)
class StoreReport:
    """Args:
    needs_keyring: it does not open without the system's keyring, or not in every way.
    problem: what that said when the store was opened.
    obstacle: why the store could not be looked at.
    """

    facts: list[Fact] = field(default_factory=list)
    needs_keyring: bool = False
    problem: KeyringUnavailable | None = None
    obstacle: CredmanError | None = None

    def say(self, label: str, text: str, hint: str = "") -> None:
        self.facts.append(Fact(label, text, False, hint))

    def find(self, label: str, text: str, hint: str = "") -> None:
        self.facts.append(Fact(label, text, True, hint))

    def note(self, error: CredmanError) -> None:
        if isinstance(error, KeyringUnavailable):
            self.problem, self.needs_keyring = error, True


def find_files(store: Store) -> list[str]:
    """Returns: the files that the store is kept in, as far as it names them; they need not
    exist."""
    known = store.describe()
    files = [value for value in known.values() if os.path.isabs(value)]
    previous = store.previous() if isinstance(store, CopyStore) else None
    files += [] if previous is None else [previous]
    with suppress(UsageError):  # it would be its own lock: then it does not open either
        files += [lock_of(known["path"])] if known.get("path") in files else []
    return files


def examine_store(store: Store, where: str, *, told: Collection[str]) -> StoreReport:
    """Opens the store and looks at everything.

    Args:
        where: the options that name the store, for the hints.
        told: files and directories of which it is told already that others get at them.

    Raises:
        Interrupted: somebody does not want to type the passphrase.
    """
    known = store.describe()
    report = StoreReport(needs_keyring=known.get("kind") == "keyring")
    try:
        if isinstance(store, CopyStore):
            label = "vault" if known.get("kind") == "file" else "store"
            report.say(label, known.get("path") or known.get("kind") or "unnamed")
            _examine_current(report, store, where, told)
        else:
            for number, (what, value) in enumerate(known.items()):
                report.say("" if number else "store", f"{what} {value}")
            _examine_contents(report, store, where, told)
    except NoVault as error:
        report.say("", error.message)
    except Interrupted:
        raise
    except CredmanError as error:
        report.note(error)
        report.find("", f"not opened: {error.message}", error.hint)
        report.obstacle = None if isinstance(error, _STATES) else error
    return report


def _examine_current(
    report: StoreReport, store: CopyStore, where: str, told: Collection[str]
) -> None:
    current = store.current()
    if isinstance(current.problem, NoVault):
        raise current.problem
    if current.problem is not None:
        report.note(current.problem)
        report.find("", f"{current.relation}: {current.problem.message}", current.problem.hint)
    else:
        report.say("", current.title)
        _examine_contents(report, store, where, told)
        for copy in store.copies():
            report.say("copy", copy.path)
            what = copy.title if copy.problem is None else copy.problem.message
            command = f"credman restore{where} {quote_path(copy.path)}"
            report.say("", f"{copy.relation}: {what}", f"{command} compares them and asks")
    path = store.previous()
    if path is None:
        return
    report.say("previous", path)
    previous = store.examine_previous()
    if previous is None:
        report.say("", "none yet")
    elif current.problem is not None and _is_locked(previous.problem):
        report.say("", "not opened either")
    elif previous.problem is not None:
        report.find("", f"{previous.relation}: {previous.problem.message}")
    elif not previous.is_whole:
        report.find("", f"{previous.relation}: {previous.title}")
    else:
        report.say("", f"{previous.relation}: {previous.title}")


def _examine_contents(report: StoreReport, store: Store, where: str, told: Collection[str]) -> None:
    if isinstance(store, SlotStore):
        slots = store.slots()
        report.needs_keyring |= any(s.kind is SlotKind.KEYRING for s in slots)
        report.say("opened by", ", ".join(f"{s.label} ({s.kind.value})" for s in slots))
        if not any(s.kind is SlotKind.RECOVERY for s in slots):
            report.find("recovery", f"there is no recovery key: credman recovery new{where}")
    snapshot = store.snapshot()
    if not isinstance(store, CopyStore):
        count = len(snapshot.tokens)
        report.say("", f"{count} token{'' if count == 1 else 's'}")
    exposures = _find_told(store, told)
    for warning in snapshot.warnings:
        if warning not in exposures:
            report.find("warning", warning)
    _examine_obstacle(report, snapshot, where)
    if isinstance(store, ExaminedStore):
        report.facts.extend(store.examine())


def _is_locked(problem: CredmanError | None) -> bool:
    # With another key, or after another passphrase, it is known that it does not open.
    return isinstance(problem, Locked) and not isinstance(problem, (WrongPassphrase, NoMatch))


def _examine_obstacle(report: StoreReport, snapshot: Snapshot, where: str) -> None:
    if snapshot.obstacle is None:
        return
    is_rollback = isinstance(snapshot.obstacle, RolledBack)
    way = f"credman doctor --accept{where} goes on with it" if is_rollback else ""
    if snapshot.obstacle.message not in snapshot.warnings:
        report.find("warning", snapshot.obstacle.message)
    step = way or snapshot.obstacle.hint
    report.say("", f"so it is not written to{f': {step}' if step else ''}")


def _find_told(store: Store, told: Collection[str]) -> set[str]:
    """Returns: the store's own warnings of what the files' modes have told already."""
    path = store.describe().get("path", "")
    exposure = find_exposure(path) if os.path.isabs(path) else None
    is_told = path in told or os.path.dirname(path) in told
    return {exposure} if exposure is not None and is_told else set()
