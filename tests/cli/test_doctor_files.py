"""``doctor``: modes, owners and links of credman's files, really changed on the disk.

Each command that it gives is run, and then nothing is wrong.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from credman.cli.permissions import quote_path
from credman.oskeyring.backends import SECRET_SERVICE
from credman.oskeyring.choice import render_choice
from tests.cli.harness import PASSPHRASE, Outcome, credman, make_vault
from tests.cli.keyed import backup, find_seen, make_keyed_vault, see, vault
from tests.requirements import require
from tests.stores.driver import environment, find_public_python, public_place
from tests.stores.test_filesystems import AS_OTHER, OTHER, public

__all__ = ["public"]


def home() -> Path:
    return Path(os.environ["CREDMAN_HOME"])


def config_file() -> Path:
    path = home() / "config" / "config.toml"
    if not path.exists():
        path.parent.mkdir(mode=0o700)
        path.touch(0o600)
    return path


def lock() -> Path:
    return vault().with_name("vault.lock")


def remark() -> Path:
    path = config_file().with_name("README")
    path.touch()
    return path


def doctor(*argv: str) -> Outcome:
    return credman("doctor", *argv)


def findings(*argv: str) -> dict[str, str]:
    """Returns: what is wrong, and what is to be done about it."""
    outcome = doctor("--json", *argv)
    parsed = json.loads(outcome.text)
    assert outcome.exit_code == (8 if parsed["findings"] else 0), outcome.stderr
    found = {fact["text"]: fact.get("hint", "") for fact in parsed["facts"] if fact["wrong"]}
    assert list(found) == parsed["findings"]
    "".join((*found, *found.values())).encode()  # no half pairs, which most readers refuse
    return found


def test_every_file_and_directory_is_named_with_its_mode() -> None:
    make_keyed_vault()
    see()
    config_file().chmod(0o644)
    (home() / "state" / "keyring.json").write_bytes(render_choice(SECRET_SERVICE))
    (home() / "state" / "keyring.json").chmod(0o600)
    assert findings() == {}
    files = doctor().text.partition("  files      ")[2].partition("\n\n")[0]
    listed = {line.strip()[5:]: line.strip()[:4] for line in files.splitlines()}
    there = [home(), *home().rglob("*")]
    assert len(there) >= 10
    assert listed == {str(p): f"{p.stat().st_mode & 0o7777:04o}" for p in there}


LOOSE: dict[str, tuple[Callable[[], Path], int, str]] = {
    "vault": (vault, 0o640, "other users may open it"),
    "vault open to all": (vault, 0o666, "other users may open it"),
    "backup": (backup, 0o604, "other users may open it"),
    "lock": (lock, 0o644, "other users may open it"),
    "seen": (find_seen, 0o620, "other users may open it"),
    "config": (config_file, 0o664, "other users may change it"),
    "data directory": (lambda: vault().parent, 0o777, "other users may replace what lies in it"),
    "config directory": (
        lambda: config_file().parent,
        0o775,
        "other users may replace what lies in it",
    ),
    "home": (home, 0o722, "other users may replace what lies in it"),
    "unreadable vault": (vault, 0o200, "its owner cannot read it"),
    "unusable directory": (lambda: home() / "state", 0o600, "its owner cannot use it"),
}


@pytest.mark.parametrize("what", LOOSE)
def test_who_else_gets_at_it_is_a_finding_and_the_command_mends_it(what: str) -> None:
    find, mode, words = LOOSE[what]
    make_keyed_vault()
    see()
    path = find()
    path.chmod(mode)
    text = f"{mode:04o} {path}: {words}"
    found = findings()
    assert found.keys() == {text}
    subprocess.run(["sh", "-c", found[text]], check=True)
    assert findings() == {}


@pytest.mark.parametrize(
    ("mode", "find"),
    [
        (0o1777, home),
        (0o755, lambda: vault().parent),
        (0o644, config_file),
        (0o644, remark),
    ],
)
def test_what_harms_nobody_is_no_finding(mode: int, find: Callable[[], Path]) -> None:
    make_keyed_vault()
    see()
    find().chmod(mode)
    assert findings() == {}


@pytest.mark.parametrize("name", ["two words", "a'b", "$(touch x)", "new\nline", b"\xff\xfe", "é"])
def test_whatever_a_file_is_called_the_command_mends_it(name: str | bytes) -> None:
    make_keyed_vault()
    see()
    path = os.path.join(os.fsencode(vault().parent), os.fsencode(name))
    os.close(os.open(path, os.O_CREAT, 0o600))
    os.chmod(path, 0o644)
    outcome = doctor()
    assert outcome.exit_code == 8 and outcome.text.endswith("\n  1 to look at\n")
    ((_, command),) = findings().items()
    subprocess.run(["sh", "-c", command], check=True, cwd=home())
    assert findings() == {} and not (home() / "x").exists()


def test_a_word_for_the_shell_is_the_path() -> None:
    for name in (b"a b", b"\x01\x1b[2J", b"\\n%s", b"\xc3\xa9\n%d\\"):
        path = os.fsdecode(b"/x/" + name)
        script = f"printf %s {quote_path(path)}"
        done = subprocess.run(["sh", "-c", script], check=True, capture_output=True)
        assert done.stdout == os.fsencode(path)
        assert "\x1b" not in script


def test_it_is_said_once(tmp_path: Path) -> None:
    make_keyed_vault()
    see()
    vault().chmod(0o644)
    assert doctor().text.count("other users may") == 1
    elsewhere = tmp_path / "open"
    elsewhere.mkdir()
    shutil.copy(vault(), elsewhere / "team.age")
    elsewhere.chmod(0o777)
    (elsewhere / "team.age").chmod(0o600)
    vault().chmod(0o600)
    found = findings("--store", f"file:{elsewhere}/team.age")
    text = f"0777 {elsewhere}: other users may replace what lies in it"
    assert found == {text: f"chmod go-w {elsewhere}"}
    elsewhere.chmod(0o1777)
    assert findings("--store", f"file:{elsewhere}/team.age") == {}


def test_another_warning_of_the_vault_is_still_told(tmp_path: Path) -> None:
    make_keyed_vault()
    see()
    os.link(vault(), tmp_path / "second")
    (text,) = findings()
    assert "a hard link" in text
    vault().chmod(0o644)
    assert [text[:4] for text in findings()] == ["0644"]  # the store tells the first of them only


@pytest.mark.parametrize("find", [vault, backup, find_seen, lambda: vault().parent, config_file])
def test_a_file_of_another_user_is_a_finding(find: Callable[[], Path]) -> None:
    require(os.geteuid() == 0, "only root can give a file to another user")
    make_keyed_vault()
    see()
    path = find()
    os.chown(path, 12345, -1)
    (command,) = (hint for text, hint in findings().items() if text.endswith("belongs to 12345"))
    subprocess.run(["sh", "-c", command], check=True)
    assert findings() == {}


def test_links_are_told_and_what_they_lead_to_is_looked_at(tmp_path: Path) -> None:
    make_keyed_vault()
    see()
    mine = tmp_path / "dotfiles.toml"
    mine.touch(0o600)
    path = config_file()
    path.unlink()
    path.symlink_to(mine)
    assert findings() == {}
    assert f"{path} is a symbolic link to {mine}\n" in doctor().text
    mine.chmod(0o666)
    assert findings() == {f"0666 {mine}: other users may change it": f"chmod go-w {mine}"}


def test_a_link_that_leads_nowhere_is_a_finding(tmp_path: Path) -> None:
    make_keyed_vault()
    see()
    gone, loop = home() / "state" / "gone", home() / "state" / "loop"
    gone.symlink_to(tmp_path / "nowhere")
    loop.symlink_to(loop)
    found = findings()
    assert len(found) == 2
    dangling = f"{gone} is a symbolic link to {tmp_path}/nowhere, and nothing is there"
    assert found[dangling].endswith(f"rm {gone}")
    text = f"{loop} is a symbolic link that leads nowhere: too many levels of symbolic links"
    subprocess.run(["sh", "-c", found[text]], check=True)
    assert found.keys() - findings().keys() == {text}


def test_a_link_to_a_directory_is_not_walked_through(tmp_path: Path) -> None:
    make_vault()
    theirs = tmp_path / "theirs"
    theirs.mkdir(0o700)
    (theirs / "secret").touch()
    (theirs / "secret").chmod(0o666)
    (home() / "data" / "link").symlink_to(theirs)
    shutil.rmtree(home() / "state", ignore_errors=True)
    (home() / "state").symlink_to(theirs)
    outcome = doctor()
    assert f"{home()}/state is a symbolic link to {theirs}\n" in outcome.text
    assert f"0700 {theirs}\n" in outcome.text and "secret" not in outcome.text


def test_a_vault_behind_a_link_is_looked_at_where_it_lies(tmp_path: Path) -> None:
    make_keyed_vault()
    see()
    moved = tmp_path / "disk"
    vault().parent.rename(moved)
    (home() / "data").symlink_to(moved)
    (moved / "vault.age").chmod(0o644)
    text = f"0644 {moved}/vault.age: other users may open it"
    assert text in findings()


def test_something_else_in_the_place_of_a_directory() -> None:
    (home() / "data").mkdir(0o700, parents=True)
    home().chmod(0o700)
    (home() / "state").touch(0o600)
    outcome = doctor()
    assert outcome.exit_code == 8 and outcome.stderr == ""
    assert f"{home()}/state is not a directory\n" in outcome.text
    (home() / "config").symlink_to(home() / "state")
    outcome = doctor()
    assert outcome.exit_code == 6 and f"cannot read {home()}/config/config.toml" in outcome.stderr
    assert f"{home()}/config is not a directory\n" in outcome.text


def test_a_great_many_files_are_not_all_named() -> None:
    make_keyed_vault()
    see()
    for number in range(300):
        (home() / "state" / f"{number:03}").touch(0o600)
    outcome = doctor()
    assert outcome.exit_code == 0 and outcome.text.count("0600 ") < 250
    assert f"{home()}/state holds 104 more, which were not looked at\n" in outcome.text


def test_what_cannot_be_looked_at_is_a_finding(public: Path) -> None:
    python = find_public_python(AS_OTHER)
    there = public / "credman"
    for folder in (there, there / "data", there / "state", there / "state" / "seen"):
        folder.mkdir(0o700)
        os.chown(folder, OTHER, OTHER)
    (there / "data").chmod(0o000)
    (there / "state" / "seen").chmod(0o300)
    given = {**environment(public_place()), "HOME": str(public), "CREDMAN_HOME": str(there)}
    done = subprocess.run(
        [*AS_OTHER, python, "-m", "credman", "doctor", "--json"],
        env={**given, "CREDMAN_PASSPHRASE": PASSPHRASE},
        cwd=public_place(),
        capture_output=True,
        check=False,
    )
    found = {f["text"]: f.get("hint", "") for f in json.loads(done.stdout)["facts"] if f["wrong"]}
    assert done.returncode == 8, done.stderr
    for path, mode in ((there / "data", "0000"), (there / "state" / "seen", "0300")):
        assert found[f"{mode} {path}: its owner cannot use it"] == f"chmod u+rwx {path}"
        assert f"cannot read {path}: permission denied" in found
