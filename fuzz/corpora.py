"""Where fuzzing starts from: inputs that parse and inputs that nearly do, made anew each time.

Rule: nothing here is a token or looks like one, and whatever has a checksum is computed, so that no
key stands in the repository. What once was a crash lies in ``fuzz/regressions/TARGET``.
"""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from credman.vault import age, container, keys
from tests.vault.reference import Entropy

FOLDER = Path(__file__).parent
VECTORS = FOLDER.parent / "tests" / "vault" / "vectors"
TESTKIT = FOLDER.parent / "tests" / "vault" / "testkit"
REGRESSIONS = FOLDER / "regressions"
MOMENT = "2026-01-02T03:04:05Z"
OWNED = "passphrase"
"""The vector whose header is put in front of documents; its identity follows from its name."""

_DOCUMENTS = ("identity", "lone_surrogate_in_a_note", "no_slots", "slots_17", "unknown_fields")
_CONFIGS = (
    "",
    "# nothing\n",
    'environment = "dev"\nprofile = "work"\nstore = "file:~/team.age"\n',
    "[environments.prod]\nisolated = true\n[environments.edge]\n",
    "environments = {prod = {isolated = false}, 'ed-ge' = {}}\n",
    'store = """\nfile:\\u00e9\\\n  x"""\n',
    "environments = [1, 0x1F, 1e9, inf, 2026-01-02T03:04:05Z]\n",
    "envronment = 1\n",
    "[environments.prod]\nother = 1\n",
    '[[environments]]\n"a b" = 1\n',
    "environment = 'a b'\n",
    "a.b.c.d = {}\na.b = 1\n",
    'store = "\\x"\n',
)
_ASSIGNMENTS = (
    b"",
    b"\r\n \n",
    b"FIRST=one\nSECOND_PART=two\n",
    b" FIRST =one = two \r\nSECOND_PART=\xff\xfe\r\r\n",
    b"THIRD=\nFIRST==\n",
    b"FIRST=one\nFIRST=two\n",
    b"first=one\n",
    b"OTHER=one\n",
    b"a line without a separator\n",
    b"FIR\xc5\xa0T=one\n=\n",
    b"export FIRST=one\n",
)
_NAMES = (
    "api",
    "2fa",
    "hf-write.v2_x",
    "a" * 64,
    "a" * 65,
    "",
    "-rf",
    "../x",
    "a b",
    "é",
    "K",
    "MY_API",
    "_",
    "1A",
    "LD_PRELOAD",
    "path",
    "GIT_TOKEN",
    "GIT_SSH",
    "https_proxy",
    "\x1b[31m\u202e",
    "b5K2" * 8,
)
_DATES = (
    "90d",
    "12w",
    "9999w",
    "0d",
    "1m",
    "2027-03-31",
    "2027-W13-3",
    "2027-03-31T12:00:00+01:00",
    "0001-01-01T00:00:00+23:59",
    "9999-12-31T23:59:59-23:59",
    "20270331T120000Z",
    "2027-03-31T12:00:00",
    MOMENT,
)
_RECORDS: tuple[Any, ...] = (
    {
        "version": 1,
        "path": "/srv/vault.age",
        "vault": "0" * 32,
        "generation": 7,
        "sha256": "f" * 64,
    },
    {"vault": "", "generation": -1, "sha256": "\ud800"},
    {"vault": "a", "generation": True, "sha256": "b"},
    {"vault": None, "generation": 1.5, "sha256": "b"},
    {},
    [],
    None,
    [[[[1e999]]]],
)


def vaults() -> list[bytes]:
    """Returns: our vectors and those of age's test kit, but those of several chunks."""
    files = (*_read_files(VECTORS), *_read_files(TESTKIT))
    return [file for file in files if len(file) < 8192]


def headers() -> list[bytes]:
    """Returns: the beginnings of those: what is behind a header does not change how it is read."""
    return [file[: file.find(b"\n--- ") + 64] for file in vaults()]


def _read_files(folder: Path) -> Iterator[bytes]:
    for path in sorted(folder.iterdir()):
        head, _, file = path.read_bytes().partition(b"\n\n")
        if path.name != "README.md":
            yield zlib.decompress(file) if b"compressed: zlib" in head else file


def read_vector(name: str) -> bytes:
    """Returns: the vault file that the vector holds."""
    return (VECTORS / name).read_bytes().partition(b"\n\n")[2]


def identity_of(name: str) -> bytes:
    """Returns: the vault identity of a vector."""
    return Entropy(f"credman vector {name}").take(age.KEY_BYTES)


@cache
def read_payload(name: str) -> bytes:
    """Returns: what the vector's file seals."""
    file = read_vector(name)
    header = age.parse_header(file)
    file_key = age.unwrap_x25519(header.stanzas[0], identity_of(name))
    if file_key is None:
        raise AssertionError(f"the vector {name} has another identity")
    return age.decrypt_payload(file_key, file[header.size :])


@cache
def read_own_header() -> bytes:
    """Returns: the header of ``OWNED``, as bytes."""
    file = read_vector(OWNED)
    return file[: age.parse_header(file).size]


def authenticate(line: bytes) -> bytes:
    """Returns: the first line of a payload of ``OWNED``, so that its owner believes the second."""
    auth = container._compute_auth(identity_of(OWNED), read_own_header(), line)
    return b'{"credman":1,"auth":"%s"}\n' % auth


def payloads() -> list[bytes]:
    """Returns: payloads, as an owner of ``OWNED`` may write them and as nobody should."""
    own = read_payload(OWNED)
    start, line = own.split(b"\n", 1)
    return [
        own,
        own.replace(b'"auth":"', b'"auth":"A', 1)[: len(own)],
        start[:-3] + bytes([start[-3] ^ 1]) + start[-2:] + b"\n" + line,
        authenticate(line + b" \n") + line + b" \n",
        own[:-1],
        own + b" ",
        start + b"\n",
        start,
        b"",
        own.replace(b'"credman":1', b'"credman":2', 1),
        own.replace(b'"credman":1', b'"credman":9999', 1),
        own.replace(b"AGE-SECRET-KEY-1", b"AGE-SECRET-KEY-Q", 1),
        line,
    ]


def documents() -> list[bytes]:
    """Returns: documents as JSON, all with the identity and the slots of ``OWNED``."""
    own = json.loads(_line(OWNED))
    found = [_line(OWNED), json.dumps(_full(own)).encode("ascii")]
    for path in sorted(VECTORS.iterdir()):
        if path.name.startswith("document_") or path.name in _DOCUMENTS:
            entropy = Entropy(f"credman vector {path.name}")
            identity, _, vault_id = entropy.take(32), entropy.take(32), entropy.take(16).hex()
            line = _line(path.name).replace(vault_id.encode(), own["vault"].encode())
            text = str(keys.render_identity(identity))
            line = line.replace(text.encode(), own["identity"].encode())
            found.append(line)
    return found


def _line(name: str) -> bytes:
    return read_payload(name).partition(b"\n")[2].rstrip(b" \n")


def _full(document: dict[str, Any]) -> dict[str, Any]:
    extra: dict[str, Any] = {"newer": [1, -0.5, None, {"as": True}, "\ud83d\ude00"]}
    states = ("staged", "retiring", "revoked", "compromised", "current")
    fate = {
        **dict.fromkeys(("expires_at", "retiring_at", "ended_at"), MOMENT),
        "grace": "7d",
        "ended_by": "EXAMPLE",
        "ids": {"id": "17"},
        "finding": {"liveness": "live", "at": MOMENT, "identity": "EXAMPLE", "account": "7",
                    "scopes": "read", **extra},
    }  # fmt: skip
    exposure = {"at": MOMENT, "seen_at": MOMENT, "count": 2, "places": ["/a", "/\udcff b"], **extra}
    hidden = {"base64": base64.b64encode(b"EXAMPLE \xff").decode()}
    token: dict[str, Any] = {
        "name": "full",
        "environment": "edge",
        "profile": "work",
        "provider": "example",
        "note": "two\nlines",
        "fields": [
            {"name": "FULL_ID", "variables": ["FULL_ID", "OTHER_ID"], "secret": False, **extra},
            {"name": "FULL_KEY", "variables": ["FULL_KEY"], "secret": True},
        ],
        "versions": [
            {
                "number": number,
                "state": state,
                "created_at": MOMENT,
                "values": {"FULL_ID": "EXAMPLE", "FULL_KEY": hidden},
                **fate,
                **({"exposure": exposure} if state == "current" else {}),
                **extra,
            }
            for number, state in enumerate(states)
        ],
        "schedule": {
            "rotate_every": "90d",
            "expires_at": MOMENT,
            "remind_before": ["14d", "3d"],
            "grace": "7d",
            **extra,
        },
        "unsure": True,
        "rotation": {"version": 0, "stage": "answered", "automatic": True, "started_at": MOMENT,
                     "grace": "2w", **extra},
        "command": {"text": "printenv EXAMPLE", "ttl_seconds": 3000, "shell": True, **extra},
        **extra,
    }  # fmt: skip
    return {
        **document,
        "history": [[1, "0" * 64], [2, "f" * 64]],
        "environments": [{"name": "edge", "isolated": True, **extra}],
        "tokens": [*document["tokens"], token],
        **extra,
    }


def key_texts() -> list[bytes]:
    """Returns: native keys, and some with one thing wrong."""
    secret = str(keys.render_identity(bytes(range(32))))
    public = keys.render_recipient(bytes(range(32)))
    good = [secret, public, secret.lower(), public.upper(), f" {public}\n"]
    bad = [secret[:-1], public + "q", public.replace("1", "l"), secret.title(), "age1", "", "1" * 9]
    return [text.encode() for text in (*good, *bad, secret.replace("K", "\u212a"))]


def assignments() -> list[bytes]:
    """Returns: ``VAR=value`` lines."""
    return list(_ASSIGNMENTS)


def configs() -> list[bytes]:
    """Returns: configuration files."""
    return [text.encode() for text in _CONFIGS]


def names() -> list[bytes]:
    """Returns: names and variables."""
    return [text.encode() for text in _NAMES]


def dates() -> list[bytes]:
    """Returns: intervals, dates and instants."""
    return [text.encode() for text in _DATES]


def records() -> list[bytes]:
    """Returns: records of what was last seen."""
    return [json.dumps(record).encode("ascii") for record in _RECORDS] + [b"", b"\xff", b"[" * 2000]


def regressions(target: str) -> list[bytes]:
    """Returns: what once was a crash of this target."""
    folder = REGRESSIONS / target
    return [path.read_bytes() for path in sorted(folder.iterdir())] if folder.is_dir() else []
