"""What to write in place of tokens in code.

How one gets into the store, without being shown, and the line that reads it from there.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable

from credman.cli.cleanreport import render_lines
from credman.cli.context import Context
from credman.cli.scanreport import describe, show_place
from credman.core.model import TokenKey
from credman.core.names import BASE_ENVIRONMENT, quote_untrusted
from credman.upkeep.cleaning import Change, Plan
from credman.watch.scan.findings import Finding

_ENVIRONMENTS = (BASE_ENVIRONMENT, "dev", "test", "staging", "prod")


def print_suggestions(context: Context, plan: Plan, taken: Iterable[TokenKey]) -> None:
    """Prints them, one for each place; a value is stored once.

    Args:
        taken: the names that are stored already.
    """
    stored: set[bytes] = set()
    names = {(key.environment.casefold(), key.name.casefold()) for key in taken}
    for change in plan.changes:
        if change.rewrite is None:
            continue
        for finding in change.findings:
            what = quote_untrusted(f"{describe(finding)}   {finding.masked}")
            context.stdout.print(f"  {show_place(finding)}   {what}")
            if finding.owner is None and finding.value not in stored:
                stored.add(finding.value)
                context.stdout.print(f"       {_store(context, change, finding, names)}")
        for line in render_lines(change.rewrite):
            if line[6:9] == " + ":
                context.stdout.print(line)
    if plan.changes:
        context.note("it is read from the environment: credman exec -- COMMAND")
        context.note("nothing was changed; to do it: credman clean")


def _store(context: Context, change: Change, finding: Finding, names: set[tuple[str, str]]) -> str:
    provider = None if finding.provider is None else context.catalogue.find(finding.provider)
    if provider is None:
        name, options = finding.variable.lower(), f" --var {finding.variable}"
    else:
        name, options = (provider.aliases or (provider.name,))[0], ""
    # Another value under the same name belongs into another environment.
    free = (e for e in _ENVIRONMENTS if (e, name.casefold()) not in names)
    environment = next(free, "ENV")
    names.add((environment, name.casefold()))
    options += "" if environment == BASE_ENVIRONMENT else f" -e {environment}"
    command = f"credman add {name}{options}"
    path = _find_path(change)
    span = finding.span
    parts = 1 if provider is None else sum(not f.optional for f in provider.fields)
    if parts > 1 or path is None or span is None or span.codec:
        return command  # which asks for it, or for each of its parts
    if change.found.data[span.offset : span.offset + span.size] != finding.value:
        return command
    return f"tail -c +{span.offset + 1} {path} | head -c {span.size} | {command}"


def _find_path(change: Change) -> str | None:
    """Returns: the path as a shell takes it; None: it cannot be shown."""
    if quote_untrusted(change.path) != change.path:
        return None
    return shlex.quote(f"./{change.path}" if change.path.startswith("-") else change.path)
