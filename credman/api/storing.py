"""Storing and removing tokens, as the commands do."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from credman.api import handed
from credman.api.opening import keep_open, make_invocation, name_opened, repeat_warnings, warn
from credman.api.wanted import Wanted
from credman.cli.options import Invocation, load_command
from credman.core.errors import CredmanError
from credman.core.secret import Secret


def add_token(
    name: str,
    value: Secret | None,
    wanted: Wanted,
    *,
    provider: str | None = None,
    variables: Sequence[str] | None = None,
    replaces: bool = False,
    checks: bool = True,
) -> None:
    """As ``credman add``. Args: value: None: it is asked for."""
    invocation, said = make_invocation(wanted.env, wanted.profile, value=value)
    given = {
        "name": name,
        "provider": provider,
        "var": list(variables) if variables else None,
        "field": None,
        "expires": None,
        "rotate_every": None,
        "command": None,
        "ttl": None,
        "shell": False,
        "isolated": False,
        "note": "",
        "replace": replaces,
        "no_check": not checks,
        **_shared(wanted, invocation.no_input),
    }
    load_command("add").run(invocation, given)
    _note_added(invocation, name)
    if b"has no recovery key" in said:
        warn("the new vault has no recovery key: credman recovery new, in a terminal")
    repeat_warnings(said)


def remove_token(name: str, wanted: Wanted) -> None:
    """As ``credman remove --yes``."""
    invocation, said = make_invocation(wanted.env, wanted.profile)
    shared = _shared(wanted, invocation.no_input)
    load_command("remove").run(invocation, {"name": name, "yes": True, **shared})
    repeat_warnings(said)


def _note_added(invocation: Invocation, name: str) -> None:
    """What was typed or handed in is kept out of outputs as well; and nobody is asked again for
    what has just opened the store."""
    for session, url in invocation.sessions:
        if not url.startswith("file:"):
            continue  # its connections have ended
        with suppress(CredmanError):  # it is stored
            session.refresh()
            token = session.own_token(name)
            secret = {f.name: f.variables[0] for f in token.present_fields if f.secret}
            values = {secret[n]: v for n, v in session.values(token).items() if n in secret}
            handed.note(values, {})
            keep_open(name_opened(invocation), session.store)


def _shared(wanted: Wanted, no_input: bool) -> dict[str, object]:
    rest: dict[str, object] = {"store": None, "passphrase_fd": None, "no_input": no_input}
    return {"env": wanted.env, "profile": wanted.profile, **rest}
