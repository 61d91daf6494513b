"""Row B10: whatever happens while the ways to open a vault change, or one state takes the place of
another: the old or the new secret works, never neither."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from credman.core.errors import VaultDamaged
from credman.core.secret import Secret
from tests.matrix.faults import Action, Call, copy_home, trace, typed
from tests.matrix.sweep import (
    WAYS,
    Injection,
    Report,
    each_change,
    each_way,
    read_files,
    sweep,
)
from tests.stores import key_driver, key_places
from tests.stores.driver import KILLED, environment
from tests.stores.key_driver import SECRETS
from tests.stores.key_places import find_openers
from tests.stores.places import add, leftovers, names, open_vault, vault_file

ACTIONS = {
    "passwd": "whole",
    "slot-add": "whole",
    "slot-remove": "whole",
    "recovery-new": "whole",
    "restore": "whole",
    "merge": "whole",
    "restore-previous": "damaged",
    "accept": "rolled back",
}
"""What is killed, and how the vault is before it."""
THOROUGH = ("passwd", "restore", "restore-previous")


def drive(name: str) -> Action:
    def argv(home: Path) -> list[str]:
        return [sys.executable, "-m", "tests.stores.key_driver", str(home), name]

    return Action(name, argv, lambda _: environment(), module=key_driver.__name__)


def make_maker(tmp_path: Path, name: str) -> Callable[[Path], Path]:
    template = tmp_path / "template"
    key_driver.make_home(template, ACTIONS[name])
    return lambda home: copy_home(template, home)


def look(home: Path) -> tuple[str, ...]:
    """Returns: what opens the vault, and what is in it; a passphrase opens it always."""
    if not is_whole(home):
        return ("damaged",)
    passphrase = find_passphrase(home)
    opened = find_openers(vault_file(home).read_bytes(), *SECRETS)
    tokens = open_vault(home, None, passphrase).snapshot().tokens
    return (*sorted(opened), *sorted(f"{t.key.name} {t.unsure}" for t in tokens))


def is_whole(home: Path) -> bool:
    try:
        open_vault(home, None, *SECRETS[:3]).snapshot()
    except VaultDamaged:
        return False
    return True


def find_passphrase(home: Path) -> Secret:
    found = find_openers(vault_file(home).read_bytes(), *SECRETS[:3])
    assert found, "neither the old nor the new passphrase opens it"
    return min(found)


def go_on(home: Path) -> None:
    """The next run: it works with what it finds, after a word of the person where that is needed,
    and the copy that there is then opens as well."""
    if not is_whole(home):
        store = open_vault(home)
        store.current()
        store.restore(store.read_copy(store.previous()))
    passphrase = find_passphrase(home)
    if open_vault(home, None, passphrase).snapshot().obstacle is not None:
        open_vault(home, None, passphrase).accept()
    before = names(open_vault(home, None, passphrase))
    add(open_vault(home, None, passphrase), "later")
    store = open_vault(home, None, passphrase)
    assert names(store) == before | {"later"} and store.snapshot().obstacle is None
    backup = vault_file(home).with_name("vault.age.bak")
    assert passphrase in find_openers(backup.read_bytes(), *SECRETS)


def check_backup(home: Path, before: list[bytes]) -> None:
    """The copy before is the one there was, the vault there was, or the vault there is."""
    vault, *backup = read_files(home)
    assert backup and backup[0] in (*before, vault)


def at_names(points: list[Call]) -> list[Injection]:
    """Returns: a sudden death at each call that changes a name: these are the steps."""
    steps = [call for call in points if call.name.startswith(("rename", "link", "unlink"))]
    return [Injection(call, "kill", "signal=KILL") for call in steps]


def in_way(way: str) -> Callable[[list[Call]], list[Injection]]:
    """Every second one; ``make test-deep`` tries each."""
    return lambda points: [tried for tried in each_change(points) if tried.way == way][::2]


def run_sweep(
    tmp_path: Path,
    name: str,
    choose: Callable[[list[Call]], list[Injection]],
    action: Action | None = None,
) -> Report:
    place = tmp_path / "homes"
    place.mkdir()
    return sweep(
        place, make_maker(tmp_path, name), action or drive(name),
        look=look, next_run=go_on, backup_rule=check_backup, choose=choose,
    )  # fmt: skip


@pytest.mark.parametrize("name", THOROUGH)
def test_b10_killed_anywhere_the_old_or_the_new_secret_works(tmp_path: Path, name: str) -> None:
    check_way(run_sweep(tmp_path, name, in_way("kill")), "kill", least=10)


@pytest.mark.parametrize("name", [name for name in ACTIONS if name not in THOROUGH])
def test_b10_killed_at_each_step_the_old_or_the_new_secret_works(tmp_path: Path, name: str) -> None:
    check_way(run_sweep(tmp_path, name, at_names), "kill", least=5)


@pytest.mark.parametrize("name", ["passwd", "restore-previous"])
def test_b10_whatever_fails_the_old_or_the_new_secret_works(tmp_path: Path, name: str) -> None:
    check_way(run_sweep(tmp_path, name, in_way("once")), "once", least=10)


def check_way(report: Report, way: str, *, least: int) -> None:
    assert report.tried(way) >= least
    assert report.outcomes[way, "old"] and report.outcomes[way, "new"]


def test_b10_what_a_killed_process_left_of_the_copy_goes_away_in_time(tmp_path: Path) -> None:
    home = make_maker(tmp_path, "passwd")(tmp_path / "place")
    killed = trace(home, drive("passwd"), inject="rename:signal=KILL:when=3")
    assert killed.exit_code == KILLED
    (left,) = leftovers(home / "data")
    os.utime(home / "data" / left, (0, 0))
    add(open_vault(home, None, find_passphrase(home)), "later")
    assert leftovers(home / "data") == []


@pytest.mark.deep
@pytest.mark.parametrize("name", ACTIONS)
def test_b10_each_error_at_each_call(tmp_path: Path, name: str) -> None:
    report = run_sweep(tmp_path, name, each_way)
    assert min(report.tried(way) for way in WAYS) >= 6


@pytest.mark.deep
def test_b10_killed_at_each_step_of_the_command(tmp_path: Path) -> None:
    argv = ("passwd", "--yes", "--new-passphrase-fd", "0")
    action = typed(*argv, stdin=str(key_places.NEW).encode())
    check_way(run_sweep(tmp_path, "passwd", at_names, action), "kill", least=5)
