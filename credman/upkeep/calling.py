"""Programs of the system that are asked or told something.

Rule: found on PATH by an absolute path, called without a shell and with a deadline, and never given
what opens the vault.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from credman.core.errors import Unavailable
from credman.core.names import quote_untrusted

if TYPE_CHECKING:
    import subprocess

SECONDS = 20.0
_MOST_SAID = 200


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
        environ = {k: v for k, v in self.environ.items() if not k.startswith("CREDMAN_PASSPHRASE")}
        environ["LC_ALL"] = "C"  # what "crontab" says is read
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
            reason = (getattr(error, "strerror", None) or "failed").lower()
            raise Unavailable(f"cannot start {name}: {reason}") from None
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
