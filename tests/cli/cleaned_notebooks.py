"""Notebooks with tokens in their cells, outputs, attachments and widgets."""

from __future__ import annotations

import base64
import re
from typing import Any

from tests.cli.cleaned import File, Zone, in_json, marked, only
from tests.cli.cleaned_configs import command
from tests.cli.cleaned_kinds import Chance, Planted, dump, make_statements
from tests.cli.cleaned_values import SIMPLE, STORED, VALUES, choose, encode

_PNG = base64.b64encode(bytes(range(200))).decode()


def make_notebook(chance: Chance) -> File:
    planted = Planted()
    language = choose(chance, "python", "python", "python", "R", "")
    about: dict[str, Any] = {"language_info": {"name": language}} if language else {}
    if language == "python" and chance.random() < 0.5:
        about = {
            "kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}
        }
    cells = [
        _make_cell(chance, planted, number, language) for number in range(chance.randrange(1, 5))
    ]
    if chance.random() < 0.3:
        about["widgets"] = _make_widgets(_mark(chance, planted))
    document = {"cells": cells, "metadata": about, "nbformat": 4, "nbformat_minor": 5}
    text = dump(chance, document)
    if not planted.zones:
        return make_notebook(chance)
    pieces = planted.split(text, in_json)
    name = choose(chance, "a.ipynb", "B C.ipynb")
    file = File(name, "notebook", [*pieces, chance.choice(["", "\n"])], may_import=True)
    file.check = _validate
    _validate(file.data)
    return file


def _make_widgets(value: str) -> dict[str, Any]:
    kind = {"model_name": "PasswordModel", "model_module": "@jupyter-widgets/controls"}
    state = {"a1": {**kind, "state": {"value": value, "description": "é"}}}
    kept = {"state": state, "version_major": 2, "version_minor": 0}
    return {"application/vnd.jupyter.widget-state+json": kept}


def _validate(data: bytes) -> None:
    import nbformat

    read: Any = nbformat.reads
    nbformat.validate(read(data.decode("utf-8"), as_version=4))


def _mark(chance: Chance, planted: Planted, lead: str = "", end: str = "") -> str:
    zone = marked(chance.choice(VALUES))
    if chance.random() < 0.15:
        value = chance.choice(STORED)
        form, encoding = encode(chance, value)
        zone = Zone(form, only(value.mark, form, encoding), encoding)
        lead += choose(chance, "\n", "\x1b[31m", "é", " ")
    return lead + planted.put(zone) + end


def _lines(chance: Chance, text: str) -> str | list[str]:
    return text if chance.random() < 0.5 else text.splitlines(keepends=True)


def _make_cell(chance: Chance, planted: Planted, number: int, language: str) -> dict[str, Any]:
    kind = choose(chance, "code", "code", "code", "markdown", "raw")
    cell: dict[str, Any] = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}}
    if kind != "code":
        cell["source"] = _lines(chance, _mark(chance, planted, "# Title é\n`", "`\nend"))
        if kind == "markdown" and chance.random() < 0.4:
            cell["attachments"] = {
                "a.png": {"image/png": _PNG, "text/plain": _mark(chance, planted)}
            }
        return cell
    cell["execution_count"] = choose(chance, None, number)
    if language == "R":
        text = _mark(chance, planted, 'Sys.setenv(HF_TOKEN = "', '")\nx <- 1\n')
    else:
        text = _make_source(chance, planted)
    cell["source"] = _lines(chance, text)
    cell["outputs"] = [_make_output(chance, planted) for _ in range(chance.randrange(3))]
    return cell


def _make_source(chance: Chance, planted: Planted) -> str:
    text = choose(chance, "", "", "import os\n", "%load_ext a\n", "%%time\n", "# é\n")
    kind = chance.randrange(6)
    if kind == 0:
        value = chance.choice(SIMPLE)
        lead, end = choose(
            chance, ("!curl -H 'X: ", "' y\n"), ("!export A=", "\n"), ('!echo "a=', '"\n')
        )
        return text + planted.join([*command(value, lead, end), "x = 1\n"])
    if kind == 1:
        value = chance.choice(SIMPLE)
        name = value.variable
        allowed = re.compile(rf"(pass  )?# ?%env {name}=.*", re.DOTALL)
        zone = Zone(f"%env {name}={value.text}", lambda new: bool(allowed.fullmatch(new)))
        return planted.join([zone, "\ny = 2\n"])
    if kind == 2:
        value = chance.choice(SIMPLE)
        return "%%bash\n" + planted.join([*command(value, 'export T="', '"\n'), "ls\n"])
    source = planted.join(make_statements(chance, chance.randrange(1, 4)))
    return (text + source).rstrip("\n") if chance.random() < 0.7 else text + source


def _make_output(chance: Chance, planted: Planted) -> dict[str, Any]:
    kind = choose(chance, "stream", "display_data", "execute_result", "error")
    output: dict[str, Any] = {"output_type": kind}
    if kind == "stream":
        return {
            **output,
            "name": "stdout",
            "text": _lines(chance, _mark(chance, planted, "a\n", "\n")),
        }
    if kind == "error":
        lines = [
            "\x1b[0;31mValueError\x1b[0m",
            _mark(
                chance,
                planted,
                *choose(chance, ("\x1b[33m'", "'\x1b[39m\nx"), ("\x1b[0;32m", "\x1b[0m")),
            ),
        ]
        return {
            **output,
            "ename": "ValueError",
            "evalue": _mark(chance, planted),
            "traceback": lines,
        }
    data = {
        "text/plain": _lines(chance, _mark(chance, planted, "'", "'")),
        "text/html": ["<b>é", _mark(chance, planted), "</b>\n"],
        "application/json": {"a": [1, _mark(chance, planted)]},
        "image/png": _PNG,
    }
    chosen = dict(chance.sample(sorted(data.items()), k=chance.randrange(1, 4)))
    if kind == "execute_result":
        output["execution_count"] = 3
    return {**output, "data": chosen, "metadata": {"a": _mark(chance, planted)}}
