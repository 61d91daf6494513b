"""Whether what looks like a token is one.

It is told by how random it is, and by the words that examples are made of.

Rule: pure. It judges what patterns found; a stored value that is found is a leak, whatever it
looks like.
"""

from __future__ import annotations

import math
import re
from collections import Counter

FINGERPRINT_BITS = 100.0
"""Below this, whoever has a digest of a value and its key may find the value by trying."""

_WORDS = re.compile(
    rb"""(?xi)
      example | sample | placeholder | changeme | change[_-]?me | redacted | (?<![a-z])dummy
    | (?<![a-z])fake(?![a-z]) | your[_-]?(?:api|token|key|secret|hf|own)
    | my[_-]?(?:api|token|secret)
    | (?:insert|paste|replace)[_-]?(?:your|with|me|here) | not[_-]?a[_-]?real | foobar
    | (?:token|key|secret|here)[_-]here | censored | (?<![a-z])test[_-]?(?:token|key|secret)
    | [x*]{6} | (.)\1{6} | (..)\2{4} | (...)\3{3}
    | 01234567 | 12345678 | 23456789 | 98765432 | abcdefgh | qwertyui | deadbeef
    | a1b2c3d4 | 0a1b2c3d
    """
)
_PAIRS = frozenset(
    b"te er on at es in se el ti re de or en st co et io ra ed al le lf ge ne ro od ma nt li ar ng "
    b"ec an it to pe ut la mo fi tr ig pr ns ta di pa lo si nd is ce ct as me ap ou ic ri ca ch ur "
    b"ke ex po id rt ss im em fo th ac ve ts am ol ad vi nf rm rs ea be nc na gr pl ul oc op no tt "
    b"ls il ze os he iz om ll ni ck ag ty da un ha ba dd ue pu ax va mp so qu rk ab pp xt sp ay cl "
    b"ie ot ep ia wo tc mi tw sh tp rc ir ee wa ai bl ok ef sc".split()
)
"""Pairs of letters that are four of five in the names that programs are written with, and one of
five in what is made by chance."""
_LETTERS_ONLY = re.compile(rb"[A-Za-z]{2,}")
# Letters as words are written, one or several with capitals: what is made by chance mixes them.
_WRITTEN = re.compile(
    rb"(?<![A-Za-z])(?:[a-z]{3,}(?:[A-Z][a-z]+)*|(?:[A-Z][a-z]+)+|[A-Z]{3,})(?![A-Za-z])"
)
_PART = re.compile(rb"[A-Z]?[a-z]+|[A-Z]+")
_VOWEL = re.compile(rb"[aeiouyAEIOUY]")
_SEPARATORS = b"_.~+/=:-@ "
_HEAD = re.compile(rb"(?:[a-z]{2,12}://|[a-z]{2,8}[-_](?:[a-z]{4,8}[-_]){0,2})(?=[^-_])")
_LEAST_WORDS = 0.4
"""Of a text that is made of words."""
_WORD_BITS, _LETTER_BITS = 11.0, 2.2
"""Of a word; and of each letter where several stand together without a sign between them."""
_HEX = frozenset(b"0123456789abcdefABCDEF-")
_DIGITS = frozenset(b"0123456789")


def shannon(text: bytes) -> float:
    """Returns: bits a character, by how often each occurs in it."""
    if not text:
        return 0.0
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values())


def estimate_bits(value: bytes) -> float:
    """Returns: how many bits it may take to guess it: what the characters of its kind could hold,
    and not more than what its own variety says."""
    present = frozenset(value)
    if present <= _DIGITS:
        alphabet = 10
    elif present <= _HEX:
        alphabet = 16
    elif value.isalnum() and (value.islower() or value.isupper()):
        alphabet = 36
    else:
        alphabet = 62
    # The variety of a short text is bounded by its length; that of a long one by the alphabet.
    possible = min(math.log2(alphabet), math.log2(max(len(value), 2)))
    share = min(1.0, shannon(value) / possible) if possible else 0.0
    return len(value) * math.log2(alphabet) * share**2


def estimate_guess_bits(value: bytes) -> float:
    """Returns: how many bits it may take who tries words, and knows how tokens of its kind begin:
    as ``estimate_bits``, but a word is one of some thousands."""
    head = _HEAD.match(value)
    body = value[head.end() :] if head else value
    if frozenset(body) <= _HEX:
        return estimate_bits(body)
    bits, end, size, rest = 0.0, 0, 0, []
    for match in _WRITTEN.finditer(body):
        if not _reads_like_words(match[0]):
            continue
        rest.append(body[end : match.start()].strip(_SEPARATORS))
        end, size = match.end(), size + len(match[0])
        bits += sum(max(_WORD_BITS, _LETTER_BITS * len(word)) for word in _PART.findall(match[0]))
    if size < _LEAST_WORDS * len(body):  # by chance a few letters read like a word as well
        return estimate_bits(body)
    rest.append(body[end:].strip(_SEPARATORS))  # the signs between words say nothing
    return bits + estimate_bits(b"".join(rest))


def _reads_like_words(letters: bytes) -> bool:
    if not _VOWEL.search(letters):
        return False
    lower = letters.lower()
    known = sum(lower[at : at + 2] in _PAIRS for at in range(len(lower) - 1))
    return 2 * known >= len(lower) - 1


def is_placeholder(body: bytes) -> bool:
    """Args: body: of a token, without what all of its kind begin with.

    Returns:
        Whether somebody wrote it as an example.
    """
    if _WORDS.search(body):
        return True
    size = len(body)
    if size < 8:
        return False
    present = frozenset(body)
    # Random hexadecimal digits of this length have fewer kinds once in a million times.
    least = {True: 5, False: 7}[present <= _HEX]
    return len(present) < (least if size >= 16 else least - 2)


def is_random(value: bytes) -> bool:
    """Whether a value without a form of its own is made by chance, and is no word, path or name of
    something: for where only the variable beside it says that it is a token."""
    if is_placeholder(value):
        return False
    if frozenset(value) <= _HEX:
        return any(c in _DIGITS for c in value) and shannon(value) >= 2.6
    if shannon(value) < 3.2:
        return False
    digits = sum(c in _DIGITS for c in value)
    letters = sum(chr(c).isalpha() for c in value)
    if digits < 2 and (value.islower() or value.isupper() or _is_words(value)):
        return False
    return letters >= 4


def _is_words(value: bytes) -> bool:
    known = count = 0
    for run in _LETTERS_ONLY.findall(value.lower()):
        count += len(run) - 1
        known += sum(run[at : at + 2] in _PAIRS for at in range(len(run) - 1))
    return known * 3 > count * 2
