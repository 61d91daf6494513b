"""``check``: live, dead or unknown; who it is; and what is remembered of it."""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from credman.cli.context import Context
from credman.providers.client import Answer, HttpClient, Request
from tests.upkeep.stub_answers import can_say_dead
from tests.upkeep.stub_places import list_fields
from tests.upkeep.stub_sitting import Sitting, sitting
from tests.upkeep.stub_templates import list_with, read_file
from tests.upkeep.stub_troubles import (
    slow,
    status,
)


@pytest.mark.parametrize("name", list_with("verify"))
def test_every_provider_says_live_and_dead(name: str) -> None:
    verify = read_file(name)["verify"]
    with sitting(name) as desk:
        issued = desk.give(name)
        found = desk.checked(name)[name]
        assert (found["state"], found["reason"]) == ("live", "")
        if "identity_path" in verify:
            assert found["identity"] == "alice"
        assert desk.run("list").text.split("\n")[1].strip().startswith(f"{name} ")
        desk.provider.revoke(issued)
        for by_body in (False, True)[: 1 + can_say_dead(name)]:
            desk.provider.says_dead_by_body = by_body
            outcome = desk.credman("check", name)
            assert outcome.exit_code == 8, outcome.text
            assert re.search(rf"^ *{name} +default +dead ", outcome.text, re.MULTILINE)
            assert outcome.stderr.endswith(f"{name} is dead: credman rotate {name}\n")


def test_a_check_as_it_is_read() -> None:
    with sitting("huggingface", "gitlab") as desk:
        desk.give("huggingface", days=None)
        lost = desk.give("gitlab", "-e", "prod")
        desk.provider.revoke(lost)
        ends = datetime.now(UTC) + timedelta(days=90)
        outcome = desk.credman("check", "-e", "prod")
        lines = outcome.text.splitlines()
        assert [line.split()[:3] for line in lines] == [
            ["NAME", "FROM", "STATE"],
            ["gitlab", "prod", "dead"],
            ["huggingface", "default", "live"],
        ]
        assert lines[1].endswith("401: revoked or expired")
        assert lines[2].endswith("alice, role write, orgs acme")
        told = [line for line in outcome.stderr.splitlines() if " is asked at " not in line]
        assert told == ["gitlab is dead: credman rotate gitlab -e prod"]
        assert outcome.exit_code == 8
        assert f"{ends:%Y-%m-%d}" in desk.run("list", "-e", "prod", "--json").text


@pytest.mark.parametrize("name", ["github", "gitlab", "label-studio", "databricks"])
def test_when_it_ends_is_told_by_a_header_a_body_or_the_value_itself(name: str) -> None:
    with sitting(name) as desk:
        issued = desk.give(name, days=30)
        assert issued.expires_at is not None
        told = desk.checked(name)[name]["expires_at"]
        if name == "databricks":  # asks for who it is, and not until when
            assert told is None
            return
        whole = f"{issued.expires_at:%Y-%m-%dT%H:%M:%SZ}"
        wanted = f"{whole[:10]}T00:00:00Z" if name == "gitlab" else whole
        assert told == wanted
        day = whole[:10]
        assert day in desk.run("history", name).text and day in desk.run("show", name).text
        assert json.loads(desk.run("show", name, "--json").text)["token"]["expires_at"] == wanted


def test_scopes_stand_in_a_header_or_in_the_body() -> None:
    with sitting("github", "gitlab", "huggingface") as desk:
        for name in ("github", "gitlab", "huggingface"):
            desk.give(name)
        found = desk.checked()
        assert found["github"]["scopes"] == "scopes api, read"
        assert found["gitlab"]["scopes"] == "scopes api, read"
        assert found["huggingface"]["scopes"] == "role write, orgs acme"
        assert "alice, role write" in desk.run("show", "huggingface").text


def test_never_more_than_eight_at_once_and_a_value_only_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Counted where it is sent: the stub is still busy with one when the next is on its way.
    lock, now, most, send = threading.Lock(), [0], [0], HttpClient.send

    def count(self: HttpClient, request: Request) -> Answer:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        try:
            return send(self, request)
        finally:
            with lock:
                now[0] -= 1

    monkeypatch.setattr(HttpClient, "send", count)
    with sitting("sendgrid") as desk:
        options = ("--no-check", "--provider", "sendgrid")
        first = desk.give("sendgrid", *options, name="a0")
        desk.add(first, *options, "-p", "work", name="again")
        desk.add(first, *options, "-e", "prod", name="a0")
        for number in range(1, 20):
            desk.give("sendgrid", *options, "--var", f"V{number}", name=f"a{number}")
        desk.provider.trouble("sendgrid", "verify", slow(0.1))
        outcome = desk.run("check", "--all")
        states = [line.split()[3] for line in outcome.text.splitlines()[1:]]
        assert states == ["live"] * 22
        assert 1 < most[0] <= 8
        tokens = [s.token for s in desk.provider.find("sendgrid", "verify")]
        assert len(tokens) == len(set(tokens)) == 20


def test_all_is_every_environment_and_profile() -> None:
    with sitting("gitlab", "groq") as desk:
        desk.give("groq", "-p", "work")
        desk.give("gitlab", "-e", "prod")
        desk.provider.seen.clear()
        assert desk.run("check").stderr.endswith("there is nothing to check\n")
        assert desk.provider.seen == []
        lines = desk.run("check", "--all").text.splitlines()
        assert [line.split()[:4] for line in lines] == [
            ["NAME", "FROM", "PROFILE", "STATE"],
            ["groq", "default", "work", "live"],
            ["gitlab", "prod", "default", "live"],
        ]
        refused = desk.refuse(2, "check", "groq", "--all")
        assert "--all and NAME exclude each other" in refused


def test_a_value_stands_in_no_url_and_is_said_to_nobody(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("urllib3", "urllib3.connectionpool"):
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
        caplog.set_level(logging.DEBUG, logger=name)
    names = list_with("verify")
    with sitting() as desk:
        said = ""
        issued = [desk.provider.issue(n) for n in names]
        for number, token in enumerate(issued):
            options = ("--no-check", "-p", f"p{number}")
            desk.add(token, *options)
        for ended in ("", "revoked"):
            for token in issued:
                token.ended = ended
            outcome = desk.credman("check", "--all")
            said += outcome.text + outcome.stderr
        desk.provider.says_dead_by_body = True
        said += desk.credman("check", "--all", "--json").text
        urls = " ".join(s.path for s in desk.provider.seen)
        assert len(desk.provider.seen) >= 3 * len(names)
        secret = [
            token.values[key]
            for token in issued
            for key in token.values
            if _is_secret(token.provider, key)
        ]
    logged = "\n".join(str(record.__dict__) for record in caplog.records)
    assert "urllib3" in logged  # it was heard
    assert [v for v in secret if v in said or v in urls or v in logged] == []


def _is_secret(provider: str, key: str) -> bool:
    return key in {k for _, k, is_secret in list_fields(provider) if is_secret}


def test_a_token_from_an_older_copy_is_unsure_until_it_was_checked() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        desk.run("add", "x", "--no-check", stdin=b"another value")
        desk.run("restore", "--previous", "--yes")
        assert "gitlab" in desk.run("list").text
        assert _state(desk, "gitlab") == "unsure"
        desk.provider.trouble("gitlab", "verify", status(500))
        desk.run("check")
        assert _state(desk, "gitlab") == "unsure"  # nobody knows more than before
        desk.provider.mend()
        desk.run("check")
        assert _state(desk, "gitlab") == "live"


def _state(desk: Sitting, name: str) -> str:
    tokens = json.loads(desk.run("list", "--json").text)["tokens"]
    return str(next(t["state"] for t in tokens if t["name"] == name))


def test_a_store_that_cannot_be_written_to_is_said_and_the_rest_goes_on() -> None:
    with sitting("gitlab") as desk:
        issued = desk.give("gitlab")
        desk.provider.revoke(issued)
        vault = Path(os.environ["CREDMAN_HOME"]) / "data" / "vault.age"
        lock = Path(f"{vault.parent}/vault.lock")
        assert lock.exists()
        lock.unlink()
        lock.mkdir()  # no lock can be taken
        outcome = desk.credman("check", "gitlab")
        assert outcome.exit_code == 8
        assert "what was found is not remembered: " in outcome.stderr
        lock.rmdir()
        assert "live" in desk.run("history", "gitlab").text


def test_a_revoked_token_is_dead_without_being_asked_about() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        desk.run("revoke", "gitlab", "--version", "1", "--yes")
        asked = len(desk.provider.seen)
        found = desk.checked("gitlab")["gitlab"]
        assert (found["state"], found["reason"]) == ("dead", "revoked, its value is gone")
        assert len(desk.provider.seen) == asked


def test_each_answer_is_told_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    ticked, send = threading.Event(), HttpClient.send
    came: list[bool] = []

    def second_waits(self: HttpClient, request: Request) -> Answer:
        if "/groq/" in request.url:
            came.append(ticked.wait(20))
        return send(self, request)

    @contextmanager
    def progress(context: Context, count: int) -> Iterator[Callable[[], None]]:
        assert count == 2
        yield ticked.set

    with sitting("gitlab", "groq") as desk:
        desk.give("gitlab")
        desk.give("groq")
        monkeypatch.setattr(HttpClient, "send", second_waits)
        monkeypatch.setattr("credman.cli.check._progress", progress)
        desk.run("check")
    assert came == [True]
