"""Sending a provider's requests to the stub: by its own variable where it has one, by a URL that is
a part of the token, else by a provider file of one's own in the configuration folder."""

from __future__ import annotations

import os
from pathlib import Path

from tests.upkeep.stub import Stub
from tests.upkeep.stub_answers import Issued
from tests.upkeep.stub_templates import find_hosts, list_names, list_templates, read_file, read_text


def find_variable(name: str) -> str:
    """Returns: the variable of the environment that says where the provider is."""
    base = read_file(name).get("base", {})
    return base["variables"][0] if base.get("variables") else _own_variable(name)


def make_environ(provider: Stub, *names: str) -> dict[str, str]:
    """Args: names: of providers; all of the catalogue if there is none.

    Returns:
        What sends their requests to the stub. Files of one's own are written where they need one.
    """
    for name in names or list_names():
        if list_templates(name) and not read_file(name).get("base") and find_hosts(name):
            write_own(name, render_moved(name))
    return {"CREDMAN_OFFLINE": ""} | {
        find_variable(name): provider.place(name)
        for name in names or list_names()
        if list_templates(name) and find_hosts(name)
    }


def render_moved(name: str) -> str:
    """Returns: a provider's file whose requests go where a variable says."""
    text, own = read_text(name), f"https://{name}.example"
    for host in find_hosts(name):
        text = text.replace(f"https://{host}", own)
    return f'{text}\n[base]\nurl = "{own}"\nvariables = ["{_own_variable(name)}"]\n'


def write_own(name: str, text: str) -> Path:
    """Writes a provider's file into the configuration folder."""
    folder = Path(os.environ["CREDMAN_HOME"]) / "config" / "providers"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = folder / f"{name}.toml"
    path.write_text(text, "utf-8")
    return path


def configure(text: str) -> None:
    """Writes the configuration file, such as ``timeout = 1``."""
    path = Path(os.environ["CREDMAN_HOME"]) / "config" / "config.toml"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(text + "\n", "utf-8")


def list_fields(name: str) -> list[tuple[str, str, bool]]:
    """Returns: of each field of a provider its variable, its key, and whether it is secret."""
    return [
        (f["variables"][0], f.get("key", "token"), f.get("secret", True))
        for f in read_file(name)["fields"]
    ]


def pipe(issued: Issued) -> bytes:
    """Returns: a token as it is piped into ``add`` and ``rotate``."""
    variables = {key: variable for variable, key, _ in list_fields(issued.provider)}
    if len(issued.values) == 1:
        return issued.token.encode()
    return "".join(f"{variables[key]}={value}\n" for key, value in issued.values.items()).encode()


def _own_variable(name: str) -> str:
    return f"STUB_{name.upper().replace('-', '_')}"
