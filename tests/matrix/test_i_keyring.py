"""Rows I01 to I05: the operating system's keyring is not there, is not to be trusted, or is closed.
A real gnome-keyring, or none at all."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from credman.core.keyslots import KEYRING_SERVICE
from credman.oskeyring import client
from tests.cli.desk import Desk, desk
from tests.matrix.common import CANARY, PASSPHRASE, home, vault_path
from tests.matrix.ringed import (
    LOCKED,
    SOMEWHERE,
    WAYS,
    add,
    assert_whole,
    begin,
    call,
    choose,
    configure,
    errors,
    reopen,
)
from tests.oskeyring.bus import Bus, bus, display
from tests.stores.rings import look_up

ABSENT = "there is no keyring here"
DISMISSED = "the keyring stayed locked: its prompt was dismissed"
OTHERWISE = "on a terminal a passphrase of the vault, or its recovery key, opens it as well"


@WAYS
def test_i01_without_a_session_bus_nothing_is_started(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(way, monkeypatch)
    with desk(tmp_path) as here:
        key = begin(here, way)
    here = Desk(Bus({}))
    monkeypatch.setattr(sys, "executable", "/nowhere")  # to start a worker would be another error
    env = call(here, "env")
    assert (env.exit_code, env.text, errors(env)[0]) == (6, "false;\n", ABSENT)
    if way == "slot":
        assert errors(env)[1] == OTHERWISE
        assert call(here, "get", "canary", answers=[key], may_print=True).text == CANARY
    for variable in ("HOME", "CREDMAN_HOME"):
        monkeypatch.setenv(variable, str(tmp_path / "another"))
    say_to_use_a_file(here, way)


@WAYS
def test_i01_at_a_dead_socket_no_deadline_is_waited_for(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(way, monkeypatch)
    for name in ("INTERACTIVE_SECONDS", "UNATTENDED_SECONDS"):
        monkeypatch.setattr(client, name, 3600.0)
    address = f"unix:path={tmp_path}/gone"
    dead = Bus({"DBUS_SESSION_BUS_ADDRESS": address, "XDG_RUNTIME_DIR": str(tmp_path)})
    say_to_use_a_file(Desk(dead), way)
    assert dead.workers() == set()


def say_to_use_a_file(here: Desk, way: str) -> None:
    """The next step where there is no keyring: a vault in a file, opened by a passphrase."""
    made = call(here, "init", answers=[PASSPHRASE, PASSPHRASE])
    if way == "store":
        to_a_file = "an encrypted file keeps tokens as well: credman init --store file:PATH"
        assert (made.exit_code, errors(made)) == (6, [ABSENT, to_a_file])
        made = call(here, "init", "--store", f"file:{vault_path()}", answers=[PASSPHRASE] * 2)
    lines = made.stderr.splitlines()
    assert made.exit_code == 0
    assert lines[:2] == ["no usable keyring here", "a passphrase will open the vault"]
    assert lines[2] == f"vault made at {vault_path()}, opened by a passphrase"


BACKENDS = {
    "keyring.backends.fail.Keyring": "it is there to refuse everything",
    "keyring.backends.null.Keyring": "it discards silently what it is given",
    "keyring.backends.chainer.ChainerBackend": "it hands values to whichever backend is installed",
    "keyrings.alt.file.PlaintextKeyring": "it keeps values in files, some of them in clear",
}
WHICH = "import keyring; k = type(keyring.get_keyring()); print(f'{k.__module__}.{k.__name__}')"


def redirect(folder: Path, backend: str) -> dict[str, dict[str, str]]:
    """Returns: ways to send the keyring package to another backend: variables, by a name."""
    package = folder / "keyrings" / "alt"
    package.mkdir(parents=True)
    (package / "file.py").write_text(
        "from keyring.backends.null import Keyring\nclass PlaintextKeyring(Keyring): pass\n"
    )
    (folder / "python_keyring").mkdir()
    (folder / "python_keyring" / "keyringrc.cfg").write_text(
        f"[backend]\ndefault-keyring={backend}\nkeyring-path={folder}\n"
    )
    code = {"PYTHONPATH": str(folder)}
    return {
        "variable": {**code, "PYTHON_KEYRING_BACKEND": backend},
        "file": {**code, "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)},
    }


@pytest.mark.parametrize(
    "backend",
    [
        *("keyring.backends.null.Keyring", "keyrings.alt.file.PlaintextKeyring"),
        pytest.param("keyring.backends.fail.Keyring", marks=pytest.mark.deep),
        pytest.param("keyring.backends.chainer.ChainerBackend", marks=pytest.mark.deep),
    ],
)
def test_i02_what_sends_the_keyring_package_elsewhere_does_not_send_credman(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with desk(tmp_path) as here:
        plain = dict(here.bus.environ)
        for name, given in redirect(tmp_path / "evil", backend).items():
            here.bus.environ = {**plain, **given}
            assert here.bus.call(sys.executable, "-c", WHICH).stdout.strip() == backend
            with monkeypatch.context() as patched:
                patched.setenv("CREDMAN_HOME", str(tmp_path / name))
                assert call(here, "init").exit_code == 0
                assert add(here, "canary").exit_code == 0
                choose("store", patched)
                assert add(here, name).exit_code == 0
            assert look_up(here.bus, f"{name}#1") == CANARY
        assert len(here.bus.users(KEYRING_SERVICE)) == 2


@WAYS
@pytest.mark.parametrize("backend", BACKENDS)
def test_i02_the_configuration_cannot_choose_such_a_one(
    backend: str, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(way, monkeypatch)
    configure(f'keyring = "{backend}"\n')
    monkeypatch.setattr(sys, "executable", "/nowhere")  # nothing is started
    for done in (call(SOMEWHERE, "init"), add(SOMEWHERE, "canary")):
        said, hint = errors(done)
        assert done.exit_code == 7
        assert said == f"this keyring backend is not used: {BACKENDS[backend]}"
        assert hint.startswith("one of keyring.backends.SecretService.Keyring, ")
    assert not vault_path().exists() and not (home() / "state" / "keyring.json").exists()


@WAYS
def test_i03_a_locked_keyring_with_nobody_to_ask_is_named_as_that(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(way, monkeypatch)
    with desk(tmp_path) as here:
        key = begin(here, way)
        here.bus.lock()
        env = call(here, "env")
        assert (env.exit_code, env.text, errors(env)[0]) == (6, "false;\n", LOCKED)
        assert errors(env)[1].startswith("unlock it in the desktop")
        assert (add(here, "more").exit_code, add(here, "more", "-e", "new").exit_code) == (6, 6)
        if way == "slot":
            got = call(here, "get", "canary", answers=[key], may_print=True)
            assert (got.text, got.stderr) == (CANARY, f"{LOCKED}\n")
        reopen(here.bus)
        assert_whole(here, "canary")


@contextmanager
def locked_with_a_window(tmp_path: Path, way: str) -> Iterator[tuple[Desk, str]]:
    """Its prompt is a window, and nobody sits there. Gives the recovery key as well."""
    folder = tmp_path / "keyring"
    folder.mkdir()
    with display() as shown, bus(folder, environ=shown) as found:
        here = Desk(found)
        key = begin(here, way)
        found.lock()
        yield here, key


@WAYS
def test_i04_a_prompt_that_is_dismissed_is_a_no(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(way, monkeypatch)
    with locked_with_a_window(tmp_path, way) as (here, key):
        for answers in (None, [key]):
            with ThreadPoolExecutor(1) as pool:
                asking = pool.submit(call, here, "get", "canary", answers=answers, may_print=True)
                while not asking.done():
                    for window in here.bus.find("gcr-prompter"):
                        with suppress(ProcessLookupError):
                            os.kill(window, signal.SIGTERM)
            got = asking.result()
            if answers and way == "slot":
                assert (got.exit_code, got.text, got.stderr) == (0, CANARY, f"{DISMISSED}\n")
            else:
                assert (got.exit_code, got.text, errors(got)[0]) == (6, "", DISMISSED)
                assert errors(got)[1].startswith("run the command again and answer it")
        reopen(here.bus)
        assert_whole(here, "canary")


@WAYS
def test_i05_a_prompt_that_nobody_answers_is_given_up(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (client.INTERACTIVE_SECONDS, client.UNATTENDED_SECONDS) == (60, 5)
    choose(way, monkeypatch)
    with locked_with_a_window(tmp_path, way) as (here, key):
        monkeypatch.setattr(client, "INTERACTIVE_SECONDS", 1.6)
        monkeypatch.setattr(client, "UNATTENDED_SECONDS", 1.5)
        for options, seconds in ((("--no-input",), 1.5), ((), 1.6)):
            with here.bus.watch() as called:
                got = call(here, "get", "canary", *options, answers=[key], may_print=True)
            said = got.stderr.splitlines()[0].removeprefix("credman: error: ")
            assert said == f"the keyring did not answer within {seconds} s"
            assert here.bus.workers() == set() and {"Prompt", "Unlock"} <= set(called)
            is_asked = way == "slot" and seconds == 1.6
            assert (got.exit_code, got.text) == ((0, CANARY) if is_asked else (6, ""))
