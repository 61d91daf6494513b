from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from credman.cli.options import Invocation, Result, command
from credman.cli.render import NOTHING, render_json, render_table
from credman.core.names import check_name
from credman.providers.catalogue import Provider, find_problems

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import JsonOption


@command(selecting=False, opening=False)
def providers(
    invocation: Invocation,
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="One of them", show_default=False)
    ] = None,
    validate: Annotated[
        bool, typer.Option("--validate", help="Check the files that this is read from")
    ] = False,
    json: JsonOption = False,
) -> Result:
    """List the services whose tokens credman knows.

    Example: credman providers hf
    """
    if name is not None:
        check_name("provider", name)
    if validate:
        return _validate(invocation, name, json=json)
    context, catalogue = invocation.context, invocation.context.catalogue
    chosen = [catalogue.get(name)] if name else list(catalogue.providers.values())
    if json:
        context.stdout.print(render_json({"providers": [_facts(p) for p in chosen]}))
    elif name:
        _print_one(invocation, chosen[0])
    else:
        rows = [
            (p.name, ", ".join(p.aliases) or NOTHING, p.title, " ".join(f.name for f in p.fields))
            for p in chosen
        ]
        headers = ("NAME", "ALSO", "SERVICE", "VARIABLES")
        context.stdout.print(render_table(context, headers, rows))
    return None


def _validate(invocation: Invocation, name: str | None, *, json: bool) -> int:
    catalogue, problems = find_problems(invocation.context.paths.providers)
    names = {*catalogue.providers, *problems}
    if name is not None:
        folded = name.casefold()
        names = {folded if folded in problems else catalogue.get(name).name}
    found = [problems[n] for n in sorted(names & problems.keys())]
    out = invocation.context.stdout
    if json:
        out.print(render_json({"checked": len(names), "problems": found}))
    elif found:
        out.print("\n".join(found))
    else:
        valid = "all valid" if name is None else "valid"
        out.print(f"{len(names)} provider{'' if len(names) == 1 else 's'}, {valid}")
    return 1 if found else 0


def _print_one(invocation: Invocation, provider: Provider) -> None:
    out = invocation.context.stdout
    rotation = f"every {provider.rotation_days} days" if provider.rotation_days else NOTHING
    rows = [
        ("names", ", ".join((provider.name, *provider.aliases))),
        *(("variable", _describe(provider, i)) for i in range(len(provider.fields))),
        ("create", provider.create_url),
        ("revoke", provider.revoke_url),
        ("read more", provider.docs_url),
        ("expiry", provider.expiry),
        (
            "rotate",
            f"{rotation} ({provider.rotation_basis})" if provider.rotation_days else NOTHING,
        ),
        *_describe_asking(provider),
    ]
    out.print(provider.title)
    for label, text in rows:
        out.print(f"  {label:<10} {text}")


def _describe_asking(provider: Provider) -> list[tuple[str, str]]:
    """Returns: what `check`, `rotate --auto` and `revoke` can do."""
    verify = provider.online.get("verify", {"skip": "no way to ask is known"})
    rotate, revoke = (provider.online.get(key, {}) for key in ("rotate_api", "revoke_api"))
    ends = "; the old one ends with it" if rotate.get("ends_old") else ""
    can_rotate, can_revoke = ({"url", "auth"} & table.keys() for table in (rotate, revoke))
    return [
        ("checking", f"not possible: {verify['skip']}" if "skip" in verify else "asks it"),
        ("rotating", f"by itself with --auto{ends}" if can_rotate else "by hand"),
        ("revoking", "asks it" if can_revoke else "on its page"),
    ]


def _describe(provider: Provider, index: int) -> str:
    field = provider.fields[index]
    text = ", ".join(field.variables)
    if not field.secret:
        text += " (not secret)"
    if field.is_file:
        text += " (the path of a file)"
    if field.optional:
        text += " (optional)"
    return f"{text}; also read from {', '.join(field.also)}" if field.also else text


def _facts(provider: Provider) -> dict[str, object]:
    return {
        "name": provider.name,
        "aliases": provider.aliases,
        "title": provider.title,
        "fields": [
            {
                "variables": f.variables,
                "also": f.also,
                "secret": f.secret,
                "optional": f.optional,
                "file": f.is_file,
            }
            for f in provider.fields
        ],
        "create_url": provider.create_url,
        "revoke_url": provider.revoke_url,
        "docs_url": provider.docs_url,
        "expiry": provider.expiry,
        "rotation_days": provider.rotation_days,
    }
