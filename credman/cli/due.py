from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from credman.cli.context import Context
from credman.cli.options import Invocation, Result, command
from credman.cli.pending import forget_said
from credman.cli.render import render_json, render_table
from credman.core.config import Config
from credman.core.errors import UsageError
from credman.core.intervals import OFF, Interval, find_day, format_instant, parse_interval
from credman.core.model import Token, TokenKey
from credman.core.names import BASE_ENVIRONMENT, DEFAULT_PROFILE, quote_untrusted
from credman.core.plan import visible_tokens
from credman.core.policy import Policy
from credman.core.standing import name_with_place
from credman.session import Session
from credman.watch.reminders import command_for, describe, facts, name_in_words
from credman.watch.schedule import DATED, Due, Kind
from credman.watch.schedule import due as find_due
from credman.watch.violations import (
    Violation,
    find_shared_values,
    find_violations,
    secret_addresses,
)

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import JsonOption

FINDINGS = 8
_NARROWEST = 60
_MOST_HINTS = 5


@command()
def due(
    invocation: Invocation,
    within: Annotated[
        str | None,
        typer.Option("--within", metavar="30d", help="Leave out what is later than that"),
    ] = None,
    policy: Annotated[
        bool, typer.Option("--policy", help="Also tell what the configured policy forbids")
    ] = False,
    json: JsonOption = False,
    ics: Annotated[bool, typer.Option("--ics", help="Print a calendar to subscribe to")] = False,
) -> Result:
    """Show what is to be rotated, expires or waits, and by when.

    Old versions wait for their revocation, unfinished rotations for their end. All environments and
    profiles, or those of -e and -p. Ends with 8 if something is overdue, and with --policy if
    something is forbidden.

    Example: credman due --within 30d
    """
    if ics and (json or policy):
        raise UsageError(f"--ics and {'--json' if json else '--policy'} exclude each other")
    span = None if within is None else _parse_within(within)
    context, session = invocation.context, invocation.open_session()
    tokens, now = _choose(invocation, session), datetime.now(UTC)
    found = [
        item
        for item in find_due(tokens, now, invocation.make_rules(session))
        if span is None or item.kind not in DATED or item.at <= span.after(now)
    ]
    violations = _find_violations(invocation, session, tokens, now) if policy else []
    invocation.report(session)
    if ics:
        from credman.watch.calendars import render_calendar

        context.stdout.write(render_calendar(found, now, owner=invocation.store_key))
    elif json:
        context.stdout.print(render_json(_facts(found, violations, now, policy=policy)))
    else:
        _print(context, found, violations, now)
        if invocation.env is None and invocation.profile is None and span is None:
            forget_said(invocation)
        _note_rest(invocation, tokens, found, now, policy=policy, span=span)
    is_overdue = any(item.is_overdue(now) for item in found)
    return FINDINGS if is_overdue or violations else None


def _parse_within(text: str) -> Interval:
    try:
        return parse_interval(text)
    except UsageError as error:
        raise UsageError(f"--within: {error.message}", hint=error.hint) from None


def _choose(invocation: Invocation, session: Session) -> Sequence[Token]:
    # Not by CREDMAN_ENV: whoever works in one environment is reminded of the others as well.
    tokens = session.snapshot().tokens
    if invocation.profile is not None:
        folded = session.profile().casefold()
        tokens = tuple(token for token in tokens if token.key.profile.casefold() == folded)
    if invocation.env is None:
        return tokens
    chosen = session.environment()
    return [
        token
        for profile in sorted({token.key.profile.casefold() for token in tokens})
        for token in visible_tokens(
            tokens, environment=chosen.name, profile=profile, isolated=chosen.isolated
        )
    ]


def _find_violations(
    invocation: Invocation, session: Session, chosen: Sequence[Token], now: datetime
) -> list[Violation]:
    config, stored = session.config, session.snapshot().tokens
    policies = _check_providers(invocation, config)
    environments = list(session.environments().values())
    if invocation.env is not None:
        environments = [session.environment()]
    # The base environment comes first: what is against its policy is said of it alone.
    environments.sort(key=lambda e: e.name.casefold() != BASE_ENVIRONMENT)
    compares = any(policies(e.name).may_share_value is False for e in environments)
    addresses = [a for token in stored for a in secret_addresses(token)] if compares else []
    values = session.store.reveal(addresses)
    keys, found = {token.key for token in chosen}, dict[tuple[TokenKey, str, str], Violation]()
    for environment in environments:
        name, isolated = environment.name, environment.isolated
        for profile in sorted({token.key.profile for token in stored}):
            given = visible_tokens(stored, environment=name, profile=profile, isolated=isolated)
            for item in (
                *find_violations(given, name, policies(name), now),
                *find_shared_values(given, name, policies(name), stored, values),
            ):
                found.setdefault((item.token, item.rule, item.reason), item)
    return [item for item in found.values() if item.token in keys]


def _check_providers(invocation: Invocation, config: Config) -> Callable[[str], Policy]:
    """Returns: the policy of an environment, with the providers' own names.

    Raises:
        UsageError: there is no provider of a name that a policy allows.
    """
    named = (config.policy, *config.policies.values())
    if not any(policy.providers for policy in named):
        return config.policy_for
    catalogue = invocation.context.catalogue

    def find(name: str) -> str:
        provider = catalogue.find(name)
        if provider is None:
            place = invocation.context.paths.config_file
            raise UsageError(
                f"{place}: providers: no provider named {name}", hint="credman providers lists them"
            )
        return provider.name

    own = {name: find(name) for policy in named for name in policy.providers or ()}

    def policy_for(environment: str) -> Policy:
        policy = config.policy_for(environment)
        if policy.providers is None:
            return policy
        return replace(policy, providers=tuple(own[name] for name in policy.providers))

    return policy_for


def _facts(
    found: Sequence[Due], violations: Sequence[Violation], now: datetime, *, policy: bool
) -> dict[str, object]:
    items = [
        {**facts(item, now), "reminders": [format_instant(at) for at, _ in item.reminders]}
        for item in found
    ]
    if not policy:
        return {"due": items}
    forbidden = [
        {
            "name": item.token.name,
            "environment": item.token.environment,
            "profile": item.token.profile,
            "policy_of": item.environment,
            "rule": item.rule,
            "reason": item.reason,
        }
        for item in violations
    ]
    return {"due": items, "violations": forbidden}


def _print(
    context: Context, found: Sequence[Due], violations: Sequence[Violation], now: datetime
) -> None:
    if found and context.stdout.is_terminal and context.stdout.width >= _NARROWEST:
        from credman.cli.timeline import render_timeline

        context.stdout.print(render_timeline(context, found, now))
    elif context.stdout.is_terminal:
        for item in found:
            words = f"{describe(item, now)}: {command_for(item)}"
            context.stdout.print(f"{name_in_words(item)} – {words}")
    elif found:
        has_profiles = any(item.key.profile != DEFAULT_PROFILE for item in found)
        headers = [
            "NAME",
            "FROM",
            *(["PROFILE"] if has_profiles else []),
            "WHAT",
            "BY",
            "STATE",
            "COMMAND",
        ]
        rows = [
            [
                item.key.name,
                item.key.environment,
                *([item.key.profile] if has_profiles else []),
                item.kind.value,
                find_day(item.at).isoformat(),
                describe(item, now),
                command_for(item),
            ]
            for item in found
        ]
        context.stdout.print(render_table(context, headers, rows))
    for violation in violations:
        name, where = violation.token.name, violation.token.environment
        given = "" if violation.environment == where else f" in {violation.environment}"
        reason = quote_untrusted(violation.reason)
        context.stdout.print(f"  forbidden: {name} ({where}){given} {reason}")


def _note_rest(
    invocation: Invocation,
    tokens: Sequence[Token],
    found: Sequence[Due],
    now: datetime,
    *,
    policy: bool,
    span: Interval | None,
) -> None:
    context = invocation.context
    # A line that has no bar has its command.
    has_bars = context.stdout.is_terminal and context.stdout.width >= _NARROWEST
    dated = [item for item in found if item.kind in DATED and has_bars]
    overdue = [item for item in dated if item.is_overdue(now)]
    for item in overdue[:_MOST_HINTS]:
        context.note(f"{name_in_words(item)} – {describe(item, now)}: {command_for(item)}")
    if len(overdue) > _MOST_HINTS:
        context.note(f"and {len(overdue) - _MOST_HINTS} more")
    if not found:
        later = "" if span is None else f" within {span}"
        context.note(f"nothing is due{later}" if tokens else "nothing is stored here")
    config = invocation.config
    if policy and not any(p.forbids for p in (config.policy, *config.policies.values())):
        context.note(f"no policy is configured: [policy] in {context.paths.config_file}")
    keys = {item.key for item in found if item.kind is not Kind.REVOCATION}
    free = [t.key for t in tokens if t.key not in keys and _is_to_be_kept(t)]
    if span is None and free:
        first, *more = sorted(free, key=TokenKey.folded)
        rest = f" and {len(more)} more" if more else ""
        place = name_with_place(first)
        context.note(f"no date for {first.name}{rest}: credman schedule {place} --every 90d")


def _is_to_be_kept(token: Token) -> bool:
    return token.recipe is None and token.schedule.rotate_every != OFF
