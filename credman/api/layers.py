"""Variables that are set for a while, by several threads at once.

Rule: when the last of them is done, each variable is what it was before the first.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

_lock = threading.Lock()
_layers: list[dict[str, str]] = []
"""What is set, the latest last; empty texts stand for nothing special."""
_before: dict[str, str | None] = {}
"""What each variable was before the first layer that sets it."""


def _forget_lock() -> None:
    global _lock
    _lock = threading.Lock()


os.register_at_fork(after_in_child=_forget_lock)


@contextmanager
def layered(values: Mapping[str, str]) -> Iterator[None]:
    """Sets variables of the process, and puts back what was there."""
    layer = dict(values)
    with _lock:
        _layers.append(layer)
        for name, value in layer.items():
            _before.setdefault(name, os.environ.get(name))
            os.environ[name] = value
    try:
        yield
    finally:
        with _lock:
            _take_away(layer)


def _take_away(layer: dict[str, str]) -> None:
    # By identity: another one may be equal.
    index = next(n for n, other in enumerate(_layers) if other is layer)
    del _layers[index]
    for name in layer:
        above = [other[name] for other in _layers if name in other]
        if any(name in other for other in _layers[index:]):
            continue  # what a later one has set stands
        wanted = above[-1] if above else _before[name]
        if wanted is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = wanted
        if not above:
            del _before[name]
