"""The person in front of a command that asks providers, and the token that it holds meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from credman.cli.namecache import name_store
from credman.cli.options import Invocation
from credman.core.errors import Refused
from credman.core.model import Token, TokenKey
from credman.core.names import quote_untrusted
from credman.session import Session
from credman.upkeep.common import hold

_ATTENDED_SECONDS, _UNATTENDED_SECONDS = 3.0, 60.0


def hold_token(
    invocation: Invocation, key: TokenKey, *, seconds: float | None = None
) -> AbstractContextManager[None]:
    """Keeps everybody else from changing the same token with its provider's help.

    Args:
        seconds: how long to wait for whoever does; None: longer where nobody looks on.
    """
    context = invocation.context
    is_attended = invocation.source.is_attended()
    return hold(
        context.paths,
        name_store(context, invocation.store_url),
        key,
        seconds=seconds or (_ATTENDED_SECONDS if is_attended else _UNATTENDED_SECONDS),
    )


@contextmanager
def own_token_held(invocation: Invocation, session: Session, name: str) -> Iterator[Token]:
    """Gives a token of the chosen environment itself, as it is once nobody else changes it.

    Raises:
        NotFound, LockTimeout
        CredmanError: the store cannot be written to.
    """
    session.check_writable()
    with hold_token(invocation, session.own_token(name).key):
        session.refresh()
        token = session.own_token(name)
        invocation.report(session)
        yield token


class PersonAtTerminal:
    """Args: is_sure: every question is answered with yes."""

    def __init__(self, invocation: Invocation, *, is_sure: bool = False) -> None:
        self._context = invocation.context
        self._source = invocation.source
        self._is_sure = is_sure

    def note(self, text: str) -> None:
        self._context.note(text)

    def warn(self, text: str) -> None:
        self._context.warn(text)

    def is_attended(self) -> bool:
        return self._source.is_attended()

    def confirm(self, question: str) -> bool:
        if self._is_sure:
            return True
        if not self.is_attended():
            raise Refused(f"nobody is here to answer: {question}", hint="--yes answers with yes")
        return self._context.terminal.confirm(question)

    def open_page(self, url: str) -> None:
        environ = self._context.inherited
        has_screen = sys.platform == "darwin" or any(
            environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
        )
        if not self.is_attended() or not has_screen:
            return
        import subprocess

        # In a process of its own: browsers write to where they were started from.
        with contextlib.suppress(OSError):
            subprocess.Popen(
                [sys.executable, "-I", "-m", "webbrowser", url],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=environ,
                start_new_session=True,
            )

    def show_on_terminal(self, text: str) -> bool:
        """Returns: whether there is a terminal, and it was shown there and nowhere else."""
        try:
            self._context.terminal.write(quote_untrusted(text).replace("\\n", "\n"))
        except OSError:
            return False
        return True

    @contextmanager
    def uninterrupted(self) -> Iterator[None]:
        held = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
        former = signal.pthread_sigmask(signal.SIG_BLOCK, held)
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, former)


def name_user() -> str:
    """Returns: who does it, for a history: ``alice@box``."""
    try:
        import pwd

        user = pwd.getpwuid(os.getuid()).pw_name
    except (ImportError, KeyError):
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
