"""``rename``: another name, and nothing else."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from credman.core import names
from credman.core.config import Config
from credman.core.errors import NotFound
from credman.core.model import Field
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from credman.stores.additions import NewToken
from credman.stores.base import Creation
from credman.stores.memory import MemoryStore
from tests.cli.harness import credman, make_value, make_vault


def facts(name: str, *more: str) -> dict[str, Any]:
    outcome = credman("show", name, "--json", *more)
    assert outcome.exit_code == 0, outcome.stderr
    found: dict[str, Any] = json.loads(outcome.text)["token"]
    return found


def read_vault() -> bytes:
    return Path(os.environ["CREDMAN_HOME"], "data", "vault.age").read_bytes()


def test_versions_values_schedule_and_note_stay() -> None:
    make_vault()
    more = ("--note", "mine", "--rotate-every", "90d", "--expires", "2031-01-02")
    credman("add", "keys", "--field", "A", "--field", "B", *more, stdin=b"A=first\nB=other")
    credman("add", "keys", "--replace", "--no-check", stdin=b"A=second\nB=other")
    before = facts("keys")
    outcome = credman("rename", "keys", "cloud")
    assert outcome.exit_code == 0
    said = "renamed keys to cloud in environment default; it still sets A, B\n"
    assert (outcome.stderr, outcome.stdout) == (said, b"")
    after = facts("cloud")
    assert after == {**before, "name": "cloud"}
    assert len(after["versions"]) == 2 and after["note"] == "mine" and after["rotate_every"]
    assert credman("get", "cloud", "--field", "A").text == "second"
    assert credman("get", "keys", "--field", "A").exit_code == 3


def test_case_alone_can_change() -> None:
    make_vault()
    assert credman("rename", "HF", "Hf").stderr.startswith("renamed hf to Hf in environment")
    assert facts("hf")["name"] == "Hf"
    assert credman("get", "hf").text == make_value()


def test_only_the_one_of_this_environment_and_profile() -> None:
    make_vault()
    for place in (["-e", "prod"], ["-p", "work"]):
        credman("add", "hf", "--no-check", *place, stdin=b"own")
    credman("rename", "hf", "other", "-e", "prod")
    assert credman("get", "other", "-e", "prod").text == "own"
    assert credman("get", "hf").text == make_value()
    assert credman("get", "hf", "-p", "work").text == "own"


def test_a_name_that_another_environment_has_is_free() -> None:
    make_vault()
    credman("add", "mine", "--var", "MINE", "-e", "prod", stdin=b"own")
    assert credman("rename", "mine", "hf", "-e", "prod").exit_code == 0
    assert credman("get", "hf", "-e", "prod").text == "own"
    assert credman("get", "hf").text == make_value()


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("hf", "other"), 7, "there is a token named other in environment default"),
        (("hf", "OTHER"), 7, "there is a token named other in environment default"),
        (("hf", "hf"), 7, "hf is its name already"),
        (("hf", "a b"), 2, "this is not a name for a token"),
        (("hf", "../x"), 2, "this is not a name for a token"),
        (("hf", ""), 2, "this is not a name for a token"),
        (("hff", "new"), 3, "no token named hff in environment default"),
        (("hf", "new", "-e", "prod"), 3, "hf is inherited: environment prod has none of its own"),
        (("hf", "new", "-e", "prdo"), 3, "no environment named prdo"),
        (("hf",), 2, "NEW is missing"),
        (("hf", "new", "more"), 2, "there are more arguments than this command takes"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_refusals_change_nothing(argv: tuple[str, ...], code: int, said: str) -> None:
    make_vault()
    credman("add", "other", stdin=b"v")
    before = read_vault()
    outcome = credman("rename", *argv)
    assert outcome.exit_code == code
    assert outcome.stderr.startswith(f"credman: error: {said}")
    assert read_vault() == before


@pytest.mark.parametrize("value", [make_value(), "0123456789abcdef0a1b2c3d" * 2])
@pytest.mark.parametrize("argv", [("hf", "VALUE"), ("VALUE", "new")], ids=" ".join)
def test_a_token_is_no_name(argv: tuple[str, ...], value: str) -> None:
    make_vault()
    outcome = credman("rename", *(word.replace("VALUE", value) for word in argv))
    assert outcome.exit_code == 2 and value not in outcome.stderr
    assert "that looks like a token itself" in outcome.stderr
    assert value not in credman("list", "--all").text


def test_a_token_whose_variable_is_refused_by_now_can_be_renamed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_vault()
    credman("add", "old", "--var", "ALLOWED_ONCE", stdin=b"v")
    monkeypatch.setattr(names, "_DENIED_EXACT", frozenset({"ALLOWED_ONCE"}))
    assert credman("env").exit_code == 2
    assert credman("rename", "old", "new").exit_code == 0
    assert credman("get", "new").text == "v"


class MeddlingStore(MemoryStore):
    """Somebody else commits between the first look and the first commit."""

    def __init__(self) -> None:
        super().__init__()
        self.create(Creation(Secret("EXAMPLE passphrase")))
        self.meddle: list[Any] = []

    def commit(self, *args: Any, **kwargs: Any) -> Any:
        if self.meddle:
            self.meddle.pop()()
        return super().commit(*args, **kwargs)


def open_session(store: MemoryStore) -> Session:
    return Session(store, Config(), Selection())


def add(store: MemoryStore, value: str, *, replace: bool = False) -> None:
    new = NewToken("api", (Field("API", ("API",)),), replace=replace)
    open_session(store).add(new, {"API": Secret(value)})


def test_a_session_reaches_no_inherited_one_either() -> None:
    store = MeddlingStore()
    add(store, "first")
    with pytest.raises(NotFound, match="api is inherited"):
        Session(store, Config(), Selection("prod")).rename("api", "new")


def test_a_version_that_somebody_added_meanwhile_goes_along() -> None:
    store = MeddlingStore()
    add(store, "first")
    store.meddle = [lambda: add(store, "second", replace=True)]
    open_session(store).rename("api", "new")
    session = open_session(store)
    assert [t.key.name for t in session.snapshot().tokens] == ["new"]
    assert session.values(session.token("new")) == {"API": "second"}
    assert len(session.token("new").versions) == 2


def test_a_token_that_somebody_removed_meanwhile_is_not_made_again() -> None:
    store = MeddlingStore()
    add(store, "first")
    store.meddle = [lambda: open_session(store).remove("api")]
    with pytest.raises(NotFound, match="api is gone"):
        open_session(store).rename("api", "new")
    assert store.snapshot().tokens == ()
