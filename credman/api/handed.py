"""Which values this process was given, for whoever keeps them out of what is saved.

Rule: in memory, and nowhere else; nothing of it is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

Listener = Callable[[Mapping[str, str]], None]

_names: dict[str, str] = {}
"""By value: the variable that carries it, with a number if another value had it before."""
_sources: dict[str, str] = {}
_set: dict[str, str] = {}
"""What was put into the environment, by variable."""
_listeners: list[Listener] = []


def note(
    values: Mapping[str, str], sources: Mapping[str, str], public: Collection[str] = ()
) -> None:
    """Args: values, sources: by variable. public: variables whose values are no secrets."""
    _sources.update(sources)
    new = {str(value): v for v, value in values.items() if v not in public}
    for value, variable in new.items():
        if value not in _names:
            count = sum(name.partition(" ")[0] == variable for name in _names.values())
            _names[value] = f"{variable} {count + 1}" if count else variable
    for listener in [*_listeners]:
        listener(_by_name())


def note_set(variable: str, value: str) -> None:
    """The environment has it from credman."""
    _set[variable] = value


def is_own(variable: str, value: str) -> bool:
    """Whether what the environment has was put there by ``load``: then the store still counts."""
    return value != "" and _set.get(variable) == value


def list_sources() -> dict[str, str]:
    """Returns: where each variable came from that was handed out."""
    return dict(_sources)


def listen(listener: Listener) -> None:
    """Args: listener: told now, and whenever there is more: the values, by their names."""
    if listener not in _listeners:
        _listeners.append(listener)
    listener(_by_name())


def stop(listener: Listener) -> None:
    """The listener is told no more."""
    if listener in _listeners:
        _listeners.remove(listener)


def _by_name() -> dict[str, str]:
    return {name: value for value, name in _names.items()}
