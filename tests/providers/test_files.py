"""An invalid file is found: by ``providers --validate``, and by the build of a wheel. The page
about the providers is what the files give."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COPIED = ("pyproject.toml", "hatch_build.py", "README.md", "LICENSE")
VALIDATE = ("-m", "credman", "providers", "--validate")
BUILD = ("-m", "hatchling", "build", "-t", "wheel", "-d", "dist")
DOCS = ("scripts/provider_docs.py",)


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "credman"
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("credman", "scripts", "docs"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignored)
    for name in COPIED:
        shutil.copy(ROOT / name, folder / name)
    return folder


@pytest.fixture
def copy(clean: Path, tmp_path: Path) -> Path:
    """Returns: a copy of the sources, to be broken."""
    return Path(shutil.copytree(clean, tmp_path / "copy"))


def change(copy: Path, name: str, old: str, new: str) -> None:
    file = copy / "credman" / "providers" / "data" / f"{name}.toml"
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), "utf-8")


def run(copy: Path, arguments: Sequence[str]) -> subprocess.CompletedProcess[str]:
    # A script has its own folder in its path; the copy comes before what is installed.
    program = (
        "import runpy, sys; sys.path.insert(0, '.'); flag, *sys.argv = sys.argv[1:]; "
        "runpy.run_path(flag, run_name='__main__')"
    )
    command = [sys.executable, *arguments]
    if arguments[0] != "-m":
        command = [sys.executable, "-c", program, arguments[0], *arguments]
    return subprocess.run(
        command, cwd=copy, capture_output=True, text=True, check=False, timeout=60
    )


def test_the_copy_is_what_runs(copy: Path) -> None:
    shutil.rmtree(copy / "credman" / "providers")
    assert "No module named 'credman.providers" in run(copy, (*DOCS, "--check")).stderr
    assert run(copy, VALIDATE).returncode == 1


def test_all_is_well(copy: Path) -> None:
    done = run(copy, VALIDATE)
    assert (done.returncode, done.stdout) == (0, "65 providers, all valid\n")
    built = run(copy, BUILD)
    assert built.returncode == 0, built.stderr
    assert [path.suffix for path in (copy / "dist").iterdir()] == [".whl"]


BROKEN = [
    (("openai", "title =", "titel ="), "openai.toml: title is missing"),
    (("openai", '"GET"', '"READ"'), "openai.toml: verify.method must be GET, POST"),
    (("openai", 'aliases = ["gpt"', 'aliases = ["hf"'), "openai.toml: aliases: hf is a name of"),
    (("testpypi", 'yields_to = "pypi"\n', ""), "testpypi.toml: fields: TWINE_PASSWORD is"),
]


@pytest.mark.parametrize(("changed", "problem"), BROKEN, ids=[problem for _, problem in BROKEN])
def test_an_invalid_file_is_named(copy: Path, changed: tuple[str, str, str], problem: str) -> None:
    change(copy, *changed)
    done = run(copy, VALIDATE)
    assert done.returncode == 1 and done.stdout.startswith(problem)
    assert done.stdout.count("\n") == 1 and done.stderr == ""
    built = run(copy, BUILD)
    assert built.returncode == 1 and problem in built.stderr
    assert not list(copy.glob("dist/*"))


def test_every_invalid_file_is_named(copy: Path) -> None:
    change(copy, "openai", "title =", "titel =")
    change(copy, "groq", "expiry =", "ends =")
    done = run(copy, VALIDATE)
    assert done.stdout == "groq.toml: expiry is missing\nopenai.toml: title is missing\n"
    assert run(copy, (*VALIDATE, "groq")).stdout == "groq.toml: expiry is missing\n"
    sound = run(copy, (*VALIDATE, "hf"))
    assert (sound.returncode, sound.stdout) == (0, "1 provider, valid\n")
    unknown = run(copy, (*VALIDATE, "nosuch"))
    assert unknown.returncode == 3 and "no provider named nosuch" in unknown.stderr
    told = run(copy, (*VALIDATE, "--json"))
    assert told.returncode == 1 and '"openai.toml: title is missing"' in told.stdout


def test_the_page_is_up_to_date_and_its_age_is_noticed(copy: Path) -> None:
    assert run(copy, (*DOCS, "--check")).returncode == 0
    page = (copy / "docs" / "providers.md").read_text("utf-8")
    change(copy, "groq", 'title = "Groq"', 'title = "Quorg"')
    old = run(copy, (*DOCS, "--check"))
    assert old.returncode == 1 and "docs/providers.md is not what the catalogue gives" in old.stderr
    assert run(copy, (*DOCS, "--write")).returncode == 0
    written = (copy / "docs" / "providers.md").read_text("utf-8")
    assert written == page.replace("Groq", "Quorg") != page
    assert run(copy, (*DOCS, "--check")).returncode == 0
    assert run(copy, DOCS).returncode == 1
