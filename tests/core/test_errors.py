"""The exception tree is what its own drawing says, and every class can be told from the others."""

from __future__ import annotations

import re

import pytest

from credman.core import errors
from credman.core.errors import CredmanError

CLASSES: dict[str, type[CredmanError]] = {
    name: thing
    for name, thing in vars(errors).items()
    if isinstance(thing, type) and issubclass(thing, CredmanError)
}
_ROW = re.compile(r"^    ([│ ]*)(?:[├└]── )?(\w+) +(\d+)(?:  .*)?$", re.MULTILINE)


def drawn() -> dict[str, tuple[str | None, int]]:
    """Returns: of each class in the drawing its parent and its exit code."""
    found: dict[str, tuple[str | None, int]] = {}
    above: list[tuple[int, str]] = []
    for line in (errors.__doc__ or "").splitlines():
        match = _ROW.match(line)
        if match is None:
            continue
        depth = match.start(2)
        while above and above[-1][0] >= depth:
            above.pop()
        found[match[2]] = (above[-1][1] if above else None, int(match[3]))
        above.append((depth, match[2]))
    return found


def test_the_drawing_shows_every_class() -> None:
    assert len(drawn()) > 20
    assert drawn().keys() == CLASSES.keys()


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_stands_where_it_is_drawn(name: str) -> None:
    parent, exit_code = drawn()[name]
    kind = CLASSES[name]
    assert kind.exit_code == exit_code
    assert kind.__base__ is (Exception if parent is None else CLASSES[parent])


def test_every_class_has_a_kind_of_its_own() -> None:
    own = {name: kind.__dict__.get("kind") for name, kind in CLASSES.items()}
    assert all(own.values())
    assert len(set(own.values())) == len(own)
    assert all(re.fullmatch(r"[a-z_]+", str(kind)) for kind in own.values())


@pytest.mark.parametrize("name", sorted(CLASSES.keys() - {"MissingExtra"}))
def test_message_and_hint_are_kept(name: str) -> None:
    error = CLASSES[name]("what happened", hint="what to do")
    assert (error.message, error.hint) == ("what happened", "what to do")
    assert str(error) == "what happened"
    assert CLASSES[name]("what happened").hint == ""


def test_a_missing_extra_says_what_is_missing_and_no_hint_of_its_own() -> None:
    error = errors.MissingExtra("the library of AWS", "aws")
    assert (error.message, error.hint) == ("the library of AWS is not installed", "")
    assert error.extra == "aws"


def test_exit_codes_are_those_that_scripts_may_rely_on() -> None:
    assert {kind.exit_code for kind in CLASSES.values()} == {1, 2, 3, 4, 5, 6, 7, 130}
