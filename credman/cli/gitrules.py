"""What git is told about files with tokens in them, and what it still has of them.

Rule: a rule is added once, and all else in a ``.gitignore`` stays; history is never rewritten.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from credman.cli.context import Context
from credman.cli.scangit import find_root
from credman.core.errors import CredmanError, Unavailable
from credman.upkeep import replacing
from credman.upkeep.cleaning import Plan, Remainder
from credman.upkeep.replacing import Kept, Read
from credman.watch.clean import ignoring
from credman.watch.clean.committed import Committed, describe, find_committed
from credman.watch.scan.git import Repository
from credman.watch.scan.gitignore import LARGEST
from credman.watch.scan.scanner import Scanner


@dataclass(frozen=True, slots=True)
class Rules:
    """What a ``.gitignore`` gets.

    Args:
        path: absolute; shown: for people.
        lines: what is added.
        found: it, as it is; None: it is to be made.
        after: all of it afterwards.
    """

    path: str
    shown: str
    lines: tuple[str, ...]
    found: Read | None = field(repr=False)
    after: bytes = field(repr=False)


def choose_rules(context: Context, paths: Sequence[str], plan: Plan) -> list[Rules]:
    """Args: paths: what is cleaned. Returns: what keeps such files from being committed, and from
    being uploaded."""
    leaked = [change.full for change in plan.changes]
    chosen: dict[str, dict[str, None]] = {}
    for path in paths:
        folder = os.path.realpath(os.path.join(context.cwd, path))
        folder = folder if os.path.isdir(folder) else os.path.dirname(folder)
        below = [os.path.relpath(p, folder) for p in leaked if p.startswith(f"{folder}/")]
        top, ignored = _ask_git(context, folder, below)
        for place, lines in ignoring.find_places(folder, below, top, ignored):
            chosen.setdefault(place, {}).update(dict.fromkeys(lines))
    made = [_make(context, place, [*lines]) for place, lines in chosen.items()]
    return [rules for rules in made if rules is not None]


def _make(context: Context, path: str, lines: Sequence[str]) -> Rules | None:
    shown = os.path.relpath(path, os.path.realpath(context.cwd))
    found = None
    try:
        if os.path.lexists(path):
            found = replacing.read(os.fsencode(path), limit=LARGEST)
    except Kept as error:
        context.warn(f"{shown} is left as it is: {error.message}")
        return None
    before = b"" if found is None else found.data
    after = ignoring.add_rules(before, lines)
    for line in lines:
        if not ignoring.is_effective(after, line):
            context.warn(f"{shown} takes in again what {line} would leave out")
    if after == before:
        return None
    added = tuple(line for line in lines if line.encode("utf-8") not in before.splitlines())
    return Rules(path, shown, added, found, after)


def carry_out_with(
    context: Context,
    rules: Sequence[Rules],
    plan: Plan,
    carry_out: Callable[[], list[Remainder]],
) -> list[Remainder]:
    """Adds the rules, and carries out the plan that they are for.

    The rules come first: of what was killed in between, nothing is left that would ask for them.
    Only a ``.gitignore`` with a token in it gets them afterwards.

    Returns:
        What could not be done, and why.
    """
    leaked = {change.full for change in plan.changes}
    failed = add_rules(rule for rule in rules if rule.path not in leaked) + carry_out()
    again = [_make(context, rule.path, rule.lines) for rule in rules if rule.path in leaked]
    return failed + add_rules(rule for rule in again if rule is not None)


def add_rules(rules: Iterable[Rules]) -> list[Remainder]:
    """Returns: what could not be done, and why."""
    failed = []
    for rule in rules:
        try:
            if rule.found is None:
                replacing.create(os.fsencode(rule.path), rule.after)
            else:
                replacing.replace(rule.found, rule.after)
        except Kept as error:
            failed.append(Remainder(rule.shown, error.message, "add the rule with an editor"))
    return failed


def tell_committed(context: Context, scanner: Scanner, plan: Plan) -> None:
    """Says what git holds of the files that were cleaned: that stays, whatever they are now."""
    by_top: dict[str, list[bytes]] = {}
    values = {finding.value for change in plan.changes for finding in change.findings}
    for change in plan.changes:
        top = _find_enclosing(change.full)
        if top is not None:
            by_top.setdefault(top, []).append(os.fsencode(os.path.relpath(change.full, top)))
    for top, names in by_top.items():
        try:
            with Repository(top, context.inherited) as repository:
                found = find_committed(repository, scanner.clone(), names, values)
                for line in describe(_name_from_here(found, context.cwd, top)):
                    context.note(line)
        except CredmanError as error:
            context.warn(f"what git still holds of it was not looked at: {error.message}")


def _name_from_here(found: Committed, cwd: str, top: str) -> Committed:
    def move(path: bytes) -> bytes:
        return os.path.relpath(os.path.join(os.fsencode(top), path), os.fsencode(here))

    here = os.path.realpath(cwd)
    tracked, staged = tuple(map(move, found.tracked)), tuple(map(move, found.staged))
    return replace(found, tracked=tracked, staged=staged)


def _find_enclosing(path: str) -> str | None:
    folder = os.path.dirname(path)
    while not os.path.lexists(os.path.join(folder, ".git")):
        parent = os.path.dirname(folder)
        if parent == folder:
            return None
        folder = parent
    return folder


def _ask_git(context: Context, folder: str, below: Sequence[str]) -> tuple[str | None, set[str]]:
    """Returns: the top of the working tree; None: it is in none; and what git passes over."""
    try:
        with Repository(folder, context.inherited) as repository:
            top = find_root(repository)
            if top is None:
                return None, set()
            return top, ignoring.find_ignored(repository, folder, below)
    except Unavailable:
        return None, set()
