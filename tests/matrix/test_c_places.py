"""Rows C11 to C18: modes, owners, links and odd things where the vault lies."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from credman.stores import disk
from tests.matrix.common import (
    CANARY,
    add,
    assert_as_before,
    call,
    get,
    home,
    make_home,
    start,
    vault_path,
)
from tests.matrix.elsewhere import OTHER, shell
from tests.requirements import require

READS = (("list",), ("get", "canary"), ("env",), ("exec", "--", "true"))
WRITES = (("add", "new"), ("add", "canary", "--replace"), ("remove", "canary", "--yes"))


def assert_refused(command: tuple[str, ...], reason: str, code: int = 6) -> None:
    outcome = call(*command, stdin=b"value")
    assert outcome.exit_code == (125 if command[0] == "exec" else code), (command, outcome.stderr)
    assert reason in outcome.stderr, (command, outcome.stderr)


def modes() -> dict[str, int]:
    return {p.name: stat.S_IMODE(p.stat().st_mode) for p in (home(), *home().rglob("*"))}


@pytest.mark.parametrize("umask", ["000", "777"])
def test_c11_modes_do_not_depend_on_the_umask(umask: str) -> None:
    for name in ("one", "two"):
        done = shell(f'umask {umask}; exec "$@"', "add", name, stdin=b"value")
        assert done.returncode == 0, done.stderr
    key = Path.home() / "recovery"
    done = shell(f'umask {umask}; exec "$@"', "init", "--store", f"file:{home()}/more/other.age",
                 "--recovery-file", str(key))  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert len(list(home().rglob("*"))) >= 9
    for path in (key, home(), *home().rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


@pytest.mark.parametrize("mode", [0o644, 0o666, 0o660, 0o604])
def test_c12_a_vault_that_others_may_open_is_warned_of_and_closed(mode: int) -> None:
    make_home().chmod(mode)
    for command in READS[:3]:
        outcome = call(*command, may_print=True)
        assert outcome.exit_code == 0
        assert f"other users may open {vault_path()}: chmod 600 ends that" in outcome.stderr
    assert add("new", b"value").exit_code == 0
    assert stat.S_IMODE(vault_path().stat().st_mode) == 0o600
    assert stat.S_IMODE(vault_path().with_name("vault.age.bak").stat().st_mode) == 0o600
    assert "other users" not in call("list").stderr


@pytest.mark.parametrize("mode", [0o777, 0o722, 0o702])
def test_c12_a_folder_that_others_may_write_to_is_warned_of(mode: int) -> None:
    folder = make_home().parent
    folder.chmod(mode)
    outcome = call("list")
    warned = f"other users may replace what lies in {folder}: chmod go-w ends that"
    assert outcome.exit_code == 0 and warned in outcome.stderr


@pytest.mark.parametrize("command", [*READS, *WRITES], ids=" ".join)
def test_c12_a_vault_of_somebody_else_is_refused(command: tuple[str, ...]) -> None:
    require(os.geteuid() == 0, "only root can give a file away")
    before = make_home().read_bytes()
    os.chown(vault_path(), OTHER, OTHER)
    assert_refused(command, "belongs to another user")
    assert_as_before(before)
    assert vault_path().stat().st_uid == OTHER


def move_away(tmp_path: Path) -> Path:
    """Returns: where the vault lies now, instead of where credman looks."""
    target = tmp_path / "elsewhere.age"
    make_home().rename(target)
    return target


def test_c13_a_link_to_the_vault_is_followed_and_stays(tmp_path: Path) -> None:
    target = move_away(tmp_path)
    vault_path().symlink_to(target)
    assert get() == CANARY.encode()
    assert add("new", b"value").exit_code == 0
    assert vault_path().is_symlink() and not target.is_symlink()
    assert get("new") == b"value"


def test_c13_a_link_to_nothing_is_a_place_for_a_vault_once(tmp_path: Path) -> None:
    home().joinpath("data").mkdir(parents=True, mode=0o700)
    vault_path().symlink_to(tmp_path / "target.age")
    assert call("list").exit_code in (0, 3)  # nothing is stored yet
    assert add("canary", CANARY.encode()).exit_code == 0
    assert vault_path().is_symlink() and get() == CANARY.encode()
    (tmp_path / "target.age").unlink()
    assert_refused(("list",), "there was a vault at")
    assert_refused(("add", "new"), "there was a vault at")


@pytest.mark.parametrize("command", [*READS[:2], WRITES[0], ("init",)], ids=" ".join)
def test_c13_a_link_to_itself_is_refused(command: tuple[str, ...]) -> None:
    home().joinpath("data").mkdir(parents=True, mode=0o700)
    vault_path().symlink_to(vault_path())
    outcome = call(*command, stdin=b"value")
    assert outcome.exit_code in (6, 7), outcome.stderr
    assert outcome.stderr.startswith("credman: error: ") and "unexpected" not in outcome.stderr
    assert os.readlink(vault_path()) == str(vault_path())


@pytest.mark.parametrize("command", [*READS, *WRITES], ids=" ".join)
def test_c13_a_link_to_a_file_of_somebody_else_is_refused(
    tmp_path: Path, command: tuple[str, ...]
) -> None:
    require(os.geteuid() == 0, "only root can give a file away")
    target = move_away(tmp_path)
    before = target.read_bytes()
    os.chown(target, OTHER, OTHER)
    vault_path().symlink_to(target)
    assert_refused(command, "belongs to another user")
    assert target.read_bytes() == before and target.stat().st_uid == OTHER


def make_socket(path: Path) -> None:
    folder = os.open(path.parent, os.O_RDONLY)  # a socket's own path must be short
    os.chdir(folder)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)
    os.close(folder)


ODD: dict[str, Callable[[Path], object]] = {
    "directory": lambda path: path.mkdir(),
    "pipe": os.mkfifo,
    "socket": make_socket,
    "device": lambda path: os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(1, 5)),
    "link_to_device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("command", ["list", "get canary", "add new", "init"])
@pytest.mark.parametrize("kind", ODD)
def test_c14_what_is_no_file_is_refused_at_once(
    kind: str, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    require(kind != "device" or os.geteuid() == 0, "only root can make a device")
    monkeypatch.chdir(Path.home())
    home().joinpath("data").mkdir(parents=True, mode=0o700)
    ODD[kind](vault_path())
    before = vault_path().lstat()
    done = start(*command.split(), stdin=b"value", timeout=20)
    assert done.returncode in (5, 6, 7), done.stderr
    assert done.stderr.startswith(b"credman: error: ") and b"unexpected" not in done.stderr
    after = vault_path().lstat()
    assert (after.st_ino, after.st_mode) == (before.st_ino, before.st_mode)


def test_c15_of_a_vault_with_two_names_only_ours_is_replaced(tmp_path: Path) -> None:
    second = tmp_path / "second"
    os.link(make_home(), second)
    before = second.read_bytes()
    assert add("new", b"value").exit_code == 0
    assert second.read_bytes() == before and get("new") == b"value"
    assert vault_path().stat().st_nlink == 1


def test_c15_a_second_name_is_warned_of(tmp_path: Path) -> None:
    os.link(make_home(), tmp_path / "second")
    assert "credman: warning: " in call("list").stderr


def _guess(directory: str, name: str) -> str:
    return os.path.join(directory, f".{name}.{'0' * 16}.tmp")


def test_c16_a_temporary_name_that_somebody_guessed_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = make_home().read_bytes()
    precious = tmp_path / "precious"
    precious.write_text("precious")
    monkeypatch.setattr(disk, "_temporary_for", _guess)
    guessed = vault_path().with_name(f".vault.age.{'0' * 16}.tmp")
    guessed.symlink_to(precious)
    for command in WRITES:
        assert_refused(command, "file exists")
        assert precious.read_text() == "precious" and vault_path().read_bytes() == before
        if not guessed.is_symlink():  # what stood in the way is cleaned up with what was written
            guessed.symlink_to(precious)


@pytest.mark.parametrize("command", WRITES, ids=" ".join)
def test_c17_a_lock_that_is_a_link_is_refused(tmp_path: Path, command: tuple[str, ...]) -> None:
    before = make_home().read_bytes()
    precious = tmp_path / "bashrc"
    precious.write_text("precious")
    lock = vault_path().with_suffix(".lock")
    lock.unlink()
    lock.symlink_to(precious)
    assert_refused(command, f"cannot lock {lock}: it is a symbolic link")
    assert_as_before(before)
    assert precious.read_text() == "precious"


@pytest.mark.parametrize("name", ["data/vault.age.bak", "state/seen/*"])
def test_c17_what_is_a_link_beside_the_vault_does_not_reach_its_target(
    tmp_path: Path, name: str
) -> None:
    make_home()
    assert add("one", b"value").exit_code == 0
    precious = tmp_path / "bashrc"
    precious.write_text("precious")
    precious.chmod(0o644)
    (link,) = home().glob(name)
    link.unlink()
    link.symlink_to(precious)
    for command in WRITES:
        call(*command, stdin=b"value")
        assert precious.read_text() == "precious" and precious.stat().st_mode & 0o777 == 0o644
    assert call("list").exit_code == 0


def test_c17_a_link_for_the_backup_is_replaced_by_the_backup(tmp_path: Path) -> None:
    before = make_home().read_bytes()
    precious = tmp_path / "bashrc"
    precious.write_text("precious")
    backup = vault_path().with_name("vault.age.bak")
    backup.unlink(missing_ok=True)
    backup.symlink_to(precious)
    assert add("new", b"value").exit_code == 0
    assert not backup.is_symlink() and backup.read_bytes() == before
    assert precious.read_text() == "precious"
