"""The cache of names: what is in it, when it is written, and that nothing depends on it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from credman.cli import namecache
from credman.core.config import Config
from credman.core.model import (
    Finding,
    Liveness,
    Recipe,
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
from credman.watch.rotation import ANSWER
from tests.cli.harness import PASSPHRASE, credman, make_value, make_vault
from tests.cli.naming import cache, configure, lines, look, make_context, vault
from tests.stores.places import open_vault


def test_what_is_in_it_and_nothing_else() -> None:
    value, note = make_value(), "a remark of " + make_value("", 12)
    add = ("add", "hf", "--rotate-every", "90d", "--expires", "2031-01-02", "--note", note)
    assert credman(*add, stdin=value.encode()).exit_code == 0
    assert credman(*add, "--replace", stdin=f"{value}2".encode()).exit_code == 0
    text = cache().read_text()
    record = json.loads(text)
    (entry,) = record["stores"].values()
    (token,) = entry["tokens"]
    for version in token["versions"]:
        assert version.pop("created_at").startswith("20")
    assert token["versions"][0].pop("retiring_at").startswith("20")
    assert token == {
        "name": "hf", "environment": "default", "profile": "default",
        "provider": "huggingface", "fields": [["HF_TOKEN"]],
        "versions": [
            {"number": 1, "state": "retiring", "fields": [0], "expires_at": "2031-01-02T23:59:59Z"},
            {"number": 2, "state": "current", "fields": [0]},
        ],
        "expires_at": "2031-01-02T23:59:59Z", "rotate_every": "90d", "remind_before": [],
        "grace": None, "unsure": False,
    }  # fmt: skip
    assert record.keys() == {"version", "stores"}
    assert entry.keys() == {"environments", "tokens"}
    for canary in (value, value[:7], value[-4:], note, "remark", "AGE-SECRET-KEY"):
        assert canary not in text
    assert cache().stat().st_mode & 0o777 == 0o600
    assert cache().parent.stat().st_mode & 0o777 == 0o700


def test_dates_and_states_come_back() -> None:
    add = ("add", "hf", "--rotate-every", "90d", "--expires", "2031-01-02", "-e", "lab")
    assert credman(*add, "--isolated", stdin=b"v").exit_code == 0
    names = namecache.recall_names(make_context(), Config(), f"file:{vault()}")
    assert names is not None
    (token,) = names.tokens
    assert token.schedule.rotate_every == "90d"
    assert token.schedule.expires_at and token.schedule.expires_at.year == 2031
    assert (token.current.number, token.current.created_at.tzinfo is not None) == (1, True)
    assert (token.variables, token.note, token.unsure) == (("HF_TOKEN",), "", False)
    assert [(e.name, e.isolated) for e in names.environments] == [("lab", True)]


def plant(change: Callable[[Token], Token]) -> None:
    """Changes the one token of the vault as no command does at once."""
    store = open_vault(Path(vault()).parents[1], None, Secret(PASSPHRASE))
    session = Session(store, Config(), Selection())
    session.change_token(TokenKey("default", "default", "hf"), change, {ANSWER: Secret("{}")},
                         version=2)  # fmt: skip


def test_what_providers_said_and_commands_stay_out_of_it() -> None:
    make_vault()
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    end = datetime(2031, 1, 2, 3, 4, 5, tzinfo=UTC)
    words = ("EXAMPLE-who", "EXAMPLE-account", "EXAMPLE-scopes", "EXAMPLE-id", "EXAMPLE-command")
    who, account, scopes, number, command = words

    def know(token: Token) -> Token:
        finding = Finding(Liveness.DEAD, moment, who, account, scopes)
        current = replace(
            token.current, finding=finding, ids={"id": number}, expires_at=end, ended_by=who
        )
        staged = Version(2, VersionState.STAGED, moment, (ANSWER,))
        rotation = Rotation(2, Stage.ANSWERED, True, moment)
        return replace(
            token, versions=(current, staged), rotation=rotation, recipe=Recipe(command, 60)
        )

    plant(know)
    assert credman("list").exit_code == 0
    text = cache().read_text()
    for word in (*words, ANSWER, "EXAMPLE"):
        assert word not in text
    names = namecache.recall_names(make_context(), Config(), f"file:{vault()}")
    assert names is not None
    (token,) = names.tokens
    assert [v.state for v in token.versions] == [VersionState.CURRENT, VersionState.STAGED]
    assert token.variables == ("HF_TOKEN",) and token.expires_at == end


@pytest.mark.parametrize("state", [VersionState.REVOKED, VersionState.COMPROMISED])
def test_a_token_that_is_not_handed_out_is_still_offered(state: VersionState) -> None:
    make_vault()

    def end(token: Token) -> Token:
        return replace(token, versions=(replace(token.current, state=state, fields=()),))

    plant(end)
    assert credman("list").exit_code == 0
    assert lines("tokens") == ["hf\tHF_TOKEN"]
    assert lines("own") == ["hf\tHF_TOKEN"]


@pytest.mark.parametrize("states", ["current current", "staged", "newer", ""])
def test_states_that_do_not_go_together_are_as_good_as_none(states: str) -> None:
    make_vault()
    assert credman("list").exit_code == 0 and lines("tokens")
    record = json.loads(cache().read_text())
    (entry,) = record["stores"].values()
    (version,) = entry["tokens"][0]["versions"]
    entry["tokens"][0]["versions"] = [
        {**version, "number": number, "state": state} for number, state in enumerate(states.split())
    ]
    cache().write_text(json.dumps(record))
    assert lines("tokens") == []


def test_it_is_written_only_when_something_changed() -> None:
    make_vault()
    assert credman("list").exit_code == 0
    before = cache().stat()
    for argv in (("list",), ("get", "hf"), ("env",), ("__complete", "tokens")):
        assert credman(*argv).exit_code == 0
    after = cache().stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert credman("rename", "hf", "new").exit_code == 0
    assert lines("tokens") == ["new\tHF_TOKEN"]
    files = {p.name for p in cache().parent.iterdir() if p.is_file()}
    assert files == {"cache.json", "mentioned", "fingerprints", "fingerprints.key"}


def test_an_old_one_is_used_until_the_store_is_looked_at() -> None:
    make_vault()
    before = vault().read_bytes()
    assert credman("add", "later", stdin=b"v").exit_code == 0
    vault().write_bytes(before)  # another machine has removed it
    assert "later\tLATER" in lines("tokens")
    assert credman("list").exit_code == 0
    assert lines("tokens") == ["hf\tHF_TOKEN"]


@pytest.mark.parametrize(
    "damage",
    [
        b"", b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"version":2,"stores":{}}',
        b'{"version":1}', b'{"version":1,"stores":[]}', b"9" * 9_000_000,
    ],
    ids=lambda data: repr(data[:20]),
)  # fmt: skip
def test_a_damaged_or_newer_one_is_as_good_as_none(damage: bytes) -> None:
    make_vault()
    assert credman("list").exit_code == 0
    whole = cache().read_bytes()
    cache().write_bytes(damage)
    assert lines("tokens") == [] and cache().read_bytes() == damage
    assert len(lines("environments")) == 5
    assert credman("list").exit_code == 0
    assert cache().read_bytes() == whole


def test_a_newer_one_is_not_guessed_at() -> None:
    make_vault()
    assert credman("list").exit_code == 0 and lines("tokens")
    whole = cache().read_bytes()
    cache().write_bytes(whole.replace(b'{"version":1,', b'{"version":2,'))
    assert lines("tokens") == []
    assert credman("list").exit_code == 0 and cache().read_bytes() == whole


@pytest.mark.parametrize(
    ("key", "bad"),
    [
        ("name", "$(touch x)"), ("name", 1), ("environment", "a b"), ("profile", ""),
        ("fields", [[]]), ("fields", [["A\nB"]]), ("fields", "HF_TOKEN"), ("versions", []),
        ("versions", [{"number": 1}]), ("expires_at", "tomorrow"), ("unsure", "no"),
    ],
)  # fmt: skip
def test_an_entry_that_somebody_wrote_is_not_repeated(key: str, bad: object) -> None:
    make_vault()
    assert credman("list").exit_code == 0
    record = json.loads(cache().read_text())
    (entry,) = record["stores"].values()
    entry["tokens"][0][key] = bad
    cache().write_text(json.dumps(record))
    assert lines("tokens") == []


def test_a_link_or_a_directory_in_its_place_is_left_alone(tmp_path: Path) -> None:
    make_vault()
    assert credman("list").exit_code == 0
    (tmp_path / "mine").write_bytes(cache().read_bytes())
    cache().unlink()
    cache().symlink_to(tmp_path / "mine")
    assert lines("tokens") == []
    cache().unlink()
    cache().mkdir()
    outcome = credman("list")
    assert (outcome.exit_code, lines("tokens")) == (0, [])
    assert "cache" not in outcome.stderr


def test_off_it_is_neither_written_nor_read_and_the_former_one_goes() -> None:
    make_vault()
    assert credman("list").exit_code == 0 and lines("tokens")
    configure('cache = "off"\n')
    assert lines("tokens") == [] and len(lines("environments")) == 5
    assert credman("list").exit_code == 0
    assert not cache().exists()


def test_a_state_directory_that_cannot_be_written_is_no_concern_of_a_command() -> None:
    make_vault()
    cache().parent.parent.mkdir(exist_ok=True)
    if cache().parent.exists():
        cache().parent.rename(cache().parent.with_name("former"))
    cache().parent.write_text("a file")
    namecache.remember_names(make_context(), Config(), f"file:{vault()}", look())
    namecache.forget_names(make_context(), f"file:{vault()}")
    assert cache().parent.read_text() == "a file"


def test_a_store_is_forgotten_and_the_others_stay(tmp_path: Path) -> None:
    make_vault()
    assert credman("list").exit_code == 0
    url = f"file:{tmp_path}/other.age"
    assert credman("add", "there", "--store", url, stdin=b"v").exit_code == 0
    namecache.forget_names(make_context(), url)
    assert lines("tokens", "--store", url) == []
    assert lines("tokens") == ["hf\tHF_TOKEN"]


def test_the_latest_sixteen_stores_are_kept() -> None:
    make_vault()
    context = make_context()
    snapshot = look()
    urls = [f"file:/nowhere/{number}.age" for number in range(20)]
    for url in urls:
        namecache.remember_names(context, Config(), url, snapshot)
    kept = [url for url in urls if namecache.recall_names(context, Config(), url)]
    assert kept == urls[4:]
