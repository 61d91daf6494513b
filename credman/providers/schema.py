"""One provider's file: which keys it has, and what they must hold.

Rule: a key that is not known, or a value of the wrong kind, is an error that names file and key.
"""

from __future__ import annotations

import re
import tomllib
from typing import Any

from credman.core.errors import CredmanError, UsageError
from credman.core.names import check_name, check_variable
from credman.providers.checksums import CHECKSUMS
from credman.providers.facts import Base, Provider, ProviderField, Shape, ShapeKind
from credman.providers.online import ONLINE, check_online, check_url
from credman.providers.tables import Table

IMPORT_FORMATS = (
    "raw", "ini", "json", "netrc", "yaml", "toml", "npmrc", "git-credentials", "dir",
)  # fmt: skip


def parse_provider(name: str, text: str, *, source: str) -> Provider:
    """Args:
        name: the provider's name, the file's stem.
        text: TOML.
        source: the file, for messages.

    Raises:
        UsageError: names the file and the key.
    """
    try:
        read = tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{source}: not valid TOML: {error}") from None
    table = Table(read, source, "")
    if check_name("provider", name) != name.casefold():
        raise UsageError(f"{source}: the file's name is the provider's, in lower case")
    fields = tuple(_field(item) for item in table.tables("fields"))
    if not fields:
        raise UsageError(f"{source}: fields is empty")
    keys = [f.key for f in fields]
    provider = Provider(
        name=name,
        title=_filled(table, "title"),
        aliases=tuple(alias.casefold() for alias in table.texts("aliases", default=())),
        fields=fields,
        legacy_fields=tuple(_field(item) for item in table.tables("legacy_fields")),
        shapes=tuple(_shape(item, fields[0].name) for item in table.tables("shapes")),
        create_url=check_url(table, "create_url", keys),
        revoke_url=check_url(table, "revoke_url", keys),
        docs_url=check_url(table, "docs_url", keys),
        expiry=_filled(table, "expiry"),
        rotation_days=table.number("rotation_days"),
        rotation_basis=table.text("rotation_basis", default=""),
        related=table.texts("related", default=()),
        confidence=table.choice("confidence", ("seen", "recalled")),
        recalled=table.texts("recalled", default=()),
        checksum=table.text("checksum", default=""),
        note=table.text("note", default=""),
        sources=table.texts("sources", default=()),
        yields_to=table.text("yields_to", default=""),
        imports=tuple(_import(item) for item in table.tables("import_from")),
        base=_base(table.table("base"), keys) if "base" in table else None,
        online={kind: read[kind] for kind in ONLINE if kind in read},
    )
    for kind in ONLINE:
        if kind in table:
            check_online(kind, table.table(kind), keys)
    table.done()
    _check_whole(table, provider)
    _check_recalled(table, provider.recalled, read)
    return provider


def _field(table: Table) -> ProviderField:
    field = ProviderField(
        variables=table.texts("variables"),
        also=table.texts("also", default=()),
        prompt=_filled(table, "prompt"),
        secret=table.flag("secret", default=True),
        optional=table.flag("optional", default=False),
        key=table.text("key", default="token"),
        is_file=table.choice("kind", ("text", "file"), default="text") == "file",
        note=table.text("note", default=""),
    )
    if not field.variables:
        raise table.error("variables", "is empty")
    _check_variables(table, "variables", (*field.variables, *field.also))
    table.done()
    return field


def _check_variables(table: Table, key: str, variables: tuple[str, ...]) -> None:
    for variable in variables:
        try:
            check_variable(variable)
        except CredmanError as error:
            raise table.error(key, error.message) from None


def _shape(table: Table, first_field: str) -> Shape:
    pattern = table.text("pattern")
    try:
        re.compile(pattern, re.ASCII)
    except re.error as error:
        raise table.error("pattern", f"is no regular expression: {error}") from None
    shape = Shape(
        name=_filled(table, "name"),
        pattern=pattern,
        kind=ShapeKind(table.choice("kind", tuple(k.value for k in ShapeKind))),
        field=table.text("field", default=first_field),
        is_part=table.flag("part", default=False),
        is_recalled=table.flag("recalled", default=False),
        checksum=table.choice("checksum", ("", *CHECKSUMS), default=""),
        has_advisory_checksum=table.flag("advisory", default=False),
        note=table.text("note", default=""),
    )
    table.done()
    return shape


def _base(table: Table, keys: list[str]) -> Base:
    base = Base(
        url=check_url(table, "url", ()),
        field=table.text("field", default=""),
        variables=table.texts("variables", default=()),
        suffix=table.text("suffix", default=""),
    )
    if base.field and base.field not in keys:
        raise table.error("field", f"names {base.field}, which is no field of the token")
    _check_variables(table, "variables", base.variables)
    table.done()
    return base


def _import(table: Table) -> dict[str, str]:
    found = {"path": _filled(table, "path"), "format": table.choice("format", IMPORT_FORMATS)}
    found |= {k: _filled(table, k) for k in ("key", "windows", "macos", "note") if k in table}
    table.done()
    return found


def _filled(table: Table, key: str) -> str:
    text = table.text(key)
    if not text.strip():
        raise table.error(key, "is empty")
    return text


def _check_recalled(table: Table, recalled: tuple[str, ...], read: dict[str, Any]) -> None:
    for path in recalled:
        found: Any = read
        for part in path.split("."):
            found = found.get(part) if isinstance(found, dict) else None
        if found is None:
            raise table.error("recalled", f"names {path}, which the file does not have")


def _check_whole(table: Table, provider: Provider) -> None:
    _check_variables(table, "related", provider.related)
    for alias in provider.aliases:
        try:
            check_name("provider", alias)
        except CredmanError as error:
            raise table.error("aliases", error.message) from None
    variables = [v for f in provider.fields for v in (*f.variables, *f.also)]
    if len({v.casefold() for v in variables}) < len(variables):
        raise table.error("fields", "name a variable twice")
    if len({f.key for f in provider.fields}) < len(provider.fields):
        raise table.error("fields", "name a key twice")
    if all(f.optional for f in provider.fields) or not any(f.secret for f in provider.fields):
        raise table.error("fields", "need one that is secret and one that is not optional")
    known = {*variables, *provider.related, *(f.name for f in provider.legacy_fields)}
    for index, shape in enumerate(provider.shapes):
        if shape.field not in known:
            raise table.error(f"shapes[{index}].field", "is no variable of this provider")
    if (provider.rotation_days is None) != (provider.rotation_basis == ""):
        raise table.error("rotation_days", "and rotation_basis stand together or not at all")
    if provider.rotation_days is not None and not 1 <= provider.rotation_days <= 3650:
        raise table.error("rotation_days", "must be from 1 to 3650")
