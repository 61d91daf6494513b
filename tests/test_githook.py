"""The light door of the git hook, and what stands behind it: real repositories, real commits."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from credman import githook
from credman.core.paths import find_paths
from tests.agent.agents import Agents, agents
from tests.cli.harness import PROGRAM, make_vault
from tests.cli.scans import OTHER, TOKEN, keep_patterns, store
from tests.committing import FORM, git, hook, make_project, put


@pytest.fixture(autouse=True)
def _compiled() -> None:
    keep_patterns()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)


def door(project: Path, *argv: str, may_use_agent: bool = False) -> str | None:
    """What the light door says, without what stands behind it."""
    environ = {**os.environ, "GIT_DIR": str(project / ".git"), "GIT_WORK_TREE": str(project)}
    words = argv or ("pre-commit",)
    return githook.is_clean(words, environ, str(project), may_use_agent=may_use_agent)


class TestTheDoor:
    def test_lets_a_clean_commit_through_without_a_word(self, project: Path) -> None:
        assert door(project) == ""
        done = hook(project)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def test_and_one_that_holds_nothing(self, project: Path) -> None:
        git(project, "rm", "-q", "--cached", "clean.py", "first.py")
        assert door(project) == ""

    @pytest.mark.parametrize(
        "data",
        [
            f"token = '{TOKEN}'".encode(),
            f"token = '{TOKEN}'".encode("utf-16"),
            f"token = '{TOKEN}'".encode("utf-16-le"),
            b"PK\x03\x04",
            b"\x1f\x8b\x08",
            b"SQLite format 3\0",
            b"version https://git-lfs.github.com/spec/v1\n",
            f'"\\u0068{TOKEN[1:]}"'.encode(),
        ],
    )
    def test_leaves_to_others_what_it_cannot_judge(self, project: Path, data: bytes) -> None:
        put(project, "x", data)
        assert door(project) is None

    def test_looks_at_the_index_not_at_the_working_tree(self, project: Path) -> None:
        put(project, "x", TOKEN.encode())
        (project / "x").write_text("clean")
        assert door(project) is None
        git(project, "add", "-A")
        (project / "x").write_text(TOKEN)
        assert door(project) == ""

    @pytest.mark.parametrize(
        "argv", [("pre-push",), ("--framework",), ("pre-commit", "x"), ("--help",)]
    )
    def test_knows_one_line_only(self, project: Path, argv: tuple[str, ...]) -> None:
        assert door(project, *argv) is None

    def test_where_git_fails_or_is_not_there(
        self, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert door(tmp_path) is None
        monkeypatch.setenv("PATH", "/nonexistent")
        assert door(project) is None

    def test_leaves_no_process_and_no_descriptor(self, project: Path) -> None:
        door(project)
        before = len(os.listdir("/proc/self/fd")), _children()
        for _ in range(3):
            door(project)
        put(project, "x", b"PK\x03\x04")
        door(project)
        assert (len(os.listdir("/proc/self/fd")), _children()) == before

    @pytest.mark.parametrize("size", [1024 * 1024, 17 * 1024 * 1024])
    def test_large_files(self, project: Path, size: int) -> None:
        put(project, "x", b"x" * size)
        assert door(project) == ("" if size < 10_000_000 else None)

    def test_many_files(self, project: Path) -> None:
        for number in range(1001):
            (project / f"f{number}").write_text(f"{number}")
        git(project, "add", "-A")
        assert door(project) is None
        git(project, "rm", "-q", "--cached", "f1", "f2")
        assert door(project) == ""

    def test_is_the_same_wherever_it_is_called_and_whatever_git_is_told(
        self, project: Path
    ) -> None:
        git(project, "commit", "-qm", "first")
        git(project, "config", "diff.relative", "true")
        below = project / "below"
        below.mkdir()
        put(project, "x", TOKEN.encode())
        assert hook(below).returncode == 1

    def test_a_token_in_a_name(self, project: Path) -> None:
        put(project, f"{TOKEN}.txt", b"clean")
        assert door(project) is None

    def test_where_the_cache_may_be_off(self, project: Path) -> None:
        config = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
        config.parent.mkdir(parents=True)
        config.write_text('cache = "off"\n')
        (Path(os.environ["CREDMAN_HOME"]) / "state" / "patterns.hsdb").unlink()
        assert door(project) is None and hook(project).returncode == 0
        assert not (Path(os.environ["CREDMAN_HOME"]) / "state" / "patterns.hsdb").exists()

    def test_what_goes_wrong_is_told_without_a_traceback(self, project: Path) -> None:
        own = Path(os.environ["CREDMAN_HOME"], "config", "providers")
        own.mkdir(parents=True)
        (own / "bad.toml").write_text("=")
        done = hook(project)
        assert done.returncode == 2 and done.stderr.startswith(b"credman: error: ")

    def test_a_git_in_the_project_is_not_called(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
        assert door(project) is None

    def test_what_opens_the_vault_is_not_handed_to_git(
        self, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        fake = tmp_path / "bin" / "git"
        fake.parent.mkdir()
        fake.write_text(f'#!/bin/sh\nenv >> {tmp_path}/seen\nexec /usr/bin/git "$@"\n')
        fake.chmod(0o755)
        monkeypatch.setenv("PATH", f"{fake.parent}:{os.environ['PATH']}")
        monkeypatch.setenv("CREDMAN_PASSPHRASE", "canary in the coal mine")
        assert door(project) == ""
        assert "canary" not in (tmp_path / "seen").read_text()
        assert "GIT_ALLOW_PROTOCOL=none" in (tmp_path / "seen").read_text()

    def test_finds_the_same_places_as_all_else(self, tmp_path: Path) -> None:
        home = str(tmp_path)
        for environ in (
            {"HOME": home},
            {"HOME": home, "XDG_STATE_HOME": "/s", "XDG_CONFIG_HOME": "/c"},
            {"HOME": home, "XDG_STATE_HOME": "relative"},
            {"HOME": home, "CREDMAN_HOME": "there"},
            {"HOME": home, "CREDMAN_HOME": "/there"},
        ):
            paths = find_paths(environ, "/cwd")
            assert githook._find_places(environ, "/cwd") == (paths.state, paths.providers)
        assert githook._find_places({}, "/") == (None, None)

    def test_loads_next_to_nothing(self, project: Path) -> None:
        code = (
            "import sys; from credman import githook; import os\n"
            "said = githook.is_clean(['pre-commit'], os.environ, os.getcwd(), may_use_agent=True)\n"
            "assert said == '', said\n"
            "print(*sorted(m for m in sys.modules if m.startswith(('credman', 'hyperscan'))))\n"
            "print(*({'re', 'typing', 'dataclasses', 'json', 'subprocess', 'typer', 'pathlib'}"
            " & set(sys.modules)))"
        )
        done = subprocess.run(
            [sys.executable, "-S", "-c", code], cwd=project, capture_output=True, text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}, check=True, timeout=60,
        )  # fmt: skip
        loaded, heavy = done.stdout.split("\n")[:2]
        assert heavy == ""
        assert loaded.split() == [
            "credman",
            "credman.agent",
            "credman.agent.client",
            "credman.core",
            "credman.core.wire",
            "credman.githook",
            "credman.watch",
            "credman.watch.scan",
            "credman.watch.scan.engines",
            "credman.watch.scan.fingerprints",
            "credman.watch.scan.patterns",
            "credman.watch.scan.recognizing",
            "hyperscan._hs_ext",
        ]


def _children() -> list[str]:
    return sorted(p.read_text() for p in Path("/proc/self/task").glob("*/children"))


class TestWithoutAnAgent:
    def test_stored_values_are_known_by_their_fingerprints(self, project: Path) -> None:
        store(FORM, "--var", "X", name="x")
        done = hook(project)
        assert done.returncode == 0
        said = (
            b"credman: the store is not open (credman unlock): your stored values were looked for "
        )
        assert done.stderr == said + b"by fingerprint, in plain form only\n"
        put(project, "x", f"key: {FORM}\n".encode())
        done = hook(project)
        assert done.returncode == 1
        assert b"x:1:6" in done.stderr and b"your x (default)" in done.stderr
        assert b"git commit --no-verify" in done.stderr

    def test_nobody_is_asked(self, project: Path) -> None:
        make_vault()
        put(project, "x", TOKEN.encode())
        done = hook(project)  # it has no terminal: whoever asks fails with 4
        assert done.returncode == 1 and b"the store is not open" in done.stderr

    def test_off_with_the_cache_and_that_is_said(self, project: Path) -> None:
        store(FORM, "--var", "X", name="x")
        for name in ("fingerprints", "fingerprints.key"):
            Path(os.environ["CREDMAN_HOME"], "state", name).unlink()
        done = hook(project)
        assert done.returncode == 0 and b"were not looked for" in done.stderr

    def test_nor_by_the_command_that_gives_the_passphrase(
        self, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_vault()
        put(project, "x", TOKEN.encode())
        monkeypatch.setenv("CREDMAN_PASSPHRASE_COMMAND", f"touch {tmp_path}/called")
        assert hook(project).returncode == 1
        assert not (tmp_path / "called").exists()

    def test_a_variable_does_not_lead_past_them(
        self, project: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store(FORM, "--var", "X", name="x")
        put(project, "x", FORM.encode())
        monkeypatch.setenv("CREDMAN_STORE", "file:/nonexistent/v.age")
        done = hook(project)
        assert done.returncode == 1 and b"there is no such store" in done.stderr


class TestWithAnAgent:
    def test_stored_values_are_matched_in_every_encoding(self, project: Path) -> None:
        store(FORM, "--var", "X", name="x")
        put(project, "x", b"Basic " + base64.b64encode(f"u:{FORM}".encode()))
        with agents() as desk:
            assert desk.run("hook", "run", "pre-commit", cwd=project).returncode == 0
            desk.unlock()
            done = desk.run("hook", "run", "pre-commit", cwd=project)
            assert done.returncode == 1 and b"your x (default), in base64" in done.stderr
            git(project, "rm", "-qf", "--cached", "x")
            done = desk.run("hook", "run", "pre-commit", cwd=project)
            assert (done.returncode, done.stderr) == (0, b"")

    def test_which_gives_values_to_nobody_else(self) -> None:
        store(FORM, "--var", "X", name="x")
        with agents() as desk:
            desk.unlock()
            assert githook._ask_values(desk.environ, "/") == [FORM.encode()]
            assert githook._ask_values({**desk.environ, "CREDMAN_AGENT": "off"}, "/") is None
            desk.run("lock")
            assert githook._ask_values(desk.environ, "/") is None
            done = desk.run("__values")
            assert done.returncode == 2 and FORM.encode() not in done.stdout + done.stderr

    def test_and_that_is_no_use_of_it(self) -> None:
        store(FORM, "--var", "X", name="x")
        with agents() as desk:
            desk.unlock()
            before = _seconds_left(desk)
            time.sleep(1.6)
            githook._ask_values(desk.environ, "/")
            assert _seconds_left(desk) < before
            desk.run("get", "x")
            assert _seconds_left(desk) == before


def _seconds_left(desk: Agents) -> int:
    told = json.loads(desk.run("status", "--json").stdout)
    found: int = told["unlocked"][0]["seconds_left"]
    return found


def test_a_baseline_counts_in_the_hook(project: Path) -> None:
    put(project, "x", OTHER.encode())
    assert hook(project).returncode == 1
    done = subprocess.run([*PROGRAM, "scan", "--accept"], cwd=project, check=True, timeout=60)
    assert done.returncode == 0 and hook(project).returncode == 0


def test_what_was_there_before_does_not_block(project: Path) -> None:
    put(project, "x", OTHER.encode())
    git(project, "commit", "-qm", "it is too late")
    put(project, "x", OTHER.encode() + b"\nmore")
    assert hook(project).returncode == 0
    put(project, "x", OTHER.encode() + b"\n" + OTHER.encode())
    assert hook(project).returncode == 1


def test_what_cannot_be_read_blocks(project: Path) -> None:
    with zipfile.ZipFile(project / "bomb.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("zeros", b"\0" * (600 * 1024 * 1024))
    git(project, "add", "-A")
    done = hook(project)
    assert done.returncode == 1 and b"not looked at to its end" in done.stderr


@pytest.mark.parametrize("argv", [(), ("pre-commit", "--framework"), ("post-commit",)])
def test_any_other_line_blocks(project: Path, argv: tuple[str, ...]) -> None:
    done = subprocess.run(
        [*PROGRAM, "hook", "run", *argv], cwd=project, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 2
