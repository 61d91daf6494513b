"""What may be a value is taken out of IPython's history, in memory and in its file; other lines
stay."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from credman.notebook.history import TAKEN_OUT, take_cell_out, take_out
from credman.notebook.magics import Magics
from tests.cli.harness import PASSPHRASE, credman, make_value
from tests.cli.scans import OTHER, STRANGE, TOKEN
from tests.notebook.sitting import Kernel, running

SAID = "taken out of the history"
WEAK = "hunter2hunter2"  # looks like nothing
_LAST = """\
import json
def _last(manager):
    manager.writeout_cache()
    rows = manager.db.execute(
        "SELECT source_raw, source FROM history WHERE session = ? ORDER BY line DESC LIMIT 2",
        (manager.session_number,))
    print(json.dumps([manager.input_hist_raw[-2], manager.input_hist_parsed[-2], _i, _ih[-2],
                      globals()[f"_i{len(_ih) - 2}"], *list(rows)[1]]))"""


def last(kernel: Kernel) -> tuple[str, str]:
    """Returns: the cell before, and what IPython made of it, as every part of the history has
    them."""
    raw, parsed, i, ih, numbered, in_file, made = json.loads(
        kernel.run("_last(get_ipython().history_manager)")
    )
    assert (i, ih, numbered) == (raw, parsed, raw)
    assert (in_file, made) == (raw, parsed)
    return raw, parsed


def read_file(place: Path) -> bytes:
    """Returns: the file of the history, and what lies beside it."""
    found = [*place.rglob("history.sqlite*")]
    assert found
    return b"".join(path.read_bytes() for path in found)


@pytest.fixture
def kernel(tmp_path: Path, _own_home: None) -> Iterator[Kernel]:
    credman("add", "hf", "-e", "prod", "--no-check", stdin=TOKEN.encode())
    credman("add", "my-api2", "-p", "work", "--no-check", stdin=STRANGE.encode())
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as started:
        started.run(f"%load_ext credman\n{_LAST}")
        yield started


def test_the_lines_beside_it_stay(kernel: Kernel, tmp_path: Path) -> None:
    out = TAKEN_OUT
    for cell, raw, made in (
        (f"x = 1\n%credman load {WEAK}\ny = 2", f"x = 1\n{out}\ny = 2", f"x = 1\n{out}\ny = 2"),
        (f"%credman add hf={TOKEN}", out, out),
        (f"x = %credman add hf {WEAK}", out, out),
        (f"if 1:\n    %credman load {WEAK}\n", f"if 1:\n    {out}", f"if 1:\n    {out}"),
        (f"x = 1\n%credman load hf \\\n  {WEAK} \\\n  -o\ny = 2", *2 * [f"x = 1\n{out}\ny = 2"]),
        (f"%credman list\n%credman load {WEAK}", *2 * [f"%credman list\n{out}"]),
        (f"%credman load {WEAK}\n%credman which {WEAK}", *2 * [f"{out}\n{out}"]),
        (f"%%time\nx = 1\n%credman load {WEAK}", f"%%time\nx = 1\n{out}", out),
        (f"%time %credman load {WEAK}", out, out),
        (f"credman load {WEAK}", out, out),
        (f"x = 1\n%credman add hf '{WEAK}", *2 * [f"x = 1\n{out}"]),
        (f"x = 1\n%credman which {WEAK}", *2 * [f"x = 1\n{out}"]),
        # Nothing is known of where the line came from, or a word stands elsewhere.
        (f"x = '{WEAK}'\n%credman load {{x}}", out, out),
        (f"# it is {WEAK}\n%credman load {WEAK}", out, out),
        ("x = 1\n%credman add hf pa$$w0rd", out, out),
        (f"%%credman add hf\n{WEAK}", out, out),
    ):
        said = kernel.run(cell, [])
        assert SAID in said and WEAK not in said and "Traceback" not in said, cell
        found = last(kernel)
        made = made.replace("%credman list", "get_ipython().run_line_magic('credman', 'list')")
        assert found == (raw, made), cell
    file = read_file(tmp_path / "k")
    assert not [word for word in (WEAK, TOKEN, "pa$$") if word.encode() in file]


def test_what_is_near_a_known_word_stays(kernel: Kernel) -> None:
    for line in (
        *("lod prod", "load hff", "LOAD hf", "chekc hf -e prd", "load hf --enf prod", "load -x"),
        *("load", "redact no", "list hf", "check my-api2", "load -p wrok", "load HF_TOKEM"),
        *("-h", "--help", "load --help", "load hf -h", "load MY_OWN_TOKEN", "load nothing"),
        *("which MY_OWN_TOKEN", "load PATH -x", "load mistrl"),
    ):
        cell = f"x = 1\n%credman {line}"
        said = kernel.run(cell, [])
        assert SAID not in said and "Traceback" not in said, line
        assert last(kernel)[0] == cell, line


def test_a_line_of_an_earlier_cell_goes_when_it_is_run(kernel: Kernel, tmp_path: Path) -> None:
    kernel.run(f"x = 1\ndef f():\n    %credman load {WEAK}")
    assert SAID in kernel.run("f()", [])
    assert last(kernel) == ("f()", "f()")
    assert f"x = 1\\ndef f():\\n    {TAKEN_OUT}" in kernel.run("print([*_ih])")
    assert WEAK not in kernel.run("print(_ih, get_ipython().history_manager.input_hist_raw)")
    assert WEAK.encode() not in read_file(tmp_path / "k")


def test_a_later_traceback_does_not_show_the_line(kernel: Kernel) -> None:
    kernel.run(f"def f(x):\n    1 / x\n    %credman load {WEAK}")
    assert WEAK in kernel.run("f(0)")
    assert SAID in kernel.run("f(1)", [])
    said = kernel.run("f(0)")
    assert "ZeroDivisionError" in said and "taken out" in said and WEAK not in said


def test_two_kernels_with_one_file(kernel: Kernel, tmp_path: Path) -> None:
    other = "anoth3r-valu3"
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as second:
        second.run(f"%load_ext credman\n{_LAST}")
        kernel.run("a = 1")
        second.run("b = 1")
        assert SAID in kernel.run(f"x = 1\n%credman load {WEAK}", [])
        assert SAID in second.run(f"y = 1\n%credman load {other}", [])
        assert last(kernel)[0] == f"x = 1\n{TAKEN_OUT}"
        assert last(second)[0] == f"y = 1\n{TAKEN_OUT}"
    file = read_file(tmp_path / "k")
    assert b"b = 1" in file and WEAK.encode() not in file and other.encode() not in file


def test_what_is_typed_at_a_prompt_is_in_no_history(kernel: Kernel, tmp_path: Path) -> None:
    asked, added = make_value(length=33), make_value(length=32)
    said = kernel.run("%credman load MY_OWN_TOKEN", [asked, "n"])
    said += kernel.run("%credman add other -e dev", [added])
    said += kernel.run("import credman; credman.load('THIRD_TOKEN')", [OTHER, "n"])
    assert [is_hidden for _, is_hidden in kernel.prompts if is_hidden] == [True] * 3, said
    kernel.run("%credman redact off")
    said += kernel.run("print(_ih, _i, _ii, _iii, get_ipython().history_manager.input_hist_raw)")
    said += kernel.run("%history -o -n")
    file = read_file(tmp_path / "k")
    for value in (asked, added, OTHER):
        assert value not in said and value.encode() not in file


def make_shell(file: Path | None, cells: list[tuple[str, str]]) -> Any:
    """An IPython that has run these cells. Args: file: None: it cannot be written."""
    db = sqlite3.connect(":memory:" if file is None else file)
    if file is not None:
        db.execute("CREATE TABLE history (session, line, source, source_raw)")
    manager = SimpleNamespace(
        input_hist_raw=["", *(raw for raw, _ in cells)],
        input_hist_parsed=["", *(parsed for _, parsed in cells)],
        db_input_cache=[(n, parsed, raw) for n, (raw, parsed) in enumerate(cells, 1)],
        db_input_cache_lock=threading.Lock(),
        db=db,
        session_number=1,
        _i00=cells[-1][0],
    )
    return SimpleNamespace(history_manager=manager, user_ns={"_i1": cells[0][0], "_i": 3})


def test_what_waits_for_the_file_never_comes_there(tmp_path: Path) -> None:
    cell = (f"%credman load {WEAK}", f"get_ipython().run_line_magic('credman', 'load {WEAK}')")
    shell = make_shell(tmp_path / "h", [cell])
    assert SAID in take_out(shell, f"load {WEAK}", [WEAK])
    manager = shell.history_manager
    assert manager.db_input_cache == [(1, TAKEN_OUT, TAKEN_OUT)]
    assert manager._i00 == shell.user_ns["_i1"] == TAKEN_OUT and shell.user_ns["_i"] == 3


def test_ctrl_c_at_a_prompt_leaves_no_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*names: str, **given: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("credman.api.load", stop)
    shell = make_shell(tmp_path / "h", [(f"%credman load {WEAK}", "")])
    with pytest.raises(Exception, match="stopped"):
        Magics(shell, lambda _: "").run(f"load {WEAK}")
    assert shell.history_manager.input_hist_raw[-1] == TAKEN_OUT


def test_a_file_that_cannot_be_changed_is_told() -> None:
    shell = make_shell(None, [(f"%credman load {WEAK}", "")])
    assert "cannot be changed now" in take_out(shell, f"load {WEAK}", [WEAK])
    assert shell.history_manager.input_hist_raw[-1] == TAKEN_OUT


def test_without_a_history_nothing_is_said() -> None:
    shell = SimpleNamespace(history_manager=None, user_ns={})
    assert take_out(shell, f"load {WEAK}", [WEAK]) == take_cell_out(shell) == ""
