"""The sweep: an action is run once as usual, then again for every call at which it may fail.

Whatever fails and wherever it dies: the old vault or the new one, never other; success is only
said of the new one; nothing half written is left but by a sudden death; the next run works.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from credman.stores.file import FileStore
from credman.stores.testing import find_address
from tests.matrix.faults import Action, Call, Traced, find_points, trace
from tests.stores.driver import KILLED
from tests.stores.places import add, leftovers, make_vault, open_vault, vault_file

UNCONFIRMED = "saved, but the disk did not confirm it"
State = dict[str, str] | None
WAYS = ("kill", "once", "sticky", "short", "lying")

_DISK = ("EIO", "ENOSPC", "EDQUOT")
_ERRORS = {
    "openat": ("EMFILE", "EACCES", "EIO"),
    "read": ("EIO", "EINTR"),
    "pread64": ("EIO", "EINTR"),
    "close": ("EIO", "EINTR"),
    "flock": ("ENOLCK", "EINTR", "EIO"),
    "write": ("ENOSPC", "EDQUOT", "EIO", "EINTR"),
    "pwrite64": ("ENOSPC", "EIO", "EINTR"),
    "fsync": ("EIO", "ENOSPC", "EDQUOT", "EINTR"),
    "ftruncate": ("EIO", "EINTR"),
    "fchmod": ("EIO", "EPERM", "EROFS"),
    "chmod": ("EIO", "EPERM", "EROFS"),
    "newfstatat": ("EIO", "EACCES"),
    "fstat": ("EIO",),
    "unlink": ("EIO", "EACCES", "EROFS"),
    "linkat": (*_DISK, "EACCES"),
    "link": (*_DISK, "EACCES"),
    "rename": (*_DISK, "EACCES", "EXDEV"),
    "mkdir": (*_DISK, "EACCES", "EROFS"),
}
_CREATING = ("ENOSPC", "EDQUOT", "EROFS", "EMFILE", "EACCES", "EIO")
_TOO_MUCH = 1_000_000
# Two threads that derive a key of several lanes at once wait for each other for ever (OpenSSL's
# pool of threads, as cryptography 50 uses it). Only the tried processes run side by side.
_LOOKING = threading.Lock()


@dataclass(frozen=True)
class Injection:
    """What happens at one call. Args: what: in strace's words, ``error=EIO``."""

    call: Call
    way: str
    what: str

    def __str__(self) -> str:
        often = "+" if self.way == "sticky" else ""
        return f"{self.call.name}:{self.what}:when={self.call.count}{often}"


@dataclass
class Report:
    """What was tried and what came of it. Args: outcomes: how often, by way and outcome."""

    points: int
    outcomes: Counter[tuple[str, str]] = field(default_factory=Counter)

    def tried(self, way: str) -> int:
        return sum(n for (tried, _), n in self.outcomes.items() if tried == way)

    def __str__(self) -> str:
        ways = (
            f"{way} {self.tried(way)} ("
            + ", ".join(f"{n} {o}" for (w, o), n in sorted(self.outcomes.items()) if w == way)
            + ")"
            for way in WAYS
        )
        return f"{self.points} points: {'; '.join(ways)}"


def contents(home: Path) -> State:
    """Returns: the values by the name of their token; None: there is no vault, and none was."""
    store = open_vault(home)
    return read_contents(store) if store.exists() else None


def read_contents(store: FileStore) -> dict[str, str]:
    snapshot = store.snapshot()
    assert snapshot.warnings == (), snapshot.warnings
    addresses = {token.key.name: find_address(token) for token in snapshot.tokens}
    values = store.reveal(addresses.values())
    return {name: str(values[address]) for name, address in addresses.items()}


def go_on(home: Path) -> None:
    """The next run: it works, and adds to what was there."""
    store = open_vault(home)
    if store.exists():
        expected = {**read_contents(store), "later": "later"}
        add(store, "later")
    else:
        expected = {"later": "later"}
        make_vault(home, "later")
    assert contents(home) == expected


def check_backup(home: Path, before: list[bytes]) -> None:
    """The backup is the one there was, or the vault there was: whole in both cases."""
    assert read_files(home)[1:] in ([], before[1:], before[:1])


def sweep(
    place: Path,
    make_home: Callable[[Path], Path],
    action: Action,
    *,
    look: Callable[[Path], object] = contents,
    next_run: Callable[[Path], None] = go_on,
    backup_rule: Callable[[Path, list[bytes]], None] = check_backup,
    choose: Callable[[list[Call]], list[Injection]] | None = None,
) -> Report:
    """Args:
        place: an empty directory for the homes.
        make_home: makes the home that the action begins with, always the same one.
        look: says which state a home is in; raises if it is in none.
        next_run: asserts that credman works with what it finds.
        backup_rule: asserts that the backup is one of those that may be; it gets the home, and
            the vault and the backup that there were.
        choose: which injections, of the points of a usual run; all are ``each_way``.

    Raises:
        AssertionError: names every injection whose outcome breaks the rule.
    """
    action = action.with_own_byte_code(make_home(place / "first"))
    usual_home = make_home(place / "usual")
    before, old = read_files(usual_home), look(usual_home)
    usual = trace(usual_home, action)
    new = look(usual_home)
    assert usual.exit_code == 0 and old != new, usual.printed
    points = find_points(usual)
    injections = (choose or each_way)(points)
    report = Report(len(points))
    broken: list[str] = []

    def attempt(numbered: tuple[int, Injection]) -> tuple[str, str]:
        number, injection = numbered
        home = make_home(place / f"home-{number}")
        traced = trace(home, action, inject=str(injection))
        try:
            check_met(injection, traced)
            with _LOOKING:
                # The very bytes of before are the old state, and need no passphrase to be known.
                found = old if read_files(home)[:1] == before[:1] else look(home)
                check_outcome(home, injection, traced, is_old=found == old, is_new=found == new)
                backup_rule(home, before)
                age_leftovers(home)
                next_run(home)
                assert find_leftovers(home) == []
        except Exception as error:  # noqa: BLE001 - all that is broken is to be named, not the first
            broken.append(
                f"{injection} {injection.call.target}: {error!r}: {traced.printed[-300:]}"
            )
            return injection.way, "broken"
        outcome = "new" if found == new else "old"
        if found == new and traced.exit_code not in (0, KILLED):
            outcome = "new, nothing said"
        return injection.way, outcome

    with ThreadPoolExecutor(2) as pool:
        report.outcomes.update(pool.map(attempt, enumerate(injections)))
    print(f"{action.name}: {report}", flush=True)
    assert not broken, "\n".join([f"{len(broken)} of {len(injections)}:", *sorted(broken)])
    return report


def each_way(points: list[Call]) -> list[Injection]:
    """Returns: a sudden death at each call, each error that fits it once and for ever, and for
    what writes: less than it said, nothing at all, and more than there is."""
    return [
        injection
        for call in points
        for injection in itertools.chain(
            (Injection(call, "kill", "signal=KILL"),),
            (Injection(call, "once", f"error={error}") for error in find_errors(call)),
            (
                Injection(call, "sticky", f"error={error}")
                for error in find_errors(call)
                if error != "EINTR"  # a call that is always interrupted is tried for ever
            ),
            find_lies(call),
        )
    ]


def each_site(points: list[Call]) -> list[Injection]:
    """Returns: as ``each_way``, but one error at a call, and of the calls that only look each
    kind for each file once."""
    chosen: list[Call] = []
    for call in points:
        if call.changes or (call.name, call.target) not in {(c.name, c.target) for c in chosen}:
            chosen.append(call)
    return _vary(chosen)


def each_change(points: list[Call]) -> list[Injection]:
    """Returns: as ``each_site``, for the calls that change something."""
    return _vary([call for call in points if call.changes])


def _vary(calls: list[Call]) -> list[Injection]:
    # Each error has its turn: the next call of the same name fails in the next way.
    turns: Counter[str] = Counter()
    found = []
    for call in calls:
        errors = find_errors(call)
        lasting = [error for error in errors if error != "EINTR"]
        turn = turns[call.name]
        turns[call.name] += 1
        found += [
            Injection(call, "kill", "signal=KILL"),
            Injection(call, "once", f"error={errors[turn % len(errors)]}"),
            Injection(call, "sticky", f"error={lasting[turn % len(lasting)]}"),
            *find_lies(call),
        ]
    return found


def find_errors(call: Call) -> tuple[str, ...]:
    if "O_CREAT" in call.arguments:
        return _CREATING
    return _ERRORS.get(call.name, ("EIO",))


def find_lies(call: Call) -> Iterator[Injection]:
    """A call that returns what it did not do: strace skips it and makes up its result."""
    if call.name in ("write", "pwrite64"):
        yield Injection(call, "short", f"retval={call.result // 2}")
        yield Injection(call, "short", "retval=0")
        yield Injection(call, "lying", f"retval={call.result}")
        yield Injection(call, "lying", f"retval={_TOO_MUCH}")


def check_met(injection: Injection, traced: Traced) -> None:
    """The injection met the call that was meant, so the process ran as it usually does."""
    if injection.way == "kill":
        assert traced.exit_code == KILLED, "it was not killed"
        met = traced.calls[-1]
    else:
        assert traced.injected, "nothing was injected"
        met = traced.injected[0]
    assert (met.name, met.target) == (injection.call.name, injection.call.target), met


def check_outcome(
    home: Path, injection: Injection, traced: Traced, *, is_old: bool, is_new: bool
) -> None:
    assert is_old or is_new, "neither old nor new"
    assert "Traceback" not in traced.printed and "unexpected" not in traced.printed
    if traced.exit_code == KILLED:
        return
    assert find_leftovers(home) == []
    if traced.exit_code == 0:
        assert is_new, "success was said of the old one"
    elif injection.call.name != "write" or injection.way != "sticky":  # then nothing can be said
        assert is_old or UNCONFIRMED in traced.printed, "failure was said of the new one"
        assert traced.exit_code == 6, traced.exit_code


def read_files(home: Path) -> list[bytes]:
    """Returns: the vault and its backup, as far as they are there."""
    vault = vault_file(home)
    paths = (vault, vault.with_name(f"{vault.name}.bak"))
    return [path.read_bytes() for path in paths if path.exists()]


def find_leftovers(home: Path) -> list[str]:
    folders = [folder for folder in (home / "data", home / "state" / "seen") if folder.is_dir()]
    return [name for folder in folders for name in leftovers(folder)]


def age_leftovers(home: Path) -> None:
    """Makes what a killed process left as old as it has to be to be swept away."""
    for folder in (home / "data", home / "state" / "seen"):
        for name in leftovers(folder) if folder.is_dir() else ():
            os.utime(folder / name, (time.time() - 7200,) * 2)
