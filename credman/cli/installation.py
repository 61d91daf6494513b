"""Facts about the installation: the program, the variables that count, the configuration.

Rule: of a variable that may hold a value it is only told that it is set.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

from credman.cli.context import Context
from credman.core.config import Config, load_config
from credman.core.errors import CredmanError, UsageError
from credman.core.names import check_name, looks_like_value
from credman.core.runtime import is_unattended
from credman.core.runtimes import detect
from credman.output.shells import Shell
from credman.stores.capabilities import Fact

if TYPE_CHECKING:
    from importlib.metadata import Distribution

DISTRIBUTION = "credman-cli"
_STORE = re.compile(r"[a-z][a-z0-9+.-]{1,31}:(?!//[^/]*@)", re.ASCII)
_SEPARATORS = re.compile(r"[:/@?&=#]")
_SHORTEST_TOKEN = 16
_SECRET = {
    "CREDMAN_PASSPHRASE": "whatever is started from here can read it",
    "CREDMAN_PASSPHRASE_COMMAND": "",
}


EXTRAS = {
    "aws": "boto3",
    "calendar": "icalendar",
    "notify": "desktop-notifier",
    "scan": "google-re2",
}
"""What each extra of the distribution installs."""


def examine_program() -> list[Fact]:
    """Which credman this is, on which interpreter and system."""
    import platform

    python = f"{platform.python_implementation()} {platform.python_version()}"
    return [
        Fact("credman", _describe_distribution()),
        Fact("python", f"{python}, {sys.executable or 'nobody knows where'}"),
        Fact("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
    ]


def examine_runtime(context: Context) -> list[Fact]:
    """What it runs in, where that is more than a terminal of one's own, and what says so."""
    found = detect(
        context.inherited,
        None,
        platform=sys.platform,
        exists=os.path.exists,
        has_terminal=context.terminal.is_available(),
    )
    if found.name == "python":
        return []
    return [Fact("runs in", f"{found.title} ({', '.join(found.evidence)})")]


def examine_shell(context: Context) -> Fact:
    """Which shell ``credman env`` would write for."""
    from credman.cli.shell import guess_shell

    try:
        shell = guess_shell(context.parent)
    except UsageError as error:
        return Fact("shell", error.message, False, error.hint)
    way = "credman env | source" if shell is Shell.FISH else 'eval "$(credman env)"'
    return Fact("shell", f"credman env writes for {shell.value} shells: {way}")


def _describe_distribution() -> str:
    from importlib import metadata

    try:
        found = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "not installed: it runs from its sources"
    how = f"{found.version}, {_find_installer(str(found.locate_file('')))}"
    return f"{how}, linked to its sources" if _is_editable(found) else how


def _find_installer(folder: str) -> str:
    import sysconfig

    def holds(name: str) -> bool:
        return os.path.exists(os.path.join(sys.prefix, name))

    if holds("pipx_metadata.json"):
        return "installed by pipx"
    if holds("uv-receipt.toml"):
        return "installed by uv tool"
    if holds("conda-meta"):
        return "in a conda environment"
    if sys.prefix != sys.base_prefix:
        return "in a virtual environment"
    own = sysconfig.get_path("purelib", sysconfig.get_preferred_scheme("user"))
    if os.path.realpath(folder) == os.path.realpath(own):
        return "installed for this user"
    return "installed for every user"


def how_to_add(extra: str) -> str:
    """Args: extra: of the distribution. Returns: the command that installs it the same way."""
    from importlib import metadata

    wanted = f"'{DISTRIBUTION}[{extra}]'"
    try:
        found = metadata.distribution(DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return f"pip install {wanted}"
    match _find_installer(str(found.locate_file(""))):
        case "installed by pipx":
            return f"pipx inject {DISTRIBUTION} {EXTRAS[extra]}"
        case "installed by uv tool":
            return f"uv tool install {wanted}"
    return f"{sys.executable or 'python'} -m pip install {wanted}"


def _is_editable(distribution: Distribution) -> bool:
    import json

    try:
        record = json.loads(distribution.read_text("direct_url.json") or "{}")
        return record["dir_info"]["editable"] is True
    except (OSError, ValueError, KeyError, TypeError):
        return False


def examine_surroundings(context: Context, *, no_input: bool) -> list[Fact]:
    """Variables that count more than the configuration, and whether somebody can be asked."""
    found = enumerate(_examine_variables(context))
    facts = [Fact("" if number else "variable", *rest) for number, rest in found]
    off = ["--no-input"] if no_input else []
    for variable in ("CI", "CREDMAN_NO_INPUT"):
        if is_unattended({variable: context.inherited.get(variable, "")}):
            off.append(variable)
    if off:
        facts.append(Fact("input", f"switched off by {' and '.join(off)}: nobody is asked"))
    elif not context.terminal.is_available():
        facts.append(Fact("input", "there is no terminal to ask on"))
    return facts


def _examine_variables(context: Context) -> Iterator[tuple[str, bool, str]]:
    environ = context.inherited
    home = environ.get("CREDMAN_HOME")
    if home:
        hint = (
            ""
            if os.path.isabs(home)
            else "it is another place in every directory: make it absolute"
        )
        yield f"CREDMAN_HOME={home}", False, hint
    store = environ.get("CREDMAN_STORE")
    if store:
        is_url = _STORE.match(store) and not _may_hold_value(store)
        yield f"CREDMAN_STORE={store}" if is_url else "CREDMAN_STORE is set", False, ""
    for variable, kind in (("CREDMAN_ENV", "environment"), ("CREDMAN_PROFILE", "profile")):
        name = environ.get(variable)
        if not name:
            continue
        try:
            check_name(kind, name)
        except UsageError as error:
            yield f"{variable}: {error.message}", True, error.hint
        else:
            shown = " is set" if _may_hold_value(name) else f"={name}"
            yield f"{variable}{shown}", False, ""
    for variable, hint in _SECRET.items():
        if environ.get(variable):
            yield f"{variable} is set", False, hint


def _may_hold_value(text: str) -> bool:
    from credman.providers.catalogue import load_catalogue

    if looks_like_value(text):
        return True
    parts = [part for part in _SEPARATORS.split(text) if len(part) >= _SHORTEST_TOKEN]
    try:
        return any(load_catalogue().identify(part) is not None for part in parts)
    except CredmanError:
        return bool(parts)


def examine_config(path: str) -> tuple[list[Fact], Config | CredmanError]:
    """Returns: what there is to say, and the configuration, or why it cannot be used."""
    try:
        config = load_config(path)
    except CredmanError as error:
        hint = error.hint or "no command works until that is mended"
        return [Fact("config", error.message, True, hint)], error
    none = "" if os.path.exists(path) else ": there is none, so the defaults count"
    return [Fact("config", f"{path}{none}")], config
