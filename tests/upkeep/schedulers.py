"""Real schedulers for tests: a crontab of nobody, a cron whose clock runs fast, a user's manager of
systemd. None of them sees the timers of the machine."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from credman.upkeep.calling import System
from tests.requirements import require

_USERS = ("games", "lp", "news", "uucp", "proxy", "backup", "list", "irc")
_SECONDS = 30.0
_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"

_FAST_CRON = r"""
set -e
mount -t tmpfs tmpfs /run
cp -p "/var/spool/cron/crontabs/$1" /run/kept
mount -t tmpfs -o mode=1730 tmpfs /var/spool/cron/crontabs
cp -p /run/kept "/var/spool/cron/crontabs/$1"
mount --bind /dev/null /etc/crontab
mount -t tmpfs tmpfs /etc/cron.d
exec faketime -f "$2" cron -f
"""

_MANAGER = r"""
set -e
mount -t tmpfs -o mode=755 tmpfs /run
mkdir -p /run/systemd/system
for place in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/systemd; do
    if [ -e "$place/cgroup.procs" ]; then
        mkdir "$place/$1"
        echo $$ >"$place/$1/cgroup.procs"
    fi
done
exec /usr/lib/systemd/systemd --user --log-target=console
"""


def system_program(name: str) -> str:
    """Returns: the path of a program of the system, whatever PATH a test has."""
    path = shutil.which(name, path=_PATH)
    require(path, f"{name} is not installed")
    return path or name


def write_program(folder: Path, name: str, text: str) -> Path:
    """A shell script on the PATH of a test."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def make_system(*folders: Path, platform: str = "linux", **environ: str) -> System:
    """Nothing of the machine is on its PATH."""
    path = os.pathsep.join(map(str, folders))
    return System({"HOME": os.environ["HOME"], "PATH": path, **environ}, platform)


def real_systemctl(folder: Path) -> Path:
    """The real one, which reaches no manager without the variables of a test."""
    write_program(folder, "systemctl", f'exec {system_program("systemctl")} "$@"')
    return folder


@contextmanager
def own_crontab(folder: Path) -> Iterator[str]:
    """The real ``crontab``, as a program in ``folder``, for a user of the system that is nobody.

    Gives: the user, who has no crontab before and after.
    """
    require(os.geteuid() == 0, "only root has the crontabs of others")
    crontab = system_program("crontab")
    user, lock = _take_user(crontab)
    write_program(folder, "crontab", f'exec {crontab} -u {user} "$@"')
    try:
        yield user
    finally:
        subprocess.run([crontab, "-u", user, "-r"], capture_output=True, check=False)
        os.close(lock)


@contextmanager
def forbidden_crontab(folder: Path) -> Iterator[None]:
    """The real ``crontab``, as a program in ``folder``, for a user whom cron.allow leaves out."""
    require(os.geteuid() == 0, "only root can be another user")
    crontab, unshare, setpriv = map(system_program, ("crontab", "unshare", "setpriv"))
    place = Path(tempfile.mkdtemp())  # where that user gets to
    for name in ("passwd", "group", "nsswitch.conf"):
        shutil.copy(Path("/etc", name), place / name)
    (place / "cron.allow").write_text("root\n")
    place.chmod(0o755)
    user = _USERS[0]
    become = f"exec {setpriv} --reuid {user} --regid {user} --clear-groups {crontab}"
    line = f'PATH={_PATH}; mount --bind {place} /etc && {become} "$@"'
    write_program(folder, "crontab", f"exec {unshare} --mount /bin/sh -c '{line}' sh \"$@\"")
    try:
        yield
    finally:
        shutil.rmtree(place)


def _take_user(crontab: str) -> tuple[str, int]:
    # Several tests run at once, and no crontab that is there is touched.
    for user in _USERS:
        path = Path(tempfile.gettempdir(), f"credman-test-crontab-{user}.lock")
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        if subprocess.run([crontab, "-u", user, "-l"], capture_output=True).returncode:
            return user, lock
        os.close(lock)
    pytest.fail("every user that tests may take has a crontab")


def read_crontab(folder: Path) -> bytes | None:
    done = subprocess.run([folder / "crontab", "-l"], capture_output=True, check=False)
    return done.stdout if done.returncode == 0 else None


def write_crontab(folder: Path, text: bytes) -> None:
    subprocess.run([folder / "crontab", "-"], input=text, check=True)


@contextmanager
def fast_cron(user: str, clock: str) -> Iterator[None]:
    """A real cron that sees this user's crontab and no other. Args: clock: as faketime takes it."""
    for program in ("cron", "faketime"):
        system_program(program)
    process = subprocess.Popen(
        [system_program("unshare"), "--mount", "sh", "-c", _FAST_CRON, "sh", user, clock],
        env={**os.environ, "PATH": _PATH},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield
        assert process.poll() is None, "cron has ended"
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # faketime is not the process that cron becomes
        process.wait()


@contextmanager
def user_manager(home: Path) -> Iterator[Mapping[str, str]]:
    """A real manager of systemd's whose user has this home. Needs cgroups that can be written to,
    which a container may not have: without them nothing can be tried.

    Gives: the variables to reach it by.
    """
    require(os.geteuid() == 0, "only root can make a cgroup")
    systemctl, unshare = map(system_program, ("systemctl", "unshare"))
    runtime = Path(tempfile.mkdtemp(prefix="credman-run-"))  # a socket's path is short
    group = runtime.name
    environ = {"HOME": str(home), "XDG_RUNTIME_DIR": str(runtime)}
    surroundings = {**os.environ, **environ, "PATH": _PATH}
    process = subprocess.Popen(
        [unshare, "--mount", "sh", "-c", _MANAGER, "sh", group],
        env=surroundings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + _SECONDS
        while subprocess.run(
            [systemctl, "--user", "show-environment"],
            env=surroundings,
            capture_output=True,
        ).returncode:
            if process.poll() is not None:
                pytest.skip("no manager of systemd's can be run here: the cgroups are not ours")
            assert time.monotonic() < end, "systemd --user does not answer"
            time.sleep(0.05)
        yield environ
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(runtime)
        for place in ("", "unified", "systemd"):
            for folder, _, _ in os.walk(f"/sys/fs/cgroup/{place}/{group}", topdown=False):
                for _ in range(100):
                    try:
                        os.rmdir(folder)
                    except OSError:
                        time.sleep(0.02)  # what ran in it is just ending
                    else:
                        break


def wait_for(path: Path) -> bytes:
    """Returns: what it holds, once it is there."""
    end = time.monotonic() + _SECONDS
    while not path.exists():
        assert time.monotonic() < end, f"{path.name} did not come"
        time.sleep(0.05)
    return path.read_bytes()
