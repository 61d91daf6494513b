"""Several writers at once, through the agent and beside it."""

from __future__ import annotations

import fcntl
import json
import subprocess
import time

import pytest

from tests.agent.agents import agents
from tests.cli.harness import PASSPHRASE, PROGRAM, make_vault
from tests.cli.keyed import vault


def test_writers_at_once_lose_nothing() -> None:
    make_vault()
    script = 'p=$1; shift; for n in 1 2 3; do printf EXAMPLE | "$@" "$p-$n" || exit; done'
    with agents() as desk:
        desk.unlock()
        aside = {**desk.environ, "CREDMAN_AGENT": "off", "CREDMAN_PASSPHRASE": PASSPHRASE}
        processes = [
            subprocess.Popen(
                ["sh", "-c", script, "sh", name, *PROGRAM, "add"],
                env=aside if name == "direct" else desk.environ,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
            for name in (*(f"kept{n}" for n in range(8)), "direct")
        ]
        for process in processes:
            errors = process.communicate(timeout=120)[1]
            assert process.returncode == 0, errors
            assert b"warning" not in errors, [li for li in errors.splitlines() if b"warning" in li]
        listed = json.loads(desk.run("list", "--json").stdout)["tokens"]
        found = {token["name"] for token in listed}
        wanted = {f"kept{p}-{n}" for p in range(8) for n in range(1, 4)}
        assert found == {"hf", *wanted, *(f"direct-{n}" for n in range(1, 4))}
        assert len(desk.pids()) == 1


@pytest.mark.deep
def test_writers_that_wait_for_another_are_not_sent_away() -> None:
    make_vault()
    with agents() as desk:
        desk.unlock()
        with open(vault().with_suffix(".lock"), "ab") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            processes = [
                subprocess.Popen(
                    [*PROGRAM, "add", f"t{n}"],
                    env=desk.environ,
                    stdin=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    start_new_session=True,
                )
                for n in range(24)
            ]
            for process in processes:
                assert process.stdin is not None
                process.stdin.write(b"EXAMPLE")
                process.stdin.close()
                process.stdin = None
            time.sleep(5)  # shorter than a writer waits for the lock
        errors = [process.communicate(timeout=120)[1] for process in processes]
        assert {process.returncode for process in processes} == {0}, errors
