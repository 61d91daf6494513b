"""Our lines in a crontab: a shell reads what was meant, and nobody else's lines change."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from datetime import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credman.core.errors import UsageError
from credman.watch.timer_cron import (
    BEGIN,
    END,
    MAX_LINE,
    find_block,
    merge_crontab,
    parse_block,
    render_block,
)
from credman.watch.timers import Job
from tests.requirements import require_program
from tests.watch.jobs import HOSTILE, NINE, environs, jobs, make_job, words


def hand_on(line: str) -> str:
    """What cron gives to the shell: a ``%`` ends it, and a backslash before one goes (crontab(5),
    do_command.c of Vixie's cron)."""
    handed, is_escaped = "", False
    for character in line:
        if is_escaped:
            handed = handed[:-1] if character in "%\\" else handed
            handed, is_escaped = handed + character, False
        elif character == "%":
            break
        else:
            handed, is_escaped = handed + character, character == "\\"
    return handed


def line_of(block: str) -> str:
    (line,) = (line for line in block.splitlines() if not line.startswith("#"))
    return line


def test_cron_ends_a_line_at_a_percent_sign() -> None:
    assert hand_on("a 100\\% b\\c %d") == "a 100% b\\c "


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(arguments=words, environ=environs)
@pytest.mark.parametrize("shell", ["sh", "bash", "busybox"])
def test_a_shell_that_cron_starts_calls_what_was_meant(
    shell: str, tmp_path: Path, arguments: list[str], environ: dict[str, str]
) -> None:
    check_line(shell, tmp_path, arguments, environ)


def test_each_hostile_word_arrives(tmp_path: Path) -> None:
    for word in HOSTILE:
        check_line("sh", tmp_path, [word, "x"], {"CREDMAN_HOME": word})


def check_line(shell: str, folder: Path, arguments: list[str], environ: Mapping[str, str]) -> None:
    program = folder / 'it\'s 100% "odd" $HOME\\ é=1'
    program.write_text('#!/bin/sh\nprintf "%s\\0" "$@" "$CREDMAN_HOME" "${XDG_STATE_HOME-unset}"\n')
    program.chmod(0o755)
    line = line_of(render_block(Job((str(program), *arguments), environ, NINE)))
    command = line.removeprefix("0 9-23 * * * ")
    assert command != line
    expected = [*arguments, environ.get("CREDMAN_HOME", ""), environ.get("XDG_STATE_HOME", "unset")]
    # Not every cron has rules of its own for a percent sign: what it hands on must be the same.
    assert hand_on(command) == command
    argv = [require_program(shell), *(["sh"] if shell == "busybox" else []), "-c", command]
    done = subprocess.run(argv, capture_output=True, env={"PATH": os.environ["PATH"]}, check=True)
    assert done.stdout.decode().split("\0")[:-1] == expected


@given(jobs())
def test_a_block_says_what_was_meant(job: Job) -> None:
    try:
        block = render_block(job)
    except UsageError:
        return
    assert parse_block(block) == job


@pytest.mark.parametrize(
    ("at", "start"),
    [(NINE, "0 9-23 * * * /"), (time(0, 7), "7 0-23 * * * /"), (time(23, 59), "59 23 * * * /")],
)
def test_cron_calls_from_the_time_on_until_the_end_of_the_day(at: time, start: str) -> None:
    assert line_of(render_block(make_job(at=at))).startswith(start)


def test_a_line_that_cron_would_cut_off_is_refused() -> None:
    room = MAX_LINE - len("/bin/credman ")
    line = line_of(render_block(make_job("é" * ((room - 2) // 2))))
    assert len(line.encode()) > 990
    with pytest.raises(UsageError, match="no line of more than"):
        render_block(make_job("é" * (room // 2)))


others = st.text(st.sampled_from("a#*% \t\r\n\x0b\x85\udcff'"), max_size=30).map(
    lambda text: text and f"{text}\n"
)


@given(before=others, after=others, job=jobs(), other=jobs())
def test_every_other_byte_of_a_crontab_stays(before: str, after: str, job: Job, other: Job) -> None:
    try:
        block, changed = render_block(job), render_block(other)
    except UsageError:
        return
    assert merge_crontab(before + after, None) == before + after
    with_ours = merge_crontab(before, block) + after
    assert with_ours == before + block + after
    assert merge_crontab(with_ours, block) == with_ours
    assert merge_crontab(with_ours, changed) == before + changed + after
    assert merge_crontab(with_ours, None) == before + after
    assert find_block(with_ours) == block


def test_two_blocks_become_one() -> None:
    block = render_block(make_job())
    assert merge_crontab(f"{block}# mine\n{block}", block) == f"{block}# mine\n"
    assert merge_crontab(f"{block}# mine\n{block}", None) == "# mine\n"


def test_a_last_line_without_an_end_gets_one() -> None:
    block = render_block(make_job())
    assert merge_crontab("0 1 * * * x", block) == f"0 1 * * * x\n{block}"


@pytest.mark.parametrize(
    "crontab",
    [
        f"{BEGIN}\n",
        f"x\n{BEGIN}\ny",
        f"{END}\n",
        f"{BEGIN}\n{BEGIN}\n{END}\n",
        f"{BEGIN}\n{END}\n{END}",
    ],
)
def test_lines_of_which_nobody_knows_whose_they_are_stay(crontab: str) -> None:
    for block in (None, render_block(make_job())):
        with pytest.raises(UsageError, match="marks"):
            merge_crontab(crontab, block)


@pytest.mark.parametrize(
    "line", ["", "0 9 1 * * /x", "@daily /x", "0 9-23 * * * 'x", "99 9 * * * /x", "0 9 * * * x"]
)
def test_a_block_that_somebody_has_changed_is_not_understood(line: str) -> None:
    assert parse_block(f"{BEGIN}\n{line}\n{END}\n") is None
    assert parse_block(f"{BEGIN}\n0 9-23 * * * /x\n{line or '0 9 * * * /y'}\n{END}\n") is None
