"""The agent, for people: opening for a while, closing, looking."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Annotated

from credman.agent import client, control
from credman.cli.agentfacts import describe
from credman.cli.context import Context
from credman.cli.holders import wait_for_holders
from credman.cli.options import Invocation, Result, command
from credman.cli.pending import say_pending
from credman.cli.render import render_json
from credman.core.errors import CredmanError, Locked, Refused, Unavailable
from credman.core.intervals import parse_duration

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import JsonOption

_LOCKED = Locked.exit_code
_HOLDERS_SECONDS = 30.0
_START_SECONDS = 30.0
"""For the first answer: an agent that was just started imports all that it needs before."""


@command(selecting=False, asks_again=True)
def unlock(
    invocation: Invocation,
    duration: Annotated[
        str | None,
        typer.Option("--for", metavar="8h", help="Minutes, hours or days, used or not"),
    ] = None,
) -> None:
    """Open the store, and keep it open for a while.

    It stays open until 15 minutes pass in which no value was asked for, 12 hours at most; --for
    chooses another time, whether it is used or not. What ends it before: credman lock.

    Example: credman unlock --for 8h
    """
    context, handover = invocation.context, invocation.handover
    seconds = None if duration is None else parse_duration(duration).total_seconds()
    _check_may_start(invocation)
    invocation.open_store().snapshot()
    idle = control.IDLE_SECONDS if seconds is None else None
    handed = handover.hand_over(idle=idle, seconds=seconds or control.HARD_SECONDS)
    if not handed:
        raise Unavailable("nothing of this store can be kept open")
    found = control.find_status(context.environ, context.cwd, seconds=_START_SECONDS)
    if found is None:
        raise Unavailable("the agent did not stay", hint="credman doctor looks at the installation")
    # That of a keyring says which one it is, behind a colon.
    own = [v for v in found["vaults"] if str(v["id"]).partition(":")[0] in handed]
    is_longer = any(not vault["ends_when_idle"] for vault in own)
    if is_longer and seconds is None:
        context.note("unlocked for as long as it was; credman status tells for how long")
    elif seconds is None:
        context.note(f"unlocked, until {_render(control.IDLE_SECONDS)} pass without use")
    else:
        context.note(f"unlocked for {_render(seconds)}")


def _check_may_start(invocation: Invocation) -> None:
    context = invocation.context
    if client.is_off(context.environ) or invocation.config.agent is not None:
        where = "CREDMAN_AGENT" if client.is_off(context.environ) else "the configuration"
        raise Unavailable(f"{where} switches the agent off")
    for variable in ("CREDMAN_PASSPHRASE", "CREDMAN_PASSPHRASE_COMMAND"):
        if context.inherited.get(variable):
            raise Refused(
                f"{variable} is set, and opens the vault for every command already",
                hint="--passphrase-fd N takes a passphrase from a file descriptor",
            )


@command(selecting=False, opening=False)
def lock(invocation: Invocation) -> None:
    """Close what is open.

    The agent ends, and with its process the memory that held it. Whoever rotates a token at that
    moment is waited for, at most half a minute.

    Example: credman lock
    """
    context = invocation.context
    if not wait_for_holders(context.paths, seconds=0):
        context.note("a token is being rotated or revoked; waiting for that")
        wait_for_holders(context.paths, seconds=_HOLDERS_SECONDS)
    was_there = control.end(context.environ, context.cwd)
    context.note("locked" if was_there else "nothing was unlocked")


@command(selecting=False, opening=False)
def status(invocation: Invocation, json: JsonOption = False) -> Result:
    """Tell what is open, and for how long.

    Ends with 4 if nothing is.

    Example: credman status
    """
    context = invocation.context
    found = control.find_status(context.environ, context.cwd)
    vaults = [] if found is None else found["vaults"]
    if json:
        running = None if found is None else {"pid": found["pid"], "version": found["version"]}
        context.stdout.print(render_json({"agent": running, "unlocked": vaults}))
    elif not vaults:
        context.stdout.print(f"locked: {_explain(context)}")
    for vault in vaults if not json else ():
        left = _render(vault["seconds_left"])
        how = f"{left} without use" if vault["ends_when_idle"] else left
        context.stdout.print(f"{describe(vault)}: unlocked for another {how}")
    if not context.stderr.is_terminal:  # on one every command says it
        with contextlib.suppress(CredmanError):
            say_pending(invocation)
    return 0 if vaults else _LOCKED


def _explain(context: Context) -> str:
    if client.is_off(context.environ):
        return "CREDMAN_AGENT switches the agent off"
    return "no agent is running"


def _render(seconds: float) -> str:
    """Returns: ``8 h``, ``14 min``, ``50 s``: rounded up."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size or (seconds >= size and not seconds % size):
            return f"{-(-int(seconds) // size)} {unit}"
    return f"{int(seconds)} s"
