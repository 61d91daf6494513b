"""``remind install``, ``uninstall``, ``status``: what is shown, asked, written, and taken away."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from credman.watch.timer_cron import parse_block
from tests.cli.harness import Outcome, credman, make_value, make_vault, program
from tests.cli.test_doctor_stores import install as install_plugin
from tests.cli.test_remind_run import LINE, UNSEEN, make_overdue, tell
from tests.upkeep.schedulers import (
    forbidden_crontab,
    own_crontab,
    read_crontab,
    system_program,
    user_manager,
    write_crontab,
    write_program,
)

CREDMAN = str(Path(sys.executable).with_name("credman"))
MINE = b"# mine\n0 1 * * * true\n"


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """All of PATH: a crontab of nobody's, and systemctl, which reaches no manager."""
    folder = tmp_path / "tools"
    write_program(folder, "systemctl", f'exec {system_program("systemctl")} "$@"')
    with own_crontab(folder):
        monkeypatch.setenv("PATH", str(folder))
        yield folder


def remind(*argv: str, **given: object) -> Outcome:
    return credman("remind", *argv, passphrase=None, **given)  # type: ignore[arg-type]


def installed(tools: Path) -> tuple[tuple[str, ...], dict[str, str]]:
    """What cron calls now, and the variables that it sets."""
    text = (read_crontab(tools) or b"").decode()
    job = parse_block(text[text.index("# credman remind: begin") :])
    assert job is not None
    return job.command, dict(job.environ)


def units() -> Path:
    return Path(os.environ["HOME"], ".config", "systemd", "user")


def test_what_will_be_written_is_shown_and_then_written(tools: Path) -> None:
    write_crontab(tools, MINE)
    outcome = remind("install", "--at", "8:30", "--yes")
    assert outcome.exit_code == 0, outcome.stderr
    home = os.environ["CREDMAN_HOME"]
    line = f"30 8-23 * * * CREDMAN_HOME={home} {CREDMAN} remind run"
    assert outcome.text == (
        "your crontab\n"
        "    # credman remind: begin\n"
        "    # written by credman remind install; credman remind uninstall takes it away\n"
        f"    {line}\n"
        "    # credman remind: end\n"
    )
    shown = "".join(row[4:] + "\n" for row in outcome.text.splitlines()[1:])
    assert read_crontab(tools) == MINE + shown.encode()
    assert outcome.stderr.endswith(
        "cron calls credman daily at 08:30: credman remind status tells more\n"
    )


def test_a_dry_run_shows_the_same_and_writes_nothing(tools: Path) -> None:
    outcome = remind("install", "--dry-run")
    assert outcome.exit_code == 0 and read_crontab(tools) is None
    outcome = remind("install", "--dry-run", "--scheduler", "systemd")
    assert outcome.exit_code == 0 and not units().exists()
    for name in ("credman-remind.service", "credman-remind.timer"):
        assert f"{units()}/{name}\n" in outcome.text
    assert f"    a link to {units()}/credman-remind.timer\n" in outcome.text
    shown = outcome.text
    remind("install", "--yes", "--scheduler", "systemd")
    for name in ("credman-remind.service", "credman-remind.timer"):
        for line in (units() / name).read_text().splitlines():
            assert f"    {line}".rstrip() in shown.splitlines()


@pytest.mark.parametrize("answer", ["y", "yes"])
def test_yes_to_the_question(answer: str, tools: Path) -> None:
    outcome = remind("install", answers=[answer])
    assert outcome.exit_code == 0 and read_crontab(tools)
    assert outcome.shown == ["install this timer of cron? [y/N] "]


@pytest.mark.parametrize("answer", ["", "n", "x"])
def test_anything_else_writes_nothing(answer: str, tools: Path) -> None:
    outcome = remind("install", answers=[answer])
    assert outcome.exit_code == 7 and "nothing was installed" in outcome.stderr
    assert read_crontab(tools) is None


@pytest.mark.parametrize(
    ("argv", "given"),
    [
        ((), {}),
        ((), {"answers": ["y"], "environ": {"CI": "1"}}),
        (("--no-input",), {"answers": ["y"]}),
    ],
)
def test_nobody_to_ask(argv: tuple[str, ...], given: dict[str, object], tools: Path) -> None:
    outcome = remind("install", *argv, **given)
    assert outcome.exit_code == 7
    assert "credman: hint: --yes gives it\n" in outcome.stderr
    assert "remind run" in outcome.text  # it was shown what for
    assert read_crontab(tools) is None


def test_the_same_again_changes_nothing_and_asks_nothing(tools: Path) -> None:
    for scheduler in ("cron", "systemd"):
        argv = ("install", "--scheduler", scheduler)
        remind(*argv, "--yes")
        before = read_crontab(tools), [p.lstat().st_mtime_ns for p in units().rglob("*")]
        outcome = remind(*argv)
        assert (outcome.exit_code, outcome.text) == (0, "")
        assert outcome.stderr == f"{scheduler} has this timer already: credman remind status\n"
        assert before == (read_crontab(tools), [p.lstat().st_mtime_ns for p in units().rglob("*")])


def test_another_one_takes_its_place(tools: Path) -> None:
    write_crontab(tools, MINE)
    remind("install", "--yes")
    remind("install", "--yes", "--at", "10:00")
    text = (read_crontab(tools) or b"").decode()
    assert text.count("remind run") == 1 and "0 10-23 * * * " in text and text.startswith("# mine")


def test_what_is_not_given_again_stays_as_it_is(tools: Path, tmp_path: Path) -> None:
    hook, other = str(write_program(tools, "tell", "exit 0")), f"file:{tmp_path}/other.age"
    given = ("--at", "08:30", "--command", f"{hook} me", "--store", other)
    assert remind("install", "--yes", *given).exit_code == 0
    kept = installed(tools)[0]
    assert kept[-4:] == ("--store", other, "--command", f"{hook} me")
    assert remind("install", "--yes", "--scheduler", "systemd").exit_code == 0
    service = (units() / "credman-remind.service").read_text()
    assert f"{hook} me" in service and other in service
    assert "08:30" in (units() / "credman-remind.timer").read_text()
    assert remind("install", "--yes", "--scheduler", "cron", "--at", "10:00").exit_code == 0
    assert installed(tools)[0] == kept
    assert "daily, hourly from 10:00\n" in remind("status").text


def test_another_scheduler_takes_over(tools: Path) -> None:
    write_crontab(tools, MINE)
    remind("install", "--yes")
    outcome = remind("install", "--yes", "--scheduler", "systemd")
    assert "the timer of cron goes: there is one only\n" in outcome.stderr
    assert "it begins with the next login" in outcome.stderr
    assert read_crontab(tools) == MINE and (units() / "credman-remind.timer").exists()
    outcome = remind("install", "--yes", "--scheduler", "cron")
    assert "the timer of systemd goes" in outcome.stderr
    assert b"remind run" in (read_crontab(tools) or b"")
    assert [path for path in units().rglob("*") if not path.is_dir()] == []


def test_two_of_the_same_become_one(tools: Path) -> None:
    remind("install", "--yes")
    kept = read_crontab(tools)
    remind("install", "--yes", "--scheduler", "systemd")
    write_crontab(tools, kept or b"")
    outcome = remind("status")
    assert outcome.exit_code == 0 and outcome.text.count("timer      ") == 2
    outcome = remind("install", "--yes", "--scheduler", "systemd")
    assert "the timer of cron goes" in outcome.stderr and read_crontab(tools) is None


def test_the_timer_looks_where_its_installer_does(tools: Path, tmp_path: Path) -> None:
    environ = {
        "CREDMAN_HOME": "", "CREDMAN_STORE": "file:team.age", "XDG_DATA_HOME": "/data",
        "XDG_STATE_HOME": "/state", "XDG_CONFIG_HOME": "relative", "CREDMAN_ENV": "prod",
        "CREDMAN_PASSPHRASE": make_value(), "CREDMAN_PASSPHRASE_COMMAND": "pass show x",
        "HF_TOKEN": make_value(),
    }  # fmt: skip
    outcome = remind(
        "install", "--yes", "--store", "file:other file.age", "--command", "notify 'a b' 100%",
        environ=environ, cwd=tmp_path,
    )  # fmt: skip
    assert outcome.exit_code == 0, outcome.stderr
    command, chosen = installed(tools)
    assert command == (
        CREDMAN, "remind", "run", "--store", f"file:{tmp_path}/other file.age",
        "--command", "notify 'a b' 100%",
    )  # fmt: skip
    assert chosen == {
        "CREDMAN_STORE": f"file:{tmp_path}/team.age",
        "XDG_DATA_HOME": "/data",
        "XDG_STATE_HOME": "/state",
    }
    assert make_value() not in outcome.text + outcome.stderr + str(read_crontab(tools))


@pytest.mark.parametrize(
    ("argv", "environ", "code", "said"),
    [
        (("--at", "25:00"), {}, 2, "--at takes a time of the day"),
        (("--scheduler", "at"), {}, 2, "no scheduler of that name"),
        (("--scheduler", "tasks"), {}, 6, "Task Scheduler cannot be used here"),
        (("--command", "a\nb"), {}, 2, "--command holds a line end"),
        (("--command", "a\tb"), {}, 2, "a character that no timer can be given"),
        (("--command", "say 'it"), {}, 2, "a quote is not closed"),
        (("--command", " "), {}, 2, "--command is empty"),
        (("--command", "x" * 1000), {}, 2, "cron takes no line of more than"),
        (("--command", f"curl -d {make_value()}"), {}, 7, "may hold a token"),
        (("--command", "curl -d aB3dE5gH7jK9mN1pQ3sT5v"), {}, 2, "looks like a token itself"),
        (("--store", "xx://me:word@host/"), {}, 2, "no user and no password"),
        (("--store", make_value()), {}, 2, "this is not the URL of a store"),
        ((), {"CREDMAN_STORE": f"xx:{make_value()}"}, 2, "no store of the kind xx:"),
    ],
)
def test_what_cannot_be_installed(
    argv: tuple[str, ...], environ: dict[str, str], code: int, said: str, tools: Path
) -> None:
    outcome = remind("install", "--yes", *argv, environ=environ)
    assert outcome.exit_code == code and said in outcome.stderr
    assert read_crontab(tools) is None and not units().exists()
    assert make_value() not in outcome.stderr + outcome.text


def test_what_may_be_a_secret_in_the_url_of_a_plug_in_is_refused(
    tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_plugin(tmp_path / "site", monkeypatch)
    assert remind("install", "--yes", "--store", "example:plain").exit_code == 0
    for argv, environ in (
        (["--store", f"example:a?key={make_value()}"], {}),
        ([], {"CREDMAN_STORE": f"example:{make_value()}"}),
    ):
        outcome = remind("install", "--yes", *argv, environ=environ)
        assert outcome.exit_code == 7 and "may hold a secret" in outcome.stderr
        assert make_value() not in outcome.stderr + outcome.text
    assert installed(tools)[0][-1] == "example:plain"


def test_without_any_scheduler_it_says_what_else_there_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    outcome = remind("install", "--yes")
    assert outcome.exit_code == 6
    assert "credman: hint: install cron, or let whatever starts programs here" in outcome.stderr


def test_a_path_that_goes_away_is_warned_of(tools: Path) -> None:
    outcome = remind("install", "--dry-run")
    assert f"warning: the timer calls {CREDMAN}, which goes away with that" in outcome.stderr
    lasting = write_program(tools, "credman", f'exec {sys.executable} -m credman "$@"')
    outcome = remind("install", "--yes")
    assert outcome.exit_code == 0 and "warning" not in outcome.stderr
    assert installed(tools)[0] == (str(lasting), "remind", "run")


def test_started_as_a_module_it_is_called_as_one(tools: Path) -> None:
    done = program("remind", "install", "--yes", passphrase=None)
    assert done.returncode == 0, done.stderr
    assert installed(tools)[0] == (sys.executable, "-m", "credman", "remind", "run")


def test_what_the_timer_calls_starts(tools: Path) -> None:
    remind("install", "--yes")
    command, environ = installed(tools)
    argv = [command[0], "--version"]  # as cron does: with few variables, from anywhere
    done = subprocess.run(argv, env=environ, cwd="/", capture_output=True, check=True)
    assert done.stdout.startswith(b"credman ")


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
