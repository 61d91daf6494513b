"""The catalogue's shapes as rules: what an engine looks for, and what confirms it.

Rule: a prefix speaks for itself; a form that several providers share needs to be random as well; a
generic form means something only beside a name of its provider.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from credman.providers.catalogue import Catalogue
from credman.providers.facts import Provider, Shape, ShapeKind
from credman.providers.literals import list_heads
from credman.watch.scan.judging import estimate_bits, is_placeholder, is_random

LONGEST = 4096
"""Bytes of a token; what is longer is told by so much of it."""

# What may stand before a token: no letter or digit, but for the ends of escapes, such as those of
# a line end in JSON, a colour of a terminal, a byte of a URL.
_BEFORE = re.compile(
    rb"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbfv0])|(?<=[0-9;\[]m)|(?<=%[0-9A-Fa-f]{2})"
    rb"|(?<=\\x[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4}))"
)
_ESCAPED_END = re.compile(
    rb"(?:\\(?:[nrtbfv0]|x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4})|%[0-9A-Fa-f]{2}"
    rb"|(?:\x1b|\\(?:u001[bB]|x1[bB]|033|e))\[[0-9;]{0,12}m)\Z"
)
_AFTER = rb"(?![A-Za-z0-9])"
# A short beginning that says little stands in base64url and in long names by chance as well.
_ALONE_BEFORE = re.compile(rb"(?<![_+/-])(?<!sha256=)")
_ALONE_AFTER = rb"(?![A-Za-z0-9_+/-])"
_COLOUR = rb"(?:(?:\x1b|\\{1,2}(?:u001[bB]|x1[bB]|033))\[[0-9;]{0,12}m){0,2}"
_QUOTES = rb"(?:[\"'\\\])>]|&quot;|&#3[49];){0,6}"
_GAP = (
    _QUOTES
    + _COLOUR
    + rb"[ \t]{0,8}(?::[ \t]{0,2}str[ \t]{0,2}=|=>|:=|[=:,]|[ \t])[ \t]{0,8}"
    + _COLOUR
    + rb"(?:[rbfuRBFU]{0,2}(?:[\"'\\(]|&quot;|&#3[49];){1,6})?"
)
_ANYTHING = r"[A-Za-z0-9_.+/=~-]{16,128}"
"""For forms that allow any text."""
_PRIVATE_KEY = rb"(?:\\{1,4}n|\s)+[A-Za-z0-9+/=]{40}"
_LEAST_BITS = 32.0
_SHARED_BITS = 65.0
_ESCAPES = rb"\\u00[2-7][0-9a-fA-F]|:\\{1,2}/\\{1,2}/|%(?:2[BFbf]|3[ADad])"
_ENOUGH = 24
_FIRST = re.compile(rb"^((?:\w|\\.)*\[[^\]]+\]\{[0-9]+(?:,[0-9]+)?\}).*$", re.DOTALL)
_LAST = re.compile(rb"(?:(?<=\])\+|\{([1-9][0-9]*)(?:,[0-9]+)?\})$")
_ANY_GAP = rb"[^\n]{1,60}"
_FAR = 2000
_OWN_WORD = r"(?:[_-]?api)?[_-]?(?:key|token|secret)"


@dataclass(frozen=True, slots=True)
class Rule:
    """Args:
    source: the expression that engines look for.
    confirming: the one that tells where; its group ``value`` is the token.
    heads: texts one of which is in all that it finds; none: none are known.
    has_context: a name of the provider belongs to the match.
    """

    provider: Provider
    shape: Shape
    source: bytes
    confirming: bytes
    heads: tuple[bytes, ...] = ()
    has_context: bool = False

    def find_all(self, data: bytes, start: int, end: int) -> Iterator[tuple[int, bytes]]:
        """Args: data: a buffer; start, end: where in it to look.

        Returns:
            Where a token of this rule begins, and the token.
        """
        search = _compile(self.confirming).search
        while match := search(data, start, end):
            start = match.start() + 1
            # Apart from the expression, which is found faster if it begins with a text.
            if self._may_begin(data, match.start()):
                value = match["value"]
                start = max(match.end("value"), start)
                if self.accepts(value):
                    yield match.start("value"), value

    def _may_begin(self, data: bytes, place: int) -> bool:
        if self.has_context:
            return True
        if self.shape.kind is ShapeKind.SHARED and not _ALONE_BEFORE.match(data, place):
            return False
        return _BEFORE.match(data, place) is not None

    def accepts(self, value: bytes) -> bool:
        """Whether it is a token, and not an example of one."""
        text = value.decode("ascii", "replace")
        if self.shape.is_part:  # the beginning of a key whose body follows
            return True
        if (
            self.shape.checksum
            and not self.shape.has_advisory_checksum
            and self.shape.has_wrong_checksum(text)
        ):
            return False
        body = value[len(self.shape.head(text)) :]
        if self.has_context:
            return is_random(body)
        if self.shape.kind is ShapeKind.SHARED:
            return is_random(body) and estimate_bits(body) >= _SHARED_BITS
        return not is_placeholder(body) and estimate_bits(body) >= _LEAST_BITS


@functools.cache
def _compile(source: bytes) -> re.Pattern[bytes]:
    return re.compile(source)


def ends_escape(text: bytes) -> bool:
    """Whether the end of a text is that of an escape, such as ``\\n`` in JSON, or of a colour."""
    return _ESCAPED_END.search(text) is not None


def make_rules(catalogue: Catalogue) -> tuple[Rule, ...]:
    """Returns: the rules of all providers, in an order that depends on the catalogue only."""
    found: list[Rule] = []
    for provider in sorted(catalogue.providers.values(), key=lambda p: p.name):
        for shape in provider.shapes:
            found += _rules_for(provider, shape)
    return tuple(found)


def list_sources(rules: Iterable[Rule]) -> list[bytes]:
    """Returns: what an engine is to look for; the last is ``_ESCAPES``, whose number is that of no
    rule: what is escaped has to be read first."""
    return [*(rule.source for rule in rules), _ESCAPES]


def list_bounded_sources(rules: Iterable[Rule]) -> list[bytes]:
    """As ``list_sources``, for an engine that tries each end of what has none."""
    bounded = b"{1,%d}" % _FAR
    return [re.sub(rb"(?<=\])\+", bounded, source) for source in list_sources(rules)]


def _rules_for(provider: Provider, shape: Shape) -> Iterator[Rule]:
    if shape.kind is ShapeKind.PUBLIC:
        return
    pattern = _limit(shape.pattern).encode("ascii")
    if shape.is_part:
        pattern = pattern.replace(b'"', rb'\\{0,3}"')  # it stands in a string, and that in another
        key = pattern + (_PRIVATE_KEY if b"PRIVATE KEY" in pattern else b"")
        yield Rule(provider, shape, _least(pattern), b"(?P<value>" + key + b")")
        return
    if shape.kind is ShapeKind.PREFIX or _speaks_for_itself(shape):
        if shape.kind is ShapeKind.SHARED:  # a short one would not be random enough
            pattern = re.sub(rb"\{1(?=,2000\})", b"{16", pattern)
        after = _ALONE_AFTER if shape.kind is ShapeKind.SHARED else _AFTER
        confirming = b"(?P<value>" + pattern + b")" + after
        heads = [head.encode("ascii") for head in list_heads(shape.pattern)]
        known = tuple(heads) if all(len(head) > 2 for head in heads) else ()
        yield Rule(provider, shape, _least(pattern), confirming, known)
    if shape.kind is not ShapeKind.PREFIX and _is_secret(provider, shape):
        if "\\S" in shape.pattern:
            pattern = _ANYTHING.encode("ascii")
        names = b"(?i:" + "|".join(_names(provider, shape)).encode("ascii") + b")"
        source = names + _ANY_GAP + _least(_FIRST.sub(rb"\1", pattern))
        confirming = names + _GAP + b"(?P<value>" + pattern + b")" + _AFTER
        yield Rule(provider, shape, source, confirming, has_context=True)


def _least(pattern: bytes) -> bytes:
    """Returns: what is in all that the pattern fits, and costs an engine less: what ends it need
    not be whole, and what has no end is less than what has one far away."""
    endless = pattern.replace(b"{1,%d}" % _FAR, b"+")
    return _LAST.sub(lambda m: b"{%d}" % min(int(m[1] or 1), _ENOUGH), endless)


def _limit(pattern: str) -> str:
    """Returns: the pattern with a bound wherever it had none."""
    open_ended = re.compile(r"(?<=[\]\w)])\{([0-9]+),\}|(?<=\])\+")
    return open_ended.sub(lambda m: f"{{{m[1] or 1},{max(_FAR, int(m[1] or 1))}}}", pattern)


def _speaks_for_itself(shape: Shape) -> bool:
    if shape.kind is not ShapeKind.SHARED or shape.pattern.startswith(("eyJ", "https:")):
        return False
    return all(len(head) > 2 for head in list_heads(shape.pattern)) or "JQQJ99" in shape.pattern


def _is_secret(provider: Provider, shape: Shape) -> bool:
    field = provider.find_field(shape.field)
    return field is None or field.secret


def _names(provider: Provider, shape: Shape) -> list[str]:
    field = provider.find_field(shape.field)
    known = [shape.field] if field is None else [*field.variables, *field.also]
    names = [re.escape(name).replace("_", "[_-]?") for name in known]
    is_main = field is not None and (field is provider.main_field or field is provider.fields[0])
    if is_main and field is not None and field.secret:
        own = (provider.name, *provider.aliases)
        names += [re.sub(r"[-_]", "[_-]?", name) + _OWN_WORD for name in own if len(name) > 2]
    return names
