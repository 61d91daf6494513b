"""The timeline of ``due``: a bar a token, from when its value was stored to when that is too old.

Rule: it is read at a glance, and without colour: what is urgent stands first and says so in words.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from credman.cli.context import Context
from credman.core.names import DEFAULT_PROFILE
from credman.watch.reminders import command_for, count_days, describe
from credman.watch.schedule import DATED, Due, Kind

AGE, LIMIT, POINT, TODAY, OVER, BEYOND = "─", "┤", "╎", "█", "▓", "→"
_SPANS = (14, 30, 60, 90, 180, 365)
_WIDEST_NAME, _WIDEST_PLACE = 20, 12
_NARROWEST_BAR = 21
_WORDS = 31
"""Columns below which there is no room for words."""
_GAP = 2
_CODES = {"red": "\x1b[31m", "yellow": "\x1b[33m", "green": "\x1b[32m"}


def render_timeline(context: Context, found: Sequence[Due], now: datetime) -> str:
    """Args:
        found: the most urgent first.
        now: UTC.

    Returns:
        Lines that fit the terminal: a bar a token with a date, then what else waits.
    """
    bars = _merge([item for item in found if item.kind in DATED])
    others = [item for item in found if item.kind not in DATED]
    width = context.stdout.width - 1
    labels = _label([*bars, *others])
    left = len(labels[0])
    states = [_state(item, now) for item in bars]
    right = max(map(len, states), default=0)
    room = width - left - _GAP - right
    is_tight = room < _NARROWEST_BAR
    room = max(width - left if is_tight else room, _NARROWEST_BAR)
    span = _choose_span(bars, now)
    lines = [("", " " * left + _scale(room, span), "")] if bars else []
    for label, item, state in zip(labels, bars, states, strict=False):
        bar = _draw(item, now, room, span)
        said = f"{bar.rstrip()}\n    {state}" if is_tight else f"{bar}{' ' * _GAP}{state}"
        lines.append((_colour(item, now), label, said))
    for label, item in zip(labels[len(bars) :], others, strict=True):
        text = f"{describe(item, now)}: {command_for(item)}"
        colour = "red" if item.is_overdue(now) else "yellow"
        wrapped = _wrap(label, text, max(width, left + _NARROWEST_BAR))
        lines.append((colour, label, wrapped.removeprefix(label)))
    return _paint(context, lines)


def _label(items: Sequence[Due]) -> list[str]:
    """Returns: what stands before each, of one width."""
    names = [_shorten(item.key.name, _WIDEST_NAME) for item in items]
    places = [_shorten(_place(item), _WIDEST_PLACE) for item in items]
    name, place = max(map(len, names)), max(map(len, places))
    gap = " " * _GAP
    return [f"{gap}{n:<{name}}{gap}{p:<{place}}{gap}" for n, p in zip(names, places, strict=True)]


def _merge(dated: Sequence[Due]) -> list[Due]:
    # A token that both expires and is to be rotated has one bar, up to what comes first.
    first: dict[tuple[str, ...], Due] = {}
    for item in dated:
        first.setdefault(tuple(item.key), item)
    return list(first.values())


def _choose_span(bars: Sequence[Due], now: datetime) -> int:
    """Returns: days to either side of today, so that two thirds of the dates are to be seen."""
    ahead = sorted(max((item.at - now).days, 0) for item in bars)
    wanted = ahead[(len(ahead) * 2 + 2) // 3 - 1] if ahead else 0
    return next((span for span in _SPANS if span > wanted), _SPANS[-1])


def _scale(width: int, span: int) -> str:
    middle = width // 2
    before, today, after = f"{span} d ago", "today", f"in {span} d"
    if width < _WORDS:
        before, after = f"-{span} d", f"+{span} d"
    line = before.ljust(middle - len(today) // 2) + today
    return line + after.rjust(width - len(line))


def _draw(item: Due, now: datetime, width: int, span: int) -> str:
    middle = width // 2

    def column(moment: datetime) -> int:
        return middle + round((moment - now) / timedelta(days=1) * middle / span)

    since, limit, last = column(item.since), column(item.at), width - 1
    cells = [" "] * width
    for place in range(max(since, 0), min(limit, last) + 1):
        cells[place] = AGE
    for place in range(max(limit, 0), middle):
        cells[place] = OVER
    for moment, _ in item.reminders:
        if 0 <= (place := column(moment)) <= last:
            cells[place] = POINT
    if limit > last:
        cells[last] = BEYOND
    elif limit >= 0:
        cells[limit] = LIMIT
    cells[middle] = TODAY
    return "".join(cells)


def _state(item: Due, now: datetime) -> str:
    days = abs(count_days(item.at, now))
    if item.is_overdue(now):
        if item.kind is Kind.EXPIRY:
            return "expired"
        return f"overdue {days} d" if days else "overdue"
    ends = f"in {days} d" if days else "today"
    return f"expires {ends}" if item.kind is Kind.EXPIRY else ends


def _colour(item: Due, now: datetime) -> str:
    if item.is_overdue(now):
        return "red"
    return "yellow" if item.find_stage(now) is not None else "green"


def _place(item: Due) -> str:
    profile = "" if item.key.profile == DEFAULT_PROFILE else f"/{item.key.profile}"
    return f"{item.key.environment}{profile}"


def _shorten(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1]}…"


def _wrap(label: str, text: str, width: int) -> str:
    import textwrap

    lines = textwrap.wrap(
        text,
        width,
        initial_indent=label,
        subsequent_indent=" " * len(label),
        break_on_hyphens=False,
    )
    return "\n".join(line.rstrip() for line in lines)


def _paint(context: Context, lines: Sequence[tuple[str, str, str]]) -> str:
    """Args: lines: a colour, what stands before it, and what has it."""
    if context.environ.get("NO_COLOR") or context.environ.get("TERM") == "dumb":
        return "\n".join(f"{head}{text}".rstrip() for _, head, text in lines)
    return "\n".join(
        f"{head}{_CODES[colour]}{text.rstrip()}\x1b[0m" if colour else f"{head}{text}".rstrip()
        for colour, head, text in lines
    )
