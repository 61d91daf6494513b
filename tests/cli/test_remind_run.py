"""``remind run``: what the timer calls. It never asks, tells each stage once, and loses none."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from credman.core.intervals import format_instant
from credman.stores import disk
from credman.upkeep import reminding
from tests.cli.harness import PASSPHRASE, PROGRAM, Outcome, credman, make_value
from tests.cli.person import person
from tests.requirements import require_program

VALUE = make_value("sk-", 40)
LINE = "rotate api: overdue for 10 days: credman rotate api"
UNSEEN = "1 reminder: not shown on the desktop: no session bus"
KNOWN_NOTHING = "nothing is known of the tokens yet"


def place(name: str) -> Path:
    """A file of the state directory."""
    return Path(os.environ["CREDMAN_HOME"], "state", name)


def make_overdue(*names: str, days: int = 100) -> None:
    """Stores tokens that were made so long ago, and are to be rotated every 90 days."""
    for name in names:
        added = credman("add", name, "--no-check", "--rotate-every", "90d", stdin=VALUE.encode())
        assert added.exit_code == 0, added.stderr
    age(days)


def age(days: int) -> None:
    """Makes what the cache knows so many days older: no command can store in the past."""
    made = format_instant(datetime.now(UTC) - timedelta(days=days))
    known = json.loads(place("cache.json").read_bytes())
    for store in known["stores"].values():
        for token in store["tokens"]:
            token["versions"][0]["created_at"] = made
    place("cache.json").write_text(json.dumps(known))


def hook(file: Path, script: str = "true") -> list[str]:
    """A command that keeps what it is given in a file, and then does something else."""
    return ["--command", shlex.join(["sh", "-c", f'cat >> "$0"; {script}', str(file)])]


def tell(*options: str, **more: Any) -> Outcome:
    return credman("remind", "run", *options, passphrase=None, **more)


def given(file: Path) -> list[dict[str, Any]]:
    """Returns: the reminders that a command was given, of all runs."""
    text, found = file.read_text() if file.exists() else "", []
    while text:
        item, end = json.JSONDecoder().raw_decode(text)
        found += item["reminders"]
        text = text[end:].lstrip()
    return found


def last_run() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(place("reminders.json").read_bytes())["last_run"]
    return found


def list_unseen(store: str | None = None) -> list[str]:
    """Returns: what could not be shown to anybody, in words."""
    environ = {} if store is None else {"CREDMAN_STORE": store}
    outcome = credman("remind", "status", "--json", environ=environ, passphrase=None)
    found: list[str] = json.loads(outcome.text)["pending"]
    return found


def configure(text: str) -> None:
    path = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.write_text(text)


def test_a_command_is_given_exactly_this(tmp_path: Path) -> None:
    credman("add", "hf", "--no-check", "--var", "H", "-e", "prod", "-p", "work", stdin=b"EXAMPLE")
    assert credman("schedule", "hf", "-e", "prod", "-p", "work", "--every", "90d").exit_code == 0
    age(100)
    assert tell(*hook(tmp_path / "got")).exit_code == 0
    (store,) = json.loads(place("cache.json").read_bytes())["stores"].values()
    made = datetime.fromisoformat(store["tokens"][0]["versions"][0]["created_at"])
    assert json.loads((tmp_path / "got").read_text()) == {
        "version": 1,
        "reminders": [
            {
                "kind": "rotation",
                "name": "hf",
                "environment": "prod",
                "profile": "work",
                "provider": "huggingface",
                "version": 1,
                "since": format_instant(made),
                "at": format_instant(made + timedelta(days=90)),
                "overdue": True,
                "command": "credman rotate hf -e prod -p work",
                "title": "rotate hf (prod, profile work)",
                "text": "overdue for 10 days: credman rotate hf -e prod -p work",
            }
        ],
    }


def test_no_value_and_no_note_comes_out_of_it(tmp_path: Path) -> None:
    note, names = "EXAMPLE note to myself", ("api", "x" * 64)
    for name in names:
        credman("add", name, "--no-check", "--note", note, "-e", "e" * 64, stdin=VALUE.encode())
        credman("schedule", name, "-e", "e" * 64, "--every", "90d")
    age(100)
    outcome = tell(*hook(tmp_path / "got", "exit 1"))
    (_, long) = sorted(given(tmp_path / "got"), key=lambda item: len(item["name"]))
    assert long["title"] == f"rotate {'x' * 64} ({'e' * 64})"  # only a desktop's is cut
    written = [
        p.read_bytes().decode("utf-8", "replace") for p in place("").iterdir() if p.is_file()
    ]
    for text in (outcome.stderr, outcome.text, (tmp_path / "got").read_text(), *written):
        for secret in (VALUE, VALUE[-4:], note, PASSPHRASE):
            assert secret not in text


def test_it_opens_no_vault_and_runs_nothing_that_would(tmp_path: Path) -> None:
    make_overdue("api")
    strace, log, mark = require_program("strace"), tmp_path / "log", tmp_path / "mark"
    opens = {"CREDMAN_PASSPHRASE_COMMAND": f"touch {mark}", "CREDMAN_PASSPHRASE": PASSPHRASE}
    done = subprocess.run(
        [strace, "-f", "-o", str(log), "-e", "trace=open,openat,execve", *PROGRAM, "remind", "run"],
        env={**os.environ, **opens},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=Path.home(),
        start_new_session=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")  # cron mails what is said
    assert last_run()["result"] == UNSEEN
    traced = log.read_text()
    assert "cache.json" in traced and "vault.age" not in traced
    assert traced.count("execve(") == 1 and not mark.exists()


def test_it_needs_no_vault_at_all() -> None:
    make_overdue("api")
    Path(os.environ["CREDMAN_HOME"], "data", "vault.age").unlink()
    assert tell().exit_code == 0
    assert last_run()["result"] == UNSEEN


def test_a_person_at_a_terminal_is_asked_nothing_and_told_it() -> None:
    make_overdue("api")
    with person("remind", "run") as somebody:
        assert somebody.leaves() == 0
    assert somebody.screen.splitlines()[:2] == [LINE, UNSEEN]
    assert "passphrase" not in somebody.screen


NOTHING: dict[str, bytes | None] = {
    "missing": None,
    "empty": b"",
    "damaged": b'{"version":1,"stores":{',
    "newer": b'{"version":2,"stores":{}}',
    "of another store": b'{"version":1,"stores":{"file:/else":{"environments":[],"tokens":[]}}}',
    "a directory": None,
    "huge": b" " * (9 << 20),
}


@pytest.mark.parametrize("kind", NOTHING)
def test_without_a_cache_nothing_is_known_and_that_is_noted(kind: str, tmp_path: Path) -> None:
    make_overdue("api")
    place("cache.json").unlink()
    data = NOTHING[kind]
    if data is not None:
        place("cache.json").write_bytes(data)
    elif kind == "a directory":
        place("cache.json").mkdir()
    outcome = tell(*hook(tmp_path / "got"))
    assert outcome.exit_code == 6
    assert outcome.stderr == (
        f"credman: error: {KNOWN_NOTHING}\n"
        "credman: hint: credman list notes their names and dates\n"
    )
    assert (last_run()["result"], last_run()["well"]) == (KNOWN_NOTHING, False)
    assert given(tmp_path / "got") == []


def test_one_record_that_is_damaged_makes_the_cache_no_cache() -> None:
    make_overdue("api")
    text = place("cache.json").read_text()
    place("cache.json").write_text(text.replace('"current"', '"gone"'))
    assert tell().exit_code == 6


def test_where_the_cache_is_off_it_says_so() -> None:
    make_overdue("api")
    configure('cache = "off"\n')
    outcome = tell()
    assert outcome.exit_code == 6
    assert "error: the cache is off, and reminders know tokens from nowhere else" in outcome.stderr
    assert 'hint: cache = "on" in the configuration' in outcome.stderr
    assert last_run()["result"].startswith("the cache is off") and not last_run()["well"]


FAILING = {
    "exit 3": "the command ended with 3",
    "kill -TERM $$": "the command was ended by signal 15",
}


@pytest.mark.parametrize("script", FAILING)
def test_a_command_that_fails_is_an_error_and_the_next_command_tells_it(
    script: str, tmp_path: Path
) -> None:
    make_overdue("api")
    outcome = tell(*hook(tmp_path / "got", script))
    result = f"{UNSEEN}; {FAILING[script]}"
    assert (outcome.exit_code, outcome.stderr) == (1, f"{result}\n")
    assert (last_run()["result"], last_run()["well"]) == (result, False)
    assert list_unseen() == [LINE]
    for _ in range(2):
        assert tell(*hook(tmp_path / "got")).exit_code == 0
    assert len(given(tmp_path / "got")) == 2  # once more, since it failed


def test_a_command_that_is_not_there_is_an_error() -> None:
    make_overdue("api")
    outcome = tell("--command", "nosuch-command --to me")
    reason = "the command cannot be run: no such file or directory"
    assert (outcome.exit_code, outcome.stderr) == (1, f"{UNSEEN}; {reason}\n")


def test_a_command_that_reads_nothing_has_done_its_work() -> None:
    make_overdue(*(f"t{number}" for number in range(20)))
    known = json.loads(place("cache.json").read_bytes())
    (store,) = known["stores"].values()
    store["tokens"] = [{**t, "environment": f"e{n}"} for n in range(20) for t in store["tokens"]]
    place("cache.json").write_text(json.dumps(known))  # more than a pipe takes
    assert tell("--command", "true").exit_code == 0
    assert last_run()["result"].startswith("400 reminders: ")


@pytest.mark.parametrize("command", ["", " ", "'", "''", "a\nb"])
def test_what_cannot_be_a_command_is_refused_and_tells_nothing(command: str) -> None:
    make_overdue("api")
    outcome = tell("--command", command)
    assert outcome.exit_code == 2 and "credman: error: --command " in outcome.stderr
    assert not place("reminders.json").exists()


def test_it_does_not_inherit_what_opens_the_vault(tmp_path: Path) -> None:
    make_overdue("api")
    # Who has it in a shell's file has it in the timer's environment as well.
    environ = {"CREDMAN_PASSPHRASE_COMMAND": "print-it", "EXAMPLE": "kept"}
    script = shlex.join(["sh", "-c", 'env > "$0"', str(tmp_path / "env")])
    assert credman("remind", "run", "--command", script, environ=environ).exit_code == 0
    lines = (tmp_path / "env").read_text().splitlines()
    assert "EXAMPLE=kept" in lines
    assert not [line for line in lines if line.startswith("CREDMAN_PASSPHRASE")]


def test_however_the_url_of_a_store_is_written_it_is_one_store(tmp_path: Path) -> None:
    make_overdue("api")
    vault = Path(os.environ["CREDMAN_HOME"], "data", "vault.age")
    assert tell(*hook(tmp_path / "got")).exit_code == 0
    for url in (f"file:{vault}", f"file:{os.path.relpath(vault, Path.home())}"):
        assert tell("--store", url, *hook(tmp_path / "got")).exit_code == 0
    assert len(given(tmp_path / "got")) == 1


def test_a_new_vault_without_tokens_has_nothing_to_tell() -> None:
    assert credman("init").exit_code == 0
    assert tell().exit_code == 0
    assert (last_run()["result"], last_run()["well"]) == ("nothing was due", True)


def test_while_another_run_tells_it_says_so_and_is_no_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_overdue("api")
    monkeypatch.setattr(reminding, "_LOCK_SECONDS", 0.1)
    with disk.locked(str(place("reminders.json.lock"))):
        outcome = tell(*hook(tmp_path / "got"))
    said = "another run is telling what is due\n"
    assert (outcome.exit_code, outcome.stderr) == (0, said)
    assert given(tmp_path / "got") == [] and not place("reminders.json").exists()
    assert tell(*hook(tmp_path / "got")).exit_code == 0
    with disk.locked(str(place("reminders.json.lock"))):
        assert tell().exit_code == 0
    assert last_run()["well"] and len(given(tmp_path / "got")) == 1
