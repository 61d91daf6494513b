"""Every file in ``transcripts`` is played and must come back unchanged."""

from __future__ import annotations

import importlib
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from tests.cli.harness import PASSPHRASE, credman, program
from tests.cli.transcript import Answer, Step, play

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))
CLOCKS = (
    "credman.session",
    "credman.view",
    "credman.providers.verdicts",
    "credman.stores.file",
    *(f"credman.cli.{name}" for name in ("add", "check", "giving", "history", "list", "show")),
    *(f"credman.cli.{name}" for name in ("due", "passing", "schedule", "telling")),
)


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda path: path.stem)
def test_goes_as_written(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = path.read_text("utf-8")

    def set_clock(moment: datetime) -> None:
        class Stopped(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Stopped:
                return cls.fromtimestamp(moment.timestamp(), tz)

        for module in CLOCKS:
            monkeypatch.setattr(importlib.import_module(module), "datetime", Stopped)

    assert play(text, _in_this_process, set_clock=set_clock) == text


def test_wrong_turns_of_the_real_program() -> None:
    text = next(path for path in TRANSCRIPTS if path.stem == "wrong-turns").read_text("utf-8")

    def refuse(moment: datetime) -> None:
        pytest.fail("the real program has a clock of its own")

    assert play(text, _as_program, set_clock=refuse) == text


def test_there_are_transcripts() -> None:
    assert len(TRANSCRIPTS) >= 8


def test_a_wrong_transcript_does_not_come_back_unchanged() -> None:
    text = "$ credman providers hff\n! credman: error: no provider named hff\n= 0\n"
    played = play(text, _in_this_process, set_clock=lambda moment: None)
    assert played.endswith("! credman: hint: did you mean hf?\n= 3\n")


@pytest.mark.parametrize("text", ["% what\n", "$credman list\n", "? typed to nobody\n"])
def test_a_malformed_transcript_is_an_error(text: str) -> None:
    with pytest.raises(AssertionError):
        play(text, _in_this_process, set_clock=lambda moment: None)


def _in_this_process(step: Step) -> Answer:
    # Where a person types, the passphrase is typed as well; elsewhere a variable gives it.
    done = credman(
        *step.argv,
        stdin=step.stdin,
        answers=step.answers,
        passphrase=PASSPHRASE if step.answers is None else None,
    )
    shown = "".join(text if text.endswith("\n") else f"{text}\n" for text in done.shown)
    return Answer(shown, done.stderr, done.text, done.exit_code)


def _as_program(step: Step) -> Answer:
    assert step.answers is None, "a program of its own has no terminal here"
    done = program(*step.argv, stdin=step.stdin or b"")
    return Answer("", done.stderr.decode(), done.stdout.decode(), done.returncode)
