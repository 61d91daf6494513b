"""Writes docs/providers.md from the catalogue, or checks that it is up to date.

python scripts/provider_docs.py --write | --check
"""

from __future__ import annotations

import re._parser as parser  # type: ignore[import-not-found]
import sys
from pathlib import Path

from credman.core.errors import CredmanError
from credman.providers.calls import read_revoke, read_rotate, read_verify
from credman.providers.catalogue import Catalogue, Provider, Shape, ShapeKind, load_catalogue
from credman.providers.facts import ProviderField
from credman.providers.literals import list_heads

PATH = Path(__file__).resolve().parents[1] / "docs" / "providers.md"

INTRODUCTION = """\
<!-- Written by scripts/provider_docs.py from credman/providers/data. Change those, not this. -->

# Providers

credman knows {count} services. `credman add NAME` with one of the names below takes variables and
links from here; `--provider NAME` does so for a token of another name. `credman providers NAME`
shows an entry, `credman providers --validate` checks the files that all of this is read from.

## How a token is recognised

1. **By its variable**, spelled exactly. The provider whose tokens it carries by default comes
   first, then one that knows it as an additional name, then one that has another kind of token in
   it. So `credman add mine --var HF_TOKEN` stores a token of Hugging Face. Of a provider whose
   tokens have several parts, one variable alone stores no such token.
2. **By its shape.** Nothing is changed on its account: a value that looks like somebody else's is
   questioned, and one of nobody in particular is stored with a line that says whose it looks like.

What a shape may say is its kind:

- *identifies*: only this provider's values look so, and it decides alone. Of several that fit, the
  most specific does: the longest beginning, then the most characters spelled out. Of two that are
  equal, neither.
- *shared*: other providers use the same beginning. It confirms what is known and decides nothing.
- *generic*: hex digits, a UUID. As shared.
- *no secret*: something that may be published, and is easily taken for a token.

Two providers with one variable:
{clashes}

## What "recalled" means

These facts were gathered in November 2026 from documentation and source code. What was found there
is *seen*. What is marked *recalled* was written down from memory and has not been checked against a
source: take it as a hint. A value is never doubted because it differs from a recalled shape. Dates
and limits change; the provider's own page counts.

## Verifying, rotating and revoking

- *Verify* says whether the provider can be asked if a token is live. It is asked with a request
  that changes nothing. What an answer does not say plainly is unknown.
- *Rotate*: *by itself* means that a token is enough to get its successor, and that credman does so.
  *By hand* means that the new one is made on the provider's page and pasted. Where the old one ends
  by the same request, there is no time in which both work.
- *Revoke* says whether credman can ask the provider to end a token. Elsewhere the page does it.
- *Elsewhere* names what sends these requests to another place than the provider's own, such as a
  server of your own. Over plain HTTP a token is sent to this machine only.

No secret is ever put into an address.

## Keys that are files

The key of a Google service account is a file, and the variable holds its path. It is piped in, and
kept byte for byte: `credman add gcp < key.json`.

- `credman exec -- COMMAND` gives it as a file that lies in memory only and is never written to a
  disk. The variable holds a path of the form `/proc/PID/fd/N`. Whatever COMMAND starts can read it
  as well, as long as COMMAND itself runs. It cannot be read when COMMAND has ended, by another
  user, from a container or sandbox with processes of its own, or when COMMAND closes descriptors
  that it was given, as `sudo` does. It has no name, so there is no ending such as `.json` to go by.
- `credman env` refuses it (exit code 7); `--only` with the others leaves it out.
- `credman get` prints it.
- It needs Linux; elsewhere `exec` ends with 125 before COMMAND is run.

## All of them

| Name | Also | Service | Variables |
|---|---|---|---|
{table}
"""

WORDS = {
    "fields": "variables",
    "related": "related variables",
    "create_url": "where to create",
    "revoke_url": "where to revoke",
    "docs_url": "where to read more",
    "expiry": "expiry",
    "checksum": "checksum",
    "note": "note",
    "verify": "how it is verified",
    "rotate_api": "how it is rotated",
}
"""What of an entry may be recalled, and stands on this page."""

KINDS = {
    ShapeKind.PREFIX: "identifies",
    ShapeKind.SHARED: "shared",
    ShapeKind.CONTEXT: "generic",
    ShapeKind.PUBLIC: "no secret",
}


def render(catalogue: Catalogue) -> str:
    """Returns: the page, the same for the same catalogue."""
    providers = list(catalogue.providers.values())
    table = "\n".join(
        f"| [{p.name}](#{p.name}) | {', '.join(p.aliases)} | {p.title} "
        f"| {' '.join(code(f.name) for f in p.fields)} |"
        for p in providers
    )
    clashes = " ".join(
        f"{code(variable)} is {first.title}'s and {provider.title}'s; the shape decides, "
        f"and without one {first.title} is meant."
        for provider in providers
        if (first := catalogue.find(provider.yields_to)) is not None
        for variable in provider.variables()[0]
    )
    head = INTRODUCTION.format(count=len(providers), table=table, clashes=clashes)
    return head + "".join(render_provider(p) for p in providers)


def render_provider(provider: Provider) -> str:
    rotation = "no advice known"
    if provider.rotation_days:
        rotation = f"every {provider.rotation_days} days ({provider.rotation_basis})"
    lines = [
        f"\n### {provider.name}\n",
        f"{provider.title}. {render_confidence(provider)}\n",
        *(f"- Variable: {render_field(f)}" for f in provider.fields),
        *(f"- Older: {render_field(f)}" for f in provider.legacy_fields),
        *(f"- {render_shape(provider, s)}" for s in provider.shapes),
        f"- Create: {link(provider.create_url)}",
        f"- Revoke: {link(provider.revoke_url)}",
        f"- Read more: {link(provider.docs_url)}",
        f"- Expiry: {provider.expiry}",
        f"- Rotation: {rotation}",
        f"- Verify: {render_verify(provider)}",
        f"- Rotate: {render_rotate(provider)}",
        f"- Revoke: {render_revoke(provider)}",
    ]
    if provider.base is not None:
        own = [f.name for f in provider.fields if f.key == provider.base.field]
        lines.append(f"- Elsewhere: {', '.join(map(code, (*own, *provider.base.variables)))}")
    if provider.checksum:
        lines.append(f"- Checksum: {provider.checksum}")
    if provider.note:
        lines.append(f"- Note: {provider.note}")
    return "\n".join(lines) + "\n"


def render_confidence(provider: Provider) -> str:
    if provider.confidence == "recalled":
        return "All of this entry is recalled."
    known = [WORDS[path] for path in provider.recalled if path in WORDS]
    return f"Seen; recalled: {', '.join(known)}." if known else "Seen."


def render_verify(provider: Provider) -> str:
    verifying = read_verify(provider.online)
    return "yes" if verifying.call or verifying.auth else f"no: {verifying.skip}"


def render_rotate(provider: Provider) -> str:
    rotating = read_rotate(provider.online)
    if not rotating.call and not rotating.auth:
        steps = provider.online.get("rotate_api", {}).get("steps")
        return "; ".join(["by hand", *(steps if isinstance(steps, list) else ())])
    words = ["by itself"]
    if rotating.pattern:
        words.append("some kinds of token only")
    if rotating.ends_old:
        words.append("which ends the old one at once")
    needs = f"; needs {rotating.needs}" if rotating.needs else ""
    return ", ".join(words) + needs + render_proof(provider, "rotate_api")


def render_revoke(provider: Provider) -> str:
    revoking = read_revoke(provider.online)
    if not revoking.call and not revoking.auth:
        return "on the page"
    kinds = ", some kinds of token only" if revoking.pattern else ""
    needs = f"; needs {revoking.needs}" if revoking.needs else ""
    return f"yes{kinds}{needs}{render_proof(provider, 'revoke_api')}"


def render_proof(provider: Provider, table: str) -> str:
    is_proven = provider.online[table].get("proven", True)
    return "" if is_proven else "; not tried out"


def render_field(field: ProviderField) -> str:
    words = [", ".join(map(code, field.variables))]
    words += [w for w, is_so in (("not secret", not field.secret), ("optional", field.optional),
              ("the path of a file", field.is_file)) if is_so]  # fmt: skip
    text = ", ".join(words)
    if field.also:
        text += f"; also read from {', '.join(map(code, field.also))}"
    return f"{text}. {field.note[0].upper()}{field.note[1:]}." if field.note else text


def render_shape(provider: Provider, shape: Shape) -> str:
    heads = [] if shape.is_part else [h for h in list_heads(shape.pattern) if h]
    least, most = parser.parse(shape.pattern).getwidth()
    if heads:
        text = f"begins with {' or '.join(map(code, heads))}, "
        text += f"{least} characters" if least == most else f"at least {least} characters"
        if least != most < 1000:
            text = text.replace(f"at least {least}", f"{least} to {most}")
    else:
        text = f"{'holds ' if shape.is_part else ''}{code(shape.pattern)}"
    known = (provider.fields[0].name,) if len(provider.fields) == 1 else ()
    where = "" if shape.field in known else f" (in {code(shape.field)})"
    recalled = ", recalled" if shape.is_recalled else ""
    note = f"; {shape.note}" if shape.note else ""
    name = shape.name[0].upper() + shape.name[1:]
    return f"{name}{where}: {text}; *{KINDS[shape.kind]}*{recalled}{note}"


def link(url: str) -> str:
    return code(url) if "{" in url else f"<{url}>"


def code(text: str) -> str:
    return f"`{text}`"


def main(arguments: list[str]) -> str | None:
    try:
        text = render(load_catalogue())
    except CredmanError as error:
        return error.message
    if arguments == ["--write"]:
        PATH.write_text(text, "utf-8")
    elif arguments != ["--check"]:
        return "one of --write and --check"
    elif not PATH.exists() or PATH.read_text("utf-8") != text:
        return "docs/providers.md is not what the catalogue gives: scripts/provider_docs.py --write"
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
