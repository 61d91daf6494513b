"""Tokens in shell scripts become a reference to their variable.

Rule: a script that is not understood to its end is left to others: one quote misread, and
all that follows it would be taken for the opposite of what it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from credman.watch.clean.edits import Edit, Leak, make_marker
from credman.watch.clean.shell_reading import DELIMITERS, Kind, ShellReader, Span, Unsure

_OPERATOR = re.compile(rb"[A-Za-z0-9_@*]+(?::?[-=+?]|##?|%%?|//?)")
_TAKES_NAME = re.compile(rb"(?:^|[\s;&|(])(?:for|select|function)[ \t]+$")
_SAFE_AFTER = b" \t\r\n\"'/;)&|<>@},`"
"""Signs before which a name without braces ends in every shell; zsh goes on at ``:`` and ``[``."""
_UNQUOTED_TOKEN = re.compile(rb"[A-Za-z0-9_.+/=@:%,-]+")
_HALF_ESCAPE = re.compile(rb"\\(?:[xuUc]|[0-7])[0-9A-Fa-f]{0,8}$")


def edit_shell(data: bytes, leaks: Sequence[Leak], *, is_fish: bool = False) -> list[Edit] | None:
    """Args:
        data: a script for sh, bash, zsh or ksh.
        leaks: where tokens stand in it.
        is_fish: it is one for fish.

    Returns:
        Edits after which it does the same where the variables are set, or None if unsure.
    """
    if b"\0" in data:
        return None
    reader = ShellReader(data, is_fish=is_fish)
    try:
        reader.read()
        return sorted(_edit(data, leak, reader.find(leak), is_fish=is_fish) for leak in leaks)
    except Unsure:
        return None


def _edit(data: bytes, leak: Leak, span: Span, *, is_fish: bool) -> Edit:
    start, end, variable, _ = leak
    if span.kind is Kind.LITERAL:
        return Edit(start, end, make_marker(variable))
    quoted = b'"$%s"' % variable.encode("ascii")
    if span.is_fragile:
        raise Unsure
    if span.kind is Kind.SINGLE or span.kind is Kind.ANSI:
        sign = b"$'" if span.kind is Kind.ANSI else b"'"
        if (span.start, span.end) == (start, end):
            return Edit(start - len(sign), end + 1, quoted)
        if span.kind is Kind.ANSI or is_fish:
            _check_escapes(data[span.start : end], data[start:end])
        return Edit(start, end, b"'" + quoted + sign)
    if data[max(start - 1, 0) : start] == b"$":
        raise Unsure
    if span.kind is Kind.CODE:
        return Edit(start, end, _refer_in_code(data, leak, quoted, is_fish=is_fish))
    if span.kind is Kind.PARAMETER:
        said = data[span.opened + 2 : start]
        if not _OPERATOR.match(said) or not _UNQUOTED_TOKEN.fullmatch(data[start:end]):
            raise Unsure
    return Edit(start, end, _refer(data, leak, is_fish=is_fish))


def _check_escapes(text: bytes, token: bytes) -> None:
    # Such an escape would take digits of the token, or the quote that comes before it.
    before = text[: len(text) - len(token)]
    if b"\\" in token or before.endswith(b"\\") or _HALF_ESCAPE.search(before):
        raise Unsure


def _refer(data: bytes, leak: Leak, *, is_fish: bool) -> bytes:
    variable = leak.variable.encode("ascii")
    if data[leak.end : leak.end + 1] in _SAFE_AFTER:  # the file's end as well
        return b"$" + variable
    return b'$%s""' % variable if is_fish else b"${%s}" % variable


def _refer_in_code(data: bytes, leak: Leak, quoted: bytes, *, is_fish: bool) -> bytes:
    start, end, *_ = leak
    if not _UNQUOTED_TOKEN.fullmatch(data[start:end]):
        raise Unsure
    before, after = data[max(start - 1, 0) : start], data[end : end + 1]
    if before in DELIMITERS:
        # Here it could be the name of a variable or of a function, which no reference can be.
        line = data[data.rfind(b"\n", 0, start) + 1 : start]
        if after in (b"=", b"+", b"[") or data[end : end + 40].lstrip(b" \t").startswith(b"("):
            raise Unsure
        if _TAKES_NAME.search(line):
            raise Unsure
    if is_fish or before == b"=" or (before in DELIMITERS and after in DELIMITERS):
        return quoted
    return _refer(data, leak, is_fish=False)
