"""Projects made by chance: after ``clean`` no value is left in any byte that may be edited, and
everything else is as it was.
"""

from __future__ import annotations

import os
import random
import stat
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.cleaned import File, marked
from tests.cli.cleaned_configs import (
    make_dotenv,
    make_ini,
    make_packed,
    make_shell,
    make_toml,
    make_yaml,
)
from tests.cli.cleaned_kinds import make_json, make_old_python, make_python, make_text
from tests.cli.cleaned_notebooks import make_notebook
from tests.cli.cleaned_values import ENCODINGS, STORED, VALUES, choose, find_parts
from tests.cli.harness import Outcome, credman, make_vault
from tests.cli.scans import keep_patterns, store
from tests.cli.test_remind_faults import without_privileges
from tests.requirements import require

MAKERS = (
    *(make_text, make_text, make_python, make_python, make_old_python, make_json, make_json),
    *(make_notebook, make_notebook, make_notebook, make_dotenv, make_shell, make_yaml, make_toml),
    *(make_ini, make_packed, make_packed),
)
COUNTS: dict[str, Counter[str]] = {"files": Counter(), "values": Counter(), "encodings": Counter()}
"""Of all projects so far, by kind of file, and of values by how they are written."""
_NANOSECONDS = 1_700_000_000_123_456_789
_FOLDERS = (
    *("", "", "src", "a b/c", "données", "[x]*", "-rf"),
    *("a\nb", "caf\udce9", "\x1b[2J'\""),
)
_PACKED = ("zip", "pickle", "sqlite", "gzip")
_SECRET = f"x = {VALUES[0].text}\n".encode()


def store_values() -> None:
    keep_patterns()
    for value in STORED:
        options = () if value.name in ("hf", "openai") else ("--var", value.variable)
        store(value.text, *options, name=value.name)


class Project:
    """A tree made by chance, and what is to become of it."""

    def __init__(self, top: Path, outside: Path, chance: random.Random) -> None:
        self.top, self._chance = top, chance
        self._outside = outside / "theirs.txt"
        self._outside.write_bytes(_SECRET)
        self.files: dict[Path, File] = {}
        self._links: dict[Path, str] = {}
        self._deleted: list[Path] = []
        for number in range(chance.randrange(1, 6)):
            file = chance.choice(MAKERS)(chance)
            # The name of most counts as it is, so that each needs a folder of its own.
            folder = top / choose(chance, *_FOLDERS) / str(number)
            file.mode = choose(chance, 0o644, 0o600, 0o444, 0o755, 0o664)
            self._write(folder / file.name, file)
        weights = File("", "clean", raw=bytes(range(256)), fate="left")
        self._write(top / "data" / "weights.bin", weights)
        for add in (self._add_links, self._add_twins, self._add_checkpoint, self._add_name):
            if chance.random() < 0.3:
                add()

    def _write(self, path: Path, file: File) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.data)
        self._own(path, file)

    def _own(self, path: Path, file: File) -> None:
        path.chmod(file.mode)
        os.utime(path, ns=(_NANOSECONDS, _NANOSECONDS + len(self.files)))
        self.files[path] = file
        COUNTS["files"][file.kind] += 1
        COUNTS["values"][file.kind] += len(file.zones) or file.kind != "clean"
        COUNTS["encodings"].update(zone.encoding for zone in file.zones)

    def _add_links(self) -> None:
        inside = os.path.relpath(next(iter(self.files)), self.top)
        outside = os.path.relpath(self._outside, self.top)
        targets = (inside, outside, os.path.dirname(outside), "nowhere", "link-4", "..")
        for number, target in enumerate(targets):
            link = self.top / f"link-{number}"
            link.symlink_to(target)
            self._links[link] = target

    def _add_twins(self) -> None:
        """Names of files that have other names: here, and outside."""
        chosen = next(iter(self.files))
        twin = chosen.parent / "twin" / chosen.name
        twin.parent.mkdir()
        os.link(chosen, twin)
        self._own(twin, self.files[chosen])
        shared = self.top / "shared.txt"
        os.link(self._outside, shared)
        self._own(shared, File("", "hard link", ["x = ", marked(VALUES[0]), "\n"]))

    def _add_checkpoint(self) -> None:
        chosen = next(iter(self.files))
        stem, ending = os.path.splitext(chosen.name)
        folder = chosen.parent / ".ipynb_checkpoints"
        folder.mkdir()
        (folder / f"{stem}-checkpoint{ending}").write_bytes(_SECRET)
        self._deleted.append(folder / f"{stem}-checkpoint{ending}")
        only_copy = File("", "only copy", ["only ", marked(VALUES[0]), "\n"])
        self._write(folder / "gone-checkpoint.txt", only_copy)

    def _add_name(self) -> None:
        file = File("", "name", raw=_SECRET, fate="left")
        self._write(self.top / f"{VALUES[4].text}.txt", file)

    def has(self, *kinds: str) -> bool:
        return any(file.kind in kinds for file in self.files.values())

    def verify(self, done: Outcome) -> None:
        """Raises: AssertionError: something is left, or something else has changed."""
        shown = find_parts(done.stdout + done.stderr.encode())
        assert not shown, (shown, done.text)
        for path, file in self.files.items():
            after = path.read_bytes()
            if file.fate == "left":
                assert after == file.data
                name = "hf_…" if file.kind == "name" else file.name
                assert any(name in line for line in done.text.splitlines() if "  left  " in line
                           ) or file.kind == "clean", done.text  # fmt: skip
            else:
                assert not (left := find_parts(after)), (left, file.name, file.data)
                file.verify(after)
            status = path.lstat()
            assert stat.S_IMODE(status.st_mode) == file.mode
            assert _NANOSECONDS <= status.st_mtime_ns < _NANOSECONDS + len(self.files)
        assert self._outside.read_bytes() == _SECRET
        assert {link: os.readlink(link) for link in self._links} == self._links
        assert not any(path.exists() for path in self._deleted)
        there = {path for path in self.top.rglob("*") if path.is_symlink() or path.is_file()}
        new = there - set(self.files) - set(self._links)
        assert {path.name for path in new} <= {".gitignore"}


def list_states(top: Path) -> dict[Path, tuple[int, int, bytes]]:
    """Returns: of each file what differs when it is written again."""
    files = (path for path in top.rglob("*") if path.is_file() and not path.is_symlink())
    return {
        path: (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes()) for path in files
    }


@contextmanager
def make_project(chance: random.Random) -> Iterator[Project]:
    with tempfile.TemporaryDirectory() as place:
        top, outside = Path(place, "project"), Path(place, "outside")
        top.mkdir()
        outside.mkdir()
        yield Project(top, outside, chance)


def clean_twice(chance: random.Random) -> None:
    with make_project(chance) as project:
        done = credman("clean", ".", "--yes", cwd=project.top)
        project.verify(done)
        # What has another name outside is clean here, and there it is not.
        is_left = project.has(*_PACKED, "name")
        expected = 8 if is_left or project.has("hard link") else 0
        assert done.exit_code == expected, done.text + done.stderr
        before = list_states(project.top)
        again = credman("clean", ".", "--yes", cwd=project.top)
        assert again.exit_code == (8 if is_left else 0)
        assert list_states(project.top) == before


def clean_all(**options: Any) -> None:
    store_values()

    @settings(deadline=None, database=None, **options)
    @given(seed=st.integers(0, 2**64 - 1))
    def run(seed: int) -> None:
        clean_twice(random.Random(seed))

    for counts in COUNTS.values():
        counts.clear()
    run()
    print(*(dict(counts) for counts in COUNTS.values()), sep="\n")
    kinds = {"text", "python", "python of before", "json", "notebook", ".env", "shell", "YAML"}
    kinds |= {"TOML", "ini", "hard link", "only copy", "name", "clean", *_PACKED}
    assert set(COUNTS["files"]) == kinds
    assert set(COUNTS["encodings"]) == {*ENCODINGS, "plain", "JSON, escaped letter"}


def test_no_value_is_left_and_all_else_is_as_it_was() -> None:
    clean_all(max_examples=200, derandomize=True)


@pytest.mark.deep
def test_of_many_projects_as_well() -> None:
    clean_all(max_examples=2000)


def test_a_folder_that_may_not_be_written_to_is_told_and_left(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "only root becomes another user")
    make_vault()
    keep_patterns()
    place = tmp_path / "project"
    (place / "closed").mkdir(parents=True)
    for name in ("open.txt", "closed/a.txt"):
        (place / name).write_bytes(_SECRET)
    (place / "closed").chmod(0o555)
    done = without_privileges("clean", str(place), "--yes")
    assert done.returncode == 8, done.stderr
    said = done.stdout.decode()
    assert "closed/a.txt:1:5: its directory cannot be written to" in said
    assert (place / "closed/a.txt").read_bytes() == _SECRET
    assert (place / "open.txt").read_bytes() == b"x = [credman:HF_TOKEN]\n"
    assert sorted(os.listdir(place / "closed")) == ["a.txt"]


def test_a_gitignore_with_a_token_gets_its_rules_as_well(tmp_path: Path) -> None:
    keep_patterns()
    (tmp_path / ".gitignore").write_bytes(b"# " + _SECRET)
    (tmp_path / ".env").write_bytes(b"HF_TOKEN=%b\n" % VALUES[0].text.encode())
    done = credman("clean", ".", "--yes", "--no-store", cwd=tmp_path)
    assert done.exit_code == 0, done.text
    assert (tmp_path / ".gitignore").read_bytes() == b"# x = [credman:HF_TOKEN]\n.env\n"
