"""Variables that are set for a while, by several threads at once.

Rule: each layer puts back what it found. Of layers that overlap, the one that stays takes over what
the other found, so that after the last of them each variable is what it was before the first.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from credman.core.secret import Secret

_lock = threading.Lock()
_layers: list[dict[str, Secret | None]] = []
"""What each found, by variable, the latest last; None: it was not set."""


def _forget_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_lock)


@contextmanager
def layered(values: Mapping[str, str | None]) -> Iterator[None]:
    """Sets variables of the process, and puts back what was there. Args: values: None: unset."""
    with _lock:
        found = {name: _find(name) for name in values}
        _layers.append(found)
        for name, value in values.items():
            _put(name, value)
    try:
        yield
    finally:
        with _lock:
            _take_away(found)


def _find(name: str) -> Secret | None:
    return Secret(os.environ[name]) if name in os.environ else None


def _take_away(found: dict[str, Secret | None]) -> None:
    # By identity: another one may be equal.
    index = next(n for n, other in enumerate(_layers) if other is found)
    del _layers[index]
    for name, value in found.items():
        later = next((other for other in _layers[index:] if name in other), None)
        if later is None:
            _put(name, value)
        else:
            later[name] = value


def _put(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
