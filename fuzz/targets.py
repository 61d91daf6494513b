"""What is fuzzed. A target takes bytes, hands them to a parser, and says what must hold of it.

Rule: a parser gives a result or raises one of the errors it documents, whose message is one line
that can be printed. Any other exception is a finding, and so is an answer that is not stable.
"""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

from credman.cli import values
from credman.core import config, intervals, names
from credman.core.errors import (
    CredmanError,
    HeaderDamaged,
    Locked,
    NotAVault,
    PayloadDamaged,
    Unavailable,
    UsageError,
    VaultDamaged,
    VaultNewer,
)
from credman.stores import seen
from credman.vault import age, container, document, keys, slots
from fuzz import agent, corpora
from fuzz.disclosure import find_disclosure, read_fixed_texts

T = TypeVar("T")
EXPECTED = ("FIRST", "SECOND_PART", "THIRD")
_FILE_KEY = bytes(age.FILE_KEY_BYTES)


@dataclass(frozen=True, slots=True)
class Target:
    """Args:
    run: returns whether the input was accepted; raises if something does not hold.
    seeds: what fuzzing starts from.
    words: parts of its grammar, which mutation puts in.
    max_bytes: longer inputs find nothing more.
    """

    run: Callable[[bytes], bool]
    seeds: Callable[[], list[bytes]]
    words: tuple[str, ...]
    max_bytes: int


def attempt(parse: Callable[[], T], *refusals: type[CredmanError]) -> T | None:
    """Returns: what the parser gives, or None if it refuses as documented."""
    try:
        return parse()
    except refusals as error:
        shown = error.message + error.hint
        if not (error.message and shown.isprintable()):
            raise AssertionError(f"no line for people: {shown!r}") from error
        return None


def attempt_secretly(parse: Callable[[], T], data: bytes, *allowed: str) -> T | None:
    """As ``attempt``, for what may hold a secret: no error shows a part of it.

    Args:
        allowed: what may be shown although it may occur in the data.
    """
    try:
        return parse()
    except CredmanError as error:
        kind = UsageError if allowed or not isinstance(error, VaultDamaged) else PayloadDamaged
        found = find_disclosure(error, data, (*_fixed_texts(), *allowed))
        if found or type(error) is not kind:
            raise AssertionError(f"shows {found!r}: {error!r}") from error
        return None


@cache
def _fixed_texts() -> tuple[str, ...]:
    return read_fixed_texts(values, document, keys, names)


def fuzz_header(data: bytes) -> bool:
    header = attempt(lambda: age.parse_header(data), NotAVault, HeaderDamaged)
    if header is None:
        return False
    # One spelling only: what was read is what would be written.
    assert age.render_header(header.stanzas, _FILE_KEY).startswith(header.authenticated + b" ")
    assert header.size <= min(len(data), age.MAX_HEADER_BYTES)
    return True


def fuzz_slots(data: bytes) -> bool:
    header = attempt(lambda: age.parse_header(data), NotAVault, HeaderDamaged)
    if header is None:
        return False
    found = attempt(lambda: slots.parse_slots(header.stanzas), HeaderDamaged)
    if found is None:
        return False
    assert len(found) == sum(s.type.startswith(slots.NAMESPACE) for s in header.stanzas)
    for slot in found:
        assert slot.parameters is None or slot.parameters.is_bounded()
        assert str(slot.number) == slot.stanza.args[1] and len(slot.salt) == slots.SALT_BYTES
    return bool(found)


def fuzz_vault(data: bytes) -> bool:
    sealed = attempt(lambda: container.parse_vault(data), NotAVault, HeaderDamaged)
    if sealed is None:
        return False
    for identity in (corpora.identity_of(corpora.OWNED), corpora.identity_of("recovery")):
        attempt(lambda: sealed.open(identity), VaultDamaged, Locked, VaultNewer)  # noqa: B023
    return True


@cache
def _owned() -> tuple[bytes, bytes, bytes]:
    """Returns: identity, header and file key of a vault that is ours."""
    header, identity = corpora.read_own_header(), corpora.identity_of(corpora.OWNED)
    file_key = age.unwrap_x25519(age.parse_header(header).stanzas[0], identity)
    assert file_key is not None
    return identity, header, file_key


def _open_payload(payload: bytes) -> tuple[container.SealedVault, document.Document] | None:
    identity, header, file_key = _owned()
    sealed = container.parse_vault(header + age.encrypt_payload(file_key, payload))
    found = attempt(lambda: sealed.open(identity), VaultDamaged, VaultNewer)
    return None if found is None else (sealed, found)


def fuzz_payload(data: bytes) -> bool:
    """What somebody can seal who knows a recipient, and not the vault's identity."""
    if _open_payload(data) is None:
        return False
    first, _, line = data.partition(b"\n")
    assert first + b"\n" == corpora.authenticate(line) and len(data) % container.PADDING_BYTES == 0
    return True


def fuzz_document(data: bytes) -> bool:
    found = attempt_secretly(lambda: document.parse_document(data), data)
    if found is None:
        return False
    line = document.render_document(found)
    assert document.parse_document(line) == found
    assert document.render_document(document.parse_document(line)) == line
    return True


def fuzz_sealed(data: bytes) -> bool:
    """The line as an owner of the vault would write it: what is behind the proofs is reached."""
    padding = -(len(corpora.authenticate(data)) + len(data) + 1) % container.PADDING_BYTES
    line = data + b" " * padding + b"\n"
    opened = _open_payload(corpora.authenticate(line) + line)
    if opened is None:
        return False
    (sealed, found), identity = opened, _owned()[0]
    later = container.next_document(sealed, found)
    again = container.seal_vault(later, [slot.stanza for slot in sealed.slots])
    assert container.parse_vault(again).open(identity) == later
    return True


def fuzz_assignments(data: bytes) -> bool:
    found = attempt_secretly(lambda: values.parse_assignments(data, EXPECTED), data, *EXPECTED)
    if found is None:
        return False
    again = b"".join(b"%s=%s\r\n" % (k.encode(), v.to_bytes()) for k, v in found.items())
    assert found.keys() <= set(EXPECTED) and all(v.to_bytes() in data for v in found.values())
    assert values.parse_assignments(again, EXPECTED) == found
    return True


def fuzz_config(data: bytes) -> bool:
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    found = attempt(lambda: config.parse_config(text, source="config.toml"), UsageError)
    for name in found.environments if found else ():
        names.check_name("environment", name)
    return found is not None


def fuzz_keys(data: bytes) -> bool:
    text = data.decode("utf-8", "surrogateescape")
    identity = attempt_secretly(lambda: keys.parse_identity(text), data)
    recipient = attempt_secretly(lambda: keys.parse_recipient(text), data)
    if identity is not None:
        assert keys.is_identity(text) and keys.render_identity(identity) == text.strip().upper()
    if recipient is not None:
        assert keys.render_recipient(recipient) == text.strip().lower()
    return identity is not None or recipient is not None


def fuzz_names(data: bytes) -> bool:
    text = data.decode("utf-8", "surrogateescape")
    assert names.quote_untrusted(text).isprintable()
    names.find_nearest(text, names.WELL_KNOWN_ENVIRONMENTS)
    names.looks_like_value(text)
    name = attempt_secretly(lambda: names.check_name("token", text), data)
    if name is not None:
        assert name.isascii() and 0 < len(name) <= 64 and not set(name) & set("/\\ \n$`'\"")
        names.check_variable_grammar(names.variable_from_name(name))
    variable = attempt(lambda: names.check_variable(text), UsageError)
    if variable is not None:
        assert variable.isidentifier() and variable.isascii()
        assert not names.is_denied_variable(variable.swapcase())
    return name is not None


def fuzz_dates(data: bytes) -> bool:
    text = data.decode("utf-8", "surrogateescape")
    interval = attempt(lambda: intervals.parse_interval(text), UsageError)
    moment = attempt(lambda: intervals.parse_date(text), UsageError)
    if moment is not None:
        assert intervals.parse_instant(intervals.format_instant(moment)) == moment
    return interval is not None or moment is not None


@cache
def _record_path() -> str:
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return os.path.join(folder, "seen.json")


def fuzz_seen(data: bytes) -> bool:
    with open(_record_path(), "wb") as file:
        file.write(data)
    found = attempt(lambda: seen.load_last_seen(_record_path()), Unavailable)
    if found is None:
        return False
    kinds = (type(found.vault_id), type(found.generation), type(found.file_hash))
    assert kinds == (str, int, str)
    return True


_HEADER = ("age-encryption.org/v1\n", "-> ", "--- ", "-> X25519 ", "-> credman.dev/", "\n\n")
_SLOT = (slots.ARGON2ID, "m=19456,t=2,p=1", "credman.dev/keyring/v1 ", "m=", ",t=", ",p=", " 0 ")
_JSON = (
    "null",
    "true",
    "-0.0",
    "1e999",
    "[]",
    "{}",
    '""',
    "\\ud800",
    "9007199254740992",
    '":',
    '"',
)
_DOCUMENT = (
    *_JSON,
    *('"generation":', '"history":', '"recipients":', '"slots":', '"next_slot":', '"tokens":'),
    *('"environments":', '"isolated":', '"fields":', '"variables":', '"secret":', '"versions":'),
    *('"state":"current"', '"values":', '"base64":', '"schedule":', '"remind_before":', '"note":'),
)
_TOML = ("environment", "profile", "store", "environments", "isolated", " = ", '"""', "'''", "[[")
_NUMBERS = ("inf", "0x", "0o", "1e9", "2026-01-02T03:04:05Z", "true", "{}", "[]", "\\U0001F600")

TARGETS = {
    "header": Target(fuzz_header, corpora.headers, _HEADER, 4096),
    "slots": Target(fuzz_slots, corpora.headers, (*_HEADER, *_SLOT), 4096),
    "vault": Target(fuzz_vault, corpora.vaults, (*_HEADER, *_SLOT), 8192),
    "payload": Target(fuzz_payload, corpora.payloads, ('{"credman":1,', '"auth":"'), 8192),
    "document": Target(fuzz_document, corpora.documents, _DOCUMENT, 8192),
    "sealed": Target(fuzz_sealed, corpora.documents, _DOCUMENT, 8192),
    "assignments": Target(fuzz_assignments, corpora.assignments, (*EXPECTED, "=", "\r\n"), 512),
    "config": Target(fuzz_config, corpora.configs, (*_TOML, *_NUMBERS), 1024),
    "keys": Target(fuzz_keys, corpora.key_texts, ("age1", keys.SECRET_KEY_PREFIX), 256),
    "names": Target(fuzz_names, corpora.names, ("LD_", "GIT_", "TOKEN", "_PROXY", "PATH"), 256),
    "dates": Target(fuzz_dates, corpora.dates, ("T", "Z", "+00:00", "-W", "d", "w"), 64),
    "seen": Target(fuzz_seen, corpora.records, (*_JSON, '"vault":', '"sha256":'), 4096),
    "agent": Target(agent.fuzz_agent, agent.requests, agent.WORDS, 4096),
    "transfer": Target(agent.fuzz_transfer, agent.store_requests, (*_DOCUMENT, *agent.WORDS), 4096),
}
