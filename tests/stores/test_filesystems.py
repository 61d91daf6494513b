"""Places that cannot be written: read-only, full, somebody else's. The old vault stays readable."""

from __future__ import annotations

import os
import shlex
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.requirements import require, require_program
from tests.stores.driver import command, drive, environment, find_public_python
from tests.stores.places import REPOSITORY, leftovers, make_vault, names, open_vault, vault_file

OTHER = 4242
AS_OTHER = ("setpriv", f"--reuid={OTHER}", f"--regid={OTHER}", "--clear-groups")


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory of another user; pytest's own ones are closed to others."""
    require(os.geteuid() == 0, "only root can run something as another user")
    require_program("setpriv")
    path = Path(tempfile.mkdtemp())
    os.chown(path, OTHER, OTHER)
    yield path
    shutil.rmtree(path)


def in_a_small_world(size: str, home: Path, *lines: str) -> list[str]:
    """Runs shell lines where HOME is a file system of its own. Returns: what was printed."""
    unshare = require_program("unshare")
    mount = f"mount -t tmpfs -o size={size},mode=700 none {shlex.quote(str(home))}"
    home.mkdir()
    # With a user namespace, or as root without one: some machines allow only one of the two.
    worlds = [[unshare, flags, "sh", "-c"] for flags in ("-Urm", "-m")]
    world = next((w for w in worlds if not subprocess.run([*w, mount], check=False).returncode), [])
    require(world, "no mount namespaces")
    done = subprocess.run(
        [*world, "\n".join((mount, *lines))],
        capture_output=True,
        text=True,
        cwd=REPOSITORY,
        env=environment(),
        timeout=120,
        check=False,
    )
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


def line(home: Path, *action: str) -> str:
    return shlex.join(command(home, *action))


def test_a_full_disk_leaves_the_old_vault_and_nothing_else(tmp_path: Path) -> None:
    home = tmp_path / "place"
    printed = in_a_small_world(
        "96k",
        home,
        line(home, "create"),
        line(home, "add", "old"),
        f"sum=$(md5sum < {vault_file(home)})",
        line(home, "fill", "huge", "200000"),
        line(home, "list"),
        f'test "$sum" = "$(md5sum < {vault_file(home)})" && echo same',
        f"ls -A {home}/data",
        line(home, "add", "small"),
    )
    assert printed[:2] == ["ok", "ok"]
    assert printed[2] == f"unavailable: cannot write {vault_file(home)}: no space left on device"
    assert printed[3:5] == ["old", "same"]
    assert sorted(printed[5:8]) == ["vault.age", "vault.age.bak", "vault.lock"]
    assert printed[8:] == ["ok"]


def test_a_read_only_file_system_can_be_read(tmp_path: Path) -> None:
    home = tmp_path / "place"
    printed = in_a_small_world(
        "1m",
        home,
        line(home, "create"),
        line(home, "add", "old"),
        f"mount -o remount,ro {home}",
        line(home, "list"),
        line(home, "add", "new"),
        line(home, "list"),
        f"ls -A {home}/data",
    )
    assert printed[:3] == ["ok", "ok", "old"]
    assert printed[3].startswith("unavailable: cannot lock ")
    assert printed[3].endswith("read-only file system")
    assert printed[4] == "old"
    assert sorted(printed[5:]) == ["vault.age", "vault.age.bak", "vault.lock"]


def test_a_new_vault_on_a_read_only_file_system_is_an_error(tmp_path: Path) -> None:
    home = tmp_path / "place"
    (printed,) = in_a_small_world("1m", home, f"mount -o remount,ro {home}", line(home, "create"))
    assert printed == f"unavailable: cannot make {home}/data: read-only file system"


def test_a_directory_that_cannot_be_written_can_be_read(public: Path) -> None:
    python = find_public_python(AS_OTHER)
    home, data = public / "place", public / "place" / "data"

    def as_other(*action: str) -> tuple[int, str]:
        return drive(home, *action, prefix=AS_OTHER, python=python)

    assert as_other("create") == (0, "ok")
    assert as_other("add", "old") == (0, "ok")
    before = vault_file(home).read_bytes()
    data.chmod(0o500)
    assert as_other("list") == (0, "old")
    code, printed = as_other("add", "new")
    assert (code, printed) == (
        6,
        f"unavailable: cannot write {vault_file(home)}: permission denied",
    )
    assert as_other("list") == (0, "old")
    data.chmod(0o000)
    code, printed = as_other("list")
    assert code == 6 and "permission denied" in printed
    assert as_other("create")[0] == 6  # not looked at is not absent
    data.chmod(0o700)
    assert vault_file(home).read_bytes() == before
    assert leftovers(data) == []
    assert as_other("add", "new") == (0, "ok")


def test_a_vault_made_under_an_odd_umask_works_for_its_owner(public: Path) -> None:
    python = find_public_python(AS_OTHER)
    for action in (("create",), ("add", "one"), ("add", "two")):
        done = drive(public / "place", *action, prefix=AS_OTHER, python=python, umask=0o777)
        assert done == (0, "ok")
    for path in (public / "place").rglob("*"):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_the_vault_of_another_user_is_refused_by_both(public: Path, tmp_path: Path) -> None:
    python = find_public_python(AS_OTHER)
    home = public / "place"
    assert drive(home, "create", prefix=AS_OTHER, python=python) == (0, "ok")
    before = vault_file(home).read_bytes()
    for action in (("list",), ("add", "new")):
        code, printed = drive(home, *action)  # root, who could
        assert code == 6 and "belongs to another user" in printed
    assert vault_file(home).read_bytes() == before
    assert vault_file(home).stat().st_uid == OTHER
    public.chmod(0o777)  # a directory that all may write is no reason to take over a lock of root's
    make_vault(tmp_path / "roots")
    shutil.copytree(tmp_path / "roots", public / "roots")
    code, printed = drive(public / "roots", "list", prefix=AS_OTHER, python=python)
    assert code == 6, printed


def test_a_file_size_limit_is_an_error_not_a_death(tmp_path: Path) -> None:
    home = tmp_path / "place"
    make_vault(home, "old")
    before = vault_file(home).read_bytes()
    prefix = ("sh", "-c", 'ulimit -f 20; exec "$@"', "sh")
    code, printed = drive(home, "fill", "huge", "100000", prefix=prefix)
    assert (code, printed) == (
        6,
        f"unavailable: cannot write {vault_file(home)}: file too large",
    )
    assert vault_file(home).read_bytes() == before
    assert leftovers(home / "data") == []
    assert names(open_vault(home)) == {"old"}
