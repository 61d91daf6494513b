"""Tokens in Python source: what reads the variable instead, where an expression may stand.

Rule: what compiled before compiles afterwards, and nothing of it is ever run. What is put in is
right for Python 3.11 too: a quote inside of a field is never one that the string itself has.
"""

from __future__ import annotations

import ast
import bisect
import re
import warnings
from collections.abc import Iterator, Sequence

from credman.watch.clean.cell_commands import edit_command, edit_shell_cell, find_body
from credman.watch.clean.edits import Edit, Leak, apply_edits, edit_text
from credman.watch.clean.python_forms import Form, list_name_forms, list_string_forms, mark
from credman.watch.clean.python_imports import Imports
from credman.watch.clean.python_text import Literal, Patch, Scanner, put_in, read_source

_NOT_PYTHON = (SyntaxError, ValueError, LookupError, RecursionError, MemoryError, OverflowError)
_BETWEEN = re.compile(r"(?:[ \t\f]|\\\n)*")
_BETWEEN_ENCLOSED = re.compile(r"(?:\s|\\\n|#[^\n]*)*")
_OS = "os.environ["
_MOST_TRIES = 300
"""How often one source is compiled: of a hostile one every string could need a try of its own."""


def edit_python(
    data: bytes, leaks: Sequence[Leak], *, is_cell: bool = False, knows_os: bool = False
) -> list[Edit] | None:
    """Args:
        data: a file, or with ``is_cell`` the source of a notebook's cell as UTF-8.
        leaks: in it, in order; none overlaps another.
        knows_os: an earlier cell has imported ``os``.

    Returns:
        What becomes of each, and the import that is missing; None: it does not compile.
    """
    body, kind = (find_body(data) if is_cell else None) or (0, "python")
    if kind == "shell":
        return edit_shell_cell(data, leaks, body)
    if kind == "text":
        return edit_text(data, leaks)
    try:
        program = _Program(data, is_cell=is_cell)
        edits = program.write(program.edit(leaks, knows_os=knows_os))
        _Program(apply_edits(data, edits), is_cell=is_cell)
        return edits
    except _NOT_PYTHON:
        return None


class _Program:
    """What compiles.

    Raises:
        SyntaxError, ValueError, LookupError, RecursionError, MemoryError, OverflowError: it does
            not, or its parts are not clear.
    """

    def __init__(self, data: bytes, *, is_cell: bool) -> None:
        self.source = read_source(data, is_cell=is_cell)
        body = find_body(data) if is_cell else None
        self.start = bisect.bisect_left(self.source.at, body[0]) if body else 0
        self.parts = Scanner(self.source.text, has_commands=is_cell, start=self.start)
        self.parts.scan()
        self.text = self.parts.hide_commands()
        self.flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT if is_cell else 0
        self.tries = 0
        self.check(self.text)

    def check(self, text: str) -> None:
        """Raises: what the compiler does."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compile(text, "<source>", "exec", self.flags, dont_inherit=True)

    def compiles(self, patches: Sequence[Patch]) -> bool:
        """Raises: ValueError: it was tried too often."""
        self.tries += 1
        if self.tries > _MOST_TRIES:
            raise ValueError("too many forms do not fit")
        try:
            self.check(put_in(self.text, patches))
        except _NOT_PYTHON:
            return False
        return True

    def edit(self, leaks: Sequence[Leak], *, knows_os: bool) -> list[Patch]:
        """Args: leaks: in bytes of the file. Returns: what becomes of them."""
        own = [self._find_signs(leak) for leak in leaks]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(self.text)
        imports = Imports(self.text, tree)
        fixed, rest = self._edit_others(own)
        for may_import in (True, False):
            places = list(_list_places(self, rest, imports, may_import=may_import))
            patches = self._settle(places, [])
            used = [p.start for p in patches if _OS in p.new]
            if used and not knows_os:
                placed = imports.place(min(used))
                patches = patches if placed is None else [placed, *patches]
                if not self.compiles(patches):
                    continue
            break
        return _join([*patches, *fixed])

    def _find_signs(self, leak: Leak) -> Leak:
        at = self.source.at
        start = bisect.bisect_right(at, leak.start) - 1
        if start < 0:
            raise ValueError("it begins before the text")
        return leak._replace(start=start, end=bisect.bisect_left(at, leak.end))

    def _edit_others(self, leaks: Sequence[Leak]) -> tuple[list[Patch], list[Leak]]:
        """Returns: what becomes of those in comments and commands; the other ones."""
        parts = self.parts
        patches: list[Patch] = []
        for start, end in parts.commands:
            inside = [leak for leak in leaks if start <= leak.start and leak.end <= end]
            if inside:
                patches += edit_command(self.source.text, start, end, inside)
        comments = [(0, self.start), *parts.comments]
        places = [*comments, *parts.commands]
        rest = [k for k in leaks if not any(s <= k.start and k.end <= e for s, e in places)]
        patches += [mark(k) for k in leaks if any(s <= k.start and k.end <= e for s, e in comments)]
        return patches, rest

    def _settle(self, places: Sequence[Sequence[Form]], done: list[Patch]) -> list[Patch]:
        """Returns: of each place the best form with which all compiles.

        A form that does not fit costs no other place its own: halves are tried by themselves.
        """
        best = [*done, *(patch for forms in places for patch in forms[0])]
        if not places or self.compiles(best):
            return best
        if len(places) > 1:
            half = len(places) // 2
            return self._settle(places[half:], self._settle(places[:half], done))
        for form in places[0][1:]:
            if self.compiles([*done, *form]):
                return [*done, *form]
        raise ValueError("no form fits")

    def write(self, patches: Sequence[Patch]) -> list[Edit]:
        """Returns: them in bytes of the file."""
        at, line_end = self.source.at, self.source.line_end
        return [
            Edit(at[p.start], at[p.end], p.new.replace("\n", line_end).encode("ascii"))
            for p in patches
        ]


def _list_places(
    program: _Program, leaks: Sequence[Leak], imports: Imports, *, may_import: bool
) -> Iterator[list[Form]]:
    """Gives: for each place with leaks what may become of it."""
    text, literals = program.text, program.parts.literals
    unread = imports.list_unread()
    groups: dict[int, tuple[list[Literal], list[Leak]]] = {}
    find_group = _make_groups(text, literals)
    for number, leak in enumerate(leaks, 1):
        literal = _find_literal(literals, leak)
        if literal is None:
            yield list(list_name_forms(text, leak, number))
        else:
            group = find_group[literal.start]
            groups.setdefault(group[0].start, (group, []))[1].append(leak)
    for start, (group, own) in groups.items():
        has_os = may_import and imports.means_module(start)
        is_read = not any(s <= start and group[-1].end <= e for s, e in unread)
        inside = [[k for k in own if x.start <= k.start and k.end <= x.end] for x in group]
        is_read = is_read and all(leak.is_plain for leak in own)
        refer = (_refer_short if has_os else _refer_long) if is_read else None
        yield list(list_string_forms(text, group, inside, refer))


def _find_literal(literals: Sequence[Literal], leak: Leak) -> Literal | None:
    """Returns: the innermost string of which it is text; None: it stands in code."""
    around = [x for x in literals if x.start <= leak.start and leak.end <= x.end]
    if not around:
        if any(x.start < leak.end and leak.start < x.end for x in literals):
            raise ValueError("it begins or ends within a string")
        return None
    literal = around[-1]
    for start, code_end, _ in literal.fields:
        if start <= leak.start and leak.end <= code_end:
            return None
        if start < leak.end and leak.start < code_end:
            raise ValueError("it begins or ends within a field")
    return literal


def _make_groups(text: str, literals: Sequence[Literal]) -> dict[int, list[Literal]]:
    """Returns: for the start of each string those that are one with it, itself among them."""
    starts = {literal.start: literal for literal in literals}
    groups: dict[int, list[Literal]] = {}
    for literal in literals:
        group = groups.setdefault(literal.start, [literal])
        between = _BETWEEN_ENCLOSED if literal.is_enclosed else _BETWEEN
        match = between.match(text, literal.end)
        following = starts.get(match.end()) if match else None
        if following is not None:
            group.append(following)
            groups[following.start] = group
    return groups


def _refer_short(variable: str, quote: str) -> str:
    return f"{_OS}{quote}{variable}{quote}]"


def _refer_long(variable: str, quote: str) -> str:
    return f"__import__({quote}os{quote}).environ[{quote}{variable}{quote}]"


def _join(patches: Sequence[Patch]) -> list[Patch]:
    """Returns: them in order; what is put in where another begins becomes part of that one."""
    joined: list[Patch] = []
    for patch in sorted(patches, key=lambda p: p[:2]):
        if joined and joined[-1].start == joined[-1].end == patch.start:
            joined[-1] = patch._replace(new=joined[-1].new + patch.new)
        else:
            joined.append(patch)
    return joined
