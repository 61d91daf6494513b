"""The terminal device: where secrets are typed and the recovery key is shown.

Rule: never stdin, never stdout. A prompt that cannot hide what is typed is not shown at all:
``getpass`` would go on with an echo. The terminal is read in raw lines of its own, since the
kernel's line editing cuts a line at 4,095 bytes, and some tokens are longer.
"""

from __future__ import annotations

import contextlib
import os
import select
from collections.abc import Iterator
from contextlib import contextmanager

from credman.core.errors import Interrupted, Locked, UsageError
from credman.core.secret import Secret

DEVICE = "/dev/tty"
_MORE_LINES_SECONDS = 0.05
_MOST_PIECES = 1024
_BACKSPACE = (0x7F, 0x08)
_END_OF_LINE = (0x0A, 0x0D)
_CLEAR_LINE, _END_OF_INPUT, _ESCAPE = 0x15, 0x04, 0x1B


class SeveralLines(UsageError):
    kind = "several_lines"


class Terminal:
    """Args: device: its path; None for none, as in tests and background jobs."""

    def __init__(self, device: str | None = DEVICE) -> None:
        self._device = device

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
            line = _prompt(descriptor, prompt, hidden=hidden)
        finally:
            os.close(descriptor)
        try:
            return Secret(line.decode("utf-8"))
        except UnicodeDecodeError:
            raise UsageError("what was typed is not UTF-8 text") from None


def _prompt(descriptor: int, prompt: str, *, hidden: bool) -> bytes:
    import termios

    try:
        with _quiet(descriptor):
            _write_all(descriptor, prompt.encode("utf-8", "backslashreplace"))
            try:
                return _read_line(descriptor, echo=not hidden)
            finally:
                _write_all(descriptor, b"\n")
    except (OSError, termios.error):  # closed, or we are a background job that nobody waits for
        raise Interrupted("the terminal cannot be read") from None


@contextmanager
def _quiet(descriptor: int) -> Iterator[None]:
    import termios

    before = termios.tcgetattr(descriptor)
    quiet = list(before)
    # No echo, no line editing and no signals of the kernel's: keys arrive here as bytes, so the
    # terminal is put right again whatever is typed.
    quiet[3] &= ~(termios.ECHO | termios.ICANON | termios.ISIG | termios.IEXTEN)
    quiet[0] &= ~(termios.ICRNL | termios.INLCR)
    quiet[6] = [*quiet[6]]
    quiet[6][termios.VMIN], quiet[6][termios.VTIME] = 1, 0
    termios.tcsetattr(descriptor, termios.TCSADRAIN, quiet)
    try:
        yield
    finally:
        # Flushed: a second pasted line must not reach the shell as a command.
        with contextlib.suppress(termios.error):
            termios.tcsetattr(descriptor, termios.TCSAFLUSH, before)


def _read_line(descriptor: int, *, echo: bool) -> bytes:
    line = bytearray()
    escape = b""  # what was read of an escape sequence (an arrow key, say): it is no text
    while True:
        data = os.read(descriptor, 4096)
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
                return bytes(line)
            if byte == 0x03 or (byte == _END_OF_INPUT and not line):
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
