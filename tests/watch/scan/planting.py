"""Tokens made at run time for every shape of the catalogue, and the kinds of files that they get
into.

No look-alike of a token stands in the repository: whatever is planted is made of the pattern.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import sqlite3
import string
import zipfile
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from typing import NamedTuple
from urllib.parse import quote

from credman.providers.facts import Provider, Shape, ShapeKind
from tests.providers.factories import CATALOGUE
from tests.providers.shapes import complete, generate

_BASE62 = string.ascii_letters + string.digits
_REALISTIC = {
    "[A-Za-z0-9_.\\-]{8,128}": "[A-Za-z0-9_\\-]{128}",  # argilla: secrets.token_urlsafe(96)
    "sk-ant-[A-Za-z0-9]+-[A-Za-z0-9_-]+": "sk-ant-[a-z]{3}[0-9]{2}-[A-Za-z0-9_-]{60}",
    "as-[A-Za-z0-9]{10,}": "as-[A-Za-z0-9]{22}",
    "ak-[A-Za-z0-9]+": "ak-[A-Za-z0-9]{22}",
    "(?:sk|rk)_(?:test|live|prod)_[A-Za-z0-9]{10,247}": "sk_live_[A-Za-z0-9]{24}",
    "\\S{8,}": "[A-Za-z0-9_\\-]{32}",
    "\\S{8,256}": "[A-Za-z0-9]{36}",
    "(?:[A-Za-z0-9]+-)?[0-9a-f]{40}": "[0-9a-f]{40}",
}
"""What is really given out, where a pattern lets through much shorter texts as well."""


class Plant(NamedTuple):
    """Args: variable: the one that the value belongs in."""

    provider: Provider
    shape: Shape
    value: str

    @property
    def variable(self) -> str:
        return self.shape.field


def make_token(shape: Shape, chance: random.Random) -> str:
    """Returns: what its provider might give out; fits the shape."""
    if shape.is_part:
        key = "".join(chance.choices(_BASE62 + "+/", k=1600))
        return f'"private_key": "-----BEGIN PRIVATE KEY-----\\n{key}\\n'
    if shape.pattern.startswith("eyJ"):
        value = _make_jwt(chance) if "\\." in shape.pattern else _encode({"api": _text(chance, 90)})
    elif shape.pattern.startswith("sntrys_eyJ"):
        value = "sntrys_" + _encode({"org": _text(chance, 60)}) + "_" + _text(chance, 43)
    else:
        pattern = _REALISTIC.get(shape.pattern, shape.pattern)
        value = complete(generate(pattern, chance, stretch=24), shape.checksum)
    assert shape.fits(value), shape
    return value


def make_plants(kinds: Sequence[ShapeKind], seed: int) -> list[Plant]:
    """Returns: one for each shape of these kinds."""
    chance = random.Random(seed)
    return [
        Plant(provider, shape, make_token(shape, chance))
        for provider in CATALOGUE.providers.values()
        for shape in provider.shapes
        if shape.kind in kinds
    ]


def _text(chance: random.Random, size: int) -> str:
    return "".join(chance.choices(_BASE62, k=size))


def _encode(content: Mapping[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode().rstrip("=")


def _make_jwt(chance: random.Random) -> str:
    claims = {"sub": _text(chance, 24), "jti": _text(chance, 32)}
    return f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}.{_text(chance, 43)}"


class Kind(NamedTuple):
    """Args:
    name: of the file.
    write: gives its bytes. Takes the plant and its value.
    line: where the value stands; 0: somewhere.
    column: the same; None: somewhere.
    cell: its number in a notebook, and the part.
    member: which member of the file.
    """

    name: str
    write: Callable[[str, str], bytes]
    line: int = 0
    column: Callable[[str], int] | None = None
    cell: tuple[int, str] | None = None
    member: str = ""


def _write_python(name: str, value: str) -> bytes:
    return f"import os\n\nos.environ[{name!r}] = {value!r}\n".encode()


def _write_settings(name: str, value: str) -> bytes:
    return json.dumps({"model": "bert", name: value, "lr": 3e-5}, indent=2).encode()


def _write_cells(cells: Sequence[object]) -> bytes:
    document = {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(document, indent=1).encode()


def _write_source(name: str, value: str) -> bytes:
    code = [f'os.environ["{name}"] = "{value}"\n', "import os"]
    text = {"cell_type": "markdown", "metadata": {}, "source": ["# Training\n"]}
    return _write_cells([text, {"cell_type": "code", "outputs": [], "source": code}])


def _write_output(name: str, value: str) -> bytes:
    stream = {"name": "stdout", "output_type": "stream", "text": ["epoch 1\n"]}
    colour = {**stream, "text": [f"\x1b[31m{name}\x1b[0m=\x1b[32m{value}\x1b[0m\n"]}
    return _write_cells([{"cell_type": "code", "outputs": [stream, colour], "source": []}])


def _write_traceback(name: str, value: str) -> bytes:
    lines = [
        "\x1b[0;31mValueError\x1b[0m  Traceback (most recent call last)",
        f"\x1b[1;32m      3\x1b[0m {name}=\x1b[33m'{value}'\x1b[39m",
        f"Authorization: Bearer {value}",
    ]
    error = {"ename": "ValueError", "output_type": "error", "traceback": lines}
    return _write_cells([{"cell_type": "code", "outputs": [error], "source": []}])


def _write_zip(method: int) -> Callable[[str, str], bytes]:
    def write(name: str, value: str) -> bytes:
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", method) as archive:
            archive.writestr("archive/data.pkl", b"\x80\x02}q\0." + bytes(400))
            archive.writestr("archive/args.txt", f"epochs=3\n{name}={value}\n")
        return out.getvalue()

    return write


def _write_history(name: str, value: str) -> bytes:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute("CREATE TABLE sessions (session integer primary key, start timestamp)")
        connection.execute("CREATE TABLE history (session integer, line integer, source text)")
        rows = [(1, 1, "import os"), (1, 2, f"{name} = '{value}'")]
        connection.executemany("INSERT INTO history VALUES (?, ?, ?)", rows)
        connection.commit()
        return connection.serialize()


KINDS: Mapping[str, Kind] = {
    "python": Kind("train.py", _write_python, 3, lambda name: len(f"os.environ['{name}'] = '") + 1),
    "json": Kind("params.json", _write_settings, 3, lambda name: len(f'  "{name}": "') + 1),
    "source cell": Kind("a.ipynb", _write_source, cell=(2, "source")),
    "output": Kind("b.ipynb", _write_output, cell=(1, "output 2")),
    "traceback": Kind("c.ipynb", _write_traceback, cell=(1, "output 1")),
    "checkpoint": Kind(
        ".ipynb_checkpoints/a-checkpoint.ipynb", _write_source, cell=(2, "source")
    ),
    "env": Kind(".env", lambda n, v: f"A=1\n{n}={v}\n".encode(), 2, lambda n: len(n) + 2),
    "markdown": Kind("README.md", lambda n, v: f"# Use\n\n    {n}={v}\n\n`{n}: {v}`\n".encode(), 3),
    "yaml": Kind("ci.yaml", lambda n, v: f"env:\n  {n}: {v}\n".encode(), 2, lambda n: len(n) + 5),
    "shell history": Kind(
        ".bash_history", lambda n, v: f"ls\nexport {n}={v}\ncd ..\n".encode(), 2,
        lambda n: len(f"export {n}=") + 1,
    ),
    "dockerfile": Kind(
        "Dockerfile", lambda n, v: f"FROM x\r\nENV {n} {v}\r\nRUN y\r\n".encode(), 2,
        lambda n: len(f"ENV {n} ") + 1,
    ),
    "utf-16": Kind(
        "notes.txt", lambda n, v: f"größer\r\n{n} = {v}\r\n".encode("utf-16"), 2,
        lambda n: len(f"{n} = ") + 1,
    ),
    "zip, stored": Kind("model.bin", _write_zip(0), 2, lambda n: len(n) + 2, None, "args.txt"),
    "zip, deflated": Kind("x.whl", _write_zip(8), 2, lambda n: len(n) + 2, None, "args.txt"),
    "ipython history": Kind("history.sqlite", _write_history, member="table history, row 2"),
    "gzip": Kind(
        "log.gz", lambda n, v: gzip.compress(f"started\n{n}={v}\n".encode()), 2,
        lambda n: len(n) + 2,
    ),
    "query": Kind("access.log", lambda n, v: f"GET /x?a=b%26{n}={quote(v)}&z=1 200\n".encode(), 1),
}  # fmt: skip
"""Each writes a variable and its value as programs and people do."""
