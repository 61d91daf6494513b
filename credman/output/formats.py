r"""Files for other programs: dotenv, JSON, YAML, TOML, and what Docker, GitHub and Kubernetes read.

Rule: whoever reads the file gets exactly the bytes that are stored, or there is no file. What a
format cannot hold is refused before anything is written, with the variable and the reason, never
the value. ``docs/export.md`` says which readers were tried.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from enum import StrEnum

from credman.core.errors import Refused
from credman.core.names import DEFAULT_PROFILE, check_variable
from credman.core.secret import Secret
from credman.output.dotenv import find_dotenv_obstacle, render_dotenv
from credman.output.process import MAX_STRING_BYTES

MAX_DOCKER_LINE = 65_535
"""bufio.MaxScanTokenSize of Go, less the line end."""
MAX_SECRET_BYTES = 1024 * 1024
"""Kubernetes: MaxSecretSize, of all values together."""
MAX_SECRET_KEY = 253
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NOT_TEXT = "it is not UTF-8 text"


class Format(StrEnum):
    DOTENV = "dotenv"
    JSON = "json"
    YAML = "yaml"
    TOML = "toml"
    DOCKER = "docker"
    GITHUB = "github"
    K8S = "k8s"


def render_file(
    form: Format, variables: Mapping[str, Secret], *, environment: str, profile: str
) -> bytes:
    """Args:
        variables: what the file gives, in this order.
        environment, profile: where they come from; the manifest for Kubernetes is named after them.

    Raises:
        Refused: the format cannot hold one of them.
        UsageError: a name is not one; it may have come from a file, so it is checked here again.
    """
    for name, value in variables.items():
        check_variable(name)
        _refuse_obstacle(form, name, value)
    if form is Format.K8S:
        return _render_k8s(variables, _secret_name(environment, profile))
    return _RENDER[form]({name: value.to_bytes().decode() for name, value in variables.items()})


def _refuse_obstacle(form: Format, name: str, value: Secret) -> None:
    obstacle = _find_obstacle(form, name, value.to_bytes())
    if obstacle is None:
        return
    able = [other for other in Format if _find_obstacle(other, name, value.to_bytes()) is None]
    others = f"{', '.join(able)} can; " if able else ""
    raise Refused(
        f"{form} cannot hold {name}: {obstacle}",
        hint=f"{others}--only with the others leaves it out",
    )


def _find_obstacle(form: Format, name: str, value: bytes) -> str | None:
    """Returns: why the format cannot hold this variable, without its value; None if it can."""
    if form is Format.K8S:
        if len(name) > MAX_SECRET_KEY:
            return f"a key has at most {MAX_SECRET_KEY} characters"
        return "it is larger than 1 MiB" if len(value) > MAX_SECRET_BYTES else None
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        return _NOT_TEXT
    find = _FIND.get(form)
    return None if find is None else find(name, text)


def _find_docker_obstacle(name: str, text: str) -> str | None:
    # github.com/docker/cli, pkg/kvfile/kvfile.go: no quoting at all. Releases since 2025 take a
    # pair of quotes around the value away, earlier ones keep it; so there is no form for that.
    if "\n" in text:
        return "it has several lines, and an env-file has one for each variable"
    if text.endswith("\r"):
        return "it ends with a carriage return, which is taken for a part of the line end"
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        return "it stands in quotes, which some releases of docker take away"
    if len(name) + 1 + len(text.encode()) > MAX_DOCKER_LINE:
        return "docker reads no line of 64 KiB or more"
    return None


def _find_github_obstacle(name: str, text: str) -> str | None:
    # github.com/actions/runner: FileCommandManager.cs refuses NODE_OPTIONS; its own variables
    # (GitHubContext.cs, RunnerContext.cs) are set over whatever the file says. GITHUB_TOKEN is not
    # among them.
    upper = name.upper()
    if upper == "NODE_OPTIONS" or (
        upper.startswith(("GITHUB_", "RUNNER_")) and upper != "GITHUB_TOKEN"
    ):
        return "the runner keeps variables of this name for itself"
    if text.endswith("\r"):
        return "it ends with a carriage return, which Windows runners take for a part of a line end"
    if len(name) + len(text.encode()) + 2 > MAX_STRING_BYTES:
        return "it is too long for an environment variable: no later step could start"
    return None


def _render_json(texts: Mapping[str, str]) -> bytes:
    import json

    return f"{json.dumps(texts, indent=2, ensure_ascii=True)}\n".encode("ascii")


def _render_yaml(texts: Mapping[str, str]) -> bytes:
    # Keys are quoted as well: NO and ON are booleans in YAML 1.1.
    lines = [f"{_quote(name)}: {_quote(text)}\n" for name, text in texts.items()]
    return ("".join(lines) or "{}\n").encode()


def _render_toml(texts: Mapping[str, str]) -> bytes:
    return "".join(f"{name} = {_quote(text)}\n" for name, text in texts.items()).encode()


def _render_docker(texts: Mapping[str, str]) -> bytes:
    return "".join(f"{name}={text}\n" for name, text in texts.items()).encode()


def _render_github(texts: Mapping[str, str]) -> bytes:
    parts = []
    for name, text in texts.items():
        if "\n" in text:
            end = _choose_delimiter(text)
            parts.append(f"{name}<<{end}\n{text}\n{end}\n")
        else:
            parts.append(f"{name}={text}\n")
    return "".join(parts).encode()


def _choose_delimiter(text: str) -> str:
    # Random, so that nobody who chose the value can end it early and go on with a variable of
    # their own.
    import secrets

    while True:
        delimiter = f"CREDMAN_{secrets.token_hex(16)}"
        if delimiter not in text:
            return delimiter


def _render_k8s(variables: Mapping[str, Secret], name: str) -> bytes:
    from base64 import b64encode

    values = {variable: value.to_bytes() for variable, value in variables.items()}
    if sum(map(len, values.values())) > MAX_SECRET_BYTES:
        raise Refused(
            "a Kubernetes secret holds 1 MiB, and these values together are larger",
            hint="--only A,B chooses some of them",
        )
    # Quoted, since base64 may look like a number.
    lines = [f'  "{v}": "{b64encode(value).decode("ascii")}"\n' for v, value in values.items()]
    data = "data:\n" + "".join(lines) if lines else "data: {}\n"
    head = f'apiVersion: v1\nkind: Secret\nmetadata:\n  name: "{name}"\ntype: Opaque\n'
    return (head + data).encode("ascii")


def _secret_name(environment: str, profile: str) -> str:
    # A DNS-1123 name; letters and digits of any case survive in lower case.
    parts = ["credman", environment, *([] if profile == DEFAULT_PROFILE else [profile])]
    return re.sub(r"[^a-z0-9]+", "-", "-".join(parts).lower()).strip("-")


def _quote(text: str) -> str:
    """Returns: a basic string of TOML, which is a double-quoted scalar of YAML 1.1 and 1.2 too.
    Not JSON's way: YAML does not take surrogate pairs for a character."""
    return f'"{"".join(map(_escape, text))}"'


def _escape(character: str) -> str:
    if character in _ESCAPES:
        return _ESCAPES[character]
    if character.isprintable():
        return character
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


_FIND: Mapping[Format, Callable[[str, str], str | None]] = {
    Format.DOTENV: find_dotenv_obstacle,
    Format.DOCKER: _find_docker_obstacle,
    Format.GITHUB: _find_github_obstacle,
}
_RENDER: Mapping[Format, Callable[[Mapping[str, str]], bytes]] = {
    Format.DOTENV: render_dotenv,
    Format.JSON: _render_json,
    Format.YAML: _render_yaml,
    Format.TOML: _render_toml,
    Format.DOCKER: _render_docker,
    Format.GITHUB: _render_github,
}
