"""Reading, locking and replacing one file, whatever lies in its place."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from credman.core.errors import CredmanError, LockTimeout, NotAVault, Unavailable
from credman.stores import disk
from tests.requirements import require
from tests.stores.driver import drive, read_line, start
from tests.stores.places import leftovers, make_vault, names, open_vault, vault_file

LIMIT = 1 << 20
FIVE_GIB = 5 << 30


def replace(path: Path, data: bytes, backup: Path | None = None) -> str | None:
    return disk.replace_file(
        str(path), data, check=lambda _: None, backup=None if backup is None else str(backup)
    )


def test_reading_gives_the_bytes_or_none(tmp_path: Path) -> None:
    path = tmp_path / "file"
    assert disk.read_own_file(str(path), limit=LIMIT) is None
    for data in (b"", b"x", os.urandom(LIMIT)):
        path.write_bytes(data)
        assert disk.read_own_file(str(path), limit=LIMIT) == data
    with pytest.raises(NotAVault, match="larger"):
        disk.read_own_file(str(path), limit=LIMIT - 1)


def test_a_huge_file_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "huge"
    path.touch()
    os.truncate(path, FIVE_GIB)
    monkeypatch.setattr(os, "read", lambda *_: pytest.fail("it was read"))
    with pytest.raises(NotAVault, match="larger than any vault"):
        disk.read_own_file(str(path), limit=LIMIT)


def test_a_file_that_grows_while_it_is_read_stays_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "growing"
    path.write_bytes(b"x" * 1000)
    read, taken = os.read, 0

    def read_and_grow(descriptor: int, size: int) -> bytes:
        nonlocal taken
        with path.open("ab") as file:
            file.write(b"y" * 200_000)
        data = read(descriptor, size)
        taken += len(data)
        return data

    monkeypatch.setattr(os, "read", read_and_grow)
    with pytest.raises(NotAVault, match="larger"):
        disk.read_own_file(str(path), limit=LIMIT)
    assert taken < LIMIT + 200_000


def _make_directory(path: Path) -> None:
    path.mkdir()


def _make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


ODD_THINGS: dict[str, Callable[[Path], None]] = {
    "directory": _make_directory,
    "fifo": lambda path: os.mkfifo(path),
    "socket": _make_socket,
    "device": lambda path: path.symlink_to("/dev/zero"),
    "symlink": lambda path: path.symlink_to(__file__),
    "loop": lambda path: path.symlink_to(path),
}


@pytest.mark.parametrize("thing", ODD_THINGS)
def test_odd_things_are_refused_at_once_for_reading_and_locking(tmp_path: Path, thing: str) -> None:
    path = tmp_path / "s"
    ODD_THINGS[thing](path)
    descriptors = len(os.listdir("/proc/self/fd"))
    with pytest.raises((NotAVault, Unavailable)) as caught:
        disk.read_own_file(str(path), limit=LIMIT)
    assert caught.value.message.count(str(path)) == 1
    with pytest.raises(Unavailable), disk.locked(str(path)):
        pytest.fail("it was locked")
    assert disk.is_there(str(path))
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_device_itself_is_no_file() -> None:
    with pytest.raises(NotAVault, match="not a regular file"):
        disk.read_own_file("/dev/zero", limit=LIMIT)


def test_files_of_others_are_refused(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "only root can give a file away")
    path = tmp_path / "theirs"
    path.write_bytes(b"theirs")
    os.chown(path, 4242, 4242)
    with pytest.raises(Unavailable, match="belongs to another user") as caught:
        disk.read_own_file(str(path), limit=LIMIT)
    assert "owner" in caught.value.hint
    with pytest.raises(Unavailable, match="belongs to another user"), disk.locked(str(path)):
        pytest.fail("it was locked")
    assert path.read_bytes() == b"theirs"


def test_what_cannot_be_looked_at_is_not_taken_for_absent(tmp_path: Path) -> None:
    assert not disk.is_there(str(tmp_path / "missing"))
    assert not disk.is_there(str(Path(__file__) / "below a file"))
    with pytest.raises(Unavailable, match="file name too long"):
        disk.is_there(str(tmp_path / ("n" * 300)))


def test_a_lock_is_left_and_names_its_last_holder(tmp_path: Path) -> None:
    path = tmp_path / "vault.lock"
    for _ in range(2):
        with disk.locked(str(path)):
            assert path.read_text() == str(os.getpid())
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_lock_file_of_somebody_else_keeps_its_text(tmp_path: Path) -> None:
    path = tmp_path / "uv.lock"
    path.write_text("version = 1\n")
    path.chmod(0o644)
    with disk.locked(str(path)):
        pass
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("version = 1\n", 0o644)


@pytest.mark.parametrize("umask", [0o000, 0o077, 0o777])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, umask: int) -> None:
    home = tmp_path / "place"
    for action in (("create",), ("add", "one"), ("add", "two")):
        assert drive(home, *action, umask=umask) == (0, "ok")
    made = [home, *home.rglob("*")]
    assert len(made) >= 8
    for path in made:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


def test_a_stopped_holder_is_waited_for_only_so_long_and_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "place"
    store = make_vault(home, "before")
    before = vault_file(home).read_bytes()
    monkeypatch.setattr(disk, "LOCK_WAIT_SECONDS", 0.3)
    with start(home, "hold") as holder:
        assert read_line(holder.stdout) == "held"
        os.kill(holder.pid, signal.SIGSTOP)
        begin = time.monotonic()
        with pytest.raises(LockTimeout) as caught:
            store.commit([], expected_revision=store.snapshot().revision)
        assert time.monotonic() - begin >= 0.3
        assert f"process {holder.pid}," in caught.value.message
        assert "0.3 s" in caught.value.message
        assert names(open_vault(home)) == {"before"}  # reading needs no lock
    assert vault_file(home).read_bytes() == before
    # kill -9 freed it at once: nothing about the process is believed, the kernel's lock counts
    store.commit([], expected_revision=store.snapshot().revision)


def test_replacing_keeps_the_former_file_whole(tmp_path: Path) -> None:
    path, backup = tmp_path / "file", tmp_path / "file.bak"
    assert replace(path, b"1") is None
    assert not backup.exists()
    for number in (b"2", b"3"):
        replace(path, number, backup)
    assert (path.read_bytes(), backup.read_bytes()) == (b"3", b"2")
    assert leftovers(tmp_path) == []


def test_only_our_name_of_a_file_with_two_is_replaced(tmp_path: Path) -> None:
    path, other = tmp_path / "file", tmp_path / "other"
    replace(path, b"1")
    os.link(path, other)
    replace(path, b"2")
    assert (path.read_bytes(), other.read_bytes()) == (b"2", b"1")


def test_a_backup_that_is_the_file_itself_leaves_nothing_behind(tmp_path: Path) -> None:
    # So it lies there after a crash between the two renames.
    path, backup = tmp_path / "file", tmp_path / "file.bak"
    replace(path, b"1")
    os.link(path, backup)
    replace(path, b"2", backup)
    assert (path.read_bytes(), backup.read_bytes()) == (b"2", b"1")
    assert leftovers(tmp_path) == []


def test_a_check_that_fails_leaves_everything(tmp_path: Path) -> None:
    path = tmp_path / "file"
    replace(path, b"1")

    def check(written: bytes) -> None:
        assert written == b"2"
        raise CredmanError("not what was meant")

    with pytest.raises(CredmanError, match="not what was meant"):
        disk.replace_file(str(path), b"2", check=check, backup=f"{path}.bak")
    assert [p.name for p in tmp_path.iterdir() if p.name != "home"] == ["file"]
    assert path.read_bytes() == b"1"


def test_a_temporary_name_that_is_taken_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / f".file.{'0' * 16}.tmp").symlink_to(precious)
    monkeypatch.setattr("os.urandom", bytes)
    with pytest.raises(Unavailable, match="file exists"):
        replace(tmp_path / "file", b"1")
    assert precious.read_text() == "precious"
    assert not (tmp_path / "file").exists()


def test_only_old_temporary_files_of_ours_are_swept(tmp_path: Path) -> None:
    old = time.time() - 2 * 3600
    swept, kept = tmp_path / f".file.{'a' * 16}.tmp", []
    for name in (f".other.{'a' * 16}.tmp", ".file.notes.tmp", "file.tmp", f".file.{'a' * 16}.bak"):
        kept.append(tmp_path / name)
    for path in (swept, *kept):
        path.write_text("left over")
        os.utime(path, (old, old))
    fresh = tmp_path / f".file.{'b' * 16}.tmp"
    fresh.write_text("somebody writes it now")
    replace(tmp_path / "file", b"1")
    assert not swept.exists()
    assert all(path.exists() for path in (fresh, *kept))
