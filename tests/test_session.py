"""The use cases: add, replace, remove, select and reveal, whoever else writes at the same time."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from credman.core.config import Config
from credman.core.errors import NameTaken, NotFound, UsageError
from credman.core.model import (
    MAX_VALUE_BYTES,
    Environment,
    Field,
    Schedule,
    Token,
    VersionState,
)
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from credman.stores.additions import NewToken
from credman.stores.base import Creation, Snapshot, Store
from credman.stores.memory import MemoryStore


def make_store() -> MemoryStore:
    store = MemoryStore()
    store.create(Creation(Secret("EXAMPLE passphrase")))
    return store


def open_session(
    store: Store,
    environment: str | None = None,
    profile: str | None = None,
    config: Config | None = None,
) -> Session:
    return Session(store, config or Config(), Selection(environment, profile))


def make_new(name: str, *variables: str, **changes: Any) -> NewToken:
    fields = tuple(Field(v, (v,)) for v in variables or (name.upper().replace("-", "_"),))
    return NewToken(name, fields, **changes)


def add(
    store: Store,
    name: str,
    *variables: str,
    env: str | None = None,
    profile: str | None = None,
    value: str = "value",
    **changes: Any,
) -> Token:
    new = make_new(name, *variables, **changes)
    session = open_session(store, env, profile)
    return session.add(new, {f.name: Secret(value) for f in new.fields})


def test_what_is_added_is_planned_and_revealed() -> None:
    store = make_store()
    fields = (Field("URL", ("URL", "OLD_URL"), secret=False), Field("KEY", ("KEY",)))
    schedule = Schedule(rotate_every="90d")
    new = NewToken("api", fields, provider="example", note="n", schedule=schedule)
    token = open_session(store, "prod", "work").add(new, {"URL": Secret("u"), "KEY": Secret("k")})
    assert token.key == ("prod", "work", "api")
    assert (token.provider, token.note, token.schedule) == ("example", "n", schedule)
    assert (token.current.number, token.current.fields) == (1, ("URL", "KEY"))
    session = open_session(store, "prod", "work")
    plan = session.plan()
    assert session.reveal(plan) == {"URL": "u", "OLD_URL": "u", "KEY": "k"}
    assert session.reveal(session.plan(["KEY"])) == {"KEY": "k"}
    assert session.values(session.token("API")) == {"URL": "u", "KEY": "k"}


def test_a_part_without_a_value_is_not_part_of_the_token() -> None:
    store = make_store()
    new = make_new("aws", "AWS_ID", "AWS_SESSION")
    open_session(store).add(new, {"AWS_ID": Secret("id")})
    session = open_session(store)
    assert session.token("aws").variables == ("AWS_ID",)
    assert session.values(session.token("aws")) == {"AWS_ID": "id"}


def test_an_existing_name_is_refused_in_any_case_before_anything_is_asked() -> None:
    store = make_store()
    add(store, "api", "API")
    for name in ("api", "API", "Api"):
        with pytest.raises(NameTaken, match="api") as caught:
            open_session(store).check_new(make_new(name, "OTHER"))
        assert "--replace" in caught.value.hint
        with pytest.raises(NameTaken):
            add(store, name, "OTHER")
    add(store, "api", "API", env="dev")  # elsewhere it is another token
    add(store, "api", "API", profile="work")


def test_replacing_adds_a_version_and_keeps_what_was_not_given() -> None:
    store = make_store()
    schedule = Schedule(rotate_every="90d")
    first = add(store, "api", "OLD", value="1", note="kept", schedule=schedule)
    second = add(store, "API", "NEW", value="2", replace=True)
    assert second.key == first.key
    assert [(v.number, v.state) for v in second.versions] == [
        (1, VersionState.RETIRING),
        (2, VersionState.CURRENT),
    ]
    assert (second.note, second.schedule) == ("kept", schedule)
    assert second.variables == ("NEW",)
    session = open_session(store)
    assert session.reveal(session.plan()) == {"NEW": "2"}
    assert {f.name for f in second.fields} == {"NEW", "OLD"}  # version 1 is still described
    third = add(store, "api", "OLD", value="3", replace=True, note="changed")
    assert (third.current.number, third.note) == (3, "changed")
    assert [f.name for f in third.fields] == ["OLD", "NEW"]


def test_a_variable_that_moves_to_another_field_has_one_owner() -> None:
    store = make_store()
    open_session(store).add(NewToken("api", (Field("A", ("A", "B")),)), {"A": Secret("1")})
    open_session(store).add(
        NewToken("api", (Field("B", ("B",)),), replace=True), {"B": Secret("2")}
    )
    (token,) = store.snapshot().tokens
    variables = [v for f in token.fields for v in f.variables]
    assert sorted(variables) == ["A", "B"]
    session = open_session(store)
    assert session.reveal(session.plan()) == {"B": "2"}


@pytest.mark.parametrize("variable", ["API", "api"])
def test_a_variable_taken_in_the_same_place_is_refused(variable: str) -> None:
    store = make_store()
    add(store, "one", "API", env="prod", profile="work")
    with pytest.raises(NameTaken, match="one") as caught:
        add(store, "two", "TWO", variable, env="PROD", profile="Work")
    assert "--var" in caught.value.hint
    add(store, "two", variable, env="dev", profile="work")
    add(store, "two", variable, env="prod")
    add(store, "one", "API", env="prod", profile="work", replace=True)  # its own is no obstacle


def test_removing_takes_only_its_own_tokens() -> None:
    store = make_store()
    add(store, "base")
    add(store, "mine", env="prod")
    session = open_session(store, "prod")
    with pytest.raises(NotFound, match="inherited") as caught:
        session.remove("base")
    assert "-e default" in caught.value.hint
    assert session.remove("MINE").key.name == "mine"
    assert [t.key.name for t in session.visible()] == ["base"]
    with pytest.raises(NotFound):
        session.remove("mine")


def test_environments_inherit_hide_and_isolate() -> None:
    store = make_store()
    add(store, "hf", value="base")
    add(store, "wandb", value="base")
    add(store, "hf", env="prod", value="prod")
    session = open_session(store, "PROD")
    assert session.reveal(session.plan()) == {"HF": "prod", "WANDB": "base"}
    add(store, "own", env="alone", isolated=True)
    assert [t.key.name for t in open_session(store, "alone").visible()] == ["own"]
    add(store, "more", env="Alone")  # it stays isolated
    assert [t.key.name for t in open_session(store, "alone").visible()] == ["more", "own"]
    with pytest.raises(UsageError, match="base"):
        add(store, "x", isolated=True)


def test_the_configuration_isolates_as_well() -> None:
    store = make_store()
    add(store, "hf")
    config = Config(environments={"Edge": Environment("Edge", True)})
    assert open_session(store, "edge", config=config).visible() == []
    assert open_session(store, "edge", config=config).environment().name == "Edge"


def test_a_write_makes_an_environment_that_stays() -> None:
    store = make_store()
    add(store, "hf", env="edge")
    open_session(store, "edge").remove("hf")
    assert open_session(store, "EDGE").environment().name == "edge"
    assert [e.name for e in store.snapshot().environments] == ["edge"]
    add(store, "hf", env="prod")  # a well-known one needs no record
    assert [e.name for e in store.snapshot().environments] == ["edge"]


@pytest.mark.parametrize(
    ("environment", "hint"),
    [("prd", "did you mean prod?"), ("hf", "credman get hf"), ("qqqq", "known: default, dev")],
)
def test_an_unknown_environment_never_gives_the_base(environment: str, hint: str) -> None:
    store = make_store()
    add(store, "hf")
    session = open_session(store, environment)
    for action in (session.environment, session.plan, lambda: session.token("hf")):
        with pytest.raises(NotFound) as caught:
            action()
        assert hint in caught.value.hint
    assert not session.is_named_without_store()


def test_an_unknown_profile_is_not_found() -> None:
    store = make_store()
    add(store, "hf", profile="Work")
    assert open_session(store, profile="WORK").profile() == "Work"
    assert open_session(store, profile="home", config=Config(profile="home")).visible() == []
    with pytest.raises(NotFound, match="wrk") as caught:
        open_session(store, profile="wrk").visible()
    assert caught.value.hint == "did you mean Work?"
    with pytest.raises(NotFound):
        open_session(store, profile="zzz").visible()


def test_profiles_never_fall_back() -> None:
    store = make_store()
    add(store, "hf", value="mine")
    add(store, "wandb", profile="work")
    session = open_session(store, profile="work")
    assert [t.key.name for t in session.visible()] == ["wandb"]
    with pytest.raises(NotFound) as caught:
        session.token("hf")
    assert caught.value.hint == "there is one in default: -e default -p default"


def test_the_selection_counts_over_the_configuration() -> None:
    store = make_store()
    config = Config(environment="dev", profile="work")
    assert open_session(store, config=config).environment().name == "dev"
    assert open_session(store, config=config).profile() == "work"
    chosen = open_session(store, "prod", "default", config)
    assert (chosen.environment().name, chosen.profile()) == ("prod", "default")
    assert open_session(store, "dev", "WORK", config).is_named_without_store()
    for bad in ("", "a b", "-x", "../x"):
        with pytest.raises(UsageError):
            open_session(store, f"{bad}\n")


def test_a_missing_token_gives_the_way_to_it() -> None:
    store = make_store()
    add(store, "huggingface")
    add(store, "api", env="prod", profile="work")
    add(store, "api", profile="work")
    for name, hint in (
        ("hugingface", "did you mean huggingface?"),
        ("api", "-e prod -p work"),
        ("zzz", "credman add zzz"),
    ):
        with pytest.raises(NotFound) as caught:
            open_session(store).token(name)
        assert hint in caught.value.hint
    with pytest.raises(UsageError):
        open_session(store).token("not a name")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Secret(""), "empty"),
        (Secret("CANARY\0rest"), "NUL"),
        (Secret("C" * (MAX_VALUE_BYTES + 1)), "larger than 1024 KiB"),
        (Secret("é" * (MAX_VALUE_BYTES // 2) + "x"), "larger than 1024 KiB"),
        (Secret("CANARY\ud800"), "not text"),
    ],
    ids=["empty", "nul", "large", "large in bytes", "surrogate"],
)
def test_a_value_that_cannot_be_stored_is_refused_and_not_shown(value: Secret, words: str) -> None:
    store = make_store()
    with pytest.raises(UsageError, match=words) as caught:
        open_session(store).add(make_new("api", "API"), {"API": value})
    shown = f"{caught.value!r} {caught.value.message} {caught.value.hint}"
    assert "CANARY" not in shown and "CCCC" not in shown
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert store.snapshot().tokens == ()


@pytest.mark.parametrize("values", [{}, {"OTHER": Secret("CANARY")}])
def test_a_token_needs_a_value_and_a_field_for_it(values: dict[str, Secret]) -> None:
    store = make_store()
    with pytest.raises(UsageError):
        open_session(store).add(make_new("api", "API"), values)
    assert store.snapshot().tokens == ()


def test_warnings_are_collected_once() -> None:
    class Worried(MemoryStore):
        def snapshot(self) -> Snapshot:
            return replace(super().snapshot(), warnings=("odd",))

    store = Worried()
    store.create(Creation(Secret("EXAMPLE passphrase")))
    session = open_session(store)
    assert session.warnings == []
    session.add(make_new("api"), {"API": Secret("x")})
    session.visible()
    assert session.warnings == ["odd"]
