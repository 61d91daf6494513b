"""One timer in one scheduler: whether it is there, putting it there, taking it away.

Rules: everything lies in the user's own folders or in his own crontab; what somebody else wrote
there stays as it is. launchd is in ``timers_elsewhere``, with Task Scheduler.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import Protocol

from credman.core.errors import CredmanError, Unavailable
from credman.core.paths import find_home, make_private_directory
from credman.stores import disk
from credman.upkeep.calling import System
from credman.watch.timer_cron import find_block, merge_crontab, parse_block, render_block
from credman.watch.timer_files import parse_units, render_service, render_timer
from credman.watch.timers import UNIT, Job, Scheduler

_LIMIT = 1024 * 1024
_MANAGER_SECONDS = 10.0
AT_LOGIN = "it begins with the next login"


@dataclass(frozen=True, slots=True)
class Piece:
    """What is written. Args: place: a path, or words for it; text: what it holds then."""

    place: str
    text: str


@dataclass(frozen=True, slots=True)
class Found:
    """A timer of ours.

    Args:
        job: None: somebody has changed it, so that it is not understood.
        is_active: None: nobody can tell before the next login.
    """

    job: Job | None
    is_active: bool | None


class Timer(Protocol):
    scheduler: Scheduler

    def why_not(self) -> str:
        """Returns: why the system cannot have it; empty if it can."""

    def render(self, job: Job) -> list[Piece]:
        """Raises: UsageError: the scheduler cannot hold it."""

    def find(self) -> Found | None:
        """Raises: Unavailable: it cannot be told."""

    def is_as(self, job: Job) -> bool:
        """Whether what is there is what would be written, and active."""

    def install(self, job: Job) -> str:
        """Returns: what there is to say of it; mostly nothing.

        Raises:
            Unavailable: it did not work.
        """

    def remove(self) -> list[str]:
        """Returns: what was taken away, in words.

        Raises:
            Unavailable: it could not be, or not all of it.
        """


class SystemdTimer:
    """Units of the user's own manager."""

    scheduler = Scheduler.SYSTEMD

    def __init__(self, system: System) -> None:
        self._system = system
        self._program = system.find("systemctl")
        environ = system.environ
        config = _base(environ.get("XDG_CONFIG_HOME"), system, ".config")
        data = _base(environ.get("XDG_DATA_HOME"), system, ".local/share")
        self._folder = os.path.join(config, "systemd", "user")
        self._stamp = os.path.join(data, "systemd", "timers", f"stamp-{UNIT}.timer")
        self._service, self._timer = (
            os.path.join(self._folder, f"{UNIT}.{kind}") for kind in ("service", "timer")
        )
        self._link = os.path.join(self._folder, "timers.target.wants", f"{UNIT}.timer")

    def why_not(self) -> str:
        return "" if self._program else "there is no systemctl on PATH"

    def answers(self) -> bool:
        """Whether a manager of the user's own runs, and this process reaches it."""
        try:
            return self._tell("show-environment") == ""
        except Unavailable:
            return False

    def render(self, job: Job) -> list[Piece]:
        return [
            Piece(self._service, render_service(job)),
            Piece(self._timer, render_timer(job)),
            Piece(self._link, f"a link to {self._timer}\n"),
        ]

    def find(self) -> Found | None:
        if not any(map(os.path.lexists, (self._service, self._timer, self._link))):
            return None
        texts = [_read(path) for path in (self._service, self._timer)]
        job = parse_units(*(text.decode("utf-8", "surrogateescape") for text in texts))
        if not self._is_linked():
            return Found(job, False)
        if not self.answers():
            return Found(job, None)
        return Found(job, self._tell("is-active", "--quiet", f"{UNIT}.timer") == "")

    def is_as(self, job: Job) -> bool:
        service, timer, _ = self.render(job)
        pieces = ((self._service, service), (self._timer, timer))
        if any(_read(path) != piece.text.encode("utf-8") for path, piece in pieces):
            return False
        found = self.find()
        return found is not None and found.is_active is not False

    def install(self, job: Job) -> str:
        service, timer, _ = self.render(job)
        write_file(self._service, service.text.encode("utf-8"))
        write_file(self._timer, timer.text.encode("utf-8"))
        # As "systemctl enable" makes it, which needs no manager either.
        if not self._is_linked():
            make_private_directory(os.path.dirname(self._link))
            _unlink(self._link)
            try:
                os.symlink(self._timer, self._link)
            except OSError as error:
                raise disk.cannot("write", self._link, error) from None
        if not self.answers():
            return AT_LOGIN
        for words in (("daemon-reload",), ("restart", f"{UNIT}.timer")):
            problem = self._tell(*words)
            if problem:
                raise Unavailable(
                    f"systemctl --user {' '.join(words)}: {problem}",
                    hint="credman remind uninstall takes away what was written; "
                    "--scheduler cron is another way",
                )
        return ""

    def remove(self) -> list[str]:
        paths = [self._link, self._timer, self._service, self._stamp]
        there = [path for path in paths if os.path.lexists(path)]
        if not there:
            return []
        is_reached = self.answers()
        if is_reached:
            self._tell("stop", f"{UNIT}.timer")  # where it is not loaded there is nothing to stop
        for path in there:
            _unlink(path)
        for folder in (os.path.dirname(self._link), self._folder, os.path.dirname(self._folder)):
            with contextlib.suppress(OSError):  # something else is in it, or it is not there
                os.rmdir(folder)
        if is_reached:
            self._tell("daemon-reload")
        return there

    def _is_linked(self) -> bool:
        return os.path.realpath(self._link) == os.path.realpath(self._timer) != self._link

    def _tell(self, *words: str) -> str:
        """Returns: what is wrong; empty: nothing."""
        if self._program is None:
            return "there is no systemctl"
        argv = [self._program, "--user", *words]
        done = self._system.call(argv, seconds=_MANAGER_SECONDS)
        return "" if done.code == 0 else done.said


class CronTimer:
    """A few lines in the user's crontab."""

    scheduler = Scheduler.CRON

    def __init__(self, system: System) -> None:
        self._system = system
        self._program = system.find("crontab") if system.platform != "win32" else None

    def why_not(self) -> str:
        return "" if self._program else "there is no crontab on PATH"

    def render(self, job: Job) -> list[Piece]:
        return [Piece("your crontab", render_block(job))]

    def find(self) -> Found | None:
        block = find_block(self._find_text() or "")
        return None if block is None else Found(parse_block(block), True)

    def is_as(self, job: Job) -> bool:
        crontab = self._read()
        return merge_crontab(crontab, render_block(job)) == crontab

    def install(self, job: Job) -> str:
        self._write(merge_crontab(self._read(), render_block(job)))
        return ""

    def remove(self) -> list[str]:
        crontab = self._find_text() or ""
        rest = merge_crontab(crontab, None)
        if rest == crontab:
            return []
        if rest:
            self._write(rest)
        else:
            done = self._system.call([self._crontab(), "-r"])
            if done.code:
                raise Unavailable(f"crontab -r: {done.said}")
        return ["the lines in your crontab"]

    def _crontab(self) -> str:
        if self._program is None:
            raise Unavailable(self.why_not())
        return self._program

    def _read(self) -> str:
        text = self._find_text()
        if text is None:
            raise Unavailable(self.why_not() or "crontab says that you are not allowed to use it")
        return text

    def _find_text(self) -> str | None:
        """Returns: None: the user may not have a crontab, or there is no such program."""
        if self._program is None:
            return None
        done = self._system.call([self._crontab(), "-l"])
        if done.code == 0:
            return done.out.decode("utf-8", "surrogateescape")
        # Only this is an empty one: what cannot be read must not be written over. The second is
        # what busybox says.
        said = done.err.lower()
        if b"not allowed" in said:  # by cron.allow or cron.deny
            return None
        if b"no crontab for" in said or (b"can't open" in said and b"no such file" in said):
            return ""
        raise Unavailable(
            f"cannot read your crontab: {done.said}", hint="crontab -l shows what is wrong"
        )

    def _write(self, text: str) -> None:
        data = text.encode("utf-8", "surrogateescape")
        done = self._system.call([self._crontab(), "-"], data)
        if done.code:
            raise Unavailable(f"cannot write your crontab, which is as it was: {done.said}")
        if self._read() != text:
            raise Unavailable(
                "what was read back of your crontab is not what was written",
                hint="crontab -l shows it",
            )


def write_file(path: str, data: bytes) -> None:
    """Writes a file of the user's own; a crash leaves the old one or the new one.

    Raises:
        Unavailable: it cannot be written, or the folder is somebody else's.
    """
    _refuse_foreign_folder(path)
    make_private_directory(os.path.dirname(path))
    disk.replace_file(path, data, check=lambda written: None)


def _refuse_foreign_folder(path: str) -> None:
    # sudo with the caller's HOME: root's files there would stop the owner's own.
    folder = os.path.dirname(path)
    while not os.path.lexists(folder):
        folder = os.path.dirname(folder)
    try:
        is_foreign = os.name == "posix" and os.stat(folder).st_uid != os.geteuid()
    except OSError as error:
        raise disk.cannot("read", folder, error) from None
    if is_foreign:
        raise Unavailable(
            f"{folder} belongs to another user", hint="run credman as the user who is reminded"
        )


def _read(path: str) -> bytes:
    """Returns: what a file holds; nothing if it is none, or a link (a masked unit is one)."""
    try:
        return disk.read_own_file(path, limit=_LIMIT) or b""
    except CredmanError:
        return b""


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise disk.cannot("remove", path, error) from None


def _base(named: str | None, system: System, fallback: str) -> str:
    if named and os.path.isabs(named):
        return named
    return os.path.join(find_home(system.environ), fallback)
