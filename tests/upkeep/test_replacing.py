"""Files that take the place of others: whole, alike, and only of those that were looked at."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from credman.upkeep import replacing
from credman.upkeep.replacing import Kept, Read
from tests.requirements import require, require_program

LIMIT = 1024 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "project"
    made.mkdir()
    return made


def read(path: Path) -> Read:
    return replacing.read(os.fsencode(path), limit=LIMIT)


def make(folder: Path, *, mode: int = 0o644) -> Path:
    path = folder / "train.py"
    path.write_bytes(b"old")
    path.chmod(mode)
    os.utime(path, ns=(1_000_000_001, 2_000_000_003))
    return path


@pytest.mark.parametrize("mode", [0o644, 0o755, 0o600, 0o444, 0o4755, 0o000])
def test_a_new_file_has_mode_and_times_of_the_old_one(folder: Path, mode: int) -> None:
    path = make(folder, mode=mode)
    replacing.replace(read(path), b"new")
    status = path.stat()
    assert stat.S_IMODE(status.st_mode) == mode
    assert status.st_mtime_ns == 2_000_000_003
    assert path.read_bytes() == b"new"
    assert os.listdir(folder) == ["train.py"]


def test_extended_attributes_stay(folder: Path) -> None:
    path = make(folder)
    try:
        os.setxattr(path, "user.comment", b"mine")
    except OSError:
        require(False, "no extended attributes here")
    replacing.replace(read(path), b"new")
    assert os.getxattr(path, "user.comment") == b"mine"


def test_a_file_of_somebody_else_stays_his(folder: Path) -> None:
    require(os.geteuid() == 0, "only root may give files away")
    path = make(folder)
    os.chown(path, 1234, 5678)
    replacing.replace(read(path), b"new")
    status = path.stat()
    assert (status.st_uid, status.st_gid) == (1234, 5678)


def test_a_file_that_changed_meanwhile_stays(folder: Path) -> None:
    path = make(folder)
    found = read(path)
    status = path.stat()
    path.write_bytes(b"OLD")  # of the same size, at the same time
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(Kept, match="it changed meanwhile"):
        replacing.replace(found, b"new")
    with pytest.raises(Kept, match="it changed meanwhile"):
        replacing.delete(found)
    assert path.read_bytes() == b"OLD" and os.listdir(folder) == ["train.py"]


def test_another_file_in_its_place_stays(folder: Path) -> None:
    path = make(folder)
    found = read(path)
    other = folder / "other"
    other.write_bytes(b"old")
    os.rename(other, path)
    with pytest.raises(Kept, match="it changed meanwhile"):
        replacing.replace(found, b"new")


def test_a_link_in_its_place_is_not_followed(folder: Path) -> None:
    path = make(folder)
    found = read(path)
    path.rename(folder / "real.py")
    path.symlink_to("real.py")
    with pytest.raises(Kept):
        replacing.replace(found, b"new")
    with pytest.raises(Kept):
        read(path)
    assert path.is_symlink() and (folder / "real.py").read_bytes() == b"old"


def test_what_is_no_file_is_not_read(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    for name in ("pipe", ".", "nothing"):
        with pytest.raises(Kept):
            read(folder / name)


def test_a_file_that_is_too_large_is_not_read(folder: Path) -> None:
    path = folder / "large"
    path.write_bytes(b"x" * (LIMIT + 1))
    with pytest.raises(Kept, match="larger than 1 MB"):
        read(path)


def test_a_folder_that_becomes_a_link_leads_nowhere_else(folder: Path) -> None:
    inner, other = folder / "inner", folder / "other"
    inner.mkdir()
    other.mkdir()
    path, elsewhere = make(inner), make(other)
    found = read(path)
    inner.rename(folder / "away")
    inner.symlink_to("other")
    with pytest.raises(Kept, match="it changed meanwhile"):
        replacing.replace(found, b"new")
    assert elsewhere.read_bytes() == b"old" and os.listdir(other) == ["train.py"]


def test_one_name_of_two_is_replaced_and_the_other_can_be(folder: Path) -> None:
    path = make(folder)
    other = folder / "second.py"
    os.link(path, other)
    found = [read(path), read(other)]
    for each in found:
        replacing.replace(each, b"new")
    assert path.read_bytes() == other.read_bytes() == b"new"


def test_a_new_file_is_never_written_over_another(folder: Path) -> None:
    path = folder / ".gitignore"
    replacing.create(os.fsencode(path), b"a\n")
    with pytest.raises(Kept):
        replacing.create(os.fsencode(path), b"b\n")
    assert path.read_bytes() == b"a\n" and os.listdir(folder) == [".gitignore"]


_DRIVER = """
import os, sys
from credman.upkeep import replacing
found = replacing.read(os.fsencode(sys.argv[1]), limit=10**6)
replacing.replace(found, b"new" * 10000)
"""


@pytest.mark.parametrize("call", ["write", "fchmod", "fsync", "renameat", "unlinkat", "utimensat"])
def test_whoever_kills_it_leaves_the_old_file_or_the_new_one(folder: Path, call: str) -> None:
    path = make(folder)
    done = trace(path, f"{call}:signal=KILL:when=1")
    assert done.returncode in (137, -9)
    assert path.read_bytes() in (b"old", b"new" * 10000)
    left = [name for name in os.listdir(folder) if name != "train.py"]
    assert all((folder / name).read_bytes() != b"old" for name in left)


@pytest.mark.parametrize("error", ["ENOSPC", "EIO", "EDQUOT"])
@pytest.mark.parametrize("call", ["write", "fsync", "renameat"])
def test_a_write_that_fails_leaves_the_file_and_nothing_else(
    folder: Path, call: str, error: str
) -> None:
    path = make(folder)
    done = trace(path, f"{call}:error={error}:when=1")
    assert done.returncode == 1 and b"Kept" in done.stderr
    assert path.read_bytes() == b"old" and os.listdir(folder) == ["train.py"]


def trace(path: Path, fault: str) -> subprocess.CompletedProcess[bytes]:
    strace = require_program("strace")
    call = fault.partition(":")[0]
    options = ["-f", "-qq", "-o", os.devnull]
    return subprocess.run(
        [strace, *options, "-e", f"trace={call}", "-e", f"inject={fault}",
         sys.executable, "-I", "-B", "-c", _DRIVER, str(path)],
        capture_output=True,
        timeout=60,
        check=False,
    )  # fmt: skip
