"""Locales whose characters hold a quote or a backslash as their second byte: GBK, Big5."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from credman.output.shells import Shell
from tests.output.corpus import FISH, FISH_WAYS, POSIX_SHELLS, QUOTINGS, make_hostile_folder
from tests.output.evaluation import (
    evaluate,
    name_values,
    render,
    wrong_values,
)
from tests.requirements import require, require_program

LEADS = (0x81, 0xA4, 0xB3, 0xE0, 0xFE, 0xFF)
CORPUS = name_values([bytes([lead, trail]) for lead in LEADS for trail in range(1, 256)])


@pytest.mark.parametrize(
    ("language", "charmap"),
    [
        ("zh_CN", "GBK"),
        ("zh_TW", "BIG5"),
        # Its second bytes are none of ASCII, as those of the others may be.
        pytest.param("ja_JP", "EUC-JP", marks=pytest.mark.deep),
    ],
)
def test_two_byte_locales(language: str, charmap: str, tmp_path: Path) -> None:
    folder = make_hostile_folder(tmp_path)
    locale = _make_locale(language, charmap, tmp_path)
    under_locale = ("env", f"LOCPATH={tmp_path}")
    text = render(Shell.POSIX, CORPUS)
    for shell in POSIX_SHELLS:
        require_program(shell.argv[0])
        for argument in QUOTINGS.values():
            evaluated = evaluate(
                shell, f"eval {argument}", text, folder, locale=locale, before=under_locale
            )
            assert wrong_values(CORPUS, evaluated) == {}, shell.name
    require_program("fish")
    text = render(Shell.FISH, CORPUS)
    for way in FISH_WAYS.values():
        evaluated = evaluate(FISH, way, text, folder, locale=locale, before=under_locale)
        assert wrong_values(CORPUS, evaluated) == {}, way


def _make_locale(language: str, charmap: str, folder: Path) -> str:
    name = f"{language}.{charmap}"
    localedef = require_program("localedef")
    command = [localedef, "-i", language, "-f", charmap, str(folder / name)]
    subprocess.run(command, capture_output=True, check=False, timeout=60)
    probe = subprocess.run(
        ["locale", "charmap"],
        env={"LOCPATH": str(folder), "LC_ALL": name},
        capture_output=True,
        check=False,
    )
    require(probe.stdout.strip().decode() == charmap, f"the locale {name} cannot be made")
    return name
