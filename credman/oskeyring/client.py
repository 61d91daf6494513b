"""The operating system's keyring, with a deadline on every call.

Some services ask a person, and wait for ever; some accept a call and never answer. So the calls are
made by a process of its own (``worker``), which is killed when its time is over: its connection
goes with it, and with that the prompt.
"""

from __future__ import annotations

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from enum import Enum
from types import TracebackType
from typing import TYPE_CHECKING

from credman.core.environ import Environ
from credman.core.errors import Unavailable
from credman.core.secret import Secret, SecretBytes
from credman.oskeyring.backends import ALLOWED, asks_on_a_display, check_backend, max_characters

if TYPE_CHECKING:
    import subprocess

INTERACTIVE_SECONDS = 60.0
UNATTENDED_SECONDS = 5.0
PATIENCE_SECONDS = 2.0
PASSED_ON = (
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "HOME",
    "LANG",
    "LOGNAME",
    "PATH",
    "SYSTEMROOT",
    "USER",
    "USERPROFILE",
    "APPDATA",
    "LOCALAPPDATA",
    "WAYLAND_DISPLAY",
    "XAUTHORITY",
    "XDG_CURRENT_DESKTOP",
    "XDG_RUNTIME_DIR",
)
"""Nothing else reaches the backend: KEYRING_PROPERTY_… could send it elsewhere."""
TO_THE_SERVICE = ("DBUS_SESSION_BUS_ADDRESS", "HOME", "LANG", "LOGNAME", "USER", "XDG_RUNTIME_DIR")
"""Those without which the service is not found; no display, and no PATH."""


class Situation(Enum):
    """What is wrong with a keyring, and what to do about it."""

    ABSENT = "there is no keyring here"
    LOCKED = "the keyring is locked, and nothing here can ask for its password"
    DISMISSED = "the keyring stayed locked: its prompt was dismissed"
    SILENT = "the keyring did not answer"
    FAILED = "the keyring failed"

    @property
    def is_there(self) -> bool:
        """Whether a keyring is known to be there, though it gives nothing."""
        return self in (Situation.LOCKED, Situation.DISMISSED, Situation.SILENT)


_OTHERWISE = "on a terminal a passphrase of the vault, or its recovery key, opens it as well"
_STEPS = {
    Situation.ABSENT: "",
    Situation.LOCKED: "unlock it in the desktop session; or ",
    Situation.DISMISSED: "run the command again and answer it; or ",
    Situation.SILENT: "a window may be waiting for an answer; ",
    Situation.FAILED: "credman doctor probes it; ",
}


class KeyringUnavailable(Unavailable):
    """Args: situation: which of the ways to fail it is; detail: more words for the message."""

    kind = "keyring_unavailable"

    def __init__(self, situation: Situation, detail: str = "") -> None:
        message = f"{situation.value}{f' {detail}' if detail else ''}"
        super().__init__(message, hint=f"{_STEPS[situation]}{_OTHERWISE}")
        self.situation = situation

    def offer(self, way: str) -> None:
        """Args: way: that there is instead of the keyring, where nobody is at a terminal."""
        self.hint = f"{_STEPS[self.situation]}{way}"


class OsKeyring:
    """One backend, opened at the first call. Use it in a ``with`` block, or ``close`` it.

    Args:
        backend: its class with its module, one of ``ALLOWED``.
        environ: the caller's environment.
        is_attended: somebody could answer a prompt of the keyring's, so there is more time.
        is_quiet: rather fail than bring up a window; a locked one is LOCKED.
        seconds: for each call; None: what fits.
        on_wait: called once, when an answer takes so long that somebody may wonder.

    Raises:
        Refused: the backend is not one that is used.
    """

    def __init__(
        self,
        backend: str,
        environ: Mapping[str, str],
        *,
        is_attended: bool = False,
        is_quiet: bool = False,
        seconds: float | None = None,
        on_wait: Callable[[], None] | None = None,
    ) -> None:
        self.backend = check_backend(backend)
        self._environ = Environ((k, environ[k]) for k in PASSED_ON if k in environ)
        self._has_display = bool(environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY"))
        usual = INTERACTIVE_SECONDS if is_attended else UNATTENDED_SECONDS
        self._seconds = usual if seconds is None else seconds
        self._is_quiet = is_quiet
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""
        self._taken: str | None = None
        self._on_wait = on_wait

    @property
    def environ(self) -> Mapping[str, str]:
        """What of the caller's environment reaches the backend."""
        return self._environ

    @property
    def title(self) -> str:
        """What people call it."""
        return ALLOWED[self.backend]

    @property
    def max_characters(self) -> int:
        """How much one item may hold: UTF-16 code units; outside the basic plane it is two each."""
        return max_characters(self.backend)

    def get(self, service: str, user: str) -> Secret | None:
        """Returns: the value, or None if there is no such item.

        Raises:
            KeyringUnavailable
        """
        value = self._ask({"action": "get", "service": service, "user": user})
        return Secret(value) if isinstance(value, str) else None

    def set(self, service: str, user: str, value: Secret) -> None:
        """Stores a value and reads it back: some keyrings cut long ones off, some keep nothing.

        Raises:
            KeyringUnavailable
        """
        self._ask({"action": "set", "service": service, "user": user, "value": value})
        if self.get(service, user) != value:
            raise KeyringUnavailable(Situation.FAILED, "to keep what it was given")

    def delete(self, service: str, user: str) -> bool:
        """Returns: whether there was such an item. Raises: KeyringUnavailable"""
        return bool(self._ask({"action": "delete", "service": service, "user": user}))

    def take(self, name: str) -> bool | None:
        """Takes a name that only one process has at a time, whatever its home is, until it is given
        back or closed.

        Returns:
            False: somebody else has it; None: this keyring has no such thing.

        Raises:
            KeyringUnavailable
        """
        taken = self._ask({"action": "take", "name": name})
        self._taken = name if taken else None
        return None if taken is None else bool(taken)

    def give(self, name: str) -> None:
        """Gives it back. Raises: KeyringUnavailable"""
        self._taken = None
        if self._process is not None:
            self._ask({"action": "give", "name": name})

    def close(self) -> None:
        """As ``end``."""
        self.end()

    def end(self) -> None:
        """Ends the process that talks to the keyring. Twice does no harm."""
        process, self._process, self._rest = self._process, None, b""
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        process.wait()

    def __enter__(self) -> OsKeyring:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, request: Mapping[str, object]) -> object:
        deadline = time.monotonic() + self._seconds
        try:
            if self._process is None:
                self._process = self._start()
                paths = [os.path.abspath(p) for p in sys.path if p]
                first = {"path": paths, "backend": self.backend, "quiet": self._is_quiet}
                self._exchange(first, deadline)
                self._take_again(deadline)
            return self._exchange(request, deadline)
        except BaseException:
            self.end()
            raise

    def _take_again(self, deadline: float) -> None:
        # The process that had the name was ended: somebody else may have it by now.
        if self._taken is None:
            return
        if not self._exchange({"action": "take", "name": self._taken}, deadline):
            raise KeyringUnavailable(Situation.FAILED, "and another process was quicker")

    def _exchange(self, request: Mapping[str, object], deadline: float) -> object:
        process = self._process
        if process is None or process.stdin is None:
            raise KeyringUnavailable(Situation.FAILED)
        data = SecretBytes(f"{json.dumps(request)}\n".encode("ascii"))
        self._send(process.stdin.fileno(), data, deadline)
        answer = json.loads(self._read_line(process, deadline))
        problem = answer.get("problem")
        if problem is None:
            return answer.get("value")
        if problem in ("locked", "dismissed") and asks_on_a_display(self.backend):
            # With somewhere to ask, somebody said no; without, nobody was asked.
            problem = "dismissed" if self._has_display else "locked"
        code = answer.get("code") if problem == "failed" else None
        detail = f"with error {code}" if isinstance(code, int) else ""
        raise KeyringUnavailable(Situation[problem.upper()], detail)

    def _send(self, descriptor: int, data: bytes, deadline: float) -> None:
        import select

        rest = memoryview(data)
        while rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([], [descriptor], [], left)[1]:
                raise self._silent()
            try:
                rest = rest[os.write(descriptor, rest) :]
            except BlockingIOError:
                continue
            except OSError:
                raise KeyringUnavailable(Situation.FAILED) from None

    def _silent(self) -> KeyringUnavailable:
        return KeyringUnavailable(Situation.SILENT, f"within {self._seconds:g} s")

    def _read_line(self, process: subprocess.Popen[bytes], deadline: float) -> bytes:
        import select

        stream = process.stdout
        if stream is None:
            raise KeyringUnavailable(Situation.FAILED)
        while b"\n" not in self._rest:
            left = deadline - time.monotonic()
            if left <= 0:
                raise self._silent()
            patience = left if self._on_wait is None else min(left, PATIENCE_SECONDS)
            if not select.select([stream], [], [], patience)[0]:
                if time.monotonic() < deadline:
                    self._tell_of_waiting()
                continue
            data = SecretBytes(os.read(stream.fileno(), 65536))
            if not data:
                raise KeyringUnavailable(Situation.FAILED)
            self._rest += data
        line, _, self._rest = self._rest.partition(b"\n")
        return SecretBytes(line)

    def _tell_of_waiting(self) -> None:
        tell, self._on_wait = self._on_wait, None
        if tell is not None:
            tell()

    def _start(self) -> subprocess.Popen[bytes]:
        import subprocess

        from credman.oskeyring import worker

        process = None
        with contextlib.suppress(OSError):
            process = subprocess.Popen(
                [sys.executable, "-I", worker.__file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                env=self._environ,
                start_new_session=True,  # Ctrl-C is ours to handle, and it has no terminal
            )
        if process is None:  # raised out here: the library's frames hold the environment
            raise KeyringUnavailable(Situation.FAILED, "to start")
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)  # one that hangs does not read either
        return process
