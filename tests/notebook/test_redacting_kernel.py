"""What a real kernel sends with redaction, and what a front end saves of it."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from tests.notebook.kernels import ROOT, Kernel, Message, show, start_kernel, stream_of
from tests.notebook.leaks import (
    INSTALL,
    LONG_WAYS,
    SETTING,
    WAYS,
    find_leaks,
    make_long_values,
    make_values,
)
from tests.requirements import require
from tests.watch.scan.jupyter import run_notebook

UNCHECKED = "[credman: this output could not be checked]"


def run_way(kernel: Kernel, name: str) -> str:
    messages = kernel.run(WAYS[name])
    if name.endswith("later"):
        messages += kernel.listen(0.3)
    return show(messages)


def check_ways(place: Path, values: Mapping[str, str], python: str = sys.executable) -> None:
    """Each way leaks before redaction is on, and none afterwards."""
    with start_kernel(place, values, python) as kernel:
        kernel.run(SETTING)
        tight = [name for name in WAYS if not find_leaks(run_way(kernel, name), values)]
        assert tight == [], "these show nothing by themselves"
        assert "True" in show(kernel.run(INSTALL))
        shown = {name: run_way(kernel, name) for name in WAYS}
    leaks = {name: found for name, text in shown.items() if (found := find_leaks(text, values))}
    assert leaks == {}
    assert [name for name, text in shown.items() if "[credman:" not in text] == []
    assert [name for name, text in shown.items() if UNCHECKED in text] == []


def kinds_of(messages: list[Message]) -> list[str]:
    """Returns: the types of messages, with the texts of streams."""
    return [
        m["content"]["text"] if m["msg_type"] == "stream" else m["msg_type"]
        for m in messages
        if m["msg_type"] not in ("status", "execute_input") or m is messages[-2]
    ]


def test_no_value_comes_out_in_any_way_that_shows_it_otherwise(tmp_path: Path) -> None:
    assert len(WAYS) >= 30
    check_ways(tmp_path / "kernel", make_values())


@pytest.mark.deep
def test_nor_in_the_older_ipykernel_and_without_hyperscan(tmp_path: Path) -> None:
    place = tmp_path / "older"
    venv.create(place, with_pip=True)
    python = str(place / "bin" / "python")
    wanted = ["ipykernel<7", "ipywidgets", "rich"]
    done = subprocess.run(
        [python, "-m", "pip", "install", "-q", *wanted], capture_output=True, check=False
    )
    require(done.returncode == 0, "the package index cannot be reached")
    check_ways(tmp_path / "kernel", make_values(), python)


def test_a_saved_notebook_holds_no_value_and_its_widgets_neither(tmp_path: Path) -> None:
    values = make_values()
    names = ("print", "xmode Verbose", "widget", "HTML", "a character at a time", "%env")
    sources = [SETTING, INSTALL, *(WAYS[name] for name in names)]
    environ = {**values, "PYTHONPATH": str(ROOT)}
    saved = run_notebook(tmp_path / "a.ipynb", sources, environ)
    assert find_leaks(json.dumps(saved, ensure_ascii=False), values) == set()
    for name, cell in zip(names, saved["cells"][2:], strict=True):
        assert name == "widget" or "[credman:HF_TOKEN]" in json.dumps(cell["outputs"]), name
    assert "[credman:HF_TOKEN]" in json.dumps(saved["metadata"]["widgets"])


@pytest.mark.parametrize("name", make_long_values())
def test_nor_of_long_values(tmp_path: Path, name: str) -> None:
    value = make_long_values()[name]
    with start_kernel(tmp_path / "kernel", {**make_values(), "VALUE": value}) as kernel:
        kernel.run(SETTING + "value = os.environ['VALUE']")
        kernel.run(INSTALL + "install(get_ipython(), Redactor({'VALUE': value}))")
        for way, cell in LONG_WAYS.items():
            shown = show(kernel.run(cell))
            assert find_leaks(shown, {name: value}) == set(), way
            assert "[credman:VALUE]" in shown and UNCHECKED not in shown, way
        said = stream_of(kernel.run(f"for n in range(99): print(n, {value[:9]!r}, flush=True)"))
        assert said == "".join(f"{n} {value[:9]}\n" for n in range(99))


def test_what_is_held_back_comes_in_its_place(tmp_path: Path) -> None:
    values = make_values()
    begin = values["HF_TOKEN"][:8]
    with start_kernel(tmp_path / "kernel", values) as kernel:
        kernel.run(SETTING + INSTALL)
        say = "print('x ' + token[:8], end='', flush=True)\n"

        shown = kernel.run(say + "display(HTML('y'))\nprint('z', end='')")
        assert kinds_of(shown) == ["x ", begin, "display_data", "z", "status", "execute_reply"]
        last = kernel.run(say)
        assert kinds_of(last) == ["x ", begin, "status", "execute_reply"]
        other = kernel.run(say + "print('e', file=sys.stderr, flush=True)")
        assert kinds_of(other) == ["x ", begin, "e\n", "status", "execute_reply"]
        on_time = kernel.run(say + "time.sleep(1.5)\nprint('-', end='')")
        assert kinds_of(on_time) == ["x ", begin, "-", "status", "execute_reply"]
        broken = kernel.run(say + "1 / 0")
        assert kinds_of(broken) == ["x ", begin, "error", "status", "execute_reply"]
        # A thread goes on after its cell: no other message comes that would let it out.
        kernel.run("threading.Timer(0.2, lambda: print('x ' + token[:8], end='')).start()")
        assert stream_of(kernel.listen(1)) == f"x {begin}"

        asked = kernel.client.execute(say + "time.sleep(60)", allow_stdin=False)
        while stream_of([kernel.client.get_iopub_msg(timeout=60)]) != "x ":
            pass
        kernel.interrupt()
        interrupted = kernel.ask(asked)
        assert kinds_of(interrupted)[:2] == [begin, "error"]


def test_nothing_is_lost_or_leaks_when_the_kernel_ends(tmp_path: Path) -> None:
    values = make_values()
    begin = values["HF_TOKEN"][:8]
    with start_kernel(tmp_path / "kernel", values) as kernel:
        kernel.run(SETTING + INSTALL)
        kernel.run(
            "import atexit\n"
            "atexit.register(lambda: print('a ' + token, 'b ' + token[:8], end='', flush=True))\n"
        )
        said = kernel.end()
    assert find_leaks(show(said), values) == set()
    assert stream_of(said) == f"a [credman:HF_TOKEN] b {begin}"


def test_a_forked_child_holds_nothing_back_and_repeats_nothing(tmp_path: Path) -> None:
    values = make_values()
    begin = values["HF_TOKEN"][:8]
    with start_kernel(tmp_path / "kernel", values) as kernel:
        kernel.run(SETTING + INSTALL)
        shown = kernel.run(
            "print(token[:8], end='', flush=True)\n"  # held back when it forks
            "pid = os.fork()\n"
            "if not pid:\n"
            "    print('c' + token[:8], end='', flush=True)\n"
            "    os._exit(0)\n"
            "os.waitpid(pid, 0)\ntime.sleep(0.5)"
        )
        shown += kernel.listen(0.3)
    assert stream_of(shown) in {f"{begin}c{begin}", f"c{begin}{begin}"}


def test_replies_and_requests_hold_no_value(tmp_path: Path) -> None:
    values = make_values()
    token = values["HF_TOKEN"]
    with start_kernel(tmp_path / "kernel", values) as kernel:
        kernel.run(SETTING + "class A: pass\na = A(); setattr(a, token, 1); A.__doc__ = odd\n")

        def ask_all() -> list[str]:
            client = kernel.client
            asked: list[Callable[[], str]] = [
                lambda: client.complete("a.hf", 4),
                lambda: client.inspect("a", 1, detail_level=1),
                lambda: client.execute("1", user_expressions={"x": "token"}, allow_stdin=False),
                lambda: client.history(hist_access_type="tail", n=9),
                lambda: client.execute("get_ipython().set_next_input(token)", allow_stdin=False),
            ]
            kernel.run(f"x = {token!r}")
            return [show(kernel.ask(each())) for each in asked]

        assert all(find_leaks(text, values) for text in ask_all())
        kernel.run(INSTALL)
        for text in ask_all():
            assert find_leaks(text, values) == set() and "[credman:" in text
        # Colab's front end must get what Colab's kernel asks.
        request = kernel.run(
            "kernel = get_ipython().kernel\n"
            "kernel.session.send(kernel.iopub_socket, 'colab_request', {'request': {'key': token}})"
        )
        requests = [m["content"] for m in request if m["msg_type"] == "colab_request"]
        assert requests == [{"request": {"key": token}}]


def test_the_session_is_afterwards_as_it_was(tmp_path: Path) -> None:
    values = make_values()
    with start_kernel(tmp_path / "kernel", values) as kernel:
        kernel.run(SETTING + "session = get_ipython().kernel.session\nbefore = dict(vars(session))")

        def say(source: str) -> str:
            return stream_of(kernel.run(source))

        kernel.run(INSTALL + INSTALL)
        assert say("print(token)") == "[credman:HF_TOKEN]\n"
        kernel.run("install(get_ipython(), Redactor({'OTHER': token}))")
        assert say("print(token, odd)") == f"[credman:OTHER] {values['ODD_KEY']}\n"
        off = "from credman.notebook.redacting import uninstall\n"
        assert say(off + "print(uninstall(get_ipython()), uninstall(get_ipython()))") == (
            "True False\n"
        )
        assert say("print(token)") == f"{values['HF_TOKEN']}\n"
        same = "{k: v for k, v in vars(session).items() if 'message_count' != k}"
        same += " == {k: v for k, v in before.items() if 'message_count' != k}"
        assert say(f"print({same})") == "True\n"

        # Somebody who wrapped it before keeps it, and who wrapped it after loses nothing.
        kernel.run(
            "seen = []\noriginal = session.send\n"
            "def first(*args, **options):\n"
            "    seen.append(1)\n    return original(*args, **options)\n"
            "session.send = first\n" + INSTALL
        )
        assert say("print(token)") == "[credman:HF_TOKEN]\n"
        assert say("uninstall(get_ipython()); print(session.send is first)") == "True\n"
        kernel.run(INSTALL)
        kernel.run("ours = session.send\nsession.send = lambda *a, **k: ours(*a, **k)")
        assert say("uninstall(get_ipython()); print(token)") == f"{values['HF_TOKEN']}\n"
        kernel.run(INSTALL)
        assert say("print(token)") == "[credman:HF_TOKEN]\n"
        assert say("print(len(seen) > 9)") == "True\n"


def test_what_cannot_be_checked_is_not_shown_and_the_cell_goes_on(tmp_path: Path) -> None:
    values = make_values()
    with start_kernel(tmp_path / "kernel", values) as kernel:
        kernel.run(SETTING + INSTALL)
        kernel.run(
            "class Broken(Redactor):\n"
            "    def find_matches(self, text, *args, **named):\n        raise RuntimeError(text)\n"
            "    def may_hold(self, packed):\n        raise RuntimeError(packed)\n"
            "import ipywidgets\ninstall(get_ipython(), Broken({'HF_TOKEN': token}))"
        )
        for name in (
            "print",
            "last expression",
            "HTML",
            "f-string error",
            "widget",
            "update_display",
        ):
            messages = kernel.run(WAYS[name])
            assert find_leaks(show(messages), values) == set()
            assert messages[-1]["content"]["status"] == ("error" if "error" in name else "ok")
            if name != "widget":
                assert UNCHECKED in show(messages), name
        assert stream_of(kernel.run("print(token)\nprint(1)")) == f"{UNCHECKED}\n"
        reply = kernel.ask(kernel.client.complete("token.sp", 8))[-1]["content"]
        assert (reply["status"], reply["matches"], reply["cursor_end"]) == ("ok", [], 8)
        kernel.run(INSTALL)
        assert stream_of(kernel.run("print(token)")) == "[credman:HF_TOKEN]\n"


def test_eight_threads_at_once(tmp_path: Path) -> None:
    values = make_values()
    with start_kernel(tmp_path / "kernel", values) as kernel:
        kernel.run(SETTING + INSTALL)
        shown = kernel.run(
            "def say(n):\n"
            "    for i in range(200):\n"
            "        print(f'<{token}>\\n', end='', flush=i % 7 == 0)\n"
            "        if i % 50 == 0: display({'text/plain': token}, raw=True)\n"
            "threads = [threading.Thread(target=say, args=(n,)) for n in range(8)]\n"
            "[t.start() for t in threads]; [t.join() for t in threads]; None"
        )
    assert find_leaks(show(shown), values) == set()
    assert sorted(set(stream_of(shown).splitlines())) == ["<[credman:HF_TOKEN]>"]
    assert len(stream_of(shown).splitlines()) == 8 * 200


def test_in_a_terminal_there_is_nothing_to_do(tmp_path: Path) -> None:
    program = (
        "from credman.notebook.redacting import Redactor, install, uninstall\n"
        "r = Redactor({'A': 'x' * 9})\n"
        "print([install(get_ipython(), r), uninstall(get_ipython()), install(None, r)])"
    )
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=nocolor", "-c", program],
        env={"HOME": str(tmp_path), "IPYTHONDIR": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[False, False, False]\n", done.stderr
