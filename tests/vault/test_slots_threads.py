"""Passphrases tried by several threads, and after a fork."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from credman.core.secret import Secret
from credman.vault import slots

SEVERAL_LANES = slots.Argon2Parameters(memory=19 * 1024, passes=2, lanes=4)
THREADS = """
import os, sys
from concurrent.futures import ThreadPoolExecutor
from credman.core.secret import Secret
from credman.vault import slots
lanes = slots.Argon2Parameters(memory=19 * 1024, passes=2, lanes=4)
def wrap(number):
    slots.wrap_passphrase(bytes(32), Secret("x"), vault_id="0" * 32, number=0, parameters=lanes)
with ThreadPoolExecutor(2) as pool:
    print(len(list(pool.map(wrap, range(60)))))
"""


def wrap() -> None:
    slots.wrap_passphrase(
        bytes(32), Secret("x"), vault_id="0" * 32, number=0, parameters=SEVERAL_LANES
    )


def test_two_threads_do_not_wait_for_each_other() -> None:
    done = subprocess.run(
        [sys.executable, "-c", THREADS], capture_output=True, timeout=120, check=False
    )
    assert (done.returncode, done.stdout) == (0, b"60\n")


@pytest.mark.usefixtures("derive_anew")
def test_one_derivation_runs_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    running = most = 0
    guard = threading.Lock()

    class Counting:
        def __init__(self, **parameters: object) -> None:
            self.length = 64

        def derive(self, material: bytes) -> bytes:
            nonlocal running, most
            with guard:
                running += 1
                most = max(most, running)
            threading.Event().wait(0.01)
            with guard:
                running -= 1
            return bytes(self.length)

    monkeypatch.setattr(slots, "Argon2id", Counting)
    with ThreadPoolExecutor(4) as pool:
        for result in [pool.submit(wrap) for _ in range(12)]:
            result.result()
    assert most == 1


def test_a_child_that_was_forked_while_another_thread_derives_does_not_wait_for_it() -> None:
    with slots._one_at_a_time:
        child = os.fork()
        if child == 0:
            is_free = slots._one_at_a_time.acquire(blocking=False)
            os._exit(0 if is_free else 1)
        _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
