"""What reached nobody, or only one of two stores' people: kept by its id, and said as it is now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from credman.upkeep.reminding import (
    find_pending,
    forget_pending,
    load_record,
    note_failure,
)
from credman.watch.reminders import find_reminders, id_of
from credman.watch.schedule import Due, Kind
from tests.upkeep.test_reminding import ANOTHER, DAY, FAILED, SHOWN, STORE, UNSEEN, Person, make_due
from tests.watch.tokens import NOW


def in_words(ids: Sequence[str], dues: Sequence[Due], now: datetime) -> list[str]:
    return [reminder.line for reminder in find_reminders(ids, dues, now)]


def make_dead(days: int, version: int = 1) -> Due:
    """Args: days: until it was noticed last that its value is dead."""
    return replace(make_due(days, version), kind=Kind.REPLACEMENT, reminders=())


def test_what_nobody_saw_is_kept_until_it_is_forgotten(tmp_path: Path) -> None:
    person = Person(tmp_path, UNSEEN)
    first, second, third = (make_due(2, version=number) for number in (1, 2, 3))
    assert person.run(first, days=1).pending == find_pending(person.path) != ()
    person.run(first, days=2)
    assert find_pending(person.path, STORE) == (id_of(first),)  # two stages of one thing
    person.outcome = FAILED
    record = person.run(second, days=2)
    assert (record.is_well, record.last_result) == (False, "1 reminder: the command ended with 1")
    kept = find_pending(person.path, STORE)
    assert sorted(kept) == sorted((id_of(first), id_of(second)))
    person.outcome = SHOWN
    person.run(third, days=2)
    assert find_pending(person.path, STORE) == kept  # only what was not shown
    forget_pending(person.path, STORE)
    assert find_pending(person.path) == () == load_record(person.path).pending
    assert not (tmp_path / "reminders-pending.txt").exists()
    with pytest.raises(FileNotFoundError):
        forget_pending(person.path, STORE)


def test_what_could_not_be_sent_is_sent_again_until_it_is_done(tmp_path: Path) -> None:
    person = Person(tmp_path, FAILED)
    first, second, third = (make_due(2, version=number) for number in (1, 2, 3))
    person.run(first, second, days=2)
    record = person.run(first, second, days=2)
    assert len(person.told) == 2 and sorted(person.again) == sorted(map(id_of, (first, second)))
    assert record.last_result == "2 reminders: the command ended with 1"
    note_failure(person.path, NOW + 2 * DAY, "the cache is off")
    Person(tmp_path, SHOWN, ANOTHER).run(third, days=2)  # who is not asked to send it
    person.again, person.outcome = [], SHOWN
    record = person.run(second, third, days=2)  # the first is done
    assert person.again == [id_of(second)] and len(person.told) == 3
    assert (record.last_result, record.unsent) == ("2 reminders: shown", ())
    assert person.run(second, third, days=2).last_result == "nothing was due"


def test_two_stores_with_tokens_of_one_name_are_told_of_each(tmp_path: Path) -> None:
    people = [Person(tmp_path, UNSEEN, store) for store in (STORE, ANOTHER)]
    for _ in range(2):
        for person in people:
            person.run(make_due(0))
    assert [len(person.told) for person in people] == [1, 1]
    path, kept = people[0].path, (id_of(make_due(0)),)
    assert [find_pending(path, store) for store in (STORE, ANOTHER)] == [kept, kept]
    forget_pending(path, STORE)
    assert [find_pending(path, store) for store in (STORE, ANOTHER)] == [(), kept]
    forget_pending(path, STORE)  # nothing of it is there
    assert find_pending(path, ANOTHER) == kept
    people[0].run(make_due(0, version=2), days=500)  # long ago, and not among its own
    assert people[1].run(make_due(0), days=500) and len(people[1].told) == 1


def test_what_nobody_saw_is_no_more_than_what_is_still_to_be_done(tmp_path: Path) -> None:
    person = Person(tmp_path, UNSEEN)
    person.run(make_due(2), days=1)
    person.run(make_due(2), days=2)
    kept = find_pending(person.path, STORE)
    assert kept == (id_of(make_due(2)),)
    at = NOW + 100 * DAY
    assert in_words(kept, [make_due(2)], at) == [
        "rotate api: overdue for 98 days: credman rotate api"
    ]
    assert in_words(kept, [make_due(2, version=2)], at) == []  # it was rotated
    assert in_words(kept, [make_due(300)], at) == []  # it has another date
    assert in_words(kept, [], at) == []


def test_a_dead_value_is_told_once_however_often_it_is_checked(tmp_path: Path) -> None:
    person = Person(tmp_path, UNSEEN)
    for day in (0, 1, 2, 30, 300, 600):
        person.run(make_dead(day), days=day)
    assert len(person.told) == 1 and len(find_pending(person.path)) == 1
    person.run(make_dead(600, version=2), days=600)
    assert len(person.told) == 2


def test_of_what_nobody_saw_all_is_kept_the_latest_first(tmp_path: Path) -> None:
    person = Person(tmp_path, UNSEEN)
    for number in range(60):
        person.run(make_due(0, version=number), days=number)
    latest = tuple(id_of(make_due(0, version=number)) for number in reversed(range(60)))
    assert find_pending(person.path, STORE) == latest


def test_of_a_line_that_nobody_understands_nothing_is_said(tmp_path: Path) -> None:
    person = Person(tmp_path, UNSEEN)
    odd = b"a \x1b]0;b\x07 \xff\n\n" + STORE.encode() + b"\n" + STORE.encode() + b" \x1b[31m\n"
    (tmp_path / "reminders-pending.txt").write_bytes(odd)
    person.run(make_due(0))
    kept = find_pending(person.path, STORE)
    assert in_words(kept, [make_due(0)], NOW) == [
        "rotate api: overdue since today: credman rotate api"
    ]
