"""Whatever is in a file, time and memory have a bound."""

from __future__ import annotations

import base64
import os
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.watch.scan.scanning import scan, scan_elsewhere

_VALUE = base64.b32encode(os.urandom(25))[:32]
_BODY = "".join(random.Random(5).choices("ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz", k=30))

CATASTROPHES: dict[str, Callable[[], bytes]] = {
    "one letter": lambda: b"a" * 10_000_000,
    "heads": lambda: b"ghs_1_" * 1_000_000,
    "dashes": lambda: b"sk-ant-a-" * 1_000_000,
    "short heads": lambda: b"sk-" * 3_000_000,
    "JWT": lambda: b"eyJ" * 3_000_000,
    "JWT with dots": lambda: b"eyJhbA." * 1_000_000,
    "headless": lambda: b"xsk-ant-a-" * 500_000,
    "names": lambda: b"COHERE_API_KEY=" * 600_000,
    "names and quotes": lambda: b"COHERE_API_KEY" + b"'" * 9_000_000,
    "webhooks": lambda: b"https://hooks.slack.com/services/" * 250_000,
    "escapes": lambda: b"\\u0068" * 1_500_000,
    "escaped slashes": lambda: b"https:\\/\\/" * 800_000,
    "percents": lambda: b"%3A%2F" * 1_500_000,
    "keys": lambda: b'"private_key": "-----BEGIN PRIVATE KEY-----\\n' * 150_000,
    "tokens": lambda: (b"hf_" + _BODY.encode() + b"abcd ") * 100_000,
    "tokens and heads": lambda: (b"hf_" + _BODY.encode() + b"abcd " + b"eyJ" * 9_000) * 200,
    "quotes": lambda: b'{"cells": ["' + b'\\"' * 3_000_000,
    "brackets": lambda: b"[" * 5_000_000,
}


@pytest.mark.parametrize("name", CATASTROPHES)
def test_f14_nothing_takes_for_ever(name: str) -> None:
    data = CATASTROPHES[name]() + b" " + _VALUE
    begun = time.monotonic()
    report = scan(data, [_VALUE], name="a.ipynb")
    assert time.monotonic() - begun < 60  # a guard
    assert report.findings if "tokens" in name else not report.unread
    if not report.unread:
        assert any(finding.owner is not None for finding in report.findings)


def test_too_many_tokens_are_told_as_far_as_they_go() -> None:
    lines = b"".join(b"%d %b\n" % (n, _VALUE) for n in range(3000))
    report = scan(lines, [_VALUE])
    assert [f.line for f in report.findings] == [*range(1, 1001)]
    assert [u.reason for u in report.unread] == [
        "it has too much that looks like tokens to tell all of it"
    ]


def _fill(path: Path, size: int, line: bytes) -> None:
    block = (line * (1024 * 1024 // len(line) + 1))[: 1024 * 1024]
    with open(path, "wb") as file:
        for _ in range(size // len(block)):
            file.write(block)
        file.write(b"\n" + _VALUE)


@pytest.mark.parametrize(
    ("size", "line"),
    [
        (10, b"\\u0068\\u0066\\u005f"),
        (40, b"plain text and no more, "),
        pytest.param(500, b"plain text and no more, ", marks=pytest.mark.deep),
        pytest.param(300, b"iVBORw0KGgoAAAANSUhEUgAA", marks=pytest.mark.deep),
        pytest.param(300, b"\\u0068\\u0066\\u005f\\/", marks=pytest.mark.deep),
        pytest.param(3000, b"plain text and no more, ", marks=pytest.mark.deep),
    ],
)
def test_memory_has_a_bound_whatever_the_size(tmp_path: Path, size: int, line: bytes) -> None:
    for name in ("a.ipynb", "b.txt"):
        _fill(tmp_path / name, size * 1024 * 1024, line)
    lines = scan_elsewhere(_VALUE, str(tmp_path), seconds=600)
    assert lines[:-1] == ["2"]
    assert int(lines[-1].removesuffix(" MB")) < 150
