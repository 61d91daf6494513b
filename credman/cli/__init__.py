"""The command line: one module a command, chosen from a table of strings.

Rule: nothing but the chosen command is imported. A test keeps the summaries below equal to what
each command says of itself.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Args: target: ``module:function`` below ``credman.cli``; summary: one line for ``--help``."""

    target: str
    summary: str


COMMANDS: dict[str, Entry] = {
    "init": Entry("init:init", "Make the store, and a recovery key for it"),
    "add": Entry("add:add", "Store a token"),
    "get": Entry("get:get", "Print one value"),
    "show": Entry("show:show", "Show what is known of a token, its values masked"),
    "list": Entry("list:list_tokens", "List the tokens of an environment"),
    "remove": Entry("remove:remove", "Remove a token"),
    "env": Entry("env:env", "Print text for eval that sets an environment's variables"),
    "exec": Entry("exec:execute", "Run a command with an environment's variables"),
    "providers": Entry("providers:providers", "List the services whose tokens credman knows"),
    "use": Entry("use:use", "Choose the environment and profile used by default"),
}

ALIASES = {"ls": "list", "rm": "remove", "run": "exec"}
