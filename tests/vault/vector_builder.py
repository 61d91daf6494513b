"""What a vector of ``tests/vault/vectors`` is made of. Every byte follows from its name."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any

from tests.vault import reference
from tests.vault.reference import Entropy, Stanza

PASSPHRASE = "EXAMPLE passphrase"
SECOND = "EXAMPLE second passphrase"
MOMENT = "2026-01-02T03:04:05Z"


@dataclass
class Case:
    """A vault in the making; whatever is set stands in the file."""

    name: str
    entropy: Entropy = field(init=False)
    identity: bytes = field(init=False)
    recovery: bytes = field(init=False)
    vault_id: str = field(init=False)
    document: dict[str, Any] = field(init=False)
    slots: list[Stanza] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.entropy = Entropy(f"credman vector {self.name}")
        self.identity = self.entropy.take(32)
        self.recovery = self.entropy.take(32)
        self.vault_id = self.entropy.take(16).hex()
        self.document = {
            "identity": reference.identity_text(self.identity),
            "vault": self.vault_id,
            "generation": 1,
            "written_at": MOMENT,
            "history": [],
            "recipients": [self._recipient()],
            "slots": [],
            "next_slot": 0,
            "environments": [],
            "tokens": [make_token()],
        }

    def _recipient(self) -> dict[str, Any]:
        public = reference.recipient_text(reference.public_key(self.recovery))
        return {"key": public, "label": "recovery", "created_at": MOMENT}

    def add_slot(self, passphrase: str = PASSPHRASE, **options: Any) -> Case:
        number = self.document["next_slot"]
        options = {"vault_id": self.vault_id, "number": number} | options
        salt = self.entropy.take(16)
        self.slots.append(reference.slot_stanza(self.identity, passphrase, salt=salt, **options))
        label = {"slot": number, "label": "passphrase", "created_at": MOMENT}
        self.document["slots"].append(label)
        self.document["next_slot"] = number + 1
        return self

    @property
    def line(self) -> bytes:
        return reference.pad(reference.render_json(self.document))

    def seal(
        self, line: bytes | None = None, *, version: int = 1, auth_identity: bytes | None = None
    ) -> bytes:
        return reference.seal_line(
            self.entropy,
            self.identity,
            self.line if line is None else line,
            recipients=[reference.public_key(self.recovery)],
            slots=self.slots,
            version=version,
            auth_identity=auth_identity,
        )

    def head(self, stanzas: list[Stanza], file_key: bytes) -> bytes:
        """Returns: a header for this vault's owners with other stanzas behind theirs."""
        owners = [reference.public_key(key) for key in (self.identity, self.recovery)]
        native = [
            reference.x25519_stanza(file_key, owner, self.entropy.take(32)) for owner in owners
        ]
        return reference.render_header([*native, *stanzas], file_key)


@dataclass(frozen=True)
class Vector:
    """Args: expect: ``success`` or the kind of the error.
    access: what opens it: ``passphrase``, ``identity`` or ``recovery``, and the text.
    payload: what a success must give, whole.
    """

    name: str
    expect: str
    access: tuple[str, str]
    comment: str
    file: bytes
    payload: bytes | None = None

    def render(self) -> bytes:
        lines = [f"expect: {self.expect}"]
        if self.payload is not None:
            lines.append(f"payload: {hashlib.sha256(self.payload).hexdigest()}")
        lines += [f"{self.access[0]}: {self.access[1]}", f"comment: {self.comment}", "", ""]
        return "\n".join(lines).encode() + self.file


def make_token() -> dict[str, Any]:
    return {
        "name": "example",
        "environment": "default",
        "profile": "default",
        "provider": None,
        "note": "",
        "fields": [{"name": "EXAMPLE", "variables": ["EXAMPLE"], "secret": True}],
        "versions": [
            {
                "number": 1,
                "state": "current",
                "created_at": MOMENT,
                "values": {"EXAMPLE": "EXAMPLE"},
            }
        ],
        "schedule": {
            "rotate_every": None,
            "expires_at": None,
            "remind_before": [],
            "grace": None,
        },
    }


def payload_of(case: Case, file: bytes, line: bytes) -> bytes:
    header = file[: file.index(b"\n", file.index(b"\n--- ") + 1) + 1]
    auth = reference.compute_auth(case.identity, header, line)
    return f'{{"credman":1,"auth":"{auth}"}}\n'.encode() + line


def with_passphrase(passphrase: str = PASSPHRASE) -> tuple[str, str]:
    return "passphrase", passphrase


def with_identity(case: Case) -> tuple[str, str]:
    return "identity", reference.identity_text(case.identity)


def with_recovery(case: Case) -> tuple[str, str]:
    return "recovery", reference.identity_text(case.recovery)


def succeed(case: Case, access: tuple[str, str], comment: str, line: bytes | None = None) -> Vector:
    line = case.line if line is None else line
    file = case.seal(line)
    return Vector(case.name, "success", access, comment, file, payload_of(case, file, line))
