"""``doctor``: what the keyring says when it is tried, with a real gnome-keyring."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from credman.oskeyring import client
from credman.oskeyring.backends import SECRET_SERVICE
from credman.oskeyring.choice import render_choice
from tests.cli.desk import Desk, desk
from tests.cli.harness import PASSPHRASE, Outcome, credman, make_vault
from tests.cli.keyed import make_keyed_vault, see
from tests.oskeyring.bus import display
from tests.oskeyring.test_choice import NULL, redirect

TITLE = "the login keyring (Secret Service)"
WORKS = f"{TITLE}: works: an item was written, read back and deleted"
LOCKED = "the keyring is locked, and nothing here can ask for its password"
ABSENT = "there is no keyring here"
ASKING = {"OpenSession", "CreateItem", "SearchItems", "Unlock"}


def keyring_facts(outcome: Outcome) -> list[str]:
    """Returns: the lines about the keyring, without their label."""
    lines = outcome.text.splitlines()
    first = next(n for n, line in enumerate(lines) if line[2:].startswith("keyring "))
    after = lines.index("", first)
    return [f"{line[0]} {line[13:]}".strip() for line in lines[first:after]]


def init(here: Desk) -> None:
    """A vault that the keyring opens, or its recovery key, or PASSPHRASE."""
    here.run("init", "--recovery-file", str(Path.home() / "recovery.key"))
    here.run("slot", "add", "passphrase", answers=[PASSPHRASE, PASSPHRASE])


def state(name: str) -> Path:
    path = Path(os.environ["CREDMAN_HOME"], "state", name)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def configure(text: str) -> None:
    path = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(text)


def test_one_that_works(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        init(here)
        with here.bus.watch() as called:
            outcome = here.credman("doctor", answers=[])
        assert (outcome.exit_code, outcome.stderr, outcome.shown) == (0, "", [])
        assert keyring_facts(outcome) == [WORKS, f"{state('keyring.json')} remembers it"]
        assert "Delete" in called and set(called) > ASKING - {"Unlock"}
        assert here.bus.users("credman probe") == set() and here.items() == {"0"}
        assert here.bus.workers() == set()


def test_one_that_was_never_used_is_not_chosen_by_looking(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        outcome = here.credman("doctor")
    assert outcome.exit_code == 0 and keyring_facts(outcome) == [WORKS]
    assert not state("keyring.json").exists()


def test_locked_with_nobody_there_is_one_finding(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        init(here)
        here.bus.lock()
        outcome = here.credman("doctor", "--json")
        with here.bus.watch() as called:
            here.credman("doctor")
    assert outcome.exit_code == 8
    assert json.loads(outcome.text)["findings"] == [f"not to be read: {LOCKED}"]
    assert f'"{TITLE}: {LOCKED}"' in outcome.text
    assert "CreateItem" not in called  # who was told already is not asked again


def test_locked_where_a_passphrase_opens_the_vault_instead(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        init(here)
        here.bus.lock()
        outcome = here.credman("doctor", answers=[PASSPHRASE])
    assert outcome.exit_code == 8 and "keyring (login keyring)" in outcome.text
    facts = keyring_facts(outcome)
    assert facts[0] == f"! {TITLE}: {LOCKED}" and "unlock it in the desktop session" in facts[1]
    assert outcome.text.endswith("\n  1 to look at\n")


@pytest.mark.parametrize("place", ["locked", "killed", "never"])
def test_where_nothing_needs_it_a_locked_one_is_no_finding(place: str, tmp_path: Path) -> None:
    make_keyed_vault()
    see()
    with desk(tmp_path, keyring="never" if place == "never" else "unlocked") as here:
        if place == "locked":
            here.bus.lock()
        if place == "killed":
            here.bus.kill_daemon()
        outcome = here.credman("doctor", answers=[PASSPHRASE])
    assert (outcome.exit_code, keyring_facts(outcome)) == (0, [f"{TITLE}: {LOCKED}"])


def test_on_a_bus_without_one(tmp_path: Path) -> None:
    with desk(tmp_path, keyring="absent") as here:
        outcome = here.credman("doctor")
    assert outcome.exit_code == 0
    assert keyring_facts(outcome) == [f"{TITLE}: {ABSENT}", f"KWallet: {ABSENT}"]


def test_one_that_does_not_answer_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "UNATTENDED_SECONDS", 0.4)
    monkeypatch.setattr(client, "INTERACTIVE_SECONDS", 0.6)
    with desk(tmp_path) as here:
        here.bus.stop_daemon()
        for answers, seconds in ((None, 0.4), ([], 0.6)):
            outcome = here.credman("doctor", answers=answers)
            said = f"{TITLE}: the keyring did not answer within {seconds} s"
            assert (outcome.exit_code, keyring_facts(outcome)) == (0, [said])
        assert here.bus.workers() == set()


def test_without_a_session_bus_nothing_is_tried(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        init(here)
        outcome = credman("doctor")  # as through ssh
        assert outcome.exit_code == 8
        facts = keyring_facts(outcome)
        assert facts[0] == f"! {ABSENT} (no session bus)" and facts[1].startswith("on a terminal")
        outcome = credman("doctor", passphrase=None)
        assert outcome.exit_code == 8 and outcome.text.endswith("\n  1 to look at\n")
        assert f"not to be read: {ABSENT}" in outcome.text


def test_no_window_is_opened_with_nobody_at_a_terminal(tmp_path: Path) -> None:
    with display() as found, desk(tmp_path) as here:
        here.bus.lock()
        here.bus.environ = {**here.bus.environ, **found}
        for argv, answers in (([], None), (["--no-input"], [])):
            with here.bus.watch() as called:
                outcome = here.credman("doctor", *argv, answers=answers)
            assert outcome.exit_code == 0 and not ASKING & set(called)
            (fact,) = keyring_facts(outcome)
            assert fact.startswith(f"{TITLE}: not tried: it may ask in a window")


def test_switched_off_it_is_not_tried(tmp_path: Path) -> None:
    configure('keyring = "off"\n')
    with desk(tmp_path) as here:
        with here.bus.watch() as called:
            outcome = here.credman("doctor")
        assert outcome.exit_code == 0 and not ASKING & set(called)
    assert keyring_facts(outcome) == ["switched off by the configuration"]


def test_the_one_of_the_configuration_is_tried(tmp_path: Path) -> None:
    configure(f'keyring = "{SECRET_SERVICE}"\n')
    with desk(tmp_path) as here:
        outcome = here.credman("doctor")
    assert keyring_facts(outcome) == [WORKS, "the configuration names it"]
    configure(f'keyring = "{NULL}"\n')
    outcome = credman("doctor", environ={"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"})
    assert outcome.exit_code == 8
    refused = "! this keyring backend is not used: it discards silently what it is given"
    assert keyring_facts(outcome)[0] == refused and SECRET_SERVICE in keyring_facts(outcome)[1]


def test_a_broken_configuration_may_have_switched_it_off(tmp_path: Path) -> None:
    configure("keyring = off\n")
    with desk(tmp_path) as here:
        with here.bus.watch() as called:
            outcome = here.credman("doctor")
        assert outcome.exit_code == 2 and not ASKING & set(called)
    assert keyring_facts(outcome) == ["not tried: the configuration may switch it off"]


def test_what_should_remember_it_and_cannot_be_used_is_a_finding(tmp_path: Path) -> None:
    path = state("keyring.json")
    path.touch(0o600)
    with desk(tmp_path) as here:
        for text in (b"{", render_choice(NULL)):
            path.write_bytes(text)
            outcome = here.credman("doctor")
            assert outcome.exit_code == 8
            assert keyring_facts(outcome) == [
                WORKS,
                f"! {path} should remember which one it is, and cannot be used",
                f"remove it, and it is {TITLE}",
            ]


def test_what_sends_the_keyring_package_elsewhere_is_told(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        given = redirect(tmp_path)
        here.bus.environ = {**here.bus.environ, **given}
        outcome = here.credman("doctor")
    assert outcome.exit_code == 0
    assert keyring_facts(outcome) == [
        WORKS,
        "PYTHON_KEYRING_BACKEND is set, and credman does not follow it",
        f"{tmp_path}/xdg/python_keyring/keyringrc.cfg is there, and credman does not follow it",
    ]
    assert not (tmp_path / "loaded").exists()


PACKAGES = {
    "keyrings.alt": ("5.0.2", "file = keyrings.alt.file"),
    "keyrings_cryptfile": ("1.3.9", ""),
    "example-ring": ("0.1", "x = example_ring"),
}


def test_installed_backends_are_told_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_vault()
    before = set(keyring_facts(credman("doctor")))
    for name, (version, entry) in PACKAGES.items():
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}")
        (folder / "entry_points.txt").write_text(f"[keyring.backends]\n{entry}\n")
    (tmp_path / "damaged-1.dist-info").mkdir()
    (tmp_path / "worse-1.dist-info").mkdir()
    (tmp_path / "worse-1.dist-info" / "METADATA").write_bytes(b"\xff\xff")
    (tmp_path / "worse-1.dist-info" / "entry_points.txt").write_bytes(b"[keyring.backends]\n\xff")
    for module in ("keyrings", "example_ring"):
        (tmp_path / f"{module}.py").write_text("raise SystemExit('imported')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    outcome = credman("doctor")
    told = [fact for fact in keyring_facts(outcome) if fact not in before]
    used = "is installed, and credman never uses it"
    assert told == [
        f"example-ring 0.1 {used}: it is not known",
        f"keyrings.alt 5.0.2 {used}: it keeps values in files, some of them in clear",
        "other programs may keep values in it: python -m pip uninstall keyrings.alt",
        f"keyrings.cryptfile 1.3.9 {used}: it keeps values in a file of its own",
        "other programs may keep values in it: python -m pip uninstall keyrings.cryptfile",
    ]
    assert "! keyring" not in outcome.text and not {"keyrings", "example_ring"} & set(sys.modules)
