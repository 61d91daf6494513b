"""Timers of macOS and of Windows. Small and plain: no machine of the tests has these."""

from __future__ import annotations

import os
import tempfile

from credman.core.errors import Unavailable
from credman.core.paths import find_home
from credman.stores import disk
from credman.upkeep.calling import System
from credman.upkeep.timers import AT_LOGIN, Found, Piece, write_file
from credman.watch.timer_files import parse_plist, render_plist
from credman.watch.timer_tasks import parse_task, render_task
from credman.watch.timers import LABEL, TASK, Job, Scheduler

_LIMIT = 1024 * 1024


class LaunchdTimer:
    """An agent in the user's own graphical session."""

    scheduler = Scheduler.LAUNCHD

    def __init__(self, system: System) -> None:
        self._system = system
        self._program = system.find("launchctl") if system.platform == "darwin" else None
        home = find_home(system.environ)
        self._path = os.path.join(home, "Library", "LaunchAgents", f"{LABEL}.plist")

    def why_not(self) -> str:
        return "" if self._program else "there is no launchctl on PATH"

    def render(self, job: Job) -> list[Piece]:
        return [Piece(self._path, render_plist(job).decode("utf-8"))]

    def find(self) -> Found | None:
        data = disk.read_own_file(self._path, limit=_LIMIT)
        if data is None:
            return None
        is_loaded = self._tell("print", f"{self._domain()}/{LABEL}") == ""
        return Found(parse_plist(data), is_loaded or (False if self._has_session() else None))

    def is_as(self, job: Job) -> bool:
        found = self.find()
        data = disk.read_own_file(self._path, limit=_LIMIT)
        return found is not None and found.is_active is not False and data == render_plist(job)

    def install(self, job: Job) -> str:
        write_file(self._path, render_plist(job))
        if not self._has_session():
            return AT_LOGIN
        self._tell("bootout", f"{self._domain()}/{LABEL}")  # a former one, if there is any
        problem = self._tell("bootstrap", self._domain(), self._path)
        if problem:
            raise Unavailable(
                f"launchctl bootstrap: {problem}",
                hint="credman remind uninstall takes away what was written",
            )
        return ""

    def remove(self) -> list[str]:
        if not os.path.lexists(self._path):
            return []
        self._tell("bootout", f"{self._domain()}/{LABEL}")
        try:
            os.unlink(self._path)
        except OSError as error:
            raise disk.cannot("remove", self._path, error) from None
        return [self._path]

    def _domain(self) -> str:
        return f"gui/{os.getuid()}"

    def _has_session(self) -> bool:
        # Over ssh there may be none; launchd reads the folder at login.
        return self._tell("print", self._domain()) == ""

    def _tell(self, *words: str) -> str:
        if self._program is None:
            return "there is no launchctl"
        done = self._system.call([self._program, *words])
        return "" if done.code == 0 else done.said


class TasksTimer:
    """A task of the user's own, run while he is logged on, without more rights."""

    scheduler = Scheduler.TASKS

    def __init__(self, system: System) -> None:
        self._system = system
        self._program = system.find("schtasks") if system.platform == "win32" else None

    def why_not(self) -> str:
        return "" if self._program else "there is no schtasks on PATH"

    def render(self, job: Job) -> list[Piece]:
        return [Piece(f"the task {TASK!r}", render_task(job))]

    def find(self) -> Found | None:
        if self._program is None:
            return None
        done = self._system.call([self._program, "/Query", "/TN", TASK, "/XML"])
        if done.code:
            return None
        job = parse_task(done.out.decode("utf-8", "replace"))
        return Found(job, b"<Enabled>false</Enabled>" not in done.out)

    def is_as(self, job: Job) -> bool:
        # What comes back has parts that Task Scheduler has added.
        return self.find() == Found(job, True)

    def install(self, job: Job) -> str:
        with tempfile.TemporaryDirectory() as folder:  # one that others cannot write to
            path = os.path.join(folder, "task.xml")
            with open(path, "wb") as file:
                file.write(render_task(job).encode("utf-16"))
            self._change("/Create", "/TN", TASK, "/XML", path, "/F")
        return ""

    def remove(self) -> list[str]:
        if self.find() is None:
            return []
        self._change("/Delete", "/TN", TASK, "/F")
        return [f"the task {TASK!r}"]

    def _change(self, *words: str) -> None:
        if self._program is None:
            raise Unavailable(self.why_not())
        done = self._system.call([self._program, *words])
        if done.code:
            raise Unavailable(f"schtasks {words[0]}: {done.said}")
