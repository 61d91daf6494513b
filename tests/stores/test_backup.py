"""A backup: one file of a very state, that opens by itself, and what a restore makes of it."""

from __future__ import annotations

import os
import stat
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from credman.core.errors import (
    PayloadDamaged,
    Refused,
    Unavailable,
    UsageError,
)
from credman.core.model import Contents
from credman.core.secret import Secret
from credman.stores import backup as module
from credman.stores import disk
from credman.stores.backup import make_document, write_backup
from credman.stores.lineage import Relation, relate
from credman.vault.container import next_document, parse_vault, seal_vault
from credman.vault.document import (
    Ancestor,
    Document,
    list_states,
    parse_document,
    render_document,
)
from tests.requirements import require_program
from tests.stores.key_places import (
    find_openers,
    make_keyed_vault,
    read_document,
    show,
)
from tests.stores.places import PASSPHRASE, make_vault, open_vault, vault_file
from tests.vault.factories import VAULT_ID, make_full_document
from tests.vault.factories import make_vault as make

STICK = Secret("EXAMPLE of the stick")


def back_up(home: Path, path: Path, passphrase: Secret | None = None) -> str:
    store = open_vault(home)
    store.snapshot()
    return store.backup(str(path), passphrase)


def hash_of(path: Path) -> str:
    return parse_vault(path.read_bytes()).file_hash


class TestFile:
    def test_it_is_the_very_state_and_says_of_which_file(self, tmp_path: Path) -> None:
        recovery = make_keyed_vault(tmp_path / "a", "one", "two", second=True)
        vault = vault_file(tmp_path / "a")
        before = vault.read_bytes()
        assert back_up(tmp_path / "a", tmp_path / "b.age") == "the recovery key"
        assert vault.read_bytes() == before
        ours = read_document(tmp_path / "a", PASSPHRASE)
        sealed = parse_vault((tmp_path / "b.age").read_bytes())
        theirs = sealed.open(ours.identity)
        state = Ancestor(ours.generation, hash_of(vault))
        assert theirs == replace(ours, slots=(), backup_of=state)
        assert sealed.slots == () and sealed.open_with_recovery(recovery) == theirs

    def test_a_passphrase_is_one_more_way_in(self, tmp_path: Path) -> None:
        recovery = make_keyed_vault(tmp_path / "a", "one", second=True)
        path = tmp_path / "b.age"
        says = back_up(tmp_path / "a", path, STICK)
        assert says == "that passphrase, and by the recovery key"
        secrets = (STICK, show(recovery))
        assert find_openers(path.read_bytes(), PASSPHRASE, *secrets) == {*secrets}
        (slot,) = parse_vault(path.read_bytes()).slots
        assert slot.number == read_document(tmp_path / "a", PASSPHRASE).next_slot

    def test_without_a_recovery_key_only_a_passphrase_will_do(self, tmp_path: Path) -> None:
        make_vault(tmp_path / "a", "one")
        with pytest.raises(UsageError, match="needs a passphrase"):
            back_up(tmp_path / "a", tmp_path / "b.age")
        assert not (tmp_path / "b.age").exists()
        assert not open_vault(tmp_path / "a").has_recovery()
        assert back_up(tmp_path / "a", tmp_path / "b.age", STICK) == "that passphrase"

    @pytest.mark.parametrize("umask", [0, 0o777])
    def test_it_is_its_owners_alone_whatever_the_umask_is(self, tmp_path: Path, umask: int) -> None:
        former = os.umask(umask)
        try:
            write_backup(str(tmp_path / "b.age"), make().document, None)
        finally:
            os.umask(former)
        assert stat.S_IMODE((tmp_path / "b.age").stat().st_mode) == 0o600

    @pytest.mark.parametrize("lies", ["file", "link", "dangling", "pipe", "folder"])
    def test_what_lies_there_stays(self, tmp_path: Path, lies: str) -> None:
        path, other = tmp_path / "b.age", tmp_path / "other"
        other.write_text("kept")
        match lies:
            case "file":
                path.write_text("kept")
            case "link":
                path.symlink_to(other)
            case "dangling":
                path.symlink_to(tmp_path / "nowhere")
            case "pipe":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
        before = path.lstat()
        with pytest.raises(Refused, match="there is a file already"):
            write_backup(str(path), make().document, None)
        assert path.lstat() == before and other.read_text() == "kept"
        assert not (tmp_path / "nowhere").exists()

    @pytest.mark.parametrize("name", ["vault.age", "vault.age.bak", "vault.lock"])
    def test_the_vaults_own_files_are_none(self, tmp_path: Path, name: str) -> None:
        make_keyed_vault(tmp_path / "a")  # one write, so that there is no .bak yet
        before = vault_file(tmp_path / "a").read_bytes()
        link = tmp_path / "link"
        link.symlink_to(tmp_path / "a" / "data")
        for folder in (tmp_path / "a" / "data", link):
            with pytest.raises(Refused, match="is a file of the vault itself"):
                back_up(tmp_path / "a", folder / name)
        assert vault_file(tmp_path / "a").read_bytes() == before
        assert not (tmp_path / "a" / "data" / "vault.age.bak").exists()

    @pytest.mark.parametrize("wrong", ["bytes", "document", "slot", "missing"])
    def test_what_does_not_come_back_is_taken_away_again(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
    ) -> None:
        path, made = tmp_path / "b.age", make()
        real = disk.read_own_file

        def read(name: str, *, limit: int) -> bytes | None:
            data = real(name, limit=limit) or b""
            return {"bytes": data[:-1] + b"\0", "missing": None}.get(wrong, data)

        def seal(document: Document, stanzas: Any) -> bytes:
            if wrong == "document":
                document = replace(document, contents=Contents())
            if wrong == "slot":
                other = make((Secret("EXAMPLE another"),), identity=document.identity)
                stanzas = [slot.stanza for slot in other.sealed.slots]
            return seal_vault(document, stanzas)

        monkeypatch.setattr(disk, "read_own_file", read)
        monkeypatch.setattr(module, "seal_vault", seal)
        document = replace(made.document, slots=(), next_slot=0)
        with pytest.raises(Unavailable, match=r"cannot write .*b\.age: "):
            write_backup(str(path), document, STICK)
        assert not path.exists()

    @pytest.mark.parametrize("name", ["nowhere/b.age", "no\0path", "n" * 300])
    def test_a_path_that_is_none(self, tmp_path: Path, name: str) -> None:
        with pytest.raises(Unavailable, match="cannot write"):
            write_backup(str(tmp_path / name), make().document, None)
        assert [path.name for path in tmp_path.iterdir()] == ["home"]

    def test_a_store_that_is_no_file_makes_one_of_its_contents(self, tmp_path: Path) -> None:
        contents = make_full_document().contents
        document = make_document(contents, vault_id=VAULT_ID, generation=12)
        path = tmp_path / "b.age"
        assert write_backup(str(path), document, STICK) == "that passphrase"
        store = open_vault(tmp_path, str(path), STICK)
        snapshot = store.snapshot()
        assert (snapshot.environments, snapshot.tokens) == (
            contents.environments,
            contents.tokens,
        )
        assert store.reveal(contents.values) == contents.values
        assert snapshot.revision.startswith(f"{VAULT_ID}:12:")

    def test_age_opens_it(self, tmp_path: Path) -> None:
        age_program = require_program("age")
        recovery = make_keyed_vault(tmp_path / "a", "one")
        back_up(tmp_path / "a", tmp_path / "b.age", STICK)
        (tmp_path / "key").write_text(f"{show(recovery)}\n")
        done = subprocess.run(
            [age_program, "-d", "-i", tmp_path / "key", tmp_path / "b.age"],
            capture_output=True, check=True,
        )  # fmt: skip
        assert b'"backup_of":[2,"' in done.stdout


class TestField:
    def test_it_is_written_and_read_back(self) -> None:
        document = replace(make_full_document(), backup_of=Ancestor(7, "a" * 64))
        assert parse_document(render_document(document)) == document
        assert b"backup_of" not in render_document(make_full_document())

    @pytest.mark.parametrize(
        "wrong",
        ['"%sa"', "7", "[]", "[7]", '["7","%sa"]', '[7,"%s"]', '[7,"%sA"]', '[7,"%saa"]',
         '[7,"%sa",1]', "[7,7]", '[-1,"%sa"]', '[true,"%sa"]', "{}"],
    )  # fmt: skip
    def test_it_is_read_strictly(self, wrong: str) -> None:
        line = render_document(replace(make_full_document(), backup_of=Ancestor(7, "a" * 64)))
        right = b'[7,"' + b"a" * 64 + b'"]'
        assert line.count(right) == 1
        wrong = wrong.replace("%s", "a" * 63)
        with pytest.raises(PayloadDamaged):
            parse_document(line.replace(right, wrong.encode()))

    def test_what_comes_after_it_does_not_carry_it_on(self) -> None:
        made = make(backup_of=Ancestor(1, "a" * 64))
        after = next_document(made.sealed, made.document)
        assert after.backup_of is None
        assert {Ancestor(1, "a" * 64), Ancestor(1, made.sealed.file_hash)} == {*after.history}

    def test_one_that_an_older_credman_carried_on_says_nothing(self) -> None:
        document = replace(make_full_document(), backup_of=Ancestor(6, "a" * 64))
        assert list_states(document, "b" * 64) == (Ancestor(7, "b" * 64),)
        assert relate(document, "b" * 64, document, "c" * 64) is Relation.FORKED
