"""Files with a token in each: every provider's, and stored values, in every kind of file.

Values are made at run time, from the catalogue's patterns or by chance.
"""

from __future__ import annotations

import base64
import json
import random
import string
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from credman.providers.facts import ShapeKind
from tests.watch.scan.planting import KINDS, Plant, make_plants

AS_THEY_ARE = ("env", "yaml", "shell history", "dockerfile")
"""Kinds of files in which no value is packed or escaped."""
_STORED = 50
_AWKWARD = 10
"""Stored values among these that have characters in them which every format escapes."""
_SEED = 20


def make_tokens() -> list[Plant]:
    """Returns: one value of each shape that tells its provider by itself."""
    return make_plants((ShapeKind.PREFIX,), _SEED)


def make_named() -> list[Plant]:
    """Returns: one value of each shape that means something only beside a name of its provider."""
    plants = make_plants((ShapeKind.SHARED, ShapeKind.CONTEXT), _SEED)
    fields = [plant.provider.find_field(plant.variable) for plant in plants]
    return [p for p, f in zip(plants, fields, strict=True) if f is None or f.secret]


def make_one() -> str:
    """Returns: a token of Hugging Face, which ends with a letter."""
    tokens = make_tokens()
    return next(plant.value for plant in tokens if plant.shape.name == "user access token")


def make_stored() -> list[str]:
    """Returns: values without any form by which a pattern could tell them."""
    chance, letters = random.Random(_SEED), string.ascii_letters + string.digits
    plain = ["".join(chance.choices(letters, k=36)) for _ in range(_STORED - _AWKWARD)]
    parts = [["".join(chance.choices(letters, k=9)) for _ in range(4)] for _ in range(_AWKWARD)]
    return plain + ['"'.join(p[:2]) + "/é " + "+&".join(p[2:]) for p in parts]


ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "json": lambda v: json.dumps({"a": json.dumps({"token": v})}).encode(),
    "url": lambda v: f"https://host/?token={urllib.parse.quote(v, safe='')}&x=1\n".encode(),
    "hex": lambda v: f"token: {v.encode().hex()}\n".encode(),
    "base64-0": lambda v: base64.b64encode(v.encode() + b" and more"),
    "base64-1": lambda v: base64.urlsafe_b64encode(b"u" + v.encode() + b" and more"),
    "base64-2": lambda v: base64.b64encode(b"u:" + v.encode() + b" and more"),
    "utf-16": lambda v: f"token = {v}\r\n".encode("utf-16"),
    "html": lambda v: f"<td>{v.replace('&', '&amp;').replace(chr(34), '&quot;')}</td>".encode(),
}


def plant_tokens(folder: Path, plants: list[Plant]) -> dict[str, str]:
    """Returns: by path in the folder the kind of file that was planted there."""
    return {
        _write(
            folder / f"{number}-{plant.provider.name}" / what.replace(" ", "-"),
            kind.name,
            kind.write(plant.variable, plant.value),
            folder,
        ): what
        for number, plant in enumerate(plants)
        for what, kind in KINDS.items()
    }


def plant_stored(folder: Path, values: list[str]) -> dict[str, int]:
    """Returns: by path in the folder the number of the value that was planted there."""
    found = {}
    for number, value in enumerate(values):
        own = folder / str(number)
        for what, kind in KINDS.items():
            data = kind.write("SOME_NAME", value)
            found[_write(own / what.replace(" ", "-"), kind.name, data, folder)] = number
        for name, make in ENCODINGS.items():
            found[_write(own / "encoded", name, make(value), folder)] = number
    return found


def _write(place: Path, name: str, data: bytes, folder: Path) -> str:
    path = place / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path.relative_to(folder))
