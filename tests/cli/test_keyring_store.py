"""Tokens that rest in the login keyring, from the command line. A real gnome-keyring."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.desk import Desk, desk
from tests.cli.harness import PASSPHRASE, make_value
from tests.cli.keyed import vault

pytestmark = pytest.mark.usefixtures("copied_workers")
TITLE = "the login keyring (Secret Service)"
MADE = f"tokens rest in {TITLE}, each as an item of its own"


@pytest.fixture(autouse=True)
def _chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDMAN_STORE", "keyring:")


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Desk]:
    with desk(tmp_path) as found:
        yield found


def look_up(here: Desk, service: str, user: str) -> str:
    return here.bus.call("secret-tool", "lookup", "service", service, "username", user).stdout


def test_a_first_run_asks_nothing(here: Desk) -> None:
    made = here.program("init")
    assert (made.returncode, made.stdout) == (0, b"")
    assert made.stderr.decode().splitlines() == [MADE]
    value = make_value().encode()
    added = here.program("add", "hf", "-e", "prod", "--no-check", stdin=value)
    assert added.returncode == 0 and MADE.encode() not in added.stderr
    assert here.program("get", "hf", "-e", "prod").stdout == value
    assert here.program("env", "prod").stdout == b"export HF_TOKEN='%s';\n" % value
    assert look_up(here, "credman:prod/default", "hf#1") == value.decode()
    again = here.program("init")
    assert again.returncode == 7 and b"there is a vault already" not in again.stderr
    assert b"error: there is a store already: keyring:" in again.stderr
    assert not vault().exists() and here.bus.workers() == set()


def test_the_first_token_makes_it_and_no_recovery_key_is_shown(here: Desk) -> None:
    added = here.credman("add", "hf", "--no-check", answers=[make_value()])
    assert added.exit_code == 0 and added.stderr.splitlines()[0] == MADE
    assert len(added.shown) == 1 and "recovery" not in "".join(added.shown)
    assert here.run("get", "hf").text == make_value()


def test_a_passphrase_that_is_given_changes_nothing(here: Desk) -> None:
    assert here.program("init", passphrase=PASSPHRASE).returncode == 0
    value = make_value().encode()
    assert here.program("add", "hf", stdin=value, passphrase=PASSPHRASE).returncode == 0
    assert here.program("get", "hf").stdout == value


def test_all_that_is_done_with_tokens(here: Desk) -> None:
    here.run("add", "hf", "--no-check")
    here.run("copy", "hf", "--to-env", "prod")
    here.run("rename", "hf", "hub")
    listed = here.run("list", "--all")
    assert "hub" in listed.text and "prod" in listed.text and listed.stderr == ""
    assert look_up(here, "credman:default/default", "hub#1") == make_value()
    assert here.bus.users("credman:default/default") == {"hub#1"}
    assert "HF_TOKEN" in here.run("show", "hub").text
    here.run("remove", "hub", "--yes")
    assert here.bus.users("credman:default/default") == set()
    assert here.run("get", "hf", "-e", "prod").text == make_value()


def test_a_command_that_is_executed_has_no_child_of_ours(here: Desk) -> None:
    here.run("add", "hf", "--no-check")
    script = "echo $HF_TOKEN; cat /proc/$$/task/$$/children"
    done = here.program("exec", "--", "sh", "-c", f"{script}; exit 3")
    value, children = done.stdout.decode().splitlines() or ("", "")
    assert (done.returncode, value) == (3, make_value())
    assert len(children.split()) <= 1  # the cat itself
    assert here.bus.workers() == set()


@pytest.mark.parametrize("command", [("slot", "list"), ("passwd",), ("recovery", "new")])
def test_what_has_no_sense_here_says_so(command: tuple[str, ...], here: Desk) -> None:
    here.run("add", "hf", "--no-check")
    done = here.credman(*command, answers=[])
    assert done.exit_code == 6
    assert "this store is not opened by a passphrase or a recovery key" in done.stderr


@pytest.mark.parametrize("option", [("--no-keyring",), ("--recovery-file", "key")])
def test_what_only_a_file_has_is_refused(option: tuple[str, ...], here: Desk) -> None:
    done = here.credman("init", *option, answers=[])
    assert done.exit_code == 2 and done.shown == []
    assert "tokens kept in the keyring are opened by it alone" in done.stderr
    assert here.bus.users("credman:index") == set() and not Path.home().joinpath("key").exists()


@pytest.mark.parametrize(
    ("keyring", "said"),
    [
        ("absent", "there is no keyring here"),
        ("never", "the keyring is locked, and nothing here can ask for its password"),
    ],
)
def test_without_a_keyring_it_says_what_to_do(keyring: str, said: str, tmp_path: Path) -> None:
    with desk(tmp_path, keyring=keyring) as here:
        done = here.credman("init", answers=[])
        assert done.exit_code == 6 and done.shown == []
        error, hint = done.stderr.splitlines()[-2:]
        assert error == f"credman: error: {said}"
        assert hint == (
            "credman: hint: an encrypted file keeps tokens as well: credman init --store file:PATH"
        )
        added = here.program("add", "hf", stdin=b"EXAMPLE")
        assert added.returncode == 6 and said.encode() in added.stderr


def test_a_keyring_that_stops_working_is_named(here: Desk) -> None:
    here.run("add", "hf", "--no-check")
    here.bus.lock()
    locked = here.program("env")
    assert (locked.returncode, locked.stdout) == (6, b"false;\n")
    assert locked.stderr.decode().splitlines() == [
        "credman: error: the keyring is locked, and nothing here can ask for its password",
        "credman: hint: unlock it in the desktop's session, and run the command again",
    ]
    here.bus.stop_daemon()
    silent = here.program("get", "hf")
    assert (silent.returncode, silent.stdout) == (6, b"")
    assert silent.stderr.decode().splitlines() == [
        "credman: error: the keyring did not answer within 5 s",
        "credman: hint: a window of its own may be waiting for an answer",
    ]
    assert here.bus.workers() == set()


def test_without_a_session_it_is_out_of_reach() -> None:
    from tests.cli.harness import program

    done = program("list", passphrase=None)
    assert done.returncode == 6
    assert done.stderr.decode().splitlines() == [
        "credman: error: there is no keyring here",
        "credman: hint: these tokens are to be had where the keyring is: in the desktop's session",
    ]


def test_switched_off_it_is_not_used(here: Desk) -> None:
    path = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
    path.parent.mkdir(mode=0o700, parents=True)
    path.write_text('keyring = "off"\n')
    with here.bus.watch() as called:
        done = here.credman("add", "hf", answers=[])
    assert done.exit_code == 6 and "OpenSession" not in called
    assert "the keyring is switched off in the configuration" in done.stderr


def test_it_can_be_the_store_of_the_configuration(
    here: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDMAN_STORE")
    path = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
    path.parent.mkdir(mode=0o700, parents=True)
    path.write_text('store = "keyring:"\n')
    here.run("add", "hf", "--no-check")
    assert here.bus.users("credman:default/default") == {"hf#1"}


def test_nothing_of_a_value_is_on_the_disk_or_said(here: Desk) -> None:
    value = make_value()
    outcomes = [here.run("add", "hf", "--no-check"), here.run("list"), here.run("show", "hf")]
    for outcome in outcomes:
        assert value not in outcome.text + outcome.stderr
    for root in (Path.home(), Path(os.environ["CREDMAN_HOME"])):
        for file in (p for p in root.rglob("*") if p.is_file()):
            assert value.encode() not in file.read_bytes()
            assert file.stat().st_mode & 0o077 == 0


def test_a_token_whose_item_is_gone_can_be_removed_and_added_again(here: Desk) -> None:
    here.run("add", "hf", "-e", "prod", "-p", "work", "--no-check")
    here.bus.call("secret-tool", "clear", "service", "credman:prod/work", "username", "hf#1")
    for command in (("get", "hf"), ("env",), ("show", "hf")):
        done = here.credman(*command, "-e", "prod", "-p", "work")
        assert done.exit_code == 5
        lines = [line for line in done.stderr.splitlines() if line.startswith("credman: ")]
        assert lines == [
            "credman: error: the item hf#1 of credman:prod/work is gone from the keyring",
            "credman: hint: another program removed or changed it: credman remove hf -e prod "
            "-p work --store keyring: and add it again, or credman restore a backup",
        ]
    here.run("remove", "hf", "-e", "prod", "-p", "work", "--yes")
    here.run("add", "hf", "-e", "prod", "-p", "work", "--no-check")
    assert here.run("get", "hf", "-e", "prod", "-p", "work").text == make_value()
