"""Colab's secrets in a real kernel: the front end is played over the wire, the package a stub."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from credman.stores.sources import State, find_source
from tests.stores.sources.colab_stub import KERNEL, SECONDS, SHELL, make_package
from tests.stores.sources.kernels import Kernel, run_kernel

SET_UP = """
import json, os, sys, threading
from credman.stores.sources import find_source
source = find_source("colab", get_ipython())
def tell(answer):
    return [answer.state.value, answer.value, answer.reason, answer.hint]
"""


def make_value() -> str:
    return f"EXAMPLE_{secrets.token_hex(16)}"


def make_reply(payload: str = "", *, exists: bool = True, access: bool = True) -> dict[str, object]:
    return {"exists": exists, "access": access, "payload": payload}


@contextmanager
def run_colab(place: Path) -> Iterator[Kernel]:
    environ = {**make_package(place / "packages"), "COLAB_RELEASE_TAG": "EXAMPLE"}
    option = f"--IPKernelApp.kernel_class={KERNEL}"
    with run_kernel(place / "kernel", option, environ=environ) as kernel:
        kernel.run(SET_UP)
        yield kernel


def ask(kernel: Kernel, *names: str) -> list[tuple[str, str | None, str, str]]:
    told = kernel.say(f"print(json.dumps([tell(source.ask(n)) for n in {names!r}]))")
    return [tuple(answer) for answer in told]


def test_what_colab_answers_is_told_apart_and_asked_for_once(tmp_path: Path) -> None:
    value = make_value()
    with run_colab(tmp_path) as kernel:
        kernel.secrets = {
            "HF_TOKEN": make_reply(f" {value[:9]}\r\n{value[9:]}\n"),
            "GONE": make_reply(exists=False),
            "DENIED": make_reply(value, access=False),
            "EMPTY": make_reply(" \r\n"),
            "BROKEN": f"the front end failed with {value}",
        }
        names = (*kernel.secrets, "with blank")
        found, gone, denied, empty, broken, blank = first = ask(kernel, *names)
        assert found == ("found", value, "", "")
        assert gone[:3] == ("missing", None, "not defined") and "add GONE in the" in gone[3]
        assert denied[:3] == ("denied", None, "defined, but this notebook may not read it")
        assert denied[3].endswith("run %credman load DENIED")
        assert empty[:3] == ("empty", None, "defined, but empty") and "EMPTY" in empty[3]
        assert broken == ("failed", None, "failed (MessageError)", "")
        assert blank[:2] == ("missing", None)
        assert kernel.asked == [*kernel.secrets]

        assert ask(kernel, *names) == first
        assert kernel.asked == [*kernel.secrets, "EMPTY", "BROKEN"]  # these are not remembered

        kernel.secrets = {**kernel.secrets, "DENIED": make_reply(value)}
        again = "source.forget(); assert find_source('colab', get_ipython()) is source"
        kernel.run(again)
        assert ask(kernel, "DENIED") == [("found", value, "", "")]


def test_eight_threads_get_each_its_own_value_one_after_another(tmp_path: Path) -> None:
    # Colab's request has no lock of its own here: two at once would read each other's answers.
    values = {f"TOKEN_{number}": make_value() for number in range(8)}
    at_once = """
started, got = threading.Barrier(8), {}
def work(name):
    started.wait()
    got[name] = source.ask(name).value
threads = [threading.Thread(target=work, args=(f"TOKEN_{n}",)) for n in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps(got))
"""
    with run_colab(tmp_path) as kernel:
        kernel.secrets = {name: make_reply(value) for name, value in values.items()}
        assert kernel.say(at_once) == values
        assert sorted(kernel.asked) == [*values]


def test_one_time_out_ends_the_asking_also_for_threads_that_wait(tmp_path: Path) -> None:
    value = make_value()
    with run_colab(tmp_path) as kernel:
        kernel.secrets = {"HF_TOKEN": make_reply(value), "LATER": make_reply(value)}
        assert ask(kernel, "HF_TOKEN")[0][0] == "found"
        late = kernel.say(
            f"os.environ[{SECONDS!r}] = '0.5'\ngot = []\n"
            "threads = [threading.Thread(target=lambda n=n: got.append(source.ask(n)))"
            " for n in ('SILENT', 'ANOTHER', 'A_THIRD')]\n"
            "[thread.start() for thread in threads]\n[thread.join() for thread in threads]\n"
            f"del os.environ[{SECONDS!r}]\n"
            "print(json.dumps([tell(answer) for answer in got]))"
        )
        assert len(kernel.asked) == 2, "only one of the threads was kept waiting"
        assert [answer[0] for answer in late] == ["timeout"] * 3
        assert sorted(answer[2] for answer in late) == [
            "did not answer before, and is not asked again",
            "did not answer before, and is not asked again",
            "did not answer in time",
        ]
        assert all("credman.load" in answer[3] for answer in late)

        assert [a[0] for a in ask(kernel, "HF_TOKEN", "LATER")] == ["found", "timeout"]
        kernel.run("source.forget()")
        assert ask(kernel, "LATER")[0][0] == "timeout"
        kernel.run("source.revive()")
        assert ask(kernel, "LATER")[0][:2] == ("found", value)
        assert len(kernel.asked) == 3


IN_A_FORK = """
def in_a_fork(call):
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, json.dumps(call()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    return json.loads(os.read(reading, 9999))
"""


def test_a_forked_child_refuses_at_once_and_touches_nothing(tmp_path: Path) -> None:
    value = make_value()
    with run_colab(tmp_path) as kernel:
        kernel.secrets = {"HF_TOKEN": make_reply(value), "OTHER": make_reply(value)}
        kernel.run(IN_A_FORK)
        # The child's own source, made after the fork, knows it as well.
        made = "find_source('colab', get_ipython()).ask('HF_TOKEN')"
        fresh = "from credman.stores import sources; sources._sources.clear()"
        told = kernel.say(f"{fresh}\nprint(json.dumps(in_a_fork(lambda: tell({made}))))")
        assert told[:3] == [
            "failed",
            None,
            "a forked child cannot ask; only the process of the kernel can",
        ]
        kernel.run("source = find_source('colab', get_ipython())")
        assert ask(kernel, "HF_TOKEN")[0][0] == "found" and kernel.asked == ["HF_TOKEN"]

        held = "source._lock.acquire()\ntry:\n    print(json.dumps(in_a_fork({call})))\n"
        held += "finally:\n    source._lock.release()"
        call = "lambda: [tell(source.ask(n))[:2] for n in ('HF_TOKEN', 'OTHER')]"
        # What was read before is known; nothing else is asked for, though the lock came locked.
        assert kernel.say(held.format(call=call)) == [["found", value], ["failed", None]]
        assert kernel.asked == ["HF_TOKEN"]


def test_a_subprocess_is_told_where_to_read_it(tmp_path: Path) -> None:
    program = """
import json, os, sys
from credman.core.runtimes import detect
from credman.stores.sources import find_source
runtime = detect(os.environ, None, platform=sys.platform, exists=os.path.exists,
                 has_terminal=sys.stdin.isatty())
answer = find_source("colab", None).ask("HF_TOKEN")
print(json.dumps([runtime.name, runtime.vault, runtime.evidence,
                  answer.state.value, answer.hint, "google.colab.userdata" in sys.modules]))
"""
    with run_colab(tmp_path) as kernel:
        kernel.secrets = {"HF_TOKEN": make_reply(make_value())}
        kernel.run(f"import subprocess\nprogram = {program!r}")
        told = kernel.say(
            "print(subprocess.check_output([sys.executable, '-c', program], text=True))"
        )
        name, vault, evidence, state, hint, imported = told
        assert (name, vault, state, imported) == ("colab", None, "failed", False)
        assert evidence[0] == "COLAB_RELEASE_TAG" and "no kernel" in evidence[1]
        assert "read it in a cell there with credman.load" in hint
        assert kernel.asked == []
        own = (
            "from credman.core.runtimes import detect\n"
            "print(json.dumps(detect(os.environ, get_ipython(), platform=sys.platform,"
            " exists=os.path.exists, has_terminal=False).evidence))"
        )
        assert kernel.say(own) == [SHELL, "COLAB_RELEASE_TAG"]


def test_a_package_that_is_not_there_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = SimpleNamespace(kernel=object())
    source = find_source("colab", shell)
    assert source is not None
    monkeypatch.setitem(__import__("sys").modules, "google.colab.userdata", None)
    answer = source.ask("HF_TOKEN")
    assert (answer.state, answer.reason) == (State.FAILED, "failed (ModuleNotFoundError)")
