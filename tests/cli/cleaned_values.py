"""Values that get into files, as they are and as programs write them, and what tells that a part
of one is left.
"""

from __future__ import annotations

import base64
import html
import json
import random
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar
from urllib.parse import quote

from credman.providers.facts import ShapeKind
from tests.cli.scans import OTHER, TOKEN, make_token
from tests.watch.scan.planting import make_plants

T = TypeVar("T")


class Value(NamedTuple):
    """Args:
    variable: that the value belongs in.
    name: under which it is stored; empty: it is not.
    head: characters at its beginning that many have.
    """

    text: str
    variable: str
    name: str = ""
    head: int = 0

    @property
    def mark(self) -> str:
        return f"[credman:{self.variable}]"

    @property
    def is_word(self) -> bool:
        return self.text.isidentifier()


def _make_values() -> list[Value]:
    plants = make_plants([*ShapeKind], 9)
    openai, github, slack = (
        next(
            Value(p.value, p.variable, "", len(p.shape.head(p.value)))
            for p in plants
            if p.provider.name == name and p.value.startswith(head)
        )
        for name, head in (("openai", "sk-"), ("github", "ghp_"), ("slack", "https://"))
    )
    ends = make_token("of a password")
    strange = f"{ends[3:17]}'\"<&>/+=é \\{ends[17:31]}"
    return [
        Value(TOKEN, "HF_TOKEN", "hf", 3),
        openai._replace(name="openai"),
        Value(strange, "DB_PASSWORD", "db"),
        Value(f"k7{ends[5:9]}9x{ends[9:13]}", "SMALL_SECRET", "small"),
        Value(OTHER, "HF_TOKEN", "", 3),
        github,
        slack,
    ]


VALUES = _make_values()
STORED = [value for value in VALUES if value.name]
STRANGE = VALUES[2]
SIMPLE = [value for value in VALUES if value is not STRANGE]

ENCODINGS: dict[str, Callable[[str], str]] = {
    "base64": lambda v: base64.b64encode(f"user:{v}".encode()).decode(),
    "base64url": lambda v: base64.urlsafe_b64encode(f"us:{v}".encode()).decode().rstrip("="),
    "base64 of much": lambda v: base64.b64encode(f"{'.' * 99}{v}{'-' * 98}".encode()).decode(),
    "base64 before much": lambda v: base64.b64encode(f"{v}{'-' * 98}".encode()).decode(),
    "URL": lambda v: quote(v, safe=""),
    "hex": lambda v: v.encode().hex(),
    "HEX": lambda v: v.encode().hex().upper(),
    "HTML": html.escape,
    "JSON": lambda v: json.dumps(v)[1:-1],
    "JSON in JSON": lambda v: json.dumps(json.dumps(v))[3:-3],
}


def choose(chance: random.Random, *options: T) -> T:
    return options[chance.randrange(len(options))]


def encode(chance: random.Random, value: Value) -> tuple[str, str]:
    """Returns: a value that is stored as programs write it between others, and how."""
    encoding = choose(chance, "base64", "base64url", "base64 of much", "base64 before much", "hex")
    return ENCODINGS[encoding](value.text), encoding


def _list_forms() -> Iterator[tuple[bytes, int]]:
    """Yields: what a value may look like, and how many bytes of it are told apart from chance."""
    for value in VALUES:
        text = value.text[value.head :]
        yield text.encode(), 8
        if not value.name:
            continue
        for escaped in (json.dumps(text)[1:-1], quote(text, safe=""), html.escape(text)):
            yield escaped.encode(), 8
        for hexadecimal in (text.encode().hex(), text.encode().hex().upper()):
            yield hexadecimal.encode(), 16
        whole = value.text.encode()
        for lead in range(3):
            encoded = base64.b64encode(b"\0" * lead + whole)[4 : -4 - lead]
            yield encoded, 12
            yield encoded.replace(b"+", b"-").replace(b"/", b"_"), 12


_PARTS: dict[int, set[bytes]] = {}
for _form, _size in _list_forms():
    _found = _PARTS.setdefault(_size, set())
    _found.update(_form[at : at + _size] for at in range(len(_form) - _size + 1))


def find_parts(data: bytes) -> list[bytes]:
    """Returns: the parts of values that are in it, be it 8 bytes."""
    texts = [data]
    if b"\0" in data:
        texts += [data.decode(codec, "replace").encode("utf-8", "replace") for codec in
                  ("utf-16-le", "utf-16-be")]  # fmt: skip
    return [
        text[at : at + size]
        for text in texts
        for size, parts in _PARTS.items()
        for at in range(len(text) - size + 1)
        if text[at : at + size] in parts
    ]
