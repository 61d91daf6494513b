"""What the operating system's keyring says when it is tried, and what else calls itself one.

Rule: no other backend is imported or asked; what is installed is told from its metadata.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping

from credman.cli.context import Context
from credman.cli.unlock import PassphraseSource
from credman.core.config import Config
from credman.core.errors import CredmanError, Refused
from credman.core.paths import find_home
from credman.oskeyring.backends import ALLOWED, candidates, check_backend
from credman.oskeyring.choice import (
    OFF,
    choose_backend,
    is_out_of_reach,
    load_choice,
    probe,
    state_file,
)
from credman.oskeyring.client import KeyringUnavailable, OsKeyring, Situation
from credman.stores.capabilities import Fact

_GROUP = "keyring.backends"
_IN_FILES = ("keyrings.alt", "keyrings.cryptfile")
_ASIDE = "other programs may keep values in it: python -m pip uninstall {name}"


def examine_keyring(
    context: Context,
    config: Config,
    source: PassphraseSource,
    *,
    is_needed: bool,
    problem: KeyringUnavailable | None,
) -> list[Fact]:
    """Writes an item to the keyring, reads it back and deletes it.

    Args:
        is_needed: something does not open without it, so that a broken one is a finding.
        problem: what opening the store told of it already; then it is not tried again.
    """
    facts = [
        *_examine_backends(context, config, source, is_needed, problem),
        *_examine_redirections(context.inherited, context.cwd),
        *find_other_backends(),
    ]
    return [Fact("keyring", f.text, f.is_wrong, f.hint) for f in facts[:1]] + facts[1:]


def _examine_backends(
    context: Context,
    config: Config,
    source: PassphraseSource,
    is_needed: bool,
    problem: KeyringUnavailable | None,
) -> Iterator[Fact]:
    if config.keyring == OFF:
        yield Fact("", "switched off by the configuration")
        return
    path = state_file(context.paths.state)
    remembered = load_choice(path)
    try:
        backends = choose_backend(config.keyring, remembered)
    except Refused as error:
        yield Fact("", error.message, True, error.hint)
        return
    if is_out_of_reach(context.inherited):
        absent = KeyringUnavailable(Situation.ABSENT, "(no session bus)")
        is_wrong = is_needed and problem is None
        yield Fact("", absent.message, is_wrong, absent.hint if is_wrong else "")
        backends = ()
    for backend in backends:
        title = ALLOWED[backend]
        # Only the first one opens a store; the others would be tried for a new one.
        is_wrong = is_needed and backend == backends[0]
        if problem is None or backend != backends[0]:
            said, is_there = _try(context, backend, source)
        else:
            said, is_there, is_wrong = problem, problem.situation.is_there, False
        if isinstance(said, str):
            yield Fact("", f"{title}: {said}")
        else:
            yield Fact("", f"{title}: {said.message}", is_wrong, _hint(said) if is_wrong else "")
        if is_there:
            break
    if config.keyring is not None:
        yield Fact("", "the configuration names it")
    elif remembered is not None:
        yield Fact("", f"{path} remembers it")
    elif os.path.lexists(path):
        first = ALLOWED[candidates(sys.platform)[0]]
        text = f"{path} should remember which one it is, and cannot be used"
        yield Fact("", text, True, f"remove it, and it is {first}")


def _try(
    context: Context, backend: str, source: PassphraseSource
) -> tuple[str | KeyringUnavailable, bool]:
    """Returns: what it says, and whether it is there."""
    environ, is_attended = context.inherited, source.is_attended()
    if not is_attended and (environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")):
        return "not tried: it may ask in a window, and nobody is at a terminal", True
    try:
        with OsKeyring(backend, environ, is_attended=is_attended) as ring:
            probe(ring)
    except KeyringUnavailable as error:
        return error, error.situation.is_there
    return "works: an item was written, read back and deleted", True


def _hint(error: KeyringUnavailable) -> str:
    if error.situation is Situation.FAILED:  # its own hint names this command
        return "its own log may tell why"
    return error.hint


def _examine_redirections(environ: Mapping[str, str], cwd: str) -> Iterator[Fact]:
    if environ.get("PYTHON_KEYRING_BACKEND"):
        yield Fact("", "PYTHON_KEYRING_BACKEND is set, and credman does not follow it")
    try:
        base = environ.get("XDG_CONFIG_HOME") or os.path.join(find_home(environ), ".config")
    except CredmanError:
        return
    path = os.path.join(cwd, base, "python_keyring", "keyringrc.cfg")
    if os.path.lexists(path):
        yield Fact("", f"{path} is there, and credman does not follow it")


def find_other_backends() -> list[Fact]:
    """Installed packages that other programs may take for the keyring, and credman never does."""
    from importlib import metadata

    found: dict[str, Fact] = {}
    for distribution in metadata.distributions():
        try:
            name = (distribution.name or "").lower().replace("_", ".")
            targets = [e.value for e in distribution.entry_points if e.group == _GROUP]
            version = distribution.version
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            continue  # a damaged one; whoever uses it will notice
        is_known = name.replace("-", ".") in _IN_FILES
        if (is_known or targets) and name not in ("", "keyring"):
            target = f"{name.replace('-', '.')}." if is_known else targets[0]
            text = f"{name} {version} is installed, and credman never uses it: {_reason(target)}"
            hint = _ASIDE.format(name=name) if is_known else ""
            found.setdefault(name, Fact("", text, False, hint))
    return [found[name] for name in sorted(found)]


def _reason(target: str) -> str:
    try:
        check_backend(target)
    except Refused as error:
        return error.message.partition(": ")[2]
    return "another package brings it"
