"""The files of a timer for systemd and for launchd. Pure.

systemd unquotes a line (backslashes are escapes inside of double quotes), then expands ``%``, and
in the arguments of a command ``$`` as well: systemd.service(5), "Command lines". So every word
stands in double quotes, and these four are doubled or escaped.
"""

from __future__ import annotations

import re
from datetime import time

from credman.core.errors import UsageError
from credman.watch.timers import LABEL, NOTE, SUMMARY, Job

_WORD = re.compile(r'"((?:[^"\\]|\\.)*)"(?: |$)')
_CALENDAR = re.compile(r"OnCalendar=\*-\*-\* ([0-9]{2}):([0-9]{2}):00", re.ASCII)
_NOT_IN_A_PROGRAM = frozenset("\"'\\$")
_THROUGH_SHELL = ("/bin/sh", "-c", 'exec "$0" "$@"')


def render_service(job: Job) -> str:
    """Returns: the unit that is started."""
    variables = [
        f'Environment="{_escape(f"{name}={value}")}"' for name, value in sorted(job.environ.items())
    ]
    words = job.command
    if _NOT_IN_A_PROGRAM & set(words[0]):
        # systemd takes no such program (string_is_safe in its load-fragment.c), but such arguments.
        words = (*_THROUGH_SHELL, *words)
    # A command of one's own that hangs must not hold up the days after.
    return _lines(
        f"# {NOTE}",
        "[Unit]",
        f"Description={SUMMARY}",
        "",
        "[Service]",
        "Type=oneshot",
        "TimeoutStartSec=15min",
        *variables,
        "ExecStart=" + " ".join(f'"{_escape(word).replace("$", "$$")}"' for word in words),
    )


def render_timer(job: Job) -> str:
    """Returns: the unit that starts the other one."""
    return _lines(
        f"# {NOTE}",
        "[Unit]",
        f"Description={SUMMARY}",
        "",
        "[Timer]",
        f"OnCalendar=*-*-* {job.at:%H:%M}:00",
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    )


def parse_units(service: str, timer: str) -> Job | None:
    """Returns: the job that they were rendered from; None: somebody has changed them."""
    environ: dict[str, str] = {}
    command: list[str] = []
    for line in service.split("\n"):
        key, _, rest = line.partition("=")
        if key not in ("Environment", "ExecStart"):
            continue
        words = _split(rest)
        if words is None or (key == "ExecStart" and command):
            return None
        if key == "ExecStart":
            command = [word.replace("$$", "$") for word in words]
        else:
            environ.update(word.partition("=")[::2] for word in words)
    times = [_CALENDAR.fullmatch(line) for line in timer.split("\n")]
    found = [match for match in times if match is not None]
    if tuple(command[:3]) == _THROUGH_SHELL:
        del command[:3]
    if len(found) != 1:
        return None
    try:
        return Job(tuple(command), environ, time(int(found[0][1]), int(found[0][2])))
    except (UsageError, ValueError):
        return None


def render_plist(job: Job) -> bytes:
    """Returns: the property list of a launch agent.

    A time that is slept through is made up for by launchd, one at which the machine is off is not:
    therefore it runs at login as well (launchd.plist(5): StartCalendarInterval, RunAtLoad).
    """
    import plistlib

    properties = {
        "Label": LABEL,
        "ProgramArguments": list(job.command),
        "EnvironmentVariables": dict(job.environ),
        "StartCalendarInterval": {"Hour": job.at.hour, "Minute": job.at.minute},
        "RunAtLoad": True,
        "ProcessType": "Background",
    }
    return plistlib.dumps(properties)


def parse_plist(data: bytes) -> Job | None:
    """Returns: the job that it was rendered from; None: somebody has changed it."""
    import plistlib
    from xml.parsers.expat import ExpatError

    try:
        found = plistlib.loads(data)
        at = found["StartCalendarInterval"]
        environ = {str(k): str(v) for k, v in found.get("EnvironmentVariables", {}).items()}
        command = tuple(map(str, found["ProgramArguments"]))
        return Job(command, environ, time(int(at["Hour"]), int(at["Minute"])))
    except (
        plistlib.InvalidFileException,
        ExpatError,
        UsageError,
        AttributeError,
        LookupError,
        TypeError,
        ValueError,
    ):
        return None


def _escape(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")


def _split(text: str) -> list[str] | None:
    words: list[str] = []
    place = 0
    while place < len(text):
        found = _WORD.match(text, place)
        if found is None:
            return None
        words.append(re.sub(r"\\(.)", r"\1", found[1]).replace("%%", "%"))
        place = found.end()
    return words


def _lines(*lines: str) -> str:
    return "".join(f"{line}\n" for line in lines)
