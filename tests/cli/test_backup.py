"""``backup``: a new file, read back and compared; and ``restore`` of it, here and elsewhere."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from credman.core.errors import Interrupted
from credman.stores import backup as module
from credman.stores import base
from credman.stores.base import Creation
from credman.stores.memory import MemoryStore
from credman.vault.container import parse_vault
from tests.cli.desk import desk
from tests.cli.harness import PASSPHRASE, Outcome, credman, make_value, make_vault, program
from tests.cli.keyed import NEW, find_openers, make_keyed_vault, run, vault
from tests.cli.person import person
from tests.matrix.faults import trace, typed
from tests.stores.test_filesystems import in_a_small_world

STICK = "another battery on the stick"
ON_STICK = {5: STICK.encode()}


def backup(*argv: str, **options: Any) -> Outcome:
    return credman("backup", *argv, **options)


def back_up(*argv: str) -> Path:
    """Returns: the path of a backup that a passphrase opens."""
    run("backup", "b.age", "--new-passphrase-fd", "5", *argv, descriptors=ON_STICK)
    return Path.home() / "b.age"


def elsewhere(tmp_path: Path) -> dict[str, str]:
    return {"CREDMAN_HOME": str(tmp_path / "elsewhere")}


def test_the_recovery_key_opens_it() -> None:
    recovery = make_keyed_vault()
    outcome = backup("b.age")
    path = Path.home() / "b.age"
    assert outcome.exit_code == 0 and outcome.stdout == b""
    assert outcome.stderr == (
        f"backup of 1 token written to {path}, read back and compared\n"
        "it is opened by the recovery key\n"
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert find_openers(path, recovery, PASSPHRASE) == {recovery}


def test_without_a_name_it_has_that_of_the_day(tmp_path: Path) -> None:
    make_keyed_vault()
    before = datetime.now(UTC).date()
    outcome = backup(cwd=tmp_path)
    (path,) = tmp_path.glob("*.age")
    found = re.fullmatch(r"credman-backup-(\d{4}-\d\d-\d\d)\.age", path.name)
    assert found and before <= datetime.fromisoformat(found[1]).date() <= datetime.now(UTC).date()
    assert f"written to {path}, " in outcome.stderr


def test_a_passphrase_of_its_own_is_typed_twice() -> None:
    make_vault()  # it has no recovery key
    for argv in ((), ("--passphrase",)):
        answers = [PASSPHRASE, "short", STICK, STICK]
        outcome = backup(*argv, f"b{len(argv)}.age", answers=answers, passphrase=None)
        assert outcome.exit_code == 0, outcome.stderr
        assert outcome.shown == [
            "passphrase: ", "new passphrase: ", "new passphrase: ", "again: ",
        ]  # fmt: skip
        assert "a passphrase has at least 8 characters\n" in outcome.stderr
        assert outcome.stderr.endswith("it is opened by that passphrase\n")
        why = "there is no recovery key, so a passphrase will open the backup\n"
        assert (why in outcome.stderr) == (not argv)
        path = Path.home() / f"b{len(argv)}.age"
        assert find_openers(path, STICK, PASSPHRASE) == {STICK}


def test_with_nobody_there_and_no_recovery_key_it_says_how() -> None:
    make_vault()
    outcome = backup("b.age")
    assert outcome.exit_code == 4 and not (Path.home() / "b.age").exists()
    assert "hint: --new-passphrase-fd N reads it from a file descriptor" in outcome.stderr
    make_keyed_vault()
    assert backup("b.age", "--passphrase").exit_code == 4
    assert not (Path.home() / "b.age").exists()
    assert back_up().exists()


@pytest.mark.parametrize(
    ("argv", "code", "words"),
    [
        (("here",), 7, "there is a file already: "),
        (("link",), 7, "there is a file already: "),
        (("dangling",), 7, "there is a file already: "),
        (("pipe",), 7, "there is a file already: "),
        (("/dev/full",), 7, "there is a file already: "),
        (("folder",), 7, "folder is a directory"),
        (("folder/",), 7, "folder/ is a directory"),
        (("..",), 7, "is a directory"),
        (("nowhere/b.age",), 6, "there is no directory "),
        (("nowhere/",), 6, "there is no directory "),
        (("here/b.age",), 6, "there is no directory "),
        (("n" * 300,), 6, "file name too long"),
        (("-",), 2, "./- names a file of that name"),
        (("",), 2, "FILE is empty"),
        (("a", "b"), 2, "more arguments"),
        (("{vault}",), 7, "there is a file already: "),
        (("{vault}.bak",), 7, "is a file of the vault itself"),
        (("{data}/vault.lock",), 7, "there is a file already: "),
        (("b.age", "--new-passphrase-fd", "x"), 2, "takes the number of a file descriptor"),
        (("b.age", "--new-passphrase-fd", "6"), 2, "the passphrase is empty"),
        (("--passphrase", "hunter2"), 2, "--passphrase takes no value"),
        ((make_value(),), 2, "that looks like a token itself"),
        (("folder/" + make_value(),), 2, "that looks like a token itself"),
        (("a1b2c3d4e5f6" * 3,), 2, "that looks like a token itself"),
    ],
)
def test_what_is_refused_leaves_everything(argv: tuple[str, ...], code: int, words: str) -> None:
    make_keyed_vault()
    run("list")
    vault().with_suffix(".lock").touch()
    home = Path.home()
    (home / "here").write_text("kept")
    (home / "link").symlink_to("here")
    (home / "dangling").symlink_to("gone")
    os.mkfifo(home / "pipe")
    (home / "folder").mkdir()
    before = read_all(home.parent)
    given = [word.format(vault=vault(), data=vault().parent) for word in argv]
    outcome = backup(*given, answers=[])  # nothing is asked before
    assert outcome.exit_code == code and words in outcome.stderr, outcome.stderr
    assert outcome.shown == [] and make_value() not in outcome.stderr
    assert read_all(home.parent) == before


def read_all(place: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in place.rglob("*")}


def test_a_name_that_is_no_text_is_one_all_the_same() -> None:
    make_keyed_vault()
    outcome = backup("caf\udce9 \x1b[2J.age")
    assert outcome.exit_code == 0, outcome.stderr
    assert "\x1b" not in outcome.stderr
    assert (Path.home() / "caf\udce9 \x1b[2J.age").exists()


def test_a_path_may_have_digits_in_it() -> None:
    make_keyed_vault()
    folder = Path.home() / ("a1b2c3d4e5f6" * 3)
    folder.mkdir()
    assert backup(f"{folder}/b.age").exit_code == 0
    assert credman("store", "move", f"file:{folder}/team.age", "--yes").exit_code == 0


def test_nothing_is_backed_up_of_nothing() -> None:
    outcome = backup("b.age")
    assert outcome.exit_code == 3 and list(Path.home().iterdir()) == []


def test_a_store_that_cannot_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    place = MemoryStore()
    place.create(Creation(None))
    monkeypatch.setitem(base.SCHEMES, "example", f"{__name__}:open_example")
    monkeypatch.setitem(globals(), "open_example", lambda rest, surroundings: place)
    outcome = backup("b.age", "--store", "example:")
    assert outcome.exit_code == 6
    assert "of this store no backup can be made yet" in outcome.stderr


@pytest.mark.parametrize("failure", [KeyboardInterrupt, Interrupted("stopped"), MemoryError])
def test_what_is_broken_off_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, failure: type[BaseException] | BaseException
) -> None:
    make_keyed_vault()

    def stop(*args: object, **kwargs: object) -> None:
        assert (Path.home() / "b.age").exists()
        raise failure

    monkeypatch.setattr(module, "_check", stop)
    assert backup("b.age").exit_code != 0
    assert not (Path.home() / "b.age").exists()


def test_ctrl_c_at_its_passphrase_leaves_nothing() -> None:
    make_keyed_vault()
    with person("backup", "--passphrase", "b.age") as who:
        who.answers("passphrase: ", PASSPHRASE)
        who.answers("new passphrase: ", STICK)
        who.is_asked("again: ")
        who.types("\x03")
        assert who.leaves() == 130
    assert not (Path.home() / "b.age").exists()


@pytest.mark.parametrize(
    ("inject", "words"),
    [
        ("write:error=ENOSPC:when={write}", "no space left on device"),
        ("write:retval=0:when={write}", None),  # nothing was written, so it is tried again
        ("fsync:error=EIO:when=1", "input/output error"),
        ("fchmod:error=EIO:when=1", "input/output error"),
        ("fchmod:error=EPERM:when=1", None),  # a file system that has no modes
        ("fsync:error=EINVAL:when=2", None),  # or does not sync directories
    ],
)
def test_a_disk_that_fails_leaves_nothing(tmp_path: Path, inject: str, words: str | None) -> None:
    home = tmp_path / "place"
    environ = {"CREDMAN_HOME": str(home)}
    run("init", "--recovery-file", "key", environ=environ, passphrase="EXAMPLE passphrase")
    action = typed("backup", str(home / "b.age")).with_own_byte_code(home)
    (home / "b.age").unlink(missing_ok=True)
    usual = trace(home, action)
    (number,) = (
        call.count for call in usual.calls if call.name == "write" and "b.age" in call.arguments
    )
    (home / "b.age").unlink()
    done = trace(home, action, inject=inject.format(write=number))
    assert done.injected
    if words is None:
        assert done.exit_code == 0 and (home / "b.age").exists(), done.printed
    else:
        assert done.exit_code == 6 and not (home / "b.age").exists()
        assert f"cannot write {home}/b.age: {words}" in done.printed


def test_a_full_disk(tmp_path: Path) -> None:
    make_keyed_vault()
    place = tmp_path / "place"
    environ = {"CREDMAN_HOME": os.environ["CREDMAN_HOME"], "CREDMAN_PASSPHRASE": PASSPHRASE}
    given = [f"{name}={value}" for name, value in environ.items()]
    line = shlex.join(["env", *given, sys.executable, "-m", "credman", "backup", f"{place}/b.age"])
    printed = in_a_small_world("4k", place, f"{line} 2>&1; echo $?; ls -A {place}")
    assert printed == [
        f"credman: error: cannot write {place}/b.age: no space left on device", "6",
    ]  # fmt: skip


def restore(path: Path, *answers: str, **options: Any) -> Outcome:
    return credman("restore", str(path), answers=[*answers], passphrase=None, **options)


def test_on_another_machine_its_passphrase_is_all_it_takes(tmp_path: Path) -> None:
    make_keyed_vault()
    path, environ = back_up(), elsewhere(tmp_path)
    outcome = restore(path, STICK, "y", environ=environ)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.shown[0] == "passphrase of b.age: "
    assert "restored\n" in outcome.stderr
    assert run("get", "hf", environ=environ, passphrase=STICK).text == make_value()
    run("add", "x", stdin=b"EXAMPLE", environ=environ, passphrase=STICK)
    listed = run("slot", "list", environ=environ, passphrase=STICK).text
    assert re.search(r"2 +passphrase +backup ", listed)


def test_on_another_machine_the_recovery_key_opens_it_and_passphrases_are_set(
    tmp_path: Path,
) -> None:
    recovery = make_keyed_vault()
    run("backup", "b.age")
    environ = elsewhere(tmp_path)
    outcome = restore(Path.home() / "b.age", recovery, "y", environ=environ)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stderr.startswith(
        "only a recovery key opens it: type that in place of the passphrase\n"
    )
    outcome = credman("list", environ=environ, answers=[recovery], passphrase=None)
    assert outcome.exit_code == 0 and "so it can only be read" in outcome.stderr
    given: dict[str, Any] = {"environ": environ, "passphrase": None}
    outcome = credman("add", "x", stdin=b"EXAMPLE", answers=[recovery], **given)
    assert outcome.exit_code == 7
    assert "hint: credman slot add passphrase sets a new passphrase" in outcome.stderr
    run("slot", "add", "passphrase", answers=[recovery, "y", NEW, NEW], **given)
    run("add", "x", stdin=b"EXAMPLE", environ=environ, passphrase=NEW)
    assert run("get", "hf", environ=environ, passphrase=NEW).text == make_value()


def test_the_vault_as_it_is_needs_no_restore() -> None:
    make_keyed_vault()
    run("backup", "b.age")
    outcome = restore(Path.home() / "b.age", PASSPHRASE)
    assert outcome.exit_code == 7 and "that is the vault as it is" in outcome.stderr
    assert "         the same as the vault: generation 3, " in outcome.stderr


def test_back_to_an_earlier_day_without_another_question() -> None:
    make_keyed_vault()
    run("backup", "b.age")
    run("add", "later", stdin=b"EXAMPLE")
    outcome = restore(Path.home() / "b.age", PASSPHRASE, "y")
    assert outcome.exit_code == 0, outcome.stderr
    assert "an older copy of this vault: generation 3, " in outcome.stderr
    assert "only here: later (default)\n" in outcome.stderr
    run("add", "new", stdin=b"EXAMPLE")


def test_a_damaged_vault_comes_back_and_its_passphrase_stays() -> None:
    recovery = make_keyed_vault()
    run("backup", "b.age")
    vault().write_bytes(vault().read_bytes()[:-300])
    outcome = restore(Path.home() / "b.age", PASSPHRASE, "y")
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.stderr.endswith("the vault is opened by what opened the copy\n")
    assert run("get", "hf").text == make_value()
    run("add", "x", stdin=b"EXAMPLE")
    assert find_openers(vault(), PASSPHRASE, recovery) == {PASSPHRASE, recovery}


def test_a_vault_that_the_keyring_opens_is_backed_up_without_it(tmp_path: Path) -> None:
    with desk(tmp_path) as who:
        who.run("add", "hf")
        outcome = who.credman("backup", "b.age")
        assert outcome.exit_code == 4  # it has no recovery key, since nobody was there
        who.run("backup", "b.age", answers=[STICK, STICK])
        path = Path.home() / "b.age"
        kinds = [slot.stanza.type for slot in parse_vault(path.read_bytes()).slots]
        assert kinds == ["credman.dev/argon2id/v1"]
        vault().write_bytes(vault().read_bytes()[:-300])
        who.run("restore", str(path), answers=["y"])
        who.run("add", "x")  # the keyring opens it as before
        assert find_openers(vault(), STICK) == {STICK}
    outcome = restore(path, STICK, "y", environ=elsewhere(tmp_path))
    assert outcome.exit_code == 0, outcome.stderr


def test_as_a_program(tmp_path: Path) -> None:
    make_keyed_vault()
    done = program("backup", str(tmp_path / "b.age"))
    assert done.returncode == 0, done.stderr
    shutil.rmtree(os.environ["CREDMAN_HOME"])
    outcome = program("restore", str(tmp_path / "b.age"), "--yes")
    assert outcome.returncode == 4  # CREDMAN_PASSPHRASE does not open it
    assert b"does not open b.age" in outcome.stderr
    assert b"only a recovery key opens it: type that in place of the passphrase" in outcome.stderr
