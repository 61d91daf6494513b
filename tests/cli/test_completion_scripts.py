"""The completion scripts are what the table of commands gives, whatever stands in it."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from credman.cli import ALIASES, COMMANDS, GROUPS
from credman.cli.parsing import load_parser
from tests.cli.tabs import SCRIPTS
from tests.requirements import require_program

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("bash", "zsh", "fish", "ps1")
HOSTILE = 'it\'s "odd": $(touch PWNED) `touch PWNED` \\ %s %n {a} #x !x ‘’ … é\n\x1b[2J | end'


def load_generator() -> ModuleType:
    path = ROOT / "scripts" / "completions.py"
    spec = importlib.util.spec_from_file_location("completions_script", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = load_generator()


def test_the_scripts_are_up_to_date() -> None:
    assert GENERATOR.main(["--check"]) is None


def test_the_check_finds_a_script_that_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(GENERATOR, "SCRIPTS", tmp_path)
    assert "is not what the commands give" in GENERATOR.main(["--check"])
    assert GENERATOR.main(["--write"]) is None
    assert GENERATOR.main(["--check"]) is None
    path = tmp_path / "credman.fish"
    path.write_text(path.read_text() + "\n")
    assert GENERATOR.main(["--check"]).startswith("credman.fish is not")
    assert GENERATOR.main([]) == "one of --write and --check"


def test_the_folder_at_the_root_is_the_one_in_the_package() -> None:
    folder = ROOT / "completions"
    assert folder.is_symlink() and folder.resolve() == SCRIPTS
    assert not folder.readlink().is_absolute()
    assert {path.name for path in SCRIPTS.iterdir()} == {f"credman.{name}" for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_every_command_alias_and_option_is_in_each(name: str) -> None:
    text = (SCRIPTS / f"credman.{name}").read_text("utf-8")
    assert text.isascii() and "@tables@" not in text
    for first in {*(c.partition(" ")[0] for c in COMMANDS), *GROUPS, *ALIASES, "help"}:
        assert f"'{first}|" in text
    for command in COMMANDS:
        assert f"'{command}'" in text
        for parameter in load_parser(command).params:
            if parameter.opts[0].startswith("-"):
                assert re.search(f"'(-[a-z] )?{max(parameter.opts, key=len)}[|]", text)


def test_what_completes_each_value_was_decided() -> None:
    # A new word in a help text is either completed, or known to be free text.
    free = {"N", "VAR", "DATE", "90d", "T", "LABEL", "SLOT", "NEW", "8h", "CMD", "50m", "7d"} | {
        "30d",
        "14d,3d",
        "HH:MM",
    }
    for command in COMMANDS:
        for parameter in load_parser(command).params:
            if getattr(parameter, "is_flag", False):
                continue
            kind = GENERATOR.find_kind(command, parameter)
            word = parameter.metavar.strip("[].…")
            assert kind != GENERATOR.TEXT or word in free, f"{command}: {word}"


def test_closed_sets_come_from_the_commands() -> None:
    options = {
        (name, entry.partition("|")[0]): entry.split("|")[2]
        for name in COMMANDS
        for entry in GENERATOR.read_syntax(name).options
    }
    assert options["env", "--shell"] == "=auto,posix,bash,zsh,sh,fish"
    assert options["export", "--format"] == "=dotenv,json,yaml,toml,docker,github,k8s"
    assert options["add", "--var"] == "text" and options["add", "--isolated"] == ""
    assert options["get", "-e --env"] == "environment"
    assert options["remind install", "--scheduler"] == "=systemd,launchd,cron,tasks"
    assert GENERATOR.read_syntax("slot add").positionals == ["=passphrase,keyring"]


def write_hostile(name: str, folder: Path) -> Path:
    """Returns: a script whose texts are hostile."""
    entries = {
        "": [f"--help|{GENERATOR.clean(HOSTILE)}"],
        "commands": [f"get|{GENERATOR.clean(HOSTILE)}", f"add|{HOSTILE}"],
        **{f"group {group}": [f"new|{HOSTILE}"] for group in GROUPS},
        "providers": [f"hf|{HOSTILE}"],
    }
    syntax = {"get": GENERATOR.Syntax(["token"], [f"--field||text|{HOSTILE}", GENERATOR.HELP])}
    template = (GENERATOR.TEMPLATES / f"credman.{name}.in").read_text("utf-8")
    path = folder / f"credman.{name}"
    path.write_text(template.replace(GENERATOR.MARK, GENERATOR.RENDERERS[name](entries, syntax)))
    return path


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_no_text_is_ever_run(name: str, tmp_path: Path) -> None:
    script = write_hostile(name, tmp_path)
    program = require_program(name)
    show = {
        "bash": '__credman_entries commands; printf "%s\\0" "${entries[@]}"',
        "zsh": 'compdef() { :; }; __credman_entries commands; printf "%s\\0" "${entries[@]}"',
        "fish": "complete -C 'credman ge'; complete -C 'credman get --fi'",
    }[name]
    first = "compdef() { :; };" if name == "zsh" else ""
    done = subprocess.run(
        [program, "-c", f"{first} source {script}; {show}"],
        cwd=tmp_path, capture_output=True, check=False, timeout=30, text=True,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert not [*tmp_path.rglob("PWNED")]
    if name == "fish":
        assert done.stdout.startswith('get\tit\'s "odd": $(touch PWNED) `touch PWNED` \\ %s')
    else:
        texts = done.stdout.split("\0")
        assert texts[:2] == [f"get|{GENERATOR.clean(HOSTILE)}", f"add|{HOSTILE}"]


def test_texts_are_one_line_of_ascii() -> None:
    cleaned = GENERATOR.clean(HOSTILE)
    assert cleaned.isascii() and cleaned.isprintable() and "... ?" in cleaned


def test_quoting_for_powershell() -> None:
    # PowerShell takes typographic quotes for quotes, and could not be run here: texts have none.
    assert GENERATOR.quote_powershell("it's $(x) `x") == "'it''s $(x) `x'"
    text = (SCRIPTS / "credman.ps1").read_text("utf-8")
    code = re.sub(r"'(?:[^']|'')*'", "''", re.sub(r"(?m)^ *#.*$", "", text))
    code = re.sub(r'"[^"]*"', '""', code)
    for opening, closing in ("{}", "()", "[]"):
        assert code.count(opening) == code.count(closing)
    assert code.count("'") % 2 == code.count('"') % 2 == 0
