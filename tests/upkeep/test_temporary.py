"""Temporary tokens: ``add --command``, and when the command is run again."""

from __future__ import annotations

import json
import shlex
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.cli.harness import credman, program
from tests.upkeep.stub_commands import (
    PARTS,
    add,
    count_in,
    get,
    go_on,
    list_versions,
    make_command,
    make_process,
    runs,
)


def test_the_command_is_shown_and_what_it_printed_is_not(tmp_path: Path) -> None:
    command = make_command(tmp_path, "print('printed-value-1')")
    outcome = add(command, ttl="50m")
    assert outcome.exit_code == 0 and "printed-value-1" not in outcome.stderr
    shown = credman("show", "brief").text
    assert command in shown.replace("\n", "") and "good for 50 min" in shown
    assert "printed-value-1" not in shown
    ends = json.loads(credman("show", "brief", "--json").text)["token"]["expires_at"]
    left = datetime.fromisoformat(ends) - datetime.now(UTC)
    assert timedelta(minutes=49) < left <= timedelta(minutes=50)
    assert get() == "printed-value-1"
    assert list_versions() == [(1, "current")]


def test_without_a_shell_all_that_a_shell_acts_upon_is_text(tmp_path: Path) -> None:
    file = tmp_path / "made"
    text = f"$HOME `id` $(id) ; touch {file} && touch {file} | touch {file} > {file} * ?"
    add(f"printf %s {shlex.quote(text)}")
    assert get() == text
    words = f"$HOME;touch>{file}|*"
    assert add(f"printf %s {words}", "--replace").exit_code == 0
    assert get() == words
    assert not file.exists()


def test_a_shell_only_where_it_was_asked_for() -> None:
    add("printf %s-%s one two | tr o 0", "--shell")
    assert get() == "0ne-tw0"
    assert ", in a shell, good for 1 h" in credman("show", "brief").text


def test_it_is_renewed_when_it_is_due_and_not_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(make_command(tmp_path, f"{count_in(tmp_path)}; print(f'value-{{n}}')"))
    assert [get(), get()] == ["value-1"] * 2 and runs(tmp_path) == 1
    assert credman("env").text.count("value-1") == 1
    go_on(monkeypatch, minutes=50)
    assert get() == "value-1"
    go_on(monkeypatch, minutes=57)  # some minutes early: it shall be good for a while
    assert get() == "value-2"
    go_on(monkeypatch, hours=5)
    assert "value-3" in credman("env").text
    go_on(monkeypatch, hours=10)
    execution = credman("exec", "--", "true").execution
    assert execution is not None and execution.variables["BRIEF"] == "value-4"
    assert runs(tmp_path) == 4


def test_values_that_are_renewed_have_no_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add(make_command(tmp_path, f"{count_in(tmp_path)}; print(f'value-{{n}}')"))
    for number in (2, 3):
        go_on(monkeypatch, hours=5 * number)
        assert get() == f"value-{number}"
        assert list_versions() == [(number, "current")]


def test_several_at_once_run_it_once(tmp_path: Path) -> None:
    command = make_command(tmp_path, f"{count_in(tmp_path)}\n{make_process(short=2)}")
    assert add(command, *PARTS).exit_code == 0
    with ThreadPoolExecutor(6) as pool:
        argv = ("get", "brief", "--field", "AWS_SECRET_ACCESS_KEY")
        done = list(pool.map(lambda _: program(*argv), range(6)))
    assert [d.stdout for d in done] == [b"secret-2"] * 6, [d.stderr for d in done]
    assert runs(tmp_path) == 2
    assert list_versions() == [(2, "current")]


def test_what_a_credential_process_says_of_its_end_counts(tmp_path: Path) -> None:
    body = f"n = 1\n{make_process(short=900)}"
    outcome = add(make_command(tmp_path, body), *PARTS, ttl="8h")
    assert outcome.exit_code == 0, outcome.stderr
    ends = json.loads(credman("show", "brief", "--json").text)["token"]["expires_at"]
    assert datetime.fromisoformat(ends) - datetime.now(UTC) < timedelta(minutes=16)
    execution = credman("exec", "--", "true").execution
    assert execution is not None
    assert execution.variables["AWS_ACCESS_KEY_ID"] == "key-1"
    assert execution.variables["AWS_SECRET_ACCESS_KEY"] == "secret-1"


def test_several_parts_are_lines_of_their_own(tmp_path: Path) -> None:
    command = make_command(tmp_path, r"print('ONE=first=1\n\nTWO=second')")
    add(command, "--field", "ONE", "--field", "TWO")
    assert get("--field", "ONE") == "first=1" and get("--field", "TWO") == "second"


def test_where_it_cannot_be_renewed_the_old_value_is_good_until_it_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = f"{count_in(tmp_path)}\nif n > 1: sys.exit(5)\n{make_process(short=240)}"
    add(make_command(tmp_path, body), *PARTS)
    outcome = credman("get", "brief", "--field", "AWS_SECRET_ACCESS_KEY")
    assert (outcome.exit_code, outcome.text) == (0, "secret-1")
    assert (
        "credman: warning: the command of brief failed with status 5; the value that is stored is "
        "still good\n"
    ) in outcome.stderr
    go_on(monkeypatch, seconds=240)
    for argv, code in (
        (("get", "brief", "--field", "AWS_SECRET_ACCESS_KEY"), 6),
        (("env",), 6),
        (("exec", "--", "true"), 125),
    ):
        outcome = credman(*argv)
        assert outcome.exit_code == code and "secret-1" not in outcome.text
        assert "the command of brief failed with status 5" in outcome.stderr


def test_it_is_nowhere_in_clear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = f"{count_in(tmp_path)}; print('-'.join(['very', 'secret', str(n) * 9]))"
    add(make_command(tmp_path, body))
    go_on(monkeypatch, hours=2)
    assert get() == "very-secret-222222222"
    files = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert any(p.name == "vault.age" for p in files)
    assert not [p for p in files if b"very-secret" in p.read_bytes()]


def test_it_is_not_rotated_and_not_asked_for() -> None:
    add("echo value")
    outcome = credman("rotate", "brief", stdin=b"another")
    assert outcome.exit_code == 2
    assert "the value of brief comes from its command" in outcome.stderr
    assert credman("add", "brief", "--replace", "--var", "BRIEF", stdin=b"typed").exit_code == 0
    assert get() == "typed" and "command" not in credman("show", "brief").text
