"""Asking providers whether tokens are live, many at once, and remembering what they say."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field

from credman.core.errors import CredmanError
from credman.core.model import Address, Finding, Liveness, Token, TokenKey
from credman.core.secret import Secret
from credman.providers.verdicts import Verdict
from credman.session import Session
from credman.stores.base import Snapshot
from credman.stores.changes import Change, PutToken
from credman.upkeep.common import Providers, key_values, make_finding
from credman.watch.rotation import note_finding

MOST_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Checked:
    """A token, the number of the version that was asked about, and what was said."""

    token: Token
    number: int
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Question:
    tokens: list[Token]
    values: Mapping[str, Secret] = field(repr=False)


def check_tokens(
    session: Session,
    providers: Providers,
    tokens: Sequence[Token],
    *,
    tick: Callable[[], None] = lambda: None,
    apart: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> list[Checked]:
    """Asks about the current versions; one value that stands under several names is asked about
    once.

    Args:
        tick: called after each token.
        apart: entered while the session is not used.

    Returns:
        In the order of ``tokens``.
    """
    alive = [t for t in tokens if t.current.fields]
    addresses = [Address(t.key, t.current.number, n) for t in alive for n in t.current.fields]
    values = session.store.reveal(addresses)
    questions: dict[tuple[object, ...], _Question] = {}
    for token in alive:
        own = {n: values[Address(token.key, token.current.number, n)] for n in token.current.fields}
        provider = providers.find(token)
        same: tuple[object, ...] = (
            (token.key,)
            if provider is None
            else (provider.name, *sorted(key_values(provider, token.fields, own).items()))
        )
        questions.setdefault(same, _Question([], own)).tokens.append(token)
    found: dict[TokenKey, Verdict] = {
        t.key: Verdict(Liveness.DEAD, "revoked, its value is gone", is_final=True)
        for t in tokens
        if not t.current.fields
    }
    with apart():
        for question, verdict in _ask_all(providers, list(questions.values())):
            for token in question.tokens:
                found[token.key] = verdict
                tick()
    return [Checked(t, t.current.number, found[t.key]) for t in tokens]


def _ask_all(
    providers: Providers, questions: list[_Question]
) -> Iterator[tuple[_Question, Verdict]]:
    """Yields each answer as it comes."""
    waiting: queue.SimpleQueue[_Question] = queue.SimpleQueue()
    answers: queue.SimpleQueue[tuple[_Question, Verdict]] = queue.SimpleQueue()
    for question in questions:
        token = question.tokens[0]
        provider = providers.find(token)
        if provider is not None and providers.client is not None:
            providers.tell_place(provider, key_values(provider, token.fields, question.values))
        waiting.put(question)

    def work() -> None:
        while True:
            try:
                question = waiting.get_nowait()
            except queue.Empty:
                return
            token = question.tokens[0]
            try:
                verdict = providers.ask(
                    providers.find(token), token.fields, question.values, _find_known(question)
                )
            except BaseException as error:  # noqa: BLE001 - somebody waits for an answer to each
                verdict = Verdict(Liveness.UNKNOWN, f"failed ({type(error).__name__})")
            answers.put((question, verdict))

    # Daemons: whoever presses Ctrl-C does not wait for them.
    for _ in range(min(MOST_AT_ONCE, len(questions))):
        threading.Thread(target=work, daemon=True).start()
    for _ in questions:
        yield answers.get()


def _find_known(question: _Question) -> Finding | None:
    """Returns: where one of the tokens was live, that; else what is known of the first."""
    found = [t.current.finding for t in question.tokens]
    return next((f for f in found if f and f.liveness is Liveness.LIVE), found[0])


def remember(session: Session, checked: Sequence[Checked]) -> None:
    """Notes what was said, in one write.

    Raises:
        CredmanError: the store cannot be written to.
    """

    def changes(snapshot: Snapshot) -> list[Change]:
        made: list[Change] = []
        for item in checked:
            verdict = item.verdict
            stored = snapshot.find_token(item.token.key)
            if stored is None or (verdict.liveness is Liveness.UNKNOWN and not verdict.is_final):
                continue
            noted = note_finding(
                stored,
                item.number,
                make_finding(verdict),
                verdict.expires_at,
                tells_expiry=verdict.tells_expiry,
            )
            if noted != stored:
                made.append(PutToken(noted))
        return made

    if changes(session.snapshot()):
        session.commit(changes)


def remember_if_possible(session: Session, checked: Sequence[Checked]) -> str:
    """As ``remember``. Returns: why it could not be noted; empty if it was."""
    try:
        remember(session, checked)
    except CredmanError as error:
        return error.message
    return ""
