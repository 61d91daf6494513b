"""A value on the clipboard for half a minute.

pyperclip hands the value to the system's own tool. Which one is chosen here, for of those that it
knows one (qdbus) takes the value as an argument, where other users read it. Clearing happens in a
child that outlives the command and looks first whether the clipboard still holds the value.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from credman.cli.context import Context
from credman.core.errors import Unavailable, UsageError
from credman.core.secret import Secret

SECONDS = 30
_LOOKS = 20
_BETWEEN_LOOKS = 0.05
_MECHANISMS = (
    ("wsl", "WSL_DISTRO_NAME", ("clip.exe", "powershell.exe")),
    ("wl-clipboard", "WAYLAND_DISPLAY", ("wl-copy", "wl-paste")),
    ("xclip", "DISPLAY", ("xclip",)),
    ("xsel", "DISPLAY", ("xsel",)),
)
"""Those that take the value on standard input: pyperclip's name, the variable that says that there
is such a session, the programs."""


def copy_for_a_while(
    context: Context, name: str, value: Secret, *, seconds: float = SECONDS
) -> int:
    """Args: name: the token's, for the message.

    Raises:
        UsageError: the value is not text.
        Unavailable: there is no clipboard, or no tool for it.
    """
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(
            f"the value of {name} is not text, so no clipboard holds it",
            hint=f"credman get {name} > FILE",
        ) from None
    if not (_choose_mechanism(context.inherited) and _copy(value)):
        raise Unavailable(
            "there is no clipboard here that takes the value",
            hint="on Linux it takes xclip, xsel or wl-clipboard, and a graphical session",
        )
    if os.fork() == 0:
        _clear_later(str(value), seconds)
    context.note(f"{name} is on the clipboard for {seconds:.0f} s")
    return 0


def _choose_mechanism(environ: Mapping[str, str]) -> bool:
    import pyperclip

    if sys.platform == "darwin":
        pyperclip.set_clipboard("pbcopy")
        return True
    path = environ.get("PATH", os.defpath)
    for name, session, programs in _MECHANISMS:
        if environ.get(session) and all(shutil.which(program, path=path) for program in programs):
            if name == "wsl":  # set_clipboard has no name for it
                pyperclip.copy, pyperclip.paste = pyperclip.init_wsl_clipboard()
            else:
                pyperclip.set_clipboard(name)
            return True
    return False


def _copy(value: Secret) -> bool:
    import pyperclip

    # For WSL pyperclip raises a bare Exception.
    with contextlib.suppress(Exception), _silence():
        pyperclip.copy(str(value))
        return _holds(value)
    return False


def _holds(value: Secret) -> bool:
    import pyperclip

    # xclip ends before it owns the clipboard; a first look may come too early.
    for _ in range(_LOOKS):
        if pyperclip.paste() == value:
            return True
        time.sleep(_BETWEEN_LOOKS)
    return False


@contextmanager
def _silence() -> Iterator[None]:
    # xclip stays until something else is copied. With our streams it would keep our caller's pipes
    # open all that time.
    kept = {descriptor: os.dup(descriptor) for descriptor in (1, 2)}
    null = os.open(os.devnull, os.O_RDWR)
    try:
        for descriptor in kept:
            os.dup2(null, descriptor)
        yield
    finally:
        for descriptor, copy in kept.items():
            os.dup2(copy, descriptor)
            os.close(copy)
        os.close(null)


def _clear_later(value: str, seconds: float) -> None:
    import pyperclip

    try:
        with contextlib.suppress(BaseException):
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for descriptor in (0, 1, 2):
                os.dup2(null, descriptor)
            os.closerange(3, 1024)  # a caller that waits for its pipe to close need not wait for us
            time.sleep(seconds)
            if pyperclip.paste() == value:
                pyperclip.copy("")
    finally:
        os._exit(0)
