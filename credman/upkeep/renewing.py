"""Temporary tokens: values that a command prints, renewed when they end.

Rule: the command runs without a shell unless it was asked for, has an end, and what it prints goes
nowhere but into memory and into the store.
"""

from __future__ import annotations

import json
import os
import select
import signal
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from credman.core.environ import mask_environ
from credman.core.errors import CredmanError, Unavailable, UsageError
from credman.core.model import (
    MAX_VALUE_BYTES,
    Field,
    Recipe,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.secret import Secret, SecretBuffer, SecretBytes
from credman.providers.paths import read_moment
from credman.upkeep.calling import split_command, withhold

if TYPE_CHECKING:
    import subprocess

COMMAND_SECONDS = 30.0
_GUARD = "CREDMAN_RENEWING"
_CHUNK = 65536
_POLL_SECONDS = 0.02
_PROCESS_FIELDS = {
    "AWS_ACCESS_KEY_ID": "AccessKeyId",
    "AWS_SECRET_ACCESS_KEY": "SecretAccessKey",
    "AWS_SESSION_TOKEN": "SessionToken",
}
"""What AWS's ``credential_process`` calls them."""


def run_recipe(
    recipe: Recipe,
    fields: Sequence[Field],
    *,
    key: TokenKey,
    environ: Mapping[str, str],
    cwd: str,
    now: datetime,
    optional: Collection[str] = (),
) -> tuple[dict[str, Secret], datetime]:
    """Args:
        fields: which the token has.
        optional: names of those that may be missing.
        key: the token's.
        environ: of the caller.
        cwd: where it is run.

    Returns:
        The values by field name, and when they end, UTC.

    Raises:
        Unavailable: it failed, did not end in time, or printed no value. Nothing that it printed is
            repeated.
    """
    name, environ = key.name, mask_environ(environ)
    refuse_recursion(key, environ)
    output = _run(recipe, fields, key=key, environ=environ, cwd=cwd)
    ends_at = now + timedelta(seconds=recipe.ttl_seconds)
    values: dict[str, Secret] = {}
    said: datetime | None = None
    problem = ""
    try:
        values, said = _read(output, fields)
    except UsageError as error:
        problem = error.message
    missing = [f.name for f in fields if f.name not in values and f.name not in optional]
    if missing:
        problem = problem or f"it does not print {', '.join(missing)}"
    if problem:  # raised out here: what reads it holds it in clear
        raise Unavailable(f"the command of {name}: {problem}")
    if said is not None and said <= now:
        raise Unavailable(f"the command of {name} printed a value that has expired")
    return values, said or ends_at


def refuse_recursion(key: TokenKey, environ: Mapping[str, str]) -> None:
    """Raises: Unavailable: it is the command of this token that asks for it."""
    if "/".join(key.folded()) in environ.get(_GUARD, "").split(","):
        raise Unavailable(f"the command of {key.name} asks for {key.name} itself")


def renewed(token: Token, fields: Sequence[str], *, ends_at: datetime, now: datetime) -> Token:
    """Returns: the token with a new version in the place of the one that ended. Values that a
    command prints have no history."""
    number = token.next_number
    version = Version(number, VersionState.CURRENT, now, tuple(fields), expires_at=ends_at)
    kept = tuple(v for v in token.versions if v.state is not VersionState.CURRENT)
    return replace(token.with_version(version), versions=(*kept, version), unsure=False)


def _read(output: bytes, fields: Sequence[Field]) -> tuple[dict[str, Secret], datetime | None]:
    if not output.strip():
        raise UsageError("it printed nothing")
    names = [f.name for f in fields]
    if len(fields) == 1:
        return {names[0]: _check(output.rstrip(b"\r\n"), names[0])}, None
    if output.lstrip().startswith(b"{"):
        return _read_process(output, names)
    found: dict[str, Secret] = {}
    for line in output.splitlines():
        variable, separator, value = line.partition(b"=")
        name = variable.decode("ascii", "replace").strip()
        if line.strip() and (not separator or name not in names):
            raise UsageError(f"it prints lines that are not VAR=value of {', '.join(names)}")
        if line.strip():
            found[name] = _check(value, name)
    return found, None


def _read_process(output: bytes, names: Sequence[str]) -> tuple[dict[str, Secret], datetime | None]:
    try:
        said = json.loads(output.decode("utf-8"))
    except (ValueError, RecursionError):
        raise UsageError("it prints JSON that cannot be read") from None
    found = {
        name: _check(said[key].encode("utf-8", "replace"), name)
        for name, key in _PROCESS_FIELDS.items()
        if name in names and isinstance(said.get(key), str) and said[key].isprintable()
    }
    if not {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= found.keys():
        raise UsageError("it prints JSON that is not that of a credential_process")
    return found, read_moment(said.get("Expiration"))


def _check(value: bytes, name: str) -> Secret:
    from credman.stores.additions import check_value

    secret = Secret.from_bytes(value)
    check_value(name, secret)
    return secret


def _run(
    recipe: Recipe,
    fields: Sequence[Field],
    *,
    key: TokenKey,
    environ: Mapping[str, str],
    cwd: str,
) -> SecretBytes:
    import subprocess

    name = key.name
    argv = split_command(recipe.command, uses_shell=recipe.uses_shell)
    # Not its own variables: an old value there would be used to make the new one.
    own = {v for f in fields for v in f.variables}
    inherited = withhold(environ).without(own)
    guard = ",".join(filter(None, (environ.get(_GUARD, ""), "/".join(key.folded()))))
    problem, status = "", 0
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            cwd=cwd,
            env=inherited | {_GUARD: guard},
            start_new_session=True,  # so that all of it can be ended
        )
    except OSError as error:
        problem = (error.strerror or "failed").lower()
    if problem:  # raised out here: the library's frames hold the environment
        raise Unavailable(f"cannot run the command of {name}: {problem}")
    assert process.stdout is not None  # noqa: S101 - it is a pipe
    try:
        output = _read_until(process, time.monotonic() + COMMAND_SECONDS)
        _end(process.pid)  # what it left behind; its number is its own until it is waited for
        status = process.wait(timeout=COMMAND_SECONDS)
    except (TimeoutError, subprocess.TimeoutExpired):
        problem = f"did not end within {COMMAND_SECONDS:g} s"
    except CredmanError as error:
        problem = error.message
    finally:
        process.stdout.close()
        if process.poll() is None:  # else its number may be somebody else's by now
            _end(process.pid)
            process.wait()
    if problem or status:
        raise Unavailable(f"the command of {name} {problem or f'failed with status {status}'}")
    return output


def _read_until(process: subprocess.Popen[bytes], deadline: float) -> SecretBytes:
    """Returns: what it printed until it ended; whatever it started may keep the pipe open."""
    output = SecretBuffer()
    descriptor = process.stdout.fileno() if process.stdout else -1
    is_open = True
    while True:
        has_ended = _has_ended(process.pid)
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        wait = 0.0 if has_ended else min(left, _POLL_SECONDS)
        if not is_open or not select.select([descriptor], [], [], wait)[0]:
            if has_ended:
                return SecretBytes(output)
            if not is_open:
                time.sleep(wait)
            continue
        data = SecretBytes(os.read(descriptor, _CHUNK))
        is_open = bool(data)
        output += data
        if len(output) > 2 * MAX_VALUE_BYTES:
            raise CredmanError("prints more than any value holds")


def _has_ended(pid: int) -> bool:
    # Without waiting for it: while it is not waited for, its number stays its own.
    flags = os.WEXITED | os.WNOHANG | os.WNOWAIT
    return os.waitid(os.P_PID, pid, flags) is not None


def _end(group: int) -> None:
    import contextlib

    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, signal.SIGKILL)
