"""What takes long, a provider that is asked or a command that prints a token, keeps no other thread
waiting; and what a person is asked can be broken off."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import credman
from credman.api.opening import opened
from credman.core.errors import Refused
from tests.cli.harness import PASSPHRASE
from tests.cli.harness import credman as command
from tests.cli.person import person
from tests.cli.scans import STRANGE, TOKEN
from tests.upkeep.stub_sitting import Sitting, sitting
from tests.upkeep.stub_troubles import Trouble, hang, status

pytestmark = pytest.mark.filterwarnings("ignore:the new vault has no recovery key")
_SECONDS = 20


@pytest.fixture(autouse=True)
def _passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDMAN_PASSPHRASE", PASSPHRASE)


@contextmanager
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sitting]:
    """A Hub on this machine, which the library asks as well as the commands."""
    with sitting("huggingface") as desk:
        for name, value in desk.environ.items():
            monkeypatch.setenv(name, value)
        yield desk


def begin(*calls: Callable[[], object]) -> tuple[list[object], Callable[[], None]]:
    """Runs each in a thread of its own. Returns: what they gave so far, and what waits for all."""
    given: list[object] = []

    def run(call: Callable[[], object]) -> None:
        try:
            given.append(call())
        except Exception as error:
            given.append(error)
            raise

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()

    def finish() -> None:
        for thread in threads:
            thread.join(_SECONDS)
            assert not thread.is_alive()

    return given, finish


def wait_for(path: Path) -> None:
    end = time.monotonic() + _SECONDS
    while not path.exists():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_provider_says_live_and_dead(monkeypatch: pytest.MonkeyPatch) -> None:
    with hub(monkeypatch) as desk:
        issued = desk.give("huggingface", name="hf")
        found = credman.check("hf")
        assert found and (found.state, found.identity) == ("live", "alice")
        assert credman.get("hf", check=True) == issued.token
        desk.provider.revoke(issued)
        assert credman.check("hf").state == "dead"
        for act in (credman.get, credman.load):
            with pytest.warns(match="was dead"), pytest.raises(Refused, match="hf is dead"):
                act("hf", check=True)
        assert "HF_TOKEN" not in os.environ
        with pytest.warns(credman.CredmanWarning, match="was dead"):
            assert credman.get("hf") == issued.token  # who does not ask is not held up


@pytest.mark.parametrize("trouble", [hang(), status(500)])
def test_one_that_does_not_answer_is_unknown_and_stops_nobody(
    trouble: Trouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub(monkeypatch) as desk:
        issued = desk.give("huggingface", name="hf")
        desk.provider.trouble("huggingface", "verify", trouble)
        assert credman.check("hf").state == "unknown"
        assert credman.get("hf", check=True) == issued.token


def test_while_a_provider_is_asked_other_threads_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, may_answer = threading.Event(), threading.Event()
    with hub(monkeypatch) as desk:
        desk.give("huggingface", name="hf")
        credman.add("openai", STRANGE, check=False)

        def hold(seen: object) -> None:
            asked.set()
            may_answer.wait(_SECONDS)

        desk.provider.answering = hold
        given, finish = begin(lambda: credman.check("hf").state)
        assert asked.wait(_SECONDS)
        assert credman.get("openai") == STRANGE
        assert not given
        may_answer.set()
        finish()
        assert given == ["live"]


def make_slow(place: Path) -> tuple[Path, Path, Path]:
    """Stores a token, slow, whose value has ended, and whose command waits for a file.

    Returns:
        What says that it runs, what lets it end, and where it notes each run.
    """
    begun, may_end, runs = place / "begun", place / "may-end", place / "runs"
    script = place / "make.sh"
    script.write_text(
        f"#!/bin/sh\n: > {begun}\nwhile [ ! -e {may_end} ]; do sleep 0.02; done\n"
        f"echo x >> {runs}\necho {STRANGE}\n"
    )
    script.chmod(0o700)
    may_end.touch()
    made = command("add", "slow", "--no-check", "--command", str(script), "--ttl", "1h")
    assert made.exit_code == 0, made.stderr
    with opened(None, None) as store:
        token = store.session.token("slow")
        before = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
        ended = token.with_version(replace(token.current, expires_at=before))
        store.session.change_token(token.key, lambda _: ended)
    for path in (begun, may_end, runs):
        path.unlink()
    return begun, may_end, runs


def test_while_a_command_runs_other_threads_go_on(tmp_path: Path) -> None:
    credman.add("openai", STRANGE[::-1], check=False)
    begun, may_end, _ = make_slow(tmp_path)
    given, finish = begin(lambda: credman.get("slow"))
    wait_for(begun)
    assert credman.get("openai") == STRANGE[::-1]
    assert not given
    may_end.touch()
    finish()
    assert given == [STRANGE]


def test_threads_that_want_the_same_token_run_its_command_once(tmp_path: Path) -> None:
    begun, may_end, runs = make_slow(tmp_path)
    given, finish = begin(*[lambda: credman.get("slow")] * 4)
    wait_for(begun)
    may_end.touch()
    finish()
    assert given == [STRANGE] * 4
    assert runs.read_text() == "x\n"


def test_ctrl_c_at_a_prompt_ends_a_program_that_catches_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credman.add("hf", TOKEN, check=False)
    monkeypatch.delenv("CREDMAN_PASSPHRASE")
    script = tmp_path / "train.py"
    script.write_text(
        "import credman\nfor name in ('hf', 'openai'):\n    try:\n        credman.get(name)\n"
        "    except Exception:\n        print('went on')\n"
    )
    for prompt in ("passphrase", "OPENAI_API_KEY (hidden): "):
        line = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"
        with person(shell=f"exec {line}") as somebody:
            if prompt.startswith("OPENAI"):
                somebody.answers("passphrase", f"{PASSPHRASE}")
            somebody.is_asked(prompt)
            somebody.types("\x03")
            assert somebody.leaves() == 130
            assert "KeyboardInterrupt" in somebody.screen and "went on" not in somebody.screen
            assert PASSPHRASE not in somebody.screen


def test_the_terminal_is_as_it_was_after_each_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credman.add("hf", TOKEN, check=False)
    monkeypatch.delenv("CREDMAN_PASSPHRASE")
    script = tmp_path / "train.py"
    script.write_text(
        "import credman, hashlib\nfor name in ('hf', 'openai'):\n"
        "    print(hashlib.sha256(credman.get(name).encode()).hexdigest())\n    input('next? ')\n"
    )
    line = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"
    with person(shell=f"exec {line}") as somebody:
        before = somebody.flags()
        somebody.answers("passphrase", PASSPHRASE)
        somebody.sees(hashlib.sha256(TOKEN.encode()).hexdigest())
        somebody.sees("next? ")
        assert somebody.flags() == before
        somebody.types("\r")
        somebody.answers("OPENAI_API_KEY (hidden): ", STRANGE)
        somebody.sees("keep it in credman? [y/N] ")
        somebody.types("\r")
        somebody.sees(hashlib.sha256(STRANGE.encode()).hexdigest())
        somebody.sees("next? ")
        assert somebody.flags() == before
        somebody.types("\r")
        assert somebody.leaves() == 0
        assert STRANGE not in somebody.screen and PASSPHRASE not in somebody.screen
