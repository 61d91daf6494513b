"""Somebody with a vault of his own whose providers are the stub; commands run in this process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from tests.cli.harness import Outcome, credman
from tests.upkeep.stub import Stub, stub
from tests.upkeep.stub_answers import Issued
from tests.upkeep.stub_places import configure, make_environ, pipe


@dataclass
class Sitting:
    """Args:
    environ: what sends requests to the stub.
    waits: the seconds that commands would have waited.
    """

    provider: Stub
    environ: dict[str, str]
    waits: list[float] = field(default_factory=list)

    def credman(
        self,
        *argv: str,
        stdin: bytes | None = None,
        answers: Sequence[str] | None = None,
        environ: Mapping[str, str] | None = None,
        stdout_is_terminal: bool = False,
    ) -> Outcome:
        """Args: answers: what is typed; None: there is no terminal."""
        return credman(
            *argv,
            stdin=stdin,
            answers=answers,
            environ={**self.environ, **(environ or {})},
            stdout_is_terminal=stdout_is_terminal,
        )

    def run(self, *argv: str, stdin: bytes | None = None) -> Outcome:
        """A command that is to succeed."""
        outcome = self.credman(*argv, stdin=stdin)
        assert outcome.exit_code == 0, outcome.stderr
        return outcome

    def refuse(self, code: int, *argv: str, stdin: bytes | None = None) -> str:
        """A command that is to fail. Returns: what it says."""
        outcome = self.credman(*argv, stdin=stdin)
        assert outcome.exit_code == code, (outcome.exit_code, outcome.stderr, outcome.stdout)
        return outcome.stderr

    def add(self, issued: Issued, *options: str, name: str = "") -> Outcome:
        return self.run("add", name or issued.provider, *options, stdin=pipe(issued))

    def give(self, provider: str, *options: str, name: str = "", **how: Any) -> Issued:
        """Returns: a live token of a provider, which is stored."""
        issued = self.provider.issue(provider, **how)
        self.add(issued, *options, name=name)
        return issued

    def states(self, name: str, *options: str) -> dict[int, str]:
        """Returns: the state of each version, by its number."""
        versions = json.loads(self.run("history", name, "--json", *options).text)["versions"]
        return {v["number"]: v["state"] for v in sorted(versions, key=lambda v: v["number"])}

    def checked(self, *argv: str) -> dict[str, dict[str, Any]]:
        """Returns: what ``check --json`` says, by name."""
        outcome = self.credman("check", "--json", *argv)
        assert outcome.exit_code in (0, 8), outcome.stderr
        return {t["name"]: t for t in json.loads(outcome.text)["tokens"]}

    def value(self, name: str, *options: str) -> str:
        return self.run("get", name, *options).text


@contextmanager
def sitting(*names: str, patient: bool = False) -> Iterator[Sitting]:
    """Args:
    names: of the providers that may be asked; all of them if there is none.
    patient: what a command waits for is waited for.
    """
    with stub() as provider, pytest.MonkeyPatch.context() as patch:
        found = Sitting(provider, make_environ(provider, *names))
        configure("timeout = 1")
        if not patient:
            clock = SimpleNamespace(sleep=found.waits.append)
            for module in ("rotate", "revoke"):
                patch.setattr(f"credman.cli.{module}.time", clock)
        yield found
        assert provider.misfits == [], "what was sent is not what the catalogue says"
