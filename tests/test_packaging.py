"""What is in the wheel, and that nothing else is."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

from credman.cli.installation import EXTRAS

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = directory.glob("*.whl")
    return built


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    suffixes = (".py", ".pyi", ".toml", ".typed", ".bash", ".fish", ".ps1", ".zsh")
    source = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "credman").rglob("*")
        if (path.is_file() and path.suffix in suffixes) or path.name == "py.typed"
    }
    assert packed == source


def test_the_wheel_is_credman_cli_with_the_command_credman(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    (entry_points,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
    (metadata,) = (n for n in archive.namelist() if n.endswith("METADATA"))
    assert archive.read(entry_points).decode().split("\n")[:2] == [
        "[console_scripts]",
        "credman = credman.__main__:main",
    ]
    fields = Parser().parsestr(archive.read(metadata).decode())
    assert (fields["Name"], fields["Requires-Python"]) == ("credman-cli", ">=3.11")
    wanted = [r.partition(";") for r in fields.get_all("Requires-Dist") or []]
    assert not [name for name, _, _ in wanted if "<" in name or "==" in name]
    optional = {name for name, _, marker in wanted if "extra ==" in marker}
    # What is missing is named by what a person has to install for it.
    assert {name.partition(">")[0] for name in optional} == set(EXTRAS.values())
    assert set(fields.get_all("Provides-Extra") or []) == {*EXTRAS, "all"}
