"""Asking a vault that may be slow, refuse, or never answer.

Rule: one call at a time, under a lock that is held for nothing else; a vault that kept somebody
waiting once is not asked again; a forked child has its parent's connections, and touches nothing.
No text of a vault's own is passed on: it could hold a value.
"""

from __future__ import annotations

import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from credman.core.secret import Secret

_WAIT_SECONDS = 60.0  # longer than any of the vaults waits by itself
_ARMOUR = "-----BEGIN "


class State(Enum):
    """What came of asking."""

    FOUND = "found"
    MISSING = "missing"
    EMPTY = "empty"
    DENIED = "denied"
    TIMEOUT = "timeout"
    FAILED = "failed"


_LASTING = (State.FOUND, State.MISSING, State.DENIED)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a vault said.

    Args:
        value: there is one if it was found, and only then.
        reason: why there is none: a few words, to stand behind the vault's title.
        hint: the next step; empty when there is none.
    """

    state: State
    value: Secret | None = None
    reason: str = ""
    hint: str = ""


class Source(ABC):
    """A vault that a notebook's process may read.

    Args:
        shell: the shell of this process; its kernel knows in which process it was made.
    """

    title: str
    """What people call it."""

    def __init__(self, shell: object | None) -> None:
        self.shell = shell
        self._pid = find_kernel_pid(shell) or os.getpid()
        self._lock = threading.Lock()
        self._answers: dict[str, Answer] = {}
        self._is_dead = False

    def ask(self, name: str) -> Answer:
        """Asks for one secret; returns at once what is known from before.

        Args:
            name: what it is called in the vault.

        Returns:
            The answer. Found, missing and denied ones are remembered until ``forget``.

        Raises:
            KeyboardInterrupt: somebody did not want to wait; nothing else is ever raised.
        """
        if os.getpid() != self._pid:  # first of all: the lock may have been copied locked
            known = self._answers.get(name)
            return known if known is not None and known.value is not None else self._refuse()
        if (known := self._known(name)) is not None:
            return known
        if not self._lock.acquire(timeout=_WAIT_SECONDS):
            return Answer(State.TIMEOUT, reason="another thread still waits for an answer")
        try:
            if (known := self._known(name)) is not None:  # it came while this one waited
                return known
            answer = _guard(lambda: self._ask(name))
            if answer.state in _LASTING:
                self._answers[name] = answer
            return answer
        finally:
            self._lock.release()

    def forget(self) -> None:
        """Lets every name be asked for anew, as after somebody changed the vault."""
        self._answers.clear()

    def revive(self) -> None:
        """Lets the vault be asked anew after a time-out: only when a person says so, since it may
        keep them waiting again."""
        self._is_dead = False

    def _known(self, name: str) -> Answer | None:
        if self._is_dead:
            known = self._answers.get(name)
            return known if known is not None else self._silent()
        return self._answers.get(name)

    def _ask(self, name: str) -> Answer:
        if not name:
            return Answer(State.MISSING, reason="not defined")
        try:
            value = self._fetch(name)
        except Exception as error:  # noqa: BLE001 - a platform's library may raise anything
            answer = self._judge(error, name)
        else:
            answer = self._read(value, name)
        if answer.state is State.TIMEOUT:
            self._is_dead = True  # before the lock is free: whoever waits for it waits no longer
        return answer

    def _read(self, value: object, name: str) -> Answer:
        if value is not None and not isinstance(value, str):
            return Answer(State.FAILED, reason="gave something that is not text")
        text = clean(value or "")
        if not text:
            return Answer(State.EMPTY, reason="defined, but empty", hint=self._fill(name))
        return Answer(State.FOUND, Secret(text))

    def _refuse(self) -> Answer:
        return Answer(
            State.FAILED,
            reason="a forked child cannot ask; only the process of the kernel can",
            hint="load it in a cell before the children start: they inherit the environment",
        )

    def _silent(self) -> Answer:
        return Answer(
            State.TIMEOUT, reason="did not answer before, and is not asked again", hint=self._move()
        )

    @abstractmethod
    def _fetch(self, name: str) -> object:
        """Asks the platform. Raises: whatever its library raises."""

    @abstractmethod
    def _judge(self, error: BaseException, name: str) -> Answer:
        """Says what an exception of ``_fetch`` means. Must set State.TIMEOUT for a time-out."""

    @abstractmethod
    def _fill(self, name: str) -> str:
        """Says how somebody gives the secret a value."""

    @abstractmethod
    def _move(self) -> str:
        """Says what to do where the vault does not answer."""


def clean(value: str) -> str:
    """Takes out what comes in by pasting: line ends, and blanks around it.

    Returns:
        One line; a PEM block keeps its lines, without which it is none.
    """
    if value.lstrip().startswith(_ARMOUR):
        return value.strip()
    return value.replace("\r", "").replace("\n", "").strip()


def find_kernel_pid(shell: object | None) -> int | None:
    """Returns: the process in which the shell's kernel was made; a forked child has it as well."""
    session = getattr(getattr(shell, "kernel", None), "session", None)
    pid = getattr(session, "pid", None)
    return pid if isinstance(pid, int) else None


def class_names(error: BaseException) -> frozenset[str]:
    """Returns: the names of its class and of those above: platforms move theirs between modules."""
    return frozenset(kind.__name__ for kind in type(error).__mro__)


def unexpected(error: BaseException) -> Answer:
    """Returns: the answer where nothing is known of an exception but its class."""
    return Answer(State.FAILED, reason=f"failed ({type(error).__name__})")


def _guard(call: Callable[[], Answer]) -> Answer:
    try:
        return call()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - nothing ends a program that asks for a token
        return unexpected(error)
