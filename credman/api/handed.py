"""Which values this process was given, for whoever keeps them out of what is saved.

Rule: in memory, and nowhere else; nothing of it is shown. Once ``note`` has returned, every
listener knows the values: whoever sets them anywhere does so afterwards.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple

from credman.core.secret import Secret

Listener = Callable[[Mapping[str, str]], None]


class Scope(NamedTuple):
    """What a call named. Args: None: what is chosen by default."""

    env: str | None = None
    profile: str | None = None


_names: dict[Secret, str] = {}
"""By value: the variable that carries it, with a number if another value had it before."""
_sources: dict[str, str] = {}
_set: dict[str, tuple[Secret, Scope]] = {}
"""What was put into the environment, by variable: its value, and where it was looked up."""
_listeners: list[Listener] = []
_lock = threading.RLock()
"""Held while listeners are told, so that none is left with what was known before."""


def _forget_lock() -> None:
    global _lock
    _lock = threading.RLock()  # whoever held it is not in this process


os.register_at_fork(after_in_child=_forget_lock)


def note(
    values: Mapping[str, str], sources: Mapping[str, str], public: Collection[str] = ()
) -> None:
    """Args: values, sources: by variable. public: variables whose values are no secrets."""
    with _lock:
        _sources.update(sources)
        has_new = False
        for variable, value in values.items():
            if variable in public or value in _names:
                continue
            count = sum(name.partition(" ")[0] == variable for name in _names.values())
            _names[Secret(value)] = f"{variable} {count + 1}" if count else variable
            has_new = True
        for listener in [*_listeners] if has_new else ():
            listener(_by_name())


def note_set(variable: str, value: Secret, scope: Scope) -> None:
    """The environment has it from credman. Args: scope: in which it was looked up."""
    with _lock:
        _set[variable] = (value, scope)


def is_own(variable: str, value: str) -> bool:
    """Whether what the environment has was put there by ``load``: then the store still counts."""
    return find_scope(variable, value) is not None


def find_scope(variable: str, value: str) -> Scope | None:
    """Returns: where ``load`` looked up what the environment has; None: it is not ``load``'s."""
    known = _set.get(variable)
    return None if known is None or not value or known[0] != value else known[1]


def list_sources() -> dict[str, str]:
    """Returns: where each variable came from that was handed out."""
    with _lock:
        return dict(_sources)


def listen(listener: Listener) -> None:
    """Args: listener: told now, and whenever there is more: the values, by their names."""
    with _lock:
        if listener not in _listeners:
            _listeners.append(listener)
        listener(_by_name())


def stop(listener: Listener) -> None:
    """The listener is told no more."""
    with _lock:
        if listener in _listeners:
            _listeners.remove(listener)


def _by_name() -> dict[str, str]:
    return {name: value for value, name in _names.items()}
