"""Tables, ages and JSON for people and scripts. Takes data, returns text; never a value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from credman.cli.context import Context
from credman.core.intervals import format_instant
from credman.core.model import Exposure, Token, VersionState

NOTHING = "–"
JSON_VERSION = 1
_NARROWEST = 78


def render_json(payload: Mapping[str, object]) -> str:
    """Returns: one object with the version of its form."""
    return json.dumps({"version": JSON_VERSION, **payload}, indent=2, ensure_ascii=True)


def render_table(context: Context, headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Args: rows: cells without markup; those that hold untrusted text are escaped already.

    Returns:
        A table that fits the terminal; piped, every row on one line and without colour.
    """
    output = context.stdout
    if not output.is_terminal:
        return _render_plain([headers, *rows])  # rich takes half a millisecond a row

    from io import StringIO

    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    colour = not (context.environ.get("NO_COLOR") or context.environ.get("TERM") == "dumb")
    table = Table(box=None, show_edge=False, pad_edge=False, padding=(0, 3, 0, 0))
    for header in headers:
        table.add_column(Text(header, style="bold" if colour else ""), overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell, style=_style(cell) if colour else "") for cell in row))
    buffer = StringIO()
    Console(
        file=buffer,
        # Narrower than this, cells would be cut to letters: the terminal may wrap lines instead.
        width=max(output.width, _NARROWEST) - 2,
        color_system="standard" if colour else None,
        force_terminal=colour,
        legacy_windows=False,
        highlight=False,
        _environ={},
    ).print(table)
    return "\n".join(f"  {line.rstrip()}" for line in buffer.getvalue().splitlines())


def _render_plain(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ("   ".join(map(str.ljust, row, widths)).rstrip() for row in rows)
    return "\n".join(f"  {line}" for line in lines)


def render_age(since: datetime, now: datetime) -> str:
    """Returns: ``12 d``; a clock that was set back gives ``today``, never a negative age."""
    days = (now - since).days
    return f"{days} d" if days > 0 else "today"


def render_expiry(token: Token, now: datetime) -> str:
    expires_at = token.expires_at
    if expires_at is None:
        return NOTHING
    if expires_at <= now:
        return "expired"
    left = expires_at - now
    if left < timedelta(days=1):
        return f"in {render_seconds(int(left.total_seconds()))}"
    return f"in {_days(left)} d"


def render_rotation(at: datetime | None, now: datetime) -> str:
    """Args: at: when it is due; None: never."""
    overdue = days_overdue(at, now)
    if overdue is None:
        return NOTHING
    return "overdue" if overdue > 0 else f"in {-overdue} d"


def render_state(token: Token, now: datetime) -> str:
    """Returns: ``unsure`` for what came back from an older copy and nobody has checked since; else
    what its provider said of it last, and when."""
    current = token.current
    if current.state is not VersionState.CURRENT:
        return str(current.state.value)
    if token.unsure:
        return "unsure"
    if token.rotation is not None:
        return f"rotation {token.rotation.stage.value}"
    finding = current.finding
    if finding is None:
        return "not checked"
    since = render_since(finding.at, now)
    return f"{finding.liveness.value} {since}"


def render_since(moment: datetime, now: datetime) -> str:
    """Returns: ``2 h ago``; a clock that was set back gives ``just now``."""
    seconds = int((now - moment).total_seconds())
    return "just now" if seconds < 60 else f"{render_seconds(seconds)} ago"


def render_seconds(seconds: int) -> str:
    """Returns: ``50 min``, ``2 h``, ``3 d``, in the largest unit that fills."""
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


def days_overdue(at: datetime | None, now: datetime) -> int | None:
    """Args: at: when something is due; None: never.

    Returns:
        Days since then, negative before it.
    """
    if at is None:
        return None
    return -_days(at - now) if at > now else max(1, (now - at).days)


def token_facts(token: Token) -> dict[str, object]:
    """Returns: what JSON says of a token; no value."""
    schedule, finding = token.schedule, token.current.finding
    return {
        "name": token.key.name,
        "environment": token.key.environment,
        "profile": token.key.profile,
        "provider": token.provider,
        "variables": list(token.variables),
        "version": token.current.number,
        "created_at": format_instant(token.current.created_at),
        "expires_at": token.expires_at and format_instant(token.expires_at),
        "rotate_every": schedule.rotate_every,
        "state": current_state(token),
        "checked_at": finding and format_instant(finding.at),
        "identity": finding.identity if finding else None,
        "scopes": finding.scopes if finding else None,
        "rotation": None if token.rotation is None else token.rotation.stage.value,
    }


def exposure_facts(exposure: Exposure | None) -> dict[str, object] | None:
    """What JSON says of a value that was found in files; not where."""
    if exposure is None:
        return None
    return {
        "at": format_instant(exposure.at),
        "seen_at": format_instant(exposure.seen_at),
        "count": exposure.count,
    }


def current_state(token: Token) -> str:
    """Returns: the state in one word, for scripts."""
    current = token.current
    if current.state is not VersionState.CURRENT:
        return str(current.state.value)
    if token.unsure:
        return "unsure"
    return "not checked" if current.finding is None else str(current.finding.liveness.value)


def _days(span: timedelta) -> int:
    return -(-span // timedelta(days=1))


def _style(cell: str) -> str:
    bad = ("overdue", "expired", "exposed", "compromised", "revoked")
    if cell in bad or cell.startswith("dead"):
        return "red"
    return "dim" if cell in (NOTHING, "not checked") else ""
