"""Values of several lines: found however the file that holds them is written."""

from __future__ import annotations

import base64
import json
import random

import pytest

from credman.watch.scan.needles import compile_needles, make_needles
from credman.watch.scan.patterns import find_engine

_RANDOM = random.Random(8)
BODY = base64.encodebytes(_RANDOM.randbytes(900)).decode().replace("\n", "")
LINES = [BODY[i : i + 64] for i in range(0, len(BODY), 64)]
PEM = "\n".join(["-----BEGIN " + "PRIVATE KEY-----", *LINES, "-----END " + "PRIVATE KEY-----", ""])
ACCOUNT = {
    "type": "service_account",
    "project_id": "my-project-of-a-rather-long-name-12345678901",
    "private_key_id": _RANDOM.randbytes(20).hex(),
    "private_key": PEM,
    "token_uri": "https://oauth2.googleapis.com/token/of/a/long/path/that/is/no/secret/at/all",
}
STORED = json.dumps(ACCOUNT, indent=2)


def found_in(text: str) -> set[str]:
    needles = make_needles([STORED.encode()])
    matcher = compile_needles(needles, engine=find_engine())
    return {needles[number].encoding for number in matcher.find(text.encode())}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(ACCOUNT),
        json.dumps(ACCOUNT, indent=4, sort_keys=True),
        json.dumps({"nested": STORED}),
        PEM,
        PEM.replace("\n", "\r\n"),
        f"id: {ACCOUNT['private_key_id']}",
    ],
)
def test_another_writing_of_it(text: str) -> None:
    assert "part" in found_in(text)


@pytest.mark.parametrize("key", ["project_id", "token_uri", "type"])
def test_what_of_it_is_no_secret_is_not_looked_for(key: str) -> None:
    assert found_in(f"{key}: {ACCOUNT[key]}") == set()


def test_as_it_is_stored_it_is_whole() -> None:
    assert "plain" in found_in(STORED)


def test_a_usual_value_has_no_parts() -> None:
    needles = make_needles([LINES[0].encode() + LINES[1].encode()])
    assert {needle.encoding for needle in needles} == {
        "plain", "hex", "base64", "UTF-16", "URL-encoded", "JSON-escaped"
    } - (set() if "/" in LINES[0] + LINES[1] else {"JSON-escaped"})  # fmt: skip
