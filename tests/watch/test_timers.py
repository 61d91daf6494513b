"""The files of a timer: what is read back by the schedulers' own rules is what was meant."""

from __future__ import annotations

import os
import plistlib
import subprocess
from datetime import datetime, time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given

from credman.core.errors import UsageError
from credman.watch.timer_files import (
    parse_plist,
    parse_units,
    render_plist,
    render_service,
    render_timer,
)
from credman.watch.timer_tasks import NAMESPACE, parse_task, render_task, split_arguments
from credman.watch.timers import Job, Scheduler, next_run, parse_time
from tests.requirements import require_program
from tests.watch.jobs import HOSTILE, NINE, jobs, make_job, words


@pytest.mark.parametrize("text", ["a\nb", "\r", "\t", "\0", "\x1b", "\x85", "\u2028", "\udc80"])
def test_what_no_file_can_hold_is_refused_everywhere(text: str) -> None:
    for command, environ in (
        (("/bin/x", text), {}),
        ((f"/bin/{text}",), {}),
        (("/bin/x",), {"CREDMAN_HOME": f"/{text}"}),
    ):
        with pytest.raises(UsageError) as caught:
            Job(command, environ, NINE)
        assert text not in caught.value.message


@pytest.mark.parametrize("command", [(), ("credman",), ("./credman", "x"), ("",)])
def test_a_program_without_its_place_is_refused(command: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="by its absolute path"):
        Job(command, {}, NINE)


@pytest.mark.parametrize("name", ["a b", "A=B", "", "1A", "a", "É"])
def test_what_is_no_name_of_a_variable_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="name for a variable"):
        Job(("/bin/x",), {name: ""}, NINE)


@pytest.mark.parametrize(
    ("text", "at"), [("9:00", NINE), ("09:00", NINE), ("00:00", time(0)), ("23:59", time(23, 59))]
)
def test_times_of_the_day(text: str, at: time) -> None:
    assert parse_time(text) == at


@pytest.mark.parametrize("text", ["", "9", "24:00", "9:60", "9:0", "09:00:00", "-1:00", "٠٩:٠٠"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="time of the day"):
        parse_time(text)


@pytest.mark.parametrize(
    ("scheduler", "now", "then"),
    [
        (Scheduler.SYSTEMD, "2026-03-01T08:59:59", "2026-03-01T09:00"),
        (Scheduler.SYSTEMD, "2026-03-01T09:00:00", "2026-03-02T09:00"),
        (Scheduler.LAUNCHD, "2026-12-31T12:00", "2027-01-01T09:00"),
        (Scheduler.TASKS, "2028-02-28T09:01", "2028-02-29T09:00"),
        (Scheduler.CRON, "2026-03-01T00:00", "2026-03-01T09:00"),
        (Scheduler.CRON, "2026-03-01T09:00", "2026-03-01T10:00"),
        (Scheduler.CRON, "2026-03-01T22:30", "2026-03-01T23:00"),
        (Scheduler.CRON, "2026-03-01T23:00", "2026-03-02T09:00"),
        (Scheduler.CRON, "9999-12-31T22:00", "9999-12-31T23:00"),
    ],
)
def test_the_next_run(scheduler: Scheduler, now: str, then: str) -> None:
    moment = next_run(scheduler, NINE, datetime.fromisoformat(now))
    assert moment == datetime.fromisoformat(then)


@pytest.mark.parametrize("scheduler", Scheduler)
def test_at_the_end_of_the_calendar_there_is_no_next_run(scheduler: Scheduler) -> None:
    assert next_run(scheduler, NINE, datetime(9999, 12, 31, 23, 30)) is None


# systemd


@given(jobs())
def test_units_say_what_was_meant(job: Job) -> None:
    assert parse_units(render_service(job), render_timer(job)) == job


def test_percent_and_dollar_are_doubled_where_systemd_expands_them() -> None:
    lines = render_service(make_job("100%", "$X", 'a"b\\', CREDMAN_HOME='/%h $X "')).splitlines()
    assert r'ExecStart="/bin/credman" "100%%" "$$X" "a\"b\\"' in lines
    assert r'Environment="CREDMAN_HOME=/%%h $X \""' in lines


def test_systemd_finds_no_fault_with_the_units(tmp_path: Path) -> None:
    analyze = require_program("systemd-analyze")
    program = tmp_path / 'it\'s 100% "odd" $HOME\\ é'
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    plain = make_job(*HOSTILE, program="/bin/true", CREDMAN_HOME="/é %h \"'\\ $X")
    files = []
    for number, job in enumerate((plain, make_job(program=str(program)))):
        for kind, text in (("service", render_service(job)), ("timer", render_timer(job))):
            files.append(tmp_path / f"credman-{number}.{kind}")
            files[-1].write_text(text)
    done = verify(analyze, files, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    # It would have said so.
    files[0].write_text(render_service(make_job(program="/no/such/program")))
    assert verify(analyze, files, tmp_path).returncode


def verify(analyze: str, files: list[Path], runtime: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [analyze, "verify", "--user", *files],
        env={**os.environ, "XDG_RUNTIME_DIR": str(runtime)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_time_is_in_the_timer_alone_and_missed_ones_are_made_up_for() -> None:
    timer = render_timer(make_job(at=time(7, 5))).splitlines()
    assert "OnCalendar=*-*-* 07:05:00" in timer and "Persistent=true" in timer
    assert "WantedBy=timers.target" in timer
    assert "Type=oneshot" in render_service(make_job()).splitlines()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('ExecStart="', "ExecStart="),
        ('ExecStart="/', 'ExecStart="'),
        ("ExecStart=", "#"),
        ("[Service]", '[Service]\nExecStart="/bin/other"'),
        ("09:00:00", "09:30:15"),
        ("OnCalendar=", "OnCalendar=*-*-* 10:00:00\nOnCalendar="),
    ],
)
def test_units_that_somebody_has_changed_are_not_understood(old: str, new: str) -> None:
    job = make_job("remind", "run")
    service, timer = render_service(job), render_timer(job)
    assert old in service + timer
    assert parse_units(service.replace(old, new), timer.replace(old, new)) is None


# launchd


@given(jobs())
def test_a_property_list_says_what_was_meant(job: Job) -> None:
    data = render_plist(job)
    found = plistlib.loads(data)
    assert found["Label"] == "dev.credman.remind"
    assert tuple(found["ProgramArguments"]) == job.command
    assert found["EnvironmentVariables"] == job.environ
    assert found["StartCalendarInterval"] == {"Hour": job.at.hour, "Minute": job.at.minute}
    assert parse_plist(data) == job


@pytest.mark.parametrize(
    "data",
    [
        b"", b"x", b"<plist>", plistlib.dumps([]), plistlib.dumps({}),
        plistlib.dumps({"StartCalendarInterval": 1, "ProgramArguments": ["/x"]}),
        plistlib.dumps({"StartCalendarInterval": {"Hour": 9}, "ProgramArguments": ["/x"]}),
        plistlib.dumps({"StartCalendarInterval": {"Hour": 9, "Minute": 99},
                        "ProgramArguments": ["/x"]}),
    ],
)  # fmt: skip
def test_other_property_lists_are_not_understood(data: bytes) -> None:
    assert parse_plist(data) is None


# Task Scheduler


def render_or_refuse(job: Job) -> str | None:
    """Returns: None: a word of it would be read as something else."""
    texts = [*job.command, *job.environ.values()]
    is_possible = "".join(texts).count("%") < 2 and not any("$(" in text for text in texts)
    if job.environ and any('"' in text for text in texts):
        is_possible = False
    if is_possible:
        return render_task(job)
    with pytest.raises(UsageError):
        render_task(job)
    return None


@given(jobs())
def test_a_task_says_what_was_meant_or_is_refused(job: Job) -> None:
    xml = render_or_refuse(job)
    if xml is None:
        return
    root = ElementTree.fromstring(xml.encode("utf-16"))
    found = {part.tag.removeprefix(f"{{{NAMESPACE}}}"): part.text or "" for part in root.iter()}
    assert found["StartWhenAvailable"] == "true" and found["LogonType"] == "InteractiveToken"
    assert found["RunLevel"] == "LeastPrivilege"
    assert found["StartBoundary"].endswith(f"T{job.at:%H:%M}:00")
    if not job.environ:
        assert (found["Command"], *split_arguments(found["Arguments"])) == job.command
    assert parse_task(xml) == job


def test_cmd_sets_the_variables_of_a_task() -> None:
    job = make_job("a b", program="C:\\x y\\credman.exe", CREDMAN_HOME="D:\\a&b", XDG_DATA_HOME="c")
    xml = render_task(job)
    assert "<Command>%SystemRoot%\\System32\\cmd.exe</Command>" in xml
    arguments = (
        '/d /s /c "set "CREDMAN_HOME=D:\\a&amp;b"&amp;&amp;set "XDG_DATA_HOME=c"&amp;&amp;'
        '"C:\\x y\\credman.exe" "a b""'
    )
    assert f"<Arguments>{arguments}</Arguments>" in xml


@given(words)
def test_arguments_are_split_as_programs_on_windows_do(arguments: list[str]) -> None:
    assert split_arguments(subprocess.list2cmdline(arguments)) == arguments


def test_tasks_keep_to_the_schema(tmp_path: Path) -> None:
    xmllint = require_program("xmllint")
    good = [
        make_job(*(word for word in HOSTILE if "%" not in word and "$(" not in word)),
        make_job("&<>;", CREDMAN_HOME="/é &<>"),
        make_job(at=time(23, 59)),
    ]
    for job in good:
        done = check_schema(xmllint, tmp_path, render_task(job))
        assert done.returncode == 0, done.stderr
    for old, new in (
        ("InteractiveToken<", "Interactive<"),
        ("T09:00:00", "T9:00"),
        ('Context="Author"', 'Context="Other"'),
        ("<DaysInterval>1<", "<DaysInterval>0<"),
    ):
        text = render_task(make_job())
        assert old in text
        assert check_schema(xmllint, tmp_path, text.replace(old, new)).returncode


def check_schema(xmllint: str, folder: Path, xml: str) -> subprocess.CompletedProcess[bytes]:
    path = folder / "task.xml"
    path.write_bytes(xml.encode("utf-16"))
    schema = Path(__file__).with_name("task.xsd")
    return subprocess.run(
        [xmllint, "--nonet", "--noout", "--schema", schema, path], capture_output=True, check=False
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [("<Task", "<"), ("T09:00:00", "T09:00:30"), ("/bin/credman", "credman"), ("Command>", "X>")],
)
def test_a_task_that_somebody_has_changed_is_not_understood(old: str, new: str) -> None:
    xml = render_task(make_job())
    assert old in xml
    assert parse_task(xml.replace(old, new)) is None
