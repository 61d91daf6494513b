"""Where files lie: as the platform says, or all under CREDMAN_HOME."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import credman
from credman.core.errors import Unavailable
from credman.core.paths import Paths, find_home, find_paths, make_private_directory
from tests.requirements import require, require_program

NOBODY = 4242  # in no user database
_SAME = (
    "import json, sys\n"
    "from platformdirs import PlatformDirs\n"
    "d = PlatformDirs('credman', appauthor=False)\n"
    "print(json.dumps([d.user_data_dir, d.user_config_dir, d.user_state_dir]))\n"
)
ENVIRONMENTS: list[dict[str, str]] = [
    {"HOME": "/home/me"},
    {"HOME": "/"},
    {"HOME": "/home/me/"},
    {"HOME": "/home/with blank and é"},
    {},
    {"HOME": "/home/me", "XDG_DATA_HOME": "/data"},
    {"HOME": "/home/me", "XDG_CONFIG_HOME": "/config", "XDG_STATE_HOME": "/state"},
    {"HOME": "/home/me", "XDG_DATA_HOME": "", "XDG_CONFIG_HOME": ""},
    {"HOME": "/home/me", "XDG_DATA_HOME": " "},
    {"HOME": "/home/me", "XDG_DATA_HOME": "/data/", "XDG_STATE_HOME": "/a/../b"},
    {"XDG_DATA_HOME": "/d", "XDG_CONFIG_HOME": "/c", "XDG_STATE_HOME": "/s"},
]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere platformdirs is asked itself")
@pytest.mark.parametrize("environ", ENVIRONMENTS, ids=json.dumps)
def test_on_linux_they_are_those_of_platformdirs(environ: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SAME], env=environ, capture_output=True, text=True, check=True
    )
    theirs = [os.path.normpath(path) for path in json.loads(done.stdout)]
    ours = find_paths(environ, "/")
    assert [os.path.normpath(p) for p in (ours.data, ours.config, ours.state)] == theirs


@pytest.mark.skipif(sys.platform != "linux", reason="of the XDG rules")
@pytest.mark.parametrize("relative", ["data", "./data", "../data", "~/data"])
def test_a_relative_base_is_ignored_as_the_specification_says(relative: str) -> None:
    paths = find_paths({"HOME": "/home/me", "XDG_DATA_HOME": relative}, "/somewhere")
    assert paths.data == "/home/me/.local/share/credman"


@pytest.mark.parametrize(
    ("home", "root"),
    [
        ("/srv/credman", "/srv/credman"),
        ("/srv/credman/", "/srv/credman"),
        ("place", "/somewhere/place"),
        ("./a/../place", "/somewhere/place"),
        ("..", "/"),
    ],
)
def test_one_variable_moves_everything(home: str, root: str) -> None:
    environ = {"CREDMAN_HOME": home, "HOME": "/home/me", "XDG_DATA_HOME": "/data"}
    paths = find_paths(environ, "/somewhere")
    assert paths == Paths(*(os.path.join(root, part) for part in ("data", "config", "state")))
    assert paths.vault == os.path.join(root, "data", "vault.age")
    assert paths.config_file == os.path.join(root, "config", "config.toml")


def test_an_empty_variable_moves_nothing() -> None:
    moved = find_paths({"CREDMAN_HOME": "", "HOME": "/home/me"}, "/")
    assert moved == find_paths({"HOME": "/home/me"}, "/")


def test_only_the_environment_that_is_given_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody-else")
    monkeypatch.setenv("CREDMAN_HOME", "/elsewhere")
    monkeypatch.setenv("XDG_DATA_HOME", "/elsewhere")
    paths = find_paths({"HOME": "/home/me"}, "/")
    assert paths.vault.startswith("/home/me/")


def test_without_home_the_user_database_knows_it() -> None:
    import pwd

    expected = pwd.getpwuid(os.getuid()).pw_dir
    assert find_home({}) == find_home({"HOME": ""}) == find_home({"HOME": "relative"}) == expected


@pytest.fixture
def public_package() -> Iterator[Path]:
    """A copy of the package that every user may read."""
    directory = Path(tempfile.mkdtemp())
    shutil.copytree(Path(credman.__file__).parent, directory / "credman")
    directory.chmod(0o755)
    for path in directory.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    yield directory
    shutil.rmtree(directory)


def as_nobody(package: Path, environ: Mapping[str, str]) -> str:
    """Runs ``find_paths`` as a user whom no database knows."""
    require(os.geteuid() == 0, "only root can run something as another user")
    setpriv = require_program("setpriv")
    python = "/usr/bin/python3"
    require(os.path.exists(python), f"{python} is not installed")
    as_user = [setpriv, f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    program = (
        "import os\n"
        "from credman.core.errors import CredmanError\n"
        "from credman.core.paths import find_paths\n"
        "try: print(find_paths(os.environ, '/').vault)\n"
        "except CredmanError as e: print(e.kind, e.exit_code, e.message, '|', e.hint)\n"
    )
    done = subprocess.run(
        [*as_user, python, "-c", program],
        env={"PYTHONPATH": str(package), "PYTHONDONTWRITEBYTECODE": "1", **environ},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    require("requires-python" not in done.stderr, f"{python} is too old")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nobody_without_a_home_is_told_so(public_package: Path) -> None:
    printed = as_nobody(public_package, {})
    assert printed.startswith("unavailable 6 there is no home directory")
    assert "HOME" in printed and "CREDMAN_HOME" in printed
    assert as_nobody(public_package, {"HOME": "relative"}) == printed
    assert as_nobody(public_package, {"HOME": "/h"}) == "/h/.local/share/credman/vault.age"
    assert as_nobody(public_package, {"CREDMAN_HOME": "/c"}) == "/c/data/vault.age"


def test_a_private_directory_and_its_parents_are_ours_alone(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "c"
    former = os.umask(0)
    try:
        make_private_directory(str(target))
        make_private_directory(str(target))  # once more is no error
    finally:
        os.umask(former)
    for path in (target, target.parent, target.parent.parent):
        assert path.stat().st_mode & 0o777 == 0o700


def test_a_directory_that_exists_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir(mode=0o755)
    (tmp_path / "shared").chmod(0o755)
    make_private_directory(str(tmp_path / "shared" / "mine"))
    assert (tmp_path / "shared").stat().st_mode & 0o777 == 0o755


def test_a_directory_that_cannot_be_made_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for name in ("file", "file/below", "dangling", "dangling/below", "loop/x", "n" * 300):
        with pytest.raises(Unavailable) as caught:
            make_private_directory(str(tmp_path / name))
        assert str(tmp_path) in caught.value.message
