"""No traceback shows a value, a passphrase or a variable, however much of a program it shows."""

from __future__ import annotations

import os
import re
import select
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import credman
from credman.api.opening import opened
from credman.core.errors import CredmanError, NameTaken, Refused
from credman.core.secret import Secret
from credman.upkeep import renewing
from credman.vault import container, document
from tests.api.showing import LONG, VARIABLE, WRONG, fails, try_call
from tests.cli.harness import PASSPHRASE
from tests.cli.harness import credman as command
from tests.cli.scans import OTHER, STRANGE, TOKEN
from tests.upkeep.stub_sitting import sitting
from tests.upkeep.stub_troubles import Trouble, half, hang_up, say, status

pytestmark = pytest.mark.filterwarnings("ignore::credman.CredmanWarning")
_CALLS: dict[str, Callable[[], object]] = {
    "get": lambda: credman.get("made"),
    "load": lambda: credman.load("made"),
    "load all": lambda: credman.load(env="default"),
    "env": lambda: credman.env("default").__enter__(),
    "check": lambda: credman.check("made"),
    "remove": lambda: credman.remove("made"),
    "list": credman.list,
    "add": lambda: credman.add("new", Secret(OTHER)),
}
_RENEWING = ("get", "load", "load all", "env")


@pytest.fixture(autouse=True)
def _variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDMAN_PASSPHRASE", PASSPHRASE)
    monkeypatch.setenv("ANOTHER_SECRET", VARIABLE)


@dataclass(frozen=True)
class Printer:
    """Args: text: what a token's command prints; then: shell; seconds: how long it may take."""

    text: str
    then: str = ""
    seconds: float = 30.0


_PRINTERS = {
    "fails": Printer(STRANGE, "exit 3"),
    "nothing": Printer(""),
    "too much": Printer(f"{STRANGE}\n" * 80_000),
    "no value": Printer(f"{STRANGE}\n\0"),
    "too slow": Printer(STRANGE, "sleep 60", 0.3),
    "asks for itself": Printer(STRANGE, "sleep 60"),
    "cannot be run": Printer(STRANGE),
}


def make_ended(place: Path) -> Path:
    """Stores a token whose value has ended. Returns: the script that prints its value."""
    script = place / "print.sh"
    script.write_text(f"#!/bin/sh\necho {OTHER}\n")
    script.chmod(0o700)
    made = command("add", "made", "--no-check", "--command", str(script), "--ttl", "1h")
    assert made.exit_code == 0, made.stderr
    with opened(None, None) as store:
        token = store.session.token("made")
        before = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
        ended = token.with_version(replace(token.current, expires_at=before))
        store.session.change_token(token.key, lambda _: ended)
    return script


@pytest.mark.parametrize("way", _PRINTERS)
@pytest.mark.parametrize("call", _RENEWING)
def test_the_command_of_a_token(
    way: str, call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script, printer = make_ended(tmp_path), _PRINTERS[way]
    (tmp_path / "text").write_text(printer.text)
    script.write_text(f"#!/bin/sh\ncat {tmp_path / 'text'}\n{printer.then}\n")
    monkeypatch.setattr(renewing, "COMMAND_SECONDS", printer.seconds)
    if way == "cannot be run":
        script.unlink()
    if way == "asks for itself":
        monkeypatch.setenv("CREDMAN_RENEWING", "default/default/made")
    fails(_CALLS[call])


def test_ctrl_c_while_a_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = make_ended(tmp_path)
    script.write_text(f"#!/bin/sh\necho {STRANGE}\nsleep 60\n")

    wait = select.select

    def press(*given: Any) -> Any:
        found = wait(*given)
        if not found[0] and looked:
            raise KeyboardInterrupt
        looked.extend(found[0])
        return found

    looked: list[object] = []
    monkeypatch.setattr(select, "select", press)
    assert isinstance(fails(_CALLS["env"]), KeyboardInterrupt)


@pytest.mark.parametrize("call", _CALLS)
def test_a_wrong_passphrase(call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("add", "made", "--no-check", stdin=TOKEN.encode()).exit_code == 0
    monkeypatch.setenv("CREDMAN_PASSPHRASE", WRONG)
    fails(_CALLS[call])


_GIVERS = {
    "fails": f"echo {WRONG}; exit 3",
    "no text": f"printf '{WRONG}\\377'",
    "another one": f"echo {WRONG}",
}


@pytest.mark.parametrize("text", _GIVERS.values(), ids=list(_GIVERS))
def test_the_command_that_gives_the_passphrase(
    text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert command("add", "made", "--no-check", stdin=TOKEN.encode()).exit_code == 0
    script = tmp_path / "give.sh"
    script.write_text(text)
    monkeypatch.delenv("CREDMAN_PASSPHRASE")
    monkeypatch.setenv("CREDMAN_PASSPHRASE_COMMAND", f"sh {script}")
    for call in ("load all", "env", "list"):
        fails(_CALLS[call])


def _cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2000])


def _turn_bit(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 1
    path.write_bytes(data)


def _patch(module: Any, name: str, value: object) -> Callable[[Path, pytest.MonkeyPatch], None]:
    return lambda _, monkeypatch: monkeypatch.setattr(module, name, value)


def _refuse(*_: object) -> object:
    raise ValueError


_DAMAGES: dict[str, Callable[[Path, pytest.MonkeyPatch], object]] = {
    "cut off": lambda path, _: _cut_off(path),
    "a bit": lambda path, _: _turn_bit(path),
    "empty": lambda path, _: path.write_bytes(b""),
    "another format": _patch(container, "_VERSION", re.compile(rb'\{"credman":(1)1')),
    "another padding": _patch(container, "PADDING_BYTES", 4099),
    "another identity": _patch(container, "_IDENTITY_START", b'{"identitx":"'),
    "not by an owner": _patch(container, "_AUTH_INFO", b"credman.dev/other"),
    "no document": _patch(document, "_document", _refuse),
    "no text": _patch(document, "read_token", _refuse),
}


@pytest.mark.parametrize("damage", _DAMAGES)
@pytest.mark.parametrize("call", ["env", "add", "remove"])
def test_a_damaged_vault(call: str, damage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert command("add", "made", "--no-check", stdin=TOKEN.encode()).exit_code == 0
    _DAMAGES[damage](Path(os.environ["CREDMAN_HOME"], "data", "vault.age"), monkeypatch)
    fails(_CALLS[call])


_UNFIT = {
    "fit": OTHER,
    "long": LONG,
    "empty": "",
    "not text": f"{OTHER}\ud83d",
    "a NUL": f"{OTHER}\0",
    "too long": OTHER * 40_000,
    "of another shape": f"x{OTHER}\n{OTHER}\n",
}


@pytest.mark.parametrize("name", ["made", "huggingface", "aws"])
@pytest.mark.parametrize("value", _UNFIT.values(), ids=list(_UNFIT))
def test_a_value_that_is_not_stored(name: str, value: str) -> None:
    assert command("add", "made", "--no-check", stdin=TOKEN.encode()).exit_code == 0
    with suppress(CredmanError):
        credman.add("huggingface", Secret(value), check=False)
    for again in (False, True):
        try_call(lambda again=again: credman.add(name, Secret(value), replace=again))  # type: ignore[misc]


def test_a_name_or_a_variable_that_is_taken() -> None:
    credman.add("made", Secret(TOKEN), check=False)
    assert isinstance(fails(lambda: credman.add("made", Secret(OTHER))), NameTaken)
    fails(lambda: credman.add("other", Secret(OTHER), variable="MADE"))
    fails(lambda: credman.add("other", Secret(OTHER), variable="PATH"))


@pytest.mark.parametrize("module", ["keys", "seal", "place"])
def test_a_vault_that_cannot_be_written(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    credman.add("made", Secret(TOKEN), check=False)
    if module == "place":
        monkeypatch.setattr("credman.stores.disk.os.replace", _refuse_to_write)
        monkeypatch.setattr("credman.stores.disk.os.rename", _refuse_to_write)
    elif module == "seal":
        monkeypatch.setattr(container, "MAX_VAULT_BYTES", 4500)
    else:
        monkeypatch.setattr(container, "_IDENTITY_BYTES", 73)
    fails(lambda: credman.add("new", Secret(LONG), check=False))


def _refuse_to_write(*_: object) -> None:
    raise OSError(28, "No space left on device")


_NONSENSE = {
    "dead": status(401),
    "not JSON": say(f"<{TOKEN}"),
    "a list": say(f'["{TOKEN}"]'),
    "an error": status(500, text=TOKEN),
    "half": half(),
    "nothing": hang_up(),
}


@pytest.mark.parametrize("trouble", _NONSENSE.values(), ids=list(_NONSENSE))
def test_a_provider(trouble: Trouble, monkeypatch: pytest.MonkeyPatch) -> None:
    with sitting("huggingface") as desk:
        for name, value in desk.environ.items():
            monkeypatch.setenv(name, value)
        issued = desk.give("huggingface", name="hf")
        desk.provider.trouble("huggingface", "verify", trouble)
        found = credman.check("hf")
        assert issued.token not in repr(found)
        acts = (
            lambda: credman.get("hf", check=True),
            lambda: credman.load("hf", check=True, override=True),
            lambda: credman.add("hf", Secret(issued.token), replace=True),
            lambda: credman.add("huggingface", Secret(issued.token), env="prod"),
        )
        for act in acts:
            if found.state == "dead":
                assert isinstance(fails(act, issued.token), Refused)
            else:
                act()


def test_a_value_that_is_given_as_it_is() -> None:
    credman.add("made", TOKEN, check=False)
    for value in (OTHER, "plain words of a passphrase"):
        raised = fails(partial(credman.add, "made", value, check=False), value)
        assert isinstance(raised, NameTaken)
    fails(lambda: credman.add("other", f"{OTHER}\0", check=False))
    fails(lambda: credman.add("other", f"{OTHER}\ud800", check=False))


@pytest.mark.parametrize("name", [TOKEN, f"HF_TOKEN={TOKEN}", f"Bearer {STRANGE}"])
def test_a_value_that_is_given_as_a_name(name: str) -> None:
    acts: list[Callable[[str], object]] = [credman.get, credman.load, credman.which]
    acts += [credman.check, credman.remove, credman.add]
    for act in acts:
        fails(partial(act, name))
    fails(lambda: credman.env(name).__enter__())
    fails(lambda: credman.list(env=name))
    fails(lambda: credman.get("made", profile=name))
