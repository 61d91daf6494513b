"""Programs that are called: the system's own, and commands of the user's.

Rule: without a shell, unless the user wants one; with a deadline; and never given what opens the
vault. Those of the system are found on PATH by an absolute path.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from credman.core.environ import Environ
from credman.core.errors import Unavailable, UsageError
from credman.core.names import quote_untrusted

if TYPE_CHECKING:
    import subprocess

SECONDS = 20.0
_MOST_SAID = 200


def withhold(environ: Mapping[str, str]) -> Environ:
    """Returns: the variables without those that open the vault."""
    return Environ((k, environ[k]) for k in environ if not k.startswith("CREDMAN_PASSPHRASE"))


def split_command(command: str, *, uses_shell: bool = False) -> list[str]:
    """Args: command: as the user has given it with ``--command``.

    Returns:
        A program and its arguments.

    Raises:
        UsageError: it cannot be run as it stands.
    """
    if "\0" in command or "\n" in command:
        raise UsageError("--command holds a line end")
    if not command.strip():
        raise UsageError("--command is empty")
    if uses_shell:
        return ["/bin/sh", "-c", command]
    try:
        words = shlex.split(command, posix=os.name == "posix")
    except ValueError:
        raise UsageError("--command cannot be split into words: a quote is not closed") from None
    if not words or not words[0].strip():
        raise UsageError("--command is empty")
    return words


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a call."""

    code: int
    out: bytes
    err: bytes

    @property
    def said(self) -> str:
        """The first line that it wrote, for an error's message."""
        lines = (self.err.strip() or self.out.strip()).decode("utf-8", "replace").splitlines()
        text = quote_untrusted(lines[0].strip())[:_MOST_SAID] if lines else ""
        return text.rstrip(".") or f"it ended with {self.code}"


@dataclass(frozen=True, slots=True)
class System:
    """Args: environ: all variables of the caller; platform: as ``sys.platform`` names it."""

    environ: Mapping[str, str] = field(repr=False)
    platform: str = sys.platform

    def find(self, name: str) -> str | None:
        """Returns: the absolute path of a program; entries of PATH that are relative are passed
        over."""
        return next(iter(self.find_all(name)), None)

    def find_all(self, name: str, folders: Sequence[str] = ()) -> list[str]:
        """As ``find``, all of them in their order. Args: folders: looked through after PATH."""
        listed = (*self.environ.get("PATH", os.defpath).split(os.pathsep), *folders)
        found = [shutil.which(name, path=folder) for folder in listed if os.path.isabs(folder)]
        return list(dict.fromkeys(path for path in found if path is not None))

    def call(self, argv: Sequence[str], data: bytes = b"", *, seconds: float = SECONDS) -> Done:
        """Args: data: for its standard input; seconds: how long it may take.

        Raises:
            Unavailable: it could not be started, or took too long.
        """
        import subprocess

        name = os.path.basename(argv[0])
        environ = withhold(self.environ) | {"LC_ALL": "C"}  # what "crontab" says is read
        problem = ""
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environ,
                cwd="/" if os.name == "posix" else None,
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            problem = (getattr(error, "strerror", None) or "failed").lower()
        if problem:  # raised out here: the library's frames hold the environment
            raise Unavailable(f"cannot start {name}: {problem}")
        try:
            out, err = process.communicate(data, timeout=seconds)
        except subprocess.TimeoutExpired:
            end(process)
            # Not read to its end: somebody that it started may keep it open.
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
            raise Unavailable(f"{name} did not answer within {seconds:g} s") from None
        return Done(process.returncode, out, err)


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends it with all that it has started, which a session of its own keeps together."""
    if os.name == "posix":
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
