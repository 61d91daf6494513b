"""Databricks' secrets, by a ``dbutils`` as a notebook has it."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Mapping
from types import ModuleType, SimpleNamespace

import pytest

from credman.stores.sources import SCOPE_VARIABLE, Answer, Source, State, find_source


class Py4JJavaError(Exception):
    """As py4j's: the text is Java's, with where it came from."""


class NotFound(Exception):
    """As the SDK's."""


class PermissionDenied(Exception):
    """As the SDK's."""


class Secrets:
    """Args: kept: values by scope and key; an exception is raised."""

    def __init__(self, kept: Mapping[tuple[str, str], object]) -> None:
        self.kept = dict(kept)
        self.asked: list[tuple[str, str]] = []

    def get(self, scope: str, key: str) -> object:
        self.asked.append((scope, key))
        found = self.kept.get((scope, key), make_java_error(scope, key))
        if isinstance(found, BaseException):
            raise found
        return found


def make_java_error(scope: str, key: str) -> Py4JJavaError:
    return Py4JJavaError(
        "An error occurred while calling o1.get.\n: java.lang.IllegalArgumentException: "
        f"Secret does not exist with scope: {scope} and key: {key}\n\tat com.databricks.Secrets"
    )


def make_value() -> str:
    return f"EXAMPLE_{secrets.token_hex(16)}"


def make_source(kept: Secrets | None, environ: Mapping[str, str] | None = None) -> Source:
    names = {} if kept is None else {"dbutils": SimpleNamespace(secrets=kept)}
    source = find_source("databricks", SimpleNamespace(user_ns=names), environ)
    assert source is not None
    return source


def ask(error: BaseException) -> Answer:
    return make_source(Secrets({("team", "KEY"): error})).ask("team/KEY")


def test_a_name_says_the_scope_or_the_environment_does_for_all() -> None:
    one, other = make_value(), make_value()
    kept = Secrets({("team", "HF_TOKEN"): f"{one}\n", ("own", "HF_TOKEN"): other})
    source = make_source(kept, {SCOPE_VARIABLE: "own"})
    assert source.ask("team/HF_TOKEN").value == one
    assert source.ask("HF_TOKEN").value == other
    assert source.ask("HF_TOKEN").value == other
    assert kept.asked == [("team", "HF_TOKEN"), ("own", "HF_TOKEN")]

    plain = make_source(kept)
    answer = plain.ask("HF_TOKEN")
    assert (answer.state, answer.reason) == (State.MISSING, "no scope is named")
    assert SCOPE_VARIABLE in answer.hint
    assert plain.ask("team/").state is State.MISSING and plain.ask("/KEY").state is State.MISSING
    assert len(kept.asked) == 2, "without a scope nothing is asked"


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (make_java_error("team", "KEY"), State.MISSING),
        (NotFound("none"), State.MISSING),
        (Py4JJavaError("java.Failure: Scope team does not exist!"), State.MISSING),
        (Py4JJavaError("com.databricks.Failure: RESOURCE_DOES_NOT_EXIST: no"), State.MISSING),
        (PermissionDenied("refused"), State.DENIED),
        (Py4JJavaError("User does not have READ permission on scope team"), State.DENIED),
        (Py4JJavaError("java.Failure: PERMISSION_DENIED: or it does not exist"), State.DENIED),
        (TimeoutError("timed out"), State.TIMEOUT),
        (Py4JJavaError("Method get([class java.lang.String]) does not exist"), State.FAILED),
        (AttributeError("'NoneType' object has no attribute 'get'"), State.FAILED),
    ],
)
def test_what_java_or_the_sdk_raises_is_told_apart(error: Exception, state: State) -> None:
    answer = ask(error)
    assert answer.state is state and answer.value is None
    said = answer.reason + answer.hint
    assert answer.reason and str(error) not in said and "java." not in said


def test_where_there_is_no_dbutils_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "databricks.sdk.runtime", None)
    answer = make_source(None).ask("team/KEY")
    assert answer.state is State.FAILED
    assert answer.reason == "there is no dbutils in this process"


def test_the_sdk_gives_what_the_notebook_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    value = make_value()
    for name in ("databricks", "databricks.sdk", "databricks.sdk.runtime"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    runtime = sys.modules["databricks.sdk.runtime"]
    kept = Secrets({("team", "KEY"): value})
    runtime.__dict__["dbutils"] = SimpleNamespace(secrets=kept)
    assert make_source(None).ask("team/KEY").value == value
    runtime.__dict__["dbutils"] = None  # a machine without Spark
    assert make_source(None).ask("team/KEY").reason == "there is no dbutils in this process"
