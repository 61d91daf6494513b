"""The secrets of Google Colab: its browser tab serves them to the kernel.

Facts: https://github.com/googlecolab/colabtools/blob/main/google/colab/userdata.py. It is read
only; its errors have no common base; before July 2024 there was no ``TimeoutException``.
"""

from __future__ import annotations

from importlib import import_module

from credman.stores.sources.asking import Answer, Source, State, class_names, unexpected

_PANEL = "the \N{KEY} panel"
_TO_WHOM = (
    "Colab serves its secrets to its browser tab alone, not to VS Code, colab run, !python or "
    "worker processes; read it in a cell there with credman.load, and subprocesses inherit it"
)


class Colab(Source):
    title = "Colab secrets"

    def _fetch(self, name: str) -> object:
        if getattr(self.shell, "kernel", None) is None:
            raise _NoKernel
        if any(character.isspace() for character in name):
            raise _NoName  # Colab has none of that kind, and says so with a ValueError
        return import_module("google.colab.userdata").get(name)

    def _judge(self, error: BaseException, name: str) -> Answer:
        names = class_names(error)
        if "NotebookAccessError" in names:  # no subclass of Colab's other errors
            return Answer(
                State.DENIED,
                reason="defined, but this notebook may not read it",
                hint=f"switch on notebook access for {name} in {_PANEL}, "
                f"and run %credman load {name}",
            )
        if isinstance(error, _NoName) or "SecretNotFoundError" in names:
            return Answer(
                State.MISSING,
                reason="not defined",
                hint=f"add {name} in {_PANEL} and switch on notebook access",
            )
        if names & {"TimeoutException", "TimeoutError"}:
            return Answer(State.TIMEOUT, reason="did not answer in time", hint=_TO_WHOM)
        if isinstance(error, _NoKernel):
            return Answer(
                State.FAILED, reason="this process is not a notebook's kernel", hint=_TO_WHOM
            )
        return unexpected(error)

    def _fill(self, name: str) -> str:
        return f"give {name} a value in {_PANEL}, and run %credman load {name}"

    def _move(self) -> str:
        return _TO_WHOM


class _NoKernel(Exception):
    pass


class _NoName(Exception):
    pass
