"""What counts for a token: its environment's policy and its provider's advice."""

from __future__ import annotations

from collections.abc import Callable

from credman.core.config import Config
from credman.core.intervals import Interval
from credman.core.model import Token
from credman.providers.advice import find_rotation_days
from credman.watch.schedule import Rules


def make_rules(config: Config, providers: str | None) -> Callable[[Token], Rules]:
    """Args: providers: the folder of the providers that the user describes himself."""

    def rules(token: Token) -> Rules:
        policy = config.policy_for(token.key.environment)
        advice = None
        is_said = token.schedule.rotate_every is not None or policy.rotate_every is not None
        if not is_said and token.provider is not None:
            days = find_rotation_days(token.provider, providers)
            advice = None if days is None else Interval(days=days)
        return Rules(policy, advice)

    return rules
