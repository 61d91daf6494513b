"""History of a repository that is damaged, not whole, or made to harm."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from credman.core.errors import Unavailable, UsageError
from credman.watch.scan.history import scan_history
from credman.watch.scan.scanner import Scanner
from tests.watch.scan.repositories import Repo, make_scanner, make_token, show

TOKEN, OTHER = make_token("one"), make_token("two")


@pytest.mark.parametrize("word", ["--output=x", "-o", "--stdin", "--exec=sh", "--not\n--stdin"])
def test_a_revision_is_no_option(tmp_path: Path, word: str) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit()
    with pytest.raises(UsageError):
        repo.scan_history("HEAD", word)


def test_unknown_revisions_are_an_error(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit()
    with pytest.raises(Unavailable, match="does not know these commits"):
        repo.scan_history("HEAD", "--not", "1" * 40)


def test_a_missing_object_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("gone.py", "nothing\n")
    repo.stage("here.py", TOKEN)
    repo.commit()
    repo.object_path("HEAD:gone.py").unlink()
    for report in (repo.scan_history(), repo.scan_history("HEAD")):
        assert show(report) == [("here.py", 1, 1)]
        assert [(u.path, u.matters) for u in report.unread] == [("gone.py", True)]
        assert "missing" in report.unread[0].reason


def test_a_damaged_object_is_told_and_the_rest_is_read(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    text = "".join(f"{n} {make_token(n)}\n" for n in range(400))
    repo.stage("bad.py", text)
    for count in range(30):
        repo.stage(f"{count}.txt", f"here is number {count}\n")
    repo.stage("good.py", TOKEN)
    repo.commit()
    path = repo.object_path("HEAD:bad.py")
    path.chmod(0o600)
    data = bytearray(path.read_bytes())
    data[200:] = bytes(b ^ 0x55 for b in data[200:])  # its header can still be read
    path.write_bytes(data)
    for report in (repo.scan_history(), repo.scan_history("HEAD")):
        assert ("good.py", 1, 1) in show(report)
        assert "bad.py" in {u.path for u in report.unread}
        assert report.files >= 31


def test_a_damaged_pack_is_told_and_no_error(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    for count in range(20):
        repo.stage(f"{count}.txt", "".join(make_token((count, n)) for n in range(20)))
    repo.commit()
    repo.git("gc", "-q")
    (pack,) = (repo.folder / ".git/objects/pack").glob("*.pack")
    pack.chmod(0o600)
    data = bytearray(pack.read_bytes())
    data[3000:4000] = bytes(1000)
    pack.write_bytes(data)
    report = repo.scan_history()
    assert report.unread and report.files > 5
    pack.write_bytes(data[:100])
    report = repo.scan_history()
    assert report.unread


def test_a_partial_clone_fetches_nothing_and_tells_what_is_not_here(tmp_path: Path) -> None:
    origin = Repo(tmp_path / "origin")
    origin.stage("a.py", OTHER)
    origin.stage("b.py", TOKEN)
    origin.commit(f"message {make_token(3)}")
    origin.git("config", "uploadpack.allowFilter", "true")
    repo = Repo(
        tmp_path / "repo", "--filter=blob:none", "--no-checkout", clone=f"file://{origin.folder}"
    )
    mark = tmp_path / "fetched"
    repo.git("config", "remote.origin.uploadpack", f"touch {mark}; git-upload-pack")
    repo.git("config", "protocol.allow", "always")
    for report in (repo.scan_history(), repo.scan_history("HEAD")):
        assert [f.path for f in report.findings] == ["commit message"]
        assert "2 objects were not fetched yet" in report.unread[0].reason
        assert len(report.unread) == 1
    assert not mark.exists()
    repo.git("cat-file", "-e", "HEAD:a.py")  # git by itself does run it
    assert mark.exists()


def test_a_shallow_clone_says_so(tmp_path: Path) -> None:
    origin = Repo(tmp_path / "origin")
    origin.stage("a.py", OTHER)
    origin.commit()
    origin.stage("a.py", TOKEN)
    commit = origin.commit()
    repo = Repo(tmp_path / "repo", "--depth=1", clone=f"file://{origin.folder}")
    report = repo.scan_history()
    assert [(f.path, f.commits) for f in report.findings] == [("a.py", (commit,))]
    assert "shallow" in report.notes[0]


def test_replaced_and_grafted_history_is_read_as_it_was(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", TOKEN)
    repo.commit()
    blob = repo.git("rev-parse", "HEAD:a.py")
    repo.git("rm", "-q", "a.py")
    repo.stage("b.py", OTHER)
    second = repo.commit()
    clean = repo.git("hash-object", "-w", "--stdin", data=b"clean")
    repo.git("replace", blob, clean)
    (repo.folder / ".git/info").mkdir(exist_ok=True)
    (repo.folder / ".git/info/grafts").write_text(f"{second}\n")
    assert show(repo.scan_history()) == [("a.py", 1, 1), ("b.py", 1, 1)]
    assert show(repo.scan_history("HEAD")) == [("a.py", 1, 1), ("b.py", 1, 1)]


def test_a_huge_object_takes_little_memory(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    with (repo.folder / "huge.bin").open("wb") as file:
        for _ in range(64):
            file.write(b"0123456789abcde\n" * (1 << 16))
        file.write(TOKEN.encode())
    repo.git("-c", "core.compression=0", "-c", "core.bigFileThreshold=1m", "add", "huge.bin")
    repo.commit()
    (repo.folder / "huge.bin").unlink()
    program = """
import pathlib, resource, sys
from tests.watch.scan import repositories
class Repo(repositories.Repo):
    def __init__(self, folder): self.folder, self._time = folder, 0
measure = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
repositories.make_scanner()
before = measure()
report = Repo(pathlib.Path(sys.argv[1])).scan_history()
print([(f.path, f.line) for f in report.findings], report.unread)
print(measure() - before, before)
"""
    done = subprocess.run(
        [sys.executable, "-c", program, repo.folder], capture_output=True, text=True, check=True
    )
    found, sizes = done.stdout.splitlines()
    assert found == f"[('huge.bin', {64 * (1 << 16) + 1})] []"
    assert int(sizes.split()[0]) < 44, sizes  # of its 64 MB


def test_whoever_stops_in_the_middle_leaves_no_git_behind(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.bin", os.urandom(24 << 20).replace(b"\0", b"0"))
    repo.commit()
    calls = []

    class Stopped(Exception):
        pass

    class Counting(Scanner):
        def is_clean(self, data: bytes) -> bool:
            calls.append(len(data))
            raise Stopped

        def clone(self) -> Scanner:
            return self

    with repo.open() as repository:
        started = []
        start = repository.start

        def note(*words: str, **options: int) -> subprocess.Popen[bytes]:
            started.append(start(*words, **options))
            return started[-1]

        repository.start = note  # type: ignore[method-assign,assignment]
        with pytest.raises(Stopped):
            scan_history(Counting(make_scanner()._searcher), repository)
    assert calls and all(process.poll() is not None for process in started)
    assert [process.returncode for process in started[1:]] == [-9]  # not read to its end


def test_a_note_is_named_after_its_object_and_a_file_with_such_a_name_as_it_is(
    tmp_path: Path,
) -> None:
    repo = Repo(tmp_path / "repo")
    path = "0123456789" * 4
    repo.stage(path, TOKEN)
    commit = repo.commit()
    repo.git("notes", "add", "-F", "-", data=OTHER.encode())
    paths = {f.value.decode(): f.path for f in repo.scan_history().findings}
    assert paths == {TOKEN: path, OTHER: f"object {commit[:12]} (git note)"}
    # Where there are many notes they lie in folders.
    blob = repo.git("rev-parse", f"refs/notes/commits:{commit}")
    inner = repo.git("mktree", data=f"100644 blob {blob}\t{commit[2:]}\n".encode())
    outer = repo.git("mktree", data=f"040000 tree {inner}\t{commit[:2]}\n".encode())
    note = repo.git("commit-tree", "-m", "notes", outer)
    repo.git("update-ref", "refs/notes/commits", note)
    found = [f.path for f in repo.scan_history(note).findings]
    assert found == [f"object {commit[:12]} (git note)"]
