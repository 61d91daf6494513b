from __future__ import annotations

import shlex
import sys
from typing import TYPE_CHECKING, Annotated

from credman.cli.options import Invocation, command
from credman.cli.render import render_json
from credman.core.errors import Refused
from credman.core.names import quote_untrusted
from credman.upkeep import githooks
from credman.upkeep.calling import System
from credman.upkeep.hookplace import Place, Reach, find_place
from credman.upkeep.hookscript import Hook
from credman.upkeep.launcher import PROGRAM, find_launcher

if TYPE_CHECKING:
    import typer

    from credman.cli.context import Context
    from credman.cli.parameters import JsonOption, PreCommitOption, PrePushOption, YesOption

_BROKEN = 8


@command(selecting=False, opening=False)
def hook_install(
    invocation: Invocation,
    pre_commit: PreCommitOption = False,
    pre_push: PrePushOption = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be written, and write nothing")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Stop tokens from being committed or pushed from here.

    Hooks of git are put into this repository, where core.hooksPath says if it is set. A hook that
    is there already is kept, and called first. Nobody is asked for a passphrase when they run.

    Example: credman hook install
    """
    context = invocation.context
    system = System(context.inherited)
    place = find_place(system, context.cwd)
    program, warnings = _choose_program(system, place)
    steps = githooks.plan_install(place, _choose(pre_commit, pre_push), program)
    if not steps:
        context.note(f"the hooks are in {place.folder} already: credman hook status")
        return
    for warning in warnings:
        context.warn(warning)
    if dry_run or place.reach is Reach.OUTSIDE:
        _show(context, steps)
    if dry_run:
        return
    if place.reach is Reach.OUTSIDE and not yes:
        _ask(invocation, place, "install hooks there")
    for step in steps:
        if step.warning:
            context.warn(step.warning)
    for warning in githooks.install(steps):
        context.warn(warning)
    for step in steps:
        first = f", after {step.former}" if step.former else ""
        context.note(f"{step.path} calls {shlex.join(program)}{first}")


@command(selecting=False, opening=False)
def hook_uninstall(
    invocation: Invocation,
    pre_commit: PreCommitOption = False,
    pre_push: PrePushOption = False,
    yes: YesOption = False,
) -> None:
    """Take the git hooks away, and put back what was there.

    What somebody else has written into them since stays.

    Example: credman hook uninstall
    """
    context = invocation.context
    place = find_place(System(context.inherited), context.cwd)
    if place.reach is Reach.OUTSIDE and not yes and any(githooks.list_found(place)):
        _ask(invocation, place, "take credman's hooks away there")
    done, problem = githooks.uninstall(place, _choose(pre_commit, pre_push))
    for what in done:
        context.note(what)
    if problem is not None:
        raise problem
    if not done:
        context.note("no hook of credman's is installed here, so there was nothing to remove")


@command(selecting=False, opening=False)
def hook_status(invocation: Invocation, json: JsonOption = False) -> int | None:
    """Tell which git hooks are installed, and whether they work.

    8 if one of them does not.

    Example: credman hook status
    """
    context = invocation.context
    place = find_place(System(context.inherited), context.cwd)
    found = list(githooks.list_found(place))
    if json:
        context.stdout.print(
            render_json(
                {
                    "folder": place.folder,
                    "reach": place.reach.value,
                    "hooks": [
                        {
                            "hook": one.hook.value,
                            "path": one.path,
                            "command": one.program and list(one.program),
                            "problem": one.problem or None,
                        }
                        for one in found
                    ],
                }
            )
        )
    else:
        for hook in Hook:
            mine = [one for one in found if one.hook is hook]
            for one in mine:
                said = f"{one.path} calls {shlex.join(one.program or ('?',))}"
                said = f"{one.path}: {one.problem}" if one.problem else said
                context.stdout.print(f"{hook.value:<10}  {quote_untrusted(said)}")
            if not mine:
                context.stdout.print(f"{hook.value:<10}  not installed: credman hook install")
    return _BROKEN if any(one.problem for one in found) else None


def _choose(pre_commit: bool, pre_push: bool) -> list[Hook]:
    chosen = {Hook.PRE_COMMIT: pre_commit, Hook.PRE_PUSH: pre_push}
    return [hook for hook, is_chosen in chosen.items() if is_chosen] or list(Hook)


def _choose_program(system: System, place: Place) -> tuple[tuple[str, ...], list[str]]:
    """Returns: how the hooks call credman, and what there is to say against it."""
    if place.reach is Reach.SHARED:
        # A path of this machine says nothing to whoever else gets the file.
        warnings = [
            f"{place.folder} is shared with everyone who has the repository: committed, these "
            f"hooks let nothing through for whoever has no {PROGRAM} on PATH"
        ]
        if system.find(PROGRAM) is None:
            warnings.append(f"there is no {PROGRAM} on PATH here either")
        return (PROGRAM,), warnings
    import __main__

    # The name is another one where it was started as a script, and where it is a library.
    is_module = getattr(__main__.__spec__, "name", None) == "credman.__main__"
    launcher = find_launcher(
        system, python=sys.executable or "", is_module=is_module, caller="hook", command="hook"
    )
    return launcher.argv, [launcher.warning] if launcher.warning else []


def _ask(invocation: Invocation, place: Place, what: str) -> None:
    context = invocation.context
    context.note(
        f"core.hooksPath leads to {place.folder}, outside of this repository: hooks there are "
        "called in every repository that uses it"
    )
    if not invocation.source.is_attended():
        usual = shlex.quote(place.usual)
        raise Refused(
            "hooks that other repositories use as well need a yes",
            hint=f"--yes gives it; for this repository alone: git config core.hooksPath {usual}",
        )
    if not context.terminal.confirm(f"{what}?"):
        raise Refused("nothing was changed")


def _show(context: Context, steps: list[githooks.Step]) -> None:
    for number, step in enumerate(steps):
        if number:
            context.stdout.print("")
        context.stdout.print(quote_untrusted(step.path))
        for line in step.text.decode("utf-8", "surrogateescape").splitlines():
            context.stdout.print(f"    {quote_untrusted(line)}".rstrip())
