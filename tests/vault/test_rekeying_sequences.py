"""Any sequence of changes ends in a vault that exactly the expected secrets open."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from credman.core.errors import NoMatch, Refused
from credman.core.keyslots import NewPassphrase, NewRecovery, SlotChange
from credman.core.secret import Secret
from credman.vault import age, keys, slots
from credman.vault.container import SealedVault, parse_vault, seal_vault
from credman.vault.document import Document
from credman.vault.rekeying import change_slots, find_recovery_slot
from tests.vault.factories import MOMENT, PASSPHRASE, make_vault

NAMES = ("one", "two", "three", "four")
STEPS = st.lists(
    st.tuples(
        st.sampled_from(("add", "add recovery", "remove", "remove recovery", "renew")),
        st.integers(0, 9),
    ),
    max_size=5,
)


@settings(
    max_examples=25, deadline=None, database=None, derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
@given(STEPS)
def test_exactly_those_who_should_open_it(steps: list[tuple[str, int]]) -> None:
    made = make_vault()
    document, sealed, shut_out = made.document, made.sealed, [os.urandom(32)]
    held = {"0": PASSPHRASE}
    recoveries = [made.recovery]
    for step, choice in steps:
        add: tuple[NewPassphrase | NewRecovery, ...] = ()
        gone: set[str] = set()
        if step == "add":
            add = (NewPassphrase(Secret(f"EXAMPLE {NAMES[choice % 4]} {document.next_slot}")),)
        elif step == "add recovery":
            add = (NewRecovery(os.urandom(32)),)
        elif step == "remove":
            gone = {sorted(held)[choice % len(held)]}
        elif step == "remove recovery" and recoveries:
            gone = {find_recovery_slot(recoveries[choice % len(recoveries)], document)[0]}
        secrets = {slot: secret for slot, secret in held.items() if slot not in gone}
        change = SlotChange(add, frozenset(gone), secrets)
        if not secrets:
            with pytest.raises(Refused):
                change_slots(sealed, document, change, now=MOMENT)
            continue
        former, sole = document, None
        if step == "renew" and recoveries:
            sole = _public(recoveries[choice % len(recoveries)])
        keyed = change_slots(sealed, document, change, now=MOMENT, sole_recipient=sole)
        document, sealed = keyed.document, parse_vault(seal_vault(keyed.document, keyed.stanzas))
        if gone or sole is not None:
            shut_out.append(former.identity)
            shut_out += [r for r in recoveries if not _is_named(r, document)]
            recoveries = [r for r in recoveries if _is_named(r, document)]
        held = secrets
        for item in add:
            if isinstance(item, NewRecovery):
                recoveries.append(item.identity)
            else:
                held[str(former.next_slot)] = item.passphrase
    check_openers(sealed, document, held, recoveries, shut_out)


def _is_named(recovery: bytes, document: Document) -> bool:
    return _public(recovery) in {r.public_key for r in document.recipients}


def _public(recovery: bytes) -> str:
    return keys.render_recipient(age.public_key(recovery))


def check_openers(
    sealed: SealedVault,
    document: Document,
    held: dict[str, Secret],
    recoveries: list[bytes],
    shut_out: list[bytes],
) -> None:
    assert {str(slot.number) for slot in sealed.slots} == held.keys()
    for slot in sealed.slots:
        assert slots.unwrap_passphrase(slot, held[str(slot.number)]) == document.identity
    assert all(sealed.open_with_recovery(r) == document for r in recoveries)
    assert len(recoveries) == len(document.recipients)
    for stranger in shut_out:
        for find in (sealed.open, sealed.open_with_recovery):
            with pytest.raises(NoMatch):
                find(stranger)
