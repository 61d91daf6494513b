"""Tokens in notebooks: in the source of cells, in outputs and tracebacks, in the state of widgets.

Rule: only the bytes of strings that hold a token change. Source of Python cells is edited as Python
is; anything else is text that nobody runs, and gets a mark.

Source for the form: nbformat 4, https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from credman.watch.clean.cell_commands import find_body
from credman.watch.clean.edits import Edit, Leak, apply_edits, edit_text, make_marker
from credman.watch.clean.json_text import Text, find_strings, parse
from credman.watch.clean.python import edit_python
from credman.watch.scan.notebooks import walk_strings

_IMPORT = b"import os"
_COMMAND = re.compile(rb"^([ \t]*)[%!?].*$", re.MULTILINE)


def edit_notebook(data: bytes, leaks: Sequence[Leak]) -> list[Edit] | None:
    """Returns: what becomes of each; None: it is no notebook, or one of them is in no string."""
    parsed = parse(data)
    if parsed is None or not isinstance(parsed[0], dict):
        return None
    in_source: dict[int, list[Leak]] = {}
    edits: list[Edit] = []
    sources = _find_sources(parsed[0])
    for leak, place in find_strings(data, leaks):
        if place is None:
            return None
        match place[2]:
            case ("cells", int() as index, "source", *_) if index in sources:
                in_source.setdefault(index, []).append(leak)
            case _:
                edits.append(Edit(leak.start, leak.end, make_marker(leak.variable)))
    if in_source:
        edits += _edit_sources(data, in_source, sources)
    edits.sort()
    return edits if parse(apply_edits(data, edits)) is not None else None


def _find_sources(notebook: Mapping[str, Any]) -> set[int]:
    """Returns: the numbers of the cells whose source is Python."""
    about = notebook.get("metadata")
    cells = notebook.get("cells")
    if not isinstance(cells, list) or _find_language(about) != "python":
        return set()
    return {
        number
        for number, cell in enumerate(cells)
        if isinstance(cell, dict) and cell.get("cell_type") == "code"
    }


def _find_language(about: object) -> str:
    match about:
        case {"language_info": {"name": str() as name}}:
            return name.lower()
        case {"kernelspec": {"language": str() as name}}:
            return name.lower()
        case {"kernelspec": {"name": str() as name}} if not name.startswith("python"):
            return ""
    return "python"  # as for a notebook that no kernel has run yet


def _edit_sources(data: bytes, leaks: Mapping[int, Sequence[Leak]], cells: set[int]) -> list[Edit]:
    places: dict[int, list[tuple[int, int]]] = {}
    for start, end, path in walk_strings(data):
        match path:
            case ("cells", int() as index, "source") | ("cells", int() as index, "source", int()):
                if index in cells and data[end : end + 100].lstrip()[:1] != b":":
                    places.setdefault(index, []).append((start, end))
    edits: list[Edit] = []
    knows_os = False
    for index in sorted(places):
        text = Text(data, places[index])
        if index in leaks:
            own = [text.find(leak) for leak in leaks[index]]
            changes = edit_python(text.data, own, is_cell=True, knows_os=knows_os)
            if changes is None:
                changes = edit_text(text.data, own)
            edits += (edit for change in changes for edit in text.put_back(change))
            knows_os = knows_os or any(_IMPORT in change.new for change in changes)
        knows_os = knows_os or _imports_os(text.data)
    return edits


def _imports_os(source: bytes) -> bool:
    """Whether a cell does so, whatever else is in it; where it is not plain: no."""
    body = find_body(source)
    if body is not None:
        if body[1] != "python":
            return False
        source = source[body[0] :]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the compiler, about what somebody has written
            tree = ast.parse(_COMMAND.sub(rb"\1pass", source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    imports = (node for node in tree.body if isinstance(node, ast.Import))
    return any(a.name == "os" and a.asname is None for node in imports for a in node.names)
