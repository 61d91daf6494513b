"""What all of these use: whose token it is, its values as its provider calls them, who is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from credman.core.errors import Refused, UsageError
from credman.core.model import Address, Field, Finding, Liveness, Token, TokenKey, Version
from credman.core.paths import Paths, make_private_directory
from credman.core.secret import Secret
from credman.providers.asking import Asker
from credman.providers.catalogue import Catalogue, Provider, ProviderField
from credman.providers.client import Answer, Client, NoAnswer, Request
from credman.providers.places import check_url
from credman.providers.verdicts import Verdict, utc_now
from credman.session import Session
from credman.stores import disk


class Person(Protocol):
    """Whoever is told, and asked."""

    def note(self, text: str) -> None:
        """One line."""

    def warn(self, text: str) -> None: ...

    def confirm(self, question: str) -> bool:
        """Raises: Refused: nobody is there to say yes."""

    def open_page(self, url: str) -> None:
        """Opens it in a browser, if there is one."""

    def uninterrupted(self) -> AbstractContextManager[None]:
        """Within it nothing that a person presses ends the work."""

    def is_attended(self) -> bool:
        """Whether somebody is there to answer."""


class _Nobody:
    """Stands for a client where nothing is sent."""

    def send(self, request: Request) -> Answer:
        raise NoAnswer("nothing is sent", is_sent=False)


@dataclass(frozen=True, slots=True)
class Providers:
    """Args:
    catalogue: who issues tokens.
    client: None: nobody is asked, for the reason in ``why_not``.
    environ: of the caller, for variables such as ``HF_ENDPOINT``.
    tell: is told when one of these sends a token elsewhere.
    """

    catalogue: Catalogue
    client: Client | None
    environ: Mapping[str, str]
    why_not: str = ""
    tell: Callable[[str], None] = lambda text: None

    def find(self, token: Token) -> Provider | None:
        return None if token.provider is None else self.catalogue.find(token.provider)

    def ask(
        self,
        provider: Provider | None,
        fields: Sequence[Field],
        values: Mapping[str, Secret],
        known: Finding | None = None,
    ) -> Verdict:
        """Args:
            values: by field name.
            known: what was said of them before.

        Returns:
            What the provider says of them.
        """
        if provider is None:
            return Verdict(Liveness.UNKNOWN, "nobody knows whom to ask", is_final=True)
        keyed = key_values(provider, fields, values)
        wrong = "its checksum is wrong; " if has_wrong_checksum(provider, fields, values) else ""
        if self.client is None:
            return Verdict(Liveness.UNKNOWN, f"{wrong}{self.why_not}")
        self.tell_place(provider, keyed)
        asker = Asker(provider, self.client, self.environ)
        place, by = asker.find_place(keyed)
        verdict = replace(asker.verify(keyed), place=place)
        if verdict.liveness is Liveness.LIVE:
            return verdict
        was_live = known is not None and known.liveness is Liveness.LIVE
        if verdict.liveness is Liveness.DEAD and was_live and known and known.place != place:
            # Another instance of the service does not know it, which says nothing.
            there = known.place or provider.title
            return Verdict(Liveness.UNKNOWN, f"asked elsewhere: it was live at {there}")
        is_known = known is not None and known.place == place
        return replace(
            verdict,
            reason=f"{wrong}{verdict.reason}",
            is_doubtful=verdict.liveness is Liveness.DEAD and by.isupper() and not is_known,
        )

    def find_page(
        self,
        provider: Provider | None,
        which: Literal["create", "revoke"],
        keyed: Mapping[str, Secret],
    ) -> str:
        """Args:
            which: the page where tokens are made, or ended.
            keyed: the token's values, as its provider calls them.

        Returns:
            Its URL; empty if there is none.
        """
        if provider is None:
            return ""
        url = provider.create_url if which == "create" else provider.revoke_url
        place, _ = Asker(provider, _Nobody(), self.environ).find_place(keyed)
        if not is_allowed(place):
            place = ""
        if place and provider.base is not None and url.startswith(provider.base.url):
            url = place + url.removeprefix(provider.base.url)
        return "" if "{" in url else url

    def check_place(
        self, provider: Provider, keyed: Mapping[str, Secret], known: Finding | None
    ) -> None:
        """Raises: Refused: a variable of the environment would send the token elsewhere than where
        it was live."""
        place, by = Asker(provider, _Nobody(), self.environ).find_place(keyed)
        if known is not None and known.liveness is Liveness.LIVE and known.place != place:
            here = f"{by} says otherwise" if by else f"{provider.title}'s own place is another"
            raise Refused(
                f"it was live at {known.place or provider.title}, and {here}",
                hint="nothing was sent",
            )

    def tell_place(self, provider: Provider, keyed: Mapping[str, Secret]) -> None:
        """Says so, once, where a variable of the environment sends the token elsewhere."""
        place, by = Asker(provider, _Nobody(), self.environ).find_place(keyed)
        if place and by.isupper() and is_allowed(place):
            self.tell(f"{provider.title} is asked at {place} ({by})")

    def asker(self, provider: Provider) -> Asker | None:
        return None if self.client is None else Asker(provider, self.client, self.environ)


def is_allowed(url: str) -> bool:
    """Whether a token may be sent there; what may not is not repeated either."""
    try:
        check_url(url)
    except UsageError:
        return False
    return True


def key_values(
    provider: Provider, fields: Sequence[Field], values: Mapping[str, Secret]
) -> dict[str, Secret]:
    """Returns: the values by what the provider's file calls them; those it does not know are left
    out."""
    found: dict[str, Secret] = {}
    for field in fields:
        known = find_provider_field(provider, field, fields)
        if known is not None and field.name in values:
            found[known.key] = values[field.name]
    return found


def unkey_values(
    provider: Provider, fields: Sequence[Field], keyed: Mapping[str, Secret]
) -> dict[str, Secret]:
    """The reverse of ``key_values``."""
    found: dict[str, Secret] = {}
    for field in fields:
        known = find_provider_field(provider, field, fields)
        if known is not None and known.key in keyed:
            found[field.name] = keyed[known.key]
    return found


def find_provider_field(
    provider: Provider, field: Field, fields: Iterable[Field]
) -> ProviderField | None:
    """Returns: which of the provider's fields a token's field is."""
    for variable in field.variables:
        if (known := provider.find_field(variable)) is not None:
            return known
    # A token may carry its value under a variable of its own.
    unknown = [f for f in fields if not any(provider.find_field(v) for v in f.variables)]
    return provider.main_field if unknown == [field] else None


def has_wrong_checksum(
    provider: Provider, fields: Sequence[Field], values: Mapping[str, Secret]
) -> bool:
    """Whether a part was mistyped or cut off, as far as its checksum proves it."""
    for field in fields:
        known = find_provider_field(provider, field, fields)
        value = values.get(field.name)
        if known is None or value is None:
            continue
        shape = provider.find_shape(known.name, value)
        if shape and not shape.has_advisory_checksum and shape.has_wrong_checksum(value):
            return True
    return False


def find_values(session: Session, token: Token, version: Version) -> dict[str, Secret]:
    """Returns: the values of a version, by field name."""
    addresses = {name: Address(token.key, version.number, name) for name in version.fields}
    found = session.store.reveal(addresses.values())
    return {name: found[address] for name, address in addresses.items()}


def make_finding(verdict: Verdict) -> Finding | None:
    """Returns: what is remembered of a verdict; None: it says nothing."""
    if verdict.liveness is Liveness.UNKNOWN or verdict.is_doubtful:
        return None
    return Finding(
        verdict.liveness,
        utc_now(),
        verdict.identity,
        verdict.account,
        verdict.scopes,
        place=verdict.place,
    )


def find_same(
    session: Session, token: Token, number: int, values: Mapping[str, Secret]
) -> list[tuple[Token, Version]]:
    """Args:
        number: of the version of ``token`` that has the values.
        values: by field name.

    Returns:
        The versions of other tokens, and other versions of this one, whose secret value is one of
        these.
    """
    secret = {values[f.name] for f in token.fields if f.secret and f.name in values}
    places = {
        Address(other.key, version.number, name): (other, version)
        for other in session.snapshot().tokens
        for version in other.versions
        if (other.key, version.number) != (token.key, number)
        for name in version.fields
        if name in {f.name for f in other.fields if f.secret}
    }
    found: dict[tuple[TokenKey, int], tuple[Token, Version]] = {}
    for address, value in session.store.reveal(places).items():
        if value in secret:
            other, version = places[address]
            found[other.key, version.number] = (other, version)
    return list(found.values())


def describe(verdict: Verdict) -> str:
    """Returns: ``live: alice, role write, expires 2026-12-11``."""
    parts = [verdict.identity, verdict.scopes, verdict.reason]
    if verdict.expires_at is not None:
        parts.append(f"expires {verdict.expires_at.date().isoformat()}")
    said = ", ".join(part for part in parts if part)
    return f"{verdict.liveness.value}{': ' if said else ''}{said}"


def hold(
    paths: Paths, store_url: str, key: TokenKey, *, seconds: float
) -> AbstractContextManager[None]:
    """Keeps everybody else from changing the same token with its provider's help.

    Args:
        seconds: how long to wait for whoever does so now.

    Raises:
        LockTimeout
    """
    import hashlib

    # A digest: the name of a lock is no place for the name of a token.
    text = "\0".join((store_url, *key.folded()))
    name = hashlib.sha256(os.fsencode(text)).hexdigest()[:32]
    directory = os.path.join(paths.state, "locks")
    make_private_directory(directory)
    return disk.locked(os.path.join(directory, f"{name}.lock"), what=key.name, seconds=seconds)


Waiting = Callable[[float], None]
"""Waits so many seconds."""
