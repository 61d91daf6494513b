"""Going on with what lies there, although something else was seen there last."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.stores.machines import Machine, make_pair
from tests.stores.places import find_seen, make_vault


def put_older_back(ana: Machine, ben: Machine) -> None:
    ana.receive(ben)  # from before the last write of ana


def put_fork(ana: Machine, ben: Machine) -> None:
    ben.write("ben-1", "ben-2")
    ana.receive(ben)


def put_other(ana: Machine, ben: Machine) -> None:
    make_vault(ana.home.with_name("other"), "base", "common")
    ana.receive(Machine(ana.home.with_name("other")))


def put_damaged_record(ana: Machine, ben: Machine) -> None:
    find_seen(ana.home).write_bytes(b"{")


DOUBTS = {
    "an older copy": put_older_back,
    "does not descend": put_fork,
    "another vault": put_other,
    "last seen is damaged": put_damaged_record,
}


@pytest.mark.parametrize("words", DOUBTS)
def test_accepting_makes_what_lies_there_the_one_that_counts(tmp_path: Path, words: str) -> None:
    ana, ben = make_pair(tmp_path)
    ana.write("last")
    DOUBTS[words](ana, ben)
    lay_there, before = ana.names(), ana.vault.read_bytes()
    store = ana.open()
    (warning,) = store.snapshot().warnings
    assert words in warning
    store.accept()
    assert ana.names() == lay_there == ana.unsure()
    assert ana.warnings() == () and ana.backup.read_bytes() == before
    ana.write("base")
    assert ana.unsure() == lay_there - {"base"}  # a new value is a sure one
