"""``kill -9`` in the middle of ``clean``, wherever it writes: each file is the old one or the new
one, the token is marked before the first file changes, and the next run finishes the work.
"""

from __future__ import annotations

import json
import os
import random
import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock

import pytest

from credman.caller import run_here
from tests.cli.cleaned_notebooks import make_notebook
from tests.cli.cleaned_values import find_parts
from tests.cli.harness import PASSPHRASE, Outcome, credman
from tests.cli.scans import TOKEN, keep_patterns, store
from tests.matrix.faults import Action, Call, copy_home, trace
from tests.stores.driver import KILLED, environment

WRITES = (
    *("write", "fchmod", "fsync", "link", "linkat", "rename", "renameat", "renameat2"),
    *("unlink", "unlinkat", "rmdir"),
)
PROJECT = "project"
_OF_PROCESS = re.compile(r"(?<=\.credman-)\d+")
_LOOKING = Lock()
"""What is looked at afterwards is looked at in this process, one at a time."""
_AWAY = b""
States = dict[str, bytes]


def run(home: str, *argv: str) -> int:
    """The command, in a process that is to be killed."""
    os.chdir(Path(home, PROJECT))
    code = run_here(argv, set(), 80, may_use_agent=False)
    sys.stdout.flush()
    assert isinstance(code, int)
    return code


CLEAN = Action(
    "clean",
    lambda home: [sys.executable, "-m", __name__, str(home), "clean", ".", "--yes"],
    lambda home: {**environment(), **_describe(home)},
    module=__name__,
)


def _describe(home: Path) -> dict[str, str]:
    opened = {"CREDMAN_HOME": str(home), "CREDMAN_PASSPHRASE": PASSPHRASE, "HOME": str(home)}
    return {**opened, "CREDMAN_AGENT": "off", "CREDMAN_OFFLINE": "1"}


def make_template(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns: a home with a stored token, and with a project in which it is everywhere."""
    monkeypatch.setenv("CREDMAN_HOME", str(home))
    keep_patterns()
    store(TOKEN, "-e", "prod")
    project = home / PROJECT
    (project / ".ipynb_checkpoints").mkdir(parents=True)
    parameters = json.dumps({"lr": 3e-05, "token": TOKEN}, indent=4).encode()
    files = {
        ".env": b"HF_TOKEN=%b\n",
        ".ipynb_checkpoints/training_params-checkpoint.json": parameters,
        "README.md": b"# Use\n\n    %b\n",
        "ci.yaml": b"env:\n  HF_TOKEN: %b\n",
        "clean.py": b"import os\n",
        "empty": b"",
        "notes.txt": f"größer {TOKEN}\r\n".encode("utf-16"),
        "pyproject.toml": b'token = "%b"\n',
        "run.sh": b"#!/bin/sh\nexport HF_TOKEN=%b\n",
        "settings.ini": b"[a]\ntoken = %b\n",
        "train.py": b"login(token='%b')\n",
        "training_params.json": parameters,
        "x.log": b"%b\n" * 20,
    }
    for name, data in files.items():
        (project / name).write_bytes(data.replace(b"%b", TOKEN.encode()))
    (project / "run.sh").chmod(0o755)
    (project / "train.py").chmod(0o444)
    (project / "a.ipynb").write_bytes(make_notebook(random.Random("of one value")).data)
    return home


def read_project(home: Path) -> States:
    project = home / PROJECT
    files = (path for path in project.rglob("*") if path.is_file())
    return {str(path.relative_to(project)): path.read_bytes() for path in files}


def run_again(home: Path, *argv: str) -> Outcome:
    return credman(*argv, cwd=home / PROJECT, environ=_describe(home), stdin=b"")


def check_middle(home: Path, old: States, new: States) -> str:
    """Looks at what a death left, and finishes it. Returns: how far it had come, in a word."""
    found = read_project(home)
    known = set(old) | set(new)
    for name in set(found) - known:  # half of what is written never gets a name of its own
        assert os.path.basename(name).startswith(".credman-"), name
        assert not find_parts(found[name])
    for name in known:
        states = {old.get(name, _AWAY), new.get(name, _AWAY)}
        assert found.get(name, _AWAY) in states, name
        assert (home / PROJECT / name).exists() or name not in old or name not in new, name
    changed = [name for name in known if found.get(name) != old.get(name)]
    [listed] = json.loads(run_again(home, "list", "--all", "--json").text)["tokens"]
    is_marked = listed["exposure"] is not None
    assert is_marked or not changed
    assert run_again(home, "get", "hf", "-e", "prod").stdout == TOKEN.encode()

    done = run_again(home, "clean", ".", "--yes")
    assert done.exit_code == 0, done.text + done.stderr
    after = {name: data for name, data in read_project(home).items() if name in known}
    assert after == new
    due = run_again(home, "due")
    assert due.exit_code == 8 and "credman rotate hf -e prod" in due.text
    if not changed:
        return "marked" if is_marked else "nothing"
    return "all" if found == new else "some"


def sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choose: Callable[[Sequence[Call]], list[Call]]
) -> Counter[str]:
    template = make_template(tmp_path / "template", monkeypatch)
    old = read_project(template)
    first = copy_home(template, tmp_path / "first")
    dying = CLEAN.with_own_byte_code(first)
    new = read_project(first)
    assert sum(old[name] != new.get(name) for name in old) == 12
    usual = trace(
        copy_home(template, tmp_path / "usual"),
        dying,
        # A signal that never comes: then the same calls are counted as where one comes.
        inject=f"{','.join(WRITES)}:signal=KILL:when=65535",
    )
    assert usual.exit_code == 0, usual.printed

    def attempt(numbered: tuple[int, Call]) -> str:
        number, call = numbered
        home = copy_home(template, tmp_path / f"home-{number}")
        traced = trace(home, dying, inject=f"{call.name}:signal=KILL:when={call.count}")
        assert traced.exit_code == KILLED, (call, traced.printed)
        met = traced.calls[-1]
        assert (met.name, _mask(met.target)) == (call.name, _mask(call.target)), (call, met)
        with _LOOKING:
            return check_middle(home, old, new)

    chosen = choose([call for call in usual.calls if call.target])
    with ThreadPoolExecutor(2) as pool:
        outcomes = Counter(pool.map(attempt, enumerate(chosen)))
    print(f"{len(chosen)} points: {dict(outcomes)}")
    return outcomes


def _mask(target: str) -> str:
    return _OF_PROCESS.sub("*", target)


def test_each_file_is_the_old_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Each file takes the same calls: of every third one, some would never be tried.
    outcomes = sweep(tmp_path, monkeypatch, lambda calls: random.Random("some").sample(calls, 25))
    assert outcomes.total() >= 20 and outcomes["some"] >= 10 and outcomes["marked"]


@pytest.mark.deep
def test_at_every_write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outcomes = sweep(tmp_path, monkeypatch, list)
    assert set(outcomes) == {"nothing", "marked", "some", "all"}
