"""Rows C18, C20 to C22: the home and the directories around the vault are odd, or change."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.cli.harness import program
from tests.matrix.common import CANARY, PASSPHRASE, call, get, home, make_home, vault_path
from tests.matrix.elsewhere import OTHER, as_other, shell
from tests.matrix.faults import Action, find_points, trace, typed
from tests.matrix.sweep import find_leftovers
from tests.requirements import require, require_program
from tests.stores.driver import environment
from tests.stores.places import REPOSITORY

NO_HOME = b"there is no home directory"


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory of another user; pytest's own ones are closed to others."""
    require(os.geteuid() == 0, "only root can run something as another user")
    path = Path(tempfile.mkdtemp(dir="/tmp"))
    os.chown(path, OTHER, OTHER)
    yield path
    shutil.rmtree(path)


def make_adding() -> Action:
    """``credman add new`` in this test's home."""
    action = typed("add", "new", "--replace", stdin=b"value")
    given = {"CREDMAN_HOME": str(home()), "CREDMAN_PASSPHRASE": PASSPHRASE}
    return replace(action, environ=lambda _: {**environment(), **given, "HOME": str(home())})


@contextmanager
def paused(action: Action, call_name: str, which: int) -> Iterator[subprocess.Popen[bytes]]:
    """The action, which waits a second before one of its calls, from when it has its lock on."""
    strace = [require_program("strace"), "-f", "-qq", "-o", os.devnull, "-e", f"trace={call_name}"]
    delay = f"inject={call_name}:delay_enter=1000000:when={which}"
    lock = vault_path().with_suffix(".lock")
    former = lock.read_bytes()
    with subprocess.Popen(
        [*strace, "-e", delay, *action.argv(home())],
        cwd=REPOSITORY,
        env=dict(action.environ(home())),
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(action.stdin)
        process.stdin.close()
        process.stdin = None
        while lock.read_bytes() in (former, b""):  # who has it notes its process id in it
            assert process.poll() is None
            time.sleep(0.005)
        yield process


def swap_folder() -> Path:
    """Puts another folder in the place of the vault's. Returns: where the vault's is now."""
    folder, moved = home() / "data", home() / "moved"
    folder.rename(moved)
    folder.mkdir(mode=0o700)
    (folder / "vault.age").write_bytes(b"foreign")
    return moved


def test_c18_a_folder_swapped_while_the_new_vault_is_written_is_refused() -> None:
    before = make_home().read_bytes()
    with paused(make_adding(), "fsync", 1) as process:
        while not find_leftovers(home()):
            assert process.poll() is None
            time.sleep(0.005)
        moved = swap_folder()
        _, said = process.communicate(timeout=30)
    assert process.returncode == 6 and b"credman: error: cannot " in said
    assert vault_path().read_bytes() == b"foreign"
    assert (moved / "vault.age").read_bytes() == before


def test_c18_a_folder_swapped_after_the_vault_was_read_is_not_written_to() -> None:
    make_home()
    points = find_points(trace(home(), make_adding()))
    first = next(p.count for p in points if (p.name, p.target) == ("getdents64", "/data"))
    with paused(make_adding(), "getdents64", first) as process:
        time.sleep(0.3)  # for reading the vault, after which it looks through the folder
        swap_folder()
        process.communicate(timeout=30)
    assert vault_path().read_bytes() == b"foreign"


@pytest.mark.parametrize(
    "environ", [{}, {"HOME": ""}, {"HOME": "relative"}, {"HOME": "", "XDG_DATA_HOME": "relative"}]
)
@pytest.mark.parametrize("command", ["list", "add new", "env"])
def test_c20_nobody_without_a_home_is_told_so(environ: Mapping[str, str], command: str) -> None:
    done = as_other(*command.split(), environ=environ)
    assert done.returncode == 6
    assert NO_HOME in done.stderr and b"credman: hint: set HOME, or CREDMAN_HOME" in done.stderr


def test_c20_a_named_place_needs_no_home(public: Path) -> None:
    place = {"CREDMAN_HOME": str(public / "place")}
    assert as_other("add", "new", environ=place).returncode == 0
    assert as_other("get", "new", environ=place).stdout == b"EXAMPLE"


def test_c20_a_home_that_is_missing_is_made_where_it_may_be_and_else_named(public: Path) -> None:
    within = {"HOME": str(public / "missing")}
    assert as_other("list", environ=within).returncode in (0, 3)
    assert not (public / "missing").exists()  # looking makes nothing
    assert as_other("add", "new", environ=within).returncode == 0
    done = as_other("add", "new", environ={"HOME": "/no-such-place/home"})
    assert done.returncode == 6
    assert b"cannot make /no-such-place: permission denied" in done.stderr


@pytest.mark.parametrize("mode", [0o000, 0o500])
def test_c20_a_home_that_cannot_be_used_is_named(public: Path, mode: int) -> None:
    place = {"HOME": str(public / "place")}
    (public / "place").mkdir()
    os.chown(public / "place", OTHER, OTHER)
    (public / "place").chmod(mode)
    done = as_other("add", "new", environ=place)
    assert done.returncode in (2, 6), done.stderr  # 2 where the configuration cannot be read
    assert b"permission denied" in done.stderr and str(public).encode() in done.stderr
    (public / "place").chmod(0o700)
    assert as_other("add", "new", environ=place).returncode == 0


@pytest.mark.parametrize("command", ["add new", "init", "list", "use --env prod"])
def test_c21_root_makes_nothing_in_the_home_of_its_caller(public: Path, command: str) -> None:
    environ = {"HOME": str(public), "CREDMAN_HOME": "", "XDG_DATA_HOME": ""}
    done = program(*command.split(), stdin=b"value", environ=environ, passphrase=PASSPHRASE)
    assert done.returncode == 6
    assert f"{public} belongs to another user, and credman runs as root".encode() in done.stderr
    assert b"credman: hint: run it as that user, or set CREDMAN_HOME" in done.stderr
    assert list(public.iterdir()) == []


def test_c22_a_directory_that_was_deleted_is_no_obstacle(tmp_path: Path) -> None:
    make_home()
    gone = tmp_path / "gone"
    for argv in (("get", "canary"), ("add", "new"), ("exec", "--", "printenv", "CANARY")):
        gone.mkdir()
        script = f'cd {gone} && rmdir {gone} && exec "$@"'
        done = shell(script, *argv, stdin=b"value", may_print=True)
        assert done.returncode == 0, done.stderr
        assert done.stdout.strip() == (b"" if argv[0] == "add" else CANARY.encode())


def test_c22_a_directory_that_cannot_be_read_is_no_obstacle(public: Path) -> None:
    closed = public / "closed"
    closed.mkdir()
    os.chown(closed, OTHER, OTHER)
    closed.chmod(0o000)
    place = {"CREDMAN_HOME": str(public / "place"), "HOME": str(public)}
    assert as_other("add", "new", environ=place, cwd=closed).returncode == 0
    assert as_other("get", "new", environ=place, cwd=closed).stdout == b"EXAMPLE"


def test_c20_the_home_of_these_tests_is_used_and_no_other() -> None:
    make_home()
    assert vault_path().exists() and get() == CANARY.encode()
    outcome = call("list", environ={"CREDMAN_HOME": "", "HOME": str(home() / "unused")})
    assert outcome.exit_code in (0, 3) and not (home() / "unused").exists()
