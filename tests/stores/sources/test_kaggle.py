"""Kaggle's secrets: its contract, against a server on loopback."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack
from types import SimpleNamespace

import pytest

from credman.stores.sources import Answer, Source, State, find_source
from tests.stores.sources import kaggle_stub
from tests.stores.sources.kaggle_stub import SECONDS, Server, run_server


def make_value() -> str:
    return f"EXAMPLE_{secrets.token_hex(16)}"


def make_source() -> Source:
    """Returns: one that nothing has been asked: another shell has another source."""
    source = find_source("kaggle", SimpleNamespace())
    assert source is not None
    return source


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setitem(sys.modules, "kaggle_secrets", kaggle_stub)
    with run_server(make_value()) as running:
        monkeypatch.setenv("KAGGLE_USER_SECRETS_TOKEN", running.token)
        monkeypatch.setenv("KAGGLE_URL_BASE", running.url)
        yield running


def test_what_kaggle_answers_is_told_apart_and_asked_for_once(server: Server) -> None:
    value, source = make_value(), make_source()
    server.secrets = {"HF_TOKEN": f"{value}\r\n", "EMPTY": "\n"}
    assert source.ask("HF_TOKEN") == Answer(State.FOUND, source.ask("HF_TOKEN").value)
    assert source.ask("HF_TOKEN").value == value

    gone = source.ask("GONE")
    assert gone.state is State.MISSING and "Add-ons > Secrets" in gone.hint and "GONE" in gone.hint
    assert source.ask("GONE") is gone
    assert source.ask("EMPTY").state is State.EMPTY
    assert source.ask("").state is State.MISSING
    assert server.asked == ["HF_TOKEN", "GONE", "EMPTY"]

    server.secrets["GONE"] = value
    source.forget()
    assert source.ask("GONE").value == value


@pytest.mark.parametrize(
    ("status", "state", "reason"),
    [
        (401, State.DENIED, "Kaggle refuses this session (HTTP 401)"),
        (403, State.DENIED, "Kaggle refuses this session (HTTP 403)"),
        (404, State.FAILED, "Kaggle's server failed (HTTP 404)"),
        (500, State.FAILED, "Kaggle's server failed (HTTP 500)"),
        (503, State.FAILED, "Kaggle's server failed (HTTP 503)"),
    ],
)
def test_a_status_is_not_taken_for_a_network_that_is_off(
    server: Server, status: int, state: State, reason: str
) -> None:
    source = make_source()
    server.secrets = {"HF_TOKEN": status}
    answer = source.ask("HF_TOKEN")
    assert (answer.state, answer.reason) == (state, reason)
    assert "internet" not in answer.reason + answer.hint
    source.ask("HF_TOKEN")
    assert len(server.asked) == (1 if state is State.DENIED else 2)  # a server may recover


def test_internet_that_is_off_is_said_and_asked_again(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, value = make_source(), make_value()
    server.secrets = {"HF_TOKEN": value}
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))  # it is taken, and nobody listens there
        monkeypatch.setenv("KAGGLE_URL_BASE", f"http://127.0.0.1:{unheard.getsockname()[1]}")
        answer = source.ask("HF_TOKEN")
    assert answer.state is State.FAILED
    assert answer.reason.startswith("internet is off") and "settings" in answer.hint
    monkeypatch.setenv("KAGGLE_URL_BASE", server.url)
    assert source.ask("HF_TOKEN").value == value


def test_one_time_out_ends_the_asking(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    source = make_source()
    server.secrets = {"SLOW": None, "HF_TOKEN": make_value()}
    monkeypatch.setenv(SECONDS, "0.2")
    assert source.ask("SLOW").state is State.TIMEOUT
    assert source.ask("HF_TOKEN").reason == "did not answer before, and is not asked again"
    assert server.asked == ["SLOW"]


def test_a_server_that_takes_no_connection_is_one_time_out_too(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1) as full, ExitStack() as waiting:
        monkeypatch.setenv("KAGGLE_URL_BASE", f"http://127.0.0.1:{full.getsockname()[1]}")
        monkeypatch.setenv(SECONDS, "0.2")
        for _ in range(4):  # nobody accepts them, so that for the next one there is no room
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        source = make_source()
        assert source.ask("HF_TOKEN").state is State.TIMEOUT
        assert source.ask("HF_TOKEN").reason == "did not answer before, and is not asked again"


def test_a_session_without_access_fails_before_anything_is_sent(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KAGGLE_USER_SECRETS_TOKEN")
    answer = make_source().ask("HF_TOKEN")
    assert answer.state is State.FAILED
    assert answer.reason == "this process has no access to Kaggle's secrets"
    assert server.asked == []


def test_an_answer_that_kaggle_never_gave_before_is_not_passed_on(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    value, source = make_value(), make_source()
    error = kaggle_stub.BackendError(f"unexpected response: {{'secret': '{value}'}}")

    def fail(*_: object) -> str:
        raise error

    monkeypatch.setattr(kaggle_stub.UserSecretsClient, "get_secret", fail)
    answer = source.ask("HF_TOKEN")
    assert (answer.state, answer.reason) == (State.FAILED, "failed (BackendError)")
    assert value not in repr(answer)


def test_a_forked_child_asks_nobody_and_knows_what_was_read_before(server: Server) -> None:
    value, source = make_value(), make_source()
    server.secrets = {"HF_TOKEN": value, "OTHER": value}
    assert source.ask("HF_TOKEN").value == value
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the server's threads stay behind
        child = os.fork()
    if not child:
        is_right = False
        try:
            known, other = source.ask("HF_TOKEN"), source.ask("OTHER")
            is_right = known.value == value and other.state is State.FAILED and bool(other.hint)
        finally:
            os._exit(0 if is_right else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert server.asked == ["HF_TOKEN"]
