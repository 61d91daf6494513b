"""A token that is a file: kept byte for byte, given to a command as a path, refused elsewhere."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.cli.harness import PASSPHRASE, PROGRAM, credman, make_value
from tests.requirements import require, require_program

VARIABLE = "GOOGLE_APPLICATION_CREDENTIALS"
CREDMAN = " ".join(PROGRAM)


def make_key(end: str = "\n", length: int = 600) -> bytes:
    """Returns: what looks like a service account's key, of several lines."""
    head, tail = (f"-----{word} PRIVATE KEY-----" for word in ("BEGIN", "END"))
    key = {
        "type": "service_account",
        "private_key": f"{head}\n{make_value('', length)}\n{tail}\n",
        "client_email": "robot@example.iam.gserviceaccount.com",
    }
    return (json.dumps(key, indent=2) + end).encode()


KEY = make_key()


def add(data: bytes = KEY, *arguments: str) -> str:
    outcome = credman("add", *(arguments or ("gcp",)), stdin=data)
    assert outcome.exit_code == 0, outcome.stderr
    return outcome.stderr


def run(
    *command: str, options: Sequence[str] = (), prefix: str = ""
) -> subprocess.CompletedProcess[bytes]:
    """Runs a command by ``credman exec``. Args: prefix: of a shell, before credman."""
    words = [*PROGRAM, "exec", *options, "--", *command]
    return subprocess.run(
        ["sh", "-c", f'{prefix} "$@"', "sh", *words],
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE},
        cwd=Path.home(),
    )


def read_in(program_text: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Runs a Python program by ``credman exec``."""
    return run(sys.executable, "-c", program_text, *arguments)


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\n\n", " \t\n"])
def test_it_is_kept_byte_for_byte(end: str) -> None:
    add(make_key(end))
    assert credman("get", "gcp").stdout == make_key(end)
    assert run("sh", "-c", f'cat "${VARIABLE}"').stdout == make_key(end)


def test_bytes_that_are_no_text_are_kept_as_well() -> None:
    data = bytes(range(1, 256)) + b"\n"
    assert "does not look like" in add(data)
    assert run("sh", "-c", f'cat "${VARIABLE}"').stdout == data


def test_the_variable_holds_a_path_and_the_value_is_nowhere_else(tmp_path: Path) -> None:
    add()
    done = run("sh", "-c", f'echo "${VARIABLE}"; env; cat /proc/$$/cmdline')
    path = done.stdout.splitlines()[0].decode()
    assert path.startswith("/proc/") and int(path.rpartition("/")[2]) >= 100
    assert b"private_key" not in done.stdout and b"PRIVATE KEY" not in done.stdout
    assert not Path(path).exists(), "it ends with the command"
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"PRIVATE KEY" not in file.read_bytes()


def test_what_the_command_starts_can_read_it() -> None:
    # subprocess closes all descriptors but three in what it starts.
    add()
    text = f"""
import os, subprocess, sys
inner = [sys.executable, "-c", "import os; print(open(os.environ['{VARIABLE}']).read(), end='')"]
sys.stdout.buffer.write(subprocess.run(inner, check=True, stdout=subprocess.PIPE).stdout)
"""
    done = read_in(text)
    assert done.stdout == KEY, done.stderr


def test_it_can_be_read_twice_and_from_its_start() -> None:
    add()
    done = run("sh", "-c", f'head -c 10 "${VARIABLE}" >/dev/null; cat "${VARIABLE}" "${VARIABLE}"')
    assert done.stdout == KEY + KEY


def test_numbers_that_a_script_takes_for_itself_do_no_harm() -> None:
    add()
    script = f'exec 3</dev/null 4</dev/null 9</dev/null; cat "${VARIABLE}"'
    for shell in ("sh", "bash"):
        assert run(require_program(shell), "-c", script).stdout == KEY


def test_nobody_can_change_it() -> None:
    add()
    text = f"""
import os
path = os.environ["{VARIABLE}"]
for change in (lambda file: os.write(file, b"x"), lambda file: os.truncate(file, 0)):
    try:
        change(os.open(path, os.O_RDWR))
    except OSError:
        print("refused")
print(len(open(path, "rb").read()))
"""
    assert read_in(text).stdout.split() == [b"refused", b"refused", str(len(KEY)).encode()]


def test_another_user_cannot_read_it() -> None:
    require(os.geteuid() == 0, "root can become another user")
    setpriv = require_program("setpriv")
    add()
    other = f"{setpriv} --reuid=65534 --regid=65534 --clear-groups"
    done = run("sh", "-c", f'{other} cat "${VARIABLE}"; {other} id -u')
    assert done.stdout == b"65534\n" and b"ermission denied" in done.stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_it_takes_no_number_of_a_closed_stream(closed: str, tmp_path: Path) -> None:
    add()
    found = tmp_path / "found"
    text = (
        "import os, sys\n"
        "is_open = [n for n in (0, 1, 2) if os.path.exists(f'/proc/self/fd/{n}')]\n"
        f"data = open(os.environ['{VARIABLE}'], 'rb').read()\n"
        "open(sys.argv[1], 'wb').write(repr(is_open).encode() + b'|' + data)\n"
    )
    script = f"{CREDMAN} exec -- {sys.executable} -c \"$0\" '{found}' {closed}"
    environ = {**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE}
    subprocess.run(["sh", "-c", script, text], env=environ, check=True, timeout=60)
    numbers, _, data = found.read_bytes().partition(b"|")
    assert data == KEY
    expected = [n for n, text in enumerate(("<&-", ">&-", "2>&-")) if text not in closed.split()]
    assert json.loads(numbers) == expected


def test_few_descriptors_are_enough() -> None:
    add()
    done = run("sh", "-c", f'cat "${VARIABLE}"', prefix="ulimit -n 40;")
    assert done.stdout == KEY, done.stderr


def test_one_longer_than_a_variable_may_be() -> None:
    key = make_key(length=400_000)
    assert "too long" not in add(key)
    assert run("sh", "-c", f'cat "${VARIABLE}"').stdout == key


@pytest.mark.parametrize("call", ["memfd_create", "fchmod"])
def test_where_it_cannot_be_made_the_command_is_not_run(call: str, tmp_path: Path) -> None:
    add()
    strace = require_program("strace")
    injected = f"{strace} -qq -o {tmp_path}/log -e inject={call}:error=ENOSYS"
    done = run("echo", "ran", prefix=injected)
    assert (done.returncode, done.stdout) == (125, b"")
    assert b"credman: error: cannot make a file in memory: function not implemented" in done.stderr


def test_on_a_system_without_them_the_command_is_not_run(monkeypatch: pytest.MonkeyPatch) -> None:
    add()
    monkeypatch.delattr(os, "memfd_create")
    outcome = credman("exec", "--", "true")
    assert outcome.exit_code == 125 and outcome.execution is None
    assert "a file that lies in memory only is not to be had" in outcome.stderr
    add(make_value().encode(), "hf")
    assert credman("exec", "--only", "hf", "--", "true").execution is not None


def test_an_execution_does_not_show_it() -> None:
    add()
    execution = credman("exec", "--", "true").execution
    assert execution is not None
    assert execution.files[VARIABLE].to_bytes() == KEY
    assert "PRIVATE" not in repr(execution) and VARIABLE not in execution.variables


def test_env_refuses_it_unless_it_is_left_out() -> None:
    add()
    add(make_value().encode(), "hf")
    for options in ([], ["--only", "gcp"], ["--only", VARIABLE], ["--shell", "fish"]):
        refused = credman("env", *options)
        assert (refused.exit_code, refused.stdout) == (7, b"false;\n")
        assert "error: gcp is a file" in refused.stderr
        assert "hint: credman exec gives it as a file" in refused.stderr
    assert make_value().encode() in credman("env", "--only", "hf").stdout
    assert VARIABLE.encode() in credman("env", "--unset").stdout


def test_it_is_listed_and_shown_as_others() -> None:
    said = add()
    assert "stored gcp (…), not checked" in said
    assert "use it:  credman exec -- COMMAND" in said and "credman env" not in said
    assert VARIABLE in credman("list").text
    shown = credman("show", "gcp").text
    assert "…" in shown and "private_key" not in shown
    assert "private_key" not in credman("show", "gcp", "--json").text


@pytest.mark.parametrize(
    "arguments",
    [
        ("ci", "--provider", "gcp"),
        ("ci", "--var", VARIABLE),
        ("google_application_credentials",),
        ("ci", "--provider", "gcp", "--var", "MY_KEY", "--var", "OTHER_KEY"),
    ],
)
def test_under_a_name_of_its_own_it_is_a_file_as_well(arguments: tuple[str, ...]) -> None:
    add(KEY, *arguments)
    execution = credman("exec", "--", "true").execution
    assert execution is not None
    assert {v.to_bytes() for v in execution.files.values()} == {KEY}
    assert execution.files.keys() == ({"MY_KEY", "OTHER_KEY"} if len(arguments) > 4 else {VARIABLE})


def test_a_file_without_provider_is_an_ordinary_value() -> None:
    said = add(KEY, "ci", "--var", "MY_KEY")
    assert "this looks like a token of Google Cloud (service account); --provider gcp sets" in said
    assert credman("get", "ci").stdout == KEY.rstrip(b"\n")


def test_a_new_version_is_a_file_as_well() -> None:
    add(KEY, "ci", "--provider", "gcp")
    newer = make_key("\n\n", 700)
    add(newer, "ci", "--replace")
    assert run("sh", "-c", f'cat "${VARIABLE}"').stdout == newer


def test_it_is_never_asked_for(tmp_path: Path) -> None:
    for arguments in (["gcp"], ["ci", "--provider", "gcp"], ["ci", "--var", VARIABLE]):
        outcome = credman("add", *arguments, answers=["x"] * 5, passphrase=None)
        assert outcome.exit_code == 2 and outcome.shown == []
        assert f"hint: pipe it in: credman add {arguments[0]} < FILE" in outcome.stderr
    assert not Path(os.environ["CREDMAN_HOME"], "data", "vault.age").exists()
    add(KEY, "ci", "--provider", "gcp")
    assert credman("add", "ci", "--replace", answers=["x"]).exit_code == 2


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "nothing on standard input"),
        (KEY + b"\0", "holds a NUL byte"),
        (b"x" * (1024 * 1024 + 1), "is larger than 1024 KiB"),
    ],
)
def test_the_limits_of_other_values_hold(data: bytes, message: str) -> None:
    outcome = credman("add", "gcp", stdin=data)
    assert outcome.exit_code == 2 and message in outcome.stderr


def test_what_is_no_key_is_stored_with_a_warning() -> None:
    said = add(b'{"type": "authorized_user"}')
    assert "this does not look like a token of Google Cloud (service account); stored" in said


def test_as_a_part_it_is_given_as_a_file() -> None:
    lines = f"{VARIABLE}={{}}\nPROJECT=example\n".encode()
    arguments = ("both", "--provider", "gcp", "--field", VARIABLE, "--field", "PROJECT")
    add(lines, *arguments)
    done = run("sh", "-c", f'cat "${VARIABLE}"; echo "$PROJECT"')
    assert done.stdout == b"{}example\n"
