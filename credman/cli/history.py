from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from credman.cli.options import Invocation, command
from credman.cli.render import (
    NOTHING,
    exposure_facts,
    render_age,
    render_json,
    render_since,
    render_table,
    token_facts,
)
from credman.core.intervals import format_instant
from credman.core.model import Exposure, Token, Version
from credman.core.names import quote_untrusted

if TYPE_CHECKING:
    from credman.cli.parameters import JsonOption, NameArgument


@command()
def history(invocation: Invocation, name: NameArgument, json: JsonOption = False) -> None:
    """Show the versions of a token: their states, ages, and who ended them.

    Example: credman history hf -e prod
    """
    session = invocation.open_session()
    token = session.token(name)
    invocation.report(session)
    out = invocation.context.stdout
    versions = sorted(token.versions, key=lambda v: v.number, reverse=True)
    if json:
        facts = {key: token_facts(token)[key] for key in ("name", "environment", "profile")}
        out.print(render_json({**facts, "versions": [_facts(v) for v in versions]}))
        return
    now = datetime.now(UTC)
    rows = [_row(token, version, now) for version in versions]
    headers = ["VERSION", "STATE", "AGE", "EXPIRES", "CHECKED", "ENDED"]
    if any(version.exposure is not None for version in versions):
        headers.append("EXPOSED")
        rows = [[*row, _render(v.exposure, now)] for row, v in zip(rows, versions, strict=True)]
    out.print(render_table(invocation.context, headers, rows))


def _row(token: Token, version: Version, now: datetime) -> list[str]:
    finding = version.finding
    expires_at = version.expires_at
    if expires_at is None and version == token.current:
        expires_at = token.expires_at
    ended = NOTHING
    if version.ended_at is not None:
        ended = f"{render_since(version.ended_at, now)} {version.ended_by}".strip()
    return [
        f"#{version.number}",
        version.state.value,
        render_age(version.created_at, now),
        NOTHING if expires_at is None else expires_at.date().isoformat(),
        NOTHING if finding is None else f"{finding.liveness.value} {render_since(finding.at, now)}",
        quote_untrusted(ended),
    ]


def _render(exposure: Exposure | None, now: datetime) -> str:
    if exposure is None:
        return NOTHING
    return f"{exposure.words}, {render_since(exposure.at, now)}"


def _facts(version: Version) -> dict[str, object]:
    finding = version.finding
    return {
        "number": version.number,
        "state": version.state.value,
        "created_at": format_instant(version.created_at),
        "expires_at": version.expires_at and format_instant(version.expires_at),
        "retiring_at": version.retiring_at and format_instant(version.retiring_at),
        "ended_at": version.ended_at and format_instant(version.ended_at),
        "ended_by": version.ended_by or None,
        "has_value": bool(version.fields),
        "checked": finding and finding.liveness.value,
        "checked_at": finding and format_instant(finding.at),
        "exposure": exposure_facts(version.exposure),
    }
