"""``remind run`` beside others, killed, and where nothing can be written: told once, never lost."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from tests.cli.harness import PASSPHRASE, PROGRAM, program
from tests.cli.test_remind_run import given, hook, last_run, make_overdue, place, tell
from tests.requirements import require, require_program
from tests.stores.test_filesystems import in_a_small_world


def test_eight_at_once_tell_each_stage_once(tmp_path: Path) -> None:
    make_overdue("api", "other")
    command = [*PROGRAM, "remind", "run", *hook(tmp_path / "got", "sleep 0.2")]
    runs = [subprocess.Popen(command, start_new_session=True) for _ in range(8)]
    assert [run.wait(60) for run in runs] == [0] * 8
    assert sorted(item["name"] for item in given(tmp_path / "got")) == ["api", "other"]
    assert last_run()["result"] == "nothing was due"


def test_killed_after_it_told_and_before_it_is_written_down_it_tells_again(tmp_path: Path) -> None:
    make_overdue("api")
    killed = program("remind", "run", *hook(tmp_path / "got", "kill -KILL $PPID"), passphrase=None)
    assert killed.returncode == -signal.SIGKILL
    assert not place("reminders.json").exists() and len(given(tmp_path / "got")) == 1
    for _ in range(2):
        assert tell(*hook(tmp_path / "got")).exit_code == 0
    assert [item["name"] for item in given(tmp_path / "got")] == ["api", "api"]


def without_privileges(*argv: str) -> subprocess.CompletedProcess[bytes]:
    """Runs the program, also as root, so that the modes of files count."""
    prefix: list[str] = []
    if os.geteuid() == 0:
        powers = "-dac_override,-dac_read_search"
        prefix = [require_program("setpriv"), f"--bounding-set={powers}", f"--inh-caps={powers}"]
    return subprocess.run(
        [*prefix, *PROGRAM, *argv],
        env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=Path.home(),
        start_new_session=True,
        timeout=60,
        check=False,
    )


def test_where_nothing_can_be_written_down_nothing_is_told_and_nothing_is_lost(
    tmp_path: Path,
) -> None:
    make_overdue("api")
    state = place("")
    state.chmod(0o500)
    try:
        done = without_privileges("remind", "run", *hook(tmp_path / "got"))
        require(done.returncode, "modes of files do not count here")
    finally:
        state.chmod(0o700)
    lock = place("reminders.json.lock")
    assert done.returncode == 6
    assert done.stderr.decode() == f"credman: error: cannot lock {lock}: permission denied\n"
    assert given(tmp_path / "got") == [] and not place("reminders.json").exists()
    assert tell(*hook(tmp_path / "got")).exit_code == 0
    assert len(given(tmp_path / "got")) == 1


@pytest.mark.parametrize("is_told", [True, False], ids=["by a command", "to nobody"])
def test_where_the_disk_is_full_it_says_so_and_tells_it_again(
    is_told: bool, tmp_path: Path
) -> None:
    make_overdue("api")
    home, got = tmp_path / "small", tmp_path / "got"
    words = [*PROGRAM, "remind", "run", *(hook(got) if is_told else [])]
    run = f"CREDMAN_HOME={home} {shlex.join(words)} 2>&1; echo $?"
    lines = in_a_small_world(
        "256k",
        home,
        f"mkdir -m 700 {home}/state",
        # The store is known by its place, which is another one here.
        f"sed s,{os.environ['CREDMAN_HOME']},{home}, {place('cache.json')} > {home}/cache.json",
        f"mv {home}/cache.json {home}/state",
        f"cat /dev/zero > {home}/full 2> {tmp_path}/full",
        run,
        f"rm {home}/full",
        run,
        run,
        f"cat {home}/state/reminders.json; ls -A {home}/state",
    )
    first, code, *rest = lines
    assert first.startswith(f"credman: error: cannot write {home}/state/reminders")
    assert first.endswith(": no space left on device") and code == "6"
    assert rest[:2] == ["0", "0"]
    (told,) = json.JSONDecoder().raw_decode(rest[2])[0]["told"]
    assert told.partition(" ")[2].startswith("default/default/api#1 rotation ")
    assert not [name for name in rest if name.endswith(".tmp")]
    assert len(given(got)) == (2 if is_told else 0)
