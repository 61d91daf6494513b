"""A backup beside the vault, and what comes of restoring it: after loss, damage, a new key."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from credman.core.errors import (
    Locked,
    NotAVault,
    Refused,
    WrongPassphrase,
)
from credman.core.keyslots import NewPassphrase, SlotChange
from credman.core.secret import Secret
from credman.stores.changes import RemoveToken
from credman.stores.lineage import Relation, describe_rollback
from credman.stores.merging import keep_way_in
from credman.stores.opened import Key, Loaded
from credman.stores.seen import LastSeen
from credman.vault import age
from credman.vault.container import parse_vault, seal_vault
from credman.vault.document import (
    Ancestor,
)
from credman.vault.rekeying import Keyed
from tests.stores.key_places import (
    NEW,
    change,
    find_openers,
    make_keyed_vault,
    new_passphrase,
    read_document,
    show,
)
from tests.stores.machines import CONFLICT, make_pair
from tests.stores.places import PASSPHRASE, add, make_vault, names, open_vault, vault_file
from tests.stores.test_backup import STICK, back_up, hash_of
from tests.vault.factories import VAULT_ID
from tests.vault.factories import make_vault as make


class TestRelation:
    def test_of_the_state_that_counts_it_is_the_same(self, tmp_path: Path) -> None:
        make_keyed_vault(tmp_path / "a", "one")
        back_up(tmp_path / "a", tmp_path / "b.age")
        store = open_vault(tmp_path / "a")
        store.current()
        copy = store.read_copy(str(tmp_path / "b.age"))
        assert copy.relation == Relation.SAME.value and copy.is_current and copy.is_whole

    def test_of_an_earlier_state_it_is_older_and_of_a_lost_one_newer(self, tmp_path: Path) -> None:
        make_keyed_vault(tmp_path / "a", "one")
        earlier = vault_file(tmp_path / "a").read_bytes()
        add(open_vault(tmp_path / "a"), "two")
        back_up(tmp_path / "a", tmp_path / "b.age")
        for _ in range(2):
            add(open_vault(tmp_path / "a"), "three")
        store = open_vault(tmp_path / "a")
        store.current()
        assert store.read_copy(str(tmp_path / "b.age")).relation == Relation.OLDER.value
        vault_file(tmp_path / "a").write_bytes(earlier)
        store = open_vault(tmp_path / "a")
        store.current()
        assert store.read_copy(str(tmp_path / "b.age")).relation == Relation.NEWER.value

    def test_of_a_state_that_was_left_it_went_its_own_way(self, tmp_path: Path) -> None:
        ana, ben = make_pair(tmp_path)
        ben.write("theirs")
        back_up(ben.home, tmp_path / "b.age")
        ana.write("mine")
        store = ana.open()
        store.current()
        copy = store.read_copy(str(tmp_path / "b.age"))
        assert copy.relation.startswith(Relation.FORKED.value) and copy.is_whole

    @pytest.mark.parametrize("passphrase", [None, STICK])
    def test_beside_the_vault_only_what_is_not_in_it_is_told_of(
        self, tmp_path: Path, passphrase: Secret | None
    ) -> None:
        ana, ben = make_pair(tmp_path)
        path = ana.vault.with_name("vault-backup.age")
        back_up(ana.home, path, passphrase)
        assert ana.warnings() == ()
        ana.write("later")
        assert ana.warnings() == ()
        path.unlink()
        ben.write("theirs")
        back_up(ben.home, path, passphrase)
        (warning,) = ana.warnings()
        assert Relation.FORKED.value in warning and str(path) in warning

    def test_an_age_file_of_others_beside_it_is_none_of_ours(self, tmp_path: Path) -> None:
        make_keyed_vault(tmp_path / "a", "one")
        make_keyed_vault(tmp_path / "other", "one")
        back_up(tmp_path / "other", vault_file(tmp_path / "a").with_name("vault-other.age"))
        assert open_vault(tmp_path / "a").snapshot().warnings == ()

    def test_put_in_the_place_of_the_vault_it_is_the_one_that_was_seen(
        self, tmp_path: Path
    ) -> None:
        make_keyed_vault(tmp_path / "a", "one")
        back_up(tmp_path / "a", tmp_path / "b.age", STICK)
        state = Ancestor(2, hash_of(vault_file(tmp_path / "a")))
        shutil.copy(tmp_path / "b.age", vault_file(tmp_path / "a"))
        store = open_vault(tmp_path / "a", None, STICK)
        assert store.snapshot().warnings == () and store.snapshot().obstacle is None
        add(store, "two")
        document = read_document(tmp_path / "a", STICK)
        assert document.backup_of is None and state in document.history

    def test_nobody_goes_back_with_the_claim_of_being_a_backup(self) -> None:
        made = make(generation=9)
        claim = replace(made.document, backup_of=Ancestor(8, "a" * 64))
        assert describe_rollback(claim, "b" * 64, LastSeen(VAULT_ID, 10, "a" * 64)) is not None
        assert describe_rollback(claim, "b" * 64, LastSeen(VAULT_ID, 9, "a" * 64)) is not None


class TestRestore:
    @pytest.fixture
    def home(self, tmp_path: Path) -> Path:
        self.recovery = make_keyed_vault(tmp_path / "a", "one", "two")
        self.path = tmp_path / "b.age"
        return tmp_path / "a"

    def restore(self, home: Path, *answers: Secret, merge: bool = False) -> None:
        store = open_vault(home, None, *answers)
        store.current()
        store.restore(store.read_copy(str(self.path)), merge=merge)

    def leave(self, home: Path, what: str) -> None:
        vault = vault_file(home)
        match what:
            case "lost":
                vault.unlink()
                vault.with_name("vault.age.bak").unlink()
            case "damaged":
                vault.write_bytes(vault.read_bytes()[:-200])
            case "fresh":  # another machine
                shutil.rmtree(home)

    @pytest.mark.parametrize("after", ["lost", "damaged", "fresh"])
    def test_with_its_passphrase_everything_is_back(self, home: Path, after: str) -> None:
        back_up(home, self.path, STICK)
        former = read_document(home, PASSPHRASE)
        add(open_vault(home), "later")
        self.leave(home, after)
        self.restore(home, PASSPHRASE, STICK)
        assert read_document(home, STICK).backup_of is None
        store = open_vault(home, None, STICK)
        assert names(store) == {"one", "two"}
        assert {token.unsure for token in store.snapshot().tokens} == {True}
        add(store, "three")
        seen = 0 if after == "fresh" else former.generation + 1
        assert read_document(home, STICK).generation == max(seen, former.generation) + 2
        file = vault_file(home).read_bytes()
        # Of a damaged vault the slots are whole, and the passphrase that was typed stays one.
        kept = {PASSPHRASE} if after == "damaged" else set()
        known = {STICK, show(self.recovery)}
        assert find_openers(file, PASSPHRASE, *known) == {*known, *kept}

    @pytest.mark.parametrize("after", ["lost", "fresh"])
    def test_with_the_recovery_key_it_is_read_and_written_after_a_passphrase(
        self, home: Path, after: str
    ) -> None:
        back_up(home, self.path)
        self.leave(home, after)
        self.restore(home, PASSPHRASE, show(self.recovery))
        store = open_vault(home, None, show(self.recovery))
        assert names(store) == {"one", "two"}
        obstacle = store.snapshot().obstacle
        assert isinstance(obstacle, Refused)
        assert obstacle.hint.startswith("credman slot add passphrase sets a new passphrase")
        with pytest.raises(Refused):
            add(store, "three")
        change(store, SlotChange((NewPassphrase(NEW),)))
        add(open_vault(home, None, NEW), "three")
        assert names(open_vault(home, None, NEW)) == {"one", "two", "three"}

    def test_whoever_opens_a_damaged_vault_is_not_shut_out_of_the_restored_one(
        self, home: Path
    ) -> None:
        back_up(home, self.path)
        self.leave(home, "damaged")
        self.restore(home, PASSPHRASE)
        store = open_vault(home)
        add(store, "three")
        assert names(store) == {"one", "two", "three"}
        (slot,) = (slot for slot in store.slots() if slot.label == "passphrase")
        assert slot.id == "1"  # a number is never used again
        assert names(open_vault(home, None, show(self.recovery))) == {"one", "two", "three"}

    def test_the_keyring_knows_its_key_by_its_number(self) -> None:
        made, secret = make(()), os.urandom(32)
        keyed, key = Keyed(made.document, ()), Key(made.document.identity, "3", secret)
        kept = keep_way_in(keyed, Loaded(made.sealed, made.document), key)
        sealed = parse_vault(seal_vault(kept.document, kept.stanzas))
        assert [slot.number for slot in sealed.slots] == [3] and kept.opens(sealed)
        assert sealed.open(made.document.identity) == kept.document
        assert kept.document.next_slot == 4
        again = keep_way_in(kept, Loaded(sealed, kept.document), key)
        assert again is kept

    def test_nothing_but_the_recovery_key_opens_it(self, home: Path) -> None:
        back_up(home, self.path)
        self.leave(home, "fresh")
        with pytest.raises(WrongPassphrase):
            self.restore(home, PASSPHRASE, STICK)
        assert not vault_file(home).exists()

    def test_todays_vault_opens_it_without_a_question(self, home: Path) -> None:
        back_up(home, self.path)
        add(open_vault(home), "later")
        self.restore(home, PASSPHRASE)
        assert names(open_vault(home)) == {"one", "two"}
        assert read_document(home, PASSPHRASE).generation == 5

    def test_missing_tokens_are_taken_out_of_it(self, home: Path) -> None:
        back_up(home, self.path, STICK)
        store = open_vault(home)
        token = next(t for t in store.snapshot().tokens if t.key.name == "one")
        store.commit([RemoveToken(token.key)], expected_revision=store.snapshot().revision)
        add(store, "later")
        self.restore(home, PASSPHRASE, merge=True)
        assert names(open_vault(home)) == {"one", "two", "later"}
        assert find_openers(vault_file(home).read_bytes(), PASSPHRASE, STICK) == {PASSPHRASE}

    def test_after_a_new_key_its_passphrase_is_a_proof_and_the_recovery_key_none(
        self, home: Path
    ) -> None:
        back_up(home, self.path)
        with_passphrase = self.path.with_name("c.age")
        back_up(home, with_passphrase, STICK)
        change(open_vault(home), new_passphrase())
        add(open_vault(home, None, NEW), "later")
        with pytest.raises(Refused, match="anybody could have made it"):
            self.restore(home, NEW, show(self.recovery))
        self.path = with_passphrase
        self.restore(home, NEW, STICK)
        assert names(open_vault(home, None, NEW)) == {"one", "two"}
        file = vault_file(home).read_bytes()
        assert find_openers(file, PASSPHRASE, STICK, NEW) == {NEW}

    def test_who_saw_the_vault_goes_on_from_the_restored_one_without_a_doubt(
        self, tmp_path: Path
    ) -> None:
        ana, ben = make_pair(tmp_path)
        self.path = tmp_path / "b.age"
        back_up(ana.home, self.path, STICK)
        shutil.rmtree(ana.home)
        self.restore(ana.home, STICK)
        ben.receive(ana)
        store = ben.open(STICK)
        assert store.snapshot().warnings == ()
        add(store, "new")

    def test_a_conflict_copy_and_its_backup_are_one_state(self, tmp_path: Path) -> None:
        ana, ben = make_pair(tmp_path)
        ben.write("theirs")
        ana.write("mine")
        path = tmp_path / "b.age"
        back_up(ben.home, path)
        ana.restore(path, merge=True)
        ana.receive(ben, CONFLICT)
        assert ana.warnings() == ()  # the file itself was never here, and is an ancestor


class TestWithoutSlots:
    def test_a_plain_age_file_to_one_recipient_is_no_vault(self, tmp_path: Path) -> None:
        for file in (self.plain(1), self.plain(2)):
            vault_file(tmp_path).parent.mkdir(parents=True, exist_ok=True)
            vault_file(tmp_path).write_bytes(file)
            vault_file(tmp_path).chmod(0o600)
            with pytest.raises((NotAVault, Locked)) as caught:
                open_vault(tmp_path).snapshot()
            assert isinstance(caught.value, NotAVault) == (file == self.files[0])
        key = show(self.recovery)
        with pytest.raises(NotAVault, match="not a credman vault"):
            open_vault(tmp_path, None, key).snapshot()

    def plain(self, recipients: int) -> bytes:
        self.recovery, file_key = os.urandom(32), os.urandom(16)
        owners = [os.urandom(32), self.recovery][:recipients]
        stanzas = [age.wrap_x25519(file_key, age.public_key(owner)) for owner in owners]
        header = age.render_header(stanzas, file_key)
        file = header + age.encrypt_payload(file_key, b"hello")
        self.files = [*getattr(self, "files", []), file]
        return file

    def test_such_a_copy_is_named_before_anybody_is_asked(self, tmp_path: Path) -> None:
        make_vault(tmp_path / "a", "one")
        path = tmp_path / "plain.age"
        path.write_bytes(self.plain(1))
        store = open_vault(tmp_path / "a")
        store.current()
        with pytest.raises(NotAVault, match="not a credman vault"):
            store.read_copy(str(path))
        path.write_bytes(self.plain(2))
        with pytest.raises(WrongPassphrase):
            store.read_copy(str(path))
