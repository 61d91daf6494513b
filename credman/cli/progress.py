"""Bars for people who wait: on a terminal only, and gone when the work is done."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, cast

from credman.cli.context import Context, Output

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn


def is_shown(context: Context) -> bool:
    """Whether somebody would see a bar."""
    return context.stderr.is_terminal and context.environ.get("TERM") != "dumb"


@contextmanager
def make_bar(context: Context, *columns: ProgressColumn) -> Iterator[Progress]:
    """Returns: a bar that whoever has it starts; it stops by itself."""
    from rich.console import Console
    from rich.progress import Progress

    colour = not context.environ.get("NO_COLOR")
    console = Console(
        file=cast("IO[str]", _Stream(context.stderr)),
        width=context.stderr.width,
        force_terminal=True,
        color_system="standard" if colour else None,
        legacy_windows=False,
        _environ={},
    )
    progress = Progress(*columns, console=console, transient=True)
    try:
        yield progress
    finally:
        progress.stop()


class _Stream:
    """What rich writes to: the stream of the context."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def write(self, text: str) -> int:
        self._output.write(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def isatty(self) -> bool:
        return True
