"""How Python code opens the store: the caller's surroundings, and sessions that stay open.

Rules: nobody is asked where nobody can answer, and never on the terminal that a notebook's server
was started from; no agent is started; what a process holds open, its children do not.
"""

from __future__ import annotations

import getpass
import os
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass

from credman.cli.context import Context, Input, Output, visible
from credman.cli.namecache import name_store
from credman.cli.options import Invocation
from credman.cli.terminal import Terminal
from credman.core.environ import Environ
from credman.core.errors import Interrupted, NotFound, Refused, UsageError
from credman.core.runtimes import Runtime, detect
from credman.core.secret import Secret
from credman.session import Session
from credman.stores.base import Store

LOCK = threading.RLock()
"""Held by whoever uses a store: none of them is made for two threads."""


class CredmanWarning(UserWarning):
    """What credman has to warn of, such as a token that ends soon."""


class _OwnTerminal(Terminal):
    """That of the process, which is as it was after every prompt: nobody tells when the last one is
    over. Ctrl-C is what it is everywhere in Python: no error that a program would catch, to go
    on."""

    def _ask(self, descriptor: int, prompt: bytes, *, hidden: bool) -> bytes:
        try:
            return super()._ask(descriptor, prompt, hidden=hidden)
        except Interrupted as error:
            raise KeyboardInterrupt(error.message) from None
        finally:
            self.release()


class _KernelTerminal(Terminal):
    """Asks through the notebook's own input, where it shows dots."""

    is_private = False  # what is shown is saved with the notebook

    def __init__(self, *, can_ask: bool) -> None:
        super().__init__(None)
        self._can_ask = can_ask

    def is_available(self) -> bool:
        # A kernel answers its main thread alone, and no forked child.
        is_main = threading.current_thread() is threading.main_thread()
        return self._can_ask and is_main and os.getpid() == _pid_of_kernel()

    def write(self, text: str) -> None:
        raise OSError("a notebook is no place for this")

    def read_hidden(self, prompt: str) -> Secret:
        return Secret(getpass.getpass(prompt))

    def read_line(self, prompt: str) -> str:
        return input(prompt)

    def release(self) -> None:
        """Nothing: it is the notebook's."""


class _Invocation(Invocation):
    """One use of the store by Python code."""

    def close(self) -> None:
        """Ends connections to keyrings. What was opened is not handed over: a library starts no
        agent."""
        if self._source is not None:
            self._source.close()

    def apart(self) -> AbstractContextManager[None]:
        return _apart()


@dataclass(frozen=True, slots=True)
class Opened:
    """A store that is open."""

    invocation: Invocation
    session: Session
    said: bytearray


Key = tuple[int, str, str]
_opened: dict[Key, Store] = {}
_MOST_OPENED = 16
_of_parents: list[dict[Key, Store]] = []
"""Kept, and never used: their connections are another process's, and not to be closed here."""


def _forget_all() -> None:
    global LOCK
    _of_parents.append(dict(_opened))
    _opened.clear()
    LOCK = threading.RLock()  # whoever held it is not in this process


os.register_at_fork(after_in_child=_forget_all)


def find_shell() -> object | None:
    """Returns: the IPython that runs this code; None: none does. Imports nothing."""
    module = sys.modules.get("IPython")
    get_ipython: Callable[[], object] | None = getattr(module, "get_ipython", None)
    return None if get_ipython is None else get_ipython()


def _pid_of_kernel() -> int | None:
    session = getattr(getattr(find_shell(), "kernel", None), "session", None)
    return getattr(session, "pid", os.getpid())


def find_runtime() -> Runtime:
    """Returns: what this process runs in."""
    return detect(
        os.environ,
        find_shell(),
        platform=sys.platform,
        exists=os.path.exists,
        has_terminal=_has_terminal(),
    )


def _has_terminal() -> bool:
    try:
        return bool(sys.stdin.isatty())
    except (AttributeError, OSError, ValueError):  # it is closed, or somebody's own
        return False


def make_invocation(
    env: str | None, profile: str | None, *, value: Secret | None = None
) -> tuple[Invocation, bytearray]:
    """Args: value: for standard input; None: nothing is piped in.

    Returns:
        What a command needs, and what it says.
    """
    runtime = find_runtime()
    in_kernel = hasattr(find_shell(), "kernel")
    inherited = Environ(os.environ)
    said = bytearray()
    piped = [] if value is None else [value.to_bytes()]  # taken once
    context = Context(
        stdin=Input(lambda limit: piped.pop() if piped else b"", is_terminal=value is None),
        stdout=Output(said.extend),
        stderr=Output(said.extend),
        environ=visible(inherited),
        inherited=inherited,
        cwd=_find_cwd(),
        terminal=_KernelTerminal(can_ask=runtime.can_ask) if in_kernel else _OwnTerminal(),
        read_descriptor=_refuse_descriptor,
        may_use_agent=True,
    )
    invocation = _Invocation(context, env=env, profile=profile, no_input=not runtime.can_ask)
    return invocation, said


@contextmanager
def opened(env: str | None, profile: str | None) -> Iterator[Opened]:
    """Gives: the store, as it is now. It stays open for this process, whichever environment is
    asked for next; what commands are run with is the process's environment of the moment.

    Raises:
        CredmanError
    """
    with LOCK:
        invocation, said = make_invocation(env, profile)
        key = name_opened(invocation)
        session = invocation.open_session(_opened.get(key))
        try:
            yield Opened(invocation, session, said)
        except (NotFound, Refused, UsageError):  # it was looked into
            keep_open(key, session.store)
            raise
        keep_open(key, session.store)  # one that could not be opened is tried anew
        repeat_warnings(said)
        for warning in session.warnings:
            warn(warning)


def keep_open(key: Key, store: Store) -> None:
    """A store that was opened is used again. Args: key: of ``name_opened``."""
    with LOCK:
        if key not in _opened and len(_opened) >= _MOST_OPENED:
            del _opened[next(iter(_opened))]
        _opened[key] = store


def name_opened(invocation: Invocation) -> Key:
    """Returns: what stands for the store of an invocation, in this process."""
    context = invocation.context
    return (os.getpid(), context.paths.state, name_store(context, invocation.store_url))


@contextmanager
def _apart() -> Iterator[None]:
    """Within it, other threads may use the sessions; this one does not."""
    lock, times = LOCK, 0
    with suppress(RuntimeError):  # it is not this thread's
        while True:
            lock.release()
            times += 1
    try:
        yield
    finally:
        for _ in range(times):
            lock.acquire()


def warn(text: str) -> None:
    """Warns whoever called the library."""
    warnings.warn(text, CredmanWarning, stacklevel=_find_level())


def repeat_warnings(said: bytearray) -> None:
    """Warns of what a command warned of. Args: said: all that it said; it is empty afterwards."""
    head = "credman: warning: "
    lines = said.decode("utf-8", "replace").splitlines()
    said.clear()
    for line in lines:
        if line.startswith(head):
            warn(line.removeprefix(head))


def _find_level() -> int:
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and _is_own(frame.f_globals.get("__name__", "")):
        frame, level = frame.f_back, level + 1
    return level


def _is_own(module: str) -> bool:
    return module.partition(".")[0] in ("credman", "contextlib")


def _find_cwd() -> str:
    try:
        return os.getcwd()
    except OSError:
        return "/"  # no path of this process's own is relative


def _refuse_descriptor(descriptor: int) -> bytes:
    raise OSError("a library reads no descriptor")
