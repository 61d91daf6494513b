"""``schedule``: what counts for a token is said, set, taken back, and refused where it is wrong."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from credman.core.model import Rotation, Stage, Version, VersionState
from tests.cli.dated import day, due, found, make
from tests.cli.dated import store as plant
from tests.cli.harness import Outcome, credman, make_value, make_vault
from tests.cli.naming import configure
from tests.vault.factories import PASSPHRASE
from tests.watch.dates import ZONES, zone

NOTHING = ["–", "–", "14d and 3d before, and on the day", "7d for an old version"]
INTERVALS = "days, weeks, months or years: 90d, 12w, 3mo, 1y"
DATES = "such as 2027-03-31 or 2027-03-31T12:00:00+01:00"


def store(name: str = "api", *options: str, value: bytes = b"a value") -> None:
    outcome = credman("add", name, *options, stdin=value)
    assert outcome.exit_code == 0, outcome.stderr


def schedule(*argv: str) -> Outcome:
    outcome = credman("schedule", *argv)
    assert outcome.exit_code == 0, outcome.stderr
    return outcome


def rows(outcome: Outcome) -> list[str]:
    """Returns: what it says of rotation, end, reminders and grace."""
    _, *lines = outcome.text.splitlines()
    assert [line.split()[0] for line in lines] == ["rotate", "expires", "remind", "grace"]
    return [line[11:] for line in lines]


def facts(*argv: str) -> dict[str, Any]:
    parsed = json.loads(schedule(*argv, "--json").text)
    assert parsed.keys() == {"version", "schedule"} and parsed["version"] == 1
    found: dict[str, Any] = parsed["schedule"]
    return found


def day_in(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).date().isoformat()


def test_without_options_it_shows_what_counts_and_changes_nothing() -> None:
    store()
    before = facts("api")
    shown = schedule("api")
    assert shown.text.splitlines()[0] == "api   environment default, profile default"
    assert rows(shown) == NOTHING and shown.stderr == ""
    assert facts("api") == before == {
        "name": "api", "environment": "default", "profile": "default", "rotate_every": None,
        "origin": None, "rotate_at": None, "expires_at": None, "remind": ["14d", "3d"],
        "grace": "7d",
    }  # fmt: skip
    history = credman("history", "api").text
    assert history.count("current") == 1


def test_it_is_set_and_shown_and_each_option_leaves_the_others_alone() -> None:
    store("api", "-e", "prod", "-p", "work")
    here = ("api", "-e", "prod", "-p", "work")
    said = rows(schedule(*here, "--every", "12w", "--remind", "3d,1mo", "--grace", "2w"))
    assert said[0].startswith("every 12w, due in 84 days, on ")
    assert said[1:] == ["–", "1mo and 3d before, and on the day", "14d for an old version"]
    schedule(*here, "--expires", "2099-02-28T12:00:00+01:00")
    found = facts(*here)
    assert (found["environment"], found["profile"], found["origin"]) == ("prod", "work", "own")
    assert found["expires_at"] == "2099-02-28T11:00:00Z"
    assert (found["rotate_every"], found["remind"], found["grace"]) == ("84d", ["1mo", "3d"], "14d")
    schedule(*here, "--every", "90d")
    assert facts(*here)["expires_at"] == "2099-02-28T11:00:00Z"


@pytest.mark.parametrize(
    ("word", "expected"),
    [("off", ["off", "–", "off", "1d for an old version"]), ("default", NOTHING)],
)
def test_each_of_them_is_taken_back(word: str, expected: list[str]) -> None:
    store()
    every, end = ("--every", "90d"), ("--expires", "2099-01-01")
    schedule("api", *every, *end, "--remind", "1d", "--grace", "1d")
    names = ["--every", "--expires", "--remind"]
    if word == "default":  # an old version cannot live on for no time at all
        names.append("--grace")
    options = [option for name in names for option in (name, word)]
    assert rows(schedule("api", *options)) == expected


def test_off_is_no_rotation_and_no_date_and_leaves_the_rest() -> None:
    store()
    schedule("api", "--every", "90d", "--expires", "2099-01-01", "--grace", "1d")
    assert rows(schedule("api", "--off")) == ["off", "–", NOTHING[2], "1d for an old version"]
    assert credman("due").stderr.startswith("nothing is due")


def test_off_holds_against_the_configuration_and_default_takes_what_that_says() -> None:
    store()
    configure('[policy]\nrotate_every = "60d"\nremind = "off"\ngrace = "1d"\n')
    said = rows(schedule("api"))
    assert said[0].startswith("every 60d (the configuration), due in 60 days, on ")
    assert said[1:] == ["–", "off", "1d for an old version"]
    # What a token says itself counts more, there as well.
    assert rows(schedule("api", "--remind", "3d"))[2] == "3d before, and on the day"
    assert rows(schedule("api", "--remind", "default"))[2] == "off"
    assert rows(schedule("api", "--every", "off"))[0] == "off"
    assert facts("api", "--every", "default")["origin"] == "policy"


def test_remind_off_leaves_the_dates_and_tells_nobody() -> None:
    store()
    schedule("api", "--every", "90d", "--expires", "2099-01-01")
    before = facts("api")
    said = rows(schedule("api", "--remind", "off"))
    assert said[0].startswith("every 90d, due in 90 days, on ") and said[2] == "off"
    assert said[1].endswith(", on 1 Jan 2099")
    assert facts("api") == {**before, "remind": []}
    found = json.loads(credman("due", "--json").text)["due"]
    assert [(item["kind"], item["reminders"]) for item in found] == [
        ("rotation", []),
        ("expiry", []),
    ]


@pytest.mark.parametrize("name", ZONES)
def test_a_date_is_shown_as_it_was_typed_wherever_that_is(name: str) -> None:
    store("api", "--expires", "2098-03-31")
    with zone(name):
        assert rows(schedule("api"))[1].endswith(", on 31 Mar 2098")
        assert rows(schedule("api", "--expires", "2099-03-31"))[1].endswith(", on 31 Mar 2099")
        assert "2099-03-31, in " in credman("show", "api").text
        (line,) = credman("due").text.splitlines()[1:]
        assert "  2099-03-31  " in line and line.count("31 Mar 2099") == 1
        assert "DTSTART;VALUE=DATE:20990331\r\n" in credman("due", "--ics").text


def test_a_time_of_day_is_shown_as_the_day_that_it_is_here() -> None:
    store("api", "--expires", "2099-03-31T23:30:00Z")
    with zone("Europe/Berlin"):
        assert rows(schedule("api"))[1].endswith(", on 1 Apr 2099")
        assert "2099-04-01, in " in credman("show", "api").text
        assert "  2099-04-01  " in credman("due").text


def test_no_schedule_goes_beyond_the_limit_and_it_says_so() -> None:
    store("api", "-e", "prod")
    configure('[environments.prod.policy]\nmax_age = "90d"\n')
    outcome = schedule("api", "-e", "prod", "--every", "1y")
    assert rows(outcome)[0].startswith("every 90d (max_age of the configuration), due in 90 days")
    assert outcome.stderr == "1y is more than max_age of the configuration allows, so 90d counts\n"
    assert schedule("api", "-e", "prod", "--every", "30d").stderr == ""


def test_what_a_provider_advises_counts_until_something_else_is_said() -> None:
    store("npm", "--no-check")
    said = rows(schedule("npm"))[0]
    assert said.startswith("every 90d (its provider's advice), due in 90 days, on ")
    assert facts("npm")["origin"] == "provider"
    assert facts("npm", "--every", "off")["origin"] is None
    schedule("npm", "--every", "default")
    configure('[policy]\nrotate_every = "60d"\n')
    assert (facts("npm")["rotate_every"], facts("npm")["origin"]) == ("60d", "policy")


@pytest.mark.parametrize(
    ("options", "error", "hint"),
    [
        (("--every", "3m"), "--every: this is not an interval", "months are written 3mo"),
        (("--every", "0d"), "--every: this is not an interval", INTERVALS),
        (("--every", ""), "--every: this is not an interval", INTERVALS),
        (("--every", "OFF"), "--every: this is not an interval", INTERVALS),
        (("--remind", "14d,"), "--remind: this is not an interval", INTERVALS),
        (("--remind", "14d,3m"), "--remind: this is not an interval", "months are written 3mo"),
        (("--grace", "soon"), "--grace: this is not an interval", INTERVALS),
        (("--expires", "31.12.2099"), "--expires: this is not a date", DATES),
        (("--expires", "2099-02-29"), "--expires: this is not a date", DATES),
        (("--expires", "2099-01-01T12:00:00"), "--expires: this is not a date", DATES),
        (("--expires", "0000-01-01"), "--expires: this is not a date", DATES),
        (("--expires", "1970-01-01"), "--expires: that has passed", "credman revoke ends a token"),
        (("--grace", "off"), "--grace: this is not an interval", INTERVALS),
        (("--off", "--every", "90d"), "--off stands alone", None),
        (("--off", "--grace", "default"), "--off stands alone", None),
        (("--every", "90d", "--grace", "1h"), "--grace: this is not an interval", INTERVALS),
    ],
    ids=str,
)
def test_bad_input_is_named_and_changes_nothing(
    options: tuple[str, ...], error: str, hint: str | None
) -> None:
    store("api", "--rotate-every", "30d")
    before = facts("api")
    outcome = credman("schedule", "api", *options)
    hints = [] if hint is None else [f"credman: hint: {hint}"]
    assert outcome.stderr.splitlines() == [f"credman: error: {error}", *hints]
    assert (outcome.exit_code, outcome.text) == (2, "")
    assert facts("api") == before


def test_an_inherited_token_is_shown_and_not_changed_from_there() -> None:
    store()
    assert rows(schedule("api", "-e", "prod")) == NOTHING
    outcome = credman("schedule", "api", "-e", "prod", "--every", "90d")
    assert outcome.stderr.splitlines() == [
        "credman: error: api is inherited: environment prod has none of its own",
        "credman: hint: -e default names the one it comes from",
    ]
    assert outcome.exit_code == 3 and facts("api")["rotate_every"] is None


@pytest.mark.parametrize("options", [(), ("--every", "90d"), ("--off",)])
def test_an_unknown_name_is_not_found(options: tuple[str, ...]) -> None:
    store()
    outcome = credman("schedule", "apj", *options)
    assert outcome.exit_code == 3 and "did you mean api?" in outcome.stderr


def test_an_end_of_ones_own_that_has_passed_can_be_moved() -> None:
    store("api", "--expires", "2020-02-29T12:00:00Z")
    assert credman("get", "api").exit_code == 7
    with zone("Pacific/Pago_Pago"):  # half a day behind
        assert rows(schedule("api"))[1] == "expired on 29 Feb 2020"
    schedule("api", "--expires", day_in(30))
    assert credman("get", "api").text == "a value"
    schedule("api", "--expires", "off")
    assert credman("get", "api").text == "a value" and facts("api")["expires_at"] is None


def test_an_unfinished_rotation_is_no_hindrance_and_is_left_as_it_is() -> None:
    staged = Version(2, VersionState.STAGED, day(-1), ("KEY",))
    token = make()
    token = replace(token, versions=(*token.versions, staged))
    plant(replace(token, rotation=Rotation(2, Stage.STAGED, False, day(-1))))
    said = credman("schedule", "api", "--every", "30d", passphrase=str(PASSPHRASE))
    assert said.exit_code == 0, said.stderr
    assert "every 30d, due in 30 days" in said.text
    found = json.loads(due("--json", code=8).text)["due"]
    assert [item["kind"] for item in found] == ["unfinished", "rotation"]


def test_that_it_was_found_hides_none_of_its_dates() -> None:
    token = make(rotate_every="90d", expires_at=day(30), exposure=found("/home/alice/a.json"))
    plant(token)
    outcome = credman("schedule", "api", "--json", passphrase=str(PASSPHRASE))
    said = json.loads(outcome.text)["schedule"]
    assert said["rotate_at"] == f"{day(90):%Y-%m-%dT%H:%M:%SZ}"
    assert said["expires_at"] == f"{day(30):%Y-%m-%dT%H:%M:%SZ}"
    assert [line.split()[:3] for line in due(code=8).text.splitlines()[1:]] == [
        ["api", "default", "exposure"]
    ]


def test_what_is_set_is_in_list_and_show_and_due() -> None:
    make_vault()
    schedule("hf", "--every", "3mo", "--expires", day_in(10))
    assert "every 3mo, in " in credman("show", "hf").text
    assert "in 11 d" in credman("list").text
    found = json.loads(credman("due", "--json").text)["due"]
    assert [item["kind"] for item in found] == ["expiry", "rotation"]


def test_no_value_is_said() -> None:
    value = make_value()
    store("hf", "--no-check", value=value.encode())
    for argv in ((), ("--json",), ("--every", "90d"), ("--every", "x")):
        outcome = credman("schedule", "hf", *argv)
        assert value[-6:] not in outcome.text + outcome.stderr


def test_what_a_command_makes_is_renewed_by_that() -> None:
    added = credman("add", "short", "--command", "printf abc", "--ttl", "50m", stdin=b"")
    assert added.exit_code == 0, added.stderr
    assert rows(schedule("short"))[0] == "whenever its value is used up, by its command"


def test_both_ends_of_time_are_no_trouble() -> None:
    store("late", "--expires", "9999-12-31T23:59:59Z", "--rotate-every", "9999y")
    found = facts("late", "--every", "9999w", "--remind", "9999y")
    assert found["expires_at"] == "9999-12-31T23:59:59Z"
    for argv in (("schedule", "late"), ("show", "late"), ("list",), ("due",), ("due", "--ics")):
        outcome = credman(*argv, environ={"TZ": "Pacific/Kiritimati"})
        assert outcome.exit_code == 0, outcome.stderr
