"""The terminal device: where secrets are typed and the recovery key is shown.

Rule: never stdin, never stdout. A prompt that cannot hide what is typed is not shown at all:
``getpass`` would go on with an echo. The terminal is read in raw lines of its own, since the
kernel's line editing cuts a line at 4,095 bytes, and some tokens are longer. From the first prompt
until ``release`` nothing that is typed is shown by the kernel: a token pasted too early is not.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import signal
import struct
import sys
import termios
from typing import Any

from credman.core.errors import Interrupted, Locked, UsageError
from credman.core.secret import Secret, SecretBuffer, SecretBytes

DEVICE = "/dev/tty"
_MORE_LINES_SECONDS = 0.05
_MOST_PIECES = 1024
_BACKSPACE = (0x7F, 0x08)
_END_OF_LINE = (0x0A, 0x0D)
_INTERRUPT, _CLEAR_LINE, _END_OF_INPUT, _STOP, _ESCAPE = 0x03, 0x15, 0x04, 0x1A, 0x1B
_KERNEL_LINE = 1023 if sys.platform == "darwin" else 4095


class _StopRequested(Exception):
    """Ctrl-Z."""


class SeveralLines(UsageError):
    kind = "several_lines"


class Terminal:
    """Args: device: its path; None for none, as in tests and background jobs."""

    is_private = True
    """What is shown there is saved nowhere."""

    def __init__(self, device: str | None = DEVICE) -> None:
        self._device = device
        self._found: list[Any] | None = None  # the modes before the first prompt
        self._wanted: list[Any] = []
        self._former_handler: Any = None

    def is_available(self) -> bool:
        """Whether there is a terminal to ask on and to show things on."""
        if self._device is None:
            return False
        try:
            os.close(self._open())
        except OSError:
            return False
        return True

    def write(self, text: str) -> None:
        """Raises: OSError: the terminal has gone."""
        descriptor = self._open()
        try:
            _write_all(descriptor, text.encode("utf-8", "backslashreplace"))
        finally:
            os.close(descriptor)

    def read_hidden(self, prompt: str) -> Secret:
        """Asks for a line without showing it.

        Returns:
            What was typed, without its line end.

        Raises:
            Interrupted: Ctrl-C, or Ctrl-D on an empty line.
            SeveralLines: more than one was pasted.
            Locked: there is no terminal, or it cannot be read.
        """
        return self._read(prompt, hidden=True)

    def read_line(self, prompt: str) -> str:
        """As ``read_hidden``, showing what is typed."""
        return str(self._read(prompt, hidden=False))

    def confirm(self, question: str) -> bool:
        """Asks a question to which Enter means no."""
        return self.read_line(f"{question} [y/N] ").strip().lower() in ("y", "yes")

    def release(self) -> None:
        """Puts back the modes that were found before the first prompt. Twice does no harm."""
        try:
            self._put_back()
        finally:
            self._put_back()  # a signal's exception may have broken off the first

    def _open(self) -> int:
        if self._device is None:
            raise FileNotFoundError
        return os.open(self._device, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)

    def _read(self, prompt: str, *, hidden: bool) -> Secret:
        try:
            descriptor = self._open()
        except OSError:
            raise Locked("there is no terminal to ask on") from None
        try:
            line = self._ask(descriptor, prompt.encode("utf-8", "backslashreplace"), hidden=hidden)
        except (OSError, termios.error):  # closed, or a background job that nobody waits for
            raise Interrupted("the terminal cannot be read") from None
        finally:
            os.close(descriptor)
        with contextlib.suppress(UnicodeDecodeError):
            return Secret(line.decode("utf-8"))
        raise UsageError("what was typed is not UTF-8 text")  # out here: that error holds it

    def _ask(self, descriptor: int, prompt: bytes, *, hidden: bool) -> bytes:
        found = self._hold(descriptor)
        try:
            while True:
                self._wanted = _modes_at_prompt(found)
                _set_modes(descriptor, termios.TCSADRAIN, self._wanted)
                _refuse_cut_line(descriptor)
                _write_all(descriptor, prompt)
                try:
                    return _read_line(descriptor, echo=not hidden)
                except _StopRequested:
                    pass
                finally:
                    _write_all(descriptor, b"\n")
                self._stop(found)
        finally:
            # Flushed: a second pasted line must not reach the shell as a command.
            self._want(_modes_at_work(found), termios.TCSAFLUSH)

    def _hold(self, descriptor: int) -> list[Any]:
        if self._found is None:
            # A background job is stopped here until "fg". Before, the modes are those of the
            # shell's own line editing, which nobody wants back.
            termios.tcdrain(descriptor)
            self._found = self._wanted = termios.tcgetattr(descriptor)
            with contextlib.suppress(ValueError):  # only the main thread may have handlers
                former = signal.signal(signal.SIGCONT, self._continue)
                self._former_handler = signal.SIG_DFL if former is None else former
        return self._found

    def _put_back(self) -> None:
        if self._found is None:
            return
        self._want(self._found, termios.TCSAFLUSH)
        if self._former_handler is not None:
            with contextlib.suppress(ValueError):
                signal.signal(signal.SIGCONT, self._former_handler)
        self._found = self._former_handler = None

    def _stop(self, found: list[Any]) -> None:
        # Flushed: half a secret must not reach the shell. What was typed is forgotten, as the
        # kernel does: at an empty prompt one begins again.
        self._want(found, termios.TCSAFLUSH)
        # The whole job, as the kernel does: a shell waits on while one end of a pipe still runs.
        # Where nobody could continue it, the kernel does not stop it, and the prompt comes again.
        os.kill(0, signal.SIGTSTP)

    def _continue(self, number: int, frame: object) -> None:
        # While we were stopped the shell has put its own modes in place, with the echo on.
        self._want(self._wanted, termios.TCSANOW)

    def _want(self, modes: list[Any], when: int) -> None:
        self._wanted = modes
        with contextlib.suppress(OSError, termios.error):  # the terminal has gone
            descriptor = self._open()
            try:
                if not _is_in_background(descriptor):
                    _set_modes(descriptor, when, modes)
            finally:
                os.close(descriptor)


def _modes_at_prompt(found: list[Any]) -> list[Any]:
    # No echo, no line editing and no signals of the kernel's: keys arrive here as bytes, so the
    # terminal is put right again whatever is typed.
    modes = [*found]
    modes[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
    modes[0] &= ~(termios.ICRNL | termios.INLCR)
    modes[6] = [*modes[6]]
    modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
    return modes


def _modes_at_work(found: list[Any]) -> list[Any]:
    # No echo, but with the kernel's signals: Ctrl-C ends a key derivation.
    modes = [*found]
    modes[3] &= ~(termios.ECHO | termios.ECHONL)
    modes[3] |= termios.ICANON | termios.ISIG
    return modes


def _set_modes(descriptor: int, when: int, modes: list[Any]) -> None:
    while True:
        try:
            return termios.tcsetattr(descriptor, when, modes)
        except termios.error as error:  # Python itself does not try again here
            if error.args[0] != errno.EINTR:
                raise


def _is_in_background(descriptor: int) -> bool:
    # There the terminal is somebody else's, and setting its modes would stop us.
    try:
        return os.tcgetpgrp(descriptor) != os.getpgrp()
    except OSError:  # not the terminal of our session: nobody stops us
        return False


def _refuse_cut_line(descriptor: int) -> None:
    # What was typed ahead went through the kernel's line editing, which drops what is too long.
    waiting = fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4))
    if struct.unpack("i", waiting)[0] >= _KERNEL_LINE:
        _discard_rest(descriptor)
        raise UsageError("too much was typed before it was asked for; nothing was taken")


def _read_line(descriptor: int, *, echo: bool) -> bytes:
    line = SecretBuffer()
    escape = b""  # what was read of an escape sequence (an arrow key, say): it is no text
    while True:
        data = SecretBytes(os.read(descriptor, 4096))
        if not data:
            raise Interrupted("the terminal has gone")
        for position, byte in enumerate(data):
            if escape and byte >= 0x20:  # a control key ends a sequence: Ctrl-C always works
                escape = _continue_escape(escape, byte)
                continue
            escape = b""
            if byte in _END_OF_LINE:
                if data[position + 1 :].strip() or _more_is_coming(descriptor):
                    _discard_rest(descriptor)
                    raise SeveralLines("several lines were pasted; nothing was taken")
                return SecretBytes(line)
            if byte == _STOP:
                raise _StopRequested
            if byte == _INTERRUPT or (byte == _END_OF_INPUT and not line):
                raise Interrupted("stopped; nothing was changed")
            if byte in _BACKSPACE:
                _erase_character(descriptor, line, echo=echo)
            elif byte == _CLEAR_LINE:
                while line:
                    _erase_character(descriptor, line, echo=echo)
            elif byte == _ESCAPE:
                escape = bytes([byte])
            elif byte >= 0x20:
                line.append(byte)
                if echo:
                    _write_all(descriptor, bytes([byte]))


def _continue_escape(escape: bytes, byte: int) -> bytes:
    # ESC [ parameters final, ESC O letter, ESC letter.
    if len(escape) == 1:
        return escape + bytes([byte]) if byte in b"[O" else b""
    is_final = escape[1:2] == b"O" or 0x40 <= byte <= 0x7E
    return b"" if is_final or len(escape) > 32 else escape + bytes([byte])


def _more_is_coming(descriptor: int) -> bool:
    while select.select([descriptor], [], [], _MORE_LINES_SECONDS)[0]:
        data = os.read(descriptor, 4096)
        if not data:
            return False
        if data.strip():
            return True
    return False


def _discard_rest(descriptor: int) -> None:
    # A long paste arrives in pieces; what is left of it must not reach the shell as commands.
    for _ in range(_MOST_PIECES):
        if not select.select([descriptor], [], [], _MORE_LINES_SECONDS)[0]:
            return
        if not os.read(descriptor, 4096):
            return


def _erase_character(descriptor: int, line: bytearray, *, echo: bool) -> None:
    while line and line[-1] & 0xC0 == 0x80:  # the rest of a UTF-8 sequence
        line.pop()
    if line:
        line.pop()
        if echo:
            _write_all(descriptor, b"\b \b")


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]
