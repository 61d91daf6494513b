from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from credman.cli.asking import PersonAtTerminal
from credman.cli.cleaning import Cleaning
from credman.cli.cleanreport import print_plan, print_rest
from credman.cli.context import Context
from credman.cli.exposing import mark_exposed, tell_rotation
from credman.cli.gitrules import carry_out_with, choose_rules, tell_committed
from credman.cli.knowing import learn
from credman.cli.options import Invocation, Result, command
from credman.cli.scanning import check_paths
from credman.cli.scanreport import summarize
from credman.core.errors import Refused, UsageError
from credman.upkeep.cleaning import Change, Plan, Remainder, carry_out, make_plan
from credman.watch.scan.findings import Report

if TYPE_CHECKING:
    import typer

FINDINGS, FAILED = 8, 1


@command(selecting=False)
def clean(
    invocation: Invocation,
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="PATH", help="Files and directories; else .", show_default=False),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
    suggest: Annotated[
        bool, typer.Option("--suggest", help="Show what to write in code in place of each")
    ] = False,
    shell_history: Annotated[
        bool, typer.Option("--shell-history", help="The histories of shells as well")
    ] = False,
    baseline: Annotated[
        str | None,
        typer.Option("--baseline", metavar="FILE", help="Findings that were accepted before"),
    ] = None,
    no_store: Annotated[
        bool, typer.Option("--no-store", help="Do not open the store for its values")
    ] = False,
) -> Result:
    """Take leaked tokens out of files, notebooks and histories.

    What scan finds becomes a reference to the environment, or a mark; copies that Jupyter made are
    deleted, and .gitignore gets rules for them. Without PATH in the histories of IPython as well.
    Looks again at the end, and ends with 0 only if nothing is left.

    Example: credman clean --dry-run
    """
    context = invocation.context
    if sum((dry_run, yes, suggest)) > 1:
        raise UsageError("--dry-run, --yes and --suggest exclude each other")
    check_paths(context, paths or ())
    # What is stored has to be known: it is told as such, found in every form, and marked.
    known = learn(invocation, opens=not no_store, needs=True)
    cleaning = Cleaning(invocation, known, baseline)
    chosen = cleaning.choose_paths(paths, shell_history=shell_history)
    report = cleaning.find(chosen)
    surroundings = cleaning.describe_surroundings(may_edit_histories=shell_history)
    plan = make_plan(report.findings, cleaning.look, cleaning.find_value, surroundings)
    if suggest:
        from credman.cli.suggesting import print_suggestions

        stored = () if known.session is None else known.session.snapshot().tokens
        print_suggestions(context, plan, [token.key for token in stored])
        return _conclude(report)
    rules = choose_rules(context, paths or ["."], plan)
    print_plan(context, plan, rules, report, is_all=dry_run)
    if known.remark:
        context.note(known.remark)
    if dry_run:
        if plan.changes or rules:
            context.note("nothing was changed; to do it: credman clean")
        return FINDINGS if plan.changes or rules else _conclude(report)
    if not (plan.changes or rules):
        mark_exposed(invocation, known, cleaning, plan)
        tell_rotation(context, plan)
        return _conclude(report)
    _ask(invocation, plan, is_sure=yes)
    mark_exposed(invocation, known, cleaning, plan)
    failed = carry_out_with(context, rules, plan, lambda: _carry_out(context, plan, cleaning))
    rest = cleaning.scan_again(chosen)
    context.stdout.print(f"  {summarize(rest)}")
    print_rest(context, rest, [*plan.left, *failed])
    tell_committed(context, cleaning.scanner, plan)
    tell_rotation(context, plan)
    if any(change.full in surroundings.histories for change in plan.changes):
        context.note("shells that are open write theirs back when they end: clean again then")
    if any(change.path.endswith(".ipynb") for change in plan.changes):
        context.note("load notebooks anew that are open in Jupyter: it saves what it has")
    return FINDINGS if failed or plan.left else _conclude(rest)


def _conclude(report: Report) -> Result:
    if report.findings:
        return FINDINGS
    return FAILED if any(unread.matters for unread in report.unread) else None


def _carry_out(context: Context, plan: Plan, cleaning: Cleaning) -> list[Remainder]:
    done: list[Change] = []
    try:
        return carry_out(plan, cleaning.edit, done.append)
    except BaseException:  # whoever stops it has to know how far it has come
        count = f"{len(done)} of {len(plan.changes)} files"
        context.note(f"stopped: {count} were changed, each of them whole; credman clean goes on")
        raise


def _ask(invocation: Invocation, plan: Plan, *, is_sure: bool) -> None:
    files = len(plan.changes)
    what = {0: "write these rules", 1: "change this file"}.get(files, f"change these {files} files")
    if not PersonAtTerminal(invocation, is_sure=is_sure).confirm(f"{what}?"):
        raise Refused("nothing was changed")
