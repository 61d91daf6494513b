"""A value on the clipboard for half a minute.

pyperclip finds the system's own tool and hands it the value on its standard input, never in an
argument. Clearing happens in a child that outlives the command and looks first whether the
clipboard still holds the value.
"""

from __future__ import annotations

import contextlib
import os
import time

from credman.cli.context import Context
from credman.core.errors import Unavailable
from credman.core.secret import Secret

SECONDS = 30


def copy_for_a_while(
    context: Context, name: str, value: Secret, *, seconds: float = SECONDS
) -> int:
    """Args: name: the token's, for the message.

    Raises:
        Unavailable: there is no clipboard, or no tool for it.
    """
    import pyperclip

    try:
        pyperclip.copy(str(value))
        if pyperclip.paste() != value:
            raise Unavailable("the clipboard did not take the value")
    except (pyperclip.PyperclipException, OSError, UnicodeError):
        raise Unavailable(
            "there is no clipboard here",
            hint="on Linux it takes xclip, xsel or wl-clipboard, and a graphical session",
        ) from None
    if os.fork() == 0:
        _clear_later(str(value), seconds)
    context.note(f"{name} is on the clipboard for {seconds:.0f} s")
    return 0


def _clear_later(value: str, seconds: float) -> None:
    import pyperclip

    try:
        with contextlib.suppress(BaseException):
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            time.sleep(seconds)
            if pyperclip.paste() == value:
                pyperclip.copy("")
    finally:
        os._exit(0)
