"""Whether ``os`` means the module at a place in Python source, and where its import belongs.

Rule: where anything else may be called ``os``, it is not used.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from itertools import accumulate

from credman.watch.clean.python_text import Patch

_OWN = {"os", "os.path"}


class Imports:
    """Args:
    text: the source that was parsed.
    tree: what came of it.
    """

    def __init__(self, text: str, tree: ast.Module) -> None:
        self._text, self._tree = text, tree
        self._lines = text.split("\n")
        self._starts = list(accumulate((len(line) + 1 for line in self._lines), initial=0))
        self.is_free = not any(_binds_other(node) for node in ast.walk(tree))
        self._own = [
            self._find_span(node)
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and any(_imports_os(inner) for inner in ast.walk(node))
        ]

    def find(self, line: int, column: int) -> int:
        """Args: line: from 1; column: in bytes of UTF-8. Returns: the sign."""
        before = self._lines[line - 1].encode()[:column]
        return self._starts[line - 1] + len(before.decode())

    def _find_span(self, node: ast.stmt | ast.expr) -> tuple[int, int]:
        return (
            self.find(node.lineno, node.col_offset),
            self.find(node.end_lineno or node.lineno, node.end_col_offset or 0),
        )

    def means_module(self, at: int) -> bool:
        """Returns: whether ``os`` is the module there once the file has imported it."""
        # In a function with an import of its own it has no value before that.
        return self.is_free and not any(start <= at < end for start, end in self._own)

    def list_unread(self) -> list[tuple[int, int]]:
        """Returns: where strings are statements, such as docstrings, names of types, patterns."""
        nodes = [value for node in ast.walk(self._tree) for value in _list_unread(node)]
        return [
            self._find_span(node)
            for node in nodes
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes)
        ]

    def place(self, used: int) -> Patch | None:
        """Args: used: where ``os`` is used first.

        Returns:
            The import; None: it is there.

        Raises:
            ValueError: there is no place for it.
        """
        body = self._tree.body
        if any(_imports_os(node) and self._find_span(node)[1] <= used for node in body):
            return None
        for number, node in enumerate(body):
            is_docstring = number == 0 and ast.get_docstring(self._tree, clean=False) is not None
            is_future = isinstance(node, ast.ImportFrom) and node.module == "__future__"
            if is_docstring or is_future:
                continue
            first = min(self.find(*place) for place in _list_starts(node))
            line = self._text.rfind("\n", 0, first) + 1
            if self._text[line:first].strip(" \t\f"):
                return Patch(first, first, "import os; ")  # after a semicolon
            return Patch(line, line, "import os\n")
        raise ValueError("no statement uses it")


def _list_starts(node: ast.stmt) -> Iterator[tuple[int, int]]:
    yield node.lineno, node.col_offset
    decorators: Sequence[ast.expr] = getattr(node, "decorator_list", ())
    yield from ((d.lineno, 0) for d in decorators)


def _list_unread(node: ast.AST) -> list[ast.AST | None]:
    match node:
        case ast.Expr(value=value) | ast.MatchValue(value=value):
            return [value]
        case ast.MatchMapping(keys=keys):
            return list(keys)
    return [getattr(node, "annotation", None), getattr(node, "returns", None)]


def _imports_os(node: ast.AST) -> bool:
    return isinstance(node, ast.Import) and any(_is_os(alias) for alias in node.names)


def _is_os(alias: ast.alias) -> bool:
    return (alias.name in _OWN and alias.asname is None) or (alias.name, alias.asname) == (
        "os",
        "os",
    )


def _binds_other(node: ast.AST) -> bool:
    """Returns: whether it makes ``os`` something that may not be the module."""
    match node:
        case ast.Import(names=names):
            return any(_binds_os(alias) and not _is_os(alias) for alias in names)
        case ast.ImportFrom(names=names):
            return any(_binds_os(alias) for alias in names)
        case ast.Name(id="os", ctx=ast.Store() | ast.Del()) | ast.arg(arg="os"):
            return True
        case ast.Global(names=names) | ast.Nonlocal(names=names):
            return "os" in names
        case ast.MatchMapping(rest="os"):
            return True
        case ast.alias():
            return False
    return getattr(node, "name", None) == "os"  # functions, classes, handlers, captures, types


def _binds_os(alias: ast.alias) -> bool:
    return (alias.asname or alias.name.partition(".")[0]) == "os"
