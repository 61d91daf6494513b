"""What an error or a warning says to somebody who sits before a notebook.

Rule: what is named can be done there: ``%credman`` where the magic has it, else Python or a
terminal.
"""

from __future__ import annotations

import re

from credman.cli import COMMANDS
from credman.notebook.lines import WORDS

_START = r"(?:^|(?<=; )|(?<=, )|(?<=or ))"
_OPTIONS = (
    (re.compile(r"override=True\b"), "-o"),
    (re.compile(r"(?<=with )env=(?!\S)"), "-e"),
    (re.compile(r"(?<!\S)env='([^']*)'"), r"-e \1"),
    (re.compile(r"(?<!\S)profile='([^']*)'"), r"-p \1"),
    (
        re.compile(rf"{_START}(?:replace=True|--replace)(?!\S)"),
        "in Python, credman.add(NAME, replace=True)",
    ),
    (
        re.compile(rf"{_START}(?:check=False|--no-check)(?!\S)"),
        "in Python, credman.add(NAME, check=False)",
    ),
    (
        re.compile(r"(?<= )with (?:variable=|--var)(?![\w'\"])"),
        "in Python: credman.add(NAME, variable=VARIABLE)",
    ),
)
_VERBS = "|".join(sorted({name.partition(" ")[0] for name in COMMANDS}))
_COMMAND = re.compile(rf"(?<![\w%!./`-])credman (?=(?:{_VERBS})\b)")
_IN_TERMINAL = re.compile(r"[io]n a terminal")
_NOT_HERE = re.compile(rf"<| --(?!env\b|profile\b)\w|{_IN_TERMINAL.pattern}")


def reword(text: str) -> str:
    """Args: text: an error's message or hint, or a warning, as Python code gets it."""
    for option, words in _OPTIONS:
        text = option.sub(words, text)
    places = [found.start() for found in _COMMAND.finditer(text)]
    ends = [*places, len(text)][1:]
    commands = {
        place: text[place:end].partition(";")[0] for place, end in zip(places, ends, strict=True)
    }
    elsewhere = [place for place, command in commands.items() if not _is_of_magic(command)]
    says_where = _IN_TERMINAL.search(text) is not None
    for place in reversed(places):  # those before it stay where they are
        if place not in elsewhere:
            text = f"{text[:place]}%{text[place:]}"
        elif place == elsewhere[0] and not says_where:
            text = _say_where(text[:place], text[place:])
    return text


def _is_of_magic(command: str) -> bool:
    return command.split()[1] in WORDS and not _NOT_HERE.search(command)


def _say_where(before: str, command: str) -> str:
    if not before or before.endswith(("; ", ", ", "? ")):
        return f"{before}in a terminal: {command}"
    if before.endswith(": "):
        return f"{before[:-2]}, in a terminal: {command}"
    return f"{before}{command} (in a terminal)"
