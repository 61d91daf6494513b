"""The kinds of files that tokens get into, each made with what may change in it."""

from __future__ import annotations

import json
import random
import re
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from tests.cli.cleaned import File, Piece, Zone, encoded, evaluated, marked, only
from tests.cli.cleaned_values import ENCODINGS, SIMPLE, STORED, STRANGE, VALUES, choose, encode

Chance = random.Random
_WORDS = ("größer\n", "x = 1\n", "\tblank  \n", "{}[]%s $HOME ${A} \\n\n", "import this\n", "\n",
          "a'b\"c`\n", "\x0c\n", "# [credman:X]\n", "日本\n")  # fmt: skip


def wrap(chance: Chance, file: File, *, is_wide: bool = False) -> File:
    """Gives it a codec, line ends and an end as editors do. Args: is_wide: UTF-16 as well."""
    wide = ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"), ("utf-16-le", b"")
    kinds = [("utf-8", b""), ("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), *(wide if is_wide else ())]
    file.codec, file.bom = choose(chance, *kinds)
    file.line_end = choose(chance, "\n", "\n", "\r\n")
    if isinstance(file.pieces[-1], str) and chance.random() < 0.3:
        file.pieces[-1] = file.pieces[-1].rstrip("\n")
    return file


def make_text(chance: Chance) -> File:
    name = choose(chance, "README.md", "run.log", "a.csv", "notes", "page.html", "Dockerfile",
                  "app.js", "x.tex", "k8s.tpl", "Makefile")  # fmt: skip
    pieces: list[Piece] = [chance.choice(_WORDS), "plain text, to begin with\n"]
    for _ in range(chance.randrange(1, 4)):
        encoding = choose(chance, "plain", "plain", *ENCODINGS)
        special = encoding in ("URL", "HTML", "JSON", "JSON in JSON")
        value = STRANGE if special else chance.choice(VALUES if encoding == "plain" else STORED)
        lead, end = choose(chance, ("token: ", "\n"), ("| a | ", " |\n"), ("1,'", "',3\n"),
                           ("<b>", "</b>\n"), ("Authorization: Bearer ", ""), ("?x=", "&y=1\n"),
                           ("\x1b[31m", "\x1b[0m\n"))  # fmt: skip
        pieces += [lead, marked(value, encoding), end or "\n", chance.choice(_WORDS)]
    return wrap(chance, File(name, "text", pieces), is_wide=True)


_PREFIXES = ("", "", "", "r", "u", "b", "f", "Rb", "rf", "F")
_STATEMENTS = (
    "x = @\n", "login(token=@)\n", "x = {'token': @, 'b': 2}\n", "def f(a, t=@, *, b=@): pass\n",
    "def g():\n\treturn@\n", "if 1:\n    x = [@,\n         @]\n", "x = (@) if @ else None\n",
    "assert 1, @\n", "f = lambda: @\n", "x = f'{@}'\n", 'x = f"a{@!r:>3}b"\n', "x = @.strip()\n",
    "class A:\n    '''doc'''\n    t: str = @\n    def m(self, t=@):\n        print(t, @)\n",
    "import json; x = @; y = 2\n", "match x:\n    case {'a': 1}:\n        y = @\n",
    "try:\n    x = 1\nexcept Exception:\n    raise ValueError(@) from None\n",
    "with open(@) as h: pass\n", "x = [t for t in (@,) if t in @]\n",
    "print('a' 'b', @ , sep='')\n",
    "x: str = @  # é\n", "x = not@\n", "async def h():\n    return await k(@)\n", "d[@] = {@}\n",
    "for c in@: pass\n", "@d(@)\ndef w(): ...\n".replace("@d", "\x00d"), "(y := @)\n", "f(*[@])\n",
    "x = 1 +\\\n    2; z = @\n", "if x == @:pass\nelif x != @: pass\nelse: y=@\n", "del d[@]\n",
    "type_ = @;\n", "x = yield_(@)[0:1, ::2]\n", "global_ = @ @\n".replace("@ @", "(@)"),
    "def outer():\n    os = 1\n    return @\n", "x = {**{'a': @}}\n", "x = '''\n''', @\n",
)  # fmt: skip
_HEADS = (
    "", "", "#!/usr/bin/env python3\n", "# -*- coding: utf-8 -*-\n", '"""What it does."""\n',
    "from __future__ import annotations\n", '"""Doc."""\nfrom __future__ import annotations\n\n',
    "import os\n", "import os as o\n", "import os, sys\n", "import os.path\n", "\n\n# comment\n",
    "from os import *\n", "os = 1\n", "import sys; import json\n", "'''a\nb'''; x = 2\n",
    "try:\n    import os\nexcept ImportError:\n    os = None\n", "if True:\n    import os\n",
)  # fmt: skip


def make_literal(chance: Chance, *, is_inside: bool = False, is_glued: bool = False) -> Zone:
    """Args:
        is_inside: of an f-string's field.
        is_glued: to the word before it.

    Returns:
        A string of Python with a value in it.
    """
    value = chance.choice(VALUES)
    if value is STRANGE:
        if is_inside:
            value = VALUES[0]
        else:
            text = json.dumps(value.text, ensure_ascii=chance.random() < 0.5)
            return evaluated(text, value, encoding="JSON")
    if chance.random() < 0.1 and not is_inside:
        value = chance.choice(STORED)
        form, encoding = encode(chance, value)
        lead = choose(chance, "", "\\n", "\\x1b[33m", "a ")
        return encoded(f'"{lead}@"', form, value, encoding)
    prefix = "" if is_glued else chance.choice(_PREFIXES)
    quote = "'" if is_inside else choose(chance, "'", '"', "'''", '"""')
    lead, end = choose(chance, ("", ""), ("", ""), ("Bearer ", ""), ("", " x"), ("a=", "&b=1"))
    if not is_inside:
        odd = choose(
            chance,
            ("\\n", "\\t"),
            ("\\x1b[1;31m", "\\x1b[m"),
            ("{{", "}} "),
            ("%s ", " %d"),
            ("\\\\", "\\\\"),
            ("/", ":"),
            ("", ""),
        )
        lead, end = lead + odd[0], odd[1] + end
    if "f" in prefix.lower() and not is_inside and chance.random() < 0.5:
        lead += "{name}:"
    literal = f"{prefix}{quote}{lead}{value.text}{end}{quote}"
    if not is_inside and "b" not in prefix.lower() and chance.random() < 0.15:
        other = chance.choice([v for v in SIMPLE if v.variable != value.variable])
        literal = f"{literal} 'and {other.text}'"
        return evaluated(literal, value, other)
    return evaluated(literal, value)


def _is_name(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda new: pattern.fullmatch(new) is not None


def make_statements(chance: Chance, count: int) -> list[Piece]:
    pieces: list[Piece] = []
    for _ in range(count):
        kind = chance.randrange(8)
        if kind == 0:
            pieces += ["# ", marked(chance.choice(VALUES)), "\n"]
        elif kind == 1:
            word = chance.choice([v for v in VALUES if v.is_word])
            name = re.compile(rf"credman_{word.variable}(_\d+)?")
            template = choose(
                chance, "@ = 1\n", "def @(): pass\n", "f(@=1)\n", "x.@\n", "if @: pass\n"
            )
            lead, _, end = template.partition("@")
            pieces += [lead, Zone(word.text, _is_name(name)), end]
        else:
            statement = chance.choice(_STATEMENTS)
            is_inside = "f'" in statement or 'f"' in statement
            if statement.startswith("x = f'"):
                statement = statement.replace("'", '"')
            first, *others = statement.replace("\x00d", "\x00").split("@")
            pieces.append(first.replace("\x00", "@d"))
            for part in others:
                before = pieces[-1]
                is_glued = isinstance(before, str) and before[-1:].isalpha()
                pieces += [make_literal(chance, is_inside=is_inside, is_glued=is_glued), part]
        if chance.random() < 0.3:
            pieces.append("# tail\n")
    return pieces


def make_python(chance: Chance) -> File:
    head = chance.choice(_HEADS)
    pieces = [head, *make_statements(chance, chance.randrange(1, 5))]
    file = File(choose(chance, "train.py", "a.pyi", "b.pyw"), "python", pieces, may_import=True)
    file = wrap(chance, file)
    if "coding" in head and file.bom:
        file.bom = b""
    file.check = _compile
    _compile(file.data)
    return file


def _compile(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        compile(data, "x", "exec", dont_inherit=True)


def make_old_python(chance: Chance) -> File:
    pieces: list[Piece] = ["print 'a'\nx = '", marked(chance.choice(SIMPLE)), "'\nexec x\n"]
    return wrap(chance, File("old.py", "python of before", pieces), is_wide=True)


BEGIN, BETWEEN, END = "\ue000", "\ue001", "\ue002"


class Planted:
    """Zones on their way through ``json.dumps``: signs of nobody's stand for them."""

    def __init__(self) -> None:
        self.zones: list[Zone] = []

    def put(self, zone: Zone) -> str:
        self.zones.append(zone)
        return f"{BEGIN}{len(self.zones) - 1}{END}"

    def join(self, pieces: Sequence[Piece]) -> str:
        return "".join(self.put(p) if isinstance(p, Zone) else p for p in pieces)

    def split(self, text: str, wrap_zone: Callable[[Zone], Zone]) -> list[Piece]:
        text = text.replace("\\ue000", BEGIN).replace("\\ue002", END)
        parts: list[Piece] = []
        for number, part in enumerate(re.split(f"{BEGIN}([0-9]+){END}", text)):
            parts.append(wrap_zone(self.zones[int(part)]) if number % 2 else part)
        return parts


def dump(chance: Chance, document: object) -> str:
    indent = choose(chance, None, 1, 4, "\t")
    separators = choose(chance, None, (",", ":"), (" ,\t", " : "), (",\r\n", ":\n "))
    return json.dumps(document, indent=indent, separators=separators,
                      ensure_ascii=chance.random() < 0.5)  # fmt: skip


def make_json(chance: Chance) -> File:
    planted = Planted()

    def string() -> str:
        value = chance.choice(VALUES)
        lead, end = choose(chance, ("", ""), ("", ""), ("Bearer ", ""), ("é\n", "\t/"))
        form = json.dumps(value.text, ensure_ascii=chance.random() < 0.5)[1:-1]
        encoding = "JSON" if value is STRANGE else "plain"
        if value is STRANGE and chance.random() < 0.5:
            form = form.replace("/", "\\/")
        # Of what is not stored, the rest would be of no provider's shape.
        if value in STORED and value.head and not lead and chance.random() < 0.6:
            form, encoding = f"\\u{ord(form[0]):04x}{form[1:]}", "JSON, escaped letter"
        if chance.random() < 0.2:
            value = chance.choice(STORED)
            form, encoding = encode(chance, value)
            form = (
                form.replace("/", choose(chance, "/", "/", "\\/")) if "much" in encoding else form
            )
            lead = choose(chance, "", "x\n", "é", "\x1b[1;31m", "a ")
        before, after = json.dumps(lead)[1:-1], json.dumps(end)[1:-1]
        is_right = [only(new, form, encoding) for new in (f"${{{value.variable}}}", value.mark)]

        def becomes(new: str) -> bool:
            if new == "null":
                return True
            if not new.startswith(f'"{before}') or not new.endswith(f'{after}"'):
                return False
            middle = new[len(before) + 1 : len(new) - len(after) - 1]
            return any(holds(middle) for holds in is_right)

        return planted.put(Zone(f'"{before}{form}{after}"', becomes, encoding))

    nested = json.dumps({"token": VALUES[0].text, "n": 1})
    head, tail = nested.split(VALUES[0].text)
    inner = [Zone(VALUES[0].text, lambda new: new in ("${HF_TOKEN}", VALUES[0].mark))]
    document: Any = {
        "lr": 3e-05, "name": "é / \" \\", "token": string(), "HF_TOKEN": string(), "": None,
        "list": [1, string(), {"a": [[string()], True]}], "empty": {}, "n": 1.50,
    }  # fmt: skip
    chosen = dict(chance.sample(sorted(document.items()), k=chance.randrange(3, 8)))
    if chance.random() < 0.3:
        chosen["nested"] = planted.join([head, *inner, tail])
    if chance.random() < 0.2:
        chosen[planted.put(Zone(VALUES[0].text, lambda new: "HF_TOKEN" in new))] = 1
    whole: Any = choose(chance, chosen, chosen, [chosen], string())
    text = dump(chance, whole)
    pieces = planted.split(text, lambda zone: zone)
    pieces = _eat_quotes(pieces)
    if not any(isinstance(piece, Zone) for piece in pieces):
        return make_json(chance)
    name = choose(chance, "a.json", "training_params.json", "x.webmanifest", "state")
    file = File(name, "json", [*pieces, chance.choice(["", "\n"])])
    wide = ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"")
    file.codec, file.bom = choose(chance, ("utf-8", b""), ("utf-8", b"\xef\xbb\xbf"), *wide)
    file.check = lambda data: json.loads(data[len(file.bom) :].decode(file.codec))
    file.check(file.data)
    return file


def _eat_quotes(pieces: list[Piece]) -> list[Piece]:
    """The quotes that ``json.dumps`` put around what has its own."""
    for at, piece in enumerate(pieces):
        if isinstance(piece, Zone) and piece.text.startswith('"'):
            before, after = pieces[at - 1], pieces[at + 1]
            assert isinstance(before, str) and isinstance(after, str)
            pieces[at - 1], pieces[at + 1] = before.removesuffix('"'), after.removeprefix('"')
    return pieces
