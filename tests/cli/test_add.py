"""``add``: which variables a token gets, what is asked, and what is stored."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.cli.harness import PASSPHRASE, Outcome, credman, make_value

SECRET_KEY = make_value("", 40)
ACCESS_KEY = make_value("AKIA", 16).upper()
NEW = [PASSPHRASE, PASSPHRASE]


def variables(environment: str = "default", **options: Any) -> dict[str, str]:
    """Returns: what ``env`` would set. ``exec`` sees every value as it is."""
    outcome = credman("exec", environment, "--", "true", **options)
    assert outcome.execution is not None, outcome.stderr
    known = {"HOME", "CREDMAN_HOME", "PATH", "LANG", "TZ"}
    return {
        name: value
        for name, value in outcome.execution.variables.items()
        if name not in known and not name.startswith(("PYTEST", "CREDMAN"))
    }


def shown(name: str, *options: str) -> dict[str, Any]:
    outcome = credman("show", name, "--json", *options)
    assert outcome.exit_code == 0, outcome.stderr
    token: dict[str, Any] = json.loads(outcome.text)["token"]
    return token


def succeed(outcome: Outcome) -> Outcome:
    assert outcome.exit_code == 0, outcome.stderr
    return outcome


@pytest.mark.parametrize("name", ["hf", "HF", "huggingface", "hub"])
def test_a_provider_or_its_alias_gives_the_variable(name: str) -> None:
    value = make_value()
    succeed(credman("add", name, stdin=value.encode()))
    assert variables() == {"HF_TOKEN": value}
    assert shown(name)["provider"] == "huggingface"


@pytest.mark.parametrize(
    ("name", "variable"), [("my-api", "MY_API"), ("2fa", "_2FA"), ("a.b_c", "A_B_C")]
)
def test_another_name_gives_the_variable_in_upper_case(name: str, variable: str) -> None:
    succeed(credman("add", name, stdin=b"value"))
    assert variables() == {variable: "value"}


def test_provider_under_a_name_of_its_own() -> None:
    value = make_value()
    succeed(credman("add", "hf-write", "--provider", "hf", stdin=value.encode()))
    assert variables() == {"HF_TOKEN": value}


def test_one_value_under_several_variables() -> None:
    value = make_value()
    options = ("--var", "HF_TOKEN", "--var", "HUGGING_FACE_HUB_TOKEN")
    outcome = succeed(credman("add", "hf", *options, stdin=value.encode()))
    assert variables() == {"HF_TOKEN": value, "HUGGING_FACE_HUB_TOKEN": value}
    assert "HF_TOKEN, HUGGING_FACE_HUB_TOKEN" in outcome.stderr


def test_fields_have_values_of_their_own() -> None:
    outcome = credman(
        "add", "db", "--field", "DB_USER", "--field", "DB_PASSWORD", answers=[*NEW, "ann", "pw"],
        passphrase=None,
    )  # fmt: skip
    succeed(outcome)
    assert outcome.shown[-2:] == ["DB_USER (hidden): ", "DB_PASSWORD (hidden): "]
    assert variables() == {"DB_USER": "ann", "DB_PASSWORD": "pw"}


def test_fields_beside_a_provider_are_asked_for_by_their_own_names() -> None:
    credman("init", answers=[])
    options = ("--provider", "hf", "--field", "READ_TOKEN", "--field", "WRITE_TOKEN")
    outcome = succeed(credman("add", "both", *options, answers=["r", "w"]))
    assert outcome.shown == ["READ_TOKEN (hidden): ", "WRITE_TOKEN (hidden): "]
    assert variables() == {"READ_TOKEN": "r", "WRITE_TOKEN": "w"}


def test_aws_asks_for_its_parts_and_enter_skips_the_optional_one() -> None:
    credman("init", answers=[])
    outcome = succeed(credman("add", "aws", answers=[ACCESS_KEY, SECRET_KEY, ""]))
    assert outcome.shown == [
        "access key id: ",
        "secret access key (hidden): ",
        "session token (hidden, Enter for none): ",
    ]
    assert variables() == {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}


def test_aws_with_a_session_token() -> None:
    credman("init", answers=[])
    succeed(credman("add", "aws", answers=[ACCESS_KEY, SECRET_KEY, "session"]))
    assert variables()["AWS_SESSION_TOKEN"] == "session"


def test_argilla_asks_for_its_url_visibly_and_for_its_key_hidden() -> None:
    credman("init", answers=[])
    outcome = succeed(credman("add", "argilla", answers=["https://a.example", "argilla.apikey"]))
    assert outcome.shown == ["URL: ", "API key (hidden): "]
    assert "{" not in outcome.stderr  # the catalogue's {api_url} is no page to go to


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("last", [b"", b"\n", b"\r\n\r\n"])
def test_parts_are_piped_as_lines(end: bytes, last: bytes) -> None:
    lines = [
        b"",
        b"AWS_SECRET_ACCESS_KEY=" + SECRET_KEY.encode(),
        b"  ",
        b"AWS_ACCESS_KEY_ID=" + ACCESS_KEY.encode(),
    ]
    succeed(credman("add", "aws", stdin=end.join(lines) + last))
    assert variables() == {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET_KEY}


def test_a_piped_part_may_hold_equals_signs_and_blanks() -> None:
    succeed(credman("add", "x", "--field", "A", "--field", "B", stdin=b"A= a=b \nB==\n"))
    assert variables() == {"A": " a=b ", "B": "="}


@pytest.mark.parametrize(
    ("options", "key", "expected"),
    [
        (("--expires", "2031-03-31"), "expires_at", "2031-03-31T23:59:59Z"),
        (("--expires", "2031-03-31T12:00:00+01:00"), "expires_at", "2031-03-31T11:00:00Z"),
        (("--rotate-every", "90d"), "rotate_every", "90d"),
        (("--rotate-every", "12w"), "rotate_every", "12w"),
        (("--note", "for the nightly run"), "note", "for the nightly run"),
    ],
)
def test_what_is_known_of_a_token(options: tuple[str, ...], key: str, expected: str) -> None:
    succeed(credman("add", "hf", *options, stdin=make_value().encode()))
    assert shown("hf")[key] == expected


@pytest.mark.parametrize(
    "text", ["\x1b[31mred", "\x1b]0;title\x07", "\u202edlrow", "a\nb", "\x9b31m", "\u200b"]
)
def test_a_note_is_shown_escaped(text: str) -> None:
    succeed(credman("add", "hf", "--note", text, stdin=make_value().encode()))
    shown_text = credman("show", "hf").text
    assert not [c for c in shown_text.replace("\n", "") if not c.isprintable()]
    assert "\\u{" in shown_text
    assert shown("hf")["note"] == text


def test_isolated_environment_inherits_nothing() -> None:
    credman("add", "base", stdin=b"b")
    succeed(credman("add", "own", "-e", "prod", "--isolated", stdin=b"o"))
    assert variables("prod") == {"OWN": "o"}


def test_isolated_makes_a_new_environment_as_well() -> None:
    credman("add", "base", stdin=b"b")
    succeed(credman("add", "own", "-e", "live", "--isolated", stdin=b"o"))
    assert variables("live") == {"OWN": "o"}


def test_replace_gives_a_second_version_and_keeps_the_first_as_retiring() -> None:
    credman("add", "hf", stdin=make_value().encode())
    newer = make_value()[::-1]
    succeed(credman("add", "hf", "--replace", "--no-check", stdin=newer.encode()))
    assert variables() == {"HF_TOKEN": newer}
    states = {v["number"]: v["state"] for v in shown("hf")["versions"]}
    assert states == {1: "retiring", 2: "current"}


def test_replace_keeps_provider_variables_note_and_schedule() -> None:
    options = ("--provider", "hf", "--note", "mine", "--rotate-every", "90d")
    credman("add", "hf-write", *options, stdin=make_value().encode())
    succeed(credman("add", "hf-write", "--replace", stdin=make_value().encode()))
    token = shown("hf-write")
    assert token["provider"] == "huggingface" and token["variables"] == ["HF_TOKEN"]
    assert token["note"] == "mine" and token["rotate_every"] == "90d"


def test_replace_asks_for_an_optional_part_again() -> None:
    credman("init", answers=[])
    credman("add", "keys", "--provider", "aws", answers=[ACCESS_KEY, SECRET_KEY, ""])
    credman("add", "keys", "--replace", answers=[ACCESS_KEY, SECRET_KEY, "session"])
    assert variables()["AWS_SESSION_TOKEN"] == "session"
    credman("add", "keys", "--replace", answers=[ACCESS_KEY, SECRET_KEY, ""])
    assert "AWS_SESSION_TOKEN" not in variables()


def test_replace_of_nothing_is_an_ordinary_add() -> None:
    credman("init", answers=[])
    succeed(credman("add", "hf", "--replace", "-e", "new-one", stdin=make_value().encode()))
    assert shown("hf", "-e", "new-one")["version"] == 1


def test_replace_may_change_the_variable() -> None:
    credman("add", "hf", stdin=make_value().encode())
    succeed(credman("add", "hf", "--replace", "--var", "OTHER", stdin=make_value().encode()))
    assert list(variables()) == ["OTHER"]


def test_names_keep_their_first_spelling_whatever_the_case() -> None:
    credman("add", "Mine", "-e", "Live", stdin=b"1")
    outcome = credman("add", "mINE", "-e", "lIVE", stdin=b"2")
    assert outcome.exit_code == 7 and "named Mine in environment Live" in outcome.stderr


def test_the_same_name_in_another_profile_is_another_token() -> None:
    credman("add", "hf", "--no-check", stdin=b"private")
    succeed(credman("add", "hf", "--no-check", "-p", "work", stdin=b"work"))
    assert variables() == {"HF_TOKEN": "private"}
    assert variables(environ={"CREDMAN_PROFILE": "work"}) == {"HF_TOKEN": "work"}


def test_a_proxy_variable_is_stored_with_a_warning() -> None:
    outcome = succeed(credman("add", "x", "--var", "HTTPS_PROXY", stdin=b"http://p"))
    assert "warning: HTTPS_PROXY redirects the network traffic" in outcome.stderr
