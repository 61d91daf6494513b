"""Standard streams that are closed, full, or that nobody reads any more."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.cli.harness import PASSPHRASE, PROGRAM, credman, make_value, make_vault
from tests.requirements import require_program

CREDMAN = " ".join(PROGRAM)
HF = make_value().encode()


def run_script(script: str, folder: Path) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        ["sh", "-c", script],
        cwd=folder,
        env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("redirection", "code", "message"),
    [
        (">&-", 1, b"standard output is closed"),
        (">/dev/full", 1, b"cannot write the output: no space left on device"),
    ],
)
@pytest.mark.parametrize("command", ["env", "get hf", "list"])
def test_lost_output_is_an_error(
    command: str, redirection: str, code: int, message: bytes, tmp_path: Path
) -> None:
    make_vault()
    done = run_script(f"{CREDMAN} {command} {redirection}", tmp_path)
    assert done.returncode == code
    assert message in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["env", "list", "--help"])
def test_reader_that_has_gone_is_no_error_to_talk_about(command: str, tmp_path: Path) -> None:
    make_vault()
    script = f"{{ sleep 0.1; {CREDMAN} {command}; echo $? >&2; }} | true"
    done = run_script(script, tmp_path)
    assert done.stderr == b"141\n"


CLOSING = ("<&-", ">&-", "2>&-")


@pytest.mark.parametrize("command", ["env", "add more --var MORE", "remove hf --yes"])
def test_no_combination_of_closed_streams_harms_the_vault(command: str, tmp_path: Path) -> None:
    for closed in range(8):
        if b"HF_TOKEN" not in credman("env").stdout:
            credman("add", "hf", stdin=HF)
        descriptors = [text for bit, text in enumerate(CLOSING) if closed >> bit & 1]
        command_line = f"echo {'x' * 20} | {CREDMAN} {command} {' '.join(descriptors)}"
        run_script(command_line, tmp_path)
        after = credman("env")
        assert after.exit_code == 0, f"{command_line}: {after.stderr}"
        assert (b"HF_TOKEN" in after.stdout) == (not command.startswith("remove"))
        assert (b"MORE" in after.stdout) == (command.startswith("add") and not closed & 1)
        credman("remove", "more", "--yes")


def test_no_file_of_credmans_gets_the_number_of_a_closed_stream(tmp_path: Path) -> None:
    # Whatever is written to stderr would be written into that file.
    make_vault()
    log = tmp_path / "strace.log"
    strace = f"{require_program('strace')} -f -y -e trace=open,openat -o {log}"
    home = os.environ["CREDMAN_HOME"]
    for closed in range(1, 8):
        descriptors = [text for bit, text in enumerate(CLOSING) if closed >> bit & 1]
        command_line = f"{CREDMAN} add more --var MORE --replace {' '.join(descriptors)}"
        # The inner shell closes them, so that strace itself has its own.
        run_script(f"echo EXAMPLE | {strace} sh -c '{command_line}'", tmp_path)
        opened = re.findall(r" = (\d+)<([^>]*)>$", log.read_text(), re.MULTILINE)
        numbers = [int(number) for number, path in opened if path.startswith(home)]
        assert numbers
        assert min(numbers) > 2
