"""Vaults whose one token is the canary, truly sealed around parts that no credman would write."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace

from credman.core.errors import Locked, VaultDamaged
from credman.core.secret import Secret
from credman.vault import age, slots
from credman.vault.container import parse_vault
from credman.vault.document import Document, SlotLabel, render_document
from tests.matrix.common import CANARY, PASSPHRASE, call, plant, vault_path
from tests.vault import reference
from tests.vault.factories import MOMENT, Made, make_contents, make_document, make_vault

REFUSALS = (VaultDamaged, Locked)
OTHER = "another " + PASSPHRASE
WEAK = b"m=19456,t=2,p=1"


def make_canary_vault(*passphrases: str) -> Made:
    given = [Secret(text) for text in passphrases or (PASSPHRASE,)]
    return make_vault(given, contents=make_contents({"CANARY": CANARY.encode()}))


def make_canary_document(slot_count: int = 1) -> Document:
    return make_document(
        contents=make_contents({"CANARY": CANARY.encode()}),
        slots=tuple(SlotLabel(number, "passphrase", MOMENT) for number in range(slot_count)),
        next_slot=slot_count,
    )


def seal_slots(document: Document, stanzas: Sequence[reference.Stanza], line: bytes = b"") -> bytes:
    """Args: line: the document line in its place, without padding.

    Returns:
        A vault with a true MAC and a true ``auth``, whatever its slots and its line are.
    """
    padded = reference.pad(line or render_document(document))
    entropy = reference.Entropy(os.urandom(16).hex())
    return reference.seal_line(entropy, document.identity, padded, slots=stanzas)


def make_slot(
    document: Document, number: int = 0, cost: tuple[int, int, int] = reference.COST
) -> reference.Stanza:
    """A slot that ``PASSPHRASE`` and a number open."""
    passphrase = PASSPHRASE if number == 0 else f"{PASSPHRASE}{number}"
    return reference.slot_stanza(
        document.identity,
        passphrase,
        vault_id=document.vault_id,
        number=number,
        salt=os.urandom(slots.SALT_BYTES),
        cost=cost,
    )


def with_stanzas(file: bytes, identity: bytes, stanzas: Sequence[age.Stanza]) -> bytes:
    """The vault with other stanzas and a true MAC over them, as whoever has its file key writes."""
    header = parse_vault(file).header
    file_key = age.unwrap_x25519(header.stanzas[0], identity)
    assert file_key is not None
    return age.render_header(stanzas, file_key) + file[header.size :]


def plant_values(values: Mapping[str, bytes]) -> None:
    """This test's vault, with a token for each variable."""
    document = replace(make_canary_document(), contents=make_contents(values))
    plant(seal_slots(document, [make_slot(document)]))


def exit_code_of(file: bytes, *argv: str, passphrase: str = PASSPHRASE) -> int | None:
    """What a command says to such a vault. A refusal changes no byte of it, and leaves no other."""
    plant(file)
    outcome = call(*(argv or ("list",)), passphrase=passphrase)
    assert vault_path().read_bytes() == file
    assert [path.name for path in vault_path().parent.iterdir() if path.suffix == ".tmp"] == []
    said = any(line.startswith("credman: error: ") for line in outcome.stderr.splitlines())
    assert bool(outcome.exit_code) == said
    return outcome.exit_code
