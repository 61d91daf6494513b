"""A stored value in all the forms in which it gets into files.

Rule: needles hold values in clear. They live in memory for one scan, and are never written
anywhere. Imports next to nothing: the git hook pays for every module.
"""

import binascii

from credman.watch.scan import engines

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from credman.watch.scan.engines import Buffer, Matcher

SHORTEST = 8
"""Bytes; what is shorter is in every file by chance."""
LONGEST_FORM = 200
"""Bytes of a form that are looked for; a long value is told by its beginning."""
_WHOLE_WORD = 16
"""Shorter values count only where no letter or digit stands beside them."""
_SHORTEST_FORM = 10
_LONGEST_ESCAPE = 24
_LEAST_BITS = 30.0
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-~")
_LEAST_PART, _MOST_PARTS = 40, 8
_OF_PARTS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
_OTHERS_AS_BLANK = bytes(c if c in _OF_PARTS else 0x20 for c in range(256))
_SHORT_ESCAPES = {
    "\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f",
}  # fmt: skip
_HARMLESS = frozenset(range(0x20, 0x7F)) - frozenset(b"\"\\'&<>")


class Needle:
    """Args:
    owner: number of the value that it is a form of.
    form: the bytes that are looked for.
    encoding: how the value is written there, in words; ``plain`` for as it is.
    """

    __slots__ = ("encoding", "form", "owner")

    def __init__(self, owner: int, form: bytes, encoding: str) -> None:
        self.owner, self.form, self.encoding = owner, form, encoding

    def __repr__(self) -> str:
        return f"Needle({self.owner}, …, {self.encoding!r})"

    def find_all(self, data: bytes, start: int = 0) -> "Iterator[int]":
        """Returns: where it stands in a buffer."""
        form, size = self.form, len(self.form)
        place = data.find(form, start)
        is_word = self.encoding == "plain" and size < _WHOLE_WORD
        while place >= 0:
            if not is_word or (
                not data[place + size : place + size + 1].isalnum() and _may_begin(data, place)
            ):
                yield place
            place = data.find(form, place + 1)


def _may_begin(data: bytes, place: int) -> bool:
    """Whether no letter or digit stands before it, but for the end of an escape or a colour."""
    if not data[max(place - 1, 0) : place].isalnum():
        return True
    before = data[max(place - _LONGEST_ESCAPE, 0) : place]
    at = max(before.rfind(b"\\"), before.rfind(b"%"), before.rfind(b"\x1b"))
    if at < 0:
        return False
    from credman.watch.scan.rules import ends_escape

    return ends_escape(before)


def is_telling(value: bytes) -> bool:
    """Whether a stored value is looked for: what is short and simple, such as ``postgres``, is in
    many files, and says nothing there."""
    if len(value) < SHORTEST:
        return False
    if len(value) >= _WHOLE_WORD:
        return True
    from credman.watch.scan.judging import estimate_guess_bits

    has_digit = any(0x30 <= byte <= 0x39 for byte in value)
    has_letter = any(byte > 0x7F or chr(byte).isalpha() for byte in value)
    return has_digit and has_letter and estimate_guess_bits(value) >= _LEAST_BITS


def make_needles(values: "Iterable[bytes]", first: int = 0) -> list[Needle]:
    """Args: values: by number; of those that are not telling nothing is looked for.
        first: the number of the first.

    Returns:
        All forms of all values, none twice.
    """
    found: list[Needle] = []
    seen: set[bytes] = set()
    for owner, value in enumerate(values, first):
        for form, encoding in (*_forms(value), *_parts(value)):
            cut = form[:LONGEST_FORM]
            if cut not in seen and len(cut) >= (
                SHORTEST if encoding == "plain" else _SHORTEST_FORM
            ):
                seen.add(cut)
                found.append(Needle(owner, cut, encoding))
    return found


def list_whole_forms(value: bytes, encoding: str) -> list[bytes]:
    """Args: encoding: of a needle. Returns: how the value is written by it, to its end."""
    return [form for form, written in _forms(value) if written == encoding]


def compile_needles(needles: "Sequence[Needle]", *, engine: str) -> "Matcher":
    """Args: engine: one of ``ENGINES``. Returns: what finds them, by their number."""
    forms = [needle.form for needle in needles]
    if engine == "hyperscan" and forms:
        # Texts of literal mode hold no NUL; as an expression each byte is written out.
        patterns = [b"".join(b"\\x%02x" % byte for byte in form) for form in forms]
        return engines.open_hyperscan(engines.compile_hyperscan(patterns))
    searches = [_search_for(form) for form in forms]
    return engines.Alternatives(lambda data: bool(forms), searches)


def _search_for(form: bytes) -> "Callable[[Buffer], object]":
    return lambda data: form in data


def _forms(value: bytes) -> "Iterator[tuple[bytes, str]]":
    if not is_telling(value):
        return
    yield value, "plain"
    yield from _escaped_forms(value)
    hexadecimal = binascii.hexlify(value)
    yield hexadecimal, "hex"
    yield hexadecimal.upper(), "hex"
    for offset in range(3):
        standard = _base64_inside(value, offset)
        yield standard, "base64"
        yield standard.replace(b"+", b"-").replace(b"/", b"_"), "base64"
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return
    yield text.encode("utf-16-le"), "UTF-16"
    yield text.encode("utf-16-be"), "UTF-16"


def _parts(value: bytes) -> "Iterator[tuple[bytes, str]]":
    """Yields: of a value of several lines, such as a key in a JSON file, what tells it however the
    file is written."""
    if b"\n" not in value:
        return
    from credman.watch.scan.judging import FINGERPRINT_BITS, estimate_bits

    runs = value.replace(b"\\n", b"\n").translate(_OTHERS_AS_BLANK).split()
    telling = (run for run in runs if len(run) >= _LEAST_PART and len(run) < len(value))
    chosen = [run for run in telling if estimate_bits(run) >= FINGERPRINT_BITS]
    for part in chosen[:_MOST_PARTS]:
        yield part, "part"


def _escaped_forms(value: bytes) -> "Iterator[tuple[bytes, str]]":
    if not _PLAIN.issuperset(value):
        whole = _percent(value)
        # Programs leave a slash as it is in paths, and write a blank as a plus in queries.
        for kept in (whole, whole.replace(b"%2F", b"/")):
            for quoted in (kept, kept.replace(b"%20", b"+")):
                yield quoted, "URL-encoded"
                yield _lower_percent(quoted), "URL-encoded"
    if b"'" in value:
        # In Python and shells; in YAML and SQL.
        yield value.replace(b"\\", b"\\\\").replace(b"'", b"\\'"), "quoted"
        yield value.replace(b"'", b"''"), "quoted"
    if _HARMLESS.issuperset(value) and b"/" not in value:
        return
    for once in _json_forms(value):
        yield once, "JSON-escaped"
    markup = value.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    yield markup, "HTML-escaped"
    yield markup.replace(b'"', b"&quot;").replace(b"'", b"&#x27;"), "HTML-escaped"


def _json_forms(value: bytes) -> "Iterator[bytes]":
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return
    # As json writes it, whose import costs the hook more than all values together.
    for is_ascii in (True, False):
        once = _escape(text, is_ascii=is_ascii)
        twice = (_escape(once, is_ascii=True), _escape(once, is_ascii=False))
        for form in (once, once.replace("/", "\\/"), *twice):
            yield form.encode("utf-8")


def _escape(text: str, *, is_ascii: bool) -> str:
    if text.isascii() and text.isprintable():
        return text.replace("\\", "\\\\").replace('"', '\\"')
    parts = []
    for character in text:
        if character in _SHORT_ESCAPES:
            parts.append(_SHORT_ESCAPES[character])
        elif character < " " or (is_ascii and character > "~"):
            units = character.encode("utf-16-be").hex()
            parts += [f"\\u{units[at : at + 4]}" for at in range(0, len(units), 4)]
        else:
            parts.append(character)
    return "".join(parts)


def _percent(value: bytes) -> bytes:
    return b"".join(bytes((b,)) if b in _PLAIN else b"%%%02X" % b for b in value)


def _lower_percent(quoted: bytes) -> bytes:
    first, *rest = quoted.split(b"%")
    return b"%".join([first, *(part[:2].lower() + part[2:] for part in rest)])


def _base64_inside(value: bytes, offset: int) -> bytes:
    """Returns: what of its base64 is the same whatever stands before and after it."""
    encoded = binascii.b2a_base64(b"\0" * offset + value, newline=False)
    first = -(-8 * offset // 6)
    return encoded[first : 8 * (offset + len(value)) // 6]
