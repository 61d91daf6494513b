"""Writes the completion scripts from the table of commands, or checks that they are up to date.

python scripts/completions.py --write | --check

How a shell completes stands in scripts/completion/credman.SHELL.in; here the tables are made that
are put into it: commands, options and what completes their values, providers.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from credman.cli import ALIASES, COMMANDS, GROUPS
from credman.cli.parsing import load_parser
from credman.core.errors import CredmanError
from credman.providers.catalogue import load_catalogue

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "scripts" / "completion"
SCRIPTS = ROOT / "credman" / "completions"
MARK = "# @tables@\n"

TEXT = "text"
"""A value that nothing completes."""

KINDS = {
    "ENV": "environment",
    "PROFILE": "profile",
    "NAME": "token",
    "P": "provider",
    "A,B": "list",
    "F": "file",
    "FILE": "file",
    "PATH": "file",
    "DIR": "file",
    "URL": "store",
    "CMD": TEXT,
    "DATE": TEXT,
    "N": TEXT,
    "50m": TEXT,
    "7d": TEXT,
    "90d": TEXT,
    "30d": TEXT,
    "14d,3d": TEXT,
    "HH:MM": TEXT,
}
"""What completes a value, by the word that stands for it in the help. Where it is none of these, a
help such as ``a or b`` names a choice."""

KINDS_OF = {
    ("add", "NAME"): "provider",
    ("providers", "NAME"): "provider",
    ("remove", "NAME"): "own",
    ("rename", "NAME"): "own",
    ("rotate", "NAME"): "own",
    ("revoke", "NAME"): "own",
    ("rollback", "NAME"): "own",
    ("schedule", "NAME"): "own",
    ("get", "VAR"): "field",
}
"""The same for one command, where it differs."""

HELP = "-h --help|||Show what it does"
GENERAL = (
    "-h|Show the commands",
    "--help|Show the commands",
    "-V|Show the version",
    "--version|Show the version",
)
ASCII = {"…": "...", "–": "-", "—": "-", "→": "->", "‘": "'", "’": "'", "“": '"', "”": '"'}


class Syntax(NamedTuple):
    """Args:
    positionals: their kinds; one that may stand several times ends in ``*``.
    options: ``NAMES|REPEATS|KIND|HELP``: REPEATS is ``*`` or empty, KIND empty for a flag, and
        ``=a,b`` where there is a choice.
    """

    positionals: list[str]
    options: list[str]


def read_syntax(name: str) -> Syntax:
    """Args: name: of a command."""
    positionals: list[str] = []
    options: list[str] = []
    for parameter in load_parser(name).params:
        is_flag = getattr(parameter, "is_flag", False)
        if parameter.opts[0].startswith("-"):
            names = " ".join(sorted(parameter.opts, key=len))
            repeats = "*" if parameter.multiple else ""
            kind = "" if is_flag else find_kind(name, parameter)
            options.append(f"{names}|{repeats}|{kind}|{clean(parameter.help)}")
        else:
            repeats = "*" if parameter.nargs == -1 else ""
            positionals.append(f"{find_kind(name, parameter)}{repeats}")
    return Syntax(positionals, [*options, HELP])


def find_kind(command: str, parameter: Any) -> str:
    """Returns: what completes the value of an option or an argument."""
    word: str = (parameter.metavar or parameter.name.upper()).strip("[].…")
    if "|" in word:
        return "=" + word.replace("|", ",")
    known = KINDS_OF.get((command, word), KINDS.get(word))
    if known is not None:
        return known
    found = re.fullmatch(r"One of ((?:[\w-]+, )+[\w-]+)|([\w-]+) or ([\w-]+)", parameter.help or "")
    if found is not None:
        return "=" + (found[1].replace(" ", "") if found[1] else f"{found[2]},{found[3]}")
    return TEXT


def list_commands() -> Iterator[str]:
    """Yields ``WORD|SUMMARY`` for all that may stand first."""
    for name, entry in COMMANDS.items():
        if " " not in name:
            yield f"{name}|{clean(entry.summary)}"
    for group in sorted(GROUPS):
        words = [name.partition(" ")[2] for name in COMMANDS if name.startswith(f"{group} ")]
        yield f"{group}|{clean(', '.join(words))}"
    for alias, name in ALIASES.items():
        yield f"{alias}|{clean(COMMANDS[name].summary)}"
    yield "help|Show what a command does"


def list_words(group: str) -> list[str]:
    """Returns: ``WORD|SUMMARY`` for each second word."""
    head = f"{group} "
    return [
        f"{name.removeprefix(head)}|{clean(entry.summary)}"
        for name, entry in COMMANDS.items()
        if name.startswith(head)
    ]


def list_providers() -> list[str]:
    """Returns: ``NAME|TITLE`` for all names and aliases, by name."""
    providers = load_catalogue().providers.values()
    titles = {name: clean(p.title) for p in providers for name in (p.name, *p.aliases)}
    return [f"{name}|{titles[name]}" for name in sorted(titles)]


def clean(text: str | None) -> str:
    """Returns: one line of ASCII; not every shell of today reads more than that everywhere."""
    line = " ".join((text or "").split())
    return "".join(ASCII.get(c, c if c.isascii() and c.isprintable() else "?") for c in line)


def quote(text: str) -> str:
    """Returns: a word of bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def quote_fish(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def quote_powershell(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def find_entries() -> dict[str, list[str]]:
    """Returns: lists of ``WORD|DESCRIPTION``, by the name under which a script asks for them."""
    return {
        "": list(GENERAL),
        "commands": list(list_commands()),
        **{f"group {group}": list_words(group) for group in sorted(GROUPS)},
        "providers": list_providers(),
    }


def render_posix(entries: dict[str, list[str]], syntax: dict[str, Syntax]) -> str:
    """Returns: functions for bash and zsh; each sets arrays of its caller."""

    def function(name: str, cases: Mapping[str, Mapping[str, list[str]]]) -> list[str]:
        lines = [f"__credman_{name}() {{", "    case $1 in"]
        for pattern, arrays in cases.items():
            lines.append(f"        ({quote(pattern)})")
            for array, words in arrays.items():
                lines.append(f"            {array}=(")
                lines += [f"                {quote(word)}" for word in words]
                lines.append("            )")
            lines.append("            ;;")
        return [*lines, "        (*) return 1 ;;", "    esac", "}", ""]

    lines = [
        "__credman_resolve() {",
        "    case $command in",
        *(f"        ({alias}) command={name} ;;" for alias, name in ALIASES.items()),
        "    esac",
        "}",
        "",
        *function("entries", {name: {"entries": words} for name, words in entries.items()}),
        *function("syntax", {name: known._asdict() for name, known in syntax.items()}),
    ]
    return "\n".join([*lines, ""])


def render_fish(entries: dict[str, list[str]], syntax: dict[str, Syntax]) -> str:
    """Returns: functions that print a line for each."""

    def function(name: str, cases: Iterable[tuple[str, list[str]]], otherwise: str = "") -> str:
        lines = [f"function __credman_{name}", '    switch "$argv[1]"']
        for pattern, words in cases:
            quoted = [f"            {quote_fish(word)}" for word in words]
            if quoted:
                printed = " \\\n".join(["            printf '%s\\n'", *quoted])
                lines += [f"        case {quote_fish(pattern)}", printed]
        lines += ["        case '*'", f"            {otherwise}"] if otherwise else []
        return "\n".join([*lines, "    end", "end\n"])

    aliases = ((alias, [name]) for alias, name in ALIASES.items())
    return "\n".join(
        [
            function("resolve", aliases, "printf '%s\\n' \"$argv[1]\""),
            function("entries", entries.items()),
            function("positionals", ((name, s.positionals) for name, s in syntax.items())),
            function("options", ((name, s.options) for name, s in syntax.items())),
        ]
    )


def render_powershell(entries: dict[str, list[str]], syntax: dict[str, Syntax]) -> str:
    """Returns: variables."""

    def array(words: Iterable[str], indent: int) -> str:
        blank = " " * indent
        quoted = "".join(f"{blank}    {quote_powershell(word)}\n" for word in words)
        return f"@(\n{quoted}{blank})" if quoted else "@()"

    lines = [
        f"    $general = {array(entries[''], 4)}",
        f"    $commands = {array(entries['commands'], 4)}",
        f"    $providers = {array(entries['providers'], 4)}",
        "    $aliases = @{",
        *(f"        {quote_powershell(a)} = {quote_powershell(n)}" for a, n in ALIASES.items()),
        "    }",
        "    $groups = @{",
        *(
            f"        {quote_powershell(group)} = {array(entries[f'group {group}'], 8)}"
            for group in sorted(GROUPS)
        ),
        "    }",
        "    $syntax = @{",
    ]
    for name, known in syntax.items():
        lines += [
            f"        {quote_powershell(name)} = @{{",
            f"            Positionals = {array(known.positionals, 12)}",
            f"            Options = {array(known.options, 12)}",
            "        }",
        ]
    return "\n".join([*lines, "    }\n"])


RENDERERS: dict[str, Callable[[dict[str, list[str]], dict[str, Syntax]], str]] = {
    "bash": render_posix,
    "zsh": render_posix,
    "fish": render_fish,
    "ps1": render_powershell,
}


def render_scripts() -> dict[Path, str]:
    """Returns: the text of each script, the same for the same table of commands."""
    entries = find_entries()
    syntax = {name: read_syntax(name) for name in COMMANDS}
    scripts = {}
    for shell, render in RENDERERS.items():
        template = (TEMPLATES / f"credman.{shell}.in").read_text("utf-8")
        head, _, rest = template.partition(MARK)
        scripts[SCRIPTS / f"credman.{shell}"] = f"{head}{render(entries, syntax)}{rest}"
    return scripts


def main(arguments: list[str]) -> str | None:
    try:
        scripts = render_scripts()
    except CredmanError as error:
        return error.message
    if arguments == ["--write"]:
        for path, text in scripts.items():
            path.write_text(text, "utf-8")
    elif arguments != ["--check"]:
        return "one of --write and --check"
    for path, text in scripts.items():
        if not path.exists() or path.read_text("utf-8") != text:
            return f"{path.name} is not what the commands give: scripts/completions.py --write"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
