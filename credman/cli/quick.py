"""Parses the command lines that need no parser.

They are those of the commands that run all day, written as they should be. typer, whose import
costs more than the rest of such a command, gets all the others.

Rule: what is not plain here (an option it does not know, given twice, or without its value; too
many words; help) is not judged here either. Then typer parses the line, or says what is wrong.
"""

from __future__ import annotations

from collections.abc import Sequence

from credman.cli.lines import LINES


def parse_quickly(name: str, arguments: Sequence[str]) -> dict[str, object] | None:
    """Args: name: of the command.

    Returns:
        The values of all its parameters, as typer would give them; None: it is for typer.
    """
    line = LINES.get(name)
    if line is None:
        return None
    options, flags, words, required, defaults = line
    given: dict[str, object] = {}
    free = iter(words)
    rest = iter(arguments)
    for argument in rest:
        value: object
        if not argument.startswith("-"):
            parameter, value = next(free, None), argument
        elif argument in flags:
            parameter, value = flags[argument], True
        else:
            option, is_joined, joined = argument.partition("=")
            parameter = options.get(option)
            value = joined if is_joined else next(rest, "-")
            if is_joined and not option.startswith("--"):
                return None
            if not is_joined and str(value).startswith("-"):
                return None
        if parameter is None or parameter in given:
            return None
        given[parameter] = value
    if not required <= given.keys():
        return None
    return {**defaults, **given}
