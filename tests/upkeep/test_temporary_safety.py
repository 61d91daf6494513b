"""Temporary tokens: what a command prints replaces nothing but what it printed before, and what it
leaves behind ends with it."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.cli.harness import credman
from tests.upkeep.stub_commands import (
    PARTS,
    add,
    count_in,
    get,
    go_on,
    list_versions,
    make_command,
)


def make_counter(tmp_path: Path) -> str:
    """Returns: a command that prints ``value-1``, then ``value-2``, and so on."""
    return make_command(tmp_path, f"{count_in(tmp_path)}; print(f'value-{{n}}')")


@pytest.mark.parametrize("options", [("--compromised",), ("--compromised", "--yes"),
                                     ("--version", "1", "--yes")])  # fmt: skip
def test_one_that_is_barred_gets_a_new_value_by_rotate(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    add(make_counter(tmp_path))
    credman("revoke", "brief", *options, stdin=b"")
    refused = credman("get", "brief")
    assert refused.exit_code == 7 and "value-1" not in refused.text
    assert "credman: hint: credman rotate brief replaces it" in refused.stderr
    outcome = credman("rotate", "brief", stdin=b"")
    assert outcome.exit_code == 0, outcome.stderr
    assert "brief has a new value: its command printed it" in outcome.stderr
    assert "value-2" not in outcome.stderr + outcome.text
    assert get() == "value-2"
    assert list_versions()[0] == (2, "current")


def test_rotate_runs_the_command_though_the_value_is_good(tmp_path: Path) -> None:
    add(make_counter(tmp_path))
    assert credman("rotate", "brief").exit_code == 0
    assert get() == "value-2" and list_versions() == [(2, "current")]
    for option in ("--auto", "--manual", "--resume", "--abort"):
        refused = credman("rotate", "brief", option)
        assert refused.exit_code == 2
        assert "the value of brief comes from its command" in refused.stderr
        assert "credman: hint: credman rotate brief runs it now" in refused.stderr
    assert get() == "value-2"


def test_a_command_that_fails_when_it_is_asked_for_changes_nothing(tmp_path: Path) -> None:
    add(make_command(tmp_path, f"{count_in(tmp_path)}\nif n > 1: sys.exit(5)\nprint('value-1')"))
    outcome = credman("rotate", "brief")
    assert outcome.exit_code == 6
    assert "the command of brief failed with status 5" in outcome.stderr
    assert get() == "value-1" and list_versions() == [(1, "current")]


def test_a_value_that_somebody_pasted_is_not_dropped_by_a_renewal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = ("brief", "--var", "BRIEF")
    assert credman("add", *options, stdin=b"pasted").exit_code == 0
    replaced = add(make_counter(tmp_path), "--var", "BRIEF", "--replace")
    assert replaced.exit_code == 0, replaced.stderr
    for argv in (("brief", "--to", "1"), ("brief", "--to", "1", "--yes"), ("brief", "--yes")):
        refused = credman("rollback", *argv, stdin=b"")
        assert refused.exit_code == 7
        assert "the values of brief come from a command: there is no history" in refused.stderr
    for number in (3, 4):
        go_on(monkeypatch, hours=5 * number)
        assert get() == f"value-{number - 1}"
        assert list_versions() == [(number, "current"), (1, "retiring")]
    # Its value is there, and not its state alone.
    assert credman("add", *options, "--replace", stdin=b"typed").exit_code == 0
    assert credman("rollback", "brief", "--to", "1", "--yes").exit_code == 0
    assert get() == "pasted"


HOSTILE = {
    "deep": "print('{\"a\":' * 100000)",
    "deep list": "print('{\"Version\":' + '[' * 100000)",
    "surrogate": r"""print('{"AccessKeyId": "\\ud800", "SecretAccessKey": "x"}')""",
    "surrogate secret": r"""print('{"AccessKeyId": "key", "SecretAccessKey": "s\\udfff"}')""",
    "long number": "print('{\"AccessKeyId\":' + '9' * 9000 + '}')",
    "not UTF-8": r"sys.stdout.buffer.write(b'{\"AccessKeyId\": \"\xff\"}')",
    "numbers": """print('{"AccessKeyId": 1, "SecretAccessKey": [2]}')""",
    "line end": r"""print('{"AccessKeyId": "key", "SecretAccessKey": "a\\nb"}')""",
    "NUL": r"""print('{"AccessKeyId": "key", "SecretAccessKey": "a\\u0000b"}')""",
    "cut off": """print('{"AccessKeyId": "key", "SecretAccessKey": "s')""",
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=[*HOSTILE])
def test_hostile_json_is_an_error_of_the_command(tmp_path: Path, body: str) -> None:
    outcome = add(make_command(tmp_path, body), *PARTS)
    assert outcome.exit_code == 6, outcome.stderr
    assert "credman: error: the command of brief: it prints JSON that " in outcome.stderr
    assert "bug" not in outcome.stderr and "Error" not in outcome.stderr
    assert credman("show", "brief").exit_code == 3


@pytest.mark.parametrize("said", ["[]", "{}", "1e400", "-1", '"never"', "true", '"9999-99-99"'])
def test_an_end_that_cannot_be_read_is_none(tmp_path: Path, said: str) -> None:
    body = f"""print('{{"AccessKeyId": "k", "SecretAccessKey": "s", "Expiration": {said}}}')"""
    outcome = add(make_command(tmp_path, body), *PARTS)
    assert "bug" not in outcome.stderr and outcome.exit_code in (0, 6), outcome.stderr


def is_running(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def wait_for_end(pid: int) -> bool:
    """Returns: whether it has ended, at last."""
    for _ in range(200):
        if not is_running(pid):
            return True
        time.sleep(0.05)
    os.kill(pid, 9)
    return False


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
@pytest.mark.parametrize("status", [0, 3])
@pytest.mark.parametrize("keeps", ["", ">/dev/null", ">&- 2>&-"])
def test_what_a_command_leaves_behind_keeps_nobody_waiting_and_ends(
    tmp_path: Path, keeps: str, status: int
) -> None:
    note = tmp_path / "pid"
    command = f"sleep 600 {keeps} & echo $! >'{note}'; echo printed; exit {status}"
    outcome = add(command, "--shell")
    assert "did not end within" not in outcome.stderr
    assert outcome.exit_code == (6 if status else 0), outcome.stderr
    assert wait_for_end(int(note.read_text()))
    if not status:
        assert get() == "printed"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="no /proc")
def test_all_of_a_command_that_does_not_end_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("credman.upkeep.renewing.COMMAND_SECONDS", 0.5)
    note = tmp_path / "pid"
    outcome = add(f"sleep 600 & echo $! >'{note}'; echo printed; wait", "--shell")
    assert outcome.exit_code == 6
    assert "the command of brief did not end within 0.5 s" in outcome.stderr
    assert wait_for_end(int(note.read_text()))
