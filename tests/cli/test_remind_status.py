"""``remind status`` and ``remind uninstall``: what is there, whether it is well, taking it away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.crontabs import CREDMAN, MINE, remind, units
from tests.cli.harness import credman, make_vault
from tests.cli.test_remind_run import LINE, UNSEEN, make_overdue, tell
from tests.upkeep.schedulers import (
    forbidden_crontab,
    read_crontab,
    system_program,
    user_manager,
    write_crontab,
    write_program,
)


def test_uninstalling_takes_all_of_it_away(tools: Path) -> None:
    write_crontab(tools, MINE)
    remind("install", "--yes", "--scheduler", "systemd")
    kept = (units() / "credman-remind.service").read_bytes()
    remind("install", "--yes", "--scheduler", "cron")
    assert not units().parent.exists()  # what was made for it goes with it
    units().mkdir(parents=True)
    units().joinpath("credman-remind.service").write_bytes(kept)  # of somebody who copied his files
    state = Path(os.environ["CREDMAN_HOME"], "state")
    state.mkdir(mode=0o700, parents=True)
    (state / "reminders.json").write_text("{}")
    (state / "other.json").write_text("{}")
    outcome = remind("uninstall")
    assert outcome.exit_code == 0 and outcome.text == ""
    assert outcome.stderr == (
        f"removed {units()}/credman-remind.service\n"
        "removed the lines in your crontab\n"
        f"removed {state}/reminders.json\n"
    )
    assert read_crontab(tools) == MINE and not units().parent.exists()
    assert [path.name for path in state.iterdir()] == ["other.json"]
    outcome = remind("uninstall")
    assert outcome.exit_code == 0
    assert outcome.stderr == "no timer is installed, so there was nothing to remove\n"


def test_the_record_that_goes_is_that_of_the_timer(tools: Path, tmp_path: Path) -> None:
    remind("install", "--yes", environ={"CREDMAN_HOME": str(tmp_path / "there")})
    for place in (tmp_path / "there", Path(os.environ["CREDMAN_HOME"])):
        (place / "state").mkdir(parents=True)
        (place / "state" / "reminders.json").write_text("{}")
    remind("uninstall")
    assert not (tmp_path / "there" / "state" / "reminders.json").exists()
    assert Path(os.environ["CREDMAN_HOME"], "state", "reminders.json").exists()


def test_what_cannot_be_taken_away_is_an_error(tools: Path) -> None:
    remind("install", "--yes", "--scheduler", "systemd")
    write_program(tools, "crontab", "echo broken >&2; exit 1")
    record = Path(os.environ["CREDMAN_HOME"], "state", "reminders.json")
    record.parent.mkdir(parents=True)
    record.write_text("{}")
    outcome = remind("uninstall")
    assert record.exists()  # of the timer that may be there
    assert outcome.exit_code == 6 and "cannot read your crontab: broken" in outcome.stderr
    assert f"removed {units()}/credman-remind.timer\n" in outcome.stderr


def test_the_status_of_a_timer(tools: Path) -> None:
    assert remind("status").text == "no timer is installed: credman remind install makes one\n"
    remind("install", "--yes", "--command", "say 'it'")
    outcome = remind("status")
    assert outcome.exit_code == 0
    lines = outcome.text.splitlines()
    assert lines[0] == "timer      cron, daily, hourly from 09:00"
    assert lines[1].startswith(f"calls      {CREDMAN} remind run --command ")
    assert lines[2].startswith("next run   20") and lines[2].endswith(":00")
    assert len(lines) == 3


def test_the_status_tells_of_the_last_run(tools: Path) -> None:
    remind("install", "--yes")
    make_overdue("api")
    assert tell().exit_code == 0
    outcome = remind("status")
    assert outcome.exit_code == 0
    assert "\nlast run   20" in outcome.text and f", {UNSEEN}\n" in outcome.text
    assert f"\nnot shown  {LINE}\n" in outcome.text
    assert json.loads(remind("status", "--json").text)["pending"] == [LINE]
    assert credman("remove", "api", "--yes").exit_code == 0
    assert "\nnot shown" not in remind("status").text  # there is nothing to do any more
    assert json.loads(remind("status", "--json").text)["pending"] == []


def test_the_last_run_that_failed_is_a_finding(tools: Path) -> None:
    remind("install", "--yes")
    write_program(tools, "fail", "exit 1")
    make_overdue("api")
    assert tell("--command", "fail").exit_code == 1
    outcome = remind("status")
    assert outcome.exit_code == 8 and "; the command ended with 1\n" in outcome.text
    outcome = remind("status", "--json")
    assert (outcome.exit_code, json.loads(outcome.text)["last_run_well"]) == (8, False)
    remind("uninstall")
    assert remind("status").exit_code == 0  # which forgets the last run
    assert tell("--command", "fail").exit_code == 1
    assert remind("status").exit_code == 8  # whoever called it
    assert tell().exit_code == 0
    assert remind("status").exit_code == 0


def test_who_may_not_have_a_crontab_uses_another_scheduler(tools: Path) -> None:
    with forbidden_crontab(tools):
        outcome = remind("install", "--yes", "--scheduler", "systemd")
        assert outcome.exit_code == 0 and (units() / "credman-remind.timer").exists()
        assert remind("status").exit_code == 0
        outcome = remind("install", "--yes", "--scheduler", "cron")
        assert outcome.exit_code == 6 and "not allowed" in outcome.stderr
        assert (units() / "credman-remind.timer").exists()  # it did not go for nothing
        outcome = remind("uninstall")
        assert outcome.exit_code == 0 and not units().exists()


def test_the_status_as_json(tools: Path) -> None:
    found = json.loads(remind("status", "--json").text)
    assert found == {
        "version": 1, "installed": False, "timers": [], "last_run_at": None, "last_result": "",
        "last_run_well": True, "pending": [],
    }  # fmt: skip
    remind("install", "--yes", "--scheduler", "systemd", "--at", "23:59")
    found = json.loads(remind("status", "--json").text)
    assert found["installed"] is True
    (timer,) = found["timers"]
    assert timer.pop("next_run_at")[10:16] == "T23:59"
    assert timer == {
        "scheduler": "systemd", "at": "23:59", "command": [CREDMAN, "remind", "run"],
        "program_exists": True, "active": None,
    }  # fmt: skip


@pytest.mark.parametrize("way", ["program", "link", "changed"])
def test_a_timer_that_is_not_well_is_a_finding(way: str, tools: Path) -> None:
    lasting = write_program(tools, "credman", f'exec {sys.executable} -m credman "$@"')
    remind("install", "--yes", "--scheduler", "systemd")
    assert remind("status").exit_code == 0
    if way == "program":
        lasting.unlink()
        said = f"{lasting} remind run, which is gone: credman remind install\n"
    elif way == "link":
        (units() / "timers.target.wants" / "credman-remind.timer").unlink()
        said = "daily, 09:00, not active: credman remind install\n"
    else:
        (units() / "credman-remind.service").write_text("[Service]\nExecStart=/bin/x\n")
        said = "changed by somebody: credman remind install writes it anew\n"
    outcome = remind("status")
    assert outcome.exit_code == 8 and said in outcome.text
    assert remind("status", "--json").exit_code == 8
    remind("install", "--yes", "--scheduler", "systemd")
    assert remind("status").exit_code == 0


def test_a_manager_that_runs_is_chosen_and_asked(tools: Path) -> None:
    make_vault()
    assert credman("list").exit_code == 0  # notes what there is
    with user_manager(Path(os.environ["HOME"])) as reached:
        outcome = remind("install", "--yes", environ=reached)
        assert outcome.exit_code == 0, outcome.stderr
        assert "systemd calls credman daily at 09:00: credman remind status" in outcome.stderr
        outcome = remind("status", environ=reached)
        assert (outcome.exit_code, outcome.text.splitlines()[0]) == (
            0,
            "timer      systemd, daily, 09:00",
        )
        assert remind("install", environ=reached).stderr.startswith(
            "systemd has this timer already"
        )
        tell = [system_program("systemctl"), "--user"]
        surroundings = {**os.environ, **reached}
        subprocess.run([*tell, "start", "credman-remind.service"], env=surroundings, check=True)
        assert "\nlast run   20" in remind("status", environ=reached).text
        subprocess.run([*tell, "stop", "credman-remind.timer"], env=surroundings, check=True)
        assert remind("status", environ=reached).exit_code == 8
        assert remind("uninstall", environ=reached).exit_code == 0


def test_no_passphrase_is_ever_asked_for(tools: Path) -> None:
    for argv in (("install", "--yes"), ("status",), ("uninstall",)):
        outcome = remind(*argv, answers=[])
        assert (outcome.exit_code, outcome.shown) == (0, [])
