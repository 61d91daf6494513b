"""Changing who can open a vault: whoever is shut out opens nothing that is written afterwards."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace

import pytest

from credman.core.errors import NoMatch, NotFound, Refused, WrongPassphrase
from credman.core.keyslots import NewPassphrase, NewRecovery, SlotChange, SlotKind
from credman.core.secret import Secret
from credman.vault import age, keys
from credman.vault.container import SealedVault, parse_vault, seal_vault
from credman.vault.document import Recipient, SlotLabel
from credman.vault.rekeying import (
    Keyed,
    change_slots,
    find_recovery_slot,
    list_slots,
    make_document,
)
from tests.vault.factories import MOMENT, PASSPHRASE, VAULT_ID, Made, make_vault, unlock

SECOND = Secret("EXAMPLE second")
THIRD = Secret("EXAMPLE third")
NEWER = "credman.dev/newer/v1"


def renew(
    made: Made, change: SlotChange, *, sole_recipient: str | None = None
) -> tuple[Keyed, SealedVault]:
    """Returns: the vault after a change, and what it is as a file."""
    keyed = change_slots(
        made.sealed, made.document, change, now=MOMENT, sole_recipient=sole_recipient
    )
    return keyed, parse_vault(seal_vault(keyed.document, keyed.stanzas))


def public(recovery: bytes) -> str:
    return keys.render_recipient(age.public_key(recovery))


def find_openers(sealed: SealedVault, *passphrases: Secret) -> set[str]:
    """Returns: those of the passphrases that open the vault to its end."""
    opened = set()
    for passphrase in passphrases:
        identity = unlock(sealed, passphrase)
        if identity is not None:
            sealed.open(identity)
            opened.add(str(passphrase))
    return opened


def opens_with(sealed: SealedVault, recovery: bytes) -> bool:
    try:
        sealed.open_with_recovery(recovery)
    except NoMatch:
        return False
    return True


def make_vault_with_newer_slot() -> Made:
    """Returns: a vault that a newer credman gave a slot 1 of a kind unknown here."""
    made = make_vault()
    args = (made.document.vault_id, "1", age.encode_base64(os.urandom(16)), "whatever")
    label = SlotLabel(1, "phone", MOMENT)
    document = replace(made.document, slots=(*made.document.slots, label), next_slot=2)
    stanzas = [*(slot.stanza for slot in made.sealed.slots), age.Stanza(NEWER, args, b"newer")]
    return replace(made, document=document, file=seal_vault(document, stanzas))


def label_recipients(made: Made, *labels: str) -> Made:
    """Returns: the same with a new recipient for each label beside the one there is."""
    added = tuple(Recipient(public(os.urandom(32)), label, MOMENT) for label in labels)
    document = replace(made.document, recipients=(*made.document.recipients, *added))
    stanzas = [slot.stanza for slot in made.sealed.slots]
    return replace(made, document=document, file=seal_vault(document, stanzas))


def test_what_is_removed_opens_the_older_file_only() -> None:
    made = make_vault((PASSPHRASE, SECOND))
    keyed, sealed = renew(made, SlotChange(remove=frozenset({"1"}), secrets={"0": PASSPHRASE}))
    assert keyed.document.identity != made.document.identity
    assert find_openers(sealed, PASSPHRASE, SECOND) == {PASSPHRASE}
    assert find_openers(made.sealed, SECOND) == {SECOND}
    with pytest.raises(NoMatch):
        sealed.open(made.document.identity)
    assert opens_with(sealed, made.recovery)


def test_a_removed_recovery_key_opens_the_older_file_only() -> None:
    made, recovery = make_vault(), os.urandom(32)
    change = SlotChange(
        add=(NewRecovery(recovery),),
        remove=frozenset({"recovery"}),
        secrets={"0": PASSPHRASE},
    )
    _, sealed = renew(made, change)
    assert not opens_with(sealed, made.recovery) and opens_with(sealed, recovery)
    assert opens_with(made.sealed, made.recovery)


def test_a_wrapped_slot_of_before_opens_nothing_even_put_back() -> None:
    made = make_vault((PASSPHRASE, SECOND))
    removed = made.sealed.slots[1].stanza
    keyed, _ = renew(made, SlotChange(remove=frozenset({"1"}), secrets={"0": PASSPHRASE}))
    document = replace(keyed.document, slots=made.document.slots)
    sealed = parse_vault(seal_vault(document, [*keyed.stanzas, removed]))
    identity = unlock(sealed, SECOND)
    assert identity == made.document.identity
    with pytest.raises(NoMatch):
        sealed.open(identity)


def test_survivors_keep_number_and_label_and_get_a_fresh_salt() -> None:
    made = make_vault((PASSPHRASE, SECOND, THIRD))
    change = SlotChange(remove=frozenset({"1"}), secrets={"0": PASSPHRASE, "2": THIRD})
    keyed, sealed = renew(made, change)
    assert keyed.document.slots == (made.document.slots[0], made.document.slots[2])
    assert [slot.number for slot in sealed.slots] == [0, 2]
    before = {slot.number: slot for slot in made.sealed.slots}
    for slot in sealed.slots:
        assert slot.salt != before[slot.number].salt
        assert slot.stanza.body != before[slot.number].stanza.body
    assert find_openers(sealed, PASSPHRASE, SECOND, THIRD) == {PASSPHRASE, THIRD}


def test_all_else_in_the_document_stays() -> None:
    made = make_vault((PASSPHRASE, SECOND), extra={"newer": [1, None]})
    keyed, _ = renew(made, SlotChange(remove=frozenset({"1"}), secrets={"0": PASSPHRASE}))
    expected = replace(
        made.document, identity=keyed.document.identity, slots=made.document.slots[:1]
    )
    assert keyed.document == expected


def test_where_only_one_recipient_is_known_the_others_go_and_the_key_is_new() -> None:
    made = label_recipients(make_vault(), "team", "recovery")
    change = SlotChange(add=(NewPassphrase(SECOND),), secrets={"0": PASSPHRASE})
    keyed, sealed = renew(made, change, sole_recipient=public(made.recovery))
    assert keyed.document.identity != made.document.identity
    assert [r.public_key for r in keyed.document.recipients] == [public(made.recovery)]
    assert opens_with(sealed, made.recovery)


def test_adding_keeps_the_identity_and_the_other_slots_to_the_byte() -> None:
    made = make_vault((PASSPHRASE, SECOND))
    change = SlotChange(add=(NewPassphrase(THIRD, "laptop"), NewRecovery(os.urandom(32))))
    keyed, sealed = renew(made, change)
    assert keyed.document.identity == made.document.identity
    assert [s.stanza for s in sealed.slots[:2]] == [s.stanza for s in made.sealed.slots]
    assert keyed.document.slots == (*made.document.slots, SlotLabel(2, "laptop", MOMENT))
    assert find_openers(sealed, PASSPHRASE, SECOND, THIRD) == {PASSPHRASE, SECOND, THIRD}


def test_the_recipients_are_those_of_the_document_in_its_order() -> None:
    made, recovery = label_recipients(make_vault(), "team"), os.urandom(32)
    keyed, sealed = renew(made, SlotChange(add=(NewRecovery(recovery),)))
    assert [r.public_key for r in keyed.document.recipients] == [
        *(r.public_key for r in made.document.recipients),
        public(recovery),
    ]
    native = [s for s in sealed.header.stanzas if s.type == age.X25519]
    assert len(native) == 1 + len(keyed.document.recipients)
    # The identity's own comes first, and each recipient's at its place: which of them a key opens
    # is the place of its public key in the list.
    for key, place in ((keyed.document.identity, 0), (made.recovery, 1), (recovery, 3)):
        opened = [age.unwrap_x25519(stanza, key) is not None for stanza in native]
        assert opened == [i == place for i in range(4)]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        (SlotChange(remove=frozenset({"1"})), Refused, r"slot 0 \(passphrase\)"),
        (
            SlotChange(remove=frozenset({"1"}), secrets={"0": SECOND}),
            WrongPassphrase,
            "does not open slot 0",
        ),
        (SlotChange(remove=frozenset({"0", "1"})), Refused, "only a recovery key"),
        (SlotChange(remove=frozenset({"7"})), NotFound, "no slot 7"),
        (SlotChange(remove=frozenset({"age1"})), NotFound, "no slot age1"),
    ],
    ids=["no secret", "wrong secret", "all passphrases", "no such slot", "no such recipient"],
)
def test_a_change_that_would_shut_somebody_out_unasked_is_refused(
    change: SlotChange, error: type[Exception], words: str
) -> None:
    made = make_vault((PASSPHRASE, SECOND))
    with pytest.raises(error, match=words):
        renew(made, change)


def test_only_a_recovery_key_is_not_enough() -> None:
    change = SlotChange(add=(NewRecovery(os.urandom(32)),), remove=frozenset({"0"}))
    with pytest.raises(Refused, match="only a recovery key"):
        renew(make_vault(), change)


def test_the_last_passphrase_may_go_where_another_comes() -> None:
    change = SlotChange(add=(NewPassphrase(SECOND),), remove=frozenset({"0"}))
    keyed, sealed = renew(make_vault(), change)
    assert find_openers(sealed, PASSPHRASE, SECOND) == {SECOND}
    assert [label.number for label in keyed.document.slots] == [1]


def test_a_number_is_never_used_twice() -> None:
    made, used = make_vault((PASSPHRASE, SECOND)), {0, 1}
    secrets = {"0": PASSPHRASE}
    for number in (2, 3, 4):
        keyed, sealed = renew(
            made,
            SlotChange((NewPassphrase(SECOND),), frozenset({str(number - 1)}), secrets),
        )
        assert {label.number for label in keyed.document.slots} - {0} == {number} - used
        used.add(number)
        made = replace(made, document=keyed.document, file=sealed.file)


def test_slots_are_listed_by_number_then_recipients() -> None:
    made = label_recipients(make_vault((PASSPHRASE, SECOND)), "alice")
    document = replace(made.document, slots=made.document.slots[::-1])
    assert [(s.id, s.kind, s.label) for s in list_slots(made.sealed, document)] == [
        ("0", SlotKind.PASSPHRASE, "passphrase"),
        ("1", SlotKind.PASSPHRASE, "passphrase"),
        ("recovery", SlotKind.RECOVERY, "recovery"),
        (made.document.recipients[1].public_key[:12], SlotKind.RECOVERY, "alice"),
    ]


@pytest.mark.parametrize("labels", [("recovery",), ("0",), ("0", "0"), ("age1", "recovery", "")])
def test_no_label_of_somebody_elses_names_another_slot(labels: tuple[str, ...]) -> None:
    made = label_recipients(make_vault(), *labels)
    ids = [slot.id for slot in list_slots(made.sealed, made.document)]
    assert len(set(ids)) == len(ids) == 2 + len(labels)
    assert ids.count("0") == 1 and ids[0] == "0"
    assert ("recovery" in ids) == ("recovery" not in labels)
    for slot_id, recipient in zip(ids[1:], made.document.recipients, strict=True):
        kept, _ = renew(made, SlotChange(remove=frozenset({slot_id}), secrets={"0": PASSPHRASE}))
        left = [r for r in made.document.recipients if r != recipient]
        assert list(kept.document.recipients) == left
    assert find_recovery_slot(made.recovery, made.document) == (ids[1], public(made.recovery))


def test_a_slot_of_a_newer_kind_is_named_and_goes_only_when_it_is_to() -> None:
    made = make_vault_with_newer_slot()
    found = list_slots(made.sealed, made.document)
    assert [(s.id, s.kind) for s in found if s.label == "phone"] == [("1", SlotKind.UNKNOWN)]
    secrets = {"0": PASSPHRASE}
    added, sealed = renew(made, SlotChange(add=(NewPassphrase(SECOND),)))
    assert [s.stanza.type for s in sealed.slots].count(NEWER) == 1
    assert [label.number for label in added.document.slots] == [0, 1, 2]
    with pytest.raises(Refused, match=r"slot 1 \(phone\)"):
        renew(made, SlotChange(remove=frozenset({"recovery"}), secrets=secrets))
    with pytest.raises(WrongPassphrase, match="slot 1"):
        renew(made, SlotChange(remove=frozenset({"recovery"}), secrets={**secrets, "1": SECOND}))
    change = SlotChange(remove=frozenset({"recovery", "1"}), secrets=secrets)
    keyed, sealed = renew(made, change)
    assert [label.number for label in keyed.document.slots] == [0]
    assert find_openers(sealed, PASSPHRASE) == {PASSPHRASE}


def swap_secrets(keyed: Keyed) -> Keyed:
    return replace(keyed, wrapped=tuple((number, THIRD) for number, _ in keyed.wrapped))


def swap_identity(keyed: Keyed) -> Keyed:
    return replace(keyed, document=replace(keyed.document, identity=os.urandom(32)))


@pytest.mark.parametrize("swap", [swap_secrets, swap_identity])
def test_what_was_written_is_tried_with_each_passphrase(swap: Callable[[Keyed], Keyed]) -> None:
    change = SlotChange(add=(NewPassphrase(SECOND),), secrets={"0": PASSPHRASE})
    made = make_vault()
    keyed, sealed = renew(made, change, sole_recipient=public(made.recovery))
    assert [number for number, _ in keyed.wrapped] == [0, 1]
    assert keyed.opens(sealed)
    assert not swap(keyed).opens(sealed)


def test_a_new_vault_is_opened_by_what_it_was_made_with() -> None:
    recovery = os.urandom(32)
    opened_by = (NewPassphrase(PASSPHRASE), NewRecovery(recovery))
    keyed = make_document(opened_by, vault_id=VAULT_ID, now=MOMENT)
    sealed = parse_vault(seal_vault(keyed.document, keyed.stanzas))
    assert keyed.opens(sealed) and opens_with(sealed, recovery)
    assert find_openers(sealed, PASSPHRASE, SECOND) == {PASSPHRASE}


def test_no_secret_is_in_a_repr() -> None:
    recovery = os.urandom(32)
    change = SlotChange((NewPassphrase(SECOND), NewRecovery(recovery)), secrets={"0": PASSPHRASE})
    keyed, _ = renew(make_vault(), change)
    for text in map(repr, (change, keyed, NewRecovery(recovery))):
        for secret in (PASSPHRASE, SECOND):
            assert str(secret) not in text
        assert repr(recovery) not in text and repr(keyed.document.identity) not in text
