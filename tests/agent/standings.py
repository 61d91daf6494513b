"""Hot command lines for both lanes about tokens that are not simply handed out: expired, revoked,
known to somebody else, dead, printed by a command; and providers that the caller describes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from credman.core import wire
from credman.core.config import Config
from credman.core.model import (
    Finding,
    Liveness,
    Rotation,
    Stage,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.session import Session
from credman.stores.base import open_store
from tests.agent.lines import Line, line
from tests.cli.harness import PASSPHRASE
from tests.providers.factories import GOOD
from tests.stores.places import make_surroundings

DUE = ("due-env", "due-get", "due-exec", "due-fails")
"""Environments whose token has ended, and comes from a command: one for each line that renews it.
"""
PROVIDER = GOOD.replace("Example", "Mine").replace("EXAMPLE_KEY", "MINE_KEY")

Change = Callable[[Token, datetime], Token]


def _current(token: Token, **changes: object) -> Token:
    (version,) = token.versions
    return replace(token, versions=(replace(version, **changes),))  # type: ignore[arg-type]


def _begin_rotation(token: Token, now: datetime) -> Token:
    staged = Version(2, VersionState.STAGED, now, ())
    rotation = Rotation(2, Stage.ASKING, True, now)
    return replace(token, versions=(*token.versions, staged), rotation=rotation)


# Half a unit is left of each time that is shown, so that it is the same in both lanes.
_KNOWN: dict[str, Change] = {
    "ended": lambda t, now: _current(t, expires_at=now - timedelta(days=9)),
    "stolen": lambda t, now: _current(t, state=VersionState.COMPROMISED),
    "gone": lambda t, now: _current(t, state=VersionState.REVOKED, fields=()),
    "soon": lambda t, now: _current(t, expires_at=now + timedelta(hours=12.5)),
    "dead": lambda t, now: _current(
        t, finding=Finding(Liveness.DEAD, now - timedelta(days=3.5), "alice", "", "read")
    ),
    "begun": _begin_rotation,
    "older": lambda t, now: replace(t, unsure=True),
    **{name: lambda t, now: _current(t, expires_at=now - timedelta(days=9)) for name in DUE},
}


def store_tokens(environ: Mapping[str, str], cwd: Path, run: Callable[..., None]) -> None:
    """Args: environ, cwd: as of the lines; run: runs a command there."""
    for name in _KNOWN.keys() - {*DUE}:
        run("add", name, "-e", name, "--isolated", stdin=f"EXAMPLE {name}".encode())
    run("add", "fine", "-e", "ended", stdin=b"EXAMPLE fine")
    by_command = ("--isolated", "--ttl", "30d", "--command")
    for name in ("fresh", *DUE):
        run("add", name, "-e", name, *by_command, "printf 'EXAMPLE %s' first")
    surroundings = make_surroundings(cwd, Secret(PASSPHRASE), environ=environ)
    store = open_store(f"file:{surroundings.paths.vault}", surroundings)
    session, now = Session(store, Config(), Selection()), datetime.now(UTC).replace(microsecond=0)
    for name, change in _KNOWN.items():
        known = partial(_make_known, change, now)
        session.change_token(TokenKey(name, "default", name), known)


def _make_known(change: Change, now: datetime, stored: Token) -> Token:
    token = change(stored, now)
    if token.recipe is None:
        return token
    command = "false" if token.key.name == "due-fails" else "printenv MADE"
    return replace(token, recipe=replace(token.recipe, command=command))


def _due(code: int, *argv: str) -> Line:
    return line(code, *argv, environ={"MADE": "EXAMPLE made"}, answer=wire.DECLINED, opens=True)


LINES = [
    line(7, "env", "ended"),
    line(0, "env", "ended", "--only", "fine"),
    line(7, "env", "ended", "--only", "ended", "--shell", "fish"),
    line(0, "env", "ended", "--unset"),
    line(7, "get", "ended", "-e", "ended"),
    line(0, "get", "fine", "-e", "ended"),
    line(125, "exec", "ended", "--", "true"),
    line(0, "exec", "ended", "--only", "fine", "--", "sh", "-c", 'echo "$FINE"'),
    line(7, "env", "stolen"),
    line(7, "get", "stolen", "-e", "stolen"),
    line(125, "exec", "stolen", "--", "true"),
    line(7, "env", "gone"),
    line(7, "get", "gone", "-e", "gone"),
    line(125, "exec", "gone", "--", "true"),
    line(0, "env", "gone", "--unset"),
    line(0, "env", "soon"),
    line(0, "get", "soon", "-e", "soon"),
    line(0, "exec", "soon", "--", "sh", "-c", 'echo "$SOON"'),
    line(0, "env", "dead"),
    line(0, "get", "dead", "-e", "dead"),
    line(0, "exec", "dead", "--", "sh", "-c", 'echo "$DEAD"'),
    line(0, "env", "begun"),
    line(0, "env", "older"),
    line(0, "env", "fresh"),
    line(0, "get", "fresh", "-e", "fresh"),
    line(0, "exec", "fresh", "--", "sh", "-c", 'echo "$FRESH"'),
    *(line(0, "show", name, "-e", name) for name in (*_KNOWN, "fresh")),
    *(line(0, "show", name, "-e", name, "--json") for name in (*_KNOWN, "fresh")),
    *(line(0, "list", "-e", name) for name in (*_KNOWN, "fresh")),
    line(0, "list", "-e", "dead", environ={"TERM": "xterm-256color"}, stdout=100),
    line(0, "list", "-e", "dead", "--json"),
    line(0, "list", "-e", "begun", "--json"),
    line(0, "__complete", "tokens", "-e", "gone"),
    line(0, "__complete", "tokens", "-e", "stolen"),
    line(0, "__complete", "own", "-e", "begun"),
    line(0, "env", "due-env", "--unset"),
    _due(0, "env", "due-env"),
    _due(0, "get", "due-get", "-e", "due-get"),
    _due(0, "exec", "due-exec", "--", "sh", "-c", 'echo "$DUE_EXEC"'),
    _due(6, "env", "due-fails"),
    _due(6, "get", "due-fails", "-e", "due-fails"),
    _due(125, "exec", "due-fails", "--", "true"),
    line(0, "providers", "mine", environ={"XDG_CONFIG_HOME": "ROOT/own-provider"}),
    line(3, "providers", "mine"),
    line(0, "providers", "--json", environ={"XDG_CONFIG_HOME": "ROOT/own-provider"}),
    line(0, "show", "hf", environ={"XDG_CONFIG_HOME": "ROOT/own-provider"}),
    line(2, "providers", environ={"XDG_CONFIG_HOME": "ROOT/bad-provider"}),
    line(1, "providers", "--validate", environ={"XDG_CONFIG_HOME": "ROOT/bad-provider"}),
    line(2, "show", "hf", environ={"XDG_CONFIG_HOME": "ROOT/bad-provider"}),
    line(0, "env", environ={"XDG_CONFIG_HOME": "ROOT/bad-provider"}),
]
