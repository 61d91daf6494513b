"""``get``: one value and nothing else. The clipboard is in test_clipboard.py."""

from __future__ import annotations

import pytest

from tests.cli.harness import PASSPHRASE, credman, make_value, make_vault, program
from tests.cli.person import person

HF = make_value()
UNLOCKED = {"CREDMAN_PASSPHRASE": PASSPHRASE}


def make_account() -> dict[str, str]:
    """A token of three parts, one of which is no secret. Returns: its values."""
    values = {
        "AWS_ACCESS_KEY_ID": make_value("EXAMPLE", 13),
        "AWS_SECRET_ACCESS_KEY": make_value("", 40),
        "AWS_SESSION_TOKEN": make_value("", 60),
    }
    lines = "".join(f"{name}={value}\n" for name, value in values.items())
    outcome = credman("add", "aws", "--no-check", stdin=lines.encode())
    assert outcome.exit_code == 0, outcome.stderr
    return values


@pytest.mark.parametrize("value", [b"EXAMPLE", b"ends\n", b"\r\n\n", b" ", bytes(range(1, 256))])
def test_piped_value_stands_alone(value: bytes) -> None:
    credman("add", "x", "--var", "X", stdin=value + b"\n")
    done = program("get", "x")
    assert (done.stdout, done.stderr, done.returncode) == (value, b"", 0)


def test_value_of_an_environment_and_of_the_base() -> None:
    credman("add", "x", "--var", "X", stdin=b"of the base")
    credman("add", "x", "--var", "X", "-e", "prod", stdin=b"of prod")
    assert credman("get", "x").stdout == b"of the base"
    assert credman("get", "x", "-e", "dev").stdout == b"of the base"
    assert credman("get", "X", "-e", "PROD").stdout == b"of prod"


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["hff"], 3, "did you mean hf?"),
        (["hf", "--field", "NOSUCH"], 3, "it has HF_TOKEN"),
        (["hf", "-e", "prdo"], 3, "did you mean prod?"),
        (["hf", "more"], 2, "more arguments"),
        ([], 2, "NAME is missing"),
        (["a b"], 2, "not a name for a token"),
    ],
)
def test_failures_print_nothing(argv: list[str], code: int, message: str) -> None:
    make_vault()
    outcome = credman("get", *argv)
    assert (outcome.exit_code, outcome.stdout) == (code, b"")
    assert message in outcome.stderr
    assert HF not in outcome.stderr


def test_several_secret_fields_are_listed() -> None:
    values = make_account()
    outcome = credman("get", "aws")
    assert (outcome.exit_code, outcome.stdout) == (2, b"")
    assert "AWS_SECRET_ACCESS_KEY or AWS_SESSION_TOKEN" in outcome.stderr
    assert not any(value in outcome.stderr for value in values.values())


def test_field_is_chosen_by_any_of_its_variables_in_any_case() -> None:
    values = make_account()
    for name, value in values.items():
        assert credman("get", "aws", "--field", name).text == value
    assert credman("get", "aws", "--field", "aws_session_token").exit_code in (0, 3)


def test_terminal_is_refused() -> None:
    make_vault()
    with person("get", "hf", environ=UNLOCKED) as somebody:
        assert somebody.leaves() == 7
        assert "not printing a token to a terminal" in somebody.screen
        assert "credman get hf --reveal" in somebody.screen
        assert HF not in somebody.screen


def test_terminal_is_obeyed_with_reveal() -> None:
    make_vault()
    with person("get", "hf", "--reveal", environ=UNLOCKED) as somebody:
        assert somebody.leaves() == 0
        assert somebody.screen == f"{HF}\n"
