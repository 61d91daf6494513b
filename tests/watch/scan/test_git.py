"""Git: a repository is anybody's, nothing that it names is run, and nothing is fetched."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from credman.core.errors import Unavailable
from credman.watch.scan import git
from credman.watch.scan.git import Repository
from tests.requirements import require
from tests.watch.scan.repositories import Repo, list_paths, make_token, show, split

TOKEN, OTHER = make_token("one"), make_token("two")


def test_without_a_repository_the_hint_says_so(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    with pytest.raises(Unavailable, match="there is no git repository here") as caught:
        Repository(str(tmp_path), environ)
    assert caught.value.hint and caught.value.exit_code == 6


def test_without_git_the_hint_says_what_works(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="git is not installed") as caught:
        Repository(str(tmp_path), {"PATH": str(tmp_path)})
    assert caught.value.hint


def test_a_git_that_lies_in_the_repository_is_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repo = Repo(tmp_path / "repo")
    monkeypatch.chdir(repo.folder)
    repo.write("git", f"#!/bin/sh\n: >{tmp_path}/run\n")
    (repo.folder / "git").chmod(0o755)
    for path in (".", "", f"bin:.:{repo.folder.name}"):
        with pytest.raises(Unavailable):
            Repository(str(repo.folder), {"PATH": path})
    assert not (tmp_path / "run").exists()


def test_a_directory_that_is_gone_is_an_error_for_people(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="cannot start git"):
        Repository(str(tmp_path / "gone"), {"PATH": os.environ["PATH"]})


def test_a_repository_of_somebody_else_is_refused_with_a_hint(tmp_path: Path) -> None:
    require(os.geteuid() == 0, "only root can give files away")
    repo = Repo(tmp_path / "repo")
    for place in (repo.folder, repo.folder / ".git"):
        os.chown(place, 65534, 65534)
    with pytest.raises(Unavailable, match="belongs to another user") as caught:
        repo.open()
    assert "safe.directory" in caught.value.hint


def test_nothing_that_the_configuration_names_is_run(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", f"'{OTHER}'\n")
    repo.stage(".gitattributes", "* diff=mine filter=mine\n")
    repo.commit()
    repo.stage("a.py", f"'{OTHER}'\n'{TOKEN}'\n")
    hooks = tmp_path / "hooks"
    mark = tmp_path / "run"
    hooks.mkdir()
    spy = hooks / "spy"
    spy.write_text(f"#!/bin/sh\necho $0 >>{mark}\ncat\n")
    spy.chmod(0o755)
    for name in ("post-index-change", "reference-transaction", "pre-commit", "post-checkout"):
        shutil.copy(spy, hooks / name)
    for name in (
        *("core.fsmonitor", "core.pager", "core.editor", "core.sshCommand", "core.askPass"),
        *("diff.external", "diff.mine.textconv", "diff.mine.command", "gpg.program"),
        *("filter.mine.clean", "filter.mine.smudge", "filter.mine.process"),
        *("core.alternateRefsCommand", "core.gitProxy", "pager.log", "pager.diff"),
        *("uploadpack.packObjectsHook", "credential.helper", "alias.rev-list", "alias.cat-file"),
    ):
        repo.git("config", name, str(spy))
    repo.git("config", "core.hooksPath", str(hooks))
    repo.git("config", "log.showSignature", "true")
    mark.unlink(missing_ok=True)
    assert split(repo) == ([("a.py", 2)], [("a.py", 1)])
    assert {path for path, *_ in show(repo.scan_history())} == {"a.py"}
    assert list_paths(repo)[0] == [".gitattributes", "a.py"]
    assert not mark.exists(), mark.read_text()
    repo.git("status")  # git by itself does run it
    assert mark.exists()


def test_an_object_that_is_missing_or_no_blob_is_an_error_and_the_next_is_read(
    tmp_path: Path,
) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", TOKEN)
    repo.commit()
    name = repo.git("rev-parse", "HEAD:a.py")
    shape = git.Shape("blob", len(TOKEN))
    with repo.open() as repository:
        assert repository.measure([name, "1" * 40, name]) == {name: shape}
        for known in (shape, None):
            with pytest.raises(OSError, match="missing") as caught:
                repository.open_object("1" * 40, known)
            assert not isinstance(caught.value, FileNotFoundError)  # which a scan passes over
        assert repository.open_object(name, shape).content.read(100) == TOKEN.encode()


def test_a_damaged_object_is_an_error_and_the_next_is_read(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("bad.py", "".join(make_token(n) for n in range(200)))
    repo.stage("good.py", TOKEN)
    path = repo.object_path(":bad.py")
    path.chmod(0o600)
    data = path.read_bytes()
    path.write_bytes(data[:200] + bytes(len(data) - 200))
    report, _ = repo.scan_staged()
    assert show(report) == [("good.py", 1, 1)]
    assert [u.path for u in report.unread] == ["bad.py"]


def test_a_large_object_that_ends_too_early_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(git, "HELD", 1000)
    repo = Repo(tmp_path / "repo")
    repo.stage("bad.bin", os.urandom(50_000))
    path = repo.object_path(":bad.bin")
    path.chmod(0o600)
    path.write_bytes(path.read_bytes()[:20_000])
    report, _ = repo.scan_staged()
    assert [u.path for u in report.unread] == ["bad.bin"]


def test_closing_ends_git(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("a.py", TOKEN)
    with repo.open() as repository:
        repository.open_object(repo.git("rev-parse", ":a.py"), git.Shape("blob", 37))
        process = repository._batch
        assert process is not None and process.poll() is None
    assert process.returncode is not None


def test_git_that_does_not_answer_is_ended(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.commit()
    os.mkfifo(repo.folder / ".gitignore")
    with repo.open() as repository, pytest.raises(Unavailable, match="did not answer"):
        repository.ask("ls-files", "-o", "--exclude-standard", seconds=0.5)


def test_a_passphrase_is_not_handed_to_git(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    with repo.open({"CREDMAN_PASSPHRASE": "canary"}) as repository:
        process = repository.start("cat-file", "--batch", stdin=subprocess.PIPE)
        environ = b""
        while process.poll() is None and not environ:  # it has none while it becomes git
            environ = Path(f"/proc/{process.pid}/environ").read_bytes()
        git.end(process)
    assert b"GIT_OPTIONAL_LOCKS=0" in environ and b"canary" not in environ


@pytest.mark.parametrize("guard", ["GIT_ALLOW_PROTOCOL", "GIT_NO_LAZY_FETCH"])
def test_each_guard_alone_keeps_git_from_fetching(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, guard: str
) -> None:
    for name in {"GIT_ALLOW_PROTOCOL", "GIT_NO_LAZY_FETCH"} - {guard}:
        monkeypatch.delitem(git._ENVIRONMENT, name)
    origin = Repo(tmp_path / "origin")
    origin.stage("a.py", TOKEN)
    origin.commit()
    origin.git("config", "uploadpack.allowFilter", "true")
    repo = Repo(
        tmp_path / "repo", "--filter=blob:none", "--no-checkout", clone=f"file://{origin.folder}"
    )
    repo.git("config", "protocol.allow", "always")
    with repo.open() as repository:
        known = repository.ask("cat-file", "--batch-all-objects", "--batch-check").out
        answer = repository.ask("cat-file", "-e", "HEAD:a.py")
        if guard == "GIT_NO_LAZY_FETCH" and b"could not fetch" not in answer.error:
            require(False, "this git fetches whatever GIT_NO_LAZY_FETCH says")
        assert answer.code
        assert repository.ask("cat-file", "--batch-all-objects", "--batch-check").out == known


def test_of_a_remote_it_is_told_where_git_would_fetch(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.git("remote", "add", "origin", "short:one")
    repo.git("config", "--add", "remote.origin.url", "https://example.org/two")
    repo.git("config", "url.https://example.org/.insteadOf", "short:")
    with repo.open() as repository:
        fetched = ("https://example.org/one", "https://example.org/two")
        assert repository.list_remote_urls("origin") == fetched
        repo.git("remote", "set-url", "--push", "origin", "ssh://example.org/p")
        assert repository.list_remote_urls("origin") == fetched  # nobody has seen what lies there
        for name in ("other", "", "--all", "-h", "https://example.org/one"):
            assert repository.list_remote_urls(name) == ()


def test_a_ref_is_found_by_its_full_name_and_by_nothing_else(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    first, second = repo.commit(), repo.commit()
    repo.git("update-ref", "refs/remotes/origin/main", first)
    with repo.open() as repository:
        assert repository.find_ref("refs/remotes/origin/main") == first
        assert repository.find_ref("refs/heads/main") == second
        for name in ("main", "refs/heads/main^", "refs/heads/no", second, "-h", "", "a\0b"):
            assert repository.find_ref(name) is None
