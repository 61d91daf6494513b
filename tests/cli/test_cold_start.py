"""What a command that only reads loads, without an agent: modules by name, nothing timed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest

from tests.cli.harness import PASSPHRASE, credman, make_vault

READING = {
    "list": ["list"],
    "list --all": ["list", "--all"],
    "list --json": ["list", "--json"],
    "get": ["get", "hf"],
    "env": ["env", "--shell", "posix"],
    "env of fish": ["env", "--shell", "fish"],
    "show": ["show", "hf"],
    "show --json": ["show", "hf", "--json"],
}
NEEDS_THE_CATALOGUE = ("show", "show --json")  # the beginning of a token that is shown

CATALOGUE = (
    "credman.providers.catalogue",
    "credman.providers.facts",
    "credman.providers.schema",
)
NEVER = (
    "credman.core.keyslots",
    "credman.stores.changes",
    "credman.vault.rekeying",
    "boto3",
    "credman.cli.add",
    "credman.cli.asking",
    "credman.cli.clipboard",
    "credman.cli.create",
    "credman.cli.network",
    "credman.providers.asking",
    "credman.providers.client",
    "credman.upkeep",
    "credman.upkeep.common",
    "credman.upkeep.renewing",
    "credman.watch.rotation",
    "credman.oskeyring.worker",
    "credman.output.formats",
    "credman.stores.additions",
    "credman.stores.backup",
    "credman.stores.capabilities",
    "credman.stores.copies",
    "credman.stores.keyring",
    "credman.stores.memory",
    "credman.stores.merging",
    "credman.stores.moving",
    "jeepney",
    "keyring",
    "platformdirs",
    "pyperclip",
    "rich",
    "secretstorage",
    "tomlkit",
    "truststore",
    "urllib3",
)
ONLINE = ("boto3", "credman.cli.network", "http.client", "socket", "ssl", "truststore", "urllib3")
NOT_BESIDES_THE_PARSER = (
    "hashlib",
    "hmac",
    "secrets",
    "typer",
    "_strptime",
    "asyncio",
    "email",
    "getpass",
    "http.client",
    "importlib.metadata",
    "logging",
    "socket",
    "ssl",
    "tempfile",
    "urllib.request",
    "zipfile",
)
"""Of the standard library: some releases of typer bring a few of them."""

_TELL = (
    "import json, os, sys\n"
    "end = os._exit\n"
    "def leave(code):\n"
    "    sys.stderr.write('\\n' + json.dumps([code, sorted(sys.modules)]))\n"
    "    sys.stderr.flush()\n"
    "    end(code)\n"
    "os._exit = leave\n"
)
"""The program ends without running anything at its end; so what ends it is asked."""


_MAIN = "from credman.__main__ import main\nmain()\n"


def modules_after(program: str, *argv: str) -> set[str]:
    """Returns: what is loaded when the program ends, which it must do well and with an output."""
    done = subprocess.run(
        [sys.executable, "-c", _TELL + program, *argv],
        env={**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE, "CREDMAN_AGENT": "off"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        cwd=Path.home(),
        check=False,
    )
    code, loaded = json.loads(done.stderr.splitlines()[-1])
    assert code == 0 and done.stdout, done.stderr
    return set(loaded)


def modules_of(command: str) -> set[str]:
    make_vault()
    return modules_after(_MAIN, *READING[command])


_PARSE = (
    "import typer\n"
    "app = typer.Typer(add_completion=False, rich_markup_mode=None)\n"
    "def command(name: str = typer.Argument(''), json: bool = typer.Option(False)) -> None:\n"
    "    print(0, flush=True)\n"
    "app.command()(command)\n"
    "app([], standalone_mode=False)\n"
    "os._exit(0)\n"
)


@cache
def modules_of_the_parser() -> set[str]:
    return modules_after(_PARSE)


@pytest.mark.parametrize("command", READING)
def test_what_reads_loads_neither_rich_nor_what_only_writers_need(command: str) -> None:
    assert sorted(modules_of(command) & set(NEVER)) == []


@pytest.mark.parametrize("command", READING)
def test_what_reads_loads_no_part_of_the_standard_library_that_is_heavy(command: str) -> None:
    loaded = modules_of(command) - modules_of_the_parser()
    spared = set(NOT_BESIDES_THE_PARSER)
    if command in NEEDS_THE_CATALOGUE:
        spared -= {"tempfile", "zipfile"}  # importlib.resources finds its files
    assert sorted(loaded & spared) == []


@pytest.mark.parametrize("command", READING)
def test_only_what_shows_a_token_loads_the_catalogue(command: str) -> None:
    loaded = modules_of(command)
    if command in NEEDS_THE_CATALOGUE:
        assert set(CATALOGUE) <= loaded
    else:
        assert sorted(loaded & set(CATALOGUE)) == []


@pytest.mark.parametrize("command", ["get", "env", "list"])
def test_what_expires_soon_loads_no_more_than_what_says_so(command: str) -> None:
    usual = modules_of(command)
    at_last = (datetime.now(UTC) + timedelta(hours=9)).isoformat()
    assert credman("add", "x", "--expires", at_last, stdin=b"v").exit_code == 0
    argv = [word.replace("hf", "x") for word in READING[command]]
    assert modules_after(_MAIN, *argv) - usual <= {"credman.cli.render"}


@pytest.mark.parametrize("command", ["get", "env"])
def test_a_value_that_a_command_printed_needs_no_network(command: str) -> None:
    make_vault()
    made = ("--command", "printf v", "--ttl", "30d")
    assert credman("add", "x", *made).exit_code == 0
    argv = [word.replace("hf", "x") for word in READING[command]]
    loaded = modules_after(_MAIN, *argv) - modules_of_the_parser()
    assert sorted(loaded & set(ONLINE)) == []


def test_these_modules_are_there_to_be_loaded() -> None:
    names = (*CATALOGUE, *NEVER, *ONLINE, *NOT_BESIDES_THE_PARSER)
    mistyped = [name for name in names if not _exists(name)]
    assert not mistyped


def _exists(name: str) -> bool:
    from importlib.util import find_spec

    return find_spec(name) is not None
