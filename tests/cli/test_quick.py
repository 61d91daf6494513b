"""Lines that are parsed without the parser: what comes of them is what the parser makes of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.cli.lines import LINES
from credman.cli.parsing import load_parser
from credman.cli.quick import parse_quickly
from tests.cli.harness import credman, make_vault

ROOT = Path(__file__).parents[2]
WORDS = st.one_of(
    st.sampled_from(["prod", "", "a=b", "=", "hf", "--", "-", "-x", "--nothing", "-e", "-eprod"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6),
)


def words_of(name: str) -> st.SearchStrategy[list[str]]:
    """Lines of a command: its options, well and badly written, and other words."""
    options, flags, *_ = LINES[name]
    known = [*options, *flags, "--other"]
    return st.lists(
        st.one_of(
            st.sampled_from([*known, "--help", "-h"]).map(lambda o: [o]),
            st.tuples(st.sampled_from(known), WORDS).map(list),
            st.tuples(st.sampled_from(known), WORDS).map(lambda p: [f"{p[0]}={p[1]}"]),
            st.tuples(st.sampled_from(known), WORDS).map(lambda p: [p[0] + p[1]]),
            WORDS.map(lambda word: [word]),
        ),
        max_size=5,
    ).map(lambda parts: [word for part in parts for word in part])


@pytest.mark.parametrize("name", LINES)
@given(data=st.data())
def test_a_line_means_what_it_means_to_the_parser(name: str, data: st.DataObject) -> None:
    arguments = data.draw(words_of(name))
    quick = parse_quickly(name, arguments)
    if quick is not None:
        parsed = load_parser(name).make_context(name, arguments)
        assert quick == parsed.params


@pytest.mark.parametrize("name", LINES)
def test_every_option_alone_is_parsed_quickly(name: str) -> None:
    options, flags, words, required, defaults = LINES[name]
    needed = ["word" for word in words if word in required]
    for option, parameter in options.items():
        found = parse_quickly(name, [option, "value", *needed])
        assert found is not None and found[parameter] == "value"
    for flag, parameter in flags.items():
        found = parse_quickly(name, [*needed, flag])
        assert found is not None and found[parameter] is True
    found = parse_quickly(name, ["word"] * len(words))
    assert found == {**defaults, **dict.fromkeys(words, "word")}


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["-h"],
        ["--"],
        ["-"],
        ["-eprod"],
        ["-e=prod"],
        ["-e"],
        ["--env", "-p"],
        ["--env", "a", "-e", "b"],
        ["--nothing"],
        ["--js"],
        ["--json=yes"],
        ["one"],
    ],
)
def test_what_is_not_plain_is_left_to_the_parser(arguments: list[str]) -> None:
    assert parse_quickly("list", arguments) is None


def test_a_name_that_is_missing_is_left_to_the_parser() -> None:
    assert parse_quickly("get", []) is None
    assert parse_quickly("get", ["hf", "wandb"]) is None


def test_other_commands_are_left_to_the_parser() -> None:
    assert parse_quickly("add", ["hf"]) is None


def test_the_table_is_up_to_date() -> None:
    script = ROOT / "scripts" / "command_lines.py"
    subprocess.run([sys.executable, script, "--check"], check=True, cwd=ROOT)


@pytest.mark.parametrize(
    ("argv", "exit_code", "message"),
    [
        (("list", "--nothing"), 2, "no such option: --nothing"),
        (("get",), 2, "NAME is missing"),
        (("list", "-e"), 2, "-e needs a value"),
        (("env", "--shell", "klingon"), 2, "--shell cannot be that"),
        (("get", "hf", "wandb"), 2, "there are more arguments than this command takes"),
    ],
)
def test_errors_are_the_parsers(argv: tuple[str, ...], exit_code: int, message: str) -> None:
    make_vault()
    outcome = credman(*argv)
    assert outcome.exit_code == exit_code
    assert f"credman: error: {message}" in outcome.stderr
