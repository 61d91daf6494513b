"""Errors as programs show them that show local variables; and what may be in none of it."""

from __future__ import annotations

import re
import traceback
from collections.abc import Callable, Iterator
from types import TracebackType

import pytest
from IPython.core.ultratb import VerboseTB
from rich.traceback import Traceback

from credman.core.errors import CredmanError
from tests.cli.harness import PASSPHRASE, make_value
from tests.cli.scans import OTHER, STRANGE, TOKEN

WRONG = make_value("w_", 25)
VARIABLE = make_value("v_", 41)
LONG = make_value("l_", 300)
PLANTED = [PASSPHRASE, WRONG, VARIABLE, LONG, TOKEN, OTHER, STRANGE]
_PIECE = 12
_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def list_errors(error: BaseException) -> list[BaseException]:
    """Returns: it, and all that it came of, also what is not shown with it."""
    found: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        each = waiting.pop()
        if each is not None and each not in found:
            found.append(each)
            waiting += [each.__cause__, each.__context__]
    return found


def _cut(trace: TracebackType | None) -> TracebackType | None:
    """Returns: what is left from the first frame that is no test's."""
    while trace is not None and trace.tb_frame.f_globals["__name__"].startswith("tests."):
        trace = trace.tb_next
    return trace


def render(error: BaseException) -> Iterator[str]:
    """Yields: an error as it is shown by IPython, by rich and by the standard library."""
    kind, trace = type(error), error.__traceback__
    yield VerboseTB().text(kind, error, trace)
    # rich shows the beginning of what is long; the last one shows all of it. To lay it out in boxes
    # takes most of its time, and adds nothing that could be a value.
    stacks = Traceback.extract(kind, error, trace, show_locals=True).stacks
    frames = [frame.locals or {} for stack in stacks for frame in stack.frames]
    told = [f"{name} = {node.render()}" for each in frames for name, node in each.items()]
    yield "\n".join([*(stack.exc_value for stack in stacks), *told])
    plain = traceback.TracebackException(kind, error, trace, capture_locals=True)
    yield "".join(plain.format())


def list_leaks(error: BaseException, *more: str) -> list[str]:
    """Args: more: what may not be shown, besides what is planted.

    Returns:
        The lines that show some of it, from the first frame of credman on.
    """
    values = (*PLANTED, *more)
    pieces = {v[at : at + _PIECE] for v in values for at in range(len(v) - _PIECE + 1)}
    errors = list_errors(error)
    for each in errors:
        each.with_traceback(_cut(each.__traceback__))
    lines = {
        line
        for each in errors
        for text in render(each)
        for line in _ESCAPES.sub("", text).splitlines()
    }
    return sorted(line for line in lines if any(piece in line for piece in pieces))


def try_call(act: Callable[[], object], *more: str) -> BaseException | None:
    """Args: more: as of ``list_leaks``.

    Returns:
        What it raised, of which no traceback gives anything away; None: nothing.
    """
    try:
        act()
    except (CredmanError, KeyboardInterrupt) as error:
        raised = error
    else:
        return None
    assert list_leaks(raised, *more) == []
    return raised


def fails(act: Callable[[], object], *more: str) -> BaseException:
    """As ``try_call``, where it has to fail."""
    raised = try_call(act, *more)
    if raised is None:
        pytest.fail("it did not fail")
    return raised
