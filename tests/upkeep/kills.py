"""Rotations and revocations whose process is killed: the process, where it dies, and what is left.

    python -m tests.upkeep.kills HOME rotate|revoke

It runs the real classes over the real store, in the least process that there can be; the provider
is the stub of the test that started it. It is killed at a system call that touches its home, by
strace, or by the provider in the middle of a request.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from credman.core.config import Config
from credman.core.errors import CredmanError
from credman.core.model import Address, Field, Finding, Liveness, Token
from credman.core.scope import Selection
from credman.core.secret import Secret
from credman.providers.catalogue import load_catalogue
from credman.providers.client import HttpClient
from credman.providers.verdicts import utc_now
from credman.session import Session
from credman.stores.additions import NewToken
from credman.stores.base import Creation
from credman.upkeep.common import Providers, hold
from credman.upkeep.revoking import Revoker
from credman.upkeep.rotating import Rotator
from credman.vault import slots
from credman.watch import rotation
from tests.cli.harness import Outcome, credman
from tests.matrix.faults import Action
from tests.stores.driver import environment
from tests.stores.places import PASSPHRASE, make_surroundings, open_vault
from tests.upkeep.stub import Stub, stub
from tests.upkeep.stub_answers import Issued
from tests.upkeep.stub_places import find_variable, render_moved
from tests.upkeep.stub_templates import read_file


class Nobody:
    """Is not there to be asked, and is told nothing."""

    def note(self, text: str) -> None:
        pass

    def warn(self, text: str) -> None:
        pass

    def confirm(self, question: str) -> bool:
        return False

    def open_page(self, url: str) -> None:
        pass

    def uninterrupted(self) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    def is_attended(self) -> bool:
        return False


def open_session(home: Path) -> Session:
    return Session(open_vault(home), Config(), Selection())


def find_only(session: Session) -> Token:
    (token,) = session.snapshot().tokens
    return token


def main(home: Path, action: str) -> None:
    slots.DEFAULT_PARAMETERS = slots.Argon2Parameters(memory=19 * 1024, passes=2, lanes=1)
    paths = make_surroundings(home).paths
    client = HttpClient(os.environ, timeout=5)
    providers = Providers(load_catalogue(paths.providers), client, os.environ)
    session = open_session(home)
    key = find_only(session).key
    with hold(paths, f"file:{paths.vault}", key, seconds=5):
        session.refresh()
        token = find_only(session)
        if action == "rotate":
            rotator = Rotator(session, providers, Nobody(), token, wait=lambda seconds: None)
            rotator.automatic(grace=None, lifetime=None)
        else:
            revoker = Revoker(
                session, providers, Nobody(), token, who="ana@box", wait=lambda seconds: None
            )
            chosen = revoker.choose(None, is_compromised=False)
            revoker.revoke(chosen, is_sure=False)


def make_action(action: str, environ: dict[str, str]) -> Action:
    return Action(
        action,
        lambda home: [sys.executable, "-m", "tests.upkeep.kills", str(home), action],
        lambda _: {**environment(), **environ},
        module=__name__,
    )


@dataclass(frozen=True)
class Place:
    """A home with one token, and its provider.

    Args:
        old: as its provider knows it.
        new: its successor, where it has one already.
    """

    home: Path
    provider: Stub
    old: Issued
    new: Issued | None

    @property
    def name(self) -> str:
        return self.old.provider

    @property
    def environ(self) -> dict[str, str]:
        return {find_variable(self.name): self.provider.place(self.name)}

    def credman(self, *argv: str, home: Path | None = None) -> Outcome:
        """A command in another process' place: nothing is open, nothing is known."""
        own = {"CREDMAN_HOME": str(home or self.home), "CREDMAN_OFFLINE": ""}
        return credman(
            *argv, stdin=b"", environ={**self.environ, **own}, passphrase=str(PASSPHRASE)
        )

    def read(self, home: Path | None = None) -> tuple[Token, dict[int, dict[str, str]]]:
        """Returns: the token as it is stored, and the values of its versions by their number."""
        session = open_session(home or self.home)
        token = find_only(session)
        assert session.snapshot().warnings == ()
        places = [Address(token.key, v.number, name) for v in token.versions for name in v.fields]
        values: dict[int, dict[str, str]] = {v.number: {} for v in token.versions}
        for address, value in session.store.reveal(places).items():
            values[address.version][address.field] = str(value)
        return token, values

    def rotations(self) -> int:
        return self.provider.count(self.name, "rotate")

    def fork(self) -> Path:
        """Returns: a copy of the home. Its record of what was seen is for another place, and left
        out."""
        copy = self.home.with_name(f"{self.home.name}-copy")
        shutil.copytree(self.home, copy)
        shutil.rmtree(copy / "state", ignore_errors=True)
        return copy


@contextmanager
def make_place(home: Path, name: str, action: str) -> Iterator[Place]:
    """A new provider, and a home with a token of it: always the same one."""
    with stub() as provider:
        old = provider.issue(name)
        new = provider.issue(name) if action == "revoke" else None
        if new is not None:
            old.successor, new.predecessor = new, old
        yield Place(home, provider, old, new)


def make_template(home: Path, name: str, action: str) -> Path:
    """Makes the home that all are copies of."""
    with make_place(home, name, action) as place:
        store = open_vault(home)
        store.create(Creation(PASSPHRASE))
        session = open_session(home)
        variable = read_file(name)["fields"][0]["variables"][0]
        # Nothing is known of it yet: each provider of these tests is at another place.
        new = NewToken(name, (Field(variable, (variable,)),), provider=name)
        token = session.add(new, {variable: Secret(place.old.token)})
        if place.new is not None:
            values = {variable: Secret(place.new.token)}
            session.change_token(token.key, lambda t: _rotate(t, variable), values, version=2)
        if not read_file(name).get("base"):
            folder = home / "config" / "providers"
            folder.mkdir(mode=0o700, parents=True)
            (folder / f"{name}.toml").write_text(render_moved(name), "utf-8")
    return home


def _rotate(token: Token, variable: str) -> Token:
    token = rotation.begin(token, is_automatic=True, grace=None, now=utc_now())
    token = rotation.stage(token, [variable])
    token = rotation.verify(token, Finding(Liveness.LIVE, utc_now()), None)
    return rotation.promote(token, now=utc_now())


@contextmanager
def running(place: Place, action: str) -> Iterator[subprocess.Popen[bytes]]:
    made = make_action(action, place.environ)
    process = subprocess.Popen(
        made.argv(place.home),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=dict(made.environ(place.home)),
        cwd=Path(__file__).parents[2],
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGKILL)
        process.communicate()


def run(home: str, action: str) -> int:
    """Returns: the exit code, after an error was printed."""
    code = 0
    try:
        main(Path(home), action)
    except CredmanError as error:
        print(error.message, error.hint)
        code = error.exit_code
    sys.stdout.flush()
    return code


if __name__ == "__main__":
    os._exit(run(*sys.argv[1:]))
