"""The commands of temporary tokens: what they may print, what they see, and that they end."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from tests.cli.harness import PASSPHRASE, PROGRAM, credman
from tests.upkeep.stub_commands import PARTS, add, count_in, get, go_on, make_command, make_process


@pytest.mark.parametrize(
    ("body", "options", "complaint"),
    [
        ("pass", (), "it printed nothing"),
        ("print()", (), "it printed nothing"),
        ("print('secret-text'); sys.exit(3)", (), "failed with status 3"),
        ("print('secret-text'); os.kill(os.getpid(), 9)", (), "failed with status -9"),
        ("print('x' * (3 << 20))", (), "prints more than any value holds"),
        ("sys.stdout.buffer.write(b'secret-text\\0more')", (), "the command of brief: "),
        ("print('THREE=secret-text')", PARTS, "it prints lines that are not VAR=value of AWS_"),
        ("print('secret-text')", PARTS, "it prints lines that are not VAR=value of AWS_"),
        ("print('{secret-text')", PARTS, "it prints JSON that cannot be read"),
        ('print(\'{"AccessKeyId": "secret-text"}\')', PARTS, "not that of a credential_process"),
        (
            "n = 1\n" + make_process(short=-60),
            PARTS,
            "printed a value that has expired",
        ),
        ("print('AWS_ACCESS_KEY_ID=secret-text')", PARTS, ""),
    ],
)
def test_what_prints_no_value_is_an_error_that_repeats_nothing(
    tmp_path: Path, body: str, options: tuple[str, ...], complaint: str
) -> None:
    outcome = add(make_command(tmp_path, body), *options)
    assert outcome.exit_code == 6, outcome
    assert complaint in outcome.stderr
    assert "secret-text" not in outcome.stderr and "secret-1" not in outcome.stderr
    assert credman("get", "brief").exit_code == 3  # nothing was stored


def test_of_two_lines_both_are_the_value(tmp_path: Path) -> None:
    add(make_command(tmp_path, r"print('first\nsecond')"))
    assert get() == "first\nsecond"


def test_it_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("credman.upkeep.renewing.COMMAND_SECONDS", 0.5)
    note = tmp_path / "pids"
    body = f"""
import subprocess
child = subprocess.Popen(["sleep", "60"])
open({str(note)!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
time.sleep(60)
"""
    outcome = add(make_command(tmp_path, body))
    assert outcome.exit_code == 6
    assert "the command of brief did not end within 0.5 s" in outcome.stderr
    parent, child = map(int, note.read_text().split())
    assert not is_running(parent)
    end = time.monotonic() + 10
    while is_running(child):  # nobody but the system waits for it
        assert time.monotonic() < end
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # it has ended, and its parent has not looked


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("", "--command is empty"),
        ("  ", "--command is empty"),
        ("'unclosed", "a quote is not closed"),
        ("true\nfalse", "--command holds a line end"),
        ("/nowhere/at/all", "cannot run the command of brief: no such file or directory"),
    ],
)
def test_what_cannot_be_run_is_refused(command: str, complaint: str) -> None:
    outcome = add(command)
    assert outcome.exit_code in (2, 6) and complaint in outcome.stderr


def test_how_long_it_is_good_must_be_said() -> None:
    outcome = credman("add", "brief", "--command", "echo x")
    assert outcome.exit_code == 2 and "--ttl is missing" in outcome.stderr
    for option in (("--ttl", "1h"), ("--shell",)):
        outcome = credman("add", "brief", *option, stdin=b"x")
        assert outcome.exit_code == 2 and "--ttl and --shell belong to --command" in outcome.stderr


def test_what_the_command_sees(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note = tmp_path / "environment"
    body = f"open({str(note)!r}, 'w').write(json.dumps(dict(os.environ))); print('value')"
    environ = {
        "BRIEF": "an old value", "OTHER": "stays", "CREDMAN_PASSPHRASE_COMMAND": "echo secret",
    }  # fmt: skip
    command = make_command(tmp_path, body)
    outcome = credman("add", "brief", "--command", command, "--ttl", "1h", environ=environ)
    assert outcome.exit_code == 0, outcome.stderr
    for hours in (5, 10):  # when it was stored, and when it was renewed
        seen = json.loads(note.read_text())
        assert (seen["OTHER"], seen["HOME"]) == ("stays", os.environ["HOME"])
        assert not {"BRIEF", "CREDMAN_PASSPHRASE", "CREDMAN_PASSPHRASE_COMMAND"} & seen.keys()
        note.unlink()
        go_on(monkeypatch, hours=hours)
        assert credman("get", "brief", environ=environ).text == "value"


def test_one_that_asks_for_itself_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("credman.upkeep.renewing.COMMAND_SECONDS", 10.0)
    asks = [*PROGRAM, "get", "brief"]
    note = tmp_path / "said"
    body = f"""
{count_in(tmp_path)}
if n == 1:
    print("value")
else:
    import subprocess
    environ = {{**os.environ, "CREDMAN_PASSPHRASE": {PASSPHRASE!r}}}
    argv = {asks!r}
    sys.exit(subprocess.run(argv, env=environ, stderr=open({str(note)!r}, "wb")).returncode)
"""
    add(make_command(tmp_path, body), ttl="1s")
    time.sleep(1.1)  # for the one within it has a clock of its own
    outcome = credman("get", "brief")
    assert outcome.exit_code == 6

    assert "the command of brief failed with status 6" in outcome.stderr
    assert b"the command of brief asks for brief itself" in note.read_bytes()


def test_one_of_the_same_name_elsewhere_is_another_one(tmp_path: Path) -> None:
    add(make_command(tmp_path, f"{count_in(tmp_path)}\n{make_process(short=1)}"), *PARTS)
    asks = [*PROGRAM, "get", "brief", "-e", "default", "--field", "AWS_SECRET_ACCESS_KEY"]
    body = f"""
import subprocess
environ = {{**os.environ, "CREDMAN_PASSPHRASE": {PASSPHRASE!r}}}
sys.exit(subprocess.run({asks!r}, env=environ).returncode)
"""
    (tmp_path / "other").mkdir()
    outcome = add(make_command(tmp_path / "other", body), "-e", "prod", "--var", "CHAINED")
    assert outcome.exit_code == 0, outcome.stderr
    assert get("-e", "prod") == "secret-2"
