"""Configurations and scripts with tokens in them, and what nobody can edit."""

from __future__ import annotations

import base64
import gzip
import io
import json
import pickle
import re
import sqlite3
import tomllib
import zipfile
from contextlib import closing

from tests.cli.cleaned import File, Piece, Zone, marked, only, referred
from tests.cli.cleaned_kinds import Chance, wrap
from tests.cli.cleaned_values import SIMPLE, STORED, STRANGE, VALUES, Value, choose


def command(value: Value, lead: str, end: str) -> list[Piece]:
    name = re.escape(value.variable)
    reference = (
        rf"(?:{re.escape(value.mark)}|\$\{{?{name}\}}?|'\"\${name}\"'|\"\${name}\")(?:\"\")?"
    )
    pattern = re.compile(reference)
    quoted = re.compile(rf"\"\${name}\"")
    if lead[-1:] in "'\"":
        whole = Zone(lead[-1] + value.text + end[0], lambda new: bool(
            quoted.fullmatch(new) or pattern.fullmatch(new[1:-1])))  # fmt: skip
        return [lead[:-1], whole, end[1:]]
    return [lead, Zone(value.text, lambda new: bool(pattern.fullmatch(new))), end]


def make_dotenv(chance: Chance) -> File:
    pieces: list[Piece] = [choose(chance, "", "A=1\n", "# é\n\n", "export B='x y' # z\n")]
    for _ in range(chance.randrange(1, 4)):
        value = chance.choice(SIMPLE)
        name = choose(chance, value.variable, "OTHER", "my.key")
        quote = choose(chance, "", "", '"', "'")
        end = choose(chance, "\n", "\n", " # é\n", "  \n")
        match chance.randrange(4):
            case 0:
                pieces += [f"# {name}=", marked(value), "\n"]
            case 1:
                quoted = quote or '"'
                pieces += [
                    f"{name}=",
                    referred(value, f"{quoted}Bearer ", f"{quoted}"),
                    end or "\n",
                ]
            case _:
                start = choose(chance, "", "export ") + name + choose(chance, "=", "=", " = ")
                comment = Zone(f"{start}{quote}{value.text}{quote}", only(f"# {name}="))
                pieces += [choose(chance, "", " "), comment, end]
    return wrap(chance, File(choose(chance, ".env", ".env.local", "prod.env"), ".env", pieces))


def make_shell(chance: Chance) -> File:
    pieces: list[Piece] = [choose(chance, "#!/bin/bash\n", "#!/bin/sh -e\n# it's\n", "set -e\n")]
    for _ in range(chance.randrange(1, 4)):
        value = chance.choice(SIMPLE)
        lead, end = choose(chance, ("export T=", "\n"), ("curl -H 'A: ", "' u\n"), ('x="a ', '"\n'),
                           ("f --t=", " -v\n"), ("cat <<'E'\n", "\nE\n"), ("cat <<E\n", "\nE\n"),
                           ("# ", "\n"), ("echo $(g ", ")\n"), ("T='", "'\n"), ("T=\"", "\" h\n"),
                           ("case $x in a) y=", ";; esac\n"), ("x=${x:-", "}\n"))  # fmt: skip
        pieces += command(value, lead, end)
        if chance.random() < 0.4:
            pieces.append("if [ -n \"$a\" ]; then\n\techo 'b'  # c\nfi\n")
    return wrap(
        chance, File(choose(chance, "run.sh", "x.bash", ".envrc", "start"), "shell", pieces)
    )


def _scalar(chance: Chance, value: Value, quotes: str) -> Zone:
    """Returns: a value of YAML or TOML. Args: quotes: that may be around it."""
    quote = chance.choice(quotes.split(","))
    if chance.random() < 0.1:
        value = chance.choice(STORED)
        return referred(value, '"a\\n', '"', form=base64.b64encode(value.text.encode()).decode())
    if value is STRANGE:
        text = json.dumps(value.text, ensure_ascii=False)[1:-1]
        return referred(value, '"', '"', form=text)
    lead = choose(chance, "", "", "Bearer ") if quote else ""
    return referred(value, f"{quote}{lead}", quote)


def make_yaml(chance: Chance) -> File:
    pieces: list[Piece] = [
        choose(chance, "a: 1\n", "# é\n---\na: [1, {b: c}]\n", "a: |\n  x\n\n  y: z\n")
    ]
    for number in range(chance.randrange(1, 4)):
        value = chance.choice(VALUES)
        lead, end = choose(chance, ("", "\n"), ("", "  # c\n"), ("\n  - ", "\n"), ("\n  b: ", "\n"))
        match chance.randrange(5):
            case 0:
                words = (value.mark, f"credman_{value.variable}")
                pieces += ["# ", Zone(value.text, words.__contains__), "\n"]
            case 1 if value is not STRANGE:
                pieces += [f"k{number}: |\n  é\n  t=", referred(value), "\n"]
            case 2 if value is not STRANGE:
                pieces += [f"k{number}: {{a: ", _scalar(chance, value, "\",'"), ", b: 2}\n"]
            case _:
                pieces += [f"k{number}: {lead}", _scalar(chance, value, ",\",'"), end]
    file = wrap(chance, File(choose(chance, "a.yaml", "config.yml"), "YAML", pieces))
    file.check = lambda data: _load_yaml(data)
    _load_yaml(file.data)
    return file


def _load_yaml(data: bytes) -> None:
    import yaml

    yaml.load(data.decode("utf-8-sig"), getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def make_toml(chance: Chance) -> File:
    pieces: list[Piece] = [
        choose(chance, "a = 1.50\n", "# é\n[x]\nb = 'c'\n", "[[y]]\nz = 1979-05-27\n")
    ]
    for number in range(chance.randrange(1, 4)):
        value = chance.choice(VALUES)
        lead, end = choose(chance, ("", "\n"), ("[1, ", "]\n"), ("{ t = ", " }\n"), ("", " # c\n"))
        if chance.random() < 0.2:
            pieces += ["# ", marked(value), "\n"]
            continue
        pieces += [f"k{number} = {lead}", _scalar(chance, value, '",\',"""'), end]
    file = wrap(chance, File(choose(chance, "pyproject.toml", "a.toml"), "TOML", pieces))
    if file.bom:
        file.bom = b""  # TOML has none
    file.check = lambda data: tomllib.loads(data.decode())
    file.check(file.data)
    return file


def make_ini(chance: Chance) -> File:
    pieces: list[Piece] = [choose(chance, "[a]\n", "; é\n[DEFAULT]\nx = %(y)s\n[b]\n", "[c]\n\n")]
    for number in range(chance.randrange(1, 4)):
        value = chance.choice(SIMPLE)
        if chance.random() < 0.2:
            pieces += [choose(chance, "# ", "; "), marked(value), "\n"]
            continue
        lead, end = choose(
            chance, ("", "\n"), ("\n  é ", "\n"), ('"', '"\n'), ("https://u:", "@h/p\n")
        )
        pieces += [f"k{number}{choose(chance, '=', ' = ', ': ')}{lead}", referred(value), end]
    name = choose(chance, "setup.cfg", "a.ini", "app.conf", "x.properties")
    return wrap(chance, File(name, "ini", pieces))


def make_packed(chance: Chance) -> File:
    value = chance.choice(SIMPLE[:2])
    secret = value.text.encode()
    match chance.randrange(4):
        case 0:
            out = io.BytesIO()
            with zipfile.ZipFile(out, "w", choose(chance, 0, 8)) as archive:
                archive.writestr("b/c.txt", b"a\n" + secret)
            return File("a.zip", "zip", raw=out.getvalue(), fate="left")
        case 1:
            data = pickle.dumps(
                {"token": value.text, "b": bytes(9)}, protocol=chance.randrange(3, 6)
            )
            return File("a.pkl", "pickle", raw=data, fate="left")
        case 2:
            with closing(sqlite3.connect(":memory:")) as connection:
                connection.execute("CREATE TABLE a (b text)")
                connection.execute("INSERT INTO a VALUES (?)", (value.text,))
                connection.commit()
                return File("a.db", "sqlite", raw=connection.serialize(), fate="left")
        case _:
            return File(
                "a.log.gz", "gzip", raw=gzip.compress(b"x\n" + secret, mtime=0), fate="left"
            )
