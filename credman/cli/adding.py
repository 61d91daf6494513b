"""Asking about a new token before it is stored."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from credman.cli.options import Invocation
from credman.core.errors import Refused
from credman.core.model import Liveness
from credman.core.secret import Secret
from credman.providers.catalogue import Provider
from credman.stores.additions import NewToken


def check_live(
    invocation: Invocation,
    new: NewToken,
    provider: Provider | None,
    values: Mapping[str, Secret],
) -> tuple[NewToken, str]:
    """Args: values: by field name.

    Returns:
        What shall be stored, with what the provider said; and that in words.

    Raises:
        Refused: it is dead, and the person does not want it, or nobody is there to be asked.
    """
    if provider is None:
        return new, "not checked"
    from credman.upkeep.common import describe, make_finding

    verdict = invocation.providers.ask(provider, new.fields, values)
    # Where it is asked now is where it belongs: no other place is known.
    finding = make_finding(dataclasses.replace(verdict, is_doubtful=False))
    if verdict.liveness is Liveness.UNKNOWN:
        why = "" if verdict.is_final else f" ({verdict.reason})"
        return new, f"not checked{why}"
    if verdict.liveness is Liveness.DEAD:
        said = f"{provider.title} does not know this token ({verdict.reason})"
        if not invocation.context.stdin.is_terminal or not invocation.source.is_attended():
            raise Refused(said, hint="nothing was stored; --no-check stores it anyway")
        if not invocation.context.terminal.confirm(f"{said}; store it anyway?"):
            raise Refused("nothing was stored")
    checked = dataclasses.replace(new, finding=finding, ends_at=verdict.expires_at or new.ends_at)
    ends = ", no expiry" if verdict.tells_expiry and verdict.expires_at is None else ""
    return checked, f"{describe(verdict)}{ends}"
