"""Texts with an ``@`` for each token, before and after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from credman.watch.clean.edits import Edit, Leak, apply_edits
from tests.cli.scans import make_token

TOKEN, VARIABLE = make_token("in a configuration"), "HF_TOKEN"
PLACEHOLDER, MARK = "${HF_TOKEN}", "[credman:HF_TOKEN]"
Editor = Callable[[bytes, Sequence[Leak]], list[Edit] | None]


def edit(editor: Editor, text: str, token: str = TOKEN) -> str | None:
    """Args: text: with an ``@`` for each token."""
    data, leaks = text.replace("@", token).encode(), []
    place = data.find(token.encode())
    while place >= 0:
        leaks.append(Leak(place, place + len(token.encode()), VARIABLE))
        place = data.find(token.encode(), place + 1)
    edits = editor(data, leaks)
    return None if edits is None else apply_edits(data, edits).decode()


def substituted(node: Any, new: str, old: str = TOKEN) -> Any:
    """Returns: the same with another text in place of the token in all that is no key."""
    if isinstance(node, dict):
        return {key: substituted(value, new, old) for key, value in node.items()}
    if isinstance(node, list):
        return [substituted(value, new, old) for value in node]
    return node.replace(old, new) if isinstance(node, str) else node
