"""What holds for every source: it never raises, never shows a value, asks one thing at a time."""

from __future__ import annotations

import secrets
import threading
from types import SimpleNamespace
from typing import NoReturn

import pytest

from credman.core.runtimes import NAMES
from credman.stores.sources import Answer, Source, State, asking, find_source
from credman.stores.sources.asking import clean

VAULTS = ("colab", "kaggle", "databricks")


class Untellable(Exception):
    def __str__(self) -> NoReturn:
        raise SystemExit("its text needs a connection, whose end ends the program")


class Asked(Source):
    """Raises or returns what it is given."""

    title = "a vault"

    def __init__(self, gives: object) -> None:
        super().__init__(None)
        self.gives = gives
        self.count = 0

    def _fetch(self, name: str) -> object:
        self.count += 1
        if isinstance(self.gives, BaseException):
            raise self.gives
        return self.gives

    def _judge(self, error: BaseException, name: str) -> Answer:
        state = State.TIMEOUT if isinstance(error, TimeoutError) else State.FAILED
        return Answer(state, reason=str(error))

    def _fill(self, name: str) -> str:
        return f"fill {name}"

    def _move(self) -> str:
        return "move"


def make_value() -> str:
    return f"EXAMPLE_{secrets.token_hex(16)}"


def test_a_vault_has_one_source_a_shell_and_nothing_else_has_any() -> None:
    assert set(VAULTS) <= set(NAMES)
    one, other = SimpleNamespace(), SimpleNamespace()
    for vault in VAULTS:
        source = find_source(vault, one)
        assert source is not None and source.title
        assert find_source(vault, one) is source
        assert find_source(vault, other) is not source
    assert find_source("jupyter", one) is None and find_source("", None) is None


@pytest.mark.parametrize(
    "error", [ValueError(), Untellable(), SystemExit(1), GeneratorExit(), MemoryError()]
)
def test_whatever_a_platform_raises_is_an_answer(error: BaseException) -> None:
    source = Asked(error)
    assert source.ask("HF_TOKEN").state is State.FAILED
    assert source.ask("HF_TOKEN").state is State.FAILED and source.count == 2


def test_whoever_interrupts_is_heard_and_may_ask_again() -> None:
    source = Asked(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        source.ask("HF_TOKEN")
    source.gives = value = make_value()
    assert source.ask("HF_TOKEN").value == value, "the lock is free"


@pytest.mark.parametrize("given", [b"bytes", 7, 0, ["text"]])
def test_what_is_no_text_is_no_value(given: object) -> None:
    answer = Asked(given).ask("HF_TOKEN")
    assert answer == Answer(State.FAILED, reason="gave something that is not text")
    nothing = Asked(None).ask("HF_TOKEN")
    assert nothing == Answer(State.EMPTY, reason="defined, but empty", hint="fill HF_TOKEN")


def test_nothing_shows_a_value() -> None:
    value = make_value()
    source = Asked(value)
    answer = source.ask("HF_TOKEN")
    assert answer.value == value and value not in repr(answer) + repr(source)


def test_what_comes_in_by_pasting_goes_and_a_key_in_lines_stays_one() -> None:
    value = make_value()
    for text in (f"{value}\n", f" {value}\r\n", f"{value[:5]}\r\n{value[5:]}", f"\t{value} "):
        assert clean(text) == value
    assert clean(" \r\n") == ""
    lines = f"-----BEGIN EXAMPLE-----\n{value}\n-----END EXAMPLE-----"
    assert clean(f"\n{lines}\n") == lines


def test_a_thread_does_not_wait_for_ever_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "_WAIT_SECONDS", 0.05)
    is_asked, is_done = threading.Event(), threading.Event()

    class Stuck(Asked):
        def _fetch(self, name: str) -> object:
            is_asked.set()
            is_done.wait(30)
            return super()._fetch(name)

    source = Stuck(make_value())
    thread = threading.Thread(target=source.ask, args=("HF_TOKEN",))
    thread.start()
    try:
        assert is_asked.wait(30)
        answer = source.ask("OTHER")
    finally:
        is_done.set()
        thread.join()
    assert (answer.state, answer.hint) == (State.TIMEOUT, "")
    assert source.ask("OTHER").state is State.FOUND, "it was not the vault that did not answer"


def test_a_time_out_is_lifted_only_on_purpose() -> None:
    source = Asked(TimeoutError())
    assert source.ask("A").state is State.TIMEOUT and source.ask("B").hint == "move"
    source.forget()
    assert source.ask("A").state is State.TIMEOUT and source.count == 1
    source.gives = value = make_value()
    source.revive()
    assert source.ask("A").value == value
