"""The vectors of ``tests/vault/vectors``, one after the other: what each is, and what must come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain

from tests.vault import reference
from tests.vault.reference import Stanza
from tests.vault.vector_builder import (
    SECOND,
    Case,
    Vector,
    succeed,
    with_identity,
    with_passphrase,
    with_recovery,
)


def make_vectors() -> list[Vector]:
    groups = (
        make_openings(),
        make_changed_slots(),
        make_parameters(),
        make_slot_sets(),
        make_forgeries(),
        make_payloads(),
        make_documents(),
    )
    vectors = list(chain.from_iterable(groups))
    assert len({vector.name for vector in vectors}) == len(vectors)
    return vectors


def make_openings() -> Iterator[Vector]:
    case = Case("passphrase").add_slot()
    yield succeed(case, with_passphrase(), "one slot")
    case = Case("second_slot").add_slot().add_slot(SECOND)
    yield succeed(case, with_passphrase(SECOND), "the second of two slots")
    case = Case("identity").add_slot()
    yield succeed(case, with_identity(case), "with the vault identity, as after an unlocking")
    case = Case("recovery").add_slot()
    yield succeed(case, with_recovery(case), "with a native recipient's key")
    case = Case("no_slots")
    yield succeed(case, with_recovery(case), "a vault without slots")
    case = Case("passphrase_nfc").add_slot("caf\u00e9")
    yield succeed(case, with_passphrase("cafe\u0301"), "the passphrase typed decomposed")
    case = Case("passphrase_nfd").add_slot("cafe\u0301")
    yield succeed(case, with_passphrase("caf\u00e9"), "the passphrase set decomposed")
    case = Case("several_chunks").add_slot()
    case.document["tokens"][0]["note"] = "EXAMPLE " * 10_000
    yield succeed(case, with_passphrase(), "a payload of two chunks")
    case = Case("unknown_fields").add_slot()
    for record in (case.document, case.document["slots"][0], case.document["tokens"][0]):
        record["newer"] = [1, None, {"deep": True}, 0.5]
    yield succeed(case, with_passphrase(), "fields of a newer credman are kept")
    case = Case("unknown_slot").add_slot().add_slot(SECOND)
    arguments = ("credman.dev/newer/v2", *case.slots[0].arguments[1:4], "a", "b")
    case.slots[0] = Stanza(arguments, b"whatever")
    yield succeed(case, with_passphrase(SECOND), "a slot of a kind nobody knows is kept")
    case = Case("value_not_utf8").add_slot()
    case.document["tokens"][0]["versions"][0]["values"]["EXAMPLE"] = {"base64": "RVj/"}
    yield succeed(case, with_passphrase(), "a value that is not UTF-8")
    case = Case("lone_surrogate_in_a_note").add_slot()
    case.document["tokens"][0]["note"] = "EXAMPLE \ud800"
    yield succeed(case, with_passphrase(), "text that is no value is kept as it is")

    case = Case("passphrase_wrong").add_slot()
    yield refuse(case, "wrong_passphrase", with_passphrase(SECOND), "another passphrase")
    case = Case("passphrase_nfkc").add_slot("\ufb01ne")
    yield refuse(case, "wrong_passphrase", with_passphrase("fine"), "NFC, not NFKC")
    case = Case("identity_wrong").add_slot()
    yield refuse(case, "no_match", with_identity(Case("other")), "another vault's identity")
    case = Case("recovery_wrong").add_slot()
    yield refuse(case, "no_match", with_recovery(Case("other")), "a key of no recipient")


def refuse(case: Case, expect: str, access: tuple[str, str], comment: str) -> Vector:
    return Vector(case.name, expect, access, comment, case.seal())


def make_changed_slots() -> Iterator[Vector]:
    """Changed after sealing, so the header's MAC is wrong too: who has the identity sees that,
    who has the passphrase only sees a slot that does not open."""

    def change(name: str, comment: str, expect: str, **changes: object) -> Iterator[Vector]:
        for access in ("passphrase", "identity"):
            case = Case(f"slot_{name}_{access}").add_slot()
            slot = case.slots[0]
            arguments, body = list(slot.arguments), bytearray(slot.body)
            if "byte" in changes:
                body[int(str(changes["byte"]))] ^= 1
            else:
                arguments[int(str(changes["argument"]))] = str(changes["to"])
            changed = Stanza(tuple(arguments), bytes(body)).render()
            file = case.seal().replace(slot.render(), changed)
            by_passphrase = access == "passphrase"
            yield Vector(
                case.name,
                expect if by_passphrase else "header_mac_mismatch",
                with_passphrase() if by_passphrase else with_identity(case),
                comment,
                file,
            )

    salt = reference.encode(bytes(16))
    yield from change("commitment", "a bit of the commitment", "wrong_passphrase", byte=0)
    yield from change("sealed", "a bit of the sealed identity", "header_damaged", byte=32)
    yield from change("tag", "a bit of the tag", "header_damaged", byte=79)
    yield from change("salt", "another salt", "wrong_passphrase", argument=3, to=salt)
    yield from change("number", "another number", "header_damaged", argument=2, to="1")
    yield from change("vault_id", "another vault id", "header_damaged", argument=1, to="0" * 32)
    yield from change("cost", "another cost", "wrong_passphrase", argument=4, to="m=19456,t=3,p=1")


PARAMETERS = {
    "memory_below_floor": "m=19455,t=3,p=1",
    "memory_tiny": "m=8,t=1,p=1",
    "work_below_floor": "m=19456,t=1,p=1",
    "memory_above_ceiling": "m=1048577,t=1,p=1",
    "memory_4_tib": "m=4294967296,t=1,p=1",
    "passes_above_ceiling": "m=65536,t=17,p=1",
    "lanes_above_ceiling": "m=65536,t=3,p=9",
    "work_above_ceiling": "m=1048576,t=5,p=1",
    "zero": "m=65536,t=0,p=1",
    "plus": "m=65536,t=+3,p=1",
    "leading_zero": "m=65536,t=03,p=1",
    "hex": "m=65536,t=0x3,p=1",
    "20_digits": "m=99999999999999999999,t=3,p=1",
    "lanes_missing": "m=65536,t=3",
    "duplicated": "m=65536,t=3,t=3,p=1",
    "other_order": "t=3,m=65536,p=1",
}


def make_parameters() -> Iterator[Vector]:
    """Written by an owner, so that nothing but the bounds can refuse them."""
    for name, parameters in PARAMETERS.items():
        case = Case(f"parameters_{name}").add_slot(written_cost=parameters)
        yield refuse(case, "header_damaged", with_passphrase(), parameters)
    for name, arguments in (("missing", []), ("twice", ["m=19456,t=2,p=1"] * 2)):
        case = Case(f"parameters_{name}").add_slot()
        [slot] = case.slots
        case.slots = [replace(slot, arguments=(*slot.arguments[:4], *arguments))]
        yield refuse(case, "header_damaged", with_passphrase(), f"the argument is {name}")


def make_slot_sets() -> Iterator[Vector]:
    for name, length in (("short", 79), ("long", 81), ("empty", 0)):
        case = Case(f"slot_body_{name}").add_slot()
        [slot] = case.slots
        case.slots = [replace(slot, body=(slot.body + bytes(16))[:length])]
        yield refuse(case, "header_damaged", with_passphrase(), f"a body of {length} bytes")
    for name, number in (("leading_zero", "00"), ("7_digits", "1000000"), ("negative", "-1")):
        case = Case(f"slot_number_{name}").add_slot(number=number)
        yield refuse(case, "header_damaged", with_passphrase(), f"the number is {number}")
    case = Case("slot_vault_id_upper_case").add_slot(vault_id="A" * 32)
    yield refuse(case, "header_damaged", with_passphrase(), "a vault id in upper case")
    case = Case("slots_of_one_number").add_slot().add_slot(SECOND, number=0)
    yield refuse(case, "header_damaged", with_passphrase(), "two slots have the number 0")
    case = Case("slots_of_two_vaults").add_slot().add_slot(SECOND, vault_id="0" * 32)
    yield refuse(case, "header_damaged", with_passphrase(), "two vault ids")
    case = Case("slots_17")
    for _ in range(17):
        case.add_slot()
    yield refuse(case, "header_damaged", with_passphrase(), "one slot more than the most")
    case = Case("slot_of_another_vault_id").add_slot(vault_id="0" * 32)
    yield refuse(case, "payload_damaged", with_passphrase(), "the document has another vault id")
    case = Case("slot_without_label").add_slot()
    case.document["slots"] = []
    yield refuse(case, "payload_damaged", with_passphrase(), "the document has no such slot")
    case = Case("label_without_slot").add_slot().add_slot(SECOND)
    case.slots.pop()
    yield refuse(case, "payload_damaged", with_passphrase(), "the header has no such slot")
    case = Case("slot_beyond_next").add_slot()
    case.document["next_slot"] = 0
    yield refuse(case, "payload_damaged", with_passphrase(), "the number is not below next_slot")


def make_forgeries() -> Iterator[Vector]:
    for access in (with_identity, with_recovery):
        word = access.__name__.removeprefix("with_")
        case = Case(f"slot_removed_{word}").add_slot().add_slot(SECOND)
        file, file_key, payload = seal_apart(case)
        file = case.head(case.slots[:1], file_key) + payload
        comment = "a slot removed and the header's MAC made anew by one who has the file key"
        yield Vector(case.name, "payload_damaged", access(case), comment, file)

        case = Case(f"slot_put_back_{word}").add_slot().add_slot(SECOND)
        removed = case.slots.pop()
        case.document["slots"].pop()
        _, file_key, payload = seal_apart(case)
        file = case.head([*case.slots, removed], file_key) + payload
        comment = "a removed slot put back by one who has the file key"
        yield Vector(case.name, "payload_damaged", access(case), comment, file)

        case = Case(f"forged_{word}").add_slot()
        forger = Case("forger")
        file_key = case.entropy.take(16)
        header = case.head(case.slots, file_key)
        auth = reference.compute_auth(forger.identity, header, forger.line)
        text = f'{{"credman":1,"auth":"{auth}"}}\n'.encode() + forger.line
        file = header + reference.encrypt(file_key, case.entropy.take(16), text)
        comment = "written by somebody who knows the recipients' public keys only"
        yield Vector(case.name, "payload_damaged", access(case), comment, file)

    case = Case("slot_put_back_without_file_key").add_slot().add_slot(SECOND)
    removed = case.slots.pop()
    case.document["slots"].pop()
    file = case.seal().replace(b"\n--- ", b"\n" + removed.render() + b"--- ")
    yield Vector(case.name, "header_mac_mismatch", with_identity(case), "the MAC is old", file)
    case = Case("auth_of_another_identity").add_slot()
    file = case.seal(auth_identity=Case("other").identity)
    yield Vector(case.name, "payload_damaged", with_identity(case), "auth by a stranger", file)
    case = Case("forged_anew_for_recovery")
    comment = "a limit: a stranger's whole vault for our recovery key opens; see vault-format.md"
    yield succeed(case, with_recovery(case), comment)


def seal_apart(case: Case) -> tuple[bytes, bytes, bytes]:
    """Returns: the file, its file key and its payload, as an owner of the file key has them."""
    entropy = reference.Entropy(f"file key of {case.name}")
    file_key = reference.Entropy(f"file key of {case.name}").take(16)
    case.entropy = entropy
    file = case.seal()
    payload = file[file.index(b"\n", file.index(b"\n--- ") + 1) + 1 :]
    return file, file_key, payload


def make_payloads() -> Iterator[Vector]:
    def refuse_line(name: str, line: bytes, comment: str) -> Vector:
        case = Case(name).add_slot()
        return Vector(name, "payload_damaged", with_identity(case), comment, case.seal(line))

    line = Case("padding_missing").add_slot().line
    yield refuse_line("padding_missing", line.rstrip() + b"\n", "no multiple of 4096 bytes")
    line = Case("padding_long").add_slot().line
    yield refuse_line("padding_long", line[:-1] + b" \n", "one blank more than the bucket")
    line = Case("line_end_missing").add_slot().line
    yield refuse_line("line_end_missing", line[:-1] + b" ", "a blank where the line end must be")
    line = Case("auth_line_only").add_slot().line
    yield refuse_line("auth_line_only", b"", "no document")

    case = Case("version_2").add_slot()
    file = case.seal(version=2)
    yield Vector(case.name, "vault_newer", with_identity(case), "a newer major version", file)
    case = Case("identity_not_first").add_slot()
    case.document["identity"] = case.document.pop("identity")
    yield refuse(case, "payload_damaged", with_identity(case), "the identity is not in its place")
    for access in (with_identity, with_recovery):
        case = Case(f"identity_differs_{access.__name__.removeprefix('with_')}").add_slot()
        case.document["identity"] = Case("other").document["identity"]
        comment = "the document's identity is not the one of the first stanza"
        yield refuse(case, "payload_damaged", access(case), comment)


DOCUMENTS = {
    "duplicate_key": (b',"generation":1}', "a key stands twice"),
    "duplicate_key_deep": (b',"newer":{"a":1,"a":2}}', "a key stands twice in an unknown field"),
    "nan": (b',"newer":NaN}', "NaN"),
    "infinity": (b',"newer":-Infinity}', "an infinite number"),
    "1e999": (b',"newer":1e999}', "a number that no double holds"),
    "deep_nesting": (b',"newer":' + b"[" * 1000 + b"]" * 1000 + b"}", "1000 lists in each other"),
    "nesting_65": (b',"newer":' + b"[" * 65 + b"]" * 65 + b"}", "one level more than the most"),
    "trailing_garbage": (b"}{}", "a second object"),
    "not_utf8": (b',"newer":"\xff"}', "a byte that is not UTF-8"),
}


def make_documents() -> Iterator[Vector]:
    for name, (tail, comment) in DOCUMENTS.items():
        case = Case(f"document_{name}").add_slot()
        line = reference.pad(reference.render_json(case.document)[:-1] + tail)
        yield Vector(case.name, "payload_damaged", with_passphrase(), comment, case.seal(line))
    case = Case("document_nesting_64").add_slot()
    tail = b',"newer":' + b"[" * 64 + b"]" * 64 + b"}"
    line = reference.pad(reference.render_json(case.document)[:-1] + tail)
    yield succeed(case, with_passphrase(), "as deep as may be", line)
    case = Case("document_lone_surrogate").add_slot()
    case.document["tokens"][0]["versions"][0]["values"]["EXAMPLE"] = "\ud800"
    yield refuse(case, "payload_damaged", with_passphrase(), "a value that is no text")
    case = Case("document_tokens_differ_in_case").add_slot()
    case.document["tokens"].append({**case.document["tokens"][0], "name": "EXAMPLE"})
    yield refuse(case, "payload_damaged", with_passphrase(), "names differ in case only")
    case = Case("document_no_current_version").add_slot()
    case.document["tokens"][0]["versions"][0] |= {"state": "revoked", "values": {}}
    yield succeed(case, with_passphrase(), "its last version was revoked")
    case = Case("document_two_current_versions").add_slot()
    versions = case.document["tokens"][0]["versions"]
    versions.append({**versions[0], "number": 2})
    yield refuse(case, "payload_damaged", with_passphrase(), "two versions are current")
    case = Case("document_staged_version").add_slot()
    versions = case.document["tokens"][0]["versions"]
    versions.append({**versions[0], "number": 2, "state": "staged"})
    yield refuse(case, "payload_damaged", with_passphrase(), "staged, and no rotation is begun")
