"""A token that is typed where a name belongs is refused, not stored, and not repeated."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from credman.core.names import looks_like_value
from credman.core.secret import Secret
from credman.stores.base import Creation
from credman.stores.file import FileStore
from tests.cli.harness import PASSPHRASE, credman, make_value, make_vault, program
from tests.requirements import require, require_program

HF = make_value()
HEX = "0123456789abcdef0a1b2c3d" * 2
UNKNOWN = make_value("sk-proj-", 44)


@pytest.mark.parametrize("value", [HF, HEX, UNKNOWN], ids=["hf", "hex", "unknown"])
@pytest.mark.parametrize(
    "argv",
    [
        ("add", "VALUE"),
        ("add", "x", "--var", "VALUE"),
        ("add", "x", "--field", "A", "--field", "VALUE"),
        ("add", "x", "-e", "VALUE"),
        ("add", "x", "-pVALUE"),
        ("add", "x", "--provider=VALUE"),
        ("add", "x", "--expires", "VALUE"),
        ("get", "VALUE"),
        ("show", "VALUE"),
        ("remove", "VALUE"),
        ("env", "VALUE"),
        ("env", "--only", "VALUE"),
        ("exec", "VALUE", "--", "true"),
        ("list", "--env=VALUE"),
        ("use", "-p", "VALUE"),
        ("providers", "VALUE"),
    ],
    ids=" ".join,
)
def test_a_value_in_the_place_of_a_name(argv: tuple[str, ...], value: str) -> None:
    make_vault()
    outcome = credman(*(word.replace("VALUE", value) for word in argv), stdin=b"x")
    assert outcome.exit_code != 0
    assert value not in outcome.stderr + outcome.text
    assert value not in credman("list", "--all").text


def test_a_value_in_the_place_of_a_command() -> None:
    make_vault()
    done = program("exec", "--", HF)
    assert done.returncode == 127
    assert HF.encode() not in done.stderr and b"command not found" in done.stderr


def test_a_command_with_control_characters_is_escaped() -> None:
    make_vault()
    done = program("exec", "--", "\x1b]0;x\x07")
    assert done.returncode == 127 and b"\x1b" not in done.stderr


@pytest.mark.parametrize(
    "name",
    ["hf", "huggingface-write-token", "HuggingFaceProductionToken", "mytokenforproduction2024",
     "serviceaccountforproject12345", "MY_API_KEY_FOR_PRODUCTION", "a" * 64, "0" * 64],
)  # fmt: skip
def test_names_people_choose_are_no_values(name: str) -> None:
    assert not looks_like_value(name)


def test_a_foreign_age_file_is_no_wrong_passphrase(tmp_path: Path) -> None:
    require_program("age")
    key, vault = tmp_path / "key", Path(os.environ["CREDMAN_HOME"]) / "data" / "vault.age"
    vault.parent.mkdir(parents=True, mode=0o700)
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True)
    sealed = ["age", "-r", public.stdout.decode().strip(), "-o", str(vault)]
    subprocess.run(sealed, input=b"hello", check=True)
    vault.chmod(0o600)
    outcome = credman("list")
    assert outcome.exit_code == 5
    assert "not a credman vault" in outcome.stderr


def test_a_remark_may_name_the_id_of_a_key() -> None:
    make_vault()
    assert credman("add", "x", "--note", f"key id {HEX[:32]}", stdin=b"v").exit_code == 0
    assert HEX[:32] in credman("show", "x").text


def test_a_damaged_first_vault_names_no_copy_that_is_not_there() -> None:
    credman("init")
    vault = Path(os.environ["CREDMAN_HOME"]) / "data" / "vault.age"
    vault.write_bytes(vault.read_bytes()[:-1])
    outcome = credman("list")
    assert outcome.exit_code == 5
    assert "hint: nothing was changed; there is no earlier copy beside it" in outcome.stderr


def test_a_recovery_key_that_opens_nothing_is_said_to(monkeypatch: pytest.MonkeyPatch) -> None:
    other = FileStore.create

    def late(store: FileStore, creation: Creation) -> None:
        other(store, Creation(Secret("somebody else's passphrase")))
        other(store, creation)

    monkeypatch.setattr(FileStore, "create", late)
    outcome = credman("init", answers=[PASSPHRASE, PASSPHRASE], passphrase=None)
    assert outcome.exit_code == 7
    assert any("AGE-SECRET-KEY-1" in text for text in outcome.shown)
    assert "no vault was made with the recovery key above: it opens nothing" in outcome.stderr


def test_root_may_use_a_directory_that_is_named_on_purpose(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "only root can act for another user")
    place = tmp_path / "theirs"
    place.mkdir()
    os.chown(place, 65534, 65534)
    done = program("add", "x", stdin=b"v", environ={"CREDMAN_HOME": str(place / "credman")})
    assert done.returncode == 0, done.stderr


def test_root_makes_nothing_in_the_home_of_another_user(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "only root can act for another user")
    home = tmp_path / "theirs"
    home.mkdir()
    os.chown(home, 65534, 65534)
    done = program("add", "x", stdin=b"v", environ={"HOME": str(home), "CREDMAN_HOME": ""})
    assert done.returncode == 6
    assert b"belongs to another user, and credman runs as root" in done.stderr
    assert list(home.iterdir()) == []
