"""Our lines in a crontab, and nobody else's. Pure.

cron ends a command at ``%`` and takes a backslash before it away, though not every cron: busybox
does neither. So neither character stands in the line: ``printf`` makes them, and the rest is in
single quotes. The shell is /bin/sh unless the crontab names another one.
"""

from __future__ import annotations

import re
import shlex
from datetime import time

from credman.core.errors import UsageError
from credman.watch.timers import NOTE, Job

BEGIN, END = "# credman remind: begin", "# credman remind: end"

MAX_LINE = 998
"""Bytes. Debian's cron takes a command of less than 1,000 (MAX_COMMAND); some cut it off there."""

_PLAIN = re.compile(r"[A-Za-z0-9_./:@,+-]+", re.ASCII)
_LINE = re.compile(r"([0-9]{1,2}) ([0-9]{1,2})(?:-23)? \* \* \* (.+)", re.ASCII)
_ASSIGNED = re.compile(r"([A-Z_][A-Z0-9_]*)=(.*)", re.ASCII | re.DOTALL)
_BACKSLASH, _PERCENT = "\"$(printf '\\134')\"", "\"$(printf '\\045')\""
_QUOTED = {"'": '"\'"', "\\": _BACKSLASH, "%": _PERCENT}


def render_block(job: Job) -> str:
    """Returns: our lines. Called once an hour from its time on, since cron does not make up for
    what it missed; the command tells everything once only.

    Raises:
        UsageError: the line is longer than cron takes.
    """
    words = [f"{name}={_quote(value)}" for name, value in sorted(job.environ.items())]
    line = " ".join([*words, *map(_quote, job.command)])
    if len(line.encode("utf-8")) > MAX_LINE:
        raise UsageError(
            f"cron takes no line of more than {MAX_LINE} bytes",
            hint="a script of your own may hold the command: --command /path/to/script",
        )
    hours = "23" if job.at.hour == 23 else f"{job.at.hour}-23"
    return f"{BEGIN}\n# {NOTE}\n{job.at.minute} {hours} * * * {line}\n{END}\n"


def find_block(crontab: str) -> str | None:
    """Returns: our lines in a crontab, the first if there are several.

    Raises:
        UsageError: a mark is there without the other.
    """
    blocks = [part for is_ours, part in _divide(crontab) if is_ours]
    return blocks[0] if blocks else None


def merge_crontab(crontab: str, block: str | None) -> str:
    """Args: block: takes the place of what is ours, or comes at the end; None: ours goes.

    Returns:
        The crontab. Every other byte is as it was, but that its last line gets an end.

    Raises:
        UsageError: a mark is there without the other, so nobody knows which lines are ours.
    """
    merged: list[str] = []
    for is_ours, part in _divide(crontab):
        if not is_ours:
            merged.append(part)
        elif block is not None:
            merged.append(block)
            block = None
    text = "".join(merged)
    if block is None:
        return text
    return f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}{block}"


def parse_block(block: str) -> Job | None:
    """Returns: the job that it was rendered from; None: somebody has changed it."""
    lines = [line for line in block.split("\n") if line and not line.startswith("#")]
    found = _LINE.fullmatch(lines[0]) if len(lines) == 1 else None
    if found is None:
        return None
    # A backslash of the job's own stands nowhere in the line, so these are ours.
    text = found[3].replace(_BACKSLASH, "'\\'").replace(_PERCENT, "'%'")
    try:
        words = shlex.split(text)
        environ: dict[str, str] = {}
        while words and (assigned := _ASSIGNED.fullmatch(words[0])):
            environ[assigned[1]] = assigned[2]
            del words[0]
        return Job(tuple(words), environ, time(int(found[2]), int(found[1])))
    except (UsageError, ValueError):
        return None


def _quote(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    runs = re.split(r"(['\\%])", text)
    return "".join(_QUOTED.get(run, f"'{run}'") for run in runs if run) or "''"


def _divide(crontab: str) -> list[tuple[bool, str]]:
    parts: list[tuple[bool, str]] = []
    rest: list[str] = []
    is_ours = False
    for line in re.findall(r"[^\n]*\n|[^\n]+", crontab):
        mark = line.rstrip(" \t\r\n")
        if mark in (BEGIN, END) and is_ours is (mark == BEGIN):
            raise _torn()
        if mark == BEGIN:
            parts.append((False, "".join(rest)))
            rest, is_ours = [line], True
        elif mark == END:
            parts.append((True, "".join([*rest, line])))
            rest, is_ours = [], False
        else:
            rest.append(line)
    if is_ours:
        raise _torn()
    return [*parts, (False, "".join(rest))]


def _torn() -> UsageError:
    return UsageError(
        "one of the two marks around credman's lines is missing in the crontab",
        hint=f"crontab -e: take '{BEGIN}', '{END}' and the line between them out",
    )
