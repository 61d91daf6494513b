"""Items of the operating system's keyring that hold values: their names and their form.

Rule: what lies at a name is never written over by a value. Some keyrings replace an item by taking
it away first, and what was there may be somebody else's.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import time
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from credman.core.errors import LockTimeout, PayloadDamaged, Unavailable
from credman.core.model import TokenKey
from credman.core.secret import Secret
from credman.oskeyring.client import KeyringUnavailable, OsKeyring, Situation
from credman.stores.base import Unlocker
from credman.vault.records import Record, load_strict
from credman.vault.tokens import read_value, value_to_json

TEXT, BASE64, FIELDS = "text", "base64", "fields"
_SERVICE = "credman:"
_POLL_SECONDS = 0.02
_HINTS = {
    Situation.ABSENT: "these tokens are to be had where the keyring is: in the desktop's session",
    Situation.LOCKED: "unlock it in the desktop's session, and run the command again",
    Situation.DISMISSED: "run the command again and answer it",
    Situation.SILENT: "a window of its own may be waiting for an answer",
    Situation.FAILED: "credman doctor probes it",
}
_T = TypeVar("_T")
Name = tuple[str, str]
"""Service and user of an item, as the keyring's own tools call them."""


@dataclass(frozen=True, slots=True)
class Item:
    """Where the values of one version of a token lie.

    Args:
        service, user: as the keyring's own tools call it.
        form: ``text``: the value itself; ``base64``: its bytes; ``fields``: a JSON object of them.
        parts: how many items it was split into, ``USER.1`` and so on; 0: it is one.
        sha256: of what is stored, hex.
    """

    service: str
    user: str
    form: str
    parts: int
    sha256: str

    @property
    def names(self) -> tuple[Name, ...]:
        """The items of the keyring that it consists of."""
        return name_parts(self.service, self.user, self.parts)


class Ring:
    """The keyring that a store uses, with hints that fit one. Args: unlocker: knows which it is."""

    def __init__(self, unlocker: Unlocker) -> None:
        self._unlocker = unlocker
        self._ring: OsKeyring | None = None

    @property
    def title(self) -> str:
        """What people call it."""
        return self._open().title

    @property
    def backend(self) -> str:
        """Its class, with its module."""
        return self._open().backend

    @property
    def max_characters(self) -> int:
        """How many UTF-16 code units an item can hold."""
        return self._open().max_characters

    def get(self, name: Name) -> Secret | None:
        """Raises: KeyringUnavailable"""
        return self._hinted(lambda: self._open().get(*name))

    def set(self, name: Name, value: Secret) -> None:
        """Stores it and reads it back. Raises: KeyringUnavailable"""
        self._hinted(lambda: self._open().set(*name, value))

    def delete(self, name: Name) -> bool:
        """Returns: whether there was such an item. Raises: KeyringUnavailable"""
        return self._hinted(lambda: self._open().delete(*name))

    @contextmanager
    def taken(self, name: str, *, seconds: float) -> Iterator[None]:
        """Has a name of the keyring's for itself, where it knows such names.

        Args:
            seconds: how long to wait for it.

        Raises:
            LockTimeout: another process has it for longer than that.
            KeyringUnavailable
        """
        deadline = time.monotonic() + seconds
        while self._hinted(lambda: self._open().take(name)) is False:
            if time.monotonic() > deadline:
                raise LockTimeout(
                    f"the keyring store is locked by another process, which did not finish within "
                    f"{seconds:g} s",
                    hint="nothing was changed; try again, or see what that process is doing",
                )
            time.sleep(_POLL_SECONDS)
        try:
            yield
        finally:
            try:
                self._open().give(name)
            except KeyringUnavailable:
                self._open().close()  # it goes with the process

    def _open(self) -> OsKeyring:
        if self._ring is None:
            ring = self._hinted(self._unlocker.keyring)
            if ring is None:
                raise Unavailable(
                    "the keyring is switched off in the configuration",
                    hint='take the line keyring = "off" out of it',
                )
            self._ring = ring
            weakref.finalize(self, ring.close)  # nobody closes a store
        return self._ring

    def _hinted(self, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except KeyringUnavailable as error:
            error.hint = _HINTS[error.situation]
            raise


def service_of(key: TokenKey) -> str:
    """Returns: the service under which the versions of a token lie."""
    return f"{_SERVICE}{key.environment}/{key.profile}"


def is_value(name: Name) -> bool:
    """Whether an item of this name is one that holds a value."""
    service, user = name
    return service.startswith(_SERVICE) and "/" in service and "#" in user


def name_parts(service: str, user: str, parts: int) -> tuple[Name, ...]:
    """Returns: the items of something that was split so; ``parts`` 0: it was not."""
    if not parts:
        return ((service, user),)
    return tuple((service, f"{user}.{number}") for number in range(1, parts + 1))


def split(text: Secret, limit: int) -> tuple[Secret, ...]:
    """Args: text: ASCII. Returns: pieces of at most ``limit`` characters."""
    pieces = (text[at : at + limit] for at in range(0, len(text), limit))
    return tuple(map(Secret, pieces)) or (Secret(),)


def encode(values: Mapping[str, Secret], limit: int) -> tuple[str, Secret]:
    """Args:
        values: of one version, by field.
        limit: how many UTF-16 code units an item can hold.

    Returns:
        The form and the text to store: the value itself wherever that can be.
    """
    if len(values) != 1 or "" in values.values():
        fields = {name: value_to_json(value) for name, value in values.items()}
        return FIELDS, Secret(json.dumps(fields, separators=(",", ":")))
    (value,) = values.values()
    data = value.to_bytes()
    try:
        text = Secret(data.decode("utf-8"))
    except UnicodeDecodeError:
        return BASE64, Secret(base64.b64encode(data).decode("ascii"))
    if not text.isascii() and len(text.encode("utf-16-le")) // 2 > limit:
        return BASE64, Secret(base64.b64encode(data).decode("ascii"))
    return TEXT, text


def decode(item: Item, text: Secret, fields: Sequence[str], hint: str = "") -> dict[str, Secret]:
    """Args:
        item: as the index describes it.
        text: what lies in the keyring, its parts joined.
        fields: of the version.
        hint: what to do if it is not what was stored.

    Raises:
        PayloadDamaged: it is not what was stored.
    """
    try:
        return _decode(item, text, fields)
    except (ValueError, KeyError, TypeError, RecursionError, binascii.Error):
        pass
    # Raised out here: what read it holds it in clear.
    raise PayloadDamaged(
        f"the item {item.user} of {item.service} in the keyring is not what credman stored",
        hint=hint,
    )


def _decode(item: Item, text: Secret, fields: Sequence[str]) -> dict[str, Secret]:
    if digest(text) != item.sha256:
        raise ValueError
    if item.form == FIELDS:
        record = Record(load_strict(text.encode("ascii")))
        found = {name: read_value(record.extra[name]) for name in fields}
        if set(record.extra) != set(found):
            raise ValueError
        return found
    (name,) = fields
    is_text = item.form == TEXT
    data = text.encode("utf-8") if is_text else base64.b64decode(text, validate=True)
    return {name: Secret.from_bytes(data)}


def digest(text: str) -> str:
    """Returns: SHA-256 of it, hex."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def read_item(ring: Ring, item: Item) -> Secret | None:
    """Returns: what is stored there, its parts joined; None if one of them is gone.

    Raises:
        KeyringUnavailable
    """
    found: list[Secret] = []
    for name in item.names:
        part = ring.get(name)
        if part is None:
            return None
        found.append(part)
    return Secret("".join(found))
