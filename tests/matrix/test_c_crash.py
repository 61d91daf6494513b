"""Rows C01 to C04, C08 and C29: a process dies, or a system call fails or lies, wherever it may.

The quick sweeps run the session's methods in a small process, and try each call that changes
something: a sudden death in every action, what fails or lies where a vault is made and where one is
written anew. ``make test-deep`` tries the other actions, which write in the same way, the calls
that only look, and every call with every error through the command line.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.matrix.faults import Action, Call, copy_home, driven, trace, typed
from tests.matrix.sweep import (
    WAYS,
    Injection,
    Report,
    contents,
    each_change,
    each_site,
    each_way,
    find_leftovers,
    go_on,
    sweep,
)
from tests.stores import driver
from tests.stores.places import leftovers, make_vault, vault_file

DRIVEN = {
    "create": driven("create"),
    "add": driven("add", "new"),
    "replace": driven("replace", "old", "newer"),
    "remove": driven("remove", "old"),
}
TYPED = {
    "create": typed("init"),
    "add": typed("add", "new", stdin=b"new"),
    "replace": typed("add", "old", "--replace", stdin=b"newer"),
    "remove": typed("remove", "old", "--yes"),
}
MAKING_AND_WRITING = [
    *("create", "replace"),
    *(pytest.param(name, marks=pytest.mark.deep) for name in ("add", "remove")),
]
OLD = {"older": "older", "old": "old"}


def make_maker(tmp_path: Path, action: str) -> Callable[[Path], Path]:
    """Returns: what makes the home that an action begins with."""
    if action == "create":
        return lambda home: home
    template = tmp_path / "template"
    make_vault(template, *OLD)
    return lambda home: copy_home(template, home)


def sweep_by(
    tmp_path: Path,
    name: str,
    *ways: str,
    least: int,
    tried: Callable[[list[Call]], list[Injection]] = each_change,
) -> Report:
    def choose(points: list[Call]) -> list[Injection]:
        return [injection for injection in tried(points) if injection.way in ways]

    place = tmp_path / "homes"
    place.mkdir()
    report = sweep(place, make_maker(tmp_path, name), DRIVEN[name], choose=choose)
    assert sum(report.tried(way) for way in ways) >= least
    for way in ways:  # a sweep that never sees the one or the other looks at the wrong calls
        assert report.outcomes[way, "old"] and report.outcomes[way, "new"]
    return report


@pytest.mark.parametrize("action", DRIVEN)
def test_c01_killed_at_any_call_it_is_old_or_new(tmp_path: Path, action: str) -> None:
    sweep_by(tmp_path, action, "kill", least=20)


@pytest.mark.parametrize("action", MAKING_AND_WRITING)
def test_c02_whatever_fails_once_it_is_old_or_new(tmp_path: Path, action: str) -> None:
    sweep_by(tmp_path, action, "once", least=20)


@pytest.mark.parametrize("action", MAKING_AND_WRITING)
def test_c03_whatever_fails_from_then_on_it_is_old_or_new(tmp_path: Path, action: str) -> None:
    sweep_by(tmp_path, action, "sticky", least=20)


@pytest.mark.parametrize("action", MAKING_AND_WRITING)
def test_c04_writes_that_are_short_or_lie_change_nothing(tmp_path: Path, action: str) -> None:
    sweep_by(tmp_path, action, "short", "lying", least=12)


def test_c04_a_write_in_small_pieces_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, pieces = os.write, []

    def write_a_little(descriptor: int, data: bytes) -> int:
        pieces.append(write(descriptor, data[:100]))
        return pieces[-1]

    monkeypatch.setattr(os, "write", write_a_little)
    make_vault(tmp_path, *OLD)
    assert set(pieces) >= {100} and len(pieces) > 100
    assert contents(tmp_path) == OLD


@pytest.mark.deep
@pytest.mark.parametrize("way", ["kill", "once", "sticky"])
@pytest.mark.parametrize("action", ["create", "add"])  # the others look at the same
def test_c01_to_c03_at_the_calls_that_only_look(tmp_path: Path, action: str, way: str) -> None:
    sweep_by(tmp_path, action, way, least=30, tried=each_site)


@pytest.mark.deep
@pytest.mark.parametrize("action", TYPED)
def test_c01_to_c04_through_the_command_line(tmp_path: Path, action: str) -> None:
    report = sweep(tmp_path, make_maker(tmp_path, action), TYPED[action], choose=each_way)
    assert min(report.tried(way) for way in WAYS) >= 6


def test_c01_a_temporary_file_of_a_killed_process_goes_away_in_time(tmp_path: Path) -> None:
    home = tmp_path / "place"
    make_vault(home, *OLD)
    killed = trace(home, driven("add", "new"), inject="rename:signal=KILL:when=2")
    assert killed.exit_code == driver.KILLED
    (left,) = leftovers(home / "data")
    go_on(home)
    assert leftovers(home / "data") == [left]  # it may belong to one that still runs elsewhere
    os.utime(home / "data" / left, (0, 0))
    assert driver.drive(home, "add", "another") == (0, "ok")
    assert find_leftovers(home) == []


@pytest.mark.parametrize("action", DRIVEN)
@pytest.mark.parametrize("way", [DRIVEN, TYPED], ids=["driven", "typed"])
def test_c08_what_is_written_is_on_the_disk_before_its_name_is(
    tmp_path: Path, action: str, way: dict[str, Action]
) -> None:
    home = make_maker(tmp_path, action)(tmp_path / "place")
    traced = trace(
        home, way[action], calls=("openat", "write", "fsync", "link", "linkat", "rename")
    )
    assert traced.exit_code == 0, traced.printed
    order = [
        traced.index("openat", r"vault\.lock"),
        traced.index("openat", r"\.vault\.age\.\w+\.tmp.*O_EXCL"),
        traced.index("write", r"\.vault\.age\.\w+\.tmp"),
        traced.index("fsync", r"\.vault\.age\.\w+\.tmp"),
        traced.index("openat", r"\.vault\.age\.\w+\.tmp.*O_RDONLY"),
        traced.index("rename", r"vault\.age\"$"),
        traced.index("fsync", r"/data>"),
        traced.index("write", r"/seen/.*\.tmp"),
        traced.index("fsync", r"/seen/.*\.tmp"),
        traced.index("rename", r"/seen/"),
        traced.index("fsync", r"/seen>"),
    ]
    assert order == sorted(order)
    if action != "create":
        backup = [traced.index("link", r"vault\.age\W"), traced.index("rename", r"vault\.age\.bak")]
        assert order[4] < backup[0] < backup[1] < order[5]


@pytest.mark.parametrize("action", DRIVEN)
def test_c29_without_locks_nothing_is_written(tmp_path: Path, action: str) -> None:
    home = make_maker(tmp_path, action)(tmp_path / "place")
    before = contents(home)
    traced = trace(home, DRIVEN[action], inject="flock:error=ENOLCK:when=1+")
    lock = vault_file(home).with_suffix(".lock")
    assert traced.printed == f"unavailable: cannot lock {lock}: no locks available"
    assert (traced.exit_code, len(traced.injected)) == (6, 1)
    assert contents(home) == before
    go_on(home)
