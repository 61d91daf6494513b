from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from credman.cli.context import Context
from credman.cli.options import Invocation, command
from credman.cli.render import (
    NOTHING,
    exposure_facts,
    render_age,
    render_expiry,
    render_json,
    render_rotation,
    render_seconds,
    render_since,
    render_state,
    token_facts,
)
from credman.core.intervals import OFF, find_day
from credman.core.model import Token, Version
from credman.core.names import quote_untrusted
from credman.core.secret import Secret, mask
from credman.watch.rules import Origin, Rules, find_rotation_date

if TYPE_CHECKING:
    from credman.cli.parameters import JsonOption, NameArgument


@command()
def show(invocation: Invocation, name: NameArgument, json: JsonOption = False) -> None:
    """Show what is known of a token, its values masked.

    Example: credman show hf -e prod
    """
    session = invocation.open_session()
    token = session.token(name)
    values = session.values(token)
    invocation.report(session)
    fields = [f for f in token.fields if f.name in values]
    shown = {
        **{f.name: str(values[f.name]) for f in fields},
        **_mask(invocation.context, {f.name: values[f.name] for f in fields if f.secret}),
    }
    if json:
        facts = {
            **token_facts(token),
            "exposure": _exposure_facts(token.current),
            "note": token.note,
            "fields": [
                {
                    "name": f.name,
                    "variables": f.variables,
                    "secret": f.secret,
                    "masked": shown[f.name],
                }
                for f in fields
            ],
            "versions": [
                {"number": v.number, "state": v.state.value, "exposure": _exposure_facts(v)}
                for v in token.versions
            ],
        }
        invocation.context.stdout.print(render_json({"token": facts}))
        return
    now = datetime.now(UTC)
    rows = [
        ("environment", token.key.environment),
        ("profile", token.key.profile),
        ("provider", quote_untrusted(token.provider or NOTHING)),
        *((", ".join(f.variables), quote_untrusted(shown[f.name])) for f in fields),
        *_describe_recipe(token),
        ("version", f"{token.current.number}, stored {_render_stored(token, now)}"),
        *_describe_exposure(token.current, now),
        *(
            row
            for v in token.versions
            if v != token.current
            for row in ((f"version {v.number}", v.state.value), *_describe_exposure(v, now))
        ),
        *_describe_finding(token),
        ("expires", _render_expiry_date(token, now)),
        ("rotate", _render_interval(token, invocation.make_rules(session)(token), now)),
        ("state", render_state(token, now)),
        ("note", quote_untrusted(token.note) or NOTHING),
    ]
    width = max(len(label) for label, _ in rows)
    invocation.context.stdout.print(f"{token.key.name}")
    for label, text in rows:
        invocation.context.stdout.print(f"  {label:<{width}}  {text}")


def _mask(context: Context, values: Mapping[str, Secret]) -> dict[str, str]:
    masked = {name: mask(value) for name, value in values.items()}
    if {*masked.values()} <= {mask("")}:  # of what shows nothing, no beginning is looked for
        return masked
    head = context.catalogue.public_head
    return {name: mask(value, head=head(value)) for name, value in values.items()}


def _describe_recipe(token: Token) -> list[tuple[str, str]]:
    recipe = token.recipe
    if recipe is None:
        return []
    shell = ", in a shell" if recipe.uses_shell else ""
    span = render_seconds(recipe.ttl_seconds)
    return [("command", f"{quote_untrusted(recipe.command)}{shell}, good for {span}")]


def _describe_finding(token: Token) -> list[tuple[str, str]]:
    finding = token.current.finding
    if finding is None:
        return []
    said = ", ".join(filter(None, (finding.identity, finding.scopes)))
    return [("known as", quote_untrusted(said))] if said else []


def _describe_exposure(version: Version, now: datetime) -> list[tuple[str, str]]:
    exposure = version.exposure
    if exposure is None:
        return []
    first, last = render_since(exposure.at, now), render_since(exposure.seen_at, now)
    when = first if exposure.at == exposure.seen_at else f"first {first}, last {last}"
    more = exposure.count - len(exposure.places)
    rest = [("", f"and {more} more")] if exposure.places and more > 0 else []
    places = [("", quote_untrusted(place)) for place in exposure.places]
    return [("exposed", f"{exposure.words}, {when}"), *places, *rest]


def _exposure_facts(version: Version) -> dict[str, object] | None:
    facts = exposure_facts(version.exposure)
    if facts is not None and version.exposure is not None:
        facts["places"] = list(version.exposure.places)
    return facts


def _render_stored(token: Token, now: datetime) -> str:
    age = render_age(token.current.created_at, now)
    return age if age == "today" else f"{age} ago"


def _render_expiry_date(token: Token, now: datetime) -> str:
    expires_at = token.expires_at
    return (
        NOTHING
        if expires_at is None
        else f"{find_day(expires_at).isoformat()}, {render_expiry(token, now)}"
    )


def _render_interval(token: Token, rules: Rules, now: datetime) -> str:
    own = token.schedule.rotate_every
    every = rules.find_rotation(token)
    if every is None:
        return NOTHING if own is None else OFF if own == OFF else f"every {quote_untrusted(own)}, –"
    interval, origin = every
    ends = render_rotation(find_rotation_date(token, rules), now)
    if origin is Origin.OWN:
        return f"every {own}, {ends}"
    return f"every {interval}, {ends} ({origin.value})"
