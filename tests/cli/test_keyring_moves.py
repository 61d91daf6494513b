"""Into the keyring and back, backups of it, and what doctor says of it. A real gnome-keyring."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from credman.vault.slots import KEYRING as KEYRING_SLOT
from tests.cli.desk import Desk, desk, kinds
from tests.cli.harness import PASSPHRASE, make_value
from tests.cli.keyed import vault

pytestmark = pytest.mark.usefixtures("copied_workers")
KEYRING = ("--store", "keyring:")
PROD = "credman:prod/default"


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as found:
        yield found


def make_backup(here: Desk) -> Path:
    here.run("add", "hf", "-e", "prod", "--no-check", *KEYRING)
    file = Path.home() / "backup.age"
    made = here.credman("backup", str(file), *KEYRING, answers=[PASSPHRASE, PASSPHRASE])
    assert made.exit_code == 0, made.stderr
    assert made.stderr.splitlines() == [
        "there is no recovery key, so a passphrase will open the backup",
        f"backup of 1 token written to {file}, read back and compared",
        "it is opened by that passphrase",
    ]
    return file


def test_everything_goes_into_the_keyring_and_back(here: Desk) -> None:
    here.run("add", "hf", "-e", "prod", "--no-check")
    moved = here.run("store", "move", "keyring:", "--yes")
    assert moved.stderr.splitlines()[-1] == "moved; credman uses keyring: from now on"
    assert here.bus.users(PROD) == {"hf#1"}
    assert here.run("get", "hf", "-e", "prod").text == make_value()  # of the new default
    assert "hf" not in here.run("list", "--all", "--store", f"file:{vault()}").text
    here.run("store", "move", f"file:{vault()}", "--yes")
    assert here.bus.users(PROD) == set()
    assert here.run("get", "hf", "-e", "prod").text == make_value()
    config = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
    assert "store" not in config.read_text()


def test_a_backup_comes_back(here: Desk) -> None:
    file = make_backup(here)
    here.run("remove", "hf", "-e", "prod", "--yes", *KEYRING)
    here.run("add", "other", *KEYRING)
    done = here.credman("restore", str(file), *KEYRING, answers=[PASSPHRASE, "y"])
    assert done.exit_code == 0
    assert done.shown == ["passphrase of backup.age: ", "make the copy the store? [y/N] "]
    for line in ("  here   keyring:", f"  there  {file}", "restored"):
        assert line in done.stderr.splitlines()
    assert "only here: other" in done.stderr and "only there: hf (prod)" in done.stderr
    assert "vault" not in done.stderr
    assert here.run("get", "hf", "-e", "prod", *KEYRING).text == make_value()
    again = here.credman("restore", str(file), "--merge", *KEYRING, answers=[PASSPHRASE])
    assert again.exit_code == 7 and "nothing there that could be taken" in again.stderr


def test_a_no_changes_nothing(here: Desk) -> None:
    file = make_backup(here)
    here.run("add", "other", *KEYRING)
    done = here.credman("restore", str(file), *KEYRING, answers=[PASSPHRASE, "n"])
    assert done.exit_code == 7
    assert "other" in here.run("list", *KEYRING).text


def test_the_state_as_it_is_and_no_previous_one(here: Desk) -> None:
    file = make_backup(here)
    same = here.credman("restore", str(file), *KEYRING, answers=[PASSPHRASE])
    assert same.exit_code == 7 and "that is the store as it is" in same.stderr
    previous = here.credman("restore", "--previous", *KEYRING, answers=[])
    assert previous.exit_code == 3 and "no copy before the last write" in previous.stderr


def test_a_backup_opens_without_the_keyring(here: Desk) -> None:
    file = make_backup(here)
    here.bus.reset()
    shown = here.credman("get", "hf", "-e", "prod", "--store", f"file:{file}", answers=[PASSPHRASE])
    assert (shown.exit_code, shown.text) == (0, make_value())


def test_doctor_compares_index_and_items(here: Desk) -> None:
    here.run("add", "hf", "-e", "prod", "--no-check", *KEYRING)
    whole = here.credman("doctor", *KEYRING)
    assert whole.exit_code == 0 and "1 of 1 are in the keyring as they were stored" in whole.text
    lock = Path.home() / ".local/state/credman/keyring.lock"
    assert f"0600 {lock}" in whole.text
    here.bus.call("secret-tool", "clear", "service", PROD, "username", "hf#1")
    wrong = here.credman("doctor", *KEYRING)
    assert wrong.exit_code == 8
    assert f"! items      the item hf#1 of {PROD} is gone from the keyring" in wrong.text
    assert "credman remove hf -e prod --store keyring: and add it again" in wrong.text


def test_a_store_that_is_gone_is_forgotten_on_purpose_only(here: Desk) -> None:
    here.run("add", "hf", "-e", "prod", "--no-check", *KEYRING)
    here.bus.reset()
    added = here.credman("add", "other", *KEYRING, answers=[])
    assert added.exit_code == 6
    assert "there was a store in the keyring, and it is gone" in added.stderr
    hint = "credman doctor --accept --store keyring:"
    assert hint in added.stderr
    done = here.credman("doctor", "--accept", *KEYRING, answers=["y"])
    assert done.exit_code == 0 and "forgotten" in done.stderr
    here.run("add", "other", *KEYRING)


def test_an_older_index_is_accepted_on_purpose_only(here: Desk) -> None:
    state = Path.home() / ".local/state/credman/keyring-seen.json"
    here.run("add", "hf", "-e", "prod", "--no-check", *KEYRING)
    state.write_text(state.read_text().replace('"generation": 2', '"generation": 9'))
    added = here.credman("add", "other", *KEYRING, answers=[])
    assert added.exit_code == 5 and "an older one (generation 2; 9 was seen here)" in added.stderr
    done = here.credman("doctor", "--accept", *KEYRING, answers=["y"])
    assert done.exit_code == 0, done.stderr
    assert done.stderr.endswith("accepted; its tokens are unsure until they are checked\n")
    here.run("add", "other", *KEYRING)
    assert here.credman("list", "-e", "prod", *KEYRING).stderr == ""


def test_a_passphrase_that_is_given_may_be_that_of_the_backup(here: Desk) -> None:
    here.run("add", "hf", "-e", "prod", "--no-check")
    file = Path.home() / "backup.age"
    made = here.credman("backup", str(file), "--passphrase", answers=[PASSPHRASE, PASSPHRASE])
    assert made.exit_code == 0, made.stderr
    here.run("add", "newer")
    restored = here.program("restore", str(file), "--merge", "--yes", passphrase=PASSPHRASE)
    assert restored.returncode == 7 and b"nothing there that could be taken" in restored.stderr
    here.run("remove", "hf", "-e", "prod", "--yes")
    restored = here.program("restore", str(file), "--merge", "--yes", passphrase=PASSPHRASE)
    assert restored.returncode == 0, restored.stderr
    assert b"does not open" not in restored.stderr
    assert {"hf", "newer"} <= set(here.run("list", "--all").text.split())
    assert KEYRING_SLOT in kinds()


def test_a_vault_whose_keyring_does_not_answer_is_not_replaced(here: Desk) -> None:
    here.run("add", "hf", "-e", "prod", "--no-check")
    file = Path.home() / "backup.age"
    assert (
        here.credman("backup", str(file), "--passphrase", answers=[PASSPHRASE] * 2).exit_code == 0
    )
    before = vault().read_bytes()
    here.bus.lock()
    restored = here.program("restore", str(file), "--yes", passphrase=PASSPHRASE)
    assert restored.returncode == 6 and b"the keyring is locked" in restored.stderr
    assert vault().read_bytes() == before
