"""``copy``: the current version of a token in another environment, as old as it is."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from credman.core.config import Config
from credman.core.errors import NotFound
from credman.core.model import (
    Field,
    Finding,
    Liveness,
    Rotation,
    Stage,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from credman.stores.additions import NewToken
from tests.cli.harness import credman, make_value, make_vault
from tests.cli.test_rename import MeddlingStore, add, facts, open_session, read_vault

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_the_copy_works_there_and_is_one_of_its_own() -> None:
    make_vault()
    outcome = credman("copy", "hf", "--to-env", "prod")
    assert (outcome.exit_code, outcome.stdout) == (0, b"")
    assert outcome.stderr.splitlines() == [
        "copied hf from environment default to prod, where it sets HF_TOKEN",
        "both are one token at its provider: revoking it there ends both",
    ]
    credman("add", "hf", "--replace", "--no-check", stdin=b"newer")
    assert credman("get", "hf").text == "newer"
    assert credman("get", "hf", "-e", "prod").text == make_value()


def test_it_keeps_age_schedule_provider_note_and_fields() -> None:
    make_vault()
    credman("add", "aws", "--note", "mine", "--rotate-every", "90d", "--expires", "2031-01-02",
            "--no-check", stdin=b"AWS_ACCESS_KEY_ID=id\nAWS_SECRET_ACCESS_KEY=key")  # fmt: skip
    before = facts("aws")
    credman("copy", "aws", "--to-env", "staging")
    after = facts("aws", "-e", "staging")
    assert after == {**before, "environment": "staging"}
    for variable, value in (("AWS_ACCESS_KEY_ID", "id"), ("AWS_SECRET_ACCESS_KEY", "key")):
        assert credman("get", "aws", "-e", "staging", "--field", variable).text == value


def test_only_the_current_version_goes_as_the_first_one() -> None:
    make_vault()
    credman("add", "hf", "--replace", "--no-check", stdin=b"second")
    assert facts("hf")["version"] == 2
    credman("copy", "hf", "--to-env", "dev")
    assert facts("hf", "-e", "dev")["version"] == 1
    assert credman("get", "hf", "-e", "dev").text == "second"
    [version] = facts("hf", "-e", "dev")["versions"]
    assert version == {"number": 1, "state": "current", "exposure": None}


def test_an_inherited_one_is_copied_from_where_it_is() -> None:
    make_vault()
    outcome = credman("copy", "hf", "-e", "prod", "--to-env", "prod")
    assert outcome.exit_code == 0
    assert outcome.stderr.startswith("copied hf from environment default to prod,")
    credman("remove", "hf", "--yes")
    assert credman("get", "hf", "-e", "prod").text == make_value()


def test_what_counts_here_is_copied() -> None:
    make_vault()
    credman("add", "hf", "-e", "prod", "--no-check", stdin=b"own")
    credman("copy", "hf", "-e", "prod", "--to-env", "dev")
    assert credman("get", "hf", "-e", "dev").text == "own"


def test_an_environment_that_is_new_is_made() -> None:
    make_vault()
    assert credman("list", "-e", "Sandbox").exit_code == 3
    credman("copy", "hf", "--to-env", "Sandbox")
    credman("remove", "hf", "-e", "sandbox", "--yes")
    assert credman("list", "-e", "Sandbox").exit_code == 0


def test_an_environment_that_exists_keeps_its_spelling() -> None:
    make_vault()
    credman("add", "x", "-e", "Sandbox", stdin=b"v")
    outcome = credman("copy", "hf", "--to-env", "SANDBOX")
    assert "to Sandbox, where" in outcome.stderr
    assert facts("hf", "-e", "sandbox")["environment"] == "Sandbox"


def test_the_profile_stays() -> None:
    make_vault()
    credman("add", "hf", "-p", "work", "--no-check", stdin=b"work")
    credman("copy", "hf", "-p", "work", "--to-env", "prod")
    assert credman("get", "hf", "-p", "work", "-e", "prod").text == "work"
    assert credman("get", "hf", "-e", "prod").text == make_value()


def test_what_is_not_handed_out_is_not_copied() -> None:
    make_vault()
    credman("add", "old", "--expires", "2026-01-02", stdin=b"v")
    credman("revoke", "hf", "--compromised", "--yes")
    before = read_vault()
    for name, bar in (("old", "expired on 2026-01-02"), ("hf", "is compromised")):
        outcome = credman("copy", name, "--to-env", "prod")
        assert outcome.exit_code == 7
        assert outcome.stderr.splitlines() == [
            f"credman: error: {name} {bar}", "credman: hint: nothing was copied",
        ]  # fmt: skip
    assert read_vault() == before


def test_a_token_of_a_command_is_renewed_by_it_there_as_well() -> None:
    make_vault()
    credman("add", "made", "--command", "printf 'a value'", "--ttl", "30d")
    assert credman("copy", "made", "--to-env", "prod").exit_code == 0
    assert credman("get", "made", "-e", "prod").text == "a value"
    shown = credman("show", "made", "-e", "prod").text
    assert "printf 'a value', good for 30 d" in shown
    assert facts("made", "-e", "prod")["expires_at"] == facts("made")["expires_at"]


def test_what_its_provider_said_and_an_older_copy_go_along_and_a_rotation_does_not() -> None:
    store = MeddlingStore()
    add(store, "first")
    finding = Finding(Liveness.LIVE, MOMENT, "alice")
    staged = Version(2, VersionState.STAGED, MOMENT, ())

    def know(token: Token) -> Token:
        current = replace(token.current, finding=finding, ids={"id": "17"})
        rotation = Rotation(2, Stage.ASKING, True, MOMENT)
        return replace(token, versions=(current, staged), rotation=rotation, unsure=True)

    open_session(store).change_token(TokenKey("default", "default", "api"), know)
    source, copied = open_session(store).copy("api", "prod")
    assert copied.versions == (source.current,) and copied.current.finding == finding
    assert copied.current.ids == {"id": "17"}
    assert copied.rotation is None and copied.unsure
    assert store.snapshot().find_token(source.key) == source


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        (("hf", "--to-env", "default"), 7, "hf is in environment default already"),
        (("hf", "--to-env", "Default"), 7, "hf is in environment default already"),
        (("hf", "--to-env", "prod"), 7, "hf_token is already given by other in environment prod"),
        (("hf", "--to-env", "dev"), 7, "there is a token named HF in environment dev"),
        (("hf", "--to-env", "a b"), 2, "this is not a name for an environment"),
        (("hf", "--to-env", ""), 2, "this is not a name for an environment"),
        (("hf",), 2, "--to-env is missing"),
        (("hf", "more", "--to-env", "test"), 2, "there are more arguments than this command takes"),
        (("hff", "--to-env", "prod"), 3, "no token named hff in environment default"),
        (("hf", "--to-env", "test", "-e", "tset"), 3, "no environment named tset"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_refusals_change_nothing(argv: tuple[str, ...], code: int, said: str) -> None:
    make_vault()
    credman("add", "other", "--var", "hf_token", "-e", "prod", stdin=b"v")
    credman("add", "HF", "--var", "ELSE", "-e", "dev", stdin=b"v")
    before = read_vault()
    outcome = credman("copy", *argv)
    assert outcome.exit_code == code
    assert outcome.stderr.startswith(f"credman: error: {said}")
    assert read_vault() == before


@pytest.mark.parametrize("value", [make_value(), "0123456789abcdef0a1b2c3d" * 2])
@pytest.mark.parametrize(
    "argv", [("VALUE", "--to-env", "dev"), ("hf", "--to-env", "VALUE")], ids=" ".join
)
def test_a_token_is_no_name(argv: tuple[str, ...], value: str) -> None:
    make_vault()
    outcome = credman("copy", *(word.replace("VALUE", value) for word in argv))
    assert outcome.exit_code == 2 and value not in outcome.stderr


def test_fields_that_only_older_versions_have_stay_behind() -> None:
    store = MeddlingStore()
    both = (Field("A", ("A",)), Field("B", ("B",)))
    session = open_session(store)
    session.add(NewToken("api", both), {"A": Secret("a"), "B": Secret("b")})
    newer = NewToken("api", (Field("A", ("A",)),), replace=True)
    open_session(store).add(newer, {"A": Secret("newer")})
    _, copied = open_session(store).copy("api", "prod")
    assert [field.name for field in copied.fields] == ["A"]
    # B is free there, for a token that sets it.
    prod = Session(store, Config(), Selection("prod"))
    prod.add(NewToken("other", (Field("B", ("B",)),)), {"B": Secret("own")})
    assert prod.reveal(prod.plan()) == {"A": "newer", "B": "own"}


def test_a_version_that_somebody_added_meanwhile_is_the_one_that_is_copied() -> None:
    store = MeddlingStore()
    add(store, "first")
    store.meddle = [lambda: add(store, "second", replace=True)]
    open_session(store).copy("api", "prod")
    prod = Session(store, Config(), Selection("prod"))
    assert prod.values(prod.own_token("api")) == {"API": "second"}


def test_a_token_that_somebody_removed_meanwhile_is_not_copied() -> None:
    store = MeddlingStore()
    add(store, "first")
    store.meddle = [lambda: open_session(store).remove("api")]
    with pytest.raises(NotFound, match="api is gone"):
        open_session(store).copy("api", "prod")
    assert store.snapshot().tokens == ()
