"""How other programs read what ``export`` writes: the real parsers where there is one for Python,
elsewhere the rules of the program's own source, written down again.

Every reader takes the file's bytes and returns what each variable is given, as bytes.
"""

from __future__ import annotations

import json
import re
import tomllib
from base64 import b64decode
from collections.abc import Mapping
from io import BytesIO, TextIOWrapper
from typing import Any

import yaml
from dotenv import dotenv_values

MAX_SCAN_TOKEN_SIZE = 64 * 1024
_WINDOWS_LINE = re.compile(r"(.*?)(\r\n|\n|\Z)", re.DOTALL)
_LINE = re.compile(r"(.*?)(\n|\Z)", re.DOTALL)


def read_dotenv(data: bytes, *, interpolate: bool = True) -> dict[str, bytes]:
    """As python-dotenv opens a file: in text mode, where a lone carriage return ends a line."""
    stream = TextIOWrapper(BytesIO(data), encoding="utf-8")
    return _encode(dotenv_values(stream=stream, interpolate=interpolate))


def read_json(data: bytes) -> dict[str, bytes]:
    return _encode(json.loads(data))


def read_yaml(data: bytes, loader: Any = yaml.SafeLoader) -> dict[str, bytes]:
    return _encode(yaml.load(data, Loader=loader))


def read_toml(data: bytes) -> dict[str, bytes]:
    return _encode(tomllib.loads(data.decode()))


def read_k8s(data: bytes) -> dict[str, bytes]:
    manifest = yaml.safe_load(data)
    assert (manifest["apiVersion"], manifest["kind"]) == ("v1", "Secret")
    assert manifest["type"] == "Opaque" and manifest.keys() <= {*HEAD, "data"}
    # k8s.io/apimachinery: IsDNS1123Subdomain and IsConfigMapKey.
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", manifest["metadata"]["name"])
    assert all(re.fullmatch(r"[-._a-zA-Z0-9]{1,253}", key) for key in manifest["data"])
    return {key: b64decode(value, validate=True) for key, value in manifest["data"].items()}


HEAD = ("apiVersion", "kind", "metadata", "type")


def read_docker(data: bytes, *, trims_quotes: bool) -> dict[str, bytes]:
    """github.com/docker/cli, pkg/kvfile/kvfile.go, on bufio.ScanLines of Go.

    Args:
        trims_quotes: as releases since 2025 do.
    """
    found: dict[str, bytes] = {}
    assert data.endswith(b"\n") or not data
    for number, line in enumerate(data.split(b"\n")[:-1]):
        assert len(line) + 1 <= MAX_SCAN_TOKEN_SIZE, "token too long"
        text = line.removesuffix(b"\r").decode("utf-8")
        text = (text.removeprefix("\ufeff") if number == 0 else text).lstrip()
        if not text or text.startswith("#"):
            continue
        key, separator, value = text.partition("=")
        assert key and separator and not re.search("[ \t]", key)
        if trims_quotes and len(value) > 1 and value[0] == value[-1] and value[0] in "'\"":
            value = value[1:-1]
        found[key] = value.encode()
    return found


def read_github(data: bytes, *, is_windows: bool) -> dict[str, bytes]:
    """github.com/actions/runner, src/Runner.Worker/FileCommandManager.cs."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    pattern = _WINDOWS_LINE if is_windows else _LINE
    found: dict[str, bytes] = {}
    index = 0

    def read_line() -> tuple[str, str] | None:
        nonlocal index
        if index >= len(text):
            return None
        match = pattern.match(text, index)
        assert match is not None
        index = match.end()
        return match[1], match[2]

    while (line := read_line()) is not None:
        if not line[0]:
            continue
        equals, heredoc = line[0].find("="), line[0].find("<<")
        if equals >= 0 and (heredoc < 0 or equals < heredoc):
            name, _, value = line[0].partition("=")
        else:
            assert heredoc >= 0, "invalid format"
            name, _, delimiter = line[0].partition("<<")
            start = end = index
            while (part := read_line()) != (delimiter, "\n"):
                assert part is not None, "matching delimiter not found"
                end = index - len(part[1])
            value = text[start:end]
        if name.upper() != "NODE_OPTIONS":
            found[name] = value.encode()
    return found


def _encode(values: Mapping[str, Any]) -> dict[str, bytes]:
    assert all(isinstance(value, str) for value in values.values())
    return {name: value.encode() for name, value in values.items()}
