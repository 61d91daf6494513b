"""Where ``clean`` looks, what it does to which files, and which it leaves."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import time
import zipfile
from pathlib import Path

import pytest

from tests.cli.cleanings import CHECKPOINT, begin_history, clean, read_tree
from tests.cli.harness import PROGRAM
from tests.cli.scans import TOKEN, store

pytestmark = pytest.mark.usefixtures("kept_patterns", "own_temporary")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.zip", "it is packed in a zip file"),
        ("args.bin", "it is in pickled objects"),
        ("data.db", "it is the database of another program"),
        ("core", "it is no text"),
    ],
)
def test_what_cannot_be_edited_is_named_with_what_to_do(
    folder: Path, name: str, reason: str
) -> None:
    store(TOKEN)
    path = folder / name
    if name == "data.db":
        with sqlite3.connect(path) as database:
            database.execute("CREATE TABLE t (x)")
            database.execute("INSERT INTO t VALUES (?)", [TOKEN])
        database.close()
    elif name == "core":
        path.write_bytes(b"\0\1" * 40 + TOKEN.encode() + b"\0")
    else:
        member = "archive/data.pkl" if name == "args.bin" else "notes.txt"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(member, TOKEN)
    (folder / "a.txt").write_text(TOKEN)
    before = path.read_bytes()
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 8
    [left] = {line for line in outcome.text.splitlines() if line.startswith("  left  ")}
    assert left.startswith(f"  left  {name}") and reason in left and left.count(": ") >= 2
    assert path.read_bytes() == before
    assert (folder / "a.txt").read_text() == "[credman:HF_TOKEN]"


def test_a_checkpoint_that_is_all_that_is_left_is_edited(project: Path) -> None:
    store(TOKEN)
    (project / "training_params.json").unlink()
    outcome = clean("--yes", cwd=project)
    assert outcome.exit_code == 0
    assert json.loads((project / CHECKPOINT).read_text())["token"] is None


def test_compiled_code_is_deleted_with_what_it_was_made_of(folder: Path) -> None:
    import py_compile

    store(TOKEN)
    source = folder / "conf.py"
    source.write_text(f'TOKEN = "{TOKEN}"\n')
    py_compile.compile(str(source))
    [compiled] = (folder / "__pycache__").iterdir()
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 0 and "delete: compiled from conf.py" in outcome.text
    assert not compiled.exists() and "environ" in source.read_text()


def test_checkpoints_without_a_place_of_their_own(folder: Path, tmp_path: Path) -> None:
    store(TOKEN)
    made = tmp_path / "tmp" / "jupyter_checkpoints" / "nb" / ".ipynb_checkpoints"
    made.mkdir(parents=True)
    copy = made / "a-checkpoint.json"
    copy.write_text(json.dumps({"token": TOKEN}))
    assert clean("--yes", ".", cwd=folder).exit_code == 0 and copy.exists()  # not asked for
    assert clean("--yes", cwd=folder).exit_code == 0 and not copy.exists()


def test_a_link_in_that_place_is_not_followed(folder: Path, tmp_path: Path) -> None:
    store(TOKEN)
    other = tmp_path / "other"
    other.mkdir()
    (other / "a.txt").write_text(TOKEN)
    (tmp_path / "tmp" / "jupyter_checkpoints").symlink_to(other)
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 0 and (other / "a.txt").read_text() == TOKEN


def test_files_by_which_programs_stay_logged_in_stay(tmp_path: Path) -> None:
    store(TOKEN)
    home = Path.home()
    (home / ".cache" / "huggingface").mkdir(parents=True)
    login = home / ".cache" / "huggingface" / "token"
    login.write_text(TOKEN)
    outcome = clean("--yes", str(login.parent), cwd=tmp_path)
    assert outcome.exit_code == 8 and login.read_text() == TOKEN
    assert "a program stays logged in by it: hf auth logout" in outcome.text


def test_histories_of_shells_only_on_request(folder: Path) -> None:
    store(TOKEN)
    home = Path.home()
    history = home / ".zsh_history"
    line = b": 1700000000:0;export HF_TOKEN=%s # \x83\xa9\n"
    history.write_bytes(line % TOKEN.encode())
    outcome = clean("--yes", str(history), cwd=folder)
    assert outcome.exit_code == 8 and "--shell-history" in outcome.text
    assert clean("--yes", cwd=folder).exit_code == 0  # it is not looked for there
    assert TOKEN.encode() in history.read_bytes()
    outcome = clean("--yes", "--shell-history", cwd=folder)
    assert outcome.exit_code == 0
    assert history.read_bytes() == line % b"[credman:HF_TOKEN]"
    assert "shells that are open" in outcome.stderr


def test_the_history_of_ipython_is_rewritten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store(TOKEN)
    place = folder.parent / "ipython" / "profile_default"
    place.mkdir(parents=True)
    monkeypatch.setenv("IPYTHONDIR", str(place.parent))
    path = place / "history.sqlite"
    with sqlite3.connect(path) as database:
        database.executescript(
            "CREATE TABLE sessions (session integer primary key autoincrement, start timestamp,"
            " end timestamp, num_cmds integer, remark text);"
            "CREATE TABLE history (session integer, line integer, source text, source_raw text,"
            " PRIMARY KEY (session, line));"
            "CREATE TABLE output_history (session integer, line integer, output text,"
            " PRIMARY KEY (session, line));"
        )
        text = f"login('{TOKEN}')"
        database.execute("INSERT INTO history VALUES (1, 1, ?, ?)", [text, text])
    database.close()
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 0, outcome.stderr
    masked = f"hf_…{TOKEN[-4:]}"
    assert f"       table history, row 1: {masked} becomes [credman:HF_TOKEN]" in outcome.text
    assert TOKEN.encode() not in path.read_bytes()
    with sqlite3.connect(path) as database:
        assert database.execute("SELECT source FROM history").fetchone() == (
            "login('[credman:HF_TOKEN]')",
        )
    database.close()


def test_a_journal_of_that_history_goes_with_it(folder: Path) -> None:
    store(TOKEN)
    names = ("history.sqlite", "history.sqlite-wal")
    database = begin_history(folder / names[0])
    outcome = clean("--yes", ".", cwd=folder)
    assert outcome.exit_code == 8 and "is in use" in outcome.text
    # As a process that was killed leaves it.
    whole = {name: (folder / name).read_bytes() for name in names}
    database.close()
    for name, data in whole.items():
        (folder / name).write_bytes(data)
    outcome = clean("--yes", ".", cwd=folder)
    assert outcome.exit_code == 0, outcome.text
    assert not any(TOKEN.encode() in data for data in read_tree(folder).values())


def test_a_token_in_a_name_is_left_for_its_owner(folder: Path) -> None:
    store(TOKEN)
    (folder / f"{TOKEN}.txt").write_text("x")
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 8 and "a token stands in its name: rename it" in outcome.text


def test_a_history_that_has_it_in_its_journal_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(TOKEN)
    place = folder.parent / "ipython" / "profile_default"
    place.mkdir(parents=True)
    monkeypatch.setenv("IPYTHONDIR", str(place.parent))
    database = begin_history(place / "history.sqlite")
    whole = {path.name: path.read_bytes() for path in place.iterdir() if "shm" not in path.name}
    database.close()
    for name, data in whole.items():
        (place / name).write_bytes(data)
    assert TOKEN.encode() not in (place / "history.sqlite").read_bytes()
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 0 and "history.sqlite   your hf" in outcome.text
    assert not any(TOKEN.encode() in data for data in read_tree(place).values())


def test_a_journal_of_another_database_is_not_to_be_deleted(folder: Path) -> None:
    store(TOKEN)
    database = sqlite3.connect(folder / "data.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("CREATE TABLE t (x)")
    database.execute("INSERT INTO t VALUES (?)", [TOKEN])
    outcome = clean("--yes", cwd=folder)
    database.close()
    left = [line for line in outcome.text.splitlines() if "data.db-wal" in line]
    assert left and all("delete" not in line for line in left)


def test_a_login_that_lies_elsewhere_stays(tmp_path: Path) -> None:
    store(TOKEN)
    kept = tmp_path / "dotfiles"
    kept.mkdir()
    (kept / "netrc").write_text(f"machine h login a password {TOKEN}\n")
    (Path.home() / ".netrc").symlink_to(kept / "netrc")
    outcome = clean("--yes", ".", cwd=kept)
    assert outcome.exit_code == 8 and TOKEN in (kept / "netrc").read_text()


def test_a_file_that_is_named_and_deleted_is_no_failure(project: Path) -> None:
    store(TOKEN)
    outcome = clean("--yes", CHECKPOINT, cwd=project)
    assert outcome.exit_code == 0 and not (project / CHECKPOINT).exists()


def test_what_a_killed_one_left_goes_in_time(folder: Path) -> None:
    store(TOKEN)
    left = folder / f".credman-99-{'a' * 16}"
    left.write_text("x")
    (folder / "a.txt").write_text(TOKEN)
    assert clean("--yes", cwd=folder).exit_code == 0 and left.exists()  # it may be at work
    (folder / "a.txt").write_text(TOKEN)
    real = time.time

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time", lambda: real() + 3600)
        assert clean("--yes", cwd=folder).exit_code == 0
    assert not left.exists()


def test_names_elsewhere_of_the_same_file_are_told(folder: Path, tmp_path: Path) -> None:
    store(TOKEN)
    (folder / "a.txt").write_text(TOKEN)
    os.link(folder / "a.txt", folder / "b.txt")
    assert clean("--yes", cwd=folder).exit_code == 0
    assert read_tree(folder) == dict.fromkeys(["a.txt", "b.txt"], b"[credman:HF_TOKEN]")
    (folder / "c.txt").write_text(TOKEN)
    os.link(folder / "c.txt", tmp_path / "elsewhere")
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 8 and (folder / "c.txt").read_text() == "[credman:HF_TOKEN]"
    assert "  left  c.txt: it has one other name (hard links) outside" in outcome.text


@pytest.mark.parametrize("argv", [["clean", "--dry-run"], ["clean", "--dry-run", "a"], ["scan"]])
def test_a_directory_that_is_gone_is_not_all_of_the_machine(
    tmp_path: Path, argv: list[str]
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = 'cd "$1"; rmdir "$1"; shift; exec "$@"'
    done = subprocess.run(
        ["sh", "-c", script, "sh", str(gone), *PROGRAM, *argv],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 3 and "the current directory is gone" in done.stderr
