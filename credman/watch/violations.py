"""What the configured policy forbids. Pure; values are compared, never shown.

Rule: a policy of an environment concerns every token that this environment gives, inherited ones
included: that is what its programs get.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from credman.core.model import Address, Token, TokenKey, VersionState
from credman.core.policy import Policy
from credman.core.secret import Secret
from credman.core.standing import name_with_place


@dataclass(frozen=True, slots=True)
class Violation:
    """Args:
    token: which is against the policy.
    environment: whose policy that is.
    rule: the policy's key.
    reason: in words.
    """

    token: TokenKey
    environment: str
    rule: str
    reason: str


def find_violations(
    tokens: Sequence[Token], environment: str, policy: Policy, now: datetime
) -> Iterator[Violation]:
    """What can be told without values.

    Args:
        tokens: that the environment gives.
        now: UTC.
    """
    for token in tokens:
        for rule, reason in _judge(token, policy, now):
            yield Violation(token.key, environment, rule, reason)


def find_shared_values(
    given: Sequence[Token],
    environment: str,
    policy: Policy,
    tokens: Sequence[Token],
    values: Mapping[Address, Secret],
) -> Iterator[Violation]:
    """The same secret value in another environment, where the policy forbids it.

    Args:
        given: the tokens that the environment gives.
        tokens: all of the store.
        values: at ``secret_addresses`` of all of them.
    """
    if policy.may_share_value is not False:
        return
    places: dict[bytes, set[TokenKey]] = {}
    for token in tokens:
        for address in secret_addresses(token):
            if address in values:
                places.setdefault(values[address].to_bytes(), set()).add(token.key)
    for token in given:
        home = token.key.environment.casefold()
        own = [values[a].to_bytes() for a in secret_addresses(token) if a in values]
        others = {
            key
            for value in own
            for key in places.get(value, ())
            if key.environment.casefold() != home
        }
        if others:
            names = ", ".join(_place(other) for other in sorted(others))
            reason = f"has the same value as {names}"
            yield Violation(token.key, environment, "same_value", reason)


def secret_addresses(token: Token) -> list[Address]:
    """Returns: where the secret values are that a token has now, and those of its old versions that
    may still be alive."""
    secret = [f.name for f in token.fields if f.secret]
    return [
        Address(token.key, version.number, name)
        for version in token.versions
        if version.state is not VersionState.STAGED
        for name in secret
        if name in version.fields
    ]


def _judge(token: Token, policy: Policy, now: datetime) -> Iterator[tuple[str, str]]:
    made_at = token.current.created_at
    if policy.max_age is not None and token.recipe is None:
        limit = policy.max_age.after(made_at)
        if limit <= now:
            age = (now - made_at).days
            yield "max_age", f"is {age} days old, older than {policy.max_age}"
    if policy.must_expire and token.expires_at is None:
        place = name_with_place(token.key)
        yield "expiry", f"has no known end: credman schedule {place} --expires DATE"
    if policy.providers is not None and (token.provider or "").casefold() not in policy.providers:
        yield "providers", f"is of {token.provider or 'no known provider'}, which is not allowed"


def _place(key: TokenKey) -> str:
    return f"{key.name} ({key.environment})"
