"""Edited files hold for their real readers the same but for the tokens, and others are left."""

from __future__ import annotations

import configparser
import io
import os
import subprocess
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest

from credman.watch.clean.config_text import edit_dotenv, edit_ini, edit_toml
from tests.requirements import require_program
from tests.watch.clean.texts import MARK, PLACEHOLDER, TOKEN, VARIABLE, Editor, edit, substituted

DOTENV = {
    "A=@": "# A=",
    "A=@\nB=b\n": "# A=\nB=b\n",
    "export A='@' # mine\r\nB=b\r\n": "# A= # mine\r\nB=b\r\n",
    '\ufeffA="@"\n': "\ufeff# A=\n",
    "  A=@  \nB='b'": "  # A=  \nB='b'",
    "A=@ # once @\n": "# A= # once [credman:HF_TOKEN]\n",
    "# A=@\nÄ=ü\n": "# A=[credman:HF_TOKEN]\nÄ=ü\n",
    "B=https://u:@/x\n": "B=https://u:${HF_TOKEN}/x\n",
    'B="Bearer @"\nC=c': 'B="Bearer ${HF_TOKEN}"\nC=c',
    "B='Bearer @'\n": "B='Bearer [credman:HF_TOKEN]'\n",
    'B="one\nA=@\nthree"\nC=@\n': 'B="one\nA=${HF_TOKEN}\nthree"\n# C=\n',
    "B='one\nA=@\n'\nA=a\n": "B='one\nA=[credman:HF_TOKEN]\n'\nA=a\n",
}
DOTENV_UNCLEAR = [
    *("@=a", "@", "A: @", "A='@", 'A="@', "A=`@`", "A=@'b'", 'A={"a":"@"}', "A=@\\\nB=b", "A=$@x"),
    *("A=a\rB=@", "A='a'b\nB=@", "A=@ # x\\\nB=b", 'A="\\@"', "A='it\\'s'\nB=@", "A=@\0"),
]
TOML = {
    'a = "@"': 'a = "${HF_TOKEN}"',
    "\r\n[a] # @\r\nb = 'x @'\r\n": "\r\n[a] # [credman:HF_TOKEN]\r\nb = 'x ${HF_TOKEN}'\r\n",
    'a = """\n"@" # @\n""""': 'a = """\n"${HF_TOKEN}" # ${HF_TOKEN}\n""""',
    "a = '''it's\n@''''\nb = [1, {c = \"ü@\"}, nan, 1979-05-27]": (
        "a = '''it's\n${HF_TOKEN}''''\nb = [1, {c = \"ü${HF_TOKEN}\"}, nan, 1979-05-27]"
    ),
    "# it's @\na.\"b#\" = '#@'": "# it's [credman:HF_TOKEN]\na.\"b#\" = '#${HF_TOKEN}'",
    '\ufeffa = "\\"@"': '\ufeffa = "\\"${HF_TOKEN}"',
}
TOML_UNCLEAR = [
    *("@ = 1", '"@" = 1', "[@]", "a = @", 'a = "@', 'a = "$@"', "a = '\\@'", 'a = "\\u004@"'),
    *('a = "@"\na = 1', "a = '@'\nb", "a = '\\x' # \\\nb = \"\\x@\""),
]
INI = {
    "[a]\nb = @\n": "[a]\nb = ${HF_TOKEN}\n",
    "\ufeff# @\r\n[a]\r\n; @\r\nb: Bearer @ # @\r\nc\t=1": (
        f"\ufeff# {MARK}\r\n[a]\r\n; {MARK}\r\nb: Bearer ${{HF_TOKEN}} # ${{HF_TOKEN}}\r\nc\t=1"
    ),
    "[a]\nb =\n  one\n  @\nc = ü%(x)s": "[a]\nb =\n  one\n  ${HF_TOKEN}\nc = ü%(x)s",
    "a.b=@\n! @\nc=d": None,
    "a.b=@\n# @\nc=d": f"a.b=${{HF_TOKEN}}\n# {MARK}\nc=d",
    "[a]\nindex-url = https://u:@/x\nb": "[a]\nindex-url = https://u:${HF_TOKEN}/x\nb",
}
INI_UNCLEAR = [
    *("[@]", "@ = a", "[a]\n@", "[a]\nb = \\@", "[a]\nb = $@", "header Authorization @;", "a = @;"),
    *("  @\n", "[a]\nb = 1\rc = @", "[a]\nb = @\n\0", "[a]\nb @ = @", "a=1\na=2\n[b]\n  @"),
]


@pytest.mark.parametrize("text", DOTENV)
def test_in_a_dotenv_file_what_was_a_token_is_a_remark(text: str) -> None:
    assert edit(edit_dotenv, text) == DOTENV[text]


@pytest.mark.parametrize("text", DOTENV_UNCLEAR)
def test_a_dotenv_file_that_readers_take_differently_is_left(text: str) -> None:
    assert edit(edit_dotenv, text) is None


@pytest.mark.parametrize(
    "text", [text for text in DOTENV if "Ä" not in text and "\ufeff" not in text]
)
def test_python_and_a_shell_read_the_rest_of_a_dotenv_file_as_before(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from dotenv import dotenv_values

    monkeypatch.setenv(VARIABLE, TOKEN)
    old, new = text.replace("@", TOKEN), DOTENV[text]
    # A variable that was nothing but the token comes from outside now.
    before = {k: v for k, v in dotenv_values(stream=io.StringIO(old)).items() if v != TOKEN}
    assert marked(dotenv_values(stream=io.StringIO(new))) == marked(before)
    file = tmp_path / ".env"
    file.write_text(new.replace("\r", ""))
    assert marked(source(file)) == marked(before)


@pytest.mark.parametrize("text", TOML)
def test_in_toml_a_placeholder_in_strings(text: str) -> None:
    edited = edit(edit_toml, text)
    assert edited == TOML[text]
    before, after = (
        repr(tomllib.loads(t.lstrip("\ufeff"))) for t in (text.replace("@", TOKEN), edited or "")
    )
    assert after == before.replace(TOKEN, PLACEHOLDER)


@pytest.mark.parametrize("text", TOML_UNCLEAR)
def test_toml_with_a_token_elsewhere_is_left(text: str) -> None:
    assert edit(edit_toml, text) is None


@pytest.mark.parametrize("text", INI)
def test_in_an_ini_file_a_placeholder_in_values(text: str) -> None:
    edited = edit(edit_ini, text)
    assert edited == INI[text]
    if edited is not None and "[" in text:
        before, after = (ini_of(t) for t in (text.replace("@", TOKEN), edited))
        assert after == substituted(before, PLACEHOLDER)


@pytest.mark.parametrize("text", INI_UNCLEAR)
def test_an_ini_file_with_a_token_elsewhere_is_left(text: str) -> None:
    assert edit(edit_ini, text) is None


@pytest.mark.parametrize("editor", [edit_dotenv, edit_toml, edit_ini])
def test_a_value_with_signs_of_the_syntax_is_left(editor: Editor) -> None:
    for text in ('a = "@"', "a=@"):
        assert edit(editor, text, 'x"\\ #' + TOKEN) is None


def ini_of(text: str) -> object:
    parser = configparser.ConfigParser(interpolation=None, allow_no_value=True)
    parser.read_string(text.lstrip("\ufeff"))
    return {name: dict(parser.items(name)) for name in parser.sections()}


def marked(values: Mapping[str, str | None]) -> dict[str, str]:
    return {name: (value or "").replace(TOKEN, MARK) for name, value in values.items()}


def source(file: Path) -> dict[str, str]:
    """Returns: what a shell exports that reads it."""
    done = subprocess.run(
        [require_program("dash"), "-c", "set -a; . ./.env; exec env -0"],
        cwd=file.parent,
        env={VARIABLE: TOKEN, "PATH": os.environ["PATH"]},
        capture_output=True,
        check=True,
        text=True,
    )
    values = dict(pair.split("=", 1) for pair in done.stdout.split("\0") if pair)
    return {name: value for name, value in values.items() if name in "ABC"}
