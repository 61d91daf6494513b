"""The record of what was told: each stage once, whatever lies in its place; nothing is lost."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from credman.core.errors import CredmanError, LockTimeout, Unavailable
from credman.core.intervals import Interval, format_instant
from credman.stores import disk
from credman.upkeep import reminding
from credman.upkeep.reminding import (
    Outcome,
    Record,
    find_pending,
    forget_reminders,
    load_record,
    note_failure,
    reminders_file,
    run_reminders,
)
from credman.watch.reminders import Reminder, id_of
from credman.watch.schedule import Due, Kind
from tests.requirements import require
from tests.watch.tokens import NOW, make_token

SHOWN = Outcome(has_reached=True, is_well=True, result="shown")
UNSEEN = Outcome(has_reached=False, is_well=True, result="nobody was there")
FAILED = Outcome(has_reached=False, is_well=False, result="the command ended with 1")
DAY = timedelta(days=1)
OTHER = 4242
STORE, ANOTHER = "0123456789ab", "0123456789abc"
"""Keys of stores, one the beginning of the other."""
DEEP = b"[" * 100_000
BEGIN = b'{"version":1,"unsent":[],"last_run":{"at":null,"result":"","well":true},"told":'


class Person:
    """Somebody who is told. Args: outcome: what comes of it; store: whose tokens they are."""

    def __init__(self, state: Path, outcome: Outcome = SHOWN, store: str = STORE) -> None:
        self.path = reminders_file(str(state))
        self.outcome = outcome
        self.store = store
        self.told: list[str] = []
        self.again: list[str] = []

    def run(self, *dues: Due, days: int = 0) -> Record:
        before = len(self.told)
        record, told = run_reminders(
            self.path, self.store, dues, NOW + days * DAY, self.tell, sends=True
        )
        written = load_record(self.path)
        assert (written.told, written.last_result) == (record.told, record.last_result)
        assert len(told) == len(self.told) - before
        return written

    def tell(self, reminders: Sequence[Reminder], again: Sequence[Reminder]) -> Outcome:
        assert reminders or again, "there was nothing to tell"
        self.told += [f"{r.title} {r.stage:%d}" for r in reminders]
        self.again += [r.id for r in again]
        return self.outcome


def make_due(days: int, version: int = 1) -> Due:
    """Args: days: until it is to be done; a day before it is reminded of."""
    at, before = NOW + days * DAY, Interval(days=1)
    reminders = ((at - DAY, before),)
    return Due(make_token("C"), Kind.ROTATION, version, NOW - 90 * DAY, at, reminders)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@contextmanager
def umask(mask: int) -> Iterator[None]:
    former = os.umask(mask)
    try:
        yield
    finally:
        os.umask(former)


def test_each_stage_is_told_once_and_written_down(tmp_path: Path) -> None:
    person = Person(tmp_path)
    assert person.run().last_result == "nothing was due"
    for day in (0, 0, 1, 1, 2, 2, 3, 30):
        record = person.run(make_due(2), days=day)
        assert (record.last_run_at, record.is_well) == (NOW + day * DAY, True)
    assert [line[-2:] for line in person.told] == ["23", "24"]
    assert record.last_result == "nothing was due"


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o777])
def test_all_files_are_the_owners_alone_whatever_the_umask_is(mask: int, tmp_path: Path) -> None:
    person = Person(tmp_path / "new" / "state", UNSEEN)
    with umask(mask):
        person.run(make_due(0))
    state = tmp_path / "new" / "state"
    names = ["reminders-pending.txt", "reminders.json", "reminders.json.lock"]
    assert sorted(file.name for file in state.iterdir()) == names
    assert {mode_of(file) for file in state.iterdir()} == {0o600}
    assert mode_of(state) == 0o700


DAMAGED = {
    "empty": b"",
    "half": b'{"version":1,"told":{"default/x',
    "a list": b"[]",
    "null": b"null",
    "no text": b"\xff\xfe\0\0",
    "nulls": bytes(4096),
    "deep": DEEP,
    "newer": b'{"version":2,"told":{"what":{"ever":1}},"last_run":{}}',
    "no last run": b'{"version":1,"told":{}}',
    "nothing of what was not sent": BEGIN.replace(b'"unsent":[],', b"") + b"{}}",
    "a number in place of what was not sent": BEGIN.replace(b"[]", b"5") + b"{}}",
    "a list in place of what was told": BEGIN + b"[]}",
    "no stage": BEGIN + b'{"x":[{}]}}',
    "no date": BEGIN + b'{"x":[{"stage":"soon","at":"2026-11-22T12:00:00Z"}]}}',
    "a number": BEGIN + b'{"x":[{"stage":1,"at":2}]}}',
    "huge": b" " * (9 << 20),
}


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_record_is_as_good_as_none_and_is_put_right(name: str, tmp_path: Path) -> None:
    person = Person(tmp_path)
    Path(person.path).write_bytes(DAMAGED[name])
    assert load_record(person.path) == Record()
    person.run(make_due(0))
    person.run(make_due(0))
    assert len(person.told) == 1
    assert json.loads(Path(person.path).read_bytes())["version"] == 1


def place_link(path: Path) -> None:
    (path.parent / "elsewhere").write_bytes(b"EXAMPLE")
    path.symlink_to("elsewhere")


def place_foreign(path: Path) -> None:
    require(os.geteuid() == 0, "only root can give a file away")
    path.write_bytes(b"EXAMPLE")
    os.chown(path, OTHER, OTHER)


PLACED: dict[str, Callable[[Path], None]] = {
    "link": place_link,
    "dangling": lambda path: path.symlink_to("nowhere"),
    "fifo": os.mkfifo,
    "foreign": place_foreign,
}


@pytest.mark.parametrize("name", ["reminders.json", "reminders-pending.txt"])
@pytest.mark.parametrize("kind", PLACED)
def test_what_else_lies_in_its_place_is_not_read_nor_written(
    name: str, kind: str, tmp_path: Path
) -> None:
    person = Person(tmp_path, UNSEEN)
    PLACED[kind](tmp_path / name)
    assert load_record(person.path) == Record()
    person.run(make_due(0))
    person.run(make_due(0))
    assert len(person.told) == 1 and len(find_pending(person.path)) == 1
    status = (tmp_path / name).lstat()
    assert stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()
    if kind == "link":
        assert (tmp_path / "elsewhere").read_bytes() == b"EXAMPLE"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("kind", [*PLACED, "directory"])
def test_without_a_lock_of_our_own_nobody_is_told(kind: str, tmp_path: Path) -> None:
    person = Person(tmp_path)
    {**PLACED, "directory": Path.mkdir}[kind](tmp_path / "reminders.json.lock")
    with pytest.raises(Unavailable):
        person.run(make_due(0))
    note_failure(person.path, NOW, "that")
    assert person.told == [] and load_record(person.path) == Record()


@pytest.mark.parametrize("name", ["reminders.json", "reminders-pending.txt"])
def test_what_cannot_be_written_down_is_an_error_and_is_told_again(
    name: str, tmp_path: Path
) -> None:
    person = Person(tmp_path, UNSEEN)
    (tmp_path / name).mkdir()
    with pytest.raises(CredmanError, match="cannot write"):
        person.run(make_due(0))
    (tmp_path / name).rmdir()
    person.run(make_due(0))
    assert len(person.told) == 2 and len(find_pending(person.path)) == 1
    assert [p.name for p in tmp_path.iterdir() if p.suffix == ".tmp"] == []


def test_what_fails_while_it_tells_is_told_again(tmp_path: Path) -> None:
    person = Person(tmp_path)

    def fail(new: Sequence[Reminder], again: Sequence[Reminder]) -> Outcome:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_reminders(person.path, STORE, [make_due(0)], NOW, fail, sends=True)
    assert load_record(person.path) == Record()
    person.run(make_due(0))
    assert len(person.told) == 1


def test_many_at_once_tell_it_once(tmp_path: Path) -> None:
    person = Person(tmp_path)

    def tell(reminders: Sequence[Reminder], again: Sequence[Reminder]) -> Outcome:
        time.sleep(0.05)  # so that the others come while it tells
        return person.tell(reminders, again)

    def run() -> None:
        run_reminders(person.path, STORE, [make_due(0)], NOW, tell, sends=True)

    runs = [threading.Thread(target=run) for _ in range(8)]
    for one in runs:
        one.start()
    for one in runs:
        one.join()
    assert len(person.told) == 1


def test_another_run_that_takes_too_long_is_not_disturbed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = Person(tmp_path)
    person.run(make_due(0))
    before = Path(person.path).read_bytes()
    monkeypatch.setattr(reminding, "_LOCK_SECONDS", 0.1)
    with disk.locked(f"{person.path}.lock"), pytest.raises(LockTimeout):
        person.run(make_due(0, version=2))
    assert len(person.told) == 1 and Path(person.path).read_bytes() == before


def test_a_run_that_came_to_nothing_is_noted_and_forgets_nothing(tmp_path: Path) -> None:
    person = Person(tmp_path)
    told = person.run(make_due(0)).told
    note_failure(person.path, NOW + DAY, "the cache is off")
    record = load_record(person.path)
    assert (record.last_run_at, record.last_result) == (NOW + DAY, "the cache is off")
    assert not record.is_well and record.told == told
    person.run(make_due(0), days=2)
    assert len(person.told) == 1


def test_what_was_told_is_forgotten_when_it_is_done_and_a_year_has_passed(tmp_path: Path) -> None:
    person = Person(tmp_path)
    old, new = make_due(0), make_due(0, version=2)
    person.run(old)
    assert len(person.run(new, days=300).told) == 2
    assert len(person.run(make_due(0, version=3), days=500).told) == 2
    assert len(person.told) == 3


def test_all_of_it_can_be_taken_away(tmp_path: Path) -> None:
    person = Person(tmp_path, UNSEEN)
    person.run(make_due(0))
    (tmp_path / "cache.json").write_text("{}")
    assert len(forget_reminders(person.path)) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache.json", "home"]
    assert forget_reminders(person.path) == []


def test_what_is_written_down(tmp_path: Path) -> None:
    person = Person(tmp_path)
    person.run(make_due(0))
    written = json.loads(Path(person.path).read_bytes())
    last = {"at": format_instant(NOW), "result": "1 reminder: shown", "well": True}
    assert (written["version"], written["last_run"]) == (1, last)
    told = {"stage": format_instant(NOW), "at": format_instant(NOW)}
    assert written["told"] == {f"{STORE} {id_of(make_due(0))}": [told]}
