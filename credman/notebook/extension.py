"""``%load_ext credman``: the magic, and redaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from credman.api import handed
from credman.notebook.magics import WORDS, Magics
from credman.notebook.redacting import Redactor, install, uninstall

_extensions: dict[int, _Extension] = {}
"""By the IPython that has it, which each keeps alive."""


class _Extension:
    def __init__(self, shell: Any) -> None:
        self._shell = shell

    def begin(self) -> None:
        magics = Magics(self._shell, self.redact)
        self._shell.register_magic_function(magics.run, "line", "credman")
        self._shell.register_magic_function(magics.run_cell, "cell", "credman")
        self._shell.set_hook("complete_command", _complete, str_key="%credman")
        self.redact(True)

    def end(self) -> None:
        self.redact(False)
        for kind in ("line", "cell"):
            self._shell.magics_manager.magics[kind].pop("credman", None)

    def redact(self, is_on: bool) -> str:
        """Returns: what came of it, in words."""
        if is_on:
            handed.listen(self._update)
            return "loaded values are kept out of what is saved"
        handed.stop(self._update)
        uninstall(self._shell)
        return "what is printed is saved as it is"

    def _update(self, values: Mapping[str, str]) -> None:
        install(self._shell, Redactor(values))


def load_ipython_extension(shell: Any) -> None:
    """Adds ``%credman`` to an IPython, and keeps loaded values out of what it saves."""
    if id(shell) not in _extensions:
        _extensions[id(shell)] = _Extension(shell)
    _extensions[id(shell)].begin()


def unload_ipython_extension(shell: Any) -> None:
    """Takes both away again."""
    extension = _extensions.pop(id(shell), None)
    if extension is not None:
        extension.end()


def _complete(shell: Any, event: Any) -> list[str]:
    """Returns: what may come next; nothing that is stored is opened for it."""
    del shell
    before = event.line[: len(event.line) - len(event.symbol)].split()
    if len(before) == 1:
        return list(WORDS)
    if len(before) == 2 and before[1] in ("load", "which", "check"):
        return _list_names()
    return ["on", "off"] if before[1:] == ["redact"] else []


def _list_names() -> list[str]:
    from credman.api.opening import make_invocation

    names = make_invocation(None, None)[0].recall_names()
    if names is None:
        return []
    found = {token.key.name for token in names.tokens}
    return sorted(found | {v for token in names.tokens for v in token.variables})
