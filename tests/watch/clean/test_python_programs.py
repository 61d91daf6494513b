"""Whole programs without their tokens: they run as before; and strings lie where Python says."""

from __future__ import annotations

import io
import os
import sys
import tokenize
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credman.watch.clean.python import edit_python
from credman.watch.clean.python_text import Scanner, read_source
from tests.watch.clean.leaking import TOKEN, check, find_leaks


def _find_by_tokenize(text: str) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    starts = list(accumulate((len(line) + 1 for line in text.split("\n")), initial=0))
    strings, comments, opened = [], [], []
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        start, end = (starts[row - 1] + column for row, column in (token.start, token.end))
        match tokenize.tok_name[token.type]:
            case "STRING":
                strings.append((start, end))
            case "FSTRING_START" | "TSTRING_START":
                opened.append(start)
            case "FSTRING_END" | "TSTRING_END":
                strings.append((opened.pop(), end))
            case "COMMENT":
                comments.append((start, end))
    return sorted(strings), comments


def _compare_with_tokenize(files: list[Path]) -> int:
    compared = 0
    for file in files:
        try:
            text = read_source(file.read_bytes(), is_cell=False).text
            compile(text, "x", "exec", dont_inherit=True)
            strings, comments = _find_by_tokenize(text)
        except (SyntaxError, ValueError, tokenize.TokenError, Warning):
            continue
        scanner = Scanner(text, has_commands=True)
        scanner.scan()
        has_parts = sys.version_info >= (3, 12)  # before that an f-string is one token
        found = [(x.start, x.end) for x in scanner.literals if has_parts or not x.around]
        assert (found, scanner.comments, scanner.commands) == (strings, comments, []), file
        compared += 1
    return compared


def test_strings_and_comments_are_found_where_python_finds_them() -> None:
    names = ("ast", "decimal", "argparse", "string", "typing", "tokenize", "doctest", "dis")
    assert _compare_with_tokenize([Path(os.__file__).with_name(f"{n}.py") for n in names]) > 5


@pytest.mark.deep
def test_strings_and_comments_are_found_in_much_of_the_library() -> None:
    assert _compare_with_tokenize(sorted(Path(os.__file__).parent.rglob("*.py"))[::9]) > 50


_TEXT = ["", "a ", "%s", "{{", "}}", r"\\", r"\n", r"\x41", r"\101", "/"]
_PARTS = {
    "": [*_TEXT, "{", "}", r"\N{EM DASH}", "é", r"\{"],
    "r": [*_TEXT, "{", r"\d{2}", "é", r"\{"],
    "b": [*_TEXT, "{", "}", r"\N{EM"],
    "f": [*_TEXT, "{1 + 1}", "{7!r:>{4}}", r"\N{EM DASH}", "é", "{[1][0]:02}", r"\{3}"],
    "rf": [*_TEXT, "{1 + 1}", "é", r"\{3}"],
}
_PLACES = [
    "V.append(¤)",
    "V.append(¤ .upper())",
    "V.append(¤[1:]+¤)",
    "V.append((¤\n    ¤ ))",
    "V += [¤ \\\n  ¤, ¤ ¤ ¤]",
    "V.append({¤: 1}); V.append(not¤)",
    "def f(a=¤): return¤\nV.append(f())",
    "if 1:\n\tV.append([x for x in [¤] if¤])",
    "V.append((lambda:¤)())",
    "match 1:\n    case 1: V.append(¤)",
    "V.append(f'''{¤}{len(¤):>9}''')",
    "class A:\n    '''a @'''\n    x = ¤  # @\n    '@'\nV.append(A.x)",
    "match '':\n    case '@' | 'a @': pass\n    case _: V.append(1)",
]
_HEADS = ["", "import os\n", "os = None\n", "'''@'''\n", "from __future__ import annotations\n"]


@st.composite
def programs(draw: st.DrawFn) -> bytes:
    """Programs that fill the list V with values, in many of which a token stands."""

    def make_string(kind: str, quote: str, *, in_field: bool) -> str:
        prefix = draw(st.sampled_from(sorted({kind, kind.upper(), "u" if kind == "" else kind})))
        # No backslash may stand in a field before Python 3.12.
        known = [part for part in _PARTS[kind] if not in_field or "\\" not in part]
        parts = draw(st.lists(st.sampled_from([*known, TOKEN, TOKEN]), max_size=5))
        if len(quote) == 3:
            parts.insert(draw(st.integers(0, len(parts))), "\n")
        return f"{prefix}{quote}{''.join(parts)}{quote}"

    lines = []
    for place in draw(st.lists(st.sampled_from(_PLACES), min_size=1, max_size=5)):
        is_bytes = draw(st.booleans())
        kinds = ["b"] if is_bytes else [""] if "f'''" in place else ["", "r", "f", "rf"]
        quotes = ['"'] if "f'''" in place else ["'", '"', "'''", '"""']
        line, *others = place.replace("@", TOKEN).split("¤")
        for rest in others:
            kind, quote = draw(st.sampled_from(kinds)), draw(st.sampled_from(quotes))
            string = make_string(kind, quote, in_field="f'''" in place)
            line += " " if line[-1:].isalnum() and string[0].isalpha() else ""
            line += string + rest
        lines.append(line + draw(st.sampled_from(["", "  # " + TOKEN])))
    codec = draw(st.sampled_from(["utf-8", "utf-8-sig", "latin-1"]))
    head = "# coding: latin-1\n" if codec == "latin-1" else draw(st.sampled_from(["", "\n# é\n"]))
    text = head + draw(st.sampled_from(_HEADS)).replace("@", TOKEN) + "\n".join(lines)
    text += draw(st.sampled_from(["", "\n"]))
    return text.replace("\n", draw(st.sampled_from(["\n", "\r\n"]))).encode(codec)


def run(program: bytes) -> list[object]:
    values: list[object] = []
    os.environ["HF_TOKEN"] = TOKEN
    try:
        exec(compile(program, "program", "exec", dont_inherit=True), {"V": values})
    finally:
        del os.environ["HF_TOKEN"]
    return values


def _check_program(program: bytes) -> None:
    edits = edit_python(program, find_leaks(program))
    assert edits is not None
    assert run(check(program, edits)) == run(program)


@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@settings(max_examples=50, deadline=None)
@given(programs())
def test_a_program_gives_the_same_values_as_before(program: bytes) -> None:
    _check_program(program)


@pytest.mark.deep
@pytest.mark.filterwarnings("ignore::SyntaxWarning", "ignore::DeprecationWarning")
@settings(max_examples=3000, deadline=None)
@given(programs())
def test_many_programs_give_the_same_values_as_before(program: bytes) -> None:
    _check_program(program)
