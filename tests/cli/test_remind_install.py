"""``remind install``, ``uninstall``, ``status``: what is shown, asked, written, and taken away."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.crontabs import CREDMAN, MINE, installed, remind, units
from tests.cli.harness import make_value, program
from tests.cli.test_doctor_stores import install as install_plugin
from tests.upkeep.schedulers import (
    read_crontab,
    write_crontab,
    write_program,
)


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
