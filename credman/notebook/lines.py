"""What is typed after ``%credman``: its words, its options, and the help for it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field

from credman.core.errors import UsageError
from credman.core.names import looks_like_value

HELP = """\
%credman                      what is loaded, and from where
%credman load NAME… [-o]      set variables (-o: also those that are set); load ENV: all of it
%credman add NAME             store a token; the value is asked for, hidden
%credman list                 what is stored
%credman which NAME…          where it would come from
%credman check NAME…          ask its provider whether it is live
%credman scan                 look for tokens in this notebook
%credman redact [on|off]      keep loaded values out of what is saved (on, as it is loaded)
%credman help                 this list

-e ENV and -p PROFILE of load, add, list, which and check name where it is stored"""
MORE = "%credman help shows what there is"
WORDS = ("load", "add", "list", "which", "check", "scan", "redact", "help")
TAKE_PLACE = ("load", "add", "list", "which", "check")
"""The words that environments and profiles may be named for."""
ENVIRONMENT_OPTIONS = ("-e", "--env")
PROFILE_OPTIONS = ("-p", "--profile")
HELP_OPTIONS = ("-h", "--help")
OPTIONS = (*ENVIRONMENT_OPTIONS, *PROFILE_OPTIONS, *HELP_OPTIONS, "-o")

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}", re.ASCII)
_SIGNS = re.compile(r"[\s=:,;'\"\\/@]+")


@dataclass(slots=True)
class Request:
    """Args: flags: the options without a value that were given."""

    names: list[str] = field(default_factory=list)
    env: str | None = None
    profile: str | None = None
    flags: set[str] = field(default_factory=set)


def split_line(line: str) -> list[str]:
    """Raises: UsageError: it is no line of words, or a value stands on it."""
    try:
        words = shlex.split(line)
    except ValueError:  # its text may be a part of the line
        raise UsageError("a quote has no end", hint=MORE) from None
    if any(holds_value(text) for text in (line, *words)):
        raise UsageError(
            "that looks like a token itself, which is never given on the line",
            hint="take it out of the cell as well, and replace it: %credman add NAME asks for the "
            "value",
        )
    return words


def holds_value(text: str) -> bool:
    """Whether a part of it is more likely a token than a name."""
    return any(looks_like_value(part) for part in _SIGNS.split(text))


def read_words(words: Sequence[str], *, flags: Sequence[str] = ()) -> Request:
    """Args: words: after the first; flags: options without a value that it takes.

    Raises:
        UsageError: there is an option that is none, or one without its value.
    """
    request = Request()
    rest = iter(words)
    for word in rest:
        option, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if option in ENVIRONMENT_OPTIONS:
            request.env = value if equals else next(rest, "")
            if not request.env:
                raise UsageError("-e takes an environment")
        elif option in PROFILE_OPTIONS:
            request.profile = value if equals else next(rest, "")
            if not request.profile:
                raise UsageError("-p takes a profile")
        elif word in flags:
            request.flags.add(word)
        elif word.startswith("-"):
            raise UsageError("there is no such option", hint=MORE)
        else:
            request.names.append(word)
    return request


def check_names(names: Sequence[str]) -> None:
    """Raises: UsageError: one of them cannot be a name."""
    if not all(_NAME.fullmatch(name) for name in names):
        raise UsageError("a name has letters, digits, dots, dashes and underscores", hint=MORE)


def refuse_more(words: Sequence[str]) -> None:
    """Raises: UsageError: there are words."""
    if words:
        raise UsageError("that takes no more words", hint=MORE)
