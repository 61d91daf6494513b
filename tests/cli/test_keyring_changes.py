"""Slots come and go beside the one whose key lies in the login keyring; and what is said, and what
opens the vault, where the keyring stops working. A real gnome-keyring."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from credman.core.keyslots import KEYRING_SERVICE
from credman.core.secret import Secret
from credman.oskeyring import client
from credman.vault.container import parse_vault
from credman.vault.slots import ARGON2ID, KEYRING
from tests.cli.desk import Desk, desk, kinds
from tests.cli.harness import PASSPHRASE, PROGRAM, credman, make_value, make_vault
from tests.cli.keyed import NEW, find_openers, vault
from tests.oskeyring.bus import wait_until

pytestmark = pytest.mark.usefixtures("copied_workers")
NO_KEY = "the keyring holds no key of this vault"
LOCKED = "the keyring is locked, and nothing here can ask for its password"
OPENS = "the keyring opens the vault as well: credman slot list"
LOST = "what is saved from now on has a new key"
COPIES = "copies of this vault that only the keyring opens will not open then"
RENEWED = "what is saved from now on has a new key; copies made before still open with"


def init(here: Desk) -> str:
    """A vault that the keyring opens, with a token. Returns: its recovery key."""
    key = Path.home() / "recovery.key"
    here.run("init", "--recovery-file", str(key))
    here.run("add", "hf", "--no-check")
    return key.read_text().split()[-1]


def add_passphrase(here: Desk) -> None:
    here.run("slot", "add", "passphrase", answers=[PASSPHRASE, PASSPHRASE])


def slots(here: Desk) -> list[tuple[str, str]]:
    """Returns: number and kind of each, as the list shows them."""
    lines = here.run("slot", "list").text.splitlines()[1:]
    return [(line.split()[0], " ".join(line.split()[1:3])) for line in lines]


def test_a_keyring_opens_a_vault_that_a_passphrase_opened(tmp_path: Path) -> None:
    make_vault()
    with desk(tmp_path) as here:
        added = here.credman("slot", "add", "keyring", answers=[PASSPHRASE])
        assert (added.exit_code, added.shown) == (0, ["passphrase: "])
        assert added.stderr.splitlines() == [OPENS]
        assert kinds() == [ARGON2ID, KEYRING] and here.items() == {"1"}
        assert here.credman("get", "hf", answers=[]).text == make_value()
        assert slots(here) == [("0", "passphrase passphrase"), ("1", "login keyring")]
        assert "keyring" in here.run("slot", "list", "--json").text
        again = here.credman("slot", "add", "keyring", answers=[])
        assert again.exit_code == 7 and "a keyring opens the vault already" in again.stderr
        assert here.items() == {"1"}


def test_it_has_the_label_that_people_give_it_and_no_passphrase(tmp_path: Path) -> None:
    make_vault()
    with desk(tmp_path) as here:
        add = ("slot", "add", "keyring")
        wrong = here.credman(*add, "--new-passphrase-fd", "5", answers=[])
        assert wrong.exit_code == 2 and "a keyring slot has no passphrase" in wrong.stderr
        for label in ("7", "recovery", "a b"):
            assert here.credman(*add, "--label", label, answers=[]).exit_code == 2
        assert kinds() == [ARGON2ID] and here.items() == set()
        here.run(*add, "--label", "desk", answers=[PASSPHRASE])
        assert '"label": "desk"' in here.run("slot", "list", "--json").text
        here.run("slot", "remove", "desk", "--yes", answers=[PASSPHRASE])
        assert kinds() == [ARGON2ID] and here.items() == set()


def test_a_wrong_passphrase_is_that_whatever_the_keyring_says(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        init(here)
        add_passphrase(here)
        here.bus.lock()
        got = here.credman("get", "hf", answers=["wrong", "wrong again", "and again"])
        assert got.exit_code == 4 and len(got.shown) == 3
        assert LOCKED in got.stderr and "credman: error: wrong passphrase" in got.stderr
        alone = here.program("get", "hf")
        assert alone.returncode == 6 and alone.stderr.decode().splitlines() == [
            f"credman: error: {LOCKED}",
            "credman: hint: unlock it in the desktop session; or set CREDMAN_PASSPHRASE or "
            "CREDMAN_PASSPHRASE_COMMAND, or use --passphrase-fd",
        ]


def test_adding_one_without_a_keyring_changes_nothing(tmp_path: Path) -> None:
    make_vault()
    before = vault().read_bytes()
    with desk(tmp_path) as here:
        here.bus.lock()
        added = here.credman("slot", "add", "keyring", answers=[PASSPHRASE])
    assert added.exit_code == 6 and f"credman: error: {LOCKED}" in added.stderr
    assert vault().read_bytes() == before


def test_no_item_is_made_where_its_slot_cannot_be_added(tmp_path: Path) -> None:
    make_vault()
    for _ in range(15):
        given = {5: NEW.encode()}
        credman("slot", "add", "passphrase", "--new-passphrase-fd", "5", descriptors=given)
    with desk(tmp_path) as here:
        with here.bus.watch() as called:
            added = here.credman("slot", "add", "keyring", answers=[PASSPHRASE])
        assert added.exit_code == 7 and "at most 16 key slots" in added.stderr
        assert "CreateItem" not in called and here.items() == set()


def test_a_slot_that_goes_takes_its_item_with_it(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        recovery = init(here)
        add_passphrase(here)
        gone = here.credman("slot", "remove", "keyring", "--yes", answers=[PASSPHRASE])
        assert gone.exit_code == 0 and gone.shown == [
            "passphrase of slot 1 (passphrase) (Enter: none): "
        ]
        assert gone.stderr.splitlines() == [
            COPIES,
            "removed slot 0 (keyring, login keyring)",
            LOST,
        ]
        assert kinds() == [ARGON2ID] and here.items() == set()
        assert here.credman("get", "hf", answers=[PASSPHRASE]).text == make_value()
        assert find_openers(vault(), PASSPHRASE, recovery) == {PASSPHRASE, recovery}


def test_an_item_that_cannot_be_taken_away_is_warned_of(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        init(here)
        add_passphrase(here)
        here.bus.lock()
        gone = here.credman("slot", "remove", "0", "--yes", answers=[PASSPHRASE])
        assert gone.exit_code == 0 and kinds() == [ARGON2ID]
        told = "the key in the keyring stays there, it opens older copies only"
        assert f"credman: warning: {told}: {LOCKED}" in gone.stderr


def test_the_last_one_stays(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        init(here)
        before = vault().read_bytes()
        gone = here.credman("slot", "remove", "keyring", "--yes")
        assert gone.exit_code == 7
        assert "without that only a recovery key would open the vault" in gone.stderr
        assert vault().read_bytes() == before and here.items() == {"0"}


def test_it_survives_a_new_key_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        init(here)
        add_passphrase(here)
        for argv, answers in (
            (("passwd",), [NEW, NEW]),
            (("recovery", "new", "--recovery-file", "k2", "--yes"), [NEW]),
            (("slot", "remove", "2", "--yes"), []),
        ):
            before = parse_vault(vault().read_bytes()).slots[0]
            done = here.run(*argv, answers=answers)
            after = parse_vault(vault().read_bytes()).slots[0]
            assert "keyring" not in "".join(done.shown) and before.salt != after.salt
            assert here.run("get", "hf", answers=[]).text == make_value()
            assert here.items() == {"0"}
        assert kinds() == [KEYRING]


def test_a_passphrase_is_changed_by_who_opens_with_it(tmp_path: Path) -> None:
    # CREDMAN_PASSPHRASE opens the vault; the keyring's slot is to stay nevertheless.
    with desk(tmp_path) as here:
        init(here)
        add_passphrase(here)
        done = here.program(
            "passwd", "--new-passphrase-fd", "0", stdin=NEW.encode(), passphrase=PASSPHRASE
        )
        assert done.returncode == 0, done.stderr
        assert kinds() == [KEYRING, ARGON2ID] and here.items() == {"0"}
        assert here.credman("get", "hf", answers=[]).text == make_value()


def test_a_keyring_is_added_by_who_opens_with_a_passphrase(tmp_path: Path) -> None:
    make_vault()
    with desk(tmp_path) as here:
        done = here.program("slot", "add", "keyring", passphrase=PASSPHRASE)
        assert (done.returncode, done.stderr.decode()) == (0, f"{OPENS}\n")
        assert kinds() == [ARGON2ID, KEYRING] and here.items() == {"1"}


def test_an_item_goes_where_a_passphrase_is_given(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        init(here)
        add_passphrase(here)
        done = here.program("slot", "remove", "0", "--yes", passphrase=PASSPHRASE)
        assert done.returncode == 0 and kinds() == [ARGON2ID]
        assert here.items() == set() or b"stays there" in done.stderr


def test_a_locked_keyring_is_told_and_the_passphrase_asked_for(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        init(here)
        add_passphrase(here)
        here.bus.lock()
        got = here.credman("get", "hf", answers=[PASSPHRASE])
        assert (got.exit_code, got.text) == (0, make_value())
        assert (got.stderr, got.shown) == (f"{LOCKED}\n", ["passphrase: "])
        given = here.program("get", "hf", passphrase=PASSPHRASE)
        assert (given.returncode, given.stderr) == (0, b"")


@pytest.mark.parametrize("place", ["locked", "killed", "stopped"])
def test_with_nobody_there_a_keyring_that_does_not_work_is_the_error(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"stopped": "the keyring did not answer within 0.4 s"}.get(place, LOCKED)
    with desk(tmp_path) as here:
        init(here)
        if place == "stopped":
            monkeypatch.setattr(client, "UNATTENDED_SECONDS", 0.4)
        {
            "locked": here.bus.lock,
            "killed": here.bus.kill_daemon,
            "stopped": here.bus.stop_daemon,
        }[place]()
        got = here.credman("get", "hf")
        assert (got.exit_code, got.stdout) == (6, b"")
        lines = got.stderr.splitlines()
        assert lines[-2] == f"credman: error: {said}"
        assert lines[-1].startswith("credman: hint: ") and "passphrase" in lines[-1]
        assert here.bus.workers() == set()


def test_a_service_that_hangs_does_not_hang_the_person(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk(tmp_path) as here:
        recovery = init(here)
        here.bus.stop_daemon()
        monkeypatch.setattr(client, "INTERACTIVE_SECONDS", 0.4)
        monkeypatch.setattr(client, "PATIENCE_SECONDS", 0.1)
        got = here.credman("get", "hf", answers=[recovery])
    assert (got.exit_code, got.text) == (0, make_value())
    assert got.stderr.splitlines()[:2] == [
        "waiting for the keyring; a window of its own may ask for its password",
        "the keyring did not answer within 0.4 s",
    ]


def test_whoever_stops_waiting_leaves_no_process(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        init(here)
        here.bus.stop_daemon()
        environ = {**os.environ, **here.bus.environ}
        for number, code in ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)):
            process = subprocess.Popen([*PROGRAM, "get", "hf"], env=environ, cwd=Path.home(),
                stderr=subprocess.DEVNULL, preexec_fn=heed_signals)  # fmt: skip
            wait_until(lambda: here.bus.workers() != set())
            process.send_signal(number)
            assert process.wait(20) == code
            wait_until(lambda: here.bus.workers() == set())


def heed_signals() -> None:
    for number in (signal.SIGHUP, signal.SIGINT):  # a runner may have them ignored
        signal.signal(number, signal.SIG_DFL)


def test_without_a_session_bus_it_is_said_that_there_is_no_keyring(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        init(here)
    got = credman("get", "hf", passphrase=None)  # through ssh, from cron
    assert got.exit_code in (4, 6) and "keyring" in got.stderr


def test_a_keyring_that_was_reset_leaves_the_recovery_key(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        recovery = init(here)
        here.bus.reset()
        alone = here.program("get", "hf")
        assert alone.returncode == 4 and alone.stdout == b""
        assert f"credman: error: {NO_KEY}" in alone.stderr.decode()
        assert "the recovery key opens it" in alone.stderr.decode()
        got = here.credman("get", "hf", answers=[recovery])
        assert (got.exit_code, got.text) == (0, make_value())
        assert got.stderr.splitlines()[0] == NO_KEY
        answers = [recovery, PASSPHRASE, PASSPHRASE, "y"]
        assert here.credman("slot", "add", "passphrase", answers=answers).exit_code == 0
        assert here.credman("get", "hf", answers=[PASSPHRASE]).text == make_value()


def test_a_keyring_that_was_reset_is_given_another_key(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        recovery = init(here)
        here.bus.reset()
        # What the hint of "the keyring holds no key of this vault" says.
        again = here.credman("slot", "add", "keyring", answers=[recovery, "y", "y"])
        assert again.exit_code == 0, again.stderr
        assert here.credman("get", "hf", answers=[]).text == make_value()
        stays = "slot 0 (keyring) is of another keyring, and stays; if that is gone: "
        assert f"{stays}credman slot remove 0" in again.stderr
        gone = here.credman("slot", "remove", "0", answers=["y"])
        assert gone.exit_code == 0, gone.stderr
        assert here.credman("get", "hf", answers=[]).text == make_value()


def test_each_machine_may_have_a_key_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "laptop").mkdir()
    with desk(tmp_path) as desktop, desk(tmp_path / "laptop") as laptop:
        init(desktop)
        add_passphrase(desktop)
        laptop.run("slot", "add", "keyring", "--label", "laptop", answers=[PASSPHRASE])
        for machine in (desktop, laptop):
            assert machine.credman("get", "hf", answers=[]).text == make_value()
        assert kinds() == [KEYRING, ARGON2ID, KEYRING]


def test_an_item_that_somebody_changed_opens_nothing(tmp_path: Path) -> None:
    with desk(tmp_path) as here, here.bus.ring() as ring:
        init(here)
        (user,) = here.bus.users(KEYRING_SERVICE)
        for text in ("", "x", "QUFBQQ==", "A" * 43 + "=", "A" * 44, "é"):
            ring.set(KEYRING_SERVICE, user, Secret(text))
            got = here.credman("get", "hf")
            assert got.exit_code == 4 and f"error: {NO_KEY}" in got.stderr, text


def test_a_refused_configuration_is_told_before_anything_is_written() -> None:
    make_vault()
    path = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
    path.parent.mkdir(mode=0o700, parents=True)
    path.write_text('keyring = "keyring.backends.null.Keyring"\n')
    before = vault().read_bytes()
    given = {"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}
    answers = [PASSPHRASE, NEW, NEW]
    done = credman("slot", "add", "passphrase", environ=given, answers=answers, passphrase=None)
    assert (done.exit_code == 0) == (vault().read_bytes() != before), done.stderr


def test_the_key_of_a_copy_is_never_replaced(tmp_path: Path) -> None:
    make_vault()
    copy = vault().with_name("elsewhere.age")
    copy.write_bytes(vault().read_bytes())
    there = ("--store", f"file:{copy}")
    with desk(tmp_path) as here:
        here.run("slot", "add", "keyring", answers=[PASSPHRASE])
        here.run("slot", "remove", "0", "--yes")
        here.run("slot", "add", "keyring", *there, answers=[PASSPHRASE])
        assert here.items() == {"1", "2"}
        assert here.run("get", "hf").text == here.run("get", "hf", *there).text == make_value()
        here.run("slot", "remove", "0", "--yes", *there)
        assert here.run("get", "hf").text == here.run("get", "hf", *there).text == make_value()
