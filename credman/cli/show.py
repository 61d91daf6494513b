from __future__ import annotations

from datetime import UTC, datetime

from credman.cli.options import Invocation, JsonOption, NameArgument, command
from credman.cli.render import (
    NOTHING,
    render_age,
    render_expiry,
    render_json,
    render_rotation,
    token_facts,
)
from credman.core.names import quote_untrusted
from credman.core.secret import mask


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
    shown = {f.name: mask(values[f.name]) if f.secret else str(values[f.name]) for f in fields}
    if json:
        facts = {
            **token_facts(token),
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
            "versions": [{"number": v.number, "state": v.state.value} for v in token.versions],
        }
        invocation.context.stdout.print(render_json({"token": facts}))
        return
    now = datetime.now(UTC)
    rows = [
        ("environment", token.key.environment),
        ("profile", token.key.profile),
        ("provider", token.provider or NOTHING),
        *((", ".join(f.variables), quote_untrusted(shown[f.name])) for f in fields),
        ("version", f"{token.current.number}, stored {render_age(token.current.created_at, now)}"),
        ("expires", render_expiry(token, now)),
        ("rotate", render_rotation(token, now)),
        ("state", "not checked"),
        ("note", quote_untrusted(token.note) or NOTHING),
    ]
    width = max(len(label) for label, _ in rows)
    invocation.context.stdout.print(f"{token.key.name}")
    for label, text in rows:
        invocation.context.stdout.print(f"  {label:<{width}}  {text}")
