"""A01-A07, A20, A21: what lies there is not what was written, or not the last that was written."""

from __future__ import annotations

import gzip
import os
import subprocess
from collections import Counter

import pytest

from credman.core.errors import HeaderDamaged, HeaderMACMismatch, NotAVault, PayloadDamaged
from credman.vault.container import MAX_VAULT_BYTES, parse_vault
from tests.cli.harness import PROGRAM
from tests.matrix.common import (
    CANARY,
    PASSPHRASE,
    add,
    assert_as_before,
    assert_hidden,
    call,
    get,
    home,
    make_home,
    plant,
    start,
    vault_path,
)
from tests.matrix.sealed import REFUSALS, exit_code_of, make_canary_vault
from tests.requirements import require_program

MADE = make_canary_vault()
FILE, IDENTITY = MADE.file, MADE.document.identity
READING = (["list"], ["get", "canary"], ["show", "canary"], ["env"], ["exec", "--", "true"])
WRITING = (["add", "second"], ["add", "canary", "--replace"], ["remove", "canary", "--yes"])


def refusal_of(file: bytes) -> type[Exception]:
    with pytest.raises(REFUSALS) as caught:
        parse_vault(file).open(IDENTITY)
    assert_hidden(repr(caught.value), caught.value.hint)
    return type(caught.value)


def flip(place: int, bit: int) -> bytes:
    return FILE[:place] + bytes([FILE[place] ^ 1 << bit]) + FILE[place + 1 :]


@pytest.mark.parametrize("step", [3, pytest.param(1, marks=pytest.mark.deep)])
def test_a01_each_bit_flipped_is_refused(step: int) -> None:
    """Args: step: how many bits further the next one of the payload is."""
    header = parse_vault(FILE).header
    bits = range(8 * header.size, 8 * len(FILE), step)
    payload = Counter(refusal_of(flip(*divmod(bit, 8))) for bit in bits)
    assert payload == {PayloadDamaged: len(bits)} and len(bits) > 10_000
    found = Counter(
        refusal_of(flip(place, bit)) for place in range(header.size) for bit in range(8)
    )
    assert found.total() == 8 * header.size
    assert found.keys() >= {NotAVault, HeaderDamaged, HeaderMACMismatch}


def test_a01_damage_is_told_from_a_wrong_passphrase() -> None:
    header = parse_vault(FILE).header
    kind = FILE.index(b"argon2id/v1")
    salt = FILE.index(header.stanzas[2].args[2].encode(), kind)
    commitment = FILE.index(b"\n", salt) + 1
    tried = {*range(kind, kind + 11), *range(salt, commitment + 43)}
    lines = [n + 1 for n in range(header.size) if FILE[n : n + 1] == b"\n"]
    codes = {
        place: exit_code_of(flip(place, 0))
        for place in (0, *lines, *range(5, header.size, 23), header.size + 20, len(FILE) - 1)
    }
    assert set(codes.values()) == {4, 5}
    # What the passphrase is tried against is all that cannot be told from another passphrase: the
    # slot's kind, which may be a newer one, its salt, parameters and commitment.
    assert {place for place, code in codes.items() if code == 4} <= tried
    assert exit_code_of(FILE) == 0


def test_a02_each_length_is_refused() -> None:
    assert Counter(refusal_of(FILE[:length]) for length in range(len(FILE))).total() == len(FILE)


def test_a02_the_message_names_the_copy_and_the_copy_works() -> None:
    path = make_home()
    add("second", b"EXAMPLE")
    whole = path.read_bytes()
    size = parse_vault(whole).header.size
    for length in (1, 21, 22, size // 2, size, size + 8, size + 17, len(whole) - 1):
        path.write_bytes(whole[:length])
        for argv in (*READING, *WRITING):
            outcome = call(*argv, stdin=b"EXAMPLE")
            assert outcome.exit_code == (125 if argv[0] == "exec" else 5), argv
            assert "nothing was changed" in outcome.stderr
            assert f"{path}.bak" in outcome.stderr
        assert_as_before(whole[:length])
    path.write_bytes((path.parent / "vault.age.bak").read_bytes())
    assert get() == CANARY.encode()


@pytest.mark.parametrize(
    "junk", [b"x", b"\n", b"\0", os.urandom(16), FILE, bytes(1 << 20)], ids=len
)
def test_a03_appended_bytes_are_refused(junk: bytes) -> None:
    assert refusal_of(FILE + junk) is PayloadDamaged
    assert exit_code_of(FILE + junk) == 5
    assert exit_code_of(FILE + junk, "remove", "canary", "--yes") == 5


def test_a04_an_empty_file_is_no_new_vault() -> None:
    path = make_home()
    path.write_bytes(b"")
    for argv in (*READING, *WRITING, ["init"]):
        outcome = call(*argv, stdin=b"EXAMPLE")
        assert outcome.exit_code == {"exec": 125, "init": 7}.get(argv[0], 5), argv
        assert argv == ["init"] or "the vault file is empty" in outcome.stderr
        assert_as_before(b"")
    assert start("list").returncode == 5


@pytest.mark.parametrize("kept", ["copy", "record", "both"])
def test_a05_a_vault_that_is_gone_is_not_made_anew(kept: str) -> None:
    path = make_home()
    add("second", b"EXAMPLE")
    copy = path.parent / "vault.age.bak"
    path.unlink()
    if kept == "record":
        copy.unlink()
    if kept == "copy":
        for record in (home() / "state" / "seen").iterdir():
            record.unlink()
    for argv in (["init"], *READING, *WRITING):
        outcome = call(*argv, stdin=b"EXAMPLE")
        assert outcome.exit_code == (125 if argv[0] == "exec" else 6), argv
        assert "there was a vault" in outcome.stderr
        assert (str(copy) in outcome.stderr) is (kept != "record")
        assert_as_before(None)
    if kept != "record":
        copy.rename(path)
        assert get() == CANARY.encode()


FOREIGN = {
    "random": os.urandom(5000),
    "zeros": bytes(5000),
    "png": b"\x89PNG\r\n\x1a\n" + os.urandom(500),
    "gzip": gzip.compress(os.urandom(500)),
    "json": b'{"credman":1}\n',
    "dotenv": b"HF_TOKEN=EXAMPLE\n",
    "version 2": FILE.replace(b"/v1\n", b"/v2\n", 1),
    "armored": b"-----BEGIN AGE ENCRYPTED FILE-----\n",
    "one byte off": b" " + FILE,
}


@pytest.mark.parametrize("kind", FOREIGN)
def test_a06_what_is_no_vault_is_called_so(kind: str) -> None:
    plant(FOREIGN[kind])
    for argv in (*READING, *WRITING):
        outcome = call(*argv, stdin=b"EXAMPLE")
        assert outcome.exit_code == (125 if argv[0] == "exec" else 5), argv
        assert "this is not a credman vault" in outcome.stderr
    assert_as_before(FOREIGN[kind])


def test_a06_another_age_file_is_called_so() -> None:
    age_program = require_program("age")
    recipient = subprocess.run(
        ["age-keygen", "-y"], input=require_key(), capture_output=True, check=True
    ).stdout.split()[-1]
    for more in ([], ["-a"]):
        command = [age_program, *more, "-r", recipient.decode()]
        done = subprocess.run(command, input=b"EXAMPLE", capture_output=True, check=True)
        plant(done.stdout)
        outcome = call("list")
        assert outcome.exit_code == 5 and "not a credman vault" in outcome.stderr
        assert_as_before(done.stdout)


def require_key() -> bytes:
    key = subprocess.run([require_program("age-keygen")], capture_output=True, check=True)
    return key.stdout


def start_bounded(*argv: str, mebibytes: int = 250) -> tuple[int, bytes]:
    """Runs with so much address space, and no more. Returns: exit code, what was said."""
    script = f'ulimit -v {mebibytes << 10}; exec "$@"'
    environ = {**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE}
    command = ["sh", "-c", script, "sh", *PROGRAM, *argv]
    done = subprocess.run(command, env=environ, capture_output=True, timeout=60, check=False)
    assert_hidden(done.stdout, done.stderr)
    return done.returncode, done.stderr


@pytest.mark.parametrize("size", [5 << 30, MAX_VAULT_BYTES + 1])
def test_a07_a_sparse_vault_is_refused_by_its_size(size: int) -> None:
    plant(FILE)
    assert start_bounded("list")[0] == 0  # that much memory is enough for a true one
    with vault_path().open("r+b") as file:
        file.truncate(size)
    for argv in (["list"], ["add", "second"]):
        code, said = start_bounded(*argv)
        assert code == 5 and b"is larger than any vault (64 MiB)" in said
    assert vault_path().stat().st_size == size
    vault_path().unlink()


def test_a20_an_older_copy_is_warned_of_and_not_written_over() -> None:
    path = make_home()
    older = path.read_bytes()
    add("second", b"EXAMPLE")
    path.write_bytes(older)
    outcome = call("get", "canary", may_print=True)
    assert (outcome.exit_code, outcome.stdout) == (0, CANARY.encode())
    assert "warning: this is an older copy of the vault (generation 2; 3 was seen" in outcome.stderr
    for argv in WRITING:
        outcome = call(*argv, stdin=b"EXAMPLE")
        assert outcome.exit_code == 5 and "older copy" in outcome.stderr
    assert_as_before(older)
    assert "--accept goes on with this one" in outcome.stderr
    assert call("doctor", "--accept", "--yes").exit_code == 0
    assert add("third", b"EXAMPLE").exit_code == 0


def test_a21_another_vault_is_warned_of_and_not_written_over() -> None:
    make_home()
    plant(FILE)
    outcome = call("list")
    assert outcome.exit_code == 0
    assert "warning: this is another vault than the one last seen here" in outcome.stderr
    for argv in WRITING:
        outcome = call(*argv, stdin=b"EXAMPLE")
        assert outcome.exit_code == 5 and "another vault" in outcome.stderr
    assert_as_before(FILE)
