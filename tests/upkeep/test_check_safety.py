"""What a provider says of a token: nothing of the token in it is kept, and no date ends a live
one."""

from __future__ import annotations

import json
import shlex
import threading
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from tests.providers.clouds import read_token
from tests.upkeep.stub_places import pipe
from tests.upkeep.stub_sitting import Sitting, sitting
from tests.upkeep.stub_troubles import Trouble, say, status, write


def show_all(desk: Sitting, name: str) -> str:
    """Returns: what every command that tells of a token tells."""
    told = ""
    given = [[command, name] for command in ("check", "show", "history")] + [["list"]]
    for argv in given + [[*argv, "--json"] for argv in given]:
        outcome = desk.run(*argv)
        told += outcome.text + outcome.stderr
    return told


def describe_account(name: str, *, expires: Any = None) -> dict[str, Any]:
    """Returns: what Hugging Face says of whoever has this name."""
    access = {"displayName": name, "role": name, "expiration": expires}
    return {"name": name, "id": name, "orgs": [{"name": name}], "auth": {"accessToken": access}}


@pytest.mark.parametrize("form", ["{}", "the token {} of alice"])
def test_a_token_that_its_provider_repeats_is_told_and_kept_nowhere(form: str) -> None:
    with sitting("huggingface") as desk:
        old = desk.provider.issue("huggingface")
        part = form.format(old.token)
        desk.provider.trouble("huggingface", "verify", say(json.dumps(describe_account(part))))
        told = desk.add(old).stderr + show_all(desk, "huggingface")
        stored = repr(read_token()[0])
        assert old.token not in told and old.token not in stored
        assert desk.checked("huggingface")["huggingface"]["state"] == "live"
        new = desk.provider.issue("huggingface")
        again = say(json.dumps(describe_account(form.format(new.token))))
        desk.provider.trouble("huggingface", "verify", again)
        told = desk.run("rotate", "huggingface", stdin=pipe(new)).stderr
        told += show_all(desk, "huggingface") + repr(read_token()[0])
        assert new.token not in told and old.token not in told


def test_a_piece_of_a_token_that_its_provider_repeats_is_told_nowhere() -> None:
    with sitting("huggingface") as desk:
        old = desk.provider.issue("huggingface")
        piece = old.token[:20]
        desk.provider.trouble("huggingface", "verify", say(json.dumps(describe_account(piece))))
        told = desk.add(old).stderr + show_all(desk, "huggingface") + repr(read_token()[0])
        assert piece not in told


def test_what_a_provider_says_besides_is_kept() -> None:
    with sitting("huggingface") as desk:
        desk.give("huggingface")
        finding = read_token()[0].current.finding
        assert finding is not None and (finding.identity, finding.scopes) == (
            "alice", "role write, orgs acme",
        )  # fmt: skip


@pytest.mark.parametrize("which", ["new", "old"])
def test_an_id_that_repeats_a_token_is_not_kept(which: str) -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")

        def send(
            h: BaseHTTPRequestHandler, s: int, m: dict[str, str], b: bytes, _: threading.Event
        ) -> None:
            data = json.loads(b)
            data["id"] = f"id {data['token'] if which == 'new' else old.token}"
            write(h, s, m, json.dumps(data).encode())

        desk.provider.trouble("gitlab", "rotate", Trouble(send))
        told = desk.run("rotate", "gitlab", "--auto").stderr + show_all(desk, "gitlab")
        assert old.successor is not None
        token, values = read_token()
        assert old.successor.token in values.values()
        assert old.successor.token not in told + repr(token)
        assert old.token not in told + repr(token)


@pytest.mark.parametrize("expires", ["0001-01-01T00:00:00Z", "2020-01-01", 1577836800, 0])
def test_a_date_in_the_past_ends_no_live_token(expires: object) -> None:
    with sitting("huggingface") as desk:
        old = desk.give("huggingface")
        answer = describe_account("alice", expires=expires)
        desk.provider.trouble("huggingface", "verify", say(json.dumps(answer)))
        checked = desk.run("check", "huggingface").text
        assert " live " in checked and "expired" not in checked
        assert desk.value("huggingface") == old.token
        assert "is expired" not in desk.run("list").stderr


@pytest.mark.parametrize("expires", ["0001-01-01", "2020-01-01"])
def test_a_date_in_the_past_ends_no_new_token_that_cannot_be_checked(expires: str) -> None:
    with sitting("gitlab") as desk:
        old = desk.give("gitlab")

        def send(
            h: BaseHTTPRequestHandler, s: int, m: dict[str, str], b: bytes, _: threading.Event
        ) -> None:
            write(h, s, m, json.dumps({**json.loads(b), "expires_at": expires}).encode())

        desk.provider.trouble("gitlab", "rotate", Trouble(send))
        desk.provider.trouble("gitlab", "verify", status(503))
        desk.run("rotate", "gitlab", "--auto")
        assert old.successor is not None
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.successor.token


def test_an_end_that_its_provider_no_longer_tells_is_none() -> None:
    with sitting("huggingface") as desk:
        old = desk.give("huggingface", days=3)
        assert read_token()[0].expires_at == old.expires_at
        old.expires_at = None
        desk.run("check", "huggingface")
        assert read_token()[0].expires_at is None
        assert desk.checked("huggingface")["huggingface"]["expires_at"] is None


def test_an_end_stays_where_its_provider_tells_none_or_does_not_answer() -> None:
    with sitting("sendgrid", "huggingface") as desk:
        desk.give("sendgrid", "--expires", "2099-03-31")
        desk.run("check", "sendgrid")
        ends = read_token()[0].expires_at
        assert ends is not None and ends.year == 2099
    with sitting("huggingface") as desk:
        desk.run("remove", "sendgrid", "--yes")
        old = desk.give("huggingface", days=3)
        for trouble in (status(503), status(401)):
            desk.provider.trouble("huggingface", "verify", trouble)
            desk.credman("check", "huggingface")
            assert read_token()[0].expires_at == old.expires_at


@pytest.mark.parametrize("days", [None, 90])
def test_the_end_of_what_a_command_printed_is_not_its_providers_affair(
    tmp_path: Path, days: int | None
) -> None:
    with sitting("huggingface") as desk:
        issued = desk.provider.issue("huggingface", days=days)
        (tmp_path / "value").write_text(issued.token)
        command = f"cat {shlex.quote(str(tmp_path / 'value'))}"
        desk.run("add", "huggingface", "--command", command, "--ttl", "1h")
        before = read_token()[0].expires_at
        assert before is not None
        assert desk.checked("huggingface")["huggingface"]["state"] == "live"
        assert read_token()[0].expires_at == before
