"""``%load_ext credman``: the magic, and redaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from credman.api import handed
from credman.notebook.completing import list_words, make_matcher
from credman.notebook.lines import HELP
from credman.notebook.magics import Magics
from credman.notebook.redacting import Redactor, install, uninstall

_extensions: dict[int, _Extension] = {}
"""By the IPython that has it, which each keeps alive."""


class _Extension:
    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._matcher: Callable[[Any], Any] | None = None
        self._is_on = False
        self._is_saved = True

    def begin(self) -> None:
        magics = Magics(self._shell, self.redact)

        def run(line: str) -> None:
            magics.run(line)

        def run_cell(line: str, cell: str) -> None:
            magics.run_cell(line, cell)

        run.__doc__ = run_cell.__doc__ = f"\n{HELP}"  # what %credman? shows
        self._shell.register_magic_function(run, "line", "credman")
        self._shell.register_magic_function(run_cell, "cell", "credman")
        self._add_completion()
        self.redact(True)

    def end(self) -> None:
        self.redact(False)
        for kind in ("line", "cell"):
            self._shell.magics_manager.magics[kind].pop("credman", None)
        matchers = getattr(self._shell.Completer, "custom_matchers", [])
        if self._matcher in matchers:
            matchers.remove(self._matcher)

    def _add_completion(self) -> None:
        if self._matcher is not None:
            return
        try:
            self._matcher = make_matcher()
            self._shell.Completer.custom_matchers.append(self._matcher)
        except (ImportError, AttributeError):
            self._shell.set_hook("complete_command", _complete, str_key="%credman")

    def redact(self, is_on: bool | None) -> str:
        """Args: is_on: None: as it is.

        Returns:
            What came of it, in words.
        """
        if is_on:
            handed.listen(self._update)
            self._is_on = self._is_saved
        if is_on is False or not self._is_saved:
            handed.stop(self._update)
            uninstall(self._shell)
            self._is_on = False
        if not self._is_saved:
            return "a terminal's outputs are not saved, so nothing is taken out of them"
        if self._is_on:
            return "loaded values are kept out of what is saved"
        return "loaded values are shown, and saved, as they are: %credman redact on"

    def _update(self, values: Mapping[str, str]) -> None:
        self._is_saved = install(self._shell, Redactor(values))


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
    del shell
    return list_words(event.text_until_cursor)
