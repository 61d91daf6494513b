"""Where a token is asked about: another instance of a service knows nothing of it, and what may
not be asked is not repeated. Checksums are looked at before anybody is asked."""

from __future__ import annotations

import json

import pytest

from credman.core.model import Field, Finding, Liveness
from credman.core.secret import Secret
from credman.providers.verdicts import utc_now
from credman.upkeep.common import Providers
from tests.cli.harness import credman
from tests.providers.asked import Recorder, make_answer
from tests.providers.clouds import read_token
from tests.providers.factories import CATALOGUE
from tests.providers.shapes import complete
from tests.upkeep.stub import stub
from tests.upkeep.stub_places import pipe
from tests.upkeep.stub_sitting import sitting
from tests.upkeep.stub_troubles import status
from tests.upkeep.stub_values import make_values

PASSWORD = "hunter2-EXAMPLE"
BAD_PLACES = [
    f"https://alice:{PASSWORD}@gitlab.example",
    f"http://alice:{PASSWORD}@gitlab.example:8080/path",
    f"alice:{PASSWORD}@gitlab.example",
    f"https://{PASSWORD}@gitlab.example",
    "http://evil.example",
]
COMMANDS = [
    ("check", "gitlab"),
    ("check", "gitlab", "--json"),
    ("rotate", "gitlab", "--auto"),
    ("revoke", "gitlab", "--version", "1"),
    ("revoke", "gitlab", "--version", "1", "--yes"),
    ("rotate", "gitlab"),
    ("rollback", "gitlab"),
    ("revoke", "gitlab", "--compromised", "--version", "1"),
]


@pytest.mark.parametrize("place", BAD_PLACES)
def test_a_place_that_may_not_be_asked_is_not_repeated(place: str) -> None:
    old, new = (make_values("gitlab", n, "", None)["token"].encode() for n in (1, 2))
    assert credman("add", "gitlab", stdin=old).exit_code == 0
    environ = {"CREDMAN_OFFLINE": "", "GITLAB_HOST": place}
    for argv in COMMANDS:
        outcome = credman(*argv, stdin=new, environ=environ)
        told = outcome.stderr + outcome.text
        assert "is asked at" not in told and PASSWORD not in told and "alice" not in told, argv
        assert "http://evil.example" not in told, argv
        if argv[0] == "check":
            assert outcome.exit_code == 0 and "unknown" in outcome.text
    assert old.decode() in read_token()[1].values()


def test_a_place_that_may_be_asked_is_told() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        told = desk.run("check", "gitlab").stderr
        assert f"GitLab is asked at {desk.provider.place('gitlab')} (GITLAB_HOST)\n" in told


def make_right(name: str) -> str:
    """Returns: a value whose checksum is right, of a shape that has one which is always right."""
    if name == "github":
        return complete("ghp_" + "EXAMPLE" * 4 + "00" + "000000", "crc32-base62")
    return make_values(name, 1, "", None)["token"]


def break_checksum(value: str) -> str:
    """Returns: the value, mistyped at its end."""
    return value[:-1] + ("0" if value[-1] != "0" else "1")


@pytest.mark.parametrize("name", ["github", "gitlab"])
def test_a_wrong_checksum_is_told_without_asking_anybody(name: str) -> None:
    right = make_right(name)
    wrong = break_checksum(right)
    assert credman("add", name, "--no-check", stdin=wrong.encode()).exit_code == 0
    offline = credman("check", name, environ={"CREDMAN_OFFLINE": "1"})
    assert offline.exit_code == 0
    assert "its checksum is wrong; CREDMAN_OFFLINE is set" in offline.text
    assert credman("add", name, "--replace", "--no-check", stdin=right.encode()).exit_code == 0
    offline = credman("check", name, environ={"CREDMAN_OFFLINE": "1"})
    assert "CREDMAN_OFFLINE is set" in offline.text and "checksum" not in offline.text


def test_a_wrong_checksum_is_told_with_what_the_provider_says() -> None:
    with sitting("github") as desk:
        wrong = break_checksum(make_right("github"))
        desk.run("add", "github", "--no-check", stdin=wrong.encode())
        desk.provider.trouble("github", "verify", status(503))
        assert "its checksum is wrong; 503: " in desk.run("check", "github").text
        desk.provider.mend()
        said = desk.credman("check", "github")
        assert said.exit_code == 8 and "its checksum is wrong; 401: " in said.text


def test_what_another_instance_does_not_know_is_not_dead() -> None:
    with sitting("gitlab") as desk, stub() as other:
        old = desk.give("gitlab")
        environ = {"GITLAB_HOST": other.place("gitlab")}
        checked = desk.credman("check", "gitlab", environ=environ)
        assert checked.exit_code == 0 and " unknown " in checked.text
        place = desk.provider.place("gitlab")
        assert f"asked elsewhere: it was live at {place}" in " ".join(checked.text.split())
        finding = read_token()[0].current.finding
        assert finding is not None and finding.liveness is Liveness.LIVE
        for options in ((), ("--compromised",)):
            outcome = desk.credman("revoke", "gitlab", "--version", "1", *options, environ=environ)
            assert outcome.exit_code in (1, 7), outcome.stderr
            assert "dropped" not in outcome.stderr
            assert old.token in read_token()[1].values()
        assert other.count("gitlab", "revoke") == 0 and old.is_live
        desk.provider.revoke(old)  # at its own place it counts
        assert desk.credman("check", "gitlab").exit_code == 8


def test_a_retiring_version_is_not_dropped_because_another_instance_does_not_know_it() -> None:
    with sitting("gitlab") as desk, stub() as other:
        old = desk.give("gitlab")
        desk.run("rotate", "gitlab", stdin=pipe(desk.provider.issue("gitlab")))
        environ = {"GITLAB_HOST": other.place("gitlab")}
        outcome = desk.credman("revoke", "gitlab", environ=environ)
        assert outcome.exit_code in (1, 6, 7) and "dropped" not in outcome.stderr
        assert desk.states("gitlab") == {1: "retiring", 2: "current"}
        assert old.token in read_token()[1].values()
        desk.run("revoke", "gitlab")
        assert not old.is_live


def test_a_value_that_nobody_checked_is_not_dropped_at_another_instance_without_a_yes() -> None:
    with sitting("gitlab") as desk, stub() as other:
        old = desk.give("gitlab", "--no-check")
        environ = {"GITLAB_HOST": other.place("gitlab")}
        argv = ("revoke", "gitlab", "--version", "1")
        for number in (1, 2):  # while it is the current one, and when it retires
            outcome = desk.credman(*argv, environ=environ)
            assert outcome.exit_code == 7, outcome.stderr
            place = other.place("gitlab")
            assert f"gitlab #1 is not known at {place}, and may be live elsewhere" in outcome.stderr
            assert old.token in read_token()[1].values() and old.is_live
            if number == 1:
                new = pipe(desk.provider.issue("gitlab"))
                desk.run("rotate", "gitlab", "--no-check", stdin=new)
        yes = desk.credman(*argv, "--yes", environ=environ)
        assert yes.exit_code == 0 and "its value is dropped" in yes.stderr


def test_a_token_is_not_sent_elsewhere_to_be_rotated_or_ended() -> None:
    with sitting("gitlab") as desk, stub() as other:
        desk.give("gitlab")
        environ = {"GITLAB_HOST": other.place("gitlab")}
        outcome = desk.credman("rotate", "gitlab", "--auto", environ=environ)
        assert outcome.exit_code == 7 and "GITLAB_HOST says otherwise" in outcome.stderr
        assert "credman: hint: nothing was sent" in outcome.stderr
        outcome = desk.credman("revoke", "gitlab", "--version", "1", "--yes", environ=environ)
        assert outcome.exit_code == 7, outcome.stderr
        assert {s.role for s in other.seen} <= {"verify"}
        assert desk.states("gitlab") == {1: "current"}


def test_one_value_under_two_names_is_not_dead_where_either_was_live() -> None:
    with sitting("gitlab") as desk, stub() as other:
        old = desk.provider.issue("gitlab")
        more = ("--provider", "gitlab", "--var", "ANOTHER_TOKEN", "--no-check")
        desk.add(old, *more, name="another")
        desk.add(old)
        environ = {"GITLAB_HOST": other.place("gitlab")}
        checked = desk.credman("check", "--json", environ=environ)
        assert [t["state"] for t in json.loads(checked.text)["tokens"]] == ["unknown"] * 2
        assert desk.credman("check").exit_code == 0


@pytest.mark.parametrize(
    ("known", "environ", "expected"),
    [
        ("", {}, Liveness.DEAD),
        ("", {"HF_ENDPOINT": "https://hub.example"}, Liveness.UNKNOWN),
        ("https://hub.example", {}, Liveness.UNKNOWN),
        ("https://hub.example", {"HF_ENDPOINT": "https://hub.example"}, Liveness.DEAD),
        ("https://hub.example", {"HF_ENDPOINT": "https://other.example"}, Liveness.UNKNOWN),
        (None, {"HF_ENDPOINT": "https://hub.example"}, Liveness.DEAD),
    ],
)
def test_dead_counts_where_it_was_live(
    known: str | None, environ: dict[str, str], expected: Liveness
) -> None:
    client = Recorder(make_answer(401, {"error": "Invalid credentials"}))
    found = None if known is None else Finding(Liveness.LIVE, utc_now(), place=known)
    verdict = Providers(CATALOGUE, client, environ).ask(
        CATALOGUE.get("huggingface"),
        [Field("HF_TOKEN", ("HF_TOKEN",))],
        {"HF_TOKEN": Secret("hf_EXAMPLE")},
        found,
    )
    assert verdict.liveness is expected
    if expected is Liveness.UNKNOWN:
        assert verdict.reason == f"asked elsewhere: it was live at {known or 'Hugging Face'}"
