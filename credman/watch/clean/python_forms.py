"""What may stand in place of tokens in Python source, best first.

Rule: a form is right in value wherever it compiles. That it compiles is for the caller to see.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence

from credman.watch.clean.edits import Leak, make_marker
from credman.watch.clean.python_text import Literal, Patch

Form = tuple[Patch, ...]
Refer = Callable[[str, str], str]
"""Args: a variable, and the quote that may be used. Gives the expression that reads it."""

_ESCAPE = re.compile(r"\\(?:N\{[^}]*\}|x..|u.{4}|U.{8}|[0-7]{1,3}|[\s\S])")
_ESCAPE_OF_BYTES = re.compile(r"\\(?:x..|[0-7]{1,3}|[\s\S])")
_BRACE = re.compile(r"[{}]")
_AROUND = (re.compile(r"\w"), re.compile(r"[\w.]"))


def mark(leak: Leak) -> Patch:
    """Returns: the mark in place of it."""
    return Patch(leak.start, leak.end, make_marker(leak.variable).decode("ascii"))


def list_name_forms(text: str, leak: Leak, number: int) -> Iterator[Form]:
    """Args: leak: in what is a name or a number; number: other than that of any other leak."""
    name = f"credman_{leak.variable}"
    yield (Patch(leak.start, leak.end, name),)
    yield (Patch(leak.start, leak.end, f"{name}_{number}"),)
    for around in _AROUND:
        start, end = leak.start, leak.end
        while start > 0 and around.match(text, start - 1):
            start -= 1
        while around.match(text, end):
            end += 1
        yield (Patch(start, end, name),)
    yield (mark(leak),)


def list_string_forms(
    text: str, group: Sequence[Literal], leaks: Sequence[Sequence[Leak]], refer: Refer | None
) -> Iterator[Form]:
    """Args:
    group: strings that stand side by side and so are one.
    leaks: for each of them those in it.
    refer: None: nothing there is read.
    """
    inner = [
        (literal, own)
        for literal, own in zip(group, leaks, strict=True)
        if all(literal.body <= k.start and k.end <= literal.body_end for k in own)
    ]
    if len(inner) == len(group):
        if refer is not None and not any(_splits(text, x, own) for x, own in inner if own):
            yield from _list_references(text, inner, refer)
        yield tuple(mark(leak) for own in leaks for leak in own)
    yield tuple(
        Patch(x.start, x.end, f"{_keep(x)}{x.quote}{mark(own[0]).new}{x.quote}")
        for x, own in zip(group, leaks, strict=True)
        if own
    )


def _keep(literal: Literal) -> str:
    return "b" if "b" in literal.prefix else "t" if "t" in literal.prefix else ""


def _list_references(
    text: str, group: Sequence[tuple[Literal, Sequence[Leak]]], refer: Refer
) -> Iterator[Form]:
    if any("t" in literal.prefix for literal, _ in group):
        return
    first, own = group[0]
    is_bytes = "b" in first.prefix
    if len(group) == 1 and len(own) == 1 and own[0][:2] == (first.body, first.body_end):
        new = _refer(first, own[0], refer)
        yield (Patch(first.start, first.end, _space(text, first) + new),)
    if not is_bytes:
        quotes = [_find_quote(literal) for literal, own in group if own]
        if all(quotes):
            yield tuple(p for x, own in group if own for p in _format(text, x, own, refer))
    if not any(_is_in_field(x, k) for x, own in group for k in own):
        yield tuple(_concatenate(text, group, refer))


def _refer(literal: Literal, leak: Leak, refer: Refer) -> str:
    # The string's own quote is one that may stand there, whatever it stands in.
    encode = ".encode()" if "b" in literal.prefix else ""
    return refer(leak.variable, literal.quote[0]) + encode


def _space(text: str, literal: Literal) -> str:
    """Returns: what keeps a prefix or a name from becoming part of ``return"…"``."""
    before = text[literal.start - 1 : literal.start] if literal.start else ""
    return " " if before.isalnum() or before == "_" else ""


def _find_quote(literal: Literal) -> str:
    return next((q for q in "'\"" if q != literal.quote[0] and q not in literal.around), "")


def _splits(text: str, literal: Literal, leaks: Sequence[Leak]) -> bool:
    """Returns: whether an escape would lose a part."""
    places = {place for leak in leaks for place in leak[:2]}
    if "r" in literal.prefix:
        return any(_count_backslashes(text, at) % 2 and text[at] in "\\'\"\n" for at in places)
    escape = _ESCAPE_OF_BYTES if "b" in literal.prefix else _ESCAPE
    found = escape.finditer(text, literal.body, literal.body_end)
    return any(match.start() < at < match.end() for match in found for at in places)


def _count_backslashes(text: str, end: int) -> int:
    return end - len(text[:end].rstrip("\\"))


def _format(text: str, literal: Literal, leaks: Sequence[Leak], refer: Refer) -> Iterator[Patch]:
    """Gives: what makes it an f-string of the same value."""
    prefix = literal.prefix
    if "f" not in prefix:
        quote_at = literal.body - len(literal.quote)
        if prefix == "u":
            yield Patch(literal.start, quote_at, "f")
        else:
            yield Patch(quote_at, quote_at, "f" if prefix else _space(text, literal) + "f")
        kept = [leak[:2] for leak in leaks]
        if "r" not in prefix:
            escapes = _ESCAPE.finditer(text, literal.body, literal.body_end)
            kept += [e.span() for e in escapes if e[0].startswith("\\N")]
        for brace in _BRACE.finditer(text, literal.body, literal.body_end):
            if not any(start <= brace.start() < end for start, end in kept):
                yield Patch(brace.start(), brace.start(), brace[0])
    for leak in leaks:
        field = "{" + refer(leak.variable, _find_quote(literal)) + "}"
        yield Patch(leak.start, leak.end, field)


def _is_in_field(literal: Literal, leak: Leak) -> bool:
    """Returns: whether it stands after the colon of a field, where the string cannot be cut."""
    return any(start < leak.end and leak.start < end for start, _, end in literal.fields)


def _concatenate(
    text: str, group: Sequence[tuple[Literal, Sequence[Leak]]], refer: Refer
) -> Iterator[Patch]:
    """Gives: what makes it a sum in brackets. Side by side binds closer than any sign."""
    start, end = group[0][0].start, group[-1][0].end
    yield Patch(start, start, _space(text, group[0][0]) + "(")
    follows_text = False
    for literal, leaks in group:
        if not leaks:
            follows_text = True
            continue
        opening, reached = text[literal.start : literal.body], literal.body
        for leak in leaks:
            begins, new = leak.start, _refer(literal, leak, refer)
            if leak.start > reached:
                new = f"{literal.quote} + {new}"
            elif leak is not leaks[0]:
                new = f" + {new}"
            else:
                begins, new = literal.start, f"+ {new}" if follows_text else new
            reached = leak.end
            follows_text = reached < literal.body_end
            if not follows_text:
                new += " +" if literal.end < end else ""
                yield Patch(begins, literal.end, new)
            else:
                is_next = any(other.start == reached for other in leaks)
                yield Patch(begins, reached, new if is_next else f"{new} + {opening}")
    yield Patch(end, end, ")")
