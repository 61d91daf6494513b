"""The configuration file: defaults that people choose. Holds no secret.

Rule: a key it does not know is an error, not a guess; nothing is ever dropped by rewriting it.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from credman.core.errors import Unavailable, UsageError
from credman.core.intervals import parse_duration
from credman.core.model import Environment
from credman.core.names import check_name
from credman.core.policy import Policy, parse_policy

_KEYS = {
    "environment",
    "profile",
    "store",
    "keyring",
    "agent",
    "cache",
    "network",
    "timeout",
    "warn_before",
    "mention_overdue",
    "policy",
    "environments",
}
_OFF = "off"
_MAX_BYTES = 1024 * 1024
_LONGEST_TIMEOUT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Config:
    """Args: keyring: ``off``, or the class of a backend of the ``keyring`` package; None: any that
    works; agent, cache, network: ``off``, or None: there may be an agent, a cache of names, and
    providers may be asked; timeout: seconds without a byte after which a provider is given up;
    warn_before: with less left than this until it ends by itself, a token is warned of;
    mention_overdue: ``off``: commands say nothing of other tokens that are overdue; policy: for all
    environments; policies: by environment, over that one."""

    environment: str | None = None
    profile: str | None = None
    store: str | None = None
    keyring: str | None = None
    agent: str | None = None
    cache: str | None = None
    network: str | None = None
    timeout: int = 5
    warn_before: timedelta = timedelta(days=1)
    environments: Mapping[str, Environment] = field(default_factory=dict)
    mention_overdue: str | None = None
    policy: Policy = field(default_factory=Policy)
    policies: Mapping[str, Policy] = field(default_factory=dict)

    def policy_for(self, environment: str) -> Policy:
        """Args: environment: its name, in any case."""
        folded = environment.casefold()
        own = next((p for n, p in self.policies.items() if n.casefold() == folded), Policy())
        return own.over(self.policy)


def parse_config(text: str, *, source: str) -> Config:
    """Args:
        text: the file's text, TOML.
        source: its path, for messages.

    Raises:
        UsageError: it is not TOML, or a key or a value is not known; names file and key.
    """
    import tomllib

    try:
        table = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # an endless number is a mere ValueError
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise UsageError(f"{source}: not valid TOML: {reason}") from None
    for key in table:
        if key not in _KEYS:
            raise UsageError(f"{source}: unknown key {key!r}", hint=f"known: {_known(_KEYS)}")
    environment = _text(table, "environment", source)
    profile = _text(table, "profile", source)
    _check(source, "environment", environment)
    _check(source, "profile", profile)
    return Config(
        environment=environment,
        profile=profile,
        store=_text(table, "store", source),
        keyring=_text(table, "keyring", source),
        agent=_switch(table, "agent", source),
        cache=_switch(table, "cache", source),
        network=_switch(table, "network", source),
        timeout=_timeout(table, source),
        warn_before=_duration(table, "warn_before", source),
        environments=_environments(table.get("environments", {}), source),
        mention_overdue=_switch(table, "mention_overdue", source),
        policy=parse_policy(table.get("policy", {}), source=source, key="policy"),
        policies=_policies(table.get("environments", {}), source),
    )


def load_config(path: str) -> Config:
    """Returns: the configuration; without a file the empty one.

    Raises:
        Unavailable: the file cannot be opened.
        UsageError: it cannot be understood; it is never taken for empty.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return Config()
    except OSError as error:
        raise Unavailable(f"cannot read {path}: {_reason(error)}") from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise UsageError(f"cannot read {path}: it is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(_MAX_BYTES + 1)
        text = data.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = _reason(error) if isinstance(error, OSError) else "not UTF-8"
        raise UsageError(f"cannot read {path}: {reason}") from None
    finally:
        os.close(descriptor)
    if len(data) > _MAX_BYTES:
        raise UsageError(f"cannot read {path}: it is larger than {_MAX_BYTES >> 10} KiB")
    return parse_config(text, source=path)


def _environments(table: object, source: str) -> dict[str, Environment]:
    if not isinstance(table, dict):
        raise UsageError(f"{source}: environments must be a table")
    found: dict[str, Environment] = {}
    for name, options in table.items():
        _check(source, "environment", name)
        if name.casefold() in {known.casefold() for known in found}:
            raise UsageError(f"{source}: environments.{name} stands there twice")
        if not isinstance(options, dict) or set(options) - {"isolated", "policy"}:
            hint = "known: isolated, policy"
            raise UsageError(f"{source}: environments.{name} holds an unknown key", hint=hint)
        isolated = options.get("isolated", False)
        if not isinstance(isolated, bool):
            raise UsageError(f"{source}: environments.{name}.isolated must be true or false")
        found[name] = Environment(name, isolated=isolated)
    return found


def _policies(environments: Mapping[str, Mapping[str, object]], source: str) -> dict[str, Policy]:
    return {
        name: parse_policy(options["policy"], source=source, key=f"environments.{name}.policy")
        for name, options in environments.items()
        if "policy" in options
    }


def _text(table: Mapping[str, object], key: str, source: str) -> str | None:
    value = table.get(key)
    if value is not None and not isinstance(value, str):
        raise UsageError(f"{source}: {key} must be a text")
    return value


def _switch(table: Mapping[str, object], key: str, source: str) -> str | None:
    # A word that is not understood must not mean that what was to be off is on.
    value = _text(table, key, source)
    if value not in (None, "on", _OFF):
        raise UsageError(f"{source}: {key} must be on or off")
    return None if value == "on" else value


def _timeout(table: Mapping[str, object], source: str) -> int:
    value = table.get("timeout", Config().timeout)
    if type(value) is not int or not 1 <= value <= _LONGEST_TIMEOUT_SECONDS:
        raise UsageError(
            f"{source}: timeout must be a number of seconds from 1 to {_LONGEST_TIMEOUT_SECONDS}"
        )
    return value


def _duration(table: Mapping[str, object], key: str, source: str) -> timedelta:
    text = _text(table, key, source)
    try:
        return Config().warn_before if text is None else parse_duration(text)
    except UsageError as error:
        raise UsageError(f"{source}: {key}: {error.message}", hint=error.hint) from None


def _check(source: str, kind: str, name: str | None) -> None:
    if name is None:
        return
    try:
        check_name(kind, name)
    except UsageError as error:
        raise UsageError(f"{source}: {error.message}", hint=error.hint) from None


def _reason(error: OSError) -> str:
    return (error.strerror or "failed").lower()


def _known(keys: set[str]) -> str:
    return ", ".join(sorted(keys))
