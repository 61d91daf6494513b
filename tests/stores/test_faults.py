"""What is left when a system call fails or the process dies at it: the old vault or the new one.

strace makes real calls of a real process fail, one at a time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.requirements import require, require_program
from tests.stores.driver import KILLED, drive
from tests.stores.places import add, leftovers, make_vault, names, open_vault, vault_file

CALLS = (
    "flock",
    "ftruncate",
    "pwrite64",
    "fchmod",
    "write",
    "fsync",
    "link",
    "linkat",
    "rename",
    "renameat",
    "renameat2",
)
_ONLY_A_NOTE = ("ftruncate", "pwrite64")  # the holder's number in the lock file
_LINE = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (\S+)(.*)")


@dataclass(frozen=True)
class Call:
    """One system call, and the how-manieth of its kind it was in its process."""

    name: str
    arguments: str
    count: int


@dataclass(frozen=True)
class Traced:
    exit_code: int
    printed: str
    calls: tuple[Call, ...]
    injected: int

    def index(self, name: str, what: str) -> int:
        """Returns: the place of the first call of this kind whose arguments match ``what``."""
        return next(
            i
            for i, call in enumerate(self.calls)
            if call.name.startswith(name) and re.search(what, call.arguments)
        )


def trace(home: Path, *action: str, inject: str = "") -> Traced:
    """Runs the driver under strace. Args: inject for strace: ``fsync:error=EIO:when=1``."""
    log = home.parent / f"{home.name}.strace"
    wanted = ",".join(f"?{call}" for call in CALLS)
    prefix = [require_program("strace"), "-y", "-qq", "-o", str(log), "-e", f"trace={wanted}"]
    if "signal=" not in inject:
        prefix += ["-f", "--seccomp-bpf"]  # faster, but then no signal is delivered
    if inject:
        prefix += ["-e", f"inject={inject}"]
    code, printed = drive(home, *action, prefix=prefix)
    text = log.read_text() if log.exists() else ""
    require("(" in text, "strace may not trace here")
    calls: list[Call] = []
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is not None:
            count = 1 + sum(call.name == match[1] for call in calls)
            calls.append(Call(match[1], match[2], count))
    return Traced(code, printed, tuple(calls), text.count("(INJECTED)"))


def make_home(place: Path) -> Path:
    make_vault(place, "older", "old")
    return place


def injections(calls: Sequence[Call]) -> list[str]:
    """Returns: a failure and a sudden death at each call that writes the vault or its record."""
    found = []
    for call in calls:
        if "pipe:" not in call.arguments:
            error = "ENOSPC" if call.name == "write" else "EIO"
            found.append(f"{call.name}:error={error}:when={call.count}")
            if call.name not in _ONLY_A_NOTE:
                found.append(f"{call.name}:signal=KILL:when={call.count}")
    return found


def check_whole(home: Path, traced: Traced) -> None:
    """The vault is the old or the new one, its backup is whole, and the next write works."""
    store = open_vault(home)
    found = names(store)
    assert found in ({"older", "old"}, {"older", "old", "new"})
    assert store.snapshot().warnings == ()
    assert names(open_vault(home, f"{store.path}.bak")) in ({"older"}, {"older", "old"})
    if traced.exit_code == 0:
        assert "new" in found
    elif traced.exit_code != KILLED:
        assert "new" not in found, traced.printed
        assert traced.printed.startswith("unavailable: cannot "), traced.printed
    if traced.exit_code != KILLED:
        assert leftovers(home / "data") == leftovers(home / "state" / "seen") == []
    add(store, "later")
    assert names(open_vault(home)) == found | {"later"}
    assert names(open_vault(home, f"{store.path}.bak")) == found


def test_a_write_reaches_the_disk_in_order(tmp_path: Path) -> None:
    traced = trace(make_home(tmp_path / "place"), "add", "new")
    assert traced.printed == "ok"
    in_order = [
        traced.index("flock", r"vault\.lock.*LOCK_EX"),
        traced.index("write", r"\.vault\.age\.\w+\.tmp"),
        traced.index("fsync", r"\.vault\.age\.\w+\.tmp"),
        traced.index("link", r"vault\.age\W.*\.tmp"),
        traced.index("rename", r"vault\.age\.bak"),
        traced.index("rename", r"vault\.age\"$|vault\.age\", (?!.*bak)"),
        traced.index("fsync", r"/data>"),
        traced.index("write", r"/seen/.*\.tmp"),
        traced.index("fsync", r"/seen/.*\.tmp"),
        traced.index("rename", r"/seen/"),
    ]
    assert in_order == sorted(in_order)


def test_old_or_new_whatever_fails_wherever_it_dies(tmp_path: Path) -> None:
    usual = trace(make_home(tmp_path / "usual"), "add", "new")
    tried = injections(usual.calls)
    assert len(tried) >= 20

    def attempt(number: int) -> None:
        home = make_home(tmp_path / f"home-{number}")
        traced = trace(home, "add", "new", inject=tried[number])
        assert traced.injected or traced.exit_code == KILLED, tried[number]
        try:
            check_whole(home, traced)
        except AssertionError as error:
            raise AssertionError(f"after {tried[number]}: {error}") from error

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(attempt, range(len(tried))))


@pytest.mark.parametrize(
    ("inject", "message"),
    [
        ("fsync:error=EIO:when=1", "unavailable: cannot write {vault}: input/output error"),
        ("write:error=ENOSPC:when=1", "unavailable: cannot write {vault}: no space left on device"),
        ("write:error=EDQUOT:when=1", "unavailable: cannot write {vault}: disk quota exceeded"),
        (
            "rename:error=EXDEV:when=2",
            "unavailable: cannot write {vault}: invalid cross-device link",
        ),
        ("flock:error=ENOLCK:when=1", "unavailable: cannot lock {lock}: no locks available"),
        # A disk that lies: it says that all was written, and wrote nothing.
        ("write:retval=1000000:when=1", "unavailable: cannot write {vault}: what was read back"),
        ("write:retval=0:when=1", "unavailable: cannot write {vault}: input/output error"),
    ],
)
def test_a_failure_is_named_and_changes_nothing(tmp_path: Path, inject: str, message: str) -> None:
    home = make_home(tmp_path / "place")
    before = vault_file(home).read_bytes()
    traced = trace(home, "add", "new", inject=inject)
    names_of_files = {"vault": vault_file(home), "lock": vault_file(home).with_suffix(".lock")}
    assert traced.printed.startswith(message.format(**names_of_files))
    assert traced.exit_code == 6
    assert vault_file(home).read_bytes() == before
    check_whole(home, traced)


def test_short_writes_go_on_until_all_is_written(tmp_path: Path) -> None:
    # Half of the data is a lie here, so reading back finds it out; the loop went on for the rest.
    home = make_home(tmp_path / "place")
    traced = trace(home, "add", "new", inject="write:retval=100:when=1")
    rest = [c for c in traced.calls if c.name == "write" and "vault.age" in c.arguments]
    assert len(rest) == 2
    assert "what was read back differs" in traced.printed
    check_whole(home, traced)


@pytest.mark.parametrize("error", ["EPERM", "EOPNOTSUPP", "EMLINK"])
def test_without_hard_links_the_backup_is_a_copy(tmp_path: Path, error: str) -> None:
    home = make_home(tmp_path / "place")
    traced = trace(home, "add", "new", inject=f"?link,?linkat:error={error}")
    assert (traced.printed, traced.injected) == ("ok", 1)
    backup = vault_file(home).with_name("vault.age.bak")
    assert backup.stat().st_mode & 0o777 == 0o600
    check_whole(home, traced)


def test_a_directory_that_cannot_be_synced_is_a_warning_not_a_failure(tmp_path: Path) -> None:
    home = make_home(tmp_path / "place")
    traced = trace(home, "add", "new", inject="fsync:error=EIO:when=2")
    assert (traced.printed, traced.injected) == ("ok", 1)
    assert "new" in names(open_vault(home))


def test_a_failed_record_of_what_was_seen_does_not_undo_the_write(tmp_path: Path) -> None:
    home = make_home(tmp_path / "place")
    traced = trace(home, "add", "new", inject="write:error=ENOSPC:when=2")
    assert (traced.printed, traced.injected) == ("ok", 1)
    check_whole(home, traced)


def test_creating_fails_without_a_trace_of_a_vault(tmp_path: Path) -> None:
    home = tmp_path / "place"
    traced = trace(home, "create", inject="fsync:error=EIO:when=1")
    assert traced.exit_code == 6
    assert not open_vault(home).exists()
    assert leftovers(home / "data") == []
    make_vault(home, "works")
