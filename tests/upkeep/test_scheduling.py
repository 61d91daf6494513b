"""Which scheduler has the timer, never two of them, and what the timer gets of its installer."""

from __future__ import annotations

import os
from datetime import datetime, time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.errors import Unavailable, UsageError
from credman.core.paths import find_paths
from credman.upkeep.calling import System
from credman.upkeep.scheduling import (
    choose_timer,
    choose_variables,
    install,
    lasting_url,
    list_others,
    list_standing,
    list_timers,
    uninstall,
)
from credman.watch.timers import Job, Scheduler
from tests.upkeep.schedulers import (
    forbidden_crontab,
    make_system,
    own_crontab,
    read_crontab,
    real_systemctl,
    write_crontab,
    write_program,
)

NINE = time(9, 0)
JOB = Job(("/bin/true", "remind", "run"), {}, NINE)
OTHERS = b"MAILTO=me\n# mine \xff\n  5 4 * * 1 echo 100\\% 'x'\t\n\n"


@pytest.mark.parametrize(
    ("platform", "programs", "chosen"),
    [
        ("darwin", ("launchctl", "crontab", "systemctl"), Scheduler.LAUNCHD),
        ("darwin", ("crontab",), Scheduler.CRON),
        ("win32", ("schtasks", "crontab"), Scheduler.TASKS),
        ("linux", ("systemctl", "crontab", "launchctl"), Scheduler.SYSTEMD),
        ("linux", ("systemctl",), Scheduler.SYSTEMD),
        ("linux", ("crontab", "schtasks"), Scheduler.CRON),
        ("linux", ("launchctl", "schtasks"), None),
        ("win32", ("crontab",), None),
    ],
)
def test_which_scheduler_is_chosen(
    platform: str, programs: tuple[str, ...], chosen: Scheduler | None, tmp_path: Path
) -> None:
    for program in programs:
        write_program(tmp_path, program, "exit 0")
    found = list_timers(make_system(tmp_path, platform=platform))
    if chosen is None:
        with pytest.raises(Unavailable, match="no scheduler") as caught:
            choose_timer(found, None)
        assert "credman remind run" in caught.value.hint
    else:
        assert choose_timer(found, None).scheduler is chosen


def test_systemd_without_a_manager_that_answers_is_passed_over(tmp_path: Path) -> None:
    write_program(real_systemctl(tmp_path), "crontab", "exit 0")
    found = list_timers(make_system(tmp_path))
    assert choose_timer(found, None).scheduler is Scheduler.CRON
    assert choose_timer(found, Scheduler.SYSTEMD).scheduler is Scheduler.SYSTEMD


@pytest.mark.parametrize("wanted", Scheduler)
def test_a_scheduler_that_is_not_here_cannot_be_named(wanted: Scheduler, tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=f"{wanted.title} cannot be used here: "):
        choose_timer(list_timers(make_system(tmp_path)), wanted)


def test_a_program_beside_a_relative_entry_of_path_is_not_called(tmp_path: Path) -> None:
    write_program(tmp_path, "crontab", "exit 0")
    relative = os.path.relpath(tmp_path)
    for path in (relative, "", f".:{relative}"):
        assert System({"PATH": path, "HOME": str(tmp_path)}).find("crontab") is None
    assert make_system(tmp_path).find("crontab") == str(tmp_path / "crontab")


def test_there_are_never_two_timers(tmp_path: Path) -> None:
    real_systemctl(tmp_path)
    with own_crontab(tmp_path):
        write_crontab(tmp_path, OTHERS)
        both = list_timers(make_system(tmp_path))
        for wanted in (Scheduler.SYSTEMD, Scheduler.CRON, Scheduler.SYSTEMD):
            timer = choose_timer(both, wanted)
            install(timer, JOB, list_others(both, timer))
            standing = list_standing(both, datetime(2026, 3, 1, 12, 0))
            assert [one.scheduler for one in standing] == [wanted]
            assert standing[0].is_well
        assert read_crontab(tmp_path) == OTHERS


def test_who_may_not_have_a_crontab_has_the_timer_of_another_scheduler(tmp_path: Path) -> None:
    real_systemctl(tmp_path)
    with forbidden_crontab(tmp_path):
        both = list_timers(make_system(tmp_path))
        timer = choose_timer(both, Scheduler.SYSTEMD)
        install(timer, JOB, list_others(both, timer))
        standing = list_standing(both, datetime(2026, 3, 1, 12, 0))
        assert [one.scheduler for one in standing] == [Scheduler.SYSTEMD]
        gone, problem = uninstall(both)
        assert len(gone) == 3 and problem is None and timer.find() is None


def test_what_one_scheduler_keeps_does_not_save_the_others(tmp_path: Path) -> None:
    found = list_timers(make_system(real_systemctl(tmp_path)))
    found[0].install(JOB)
    write_program(tmp_path, "crontab", "echo broken >&2; exit 1")
    broken = list_timers(make_system(tmp_path))
    gone, problem = uninstall(broken)
    assert problem is not None and problem.message.endswith("broken") and len(gone) == 3
    assert found[0].find() is None


def test_a_program_that_is_gone_is_not_well(tmp_path: Path) -> None:
    program = write_program(tmp_path, "credman", "exit 0")
    found = list_timers(make_system(real_systemctl(tmp_path)))
    found[0].install(Job((str(program),), {}, NINE))
    now = datetime(2026, 3, 1, 12, 0)
    assert list_standing(found, now)[0].is_well
    assert list_standing(found, now)[0].next_at == datetime(2026, 3, 2, 9, 0)
    program.unlink()
    assert not list_standing(found, now)[0].is_well


# what the timer gets of its installer


def test_places_are_handed_on_and_nothing_else() -> None:
    environ = {
        "HOME": "/home/a", "PATH": "/bin", "CREDMAN_PASSPHRASE": "x", "CREDMAN_ENV": "prod",
        "CREDMAN_PASSPHRASE_COMMAND": "y", "HF_TOKEN": "z", "CREDMAN_HOME": "sub",
        "CREDMAN_STORE": "file:team.age", "XDG_STATE_HOME": "/s", "XDG_DATA_HOME": "relative",
        "XDG_CONFIG_HOME": "",
    }  # fmt: skip
    paths = find_paths(environ, "/cwd")
    assert choose_variables(environ, paths, "/cwd") == {
        "CREDMAN_HOME": "/cwd/sub",
        "CREDMAN_STORE": "file:/cwd/team.age",
        "XDG_STATE_HOME": "/s",
    }
    assert choose_variables({"HOME": "/home/a"}, paths, "/cwd") == {}


@given(st.text("/~.a:", max_size=8))
def test_the_url_of_a_store_means_the_same_from_everywhere(rest: str) -> None:
    from credman.stores.location import resolve

    def place(url: str, cwd: str) -> str | None:
        try:
            return resolve(url.partition(":")[2], cwd=cwd, environ={"HOME": "/home/me"})
        except UsageError:
            return None

    lasting = lasting_url(f"file:{rest}", "/cwd")
    assert place(lasting, "/") == place(f"file:{rest}", "/cwd")
