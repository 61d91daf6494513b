"""Makes tokens, documents and vaults; every call makes new ones.

Rule: key derivation is as cheap as the format allows, and values are plainly examples.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from credman.core.model import (
    Address,
    Contents,
    Environment,
    Exposure,
    Field,
    Finding,
    Liveness,
    Recipe,
    Rotation,
    Schedule,
    Stage,
    Token,
    TokenKey,
    Version,
    VersionState,
)
from credman.core.secret import Secret
from credman.vault import age, keys, slots
from credman.vault.container import SealedVault, parse_vault, seal_vault
from credman.vault.document import Ancestor, Document, Recipient, SlotLabel, render_document
from tests.vault import reference

WEAK = slots.Argon2Parameters(memory=19 * 1024, passes=2, lanes=1)
MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
PASSPHRASE = Secret("EXAMPLE passphrase")
VAULT_ID = "0123456789abcdef0123456789abcdef"
CANARY = "CANARY-do-not-show"


def make_contents(values: Mapping[str, bytes]) -> Contents:
    """Args: values: the value of each token, by variable; the token's name is the same."""
    tokens = []
    held: dict[Address, Secret] = {}
    for name, value in values.items():
        key = TokenKey("default", "default", name)
        version = Version(1, VersionState.CURRENT, MOMENT, (name,))
        tokens.append(Token(key, (Field(name, (name,)),), (version,)))
        held[Address(key, 1, name)] = Secret.from_bytes(value)
    return Contents((), tuple(tokens), held)


def make_document(**changes: Any) -> Document:
    """Returns: a document with one token and no slots."""
    document = Document(
        identity=os.urandom(32),
        vault_id=VAULT_ID,
        generation=1,
        written_at=MOMENT,
        contents=make_contents({"EXAMPLE": b"EXAMPLE"}),
        next_slot=0,
    )
    return replace(document, **changes)


def make_full_document() -> Document:
    """Returns: a document that uses every field, and has one unknown field at every level."""
    key = TokenKey("prod", "work", "example")
    extra: Mapping[str, object] = {"newer": [1, None, {"deep": True}, 0.5, "\u20ac"]}
    finding = Finding(Liveness.LIVE, MOMENT, "alice", "user-7", "read, write", extra)
    exposure = Exposure(MOMENT, MOMENT, 3, ("/home/alice/a.json", "/home/alice/\udcff b"), extra)
    versions = tuple(
        Version(
            number,
            state,
            MOMENT,
            ("EXAMPLE_ID", "EXAMPLE_KEY"),
            extra,
            expires_at=MOMENT,
            retiring_at=MOMENT,
            grace="7d",
            ended_at=MOMENT,
            ended_by="alice, at its page",
            ids={"id": "17"},
            finding=finding,
            exposure=exposure,
        )
        for number, state in enumerate(VersionState, start=1)
    )
    staged = next(v.number for v in versions if v.state is VersionState.STAGED)
    values = {
        Address(key, version.number, name): Secret(f"EXAMPLE {version.number} {name}")
        for version in versions
        for name in version.fields
    }
    token = Token(
        key=key,
        fields=(
            Field("EXAMPLE_ID", ("EXAMPLE_ID", "OTHER_ID"), False, extra),
            Field("EXAMPLE_KEY", ("EXAMPLE_KEY",), True, extra),
        ),
        versions=versions,
        provider="example",
        note="a note\nof two lines",
        schedule=Schedule("90d", MOMENT, ("14d", "2w"), "7d", extra),
        unsure=True,
        extra=extra,
        rotation=Rotation(staged, Stage.ANSWERED, True, MOMENT, "2w", extra),
        recipe=Recipe("printenv 'EXAMPLE KEY'", 3000, True, extra),
    )
    return make_document(
        generation=7,
        contents=Contents(
            (Environment("prod", True, extra), Environment("dev", False, extra)), (token,), values
        ),
        next_slot=3,
        recipients=(Recipient(make_recipient(), "recovery", MOMENT, extra),),
        slots=(SlotLabel(0, "passphrase", MOMENT, extra),),
        history=(Ancestor(5, "0" * 64), Ancestor(6, "f" * 64)),
        extra=extra,
    )


def make_recipient() -> str:
    return keys.render_recipient(age.public_key(os.urandom(32)))


def make_slot(document: Document, number: int = 0, passphrase: Secret = PASSPHRASE) -> age.Stanza:
    return slots.wrap_passphrase(
        document.identity,
        passphrase,
        vault_id=document.vault_id,
        number=number,
        parameters=WEAK,
    )


@dataclass(frozen=True)
class Made:
    """A vault and every secret that opens it."""

    file: bytes
    document: Document
    recovery: bytes
    passphrases: tuple[Secret, ...]

    @property
    def sealed(self) -> SealedVault:
        return parse_vault(self.file)


def make_vault(passphrases: Sequence[Secret] = (PASSPHRASE,), **changes: Any) -> Made:
    """Returns: a vault with a recovery recipient and a slot for each passphrase."""
    recovery = os.urandom(32)
    public = keys.render_recipient(age.public_key(recovery))
    defaults: dict[str, Any] = {
        "recipients": (Recipient(public, "recovery", MOMENT),),
        "slots": tuple(SlotLabel(n, "passphrase", MOMENT) for n in range(len(passphrases))),
        "next_slot": len(passphrases),
    }
    document = make_document(**(defaults | changes))
    stanzas = [make_slot(document, n, secret) for n, secret in enumerate(passphrases)]
    return Made(seal_vault(document, stanzas), document, recovery, tuple(passphrases))


def to_json(document: Document) -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(render_document(document))
    return parsed


def reseal(document: Document, line: bytes, **changes: Any) -> SealedVault:
    """Returns: a vault with a true ``auth`` over any line, as an owner could write it."""
    entropy = reference.Entropy(os.urandom(16).hex())
    return parse_vault(reference.seal_line(entropy, document.identity, line, **changes))


def unlock(sealed: SealedVault, passphrase: Secret) -> bytes | None:
    """Returns: the vault identity, or None if the passphrase opens no slot."""
    found = sealed.find_slot(passphrase)
    return None if found is None else found[1]
