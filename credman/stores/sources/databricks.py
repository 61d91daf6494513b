"""The secrets of Databricks: ``dbutils`` reads a key of a scope.

A name says both (``scope/key``), or the scope is the same for all. What ``dbutils`` raises is
Java's, wrapped by py4j, or the SDK's: so class and text are looked at, and neither is passed on.
"""

from __future__ import annotations

from importlib import import_module
from typing import Protocol

from credman.stores.sources.asking import Answer, Source, State, class_names, unexpected

_DENIED_NAMES = {"PermissionDenied", "Unauthenticated"}
_DENIED_TEXTS = ("permission_denied", "does not have read permission", "unauthorized")
_MISSING_NAMES = {"NotFound", "ResourceDoesNotExist"}
_TIMEOUT_NAMES = {"TimeoutError", "OperationTimeout", "DeadlineExceeded"}


class Databricks(Source):
    """Args: scope: of names that do not say one; empty: they must."""

    title = "Databricks secrets"

    def __init__(self, shell: object | None, scope: str) -> None:
        super().__init__(shell)
        self._scope = scope

    def _fetch(self, name: str) -> object:
        scope, slash, key = name.partition("/")
        if not slash:
            scope, key = self._scope, name
        if not scope or not key:
            raise _NoScope
        return self._find_dbutils().secrets.get(scope, key)

    def _find_dbutils(self) -> _Dbutils:
        names = getattr(self.shell, "user_ns", None)
        found: _Dbutils | None = names.get("dbutils") if isinstance(names, dict) else None
        if found is None:
            try:
                found = import_module("databricks.sdk.runtime").dbutils
            except ImportError:
                raise _NoDbutils from None
        if found is None:  # there is no Spark
            raise _NoDbutils
        return found

    def _judge(self, error: BaseException, name: str) -> Answer:
        if isinstance(error, _NoScope):
            return Answer(
                State.MISSING,
                reason="no scope is named",
                hint=f"ask for SCOPE/{name}, or set CREDMAN_DATABRICKS_SCOPE",
            )
        if isinstance(error, _NoDbutils):
            return Answer(
                State.FAILED,
                reason="there is no dbutils in this process",
                hint="read it in a notebook's cell with credman.load; subprocesses inherit it",
            )
        names = class_names(error)
        if names & _TIMEOUT_NAMES:
            return Answer(State.TIMEOUT, reason="did not answer in time", hint=self._move())
        text = str(error).lower()
        if names & _DENIED_NAMES or any(part in text for part in _DENIED_TEXTS):
            return Answer(
                State.DENIED,
                reason="the scope may not be read by this user",
                hint=f"ask for READ on the scope, and run %credman load {name}",
            )
        if names & _MISSING_NAMES or _says_missing(text):
            return Answer(
                State.MISSING,
                reason="no such scope, or no such key in it",
                hint="databricks secrets put-secret SCOPE KEY adds it",
            )
        return unexpected(error)

    def _fill(self, name: str) -> str:
        return (
            f"databricks secrets put-secret SCOPE KEY gives it a value; then %credman load {name}"
        )

    def _move(self) -> str:
        return "the cluster may have ended: attach the notebook to one that runs"


def _says_missing(text: str) -> bool:
    """Whether it is about a secret or a scope: py4j says the same of a method."""
    lines = (line for line in text.splitlines() if "does not exist" in line)
    return "resource_does_not_exist" in text or any(
        word in line for line in lines for word in ("secret does", "scope")
    )


class _Secrets(Protocol):
    def get(self, scope: str, key: str) -> object: ...


class _Dbutils(Protocol):
    @property
    def secrets(self) -> _Secrets: ...


class _NoScope(Exception):
    pass


class _NoDbutils(Exception):
    pass
