"""The description of a task for Windows' Task Scheduler. Pure.

The form is of the "Task Scheduler Schema" (learn.microsoft.com/windows/win32/taskschd), version
1.2. Task Scheduler expands ``%NAME%`` and ``$(NAME)`` in what it calls, and nothing escapes them:
such a command is refused. It sets no variables either, so cmd.exe does.
"""

from __future__ import annotations

import re
from datetime import time

from credman.core.errors import UsageError
from credman.watch.timers import NOTE, Job

NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"
_CMD = "%SystemRoot%\\System32\\cmd.exe"
_SET = re.compile(r'set "([A-Z_][A-Z0-9_]*)=([^"]*)"&&', re.ASCII)
_TIME = re.compile(r"[0-9-]{10}T([0-9]{2}):([0-9]{2}):00", re.ASCII)

_TASK = """<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="{namespace}">
  <RegistrationInfo>
    <Description>{note}</Description>
  </RegistrationInfo>
  <Triggers>
    <CalendarTrigger>
      <StartBoundary>2026-01-01T{at:%H:%M}:00</StartBoundary>
      <ScheduleByDay>
        <DaysInterval>1</DaysInterval>
      </ScheduleByDay>
    </CalendarTrigger>
  </Triggers>
  <Principals>
    <Principal id="Author">
      <LogonType>InteractiveToken</LogonType>
      <RunLevel>LeastPrivilege</RunLevel>
    </Principal>
  </Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <StartWhenAvailable>true</StartWhenAvailable>
    <ExecutionTimeLimit>PT15M</ExecutionTimeLimit>
  </Settings>
  <Actions Context="Author">
    <Exec>
      <Command>{command}</Command>
      <Arguments>{arguments}</Arguments>
    </Exec>
  </Actions>
</Task>
"""


def render_task(job: Job) -> str:
    """Returns: XML; it is to be written in UTF-16.

    Raises:
        UsageError: Task Scheduler or cmd.exe would read the command otherwise.
    """
    from xml.sax.saxutils import escape

    words = (*job.command, *job.environ.values())
    # One alone is no pair.
    if sum(word.count("%") for word in words) > 1 or any("$(" in word for word in words):
        raise _refuse("% and $( in what a task calls are read as variables")
    command, arguments = job.command[0], " ".join(map(_quote, job.command[1:]))
    if job.environ:
        if any('"' in word for word in words):
            raise _refuse("cmd.exe, which sets a task's variables, takes no quotes inside of words")
        sets = "".join(f'set "{k}={v}"&&' for k, v in sorted(job.environ.items()))
        command, arguments = _CMD, f'/d /s /c "{sets}"{command}" {arguments}"'
    return _TASK.format(
        namespace=NAMESPACE,
        note=NOTE,
        at=job.at,
        command=escape(command),
        arguments=escape(arguments),
    )


def parse_task(xml: str) -> Job | None:
    """Returns: the job that it was rendered from; None: somebody has changed it."""
    from xml.etree import ElementTree

    # What declares another encoding than that of the text is refused by the parser.
    xml = re.sub(r"^\ufeff?\s*<\?xml[^>]*\?>", "", xml)
    try:
        task = ElementTree.fromstring(xml)  # noqa: S314 - what the system gives of our own task
        found = {part.tag.rpartition("}")[2]: part.text or "" for part in task.iter()}
        at = _TIME.match(found["StartBoundary"])
        words, environ = [found["Command"]], {}
        arguments = found.get("Arguments", "")
        if words[0] == _CMD:
            inner = arguments.removeprefix('/d /s /c "').removesuffix('"')
            while assigned := _SET.match(inner):
                environ[assigned[1]] = assigned[2]
                inner = inner[assigned.end() :]
            words, arguments = [], inner
        if at is None:
            return None
        command = (*words, *split_arguments(arguments))
        return Job(command, environ, time(int(at[1]), int(at[2])))
    except (ElementTree.ParseError, LookupError, UsageError, ValueError):
        return None


def split_arguments(line: str) -> list[str]:
    """Returns: the words of a command line as programs on Windows find them ("Parsing C++
    command-line arguments": backslashes count before a quote only)."""
    words: list[str] = []
    word, slashes, is_inside, has_begun = "", 0, False, False
    for character in f"{line} ":
        if character == "\\":
            slashes += 1
            continue
        if character == '"':
            word += "\\" * (slashes // 2)
            if slashes % 2:
                word += character
            else:
                is_inside = not is_inside
            has_begun = True
        else:
            word += "\\" * slashes
            if is_inside or character not in " \t":
                word += character
            elif word or has_begun:
                words.append(word)
                word, has_begun = "", False
        slashes = 0
    return words


def _quote(word: str) -> str:
    # As list2cmdline of subprocess, but always in quotes: cmd.exe reads & and ^ outside of them.
    escaped = re.sub(r'(\\*)"', r'\1\1\\"', word)
    escaped = re.sub(r"(\\+)$", r"\1\1", escaped)
    return f'"{escaped}"'


def _refuse(message: str) -> UsageError:
    return UsageError(message, hint="a script of your own may hold it: --command C:\\path\\script")
