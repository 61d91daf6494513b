"""The text of a git hook: our lines, and what others have written around them. Pure.

Rules: any sh runs it (dash, busybox, bash); what was there before is called first, with the same
arguments, input and environment; where credman cannot be run, nothing is let through. No variable
switches it off: ``--no-verify`` is git's own way, and the only one.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from credman.core.errors import Refused
from credman.core.names import quote_untrusted

BEGIN, END = b"# credman hook: begin", b"# credman hook: end"
FORMER = ".before-credman"
"""Stands behind the name of a hook that was there before."""

_SHEBANG = b"#!/bin/sh\n"
_GIVE = "printf '%s' \"$input\" 2>/dev/null | "
_CALL = re.compile(
    rb"^(?:%s)?(.+) hook run [a-z-]+ \"\$@\"$" % re.escape(_GIVE.encode("ascii")), re.MULTILINE
)
# A hook that finds out by its own name what it is to do.
_NAMED = re.compile(rb"basename|\$\{0##|argv\[0\]|PROGRAM_NAME")


# What may stand before our lines and leaves them what they are. Not `set -n`, which runs nothing.
_HARMLESS = re.compile(
    rb"(?:#.*|set(?:[ \t]+(?:[-+][aefuvx]+|[-+][aefuvx]*o[ \t]+pipefail))+[ \t]*;?)?"
)
_SHELL = re.compile(
    rb"#![ \t]*/(?:\S*/)?(?:env[ \t]+)?(?:ba|da|k|z|a)?sh(?:[ \t]+-[aefuvx]+)?[ \t]*"
)


class Hook(Enum):
    """The hooks that credman has; the value is the name of the file."""

    PRE_COMMIT = "pre-commit"
    PRE_PUSH = "pre-push"


@dataclass(frozen=True, slots=True)
class Script:
    """A hook with our lines in it. Args: before, after: what others have written around them."""

    before: bytes
    ours: bytes
    after: bytes

    @property
    def is_ours_alone(self) -> bool:
        lines = [line for line in self.rest.splitlines() if line.strip()]
        return not lines or (len(lines) == 1 and self.before.startswith(b"#!"))

    @property
    def rest(self) -> bytes:
        return self.before + self.after

    @property
    def is_reached(self) -> bool:
        """Whether nothing stands before our lines that could end the hook, or read its input."""
        first, *others = self.before.split(b"\n")
        begins = _SHELL if first.startswith(b"#!") else _HARMLESS
        is_begun = begins.fullmatch(first.strip())
        return bool(is_begun) and all(_HARMLESS.fullmatch(line.strip()) for line in others)

    def find_program(self) -> tuple[str, ...] | None:
        """Returns: how credman is called; None: somebody has changed it."""
        found = _CALL.search(self.ours)
        try:
            return tuple(shlex.split(os.fsdecode(found[1]))) if found else None
        except ValueError:
            return None


def render_script(hook: Hook, program: Sequence[str], around: Script | None = None) -> bytes:
    """Args:
    program: how credman is called; a name without a slash is looked up along PATH.
    around: the present hook, whose other lines stay.
    """
    ours = _render_ours(hook, program)
    return _SHEBANG + ours if around is None else around.before + ours + around.after


def _render_ours(hook: Hook, program: Sequence[str]) -> bytes:
    name = hook.value
    where = "on PATH" if os.path.basename(program[0]) == program[0] else f"at {program[0]}"
    gone = f"credman: error: credman cannot be run {where}, so nothing is let through"
    call = f'{shlex.join(program)} hook run {name} "$@"'
    former = '"$former" "$@" || exit'
    lines = [
        BEGIN.decode("ascii"),
        "# Written by credman hook install. credman hook uninstall puts back what was here before,",
        f"# which lies beside this file as {name}{FORMER} and is called first.",
        "case $0 in */*) former=${0%/*} ;; *) former=. ;; esac",
        f"former=$former/{name}{FORMER}",
    ]
    if hook is Hook.PRE_PUSH:
        # The x keeps the line end, which a substitution takes away.
        lines += ["input=$(cat && echo x) || exit", "input=${input%x}"]
        # Whoever does not read all of it makes no error of that.
        former, call = _GIVE + former, _GIVE + call
    lines += [
        f'if [ -x "$former" ]; then {former}; fi',
        call,
        "code=$?",
        'if [ "$code" -eq 126 ] || [ "$code" -eq 127 ]; then',
        f"    printf '%s\\n' {shlex.quote(quote_untrusted(gone))} >&2",
        "    printf 'credman: hint: reinstall credman, or remove %s\\n' \"$0\" >&2",
        "    exit 1",
        "fi",
        '[ "$code" -eq 0 ] || exit "$code"',
        END.decode("ascii"),
    ]
    return os.fsencode("".join(f"{line}\n" for line in lines))


def parse_script(text: bytes, path: str) -> Script | None:
    """Args: path: for the message.

    Returns:
        A hook's parts; None: there is nothing of ours in it.

    Raises:
        Refused: a mark is there without the other, so nobody knows which lines are ours.
    """
    lines = text.splitlines(keepends=True)
    marks = [(n, m) for n, line in enumerate(lines) if (m := line.rstrip()) in (BEGIN, END)]
    if not marks:
        return None
    if [mark for _, mark in marks] != [BEGIN, END]:
        raise Refused(
            f"one of the two marks around credman's lines is missing in {path}",
            hint=f"take '{BEGIN.decode()}', '{END.decode()}' and the lines between them out",
        )
    (first, _), (last, _) = marks
    parts = (lines[:first], lines[first : last + 1], lines[last + 1 :])
    return Script(*(b"".join(part) for part in parts))


def looks_at_its_name(text: bytes) -> bool:
    """Whether a hook may do something else under another name."""
    return _NAMED.search(text) is not None
