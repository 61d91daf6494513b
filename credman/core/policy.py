"""What the configuration asks of tokens: how old they may become, and what they must be.

Rule: a key or a word that is not known is an error: a policy that is not understood must not count
as one that allows everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from credman.core.errors import UsageError
from credman.core.intervals import Interval, parse_interval, parse_intervals
from credman.core.names import check_name


@dataclass(frozen=True, slots=True)
class Policy:
    """What is None is left to the policy for all, and at last to what is usual.

    Args:
        rotate_every: for tokens that have no schedule of their own.
        max_age: at most, whatever a token's own schedule says.
        remind: how long before a date to remind of it, the longest first; none: not at all,
            not even on the day.
        grace: how long an old version may live on.
        must_expire: a token without a known end is against it.
        providers: whose tokens are allowed, in lower case.
        may_share_value: False: the same value in another environment is against it.
    """

    rotate_every: Interval | None = None
    max_age: Interval | None = None
    remind: tuple[Interval, ...] | None = None
    grace: Interval | None = None
    must_expire: bool | None = None
    providers: tuple[str, ...] | None = None
    may_share_value: bool | None = None

    def over(self, general: Policy) -> Policy:
        """Returns: this one, completed by the one for all."""
        own = {field.name: getattr(self, field.name) for field in fields(self)}
        return Policy(
            **{n: getattr(general, n) if value is None else value for n, value in own.items()}
        )

    @property
    def forbids(self) -> bool:
        """Whether anything can be against it."""
        return bool(
            self.max_age is not None
            or self.must_expire
            or self.providers is not None
            or self.may_share_value is False
        )


def parse_policy(table: object, *, source: str, key: str) -> Policy:
    """Args:
        table: as it was read from TOML.
        source: the file, for messages.
        key: where it stands there.

    Raises:
        UsageError: names file and key.
    """
    if not isinstance(table, dict):
        raise UsageError(f"{source}: {key} must be a table")
    for name in table:
        if name not in _READERS:
            known = ", ".join(sorted(_READERS))
            raise UsageError(f"{source}: unknown key {name!r} in {key}", hint=f"known: {known}")
    values: dict[str, object] = {}
    for name, value in table.items():
        attribute, read = _READERS[name]
        try:
            values[attribute] = read(value)
        except UsageError as error:
            raise UsageError(f"{source}: {key}.{name}: {error.message}", hint=error.hint) from None
    return Policy(**values)  # type: ignore[arg-type]  # each reader gives what its field holds


def _interval(value: object) -> Interval:
    if not isinstance(value, str):
        raise UsageError("must be a text", hint="such as 90d or 3mo")
    return parse_interval(value)


def _remind(value: object) -> tuple[Interval, ...]:
    if value == "off":
        return ()
    if not isinstance(value, str):
        raise UsageError("must be a text", hint="such as 14d,3d, or off")
    return parse_intervals(value)


def _word(true: str, false: str) -> Callable[[object], bool]:
    def read(value: object) -> bool:
        if value not in (true, false):
            raise UsageError(f"must be {true} or {false}")
        return value == true

    return read


def _providers(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        raise UsageError("must be a list of names", hint="credman providers lists them")
    return tuple(check_name("provider", name).casefold() for name in value)


_READERS: Mapping[str, tuple[str, Callable[[object], object]]] = {
    "rotate_every": ("rotate_every", _interval),
    "max_age": ("max_age", _interval),
    "remind": ("remind", _remind),
    "grace": ("grace", _interval),
    "expiry": ("must_expire", _word("required", "optional")),
    "providers": ("providers", _providers),
    "same_value": ("may_share_value", _word("allowed", "forbidden")),
}
"""By key of the file: the field, and what reads its value."""
