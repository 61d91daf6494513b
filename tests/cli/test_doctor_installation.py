"""``doctor``: the program, the variables, the configuration, and stores of other kinds."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import venv
from importlib import metadata
from pathlib import Path

import pytest

from credman.cli import installation
from tests.cli.harness import PASSPHRASE, credman, make_value, program
from tests.cli.keyed import make_keyed_vault, see, vault
from tests.cli.test_doctor import doctor
from tests.requirements import require

VERSION = metadata.version("credman-cli")
LOCKED = "the vault is locked, and there is no terminal to ask on"


def config_file() -> Path:
    path = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def test_which_program_this_is() -> None:
    done = program("doctor", "--json")
    assert (done.returncode, done.stderr) == (0, b"")
    found = {fact["what"]: fact["text"] for fact in json.loads(done.stdout)["facts"]}
    assert found["credman"].startswith(f"{VERSION}, ")
    version = platform.python_version()
    assert found["python"] == f"{platform.python_implementation()} {version}, {sys.executable}"
    assert found["system"].split()[0] == platform.system()


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("pipx_metadata.json", "installed by pipx"),
        ("uv-receipt.toml", "installed by uv tool"),
        ("conda-meta/history", "in a conda environment"),
        (None, "in a virtual environment"),
    ],
)
def test_how_it_was_installed(mark: str | None, said: str, tmp_path: Path) -> None:
    place = tmp_path / "place"
    venv.create(place)
    if mark is not None:
        (place / mark).parent.mkdir(exist_ok=True)
        (place / mark).touch()
    (site,) = place.glob("lib/python*/site-packages")
    (site / "others.pth").write_text("\n".join(path for path in sys.path if path))
    assert describe(str(place / "bin" / "python")).startswith(f"{VERSION}, {said}")


@pytest.mark.parametrize(("place", "said"), [("own", "for this user"), ("other", "for every user")])
def test_how_it_was_installed_without_an_environment(place: str, said: str, tmp_path: Path) -> None:
    base = str(getattr(sys, "_base_executable", sys.executable))
    site = Path(sysconfig.get_path("purelib", "posix_user", vars={"userbase": str(tmp_path)}))
    site = site if place == "own" else tmp_path / "other"
    copied = metadata.distribution("credman-cli").locate_file(f"credman_cli-{VERSION}.dist-info")
    shutil.copytree(str(copied), site / f"credman_cli-{VERSION}.dist-info")
    (site / f"credman_cli-{VERSION}.dist-info" / "direct_url.json").unlink(missing_ok=True)
    paths = os.pathsep.join((str(site), *sys.path[1:]))
    found = describe(base, PYTHONUSERBASE=str(tmp_path), PYTHONPATH=paths)
    assert found == f"{VERSION}, installed {said}"


def describe(python: str, **environ: str) -> str:
    """Returns: what doctor says of itself under this interpreter."""
    done = subprocess.run(
        [python, "-m", "credman", "doctor", "--json"],
        env={**os.environ, **environ},
        cwd=Path.home(),
        capture_output=True,
        check=True,
    )
    facts = json.loads(done.stdout)["facts"]
    return next(str(fact["text"]) for fact in facts if fact["what"] == "credman")


def test_from_its_sources_it_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installation, "DISTRIBUTION", "credman-cli-not-installed")
    assert "credman    not installed: it runs from its sources\n" in doctor().text


def test_on_a_narrow_terminal_nothing_is_cut_off() -> None:
    make_keyed_vault()
    assert doctor(stdout_is_terminal=True, width=20).text == doctor().text


def test_variables_that_count_are_named(tmp_path: Path) -> None:
    url = f"file:{tmp_path}/other.age"
    given = {"CREDMAN_STORE": url, "CREDMAN_ENV": "prod", "CREDMAN_PROFILE": "work"}
    outcome = doctor(environ=given)
    assert outcome.exit_code == 0
    home = os.environ["CREDMAN_HOME"]
    shown = [line[13:] for line in outcome.text.splitlines() if "CREDMAN_" in line]
    assert shown == [
        f"CREDMAN_HOME={home}",
        f"CREDMAN_STORE={url}",
        "CREDMAN_ENV=prod",
        "CREDMAN_PROFILE=work",
        "CREDMAN_PASSPHRASE is set",
        "switched off by CREDMAN_AGENT",
    ]
    assert PASSPHRASE not in outcome.text
    assert "variable   CREDMAN_HOME=" in outcome.text
    unset = doctor(environ={"CREDMAN_ENV": "", "CREDMAN_HOME": home}, passphrase=None)
    assert "CREDMAN_ENV" not in unset.text and "CREDMAN_PASS" not in unset.text


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("CREDMAN_STORE", "file://ana:{}@host/x"),
        ("CREDMAN_STORE", "{}"),
        ("CREDMAN_STORE", "nosuch:{}"),
        ("CREDMAN_ENV", "{}"),
        ("CREDMAN_ENV", "a {}"),
        ("CREDMAN_PROFILE", "{}"),
        ("CREDMAN_PASSPHRASE", "{}"),
        ("CREDMAN_PASSPHRASE_COMMAND", "echo {}"),
    ],
)
def test_what_may_be_a_value_is_not_shown(variable: str, text: str) -> None:
    value = make_value()
    given = {variable: text.format(value)}
    for argv in ((), ("--json",)):
        outcome = doctor(*argv, environ=given, passphrase=None)
        assert variable in outcome.text
        assert value not in outcome.text + outcome.stderr


def test_a_name_that_no_command_takes_is_a_finding() -> None:
    outcome = doctor(environ={"CREDMAN_ENV": "../x"})
    assert outcome.exit_code == 8
    assert "CREDMAN_ENV: this is not a name for an environment\n" in outcome.text


def test_a_relative_home_is_another_one_elsewhere() -> None:
    outcome = doctor(environ={"CREDMAN_HOME": "here"})
    assert "CREDMAN_HOME=here\n" in outcome.text and "make it absolute" in outcome.text
    assert f"vault      {Path.home()}/here/data/vault.age\n" in outcome.text
    assert "make it absolute" not in doctor().text


@pytest.mark.parametrize(
    ("argv", "given", "said"),
    [
        ([], {"CI": "true"}, "switched off by CI: nobody is asked"),
        ([], {"CI": "0", "CREDMAN_NO_INPUT": "1"}, "switched off by CREDMAN_NO_INPUT: nobody"),
        (["--no-input"], {}, "switched off by --no-input: nobody is asked"),
        ([], {"CI": "false"}, ""),
    ],
)
def test_whether_somebody_can_be_asked(argv: list[str], given: dict[str, str], said: str) -> None:
    outcome = doctor(*argv, answers=[], environ=given)
    assert (f"  input      {said}" in outcome.text) if said else ("input" not in outcome.text)
    assert "input      there is no terminal to ask on\n" in doctor().text


def test_the_configuration_is_named() -> None:
    path = config_file()
    assert f"config     {path}: there is none, so the defaults count\n" in doctor().text
    path.write_text('environment = "prod"\n')
    assert f"config     {path}\n" in doctor().text


BROKEN = {
    "unknown key": b"x = 1\n",
    "not valid TOML": b"= 1\n",
    "not UTF-8": b"\xff\n",
    "is not a name": b'profile = "a b"\n',
}


@pytest.mark.parametrize("words", BROKEN)
def test_with_a_broken_configuration_the_rest_is_looked_at(words: str) -> None:
    make_keyed_vault()
    config_file().write_bytes(BROKEN[words])
    outcome = doctor()
    assert outcome.exit_code == 2 and outcome.stderr.startswith("credman: error: ")
    assert words in outcome.text and words in outcome.stderr
    assert "store      not looked at: the configuration may name another one\n" in outcome.text
    assert f"0600 {vault()}\n" in outcome.text  # its file is, without opening it
    assert "generation" not in outcome.text
    outcome = doctor("--store", f"file:{vault()}")
    assert outcome.exit_code == 2 and "generation" in outcome.text and words in outcome.text


def test_without_a_home_it_says_so() -> None:
    require(os.geteuid() == 0, "only root can give a directory to another user")
    os.chown(Path.home(), 12345, 12345)
    outcome = doctor(environ={"CREDMAN_HOME": ""})
    assert outcome.exit_code == 6
    assert f"! home       {Path.home()} belongs to another user" in outcome.text
    assert "python" in outcome.text and outcome.text.endswith("\n  1 to look at\n")


def test_a_vault_that_nobody_can_unlock_hides_nothing_else() -> None:
    make_keyed_vault()
    vault().chmod(0o644)
    for argv in ((), ("--json",)):
        outcome = doctor(*argv, passphrase=None)
        assert outcome.exit_code == 4 and outcome.stderr.startswith(f"credman: error: {LOCKED}\n")
        assert f"not opened: {LOCKED}" in outcome.text
        assert f"0644 {vault()}: other users may open it" in outcome.text
    assert len(json.loads(outcome.text)["findings"]) == 2


def test_whoever_stops_at_the_prompt_gets_no_report() -> None:
    make_keyed_vault()
    outcome = doctor(answers=[], passphrase=None)
    assert (outcome.exit_code, outcome.text) == (130, "")


@pytest.mark.parametrize("argv", [("--store", "x"), ("--passphrase-fd", "x"), ("--nosuch",)])
def test_a_slip_on_the_command_line_is_told_at_once(argv: tuple[str, ...]) -> None:
    outcome = doctor(*argv)
    assert (outcome.exit_code, outcome.text) == (2, "")


def test_nothing_is_written_by_looking() -> None:
    make_keyed_vault()
    see()
    top = Path(os.environ["CREDMAN_HOME"])
    before = {path: path.lstat() for path in top.rglob("*")}
    assert doctor().exit_code == 0
    after = {path: path.lstat() for path in top.rglob("*")}
    assert {p: (s.st_mtime_ns, s.st_mode) for p, s in before.items()} == {
        p: (s.st_mtime_ns, s.st_mode) for p, s in after.items()
    }
    shutil.rmtree(top)
    assert doctor().exit_code == 0 and not top.exists()


def test_a_service_for_notebooks_is_told_with_what_says_so() -> None:
    environ = {"KAGGLE_KERNEL_RUN_TYPE": "Interactive", "KAGGLE_USER_SECRETS_TOKEN": "x" * 40}
    said = credman("doctor", environ=environ).text
    [line] = [line for line in said.splitlines() if "runs in" in line]
    assert "Kaggle" in line and "KAGGLE_KERNEL_RUN_TYPE" in line and "xxx" not in said
