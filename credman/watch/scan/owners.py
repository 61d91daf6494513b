"""Whose the values of a store are, and how a label of a fingerprint says so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from credman.core.intervals import format_instant
from credman.core.model import Address, Token, VersionState
from credman.watch.scan.findings import Owner

_SEPARATOR = "\x1f"


def list_owned(tokens: Iterable[Token]) -> Iterator[tuple[Address, Owner, bytes]]:
    """Returns: each secret value that is stored, of whatever version: where it is, whose it is, and
    its label."""
    for token in tokens:
        secret = {field.name for field in token.fields if field.secret}
        for version in token.versions:
            created = format_instant(version.created_at)
            for name in version.fields:
                if name in secret:
                    address = Address(token.key, version.number, name)
                    owner = Owner(
                        token.key.name,
                        token.key.environment,
                        token.key.profile,
                        version.number,
                        version.state,
                        token.provider,
                        name,
                    )
                    yield address, owner, _label(owner, created)


def _label(owner: Owner, created: str) -> bytes:
    # The first line tells values apart; the second may change while the value stays.
    same = (owner.name, owner.environment, owner.profile, str(owner.version), owner.field, created)
    now = (owner.state.value, owner.provider or "")
    return "\n".join(_SEPARATOR.join(line) for line in (same, now)).encode("utf-8", "replace")


def read_label(label: bytes) -> Owner | None:
    """Returns: whose value it is; None: it is no label."""
    try:
        same, now = (line.split(_SEPARATOR) for line in label.decode("utf-8").split("\n"))
        name, environment, profile, version, field, _ = same
        state, provider = now
        number = int(version)
        standing = VersionState(state)
        return Owner(name, environment, profile, number, standing, provider or None, field)
    except ValueError:
        return None
