"""Several that change one name at once, and whether some order of them explains what came of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

from credman.core.config import Config
from credman.core.errors import NameTaken, NotFound, Refused
from credman.core.model import Field
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from credman.stores.additions import NewToken
from tests.stores.places import open_vault


class Rival:
    """One of several that change the same name at once, each with a session of its own."""

    def __init__(self, place: Path, action: str, value: str) -> None:
        self.action, self.value = action, value
        self.session = Session(open_vault(place), Config(), Selection())
        self.session.snapshot()  # so that all begin with what was there

    def act(self) -> str:
        try:
            if self.action == "remove":
                self.session.remove("name")
            else:
                new = NewToken("name", (Field("NAME", ("NAME",)),), replace=self.action != "add")
                self.session.add(new, {"NAME": Secret(self.value)})
        except NameTaken:
            return "taken"
        except NotFound:
            return "absent"
        except Refused:
            return "refused"  # it was changed after it had been looked at, and nothing was done
        return "done"


def explain(first: str | None, rivals: tuple[tuple[str, str, str], ...]) -> str | None:
    """Returns: the value after these acts in this order. Raises LookupError: they cannot be so."""
    value = first
    for action, new, outcome in rivals:
        if outcome == "refused" and action == "remove":
            continue
        match action, value is None:
            case ("add", False):
                expected, after = "taken", value
            case ("remove", True):
                expected, after = "absent", None
            case ("remove", False):
                expected, after = "done", None
            case _:
                expected, after = "done", new
        if outcome != expected:
            raise LookupError
        value = after
    return value


def orders(
    first: str | None, rivals: list[tuple[str, str, str]]
) -> Iterator[tuple[tuple[tuple[str, str, str], ...], str | None]]:
    for order in itertools.permutations(rivals):
        try:
            yield order, explain(first, order)
        except LookupError:
            continue
