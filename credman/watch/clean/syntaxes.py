"""Which syntax a file has, by its name and its beginning, and what edits it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from credman.watch.clean.config_text import edit_dotenv, edit_ini, edit_toml
from credman.watch.clean.edits import Edit, Leak
from credman.watch.clean.json_text import edit_json, parse
from credman.watch.clean.notebook import edit_notebook
from credman.watch.clean.python import edit_python
from credman.watch.clean.shell import edit_shell
from credman.watch.clean.yaml_text import edit_yaml

Editor = Callable[[bytes, Sequence[Leak]], list[Edit] | None]
"""Gives None for what is not of its syntax."""

_BY_ENDING: dict[str, Editor] = {
    ".ipynb": edit_notebook,
    ".py": edit_python,
    ".pyi": edit_python,
    ".pyw": edit_python,
    ".json": edit_json,
    ".webmanifest": edit_json,
    ".yaml": edit_yaml,
    ".yml": edit_yaml,
    ".toml": edit_toml,
    ".env": edit_dotenv,
    ".ini": edit_ini,
    ".cfg": edit_ini,
    ".conf": edit_ini,
    ".properties": edit_ini,
    ".sh": edit_shell,
    ".bash": edit_shell,
    ".zsh": edit_shell,
    ".ksh": edit_shell,
    ".fish": partial(edit_shell, is_fish=True),
}
_SHELL_FILES = frozenset(
    {".envrc", ".profile", ".bashrc", ".bash_profile", ".bash_login", ".zshrc", ".zshenv"}
    | {".zprofile", ".zlogin", ".kshrc", ".xprofile"}
)
_PROGRAM = re.compile(rb"#![^\n]*?\b(python|fish|bash|zsh|dash|ksh|sh)[0-9.]*\b")
_WORKFLOW = re.compile(r"(?:^|/)\.(?:github|gitea|forgejo)/(?:workflows|actions)/[^\n]*\.ya?ml$")


def find_editor(path: str, head: bytes) -> Editor | None:
    """Args: path: of the file; head: its first bytes. Returns: None: nothing is known of it."""
    name = path.rpartition("/")[2].lower()
    if _WORKFLOW.search(path.lower()):
        return partial(edit_yaml, is_workflow=True)
    if name in _SHELL_FILES:
        return edit_shell
    if name == ".env" or name.startswith(".env."):
        return edit_dotenv
    ending = name[name.rfind(".") :] if "." in name else ""
    if ending in _BY_ENDING:
        return _BY_ENDING[ending]
    program = _PROGRAM.match(head)
    if program is not None:
        if program[1] == b"python":
            return edit_python
        return partial(edit_shell, is_fish=program[1] == b"fish")
    if head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1] in (b"{", b"["):
        return edit_json
    return None


def is_valid(editor: Editor | None, data: bytes) -> bool:
    """Returns: whether programs can read it; of a syntax that nobody here reads: no."""
    if editor is edit_json or editor is edit_notebook:
        return parse(data) is not None
    if editor is edit_toml:
        import tomllib

        try:
            return bool(tomllib.loads(data.decode("utf-8")))
        except (ValueError, RecursionError):
            return False
    return editor is edit_python and edit_python(data, ()) is not None
