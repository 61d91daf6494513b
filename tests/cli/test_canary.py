"""Planted values, and every command: they show up where that is the purpose, and nowhere else.

The table of commands is the list of parameters, so a new command is swept unasked; the last test
fails until it has a line in ``GOOD``.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from credman.agent import client
from credman.cli import ALIASES, COMMANDS
from credman.cli.options import Invocation
from credman.core import config
from credman.output import shells
from credman.session import Session
from credman.stores import disk, vaultfile
from credman.stores.file import FileStore
from credman.upkeep import revoking
from tests.agent.agents import agents
from tests.cli.harness import Outcome, credman, make_value, make_vault

VALUE = make_value()
PASSPHRASE = "canary-" + make_value("", 20)
CANARIES = (VALUE, PASSPHRASE)
NAMES = [*COMMANDS, *ALIASES]

GOOD: dict[str, list[list[str]]] = {
    "init": [["--store", "file:other.age"], ["--recovery-file", "key"]],
    "add": [["new"], ["hf", "--replace"], ["x", "--field", "A", "--field", "B"]],
    "get": [["hf"], ["hf", "--reveal"], ["hf", "--field", "HF_TOKEN"]],
    "show": [["hf"], ["hf", "--json"]],
    "list": [[], ["--all"], ["--json"], ["-e", "prod"]],
    "remove": [["hf", "--yes"], ["hf"]],
    "rename": [["hf", "new"]],
    "copy": [["hf", "--to-env", "dev"]],
    "check": [[], ["hf"], ["--all"], ["--json"], ["-e", "prod", "hf"]],
    "rotate": [
        ["hf"],
        ["hf", "--no-check"],
        ["hf", "--grace", "7d", "--yes"],
        ["hf", "--auto"],
        ["hf", "--resume"],
        ["hf", "--abort"],
    ],
    "revoke": [["hf", "--yes"], ["hf", "--version", "1", "--yes"], ["hf", "--compromised"]],
    "history": [["hf"], ["hf", "--json"]],
    "rollback": [["hf", "--yes"], ["hf", "--to", "1"]],
    "schedule": [["hf"], ["hf", "--json"], ["hf", "--every", "90d", "--remind", "14d,3d"]],
    "due": [[], ["--json"], ["--ics"], ["--policy", "--within", "30d"], ["-e", "prod"]],
    "remind install": [["--dry-run", "--scheduler", "cron"], ["--dry-run"]],
    "remind uninstall": [[]],
    "remind status": [[], ["--json"]],
    "remind run": [[], ["--command", "true"]],
    "scan": [
        [],
        ["."],
        ["--no-store"],
        ["--stdin"],
        ["--stdin", "--format", "json"],
        ["--format", "sarif"],
        ["--upload", "."],
        ["--accept"],
    ],
    "clean": [
        [],
        ["--dry-run"],
        ["--dry-run", "."],
        ["--suggest", "--no-store"],
        ["--shell-history", "--dry-run"],
        ["--yes", "."],
        ["--yes"],
    ],
    "hook install": [["--pre-commit"]],
    "hook uninstall": [[]],
    "hook status": [[]],
    "env": [[], ["prod", "--shell", "sh"], ["--unset"], ["--only", "hf"], ["--shell", "fish"]],
    "exec": [["--", "true"], ["prod", "--only", "hf", "--", "true"]],
    "export": [["--format", "dotenv"], ["prod", "--format", "json", "--reveal"]],
    "passwd": [["--new-passphrase-fd", "5"], ["--slot", "0", "--new-passphrase-fd", "5"]],
    "slot list": [[], ["--json"]],
    "slot add": [["passphrase", "--label", "laptop", "--new-passphrase-fd", "5"]],
    "slot remove": [["0", "--yes"], ["recovery", "--yes"]],
    "recovery new": [["--recovery-file", "key", "--yes"]],
    "recovery verify": [["--recovery-file", "key"], []],
    "store move": [["file:other.age", "--yes"], ["file:other.age"]],
    "backup": [["b.age"], ["--new-passphrase-fd", "5"], ["--passphrase", "--new-passphrase-fd=5"]],
    "restore": [["--previous", "--yes"], ["--previous"], ["other.age", "--merge"]],
    "doctor": [[], ["--json"], ["--accept", "--yes"]],
    "providers": [[], ["hf"], ["--json"]],
    "unlock": [["--for", "8h"], []],
    "lock": [[]],
    "status": [[], ["--json"]],
    "use": [[], ["-e", "prod"], ["--json"]],
    "completions": [["bash"], ["fish"]],
}
"""What each command does well with, on a vault that holds ``hf``."""

MAY_PRINT = ("get", "env", "export")


MISPLACED = [
    [VALUE], ["x", VALUE], ["-e", VALUE], ["-p", VALUE], [f"--env={VALUE}"], [f"--{VALUE}"],
    [f"-{VALUE}"], ["--store", f"file://u:{VALUE}@host/x"], ["--store", VALUE],
    ["--only", VALUE], ["hf", "--only", VALUE, "--", "true"], [f"--passphrase-fd={VALUE}"],
    ["--provider", VALUE, "x"], [f"--value={VALUE}"], ["x", f"--note={VALUE}"],
    ["x", f"--expires={VALUE}"], ["x", f"--rotate-every={VALUE}"], ["x", f"--var={VALUE}=1"],
    ["hf", f"--field={VALUE}"], ["--shell", VALUE], ["-v"], ["-vv"], ["--verbose"],
    ["--debug", VALUE], ["--for", VALUE], ["--help", VALUE], [VALUE, "--help"],
    ["hf", f"--grace={VALUE}"], ["hf", f"--version={VALUE}"], ["hf", "--to", VALUE],
    ["x", f"--ttl={VALUE}", "--command", "true"], ["hf", VALUE],
]  # fmt: skip

LAYERS: list[tuple[object, str]] = [
    (Invocation, "open_session"),
    (Invocation, "open_store"),
    (config, "parse_config"),
    (Session, "snapshot"),
    (Session, "reveal"),
    (Session, "values"),
    (FileStore, "exists"),
    (FileStore, "commit"),
    (vaultfile, "parse_vault"),
    (vaultfile, "seal_vault"),
    (disk, "read_own_file"),
    (disk, "replace_file"),
    (shells, "check_variable"),
]

FAILURES = [
    RuntimeError(f"cannot handle {VALUE} with {PASSPHRASE}"),
    UnicodeDecodeError("utf-8", VALUE.encode(), 0, 1, PASSPHRASE),
    OSError(5, VALUE, PASSPHRASE),
    KeyError(VALUE),
]


def good(name: str) -> list[list[str]]:
    return GOOD[ALIASES.get(name, name)]


@pytest.fixture(autouse=True)
def _vault_with_canary(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(revoking, "_WAITS_SECONDS", tuple(0 for _ in revoking._WAITS_SECONDS))
    make_vault(PASSPHRASE)
    yield
    assert_not_on_disk()


def assert_hidden(outcome: Outcome, *, may_print: bool = False) -> None:
    for canary in CANARIES:
        assert canary not in outcome.stderr
        assert canary not in "".join(outcome.shown)
        if not (may_print and canary == VALUE):
            assert canary not in outcome.text
    assert "Traceback" not in outcome.stderr


def assert_not_on_disk() -> None:
    for path in Path(os.environ["CREDMAN_HOME"]).parent.rglob("*"):
        assert not [c for c in CANARIES if c in path.name]
        if path.is_file() and not path.is_symlink():
            data = path.read_bytes()
            assert not [c for c in CANARIES if c.encode() in data], path


def walk(name: str, arguments: Sequence[str], **options: Any) -> Outcome:
    options.setdefault("stdin", f"A={VALUE}\nB={VALUE}\n".encode())
    options.setdefault("descriptors", {5: f"{PASSPHRASE}, another".encode()})
    return credman(*name.split(), *arguments, **{"passphrase": PASSPHRASE, **options})


@pytest.mark.parametrize("name", NAMES)
class TestEveryCommand:
    def test_when_all_goes_well(self, name: str) -> None:
        full = ALIASES.get(name, name)
        for arguments in good(name):
            outcome = walk(name, arguments)
            assert_hidden(outcome, may_print=full in MAY_PRINT)
            if full == "exec":
                assert outcome.execution is not None and outcome.stdout == b""
                assert VALUE in outcome.execution.variables.values()
                assert PASSPHRASE not in outcome.execution.variables.values()
                assert VALUE not in outcome.execution.argv

    def test_on_a_terminal_where_the_canary_is_typed(self, name: str) -> None:
        for arguments in good(name):
            answers = [PASSPHRASE, VALUE, VALUE, "y"]
            outcome = walk(name, arguments, stdin=None, answers=answers, passphrase=None,
                           stdout_is_terminal=True)  # fmt: skip
            assert_hidden(outcome, may_print="--reveal" in arguments)

    def test_with_the_wrong_passphrase(self, name: str) -> None:
        for arguments in good(name):
            for wrong in (PASSPHRASE[:-1], f"{PASSPHRASE} ", f"AGE-SECRET-KEY-1{PASSPHRASE}"):
                assert_hidden(walk(name, arguments, passphrase=wrong))
        environ = {"CREDMAN_PASSPHRASE_COMMAND": f"echo '{PASSPHRASE}x'; exit 3"}
        assert_hidden(walk(name, good(name)[0], passphrase=None, environ=environ))
        options = [*good(name)[0][:1], f"--passphrase-fd={PASSPHRASE}"]
        assert_hidden(walk(name, options, passphrase=None))

    def test_with_a_damaged_vault(self, name: str) -> None:
        vault = Path(os.environ["CREDMAN_HOME"], "data", "vault.age")
        whole = vault.read_bytes()
        for damaged in (b"", whole[:300], whole[:-1], whole[:-40] + b"x" * 40, b"{}", whole * 2):
            vault.write_bytes(damaged)
            assert_hidden(walk(name, good(name)[0]))

    def test_with_the_canary_as_an_argument(self, name: str) -> None:
        for bad in MISPLACED:
            assert_hidden(walk(name, bad))

    def test_when_a_layer_fails_with_the_canary_in_hand(
        self, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        full = ALIASES.get(name, name)
        for (holder, attribute), failure in zip(LAYERS, itertools.cycle(FAILURES), strict=False):

            def fail(*args: object, _failure: Exception = failure, **kwargs: object) -> None:
                held = (VALUE, PASSPHRASE)  # in a local variable of the traceback
                raise _failure from ValueError(*held)

            with monkeypatch.context() as patch:
                patch.setattr(holder, attribute, fail)
                outcome = walk(name, good(name)[0])
            assert_hidden(outcome, may_print=full in MAY_PRINT and outcome.exit_code == 0)


def test_a_failing_layer_is_reached(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RuntimeError(VALUE)

    monkeypatch.setattr(disk, "read_own_file", fail)
    for name in ("get", "show", "list", "remove", "env", "exec", "add"):
        outcome = walk(name, good(name)[0])
        assert "unexpected RuntimeError in test_canary.py:" in outcome.stderr, name


NEXT, LAST = (f"hf_{body}" for body in (VALUE[:2:-1], VALUE[3:].swapcase()))
"""What rotations bring."""


def test_a_rotation_from_its_beginning_to_its_end() -> None:
    steps: list[tuple[list[str], dict[str, Any]]] = [
        (["rotate", "hf"], {"stdin": NEXT.encode()}),
        (["rotate", "hf"], {"stdin": NEXT.encode()}),  # it is not a new one
        (["history", "hf"], {}),
        (["show", "hf"], {}),
        (["list", "--json"], {}),
        (["rollback", "hf", "--yes"], {}),
        (["rotate", "hf", "--yes"], {"stdin": None, "answers": [f" {LAST} "]}),
        (["check", "hf", "--json"], {}),
        (["revoke", "hf", "--compromised", "--yes"], {}),
        (["revoke", "hf", "--version", "1", "--compromised", "--yes"], {}),
        (["revoke", "hf", "--version", "2", "--yes"], {}),
        (["history", "hf", "--json"], {}),
        *(([name], {}) for name in ("list", "check")),
        (["exec", "--", "true"], {}),
        *(([name, "hf"], {}) for name in ("show", "history", "rollback")),
    ]
    said = ""
    for argv, options in steps:
        outcome = walk(argv[0], argv[1:], **options)
        assert_hidden(outcome)
        everything = outcome.stderr + outcome.text + "".join(outcome.shown)
        assert NEXT not in everything and LAST not in everything, argv
        said += everything
    for step in ("#2 is current", "not a new one", "#1 is current again", "#3 is current",
                 "#1 is compromised", "is to be revoked by hand"):  # fmt: skip
        assert step in said, step
    for path in Path(os.environ["CREDMAN_HOME"]).parent.rglob("*"):
        data = path.read_bytes() if path.is_file() else b""
        assert NEXT.encode() not in data and LAST.encode() not in data, path


def test_a_command_that_prints_the_canary() -> None:
    told = {"CANARY": VALUE, "LINES": f"A={VALUE}\n{VALUE}", "JSON": f'{{"AccessKeyId": "{VALUE}'}
    made = ("--ttl", "5m", "--command")
    parts = ("--field", "A", "--field", "B")
    for code, arguments in (
        (0, ["fine", *made, "printenv CANARY"]),
        (6, ["failing", *made, "sh -c 'printenv CANARY; exit 3'"]),
        (6, ["lines", *parts, *made, "printenv LINES"]),
        (6, ["value", *parts, *made, "printenv CANARY"]),
        (6, ["json", *parts, *made, "printenv JSON"]),
        (6, ["zero", *made, "sh -c 'printf \"$CANARY\\0\"'"]),
        (6, ["early", *made, "sh -c 'printenv CANARY; kill -9 $$'"]),
    ):
        outcome = walk("add", arguments, environ=told)
        assert outcome.exit_code == code, outcome.stderr
        assert_hidden(outcome)
    for name in ("show", "history", "check", "copy"):
        assert_hidden(walk(name, ["fine", *(["--to-env", "dev"] if name == "copy" else [])]))
    assert walk("get", ["fine"]).text == VALUE


def test_an_agent_and_who_asks_it() -> None:
    with agents() as desk:
        desk.unlock(passphrase=PASSPHRASE)
        agent = Path("/proc", str(desk.pid))
        for name in [*sorted(client.COMMANDS & {*NAMES}), "status", "unlock"]:
            for arguments in (*good(name), *MISPLACED[:3], [f"--{VALUE}"]):
                done = desk.run(name, *arguments)
                full = ALIASES.get(name, name)
                printed = done.stdout if full not in MAY_PRINT else b""
                for canary in CANARIES:
                    assert canary.encode() not in done.stderr + printed, (name, arguments)
        for what in ("cmdline", "environ", "comm"):
            assert not [c for c in CANARIES if c.encode() in (agent / what).read_bytes()]
        assert desk.pid


def test_every_command_was_swept() -> None:
    assert set(GOOD) == set(COMMANDS)
    assert set(ALIASES.values()) <= set(COMMANDS)
    assert set(MAY_PRINT) <= set(COMMANDS)
