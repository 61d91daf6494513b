"""``use``: defaults in the configuration file, which belongs to its user."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from tests.cli.harness import credman, make_vault


def config() -> Path:
    return Path(os.environ["CREDMAN_HOME"], "config", "config.toml")


def write(text: str | bytes) -> None:
    config().parent.mkdir(parents=True, exist_ok=True)
    config().write_bytes(text.encode() if isinstance(text, str) else text)


def test_a_known_environment_needs_no_vault() -> None:
    assert credman("use", "-e", "prod", passphrase=None).exit_code == 0
    assert credman("use").text == "environment prod, profile default\n"
    assert stat.S_IMODE(config().stat().st_mode) == 0o600


def test_the_default_counts_until_something_else_is_said() -> None:
    credman("add", "x", "-e", "prod", stdin=b"p")
    credman("add", "x", "-e", "dev", stdin=b"d")
    credman("use", "-e", "prod")
    assert credman("get", "x").text == "p"
    assert credman("get", "x", environ={"CREDMAN_ENV": "dev"}).text == "d"
    assert credman("get", "x", "-e", "prod", environ={"CREDMAN_ENV": "dev"}).text == "p"
    assert credman("env", "dev", "--shell", "sh").text == "export X='d';\n"


def test_json() -> None:
    shown = json.loads(credman("use", "-e", "dev", "--json").text)
    assert shown == {"version": 1, "environment": "dev", "profile": "default"}


@pytest.mark.parametrize("option", ["-e", "-p"])
@pytest.mark.parametrize("name", ["prd", "nothing"])
def test_an_unknown_name_is_no_default(option: str, name: str) -> None:
    make_vault()
    outcome = credman("use", option, name)
    assert outcome.exit_code == 3 and not config().exists()
    assert ("did you mean prod?" in outcome.stderr) == (option == "-e" and name == "prd")
    outcome = credman("use", option, name, environ={"CREDMAN_HOME": "elsewhere"})
    assert outcome.exit_code == 3 and f"so {name} cannot be found" in outcome.stderr


@pytest.mark.parametrize("option", ["-e", "-p"])
@pytest.mark.parametrize("name", ["", "../x", "a b", "\x1b[2J"])
def test_what_is_no_name(option: str, name: str) -> None:
    outcome = credman("use", option, name)
    assert outcome.exit_code == 2 and "\x1b" not in outcome.stderr
    assert not config().exists()


def test_an_environment_of_the_vault_or_of_the_configuration() -> None:
    credman("add", "x", "-e", "live", "-p", "work", stdin=b"v")
    assert credman("use", "-e", "live", "-p", "work").exit_code == 0
    assert credman("get", "x").text == "v"
    write("[environments.mine]\n")
    assert credman("use", "-e", "mine", passphrase=None).exit_code == 0


COMMENTED = """\
# my defaults, do not touch
environment = "dev"   # at the office

[environments.prod]  # nothing of the base in here
isolated = true
"""


def test_comments_and_order_stay() -> None:
    write(COMMENTED)
    assert credman("use", "-e", "prod").exit_code == 0
    assert config().read_text() == COMMENTED.replace('"dev"', '"prod"')


def test_a_new_key_does_not_slip_into_a_table() -> None:
    write("# first\n[environments.prod]\nisolated = true\n")
    assert credman("use", "-e", "prod", "--json").exit_code == 0
    assert credman("use").text == "environment prod, profile default\n"
    assert "# first" in config().read_text()


def test_a_link_to_it_stays_a_link(tmp_path: Path) -> None:
    kept = tmp_path / "dotfiles.toml"
    kept.write_text("# kept elsewhere\n")
    config().parent.mkdir(parents=True)
    config().symlink_to(kept)
    assert credman("use", "-e", "prod").exit_code == 0
    assert config().is_symlink()
    assert kept.read_text() == '# kept elsewhere\nenvironment = "prod"\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("environment = [", "not valid TOML"),
        ("environment = 3", "environment must be a text"),
        ('environment = ""', "this is not a name for an environment"),
        ('enviroment = "prod"', "unknown key 'enviroment'"),
        ("environments = 1", "environments must be a table"),
        ("[environments.prod]\nisolatd = true", "environments.prod holds an unknown key"),
        ("[environments.prod]\nisolated = 1", "environments.prod.isolated must be true or false"),
        ('profile = "a b"', "this is not a name for a profile"),
        (b"\xff\xfe", "not UTF-8"),
        ('"\\u001b[2J" = 1', "unknown key"),
    ],
)
def test_a_damaged_file_is_refused_and_not_touched(text: str | bytes, reason: str) -> None:
    write(text)
    before = config().read_bytes()
    for argv in (("use",), ("use", "-e", "prod"), ("list",), ("get", "x")):
        outcome = credman(*argv)
        assert outcome.exit_code == 2 and outcome.stdout == b""
        assert str(config()) in outcome.stderr and reason in outcome.stderr
        assert "\x1b" not in outcome.stderr
    assert config().read_bytes() == before


def test_a_directory_in_its_place() -> None:
    config().mkdir(parents=True)
    outcome = credman("use", "-e", "prod")
    assert outcome.exit_code == 2 and f"cannot read {config()}" in outcome.stderr


def test_a_variable_that_counts_more_is_mentioned() -> None:
    outcome = credman("use", "-e", "prod", environ={"CREDMAN_ENV": "dev"})
    assert outcome.exit_code == 0
    assert "CREDMAN_ENV is set in this shell, and counts more" in outcome.stderr


def test_a_default_that_is_gone_is_an_error_and_never_the_base() -> None:
    make_vault()
    write('profile = "gone"\n')
    assert credman("env").text == ""
    write('environment = "prod"\nprofile = "default"\n')
    assert credman("get", "hf", environ={"CREDMAN_ENV": "gone"}).exit_code == 3
