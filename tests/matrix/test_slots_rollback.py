"""Rows B11, B12, C30, D02 and D07: what opens the vault, and which state of it counts.

Row B10 is in ``test_b_rekeying``; row D09 waits for a keyring.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from credman.core.model import VersionState
from tests.cli.harness import Outcome, make_value
from tests.matrix.common import (
    CANARY,
    PASSPHRASE,
    add,
    assert_as_before,
    call,
    get,
    home,
    make_home,
    vault_path,
)
from tests.stores import driver
from tests.stores.places import REPOSITORY, make_vault, open_vault

NEW = "canary-" + make_value("", 21)
OTHER = "canary-" + make_value("", 22)
PROCESSES = 8


def change_slots(*argv: str, passphrase: str = PASSPHRASE, new: str = NEW) -> Outcome:
    given = {5: new.encode()}
    outcome = call(*argv, descriptors=given, passphrase=passphrase)
    assert new not in outcome.stderr + outcome.text
    return outcome


def opens(passphrase: str, vault: Path | None = None) -> bool:
    options = () if vault is None else ("--store", f"file:{vault}")
    outcome = call("get", "canary", *options, passphrase=passphrase, may_print=True)
    assert outcome.exit_code in (0, 4)
    return outcome.exit_code == 0


def test_b11_the_last_passphrase_cannot_be_removed() -> None:
    before = make_home().read_bytes()
    for argv in (("slot", "remove", "0"), ("slot", "remove", "passphrase")):
        outcome = call(*argv, "--yes")
        assert outcome.exit_code == 7
        assert "without that only a recovery key would open the vault" in outcome.stderr
        assert "hint: credman passwd changes a passphrase" in outcome.stderr
    assert_as_before(before)
    key = home().parent / "recovery.key"
    assert call("recovery", "new", "--recovery-file", str(key)).exit_code == 0
    before = vault_path().read_bytes()
    assert call("slot", "remove", "0", "--yes").exit_code == 7  # a recovery key is not enough
    assert_as_before(before)


@pytest.mark.parametrize("way", ["slot remove", "passwd"])
def test_b12_what_is_taken_away_opens_older_files_only(way: str) -> None:
    make_home()
    fd = ("--new-passphrase-fd", "5")
    if way == "slot remove":
        assert change_slots("slot", "add", "passphrase", *fd, new=OTHER).exit_code == 0
    older = shutil.copy(vault_path(), vault_path().with_name("older.age"))
    gone = OTHER if way == "slot remove" else PASSPHRASE
    assert opens(gone)
    if way == "slot remove":
        outcome = call("slot", "remove", "1", "--yes")
    else:
        outcome = change_slots("passwd", *fd)
    assert outcome.exit_code == 0, outcome.stderr
    assert "copies made before still open with" in outcome.stderr
    assert not opens(gone)
    assert not opens(gone, vault_path().with_name("vault.age.bak"))
    assert opens(gone, Path(older))
    kept = PASSPHRASE if way == "slot remove" else NEW
    assert opens(kept) and call("add", "x", stdin=b"EXAMPLE", passphrase=kept).exit_code == 0
    assert not opens(gone)  # nor what is saved later


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a bit": lambda file: file[:-50] + bytes([file[-50] ^ 1]) + file[-49:],
    "a bit of the header": lambda file: file[:300] + bytes([file[300] ^ 1]) + file[301:],
    "cut": lambda file: file[: len(file) // 2],
    "empty": lambda file: b"",
    "zeros": lambda file: bytes(len(file)),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_c30_a_damaged_vault_is_restored_and_kept(damage: str) -> None:
    path = make_home()
    add("later", b"EXAMPLE")
    damaged = DAMAGES[damage](path.read_bytes())
    path.write_bytes(damaged)
    outcome = call("restore", "--previous")
    assert outcome.exit_code == 2 and "generation 2, written" in outcome.stderr
    assert call("restore", "--previous", answers=["n"]).exit_code == 7
    assert_as_before(damaged)
    outcome = call("restore", "--previous", answers=["y"])
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.shown == ["make the copy the vault? [y/N] "]
    (aside,) = path.parent.glob("vault.age.damaged-*")
    assert aside.read_bytes() == damaged
    assert get() == CANARY.encode()
    assert "unsure" in call("list").text


def test_d02_eight_at_once_replace_one_token(tmp_path: Path) -> None:
    # There is no rotation yet; a token is given a new version with add --replace.
    place = tmp_path / "place"
    make_vault(place, "token")
    processes = [
        subprocess.Popen(
            driver.command(place, "replace", "token", f"EXAMPLE {number}"),
            stdout=subprocess.PIPE,
            cwd=REPOSITORY,
            env=driver.environment(),
        )
        for number in range(PROCESSES)
    ]
    assert [process.communicate()[0] for process in processes] == [b"ok\n"] * PROCESSES
    (token,) = open_vault(place).snapshot().tokens
    assert [version.number for version in token.versions] == list(range(1, PROCESSES + 2))
    states = [version.state for version in token.versions]
    assert states.count(VersionState.CURRENT) == 1 and states[-1] is VersionState.CURRENT
    assert states.count(VersionState.RETIRING) == PROCESSES


class Place:
    """One machine of two. Its data is the synced folder."""

    def __init__(self, name: str) -> None:
        self.home = home().parent / name
        self.vault = self.home / "data" / "vault.age"

    def call(self, *argv: str, **options: Any) -> Outcome:
        return call(*argv, environ={"CREDMAN_HOME": str(self.home)}, **options)

    def add(self, name: str) -> None:
        outcome = self.call("add", name, "--var", name.upper(), stdin=b"EXAMPLE")
        assert outcome.exit_code == 0, outcome.stderr

    def names(self) -> set[str]:
        listed = json.loads(self.call("list", "--json").text)
        return {token["name"] for token in listed["tokens"]}

    def receive(self, sender: Place, name: str = "vault.age") -> Path:
        self.vault.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.vault.with_name(name)
        path.write_bytes(sender.vault.read_bytes())
        path.chmod(0o600)
        return path


def test_d07_two_machines_and_a_conflict_copy() -> None:
    ana, ben = Place("ana"), Place("ben")
    ana.add("common")
    ben.receive(ana)
    for number in (1, 2):
        ana.add(f"a{number}")
        ben.add(f"b{number}")
    copy = ana.receive(ben, "vault (ben's conflicted copy 2026-03-01).age")
    before = {path: path.read_bytes() for path in (ana.vault, copy)}
    for argv in (("list",), ("env",), ("doctor",)):
        outcome = ana.call(*argv, may_print=True)
        assert "went its own way" in outcome.stderr + outcome.text
    assert outcome.exit_code == 8 and outcome.text.count("generation 4, written") == 2
    assert ana.names() == {"common", "a1", "a2"}
    assert {path: path.read_bytes() for path in before} == before  # nothing was picked
    outcome = ana.call("restore", str(copy), "--merge", answers=["y"])
    assert outcome.exit_code == 0, outcome.stderr
    assert "only there: b1 (default), b2 (default)" in outcome.stderr
    assert ana.names() == {"common", "a1", "a2", "b1", "b2"}
    ben.receive(ana)
    for place in (ben, ana):
        place.add(f"after_{place.home.name}")
        assert "warning" not in place.call("list").stderr
    assert {"a1", "a2", "b1", "b2", "after_ben"} < ben.names()


def test_d07_the_other_ones_write_in_our_place_stops_writing_until_somebody_looks() -> None:
    ana, ben = Place("ana"), Place("ben")
    ana.add("common")
    ben.receive(ana)
    ana.add("a1")
    ben.add("b1")
    ana.receive(ben)  # the service kept the other one, and no conflict copy
    outcome = ana.call("add", "new", stdin=b"EXAMPLE")
    assert outcome.exit_code == 5 and "does not descend" in outcome.stderr
    assert ana.call("get", "b1", may_print=True).exit_code == 0  # reading warns
    outcome = ana.call("restore", "--previous", "--merge", "--yes")
    assert outcome.exit_code == 7  # the copy before the last write has nothing that is missing
    assert ana.call("doctor", "--accept", "--yes").exit_code == 0
    ana.add("new")
    assert ana.names() == {"common", "b1", "new"}
