"""A value, byte for byte: what is piped in comes out of ``get``, or is refused."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.harness import Outcome, credman, make_value, program

MEBIBYTE = 1024 * 1024


def round_trip(piped: bytes) -> bytes:
    added = credman("add", "x", "--replace", stdin=piped)
    assert added.exit_code == 0, added.stderr
    return credman("get", "x").stdout


def refuse(stdin: bytes, *argv: str) -> Outcome:
    credman("init", answers=[])
    outcome = credman("add", *(argv or ("x",)), stdin=stdin)
    assert outcome.exit_code == 2, outcome.stderr
    assert credman("list").stdout == b"", "something was stored"
    return outcome


@pytest.mark.parametrize(
    ("piped", "stored"),
    [
        (b"v", b"v"),
        (b"v\n", b"v"),
        (b"v\r\n", b"v"),
        (b"v\n\n", b"v\n"),
        (b"v\r\n\r\n", b"v\r\n"),
        (b"v\r", b"v\r"),
        (b"v\n\r", b"v\n\r"),
        (b"v  \t", b"v  \t"),
        (b"  v \n", b"  v "),
        (b"\nv", b"\nv"),
        (b"a\nb\r\nc\n", b"a\nb\r\nc"),
        (b"\n\n", b"\n"),
        (b" ", b" "),
        (b"\xff\xfe\x80", b"\xff\xfe\x80"),
        (b"\xed\xb3\xbf", b"\xed\xb3\xbf"),
        ("é e\u0301 \u202e \U0001f511".encode(), "é e\u0301 \u202e \U0001f511".encode()),
        (b"\x1b]0;x\x07\x7f", b"\x1b]0;x\x07\x7f"),
        (b"\xef\xbb\xbfv", b"\xef\xbb\xbfv"),
        (b"VAR=value", b"VAR=value"),
        (b"x" * MEBIBYTE, b"x" * MEBIBYTE),
        (b"x" * MEBIBYTE + b"\r\n", b"x" * MEBIBYTE),
        (b"\xff" * MEBIBYTE, b"\xff" * MEBIBYTE),
    ],
    ids=lambda data: ascii(data[:12]),
)
def test_one_line_end_is_removed_and_nothing_else(piped: bytes, stored: bytes) -> None:
    assert round_trip(piped) == stored


def test_every_byte_but_nul_comes_back() -> None:
    everything = bytes(range(1, 256))
    assert round_trip(everything) == everything
    assert round_trip(everything[::-1]) == everything[::-1]


@pytest.mark.parametrize(
    ("piped", "reason"),
    [
        (b"", "there is nothing on standard input"),
        (b"\n", "the value of X is empty"),
        (b"\r\n", "the value of X is empty"),
        (b"a\0b", "holds a NUL byte"),
        (b"\0", "holds a NUL byte"),
        (b"x" * (MEBIBYTE + 1), "larger than 1024 KiB"),
        (b"\xc3\xa9" * (MEBIBYTE // 2) + b"x", "larger than 1024 KiB"),
        (b"x" * (3 * MEBIBYTE), "larger than 1024 KiB"),
    ],
    ids=lambda data: ascii(data[:12]),
)
def test_what_no_variable_can_hold_is_refused(piped: bytes, reason: str) -> None:
    assert reason in refuse(piped).stderr


def test_the_real_program_reads_a_mebibyte_and_refuses_one_byte_more() -> None:
    credman("init", answers=[])
    refused = program("add", "x", stdin=b"x" * (MEBIBYTE + 1))
    assert refused.returncode == 2 and b"larger than 1024 KiB" in refused.stderr
    assert program("add", "x", stdin=b"y" * MEBIBYTE + b"\n").returncode == 0
    assert program("get", "x").stdout == b"y" * MEBIBYTE


AWS = b"AWS_ACCESS_KEY_ID=LINECANARY\n"


@pytest.mark.parametrize(
    ("piped", "reason"),
    [
        (AWS, "standard input lacks AWS_SECRET_ACCESS_KEY"),
        (b"\n\r\n \n", "lacks AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY"),
        (b"LINECANARY", "line 1 of standard input is not VAR=value with a known VAR"),
        (AWS + b"\nLINECANARY=x\n", "line 3 of standard input is not"),
        (AWS + b"aws_secret_access_key=LINECANARY", "line 2 of standard input is not"),
        (AWS + b"export AWS_SECRET_ACCESS_KEY=LINECANARY", "line 2 of standard input is not"),
        (AWS + AWS, "line 2 of standard input gives AWS_ACCESS_KEY_ID a second time"),
        (AWS + b"AWS_SECRET_ACCESS_KEY=", "the value of AWS_SECRET_ACCESS_KEY is empty"),
        (AWS + b"AWS_SECRET_ACCESS_KEY=LINE\0CANARY", "holds a NUL byte"),
        (AWS + b"\xff\xfe=LINECANARY", "line 2 of standard input is not"),
        (AWS + b"=LINECANARY", "line 2 of standard input is not"),
    ],
    ids=lambda data: ascii(data[-24:]),
)
def test_lines_that_are_no_parts_are_refused_and_never_repeated(piped: bytes, reason: str) -> None:
    outcome = refuse(piped, "aws")
    assert reason in outcome.stderr
    assert "CANARY" not in outcome.stderr


def test_a_bare_carriage_return_ends_no_line() -> None:
    # A reader that splits at CR would see a second variable in the first one's value.
    piped = b"A=1\rB=2\nB=3\n"
    assert credman("add", "x", "--field", "A", "--field", "B", stdin=piped).exit_code == 0
    assert credman("get", "x", "--field", "A").stdout == b"1\rB=2"


URL = "https://gitlab.example.com"


@pytest.mark.parametrize(
    ("piped", "token", "url"),
    [
        (b"whole\n", "whole", None),
        (b"who=le", "who=le", None),
        (b"two\nlines", "two\nlines", None),
        (b"x GITLAB_TOKEN=y", "x GITLAB_TOKEN=y", None),
        (b"gitlab_token=y", "gitlab_token=y", None),
        (b"GITLAB_TOKEN=said\n", "said", None),
        (f"GITLAB_TOKEN=said\nGITLAB_URL={URL}\n".encode(), "said", URL),
        (f"\r\nGITLAB_URL={URL}\r\nGITLAB_TOKEN=said".encode(), "said", URL),
    ],
    ids=lambda part: ascii(part)[:24],
)
def test_where_one_part_is_needed_it_is_all_of_the_input_unless_lines_name_parts(
    piped: bytes, token: str, url: str | None
) -> None:
    outcome = credman("add", "gitlab", "--no-check", stdin=piped)
    assert outcome.exit_code == 0, outcome.stderr
    assert credman("get", "gitlab", "--field", "GITLAB_TOKEN").text == token
    found = credman("get", "gitlab", "--field", "GITLAB_URL")
    assert (found.exit_code, found.text) == ((3, "") if url is None else (0, url))


@pytest.mark.parametrize(
    ("piped", "reason"),
    [
        (f"GITLAB_URL={URL}\n".encode(), "standard input lacks GITLAB_TOKEN"),
        (b"LINECANARY\nGITLAB_TOKEN=x", "line 1 of standard input is not VAR=value"),
        (b"GITLAB_TOKEN=LINECANARY\nGITLAB_TOKEN=x", "gives GITLAB_TOKEN a second time"),
        (b" GITLAB_TOKEN=\n", "the value of GITLAB_TOKEN is empty"),
        (b"\n", "the value of GITLAB_TOKEN is empty"),
    ],
    ids=lambda part: ascii(part)[:24],
)
def test_lines_that_name_parts_are_read_as_strictly_as_ever(piped: bytes, reason: str) -> None:
    outcome = refuse(piped, "gitlab")
    assert reason in outcome.stderr and "CANARY" not in outcome.stderr


def test_a_typed_value_loses_the_blanks_around_it() -> None:
    credman("init", answers=[])
    credman("add", "x", answers=["  v w \t"])
    assert credman("get", "x").stdout == b"v w"


DOUBT = "this does not look like a token of OpenAI"


def test_doubt_is_a_question_on_a_terminal() -> None:
    credman("init", answers=[])
    outcome = credman("add", "openai", answers=["not a key", "y"])
    assert outcome.exit_code == 0
    assert f"{DOUBT}; store it anyway? [y/N] " in outcome.shown


@pytest.mark.parametrize("answer", ["", "n", "no", "Y es", "q"])
def test_anything_but_yes_means_no(answer: str) -> None:
    credman("init", answers=[])
    assert credman("add", "openai", answers=["not a key", answer]).exit_code == 7
    assert credman("list").stdout == b""


def test_doubt_is_a_warning_in_a_pipe() -> None:
    outcome = credman("add", "openai", stdin=b"not a key")
    assert outcome.exit_code == 0
    assert f"credman: warning: {DOUBT}; stored as it is" in outcome.stderr


def test_a_token_of_another_provider_is_doubted() -> None:
    outcome = credman("add", "openai", stdin=make_value().encode())
    assert "this looks like a token of Hugging Face, not of OpenAI" in outcome.stderr


def test_swapped_parts_are_doubted() -> None:
    access, secret = make_value("AKIA", 16).upper(), make_value("", 40)
    piped = f"AWS_ACCESS_KEY_ID={secret}\nAWS_SECRET_ACCESS_KEY={access}\n"
    outcome = credman("add", "aws", stdin=piped.encode())
    assert "another part of the token, not like AWS_ACCESS_KEY_ID" in outcome.stderr
    assert "another part of the token, not like AWS_SECRET_ACCESS_KEY" in outcome.stderr


def test_a_legacy_kaggle_key_is_told_where_it_belongs() -> None:
    outcome = credman("add", "kaggle", stdin=b"0123456789abcdef" * 2)
    assert "a legacy API key (with username), which belongs in KAGGLE_KEY" in outcome.stderr


def test_a_value_too_long_for_the_environment_is_stored_with_a_warning() -> None:
    outcome = credman("add", "long", stdin=b"x" * 131_072)
    assert outcome.exit_code == 0
    assert "LONG is too long for an environment variable; credman get prints it" in outcome.stderr


@pytest.mark.parametrize("options", [{"stdin": b"not a key"}, {"answers": ["not a key"]}])
def test_no_check_asks_and_warns_of_nothing(options: dict[str, Any]) -> None:
    credman("init", answers=[])
    outcome = credman("add", "openai", "--no-check", **options)
    assert outcome.exit_code == 0 and "look" not in outcome.stderr
    assert not [text for text in outcome.shown if "look" in text]
