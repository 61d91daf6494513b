"""Timers in real schedulers: put there, called by them, taken away."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import time
from pathlib import Path

import pytest

from credman.core.errors import Unavailable, UsageError
from credman.upkeep import timers
from credman.upkeep.calling import System
from credman.upkeep.scheduling import choose_timer, list_timers
from credman.upkeep.timers import CronTimer, Found, SystemdTimer
from credman.upkeep.timers_elsewhere import LaunchdTimer, TasksTimer
from credman.watch.timer_cron import BEGIN, MAX_LINE, render_block
from credman.watch.timer_files import render_plist
from credman.watch.timer_tasks import render_task
from credman.watch.timers import Job, Scheduler
from tests.agent.agents import wait_until
from tests.requirements import require, require_program
from tests.upkeep.schedulers import (
    fast_cron,
    forbidden_crontab,
    make_system,
    own_crontab,
    read_crontab,
    real_systemctl,
    user_manager,
    wait_for,
    write_crontab,
    write_program,
)
from tests.watch.jobs import HOSTILE, NINE

JOB = Job(("/bin/true", "remind", "run"), {}, NINE)
OTHER = Job(("/bin/true", "remind", "run"), {"CREDMAN_HOME": "/elsewhere"}, time(10, 30))


@contextmanager
def cron(folder: Path) -> Iterator[tuple[CronTimer, str]]:
    with own_crontab(folder) as user:
        yield CronTimer(make_system(folder)), user


def written_by(program: Path, out: Path) -> str:
    """A script that notes its arguments and variables, for whoever starts it."""
    program.write_text(
        f"#!/bin/sh\n(printf '%s\\0' \"$@\" \"$CREDMAN_HOME\") > '{out}.part'\n"
        f"mv '{out}.part' '{out}'\n"
    )
    program.chmod(0o755)
    return str(program)


# cron


def test_a_real_cron_calls_what_was_installed(tmp_path: Path) -> None:
    place = Path(tempfile.mkdtemp())  # where the user of the crontab gets to
    try:
        place.chmod(0o777)
        program = written_by(place / "odd 100% $HOME", place / "out")
        with cron(tmp_path) as (timer, user):
            timer.install(Job((program, *HOSTILE), {"CREDMAN_HOME": "/a 'b' %"}, NINE))
            with fast_cron(user, "@2026-01-01 08:59:30 x60"):
                said = wait_for(place / "out").decode().split("\0")
        assert said == [*HOSTILE, "/a 'b' %", ""]
    finally:
        subprocess.run(["rm", "-rf", place], check=True)


OTHERS = b"MAILTO=me\n# mine \xff\n  5 4 * * 1 echo 100\\% 'x'\t\n\n"


def test_what_somebody_has_in_his_crontab_stays_byte_for_byte(tmp_path: Path) -> None:
    with cron(tmp_path) as (timer, _):
        write_crontab(tmp_path, OTHERS)
        before = read_crontab(tmp_path)
        assert timer.find() is None
        timer.install(JOB)
        assert read_crontab(tmp_path) == OTHERS + render_block(JOB).encode()
        assert timer.find() == Found(JOB, True) and timer.is_as(JOB) and not timer.is_as(OTHER)
        timer.install(OTHER)
        assert read_crontab(tmp_path) == OTHERS + render_block(OTHER).encode()
        assert timer.remove() == ["the lines in your crontab"]
        assert read_crontab(tmp_path) == before == OTHERS
        assert timer.remove() == []


def test_a_crontab_that_held_nothing_else_is_removed(tmp_path: Path) -> None:
    with cron(tmp_path) as (timer, _):
        assert timer.remove() == []
        timer.install(JOB)
        assert timer.remove() and read_crontab(tmp_path) is None


def test_the_longest_line_arrives_whole(tmp_path: Path) -> None:
    with cron(tmp_path) as (timer, _):
        room = MAX_LINE - len("/bin/true ")
        longest = Job(("/bin/true", "x" * room), {}, NINE)
        timer.install(longest)
        assert timer.find() == Found(longest, True)
        with pytest.raises(UsageError, match="no line of more"):
            timer.install(Job(("/bin/true", "x" * (room + 1)), {}, NINE))


def test_a_crontab_that_cannot_be_read_is_not_written_over(tmp_path: Path) -> None:
    write_program(
        tmp_path,
        "crontab",
        f'[ "$1" = -l ] || touch "{tmp_path}/written"; echo "busy." >&2; exit 1',
    )
    timer = CronTimer(make_system(tmp_path))
    for use in (lambda: timer.install(JOB), timer.remove, timer.find):
        with pytest.raises(Unavailable, match=r"cannot read your crontab: busy$"):
            use()
    assert not (tmp_path / "written").exists()


def test_what_crontab_refuses_is_said_and_changes_nothing(tmp_path: Path) -> None:
    with cron(tmp_path) as (timer, _):
        write_crontab(tmp_path, OTHERS)
        real = (tmp_path / "crontab").read_text()
        write_program(
            tmp_path, "crontab", f'[ "$1" = - ] && {{ echo "no room" >&2; exit 1; }}\n{real}'
        )
        with pytest.raises(Unavailable, match="which is as it was: no room"):
            timer.install(JOB)
        assert read_crontab(tmp_path) == OTHERS


def test_what_is_not_in_the_crontab_afterwards_is_said(tmp_path: Path) -> None:
    write_program(tmp_path, "crontab", '[ "$1" = - ] && cat >/dev/null; exit 0')
    with pytest.raises(Unavailable, match="read back"):
        CronTimer(make_system(tmp_path)).install(JOB)


def test_lines_of_somebody_who_lost_a_mark_are_left_alone(tmp_path: Path) -> None:
    with cron(tmp_path) as (timer, _):
        write_crontab(tmp_path, f"{BEGIN}\n0 1 * * * mine\n".encode())
        before = read_crontab(tmp_path)
        for use in (lambda: timer.install(JOB), timer.remove):
            with pytest.raises(UsageError, match="marks"):
                use()
        assert read_crontab(tmp_path) == before


def test_a_crontab_of_busybox_that_is_not_there_is_an_empty_one(tmp_path: Path) -> None:
    said = "crontab: can't open 'me': No such file or directory"
    write_program(tmp_path, "crontab", f'echo "{said}" >&2; exit 1')
    assert CronTimer(make_system(tmp_path)).find() is None


def test_who_may_not_have_a_crontab_has_none_and_gets_none(tmp_path: Path) -> None:
    with forbidden_crontab(tmp_path):
        timer = CronTimer(make_system(tmp_path))
        assert timer.find() is None and timer.remove() == []
        with pytest.raises(Unavailable, match=r"you are not allowed to use it"):
            timer.install(JOB)


# systemd


def test_a_real_manager_calls_what_was_installed(tmp_path: Path) -> None:
    home = Path(os.environ["HOME"])
    program = written_by(tmp_path / 'it\'s 100% "odd" $HOME\\', tmp_path / "out")
    job = Job((program, *HOSTILE), {"CREDMAN_HOME": "/a 'b' \"c\" %h $X \\"}, NINE)
    with user_manager(home) as reached:
        system = make_system(real_systemctl(tmp_path / "bin"), **reached)
        timer = SystemdTimer(system)
        assert choose_timer(list_timers(system), None).scheduler is Scheduler.SYSTEMD
        assert timer.find() is None
        assert timer.install(job) == ""
        assert timer.find() == Found(job, True) and timer.is_as(job)
        assert ask(system, "show", "-P", "NextElapseUSecRealtime", "credman-remind.timer") == (
            expected_elapse(NINE)
        )
        ask(system, "start", "credman-remind.service")
        said = wait_for(tmp_path / "out").decode().split("\0")
        assert said == [*HOSTILE, "/a 'b' \"c\" %h $X \\", ""]
        timer.install(OTHER)
        assert timer.find() == Found(OTHER, True)
        assert ask(system, "show", "-P", "NextElapseUSecRealtime", "credman-remind.timer") == (
            expected_elapse(OTHER.at)
        )
        ask(system, "stop", "credman-remind.timer")
        assert timer.find() == Found(OTHER, False) and not timer.is_as(OTHER)
        timer.install(OTHER)
        assert timer.is_as(OTHER)
        assert len(timer.remove()) == 4  # the time of the last run as well
        assert timer.find() is None and "credman" not in ask(system, "list-timers", "--all")
    left = [path for path in home.rglob("*") if not path.is_dir()]
    assert left == []


def ask(system: System, *words: str) -> str:
    program = system.find("systemctl")
    assert program is not None
    done = system.call([program, "--user", *words])
    assert done.code == 0, done.said
    return done.out.decode().strip()


def expected_elapse(at: time) -> str:
    found = subprocess.run(
        ["systemd-analyze", "calendar", f"*-*-* {at:%H:%M}:00"],
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = (line for line in found.stdout.splitlines() if "Next elapse: " in line)
    return line.partition("Next elapse: ")[2]


def test_without_a_manager_the_timer_is_made_for_the_next_login(tmp_path: Path) -> None:
    system = make_system(real_systemctl(tmp_path), XDG_CONFIG_HOME=str(tmp_path / "config"))
    timer = choose_timer(list_timers(system), Scheduler.SYSTEMD)
    assert timer.install(JOB) == "it begins with the next login"
    assert timer.find() == Found(JOB, None) and timer.is_as(JOB)
    # systemd itself takes it for enabled.
    environ = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path / "config"), "SYSTEMD_OFFLINE": "1"}
    argv = ["systemctl", "--user", "is-enabled", "credman-remind.timer"]
    assert subprocess.run(argv, env=environ, capture_output=True).stdout == b"enabled\n"
    folder = tmp_path / "config" / "systemd" / "user"
    assert {path.name for path in folder.iterdir()} == {
        "credman-remind.service",
        "credman-remind.timer",
        "timers.target.wants",
    }
    timer.remove()
    assert list((tmp_path / "config").iterdir()) == []
    assert subprocess.run(argv, env=environ, capture_output=True).stdout != b"enabled\n"


def test_another_timer_of_somebody_s_stays(tmp_path: Path) -> None:
    wants = Path(os.environ["HOME"], ".config", "systemd", "user", "timers.target.wants")
    wants.mkdir(parents=True)
    (wants / "mine.timer").symlink_to("/nowhere")
    timer = SystemdTimer(make_system(real_systemctl(tmp_path)))
    timer.install(JOB)
    timer.remove()
    assert [path.name for path in wants.iterdir()] == ["mine.timer"]


def test_a_timer_that_is_not_enabled_or_masked_is_told_and_mended(tmp_path: Path) -> None:
    timer = SystemdTimer(make_system(real_systemctl(tmp_path)))
    folder = Path(os.environ["HOME"], ".config", "systemd", "user")
    timer.install(JOB)
    (folder / "timers.target.wants" / "credman-remind.timer").unlink()
    assert timer.find() == Found(JOB, False) and not timer.is_as(JOB)
    (folder / "timers.target.wants" / "credman-remind.timer").symlink_to("/elsewhere")
    assert timer.find() == Found(JOB, False)
    timer.install(JOB)
    assert timer.find() == Found(JOB, None)
    (folder / "credman-remind.timer").unlink()
    (folder / "credman-remind.timer").symlink_to("/dev/null")  # systemctl mask
    found = timer.find()
    assert found is not None and found.job is None and not timer.is_as(JOB)
    timer.install(JOB)
    assert timer.find() == Found(JOB, None)
    assert not (folder / "credman-remind.timer").is_symlink()


def test_what_systemctl_refuses_is_said(tmp_path: Path) -> None:
    write_program(
        tmp_path, "systemctl", '[ "$2" = restart ] && { echo "Nope." >&2; exit 4; }; exit 0'
    )
    with pytest.raises(Unavailable, match=r"restart credman-remind.timer: Nope$") as caught:
        SystemdTimer(make_system(tmp_path)).install(JOB)
    assert "uninstall" in caught.value.hint


def test_a_manager_that_never_answers_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timers, "_MANAGER_SECONDS", 0.2)
    sleep, note = require_program("sleep"), tmp_path / "pid"
    write_program(tmp_path, "systemctl", f'{sleep} 600 & echo $! >"{note}"; wait')
    begun = clock.monotonic()
    assert not SystemdTimer(make_system(tmp_path)).answers()
    assert clock.monotonic() - begun < 300
    # What it had started is gone as well, or a zombie that nobody has waited for.
    status = Path("/proc", note.read_text().strip(), "stat")
    wait_until(lambda: not status.exists() or status.read_text().split()[2] == "Z")


def test_what_is_not_the_users_own_is_not_written_to(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "only root can give a directory to another user")
    os.chown(os.environ["HOME"], 12345, 12345)
    timer = SystemdTimer(make_system(real_systemctl(tmp_path)))
    with pytest.raises(Unavailable, match="belongs to another user"):
        timer.install(JOB)
    assert list(Path(os.environ["HOME"]).iterdir()) == []


def test_nothing_that_opens_the_vault_reaches_a_program_of_the_system(tmp_path: Path) -> None:
    os.symlink(require_program("env"), tmp_path / "env")
    write_program(tmp_path, "show", f"exec {require_program('env')}")
    secrets = {"CREDMAN_PASSPHRASE": "x", "CREDMAN_PASSPHRASE_COMMAND": "y", "CREDMAN_HOME": "z"}
    said = make_system(tmp_path, **secrets).call([str(tmp_path / "show")]).out
    assert b"CREDMAN_HOME=z" in said and b"PASSPHRASE" not in said


# launchd and Task Scheduler, which are nowhere here: what they are told


NOTING = 'printf "%s\\n" "$*" >>"{log}"\n'


def test_what_launchd_is_told(tmp_path: Path) -> None:
    log = tmp_path / "log"
    noting = NOTING.format(log=log)
    write_program(tmp_path, "launchctl", f"{noting}exit 0")
    timer = LaunchdTimer(make_system(tmp_path, platform="darwin"))
    path = Path(os.environ["HOME"], "Library", "LaunchAgents", "dev.credman.remind.plist")
    domain = f"gui/{os.getuid()}"
    assert timer.find() is None and timer.install(JOB) == ""
    assert path.read_bytes() == render_plist(JOB)
    assert log.read_text().splitlines() == [
        f"print {domain}",
        f"bootout {domain}/dev.credman.remind",
        f"bootstrap {domain} {path}",
    ]
    assert timer.find() == Found(JOB, True) and timer.is_as(JOB) and not timer.is_as(OTHER)
    assert timer.remove() == [str(path)] and not path.exists() and timer.remove() == []
    write_program(tmp_path, "launchctl", "exit 113")  # over ssh: no graphical session
    assert timer.install(JOB) == "it begins with the next login"
    assert timer.find() == Found(JOB, None)
    write_program(tmp_path, "launchctl", f'[ "$2" = {domain} ]')
    assert timer.find() == Found(JOB, False) and not timer.is_as(JOB)
    write_program(tmp_path, "launchctl", '[ "$1" = print ] || { echo "5: failed" >&2; exit 5; }')
    with pytest.raises(Unavailable, match="bootstrap: 5: failed"):
        timer.install(JOB)


def test_what_task_scheduler_is_told(tmp_path: Path) -> None:
    log, kept = tmp_path / "log", tmp_path / "kept"
    write_program(
        tmp_path,
        "schtasks",
        NOTING.format(log=log)
        + f'[ "$1" = /Create ] && {require_program("cp")} "$5" "{kept}"\nexit 0',
    )
    timer = TasksTimer(make_system(tmp_path, platform="win32"))
    assert timer.install(JOB) == ""
    assert kept.read_bytes().decode("utf-16") == render_task(JOB)
    (line,) = log.read_text().splitlines()
    assert line.startswith("/Create /TN credman remind /XML ") and line.endswith(" /F")
    assert not Path(line.split()[5]).exists()
    said = tmp_path / "said"
    said.write_text(render_task(JOB))
    write_program(tmp_path, "schtasks", f'exec {require_program("cat")} "{said}"')
    assert timer.find() == Found(JOB, True) and timer.is_as(JOB) and not timer.is_as(OTHER)
    assert timer.remove() == ["the task 'credman remind'"]
    write_program(tmp_path, "schtasks", "exit 1")
    assert timer.find() is None and timer.remove() == []
    with pytest.raises(Unavailable, match="schtasks /Create"):
        timer.install(JOB)
