"""What becomes of tokens in the commands of a cell.

They are lines and whole cells that IPython reads, not Python.

Rule: the shell gets ``$HF_TOKEN``, which IPython leaves to it; where its quotes are in doubt a mark
stands. Sources: IPython's ``core/inputtransformer2.py`` and ``core/magics/osm.py``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from credman.watch.clean.edits import Edit, Leak, edit_text, make_marker
from credman.watch.clean.python_text import Patch
from credman.watch.clean.shell import edit_shell

_CELL = re.compile(rb"(?:[ \t\f\r]*\n)*%%([^\s?]+)([^\n]*)(\n|$)")
_OF_PYTHON = frozenset({b"time", b"timeit", b"capture", b"prun"})
_OF_SHELL = re.compile(rb"(?:ba|da|z|k)?sh")
_SHELL_NAMED = re.compile(rb"[ \t]+((?:ba|da|z|k)?sh)[ \t\r]*")
_VARIABLE_SET = re.compile(r"%[ \t]*((?:set_)?env)[ \t]+(\w+)(?:[ \t]*=[ \t]*|[ \t]+)([^\n]*)")
_IN_DOUBT = ("`", "$(", "<<", "$'", '$"')
"""What begins, in a shell, something whose quotes are its own."""


def find_body(data: bytes) -> tuple[int, str] | None:
    """Returns: where the body of a cell that is one command begins, and what it is: ``python``,
    ``shell`` or ``text``; None: it is no such cell."""
    found = _CELL.match(data)
    if found is None:
        return None
    name, rest = found[1], found[2]
    if name in _OF_PYTHON and found[3]:
        return found.end(), "python"
    if _OF_SHELL.fullmatch(name) or (name == b"script" and _SHELL_NAMED.fullmatch(rest)):
        return found.end(), "shell"
    return found.end(), "text"


def edit_shell_cell(data: bytes, leaks: Sequence[Leak], body: int) -> list[Edit]:
    """Args: body: where it begins; before it nothing is a shell's."""
    inside = [
        leak._replace(start=k, end=leak.end - body)
        for leak in leaks
        if (k := leak.start - body) >= 0
    ]
    edits = edit_shell(data[body:], inside)
    if edits is None:
        edits = edit_text(data[body:], inside)
    return [
        *edit_text(data, [leak for leak in leaks if leak.start < body]),
        *(Edit(edit.start + body, edit.end + body, edit.new) for edit in edits),
    ]


def edit_command(text: str, start: int, end: int, leaks: Sequence[Leak]) -> list[Patch]:
    """Args:
        text: the cell; start, end: the command in it, from its first sign.
        leaks: those inside of it, in signs.

    Returns:
        What becomes of it.
    """
    if text[start] == "!":
        return _edit_shell_line(text, start, end, leaks)
    line = text[text.rfind("\n", 0, start) + 1 : start]
    found = _VARIABLE_SET.fullmatch(text, start, end)
    if found is None or line.strip() or leaks[0].start < found.start(3):
        return [_mark(leak) for leak in leaks]
    # Without its value it would delete the variable, or show it. A block may have no other line.
    prefix = "pass  # " if line else "# "
    if len(leaks) == 1 and text[leaks[0].start : leaks[0].end] == found[3].strip(" \t'\""):
        return [Patch(start, end, f"{prefix}%{found[1]} {found[2]}=")]
    return [Patch(start, start, prefix), *(_mark(leak) for leak in leaks)]


def _mark(leak: Leak) -> Patch:
    return Patch(leak.start, leak.end, make_marker(leak.variable).decode("ascii"))


def _edit_shell_line(text: str, start: int, end: int, leaks: Sequence[Leak]) -> list[Patch]:
    if any(sign in text[start:end] for sign in _IN_DOUBT):
        return [_mark(leak) for leak in leaks]
    quotes = _read_quotes(text, start, end)
    patches = []
    for leak in leaks:
        kinds = set(quotes[leak.start - start : leak.end - start])
        kind = kinds.pop()
        reference = f"${leak.variable}"
        following = text[leak.end : leak.end + 1]
        is_followed = following.isalnum() or following == "_"
        if kinds or kind not in ("", "'", '"'):
            patches.append(_mark(leak))
        elif kind == "'":
            before, after = quotes[leak.start - 1 - start], quotes[leak.end - start]
            is_all = before == after == "open"
            whole = leak._replace(start=leak.start - 1, end=leak.end + 1) if is_all else leak
            new = f'"{reference}"' if is_all else f"'\"{reference}\"'"
            patches.append(Patch(whole.start, whole.end, new))
        elif kind == "":
            new = f'"{reference}"' if is_followed else reference
            patches.append(Patch(leak.start, leak.end, new))
        else:
            # Braces would be IPython's, so the quotes end and begin again.
            new = f'{reference}""' if is_followed else reference
            patches.append(Patch(leak.start, leak.end, new))
    return patches


def _read_quotes(text: str, start: int, end: int) -> list[str]:
    """Returns: for each sign the quote that it stands in, or what else it is: part of an escape, or
    a quote itself."""
    quotes: list[str] = []
    quote = ""
    while len(quotes) < end - start:
        sign = text[start + len(quotes)]
        if sign == "\\" and quote != "'":
            quotes += ["escape", "escape"]
        elif sign in ("'", '"') and quote in ("", sign):
            quote = "" if quote else sign
            quotes.append("open")
        else:
            quotes.append(quote)
    return [*quotes, ""]
