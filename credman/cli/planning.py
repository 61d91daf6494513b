"""What counts for a token: policies of the environments that give it, and its provider's advice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache

from credman.core.config import Config
from credman.core.intervals import Interval
from credman.core.model import Environment, Token, TokenKey
from credman.core.names import BASE_ENVIRONMENT
from credman.core.plan import visible_tokens
from credman.providers.advice import find_rotation_days
from credman.watch.rules import Rules


def make_rules(
    config: Config,
    providers: str | None,
    environments: Mapping[str, Environment],
    tokens: Sequence[Token],
) -> Callable[[Token], Rules]:
    """Args:
    providers: the folder of the providers that the user describes himself.
    environments: all that exist, by name.
    tokens: all that are stored.
    """

    policy_for = cache(config.policy_for)

    @cache
    def find_advice(provider: str) -> Interval | None:
        days = find_rotation_days(provider, providers)
        return None if days is None else Interval(days=days)

    @cache
    def list_limits() -> dict[TokenKey, list[Interval]]:
        # A base token is as old as the strictest of those allow that inherit it.
        found: dict[TokenKey, list[Interval]] = {}
        for name, environment in environments.items():
            limit = policy_for(name).max_age
            if limit is None or environment.isolated or name.casefold() == BASE_ENVIRONMENT:
                continue
            for profile in {token.key.profile for token in tokens}:
                visible = visible_tokens(tokens, environment=name, profile=profile, isolated=False)
                for token in visible:
                    if token.key.environment.casefold() == BASE_ENVIRONMENT:
                        found.setdefault(token.key, []).append(limit)
        return found

    def rules(token: Token) -> Rules:
        policy = policy_for(token.key.environment)
        if config.policies and token.key.environment.casefold() == BASE_ENVIRONMENT:
            own = [] if policy.max_age is None else [policy.max_age]
            limits = [*own, *list_limits().get(token.key, ())]
            since = token.current.created_at
            strictest = min(limits, key=lambda limit: limit.after(since), default=None)
            policy = replace(policy, max_age=strictest)
        advice = None
        is_said = token.schedule.rotate_every is not None or policy.rotate_every is not None
        if not is_said and token.provider is not None:
            advice = find_advice(token.provider)
        return Rules(policy, advice)

    return rules
