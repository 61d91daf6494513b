"""``doctor`` with stores of other kinds, which a plug-in brings."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from credman.stores.base import ENTRY_POINT_GROUP
from tests.cli.harness import make_vault
from tests.cli.keyed import vault
from tests.cli.test_doctor import doctor

EXAMPLE = """
from credman.core.errors import Locked, PayloadDamaged, Unavailable
from credman.stores.base import Creation
from credman.stores.capabilities import Fact
from credman.stores.memory import MemoryStore

class ExampleStore(MemoryStore):
    def __init__(self, rest, surroundings):
        super().__init__()
        self.rest = rest
        if rest:
            self.create(Creation(None))

    def describe(self):
        return {"kind": "example", "place": "nowhere", "journal": f"{__file__}.journal"}

    def snapshot(self):
        if self.rest == "locked":
            raise Locked("it is locked", hint="unlock it")
        if self.rest == "away":
            raise Unavailable("it is away", hint="wait")
        if self.rest == "damaged":
            raise PayloadDamaged("it is damaged")
        return super().snapshot()

    def examine(self):
        return [Fact("items", "two of them"), Fact("a long label", "one is lost", True, "find it")]
"""


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str = EXAMPLE) -> None:
    """Installs a plug-in with a store, as pip would leave it."""
    made = folder / "doctors_example-1.0.dist-info"
    made.mkdir(parents=True)
    (made / "METADATA").write_text("Metadata-Version: 2.1\nName: doctors-example\nVersion: 1.0\n")
    entry = f"[{ENTRY_POINT_GROUP}]\nexample = doctors_example:ExampleStore\n"
    (made / "entry_points.txt").write_text(entry)
    (folder / "doctors_example.py").write_text(text)
    monkeypatch.syspath_prepend(str(folder))
    monkeypatch.delitem(sys.modules, "doctors_example", raising=False)


@pytest.mark.parametrize(
    ("rest", "code", "said"),
    [
        ("", 0, "             there is no store yet\n"),
        ("locked", 4, "!            not opened: it is locked\n             unlock it\n"),
        ("away", 8, "!            not opened: it is away\n             wait\n"),
        ("damaged", 8, "!            not opened: it is damaged\n"),
        (
            "made",
            8,
            "  items        two of them\n! a long label one is lost\n               find it\n",
        ),
    ],
)
def test_a_store_of_another_kind(
    rest: str, code: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path / "site", monkeypatch)
    outcome = doctor("--store", f"example:{rest}")
    assert outcome.exit_code == code
    lines = outcome.text.splitlines()
    (line,) = [n for n, text in enumerate(lines) if text.startswith("  store")]
    assert lines[line].endswith(" kind example") and lines[line + 1].strip() == "place nowhere"
    assert said in outcome.text
    assert ("0 tokens\n" in outcome.text) == (rest == "made")


def test_the_files_that_a_store_names_are_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch)
    assert doctor("--store", "example:").exit_code == 0
    journal = tmp_path / "doctors_example.py.journal"
    journal.touch()
    journal.chmod(0o604)
    outcome = doctor("--store", "example:")
    assert outcome.exit_code == 8
    assert f"0604 {journal}: other users may open it\n" in outcome.text


def test_a_plug_in_that_is_broken_hides_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_vault()
    install(tmp_path / "site", monkeypatch, text="import nothing_of_this_name\n")
    outcome = doctor(environ={"CREDMAN_STORE": "example:"})
    assert outcome.exit_code == 6
    assert "! store      the store example: cannot be loaded" in outcome.text
    assert f"0600 {vault()}\n" in outcome.text
