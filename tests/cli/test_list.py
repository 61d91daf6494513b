"""``list`` and ``show``: what is known of tokens, for people and for scripts, never a value."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from credman.core.model import Address, Exposure, Rotation, Schedule, Stage, Version, VersionState
from credman.core.secret import Secret
from tests.cli.harness import Outcome, credman, make_value, make_vault
from tests.vault.factories import make_contents
from tests.vault.factories import make_vault as make_vault_file


def plant(**changes: Any) -> None:
    """A vault with one token ``x`` that is as no command would make it."""
    contents = make_contents({"x": b"EXAMPLE"})
    token = replace(contents.tokens[0], **changes)
    held = [Address(token.key, v.number, name) for v in token.versions for name in v.fields]
    values = dict.fromkeys(held, Secret("EXAMPLE"))
    made = make_vault_file(contents=replace(contents, tokens=(token,), values=values))
    path = Path(os.environ["CREDMAN_HOME"], "data", "vault.age")
    path.parent.mkdir(mode=0o700, parents=True)
    path.write_bytes(made.file)
    path.chmod(0o600)


def look(*argv: str, **options: Any) -> Outcome:
    return credman(*argv, passphrase="EXAMPLE passphrase", **options)


def facts(*argv: str) -> dict[str, Any]:
    outcome = credman(*argv, "--json")
    assert outcome.exit_code == 0, outcome.stderr
    parsed: dict[str, Any] = json.loads(outcome.text)
    assert parsed["version"] == 1
    return parsed


def test_where_each_comes_from() -> None:
    credman("add", "a", stdin=b"1")
    credman("add", "b", "-e", "prod", stdin=b"2")
    listed = facts("list", "-e", "PROD")
    assert (listed["environment"], listed["profile"]) == ("prod", "default")
    assert [(t["name"], t["environment"]) for t in listed["tokens"]] == [
        ("b", "prod"),
        ("a", "default"),
    ]


def test_a_token_of_the_environment_hides_the_inherited_one() -> None:
    credman("add", "hf", stdin=make_value().encode())
    credman("add", "mine", "--var", "HF_TOKEN", "-e", "prod", stdin=make_value().encode())
    assert [t["name"] for t in facts("list", "-e", "prod")["tokens"]] == ["mine"]


def test_all_shows_every_environment_and_profile() -> None:
    for place in (("-e", "prod"), ("-p", "work"), ("-e", "dev", "-p", "work")):
        credman("add", "t", *place, stdin=b"v")
    listed = facts("list", "--all")
    assert "environment" not in listed and "profile" not in listed
    assert [(t["environment"], t["profile"]) for t in listed["tokens"]] == [
        ("default", "work"),
        ("dev", "work"),
        ("prod", "default"),
    ]
    assert credman("list", "--all").text.splitlines()[0].split()[2:4] == ["FROM", "PROFILE"]


def test_ls_is_list() -> None:
    make_vault()
    assert credman("ls").text == credman("list").text


def test_piped_a_row_is_one_line_however_long() -> None:
    options = [f"--var={'V' * 100}{number}" for number in range(9)]
    credman("add", "x" * 64, *options, stdin=b"v")
    lines = credman("list").text.splitlines()
    assert len(lines) == 3 and lines[1].count("V" * 100) == 9


@pytest.mark.parametrize("width", [20, 21, 40, 80, 9999])
def test_on_a_terminal_it_keeps_to_its_width(width: int) -> None:
    make_vault()
    outcome = credman("list", stdout_is_terminal=True, width=width, environ={"NO_COLOR": "1"})
    assert outcome.exit_code == 0
    rows = outcome.text.splitlines()[:-1]
    # Below 78 columns cells stay whole, and the terminal wraps lines as it likes.
    assert max(map(len, rows)) <= max(width, 78)
    assert "  hf     HF_TOKEN   default" in outcome.text


@pytest.mark.parametrize(
    ("environ", "is_coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)],
)
def test_colour_is_for_terminals_that_want_it(environ: dict[str, str], is_coloured: bool) -> None:
    make_vault()
    shown = credman("list", stdout_is_terminal=True, environ={"TERM": "xterm", **environ})
    assert ("\x1b[" in shown.text) is is_coloured
    assert "\x1b" not in credman("list", environ={"FORCE_COLOR": "1", **environ}).text


def now_minus(days: float) -> datetime:
    return (datetime.now(UTC) - timedelta(days=days)).replace(microsecond=0)


@pytest.mark.parametrize(
    ("age", "every", "cell", "note"),
    [
        (0, "1d", "in 1 d", ""),
        (89.5, "90d", "in 1 d", ""),
        (90.5, "90d", "overdue", "x is 1 day overdue: credman rotate x\n"),
        (92.5, "90d", "overdue", "x is 2 days overdue: credman rotate x\n"),
        (-400, "90d", "in 490 d", ""),
        (0, "9999w", "in 69993 d", ""),
    ],
)
def test_rotation(age: float, every: str, cell: str, note: str) -> None:
    version = Version(1, VersionState.CURRENT, now_minus(age), ("x",))
    plant(versions=(version,), schedule=Schedule(rotate_every=every))
    listed = look("list")
    assert listed.exit_code == 0 and cell in listed.text
    assert listed.stderr == note
    assert f"every {every}, {cell}" in look("show", "x").text


PLACES = ("/home/alice/training_params.json", "/home/alice/a \x1b[2J\udcff.ipynb")


def found(count: int = 3, days: float = 2.1) -> Exposure:
    return Exposure(now_minus(days), now_minus(0), count, PLACES)


def plant_exposed(**changes: Any) -> None:
    """A vault whose token was to be rotated long ago, and was found in files."""
    version = Version(3, VersionState.CURRENT, now_minus(100), ("x",), exposure=found())
    plant(versions=(replace(version, **changes),), schedule=Schedule(rotate_every="90d"))


def test_what_was_found_in_files_is_said_until_it_is_rotated() -> None:
    plant_exposed()
    for _ in range(2):  # every time
        listed = look("list")
        row = listed.text.splitlines()[1].split()
        assert row[-2:] == ["overdue", "exposed"]
        # Once, and not also by what is said in passing, or as a date that has passed.
        assert listed.stderr == "rotate x: it was found in 3 files\n"
    assert not any(place in look("list", "--json").text for place in PLACES)
    (token,) = json.loads(look("list", "--json").text)["tokens"]
    assert token["exposure"] == {
        "at": f"{now_minus(2.1):%Y-%m-%dT%H:%M}" + token["exposure"]["at"][16:],
        "seen_at": token["exposure"]["seen_at"], "count": 3,
    }  # fmt: skip
    assert token["state"] == "not checked"


def test_without_a_date_for_its_rotation_it_is_overdue_as_well() -> None:
    plant(versions=(Version(1, VersionState.CURRENT, now_minus(1), ("x",), exposure=found(1)),))
    listed = look("list")
    assert listed.text.splitlines()[1].split()[-2:] == ["overdue", "exposed"]
    assert listed.stderr == "rotate x: it was found in a file\n"


def test_of_a_token_that_was_never_found_nothing_is_said() -> None:
    plant()
    assert json.loads(look("list", "--json").text)["tokens"][0]["exposure"] is None
    assert json.loads(look("show", "x", "--json").text)["token"]["exposure"] is None
    assert "exposed" not in look("list").text + look("show", "x").text
    assert "EXPOSED" not in look("history", "x").text
    assert json.loads(look("history", "x", "--json").text)["versions"][0]["exposure"] is None


@pytest.mark.parametrize("others", [(), (VersionState.COMPROMISED,)], ids=["one", "two"])
def test_an_old_one_that_was_found_is_said_until_it_is_revoked(
    others: tuple[VersionState, ...],
) -> None:
    states = (VersionState.RETIRING, *others)
    old = [
        Version(n, state, now_minus(50), ("x",), retiring_at=now_minus(1), exposure=found())
        for n, state in enumerate(states, 1)
    ]
    current = Version(3, VersionState.CURRENT, now_minus(1), ("x",))
    plant(versions=(*old, current))
    words = "was found in 3 files and is still alive"
    said = [f"revoke x --version {n}: #{n} {words}" for n in (1, 2)]
    listed = look("list")
    assert listed.stderr.splitlines() == (said if others else [f"revoke x: #1 {words}"])
    assert "exposed" not in listed.text


def test_show_says_in_which_files_it_was_found() -> None:
    plant_exposed()
    lines = look("show", "x").text.splitlines()
    at = next(n for n, line in enumerate(lines) if line.split()[:1] == ["exposed"])
    assert lines[at].split("  ")[-1] == "found in 3 files, first 2 d ago, last just now"
    assert [line.strip() for line in lines[at + 1 : at + 4]] == [
        PLACES[0], "/home/alice/a \\u{1b}[2J\\u{dcff}.ipynb", "and 1 more",
    ]  # fmt: skip
    token = json.loads(look("show", "x", "--json").text)["token"]
    assert token["exposure"]["places"] == list(PLACES) and token["exposure"]["count"] == 3
    assert [v["exposure"] for v in token["versions"]] == [token["exposure"]]


def test_the_history_keeps_what_was_found_and_not_where() -> None:
    gone = Version(
        2, VersionState.REVOKED, now_minus(50), (), ended_at=now_minus(1), exposure=found()
    )
    current = Version(3, VersionState.CURRENT, now_minus(1), ("x",))
    plant(versions=(gone, current))
    header, new, old = look("history", "x").text.splitlines()
    assert header.split()[-2:] == ["ENDED", "EXPOSED"]
    assert new.endswith("   –") and old.endswith("   found in 3 files, 2 d ago")
    versions = json.loads(look("history", "x", "--json").text)["versions"]
    assert versions[0]["exposure"] is None
    assert versions[1]["exposure"].keys() == {"at", "seen_at", "count"}
    listed = look("list")
    assert listed.stderr == "" and "exposed" not in listed.text


def test_one_that_was_found_while_it_is_being_rotated() -> None:
    current = Version(1, VersionState.CURRENT, now_minus(9), ("x",), exposure=found())
    staged = Version(2, VersionState.STAGED, now_minus(1), ("x",))
    begun = Rotation(2, Stage.STAGED, False, now_minus(1))
    plant(versions=(current, staged), rotation=begun)
    assert look("list").stderr.splitlines()[0] == "rotate x --resume: it was found in 3 files"
    due = look("due")
    assert due.exit_code == 8 and due.text.count("credman rotate x --resume") == 1


@pytest.mark.parametrize("age", [0, 0.9, -1, -5000])
def test_no_age_is_negative(age: float) -> None:
    plant(versions=(Version(1, VersionState.CURRENT, now_minus(age), ("x",)),))
    assert "today" in look("list").text
    assert "stored today" in look("show", "x").text


@pytest.mark.parametrize(("days", "cell"), [(0.52, "in 12 h"), (1.5, "in 2 d"), (-0.1, "expired")])
def test_expiry(days: float, cell: str) -> None:
    expires_at = now_minus(-days)
    plant(schedule=Schedule(expires_at=expires_at))
    assert cell in look("list").text
    assert f"{expires_at:%Y-%m-%d}, {cell}" in look("show", "x").text


HOSTILE = ["\x1b[2J", "\x1b]52;c;aGk=\x07", "\u202ereversed", "a\r\nb", "\x9b1m", "\U000e0041"]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_what_somebody_else_put_into_the_vault_cannot_reach_the_terminal(text: str) -> None:
    plant(note=text, provider=text, schedule=Schedule(remind_before=(text,)))
    for argv in (("list",), ("list", "--all"), ("show", "x"), ("show", "x", "--json")):
        outcome = look(*argv, stdout_is_terminal=True, environ={"NO_COLOR": "1"})
        assert outcome.exit_code == 0, outcome.stderr
        assert not [c for c in outcome.text if not c.isprintable() and c != "\n"], argv
        assert "reversed" not in outcome.text or "\\u" in outcome.text


@pytest.mark.parametrize("every", ["", "x", "\x1b[2J", "0d", "3mo"])
def test_an_interval_that_is_not_understood_hides_no_token(every: str) -> None:
    plant(schedule=Schedule(rotate_every=every))
    for argv in (("list",), ("show", "x"), ("list", "--json")):
        outcome = look(*argv)
        assert outcome.exit_code == 0, outcome.stderr
        assert "\x1b" not in outcome.text


def test_show_masks_secrets_and_shows_the_rest() -> None:
    value = make_value("", 40)
    credman("add", "aws", "--no-check", stdin=(
        f"AWS_ACCESS_KEY_ID=AKIAEXAMPLE\nAWS_SECRET_ACCESS_KEY={value}\n".encode()
    ))  # fmt: skip
    text, token = credman("show", "aws").text, facts("show", "aws")["token"]
    assert "AKIAEXAMPLE" in text and f"…{value[-4:]}" in text
    assert [f["masked"] for f in token["fields"]] == ["AKIAEXAMPLE", f"…{value[-4:]}"]
    assert [f["secret"] for f in token["fields"]] == [False, True]
    assert value not in text + json.dumps(token)


def test_show_of_an_inherited_token_says_where_it_is() -> None:
    make_vault()
    assert facts("show", "hf", "-e", "prod")["token"]["environment"] == "default"


def test_show_says_where_else_a_token_is() -> None:
    credman("add", "t", "-e", "dev", "-p", "work", stdin=b"v")
    outcome = credman("show", "t")
    assert outcome.exit_code == 3
    assert "hint: there is one in dev: -e dev -p work" in outcome.stderr


def test_an_empty_vault() -> None:
    credman("init")
    outcome = credman("list")
    assert (outcome.exit_code, outcome.stdout) == (0, b"")
    assert "nothing is stored in environment default, profile default" in outcome.stderr
    assert facts("list")["tokens"] == []
