"""A22, A24-A28: what a vault's payload says, what its size tells, and who else opens it."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pyrage  # type: ignore[import-untyped]
import pytest

from credman.core.errors import UsageError, VaultNewer
from credman.vault import age, keys
from credman.vault.container import parse_vault, seal_vault
from credman.vault.document import SlotLabel, parse_document, render_document
from tests.matrix.common import (
    CANARY,
    add,
    assert_as_before,
    call,
    get,
    home,
    plant,
    vault_path,
)
from tests.matrix.sealed import (
    exit_code_of,
    make_canary_document,
    make_slot,
    seal_slots,
)
from tests.requirements import require_program
from tests.vault import reference
from tests.vault.factories import (
    MOMENT,
    make_contents,
    make_document,
    make_full_document,
)
from tests.vault.test_document_hostile import HOSTILE

DOCUMENT = make_canary_document()
SLOT = make_slot(DOCUMENT)
LINE = render_document(DOCUMENT)


def test_a22_a_newer_version_is_refused_and_left() -> None:
    for version in (2, 9, 9999):
        entropy = reference.Entropy(os.urandom(16).hex())
        line = reference.pad(LINE)
        file = reference.seal_line(entropy, DOCUMENT.identity, line, slots=[SLOT], version=version)
        with pytest.raises(VaultNewer):
            parse_vault(file).open(DOCUMENT.identity)
        for argv in (["list"], ["add", "second"], ["remove", "canary", "--yes"]):
            assert exit_code_of(file, *argv) == 6
        assert call("init").exit_code == 7
        assert_as_before(file)


def test_a22_fields_of_a_newer_credman_are_kept_by_a_write() -> None:
    full = make_full_document()
    document = replace(full, slots=(SlotLabel(0, "p", MOMENT, {"newer": [1]}),), recipients=())
    plant(seal_slots(document, [make_slot(document)], render_document(document)))
    assert add("second", b"EXAMPLE").exit_code == 0
    written = parse_vault(vault_path().read_bytes()).open(document.identity)
    kept = [t for t in written.contents.tokens if t.key.name == "example"]
    assert kept == list(document.contents.tokens)
    assert written.contents.environments[:2] == document.contents.environments
    assert (written.extra, written.slots) == (document.extra, document.slots)
    assert document.extra and document.contents.tokens[0].extra


HOSTILE_LINES = {
    "duplicate key": LINE[:-1] + b',"generation":1}',
    "duplicate key, escaped": LINE[:-1] + b',"x":{"a":1,"\\u0061":2}}',
    "1e999": LINE[:-1] + b',"x":1e999}',
    "NaN": LINE[:-1] + b',"x":NaN}',
    "-Infinity": LINE[:-1] + b',"x":[-Infinity]}',
    "digits": LINE[:-1] + b',"x":' + b"9" * 5000 + b"}",
    "100,000 lists": LINE[:-1] + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "100,000 objects": LINE[:-1] + b',"x":' + b'{"a":' * 100_000 + b"1" + b"}" * 100_000 + b"}",
    "65 lists": LINE[:-1] + b',"x":' + b"[" * 65 + b"]" * 65 + b"}",
    "half": LINE[: len(LINE) // 2],
    "two": LINE + LINE,
    "a list": b"[" + LINE + b"]",
    "not UTF-8": LINE[:-1] + b',"x":"\xff"}',
    "NUL": LINE + b"\0",
    "lone surrogate as a value": LINE.replace(CANARY.encode(), b"\\ud800"),
}


@pytest.mark.parametrize("kind", HOSTILE_LINES)
def test_a24_json_of_two_minds_is_refused(kind: str) -> None:
    file = seal_slots(DOCUMENT, [SLOT], HOSTILE_LINES[kind])
    for argv in (["list"], ["add", "second"]):
        assert exit_code_of(file, *argv) == 5


def test_a24_records_of_another_form_are_refused() -> None:
    full = replace(
        make_full_document(),
        identity=DOCUMENT.identity,
        slots=(SlotLabel(0, "passphrase", MOMENT),),
    )
    line = render_document(full)
    assert exit_code_of(seal_slots(DOCUMENT, [SLOT], line)) == 0
    assert len(HOSTILE) > 50
    for name, change in HOSTILE.items():
        found = json.loads(line)
        change(found)
        file = seal_slots(DOCUMENT, [SLOT], json.dumps(found).encode())
        assert exit_code_of(file) == 5, name


@pytest.mark.parametrize("text", ["x" * 10_000_000, "\ud800", "a\u2028\0\x1b", "\U0001f600" * 9])
def test_a24_text_that_is_read_is_preserved_exactly(text: str) -> None:
    line = LINE[:-1] + b',"newer":' + json.dumps([text]).encode() + b"}"
    plant(seal_slots(DOCUMENT, [SLOT], line))
    assert add("second", b"EXAMPLE").exit_code == 0
    written = parse_vault(vault_path().read_bytes()).open(DOCUMENT.identity)
    assert written.extra["newer"] == [text]


def test_a25_the_size_tells_no_length_within_a_bucket() -> None:
    def size_of(length: int) -> int:
        contents = make_contents({"CANARY": b"x" * length})
        return len(seal_vault(replace(make_document(), contents=contents), []))

    assert len({size_of(length) for length in (*range(1, 3000, 7), 3000)}) == 1
    more = sorted({size_of(length) for length in range(3000, 12_000, 50)})
    assert [b - a for a, b in pairwise(more)] == [4096] * 3


def test_a25_the_size_on_disk_is_equal_for_short_and_long_values() -> None:
    sizes = set()
    for length in (1, 20, 41, 164, 1500):
        add("canary", b"x" * length)
        sizes.add(vault_path().stat().st_size)
        for path in (vault_path(), vault_path().with_name("vault.age.bak")):
            path.unlink()
        for record in (home() / "state" / "seen").iterdir():
            record.unlink()
    assert len(sizes) == 1


def test_a26_nothing_random_repeats_over_many_saves() -> None:
    document = replace(DOCUMENT, slots=(), next_slot=0)
    seen: set[bytes] = set()
    saves = 1500
    for _ in range(saves):
        file = seal_vault(document, [])
        header = age.parse_header(file)
        share = age.decode_base64(header.stanzas[0].args[0])
        # The wrapped file key and the header's MAC repeat only if the file key does.
        seen |= {share, header.stanzas[0].body, header.mac, file[header.size : header.size + 16]}
    assert len(seen) == 4 * saves


def test_a27_age_and_pyrage_open_it_with_the_recovery_key() -> None:
    program = require_program("age")
    key = Path.home() / "recovery.key"
    assert call("init", "--recovery-file", str(key)).exit_code == 0
    add("canary", CANARY.encode())
    command = [program, "-d", "-i", str(key), str(vault_path())]
    by_age = subprocess.run(command, capture_output=True, check=True).stdout
    secret = next(line for line in key.read_text().splitlines() if line.startswith("AGE-"))
    identity = pyrage.x25519.Identity.from_str(secret)
    assert pyrage.decrypt(vault_path().read_bytes(), [identity]) == by_age
    document = json.loads(by_age.split(b"\n")[1])
    (token,) = document["tokens"]
    assert token["versions"][0]["values"] == {"CANARY": CANARY}
    assert parse_document(by_age.split(b"\n")[1]).generation == 2
    wrong = subprocess.run([*command[:3], "/dev/null", command[4]], capture_output=True)
    assert wrong.returncode != 0 and wrong.stdout == b""


def test_a28_each_wrong_character_of_a_recovery_key_is_found() -> None:
    whole = str(keys.render_identity(os.urandom(32)))
    alphabet = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L1B"
    for place in range(len(whole)):
        for letter in alphabet:
            if letter != whole[place]:
                with pytest.raises(UsageError, match="this is not a recovery key"):
                    keys.parse_identity(whole[:place] + letter + whole[place + 1 :])


def test_a28_a_mistyped_recovery_key_is_refused_with_a_hint() -> None:
    recovery = Path.home() / "recovery.key"
    call("init", "--recovery-file", str(recovery))
    add("canary", CANARY.encode())
    whole = next(x for x in recovery.read_text().splitlines() if x.startswith("AGE-"))
    before = vault_path().read_bytes()
    wrong = whole[:-1] + ("P" if whole.endswith("Q") else "Q")
    for typed, code in ((whole, 0), (whole.lower(), 0), (wrong, 2)):
        outcome = call("list", passphrase=None, stdin=None, answers=[typed])
        assert outcome.exit_code == code, outcome.stderr
        assert typed not in outcome.stderr + outcome.text
    assert "one character may be wrong: type or paste it again" in outcome.stderr
    assert_as_before(before)
    assert get() == CANARY.encode()
