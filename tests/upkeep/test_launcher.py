"""Which program a timer calls: one that lasts, or one with a warning."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from credman.core.errors import Unavailable
from credman.upkeep.launcher import find_launcher
from tests.upkeep.schedulers import make_system, write_program


def make_credman(folder: Path, said: str = "Usage: credman remind COMMAND") -> Path:
    return write_program(folder, "credman", f'[ "$*" = "remind --help" ] && echo "{said}"')


def launch(
    *folders: Path, python: str = "/usr/bin/python3", is_module: bool = False
) -> tuple[tuple[str, ...], str]:
    launcher = find_launcher(make_system(*folders), python=python, is_module=is_module)
    return launcher.argv, launcher.warning


def make_environment(place: Path, mark: str) -> Path:
    """A virtual environment, or one of conda. Returns: its folder with programs."""
    if mark == "pyvenv.cfg":
        venv.create(place, symlinks=True)
    else:
        (place / mark).mkdir(parents=True)
        (place / "bin").mkdir()
        os.symlink(sys.executable, place / "bin" / "python")
    return place / "bin"


@pytest.mark.parametrize("is_module", [False, True])
@pytest.mark.parametrize("kept", ["pipx_metadata.json", "uv-receipt.toml"])
def test_a_link_that_lasts_is_called_by_its_own_path(
    kept: str, is_module: bool, tmp_path: Path
) -> None:
    inside = make_environment(tmp_path / "tool", "pyvenv.cfg")
    (tmp_path / "tool" / kept).touch()
    make_credman(inside)
    lasting = tmp_path / "local" / "bin"
    lasting.mkdir(parents=True)
    (lasting / "credman").symlink_to(inside / "credman")
    python = str(inside / "python")
    for folders in ((lasting, inside), (inside, lasting)):
        argv, warning = launch(*folders, python=python, is_module=is_module)
        assert (argv, warning) == ((str(lasting / "credman"),), "")


@pytest.mark.parametrize("mark", ["pyvenv.cfg", "conda-meta"])
def test_a_link_of_one_s_own_lasts_no_longer_than_what_it_leads_to(
    mark: str, tmp_path: Path
) -> None:
    inside = make_environment(tmp_path / "project", mark)
    make_credman(inside)
    own = tmp_path / "bin"
    own.mkdir()
    (own / "credman").symlink_to(inside / "credman")
    (tmp_path / "folder").symlink_to(inside)
    for folder in (own, tmp_path / "folder"):
        argv, warning = launch(folder, python=str(inside / "python"))
        assert argv == (str(inside / "credman"),) and "which goes away with that" in warning


def test_the_place_of_pipx_is_found_without_path(tmp_path: Path) -> None:
    own = Path(os.environ["HOME"], ".local", "bin")
    make_credman(own)
    assert launch(tmp_path) == ((str(own / "credman"),), "")


@pytest.mark.parametrize(
    ("mark", "kind"),
    [("pyvenv.cfg", "virtual environment"), ("conda-meta", "conda environment")],
)
def test_what_goes_away_with_its_environment_is_warned_of(
    mark: str, kind: str, tmp_path: Path
) -> None:
    inside = make_environment(tmp_path / "project", mark)
    credman = make_credman(inside)
    python = str(inside / "python")
    argv, warning = launch(inside, python=python)
    assert argv == (str(credman),)
    assert warning == (
        f"the timer calls {credman}, which goes away with that {kind}; "
        "pipx install credman-cli gives it a lasting place"
    )
    argv, warning = launch(inside, python=python, is_module=True)
    assert argv == (python, "-m", "credman")
    assert f"the timer calls {python}, which goes away with that {kind}; " in warning
    credman.unlink()
    assert launch(inside, python=python)[0] == (python, "-m", "credman")


def test_another_program_of_the_same_name_is_not_called(tmp_path: Path) -> None:
    make_credman(tmp_path / "other", said="Usage: credman [OPTIONS] ACTION")
    make_credman(tmp_path / "ours")
    assert launch(tmp_path / "other", tmp_path / "ours") == ((str(tmp_path / "ours/credman"),), "")


def test_without_any_the_interpreter_is_called(tmp_path: Path) -> None:
    python = tmp_path / "usr" / "bin" / "python3"
    argv, warning = launch(tmp_path, python=str(python))
    assert (argv, warning) == ((str(python), "-m", "credman"), "")
    with pytest.raises(Unavailable, match="nobody knows which program"):
        launch(tmp_path, python="")


def test_this_credman_is_one_that_a_timer_can_call() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "credman", "remind", "--help"], capture_output=True, check=True
    )
    assert done.stdout.startswith(b"Usage: credman remind")


def test_a_program_that_does_not_know_the_command_is_another_one(tmp_path: Path) -> None:
    make_credman(tmp_path)  # it has reminders, and no hooks
    own = make_environment(tmp_path / "project", "pyvenv.cfg")
    for command, found in (("remind", str(tmp_path / "credman")), ("hook", str(own / "python"))):
        launcher = find_launcher(
            make_system(tmp_path),
            python=str(own / "python"),
            is_module=True,
            caller="hook",
            command=command,
        )
        assert launcher.argv[0] == found
    assert launcher.warning.startswith("the hook calls ")
