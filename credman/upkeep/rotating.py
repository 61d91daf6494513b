"""Rotating a token: a new value is staged, verified and made current, the old one retires.

Rules: each step is stored before the next begins. The provider's raw answer is stored before it is
read. It is asked for a new value once: what became of a question without an answer is for the
person to find out, since asking again with the old value may end the new one.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from credman.core.errors import CredmanError, Refused, Unavailable, UsageError
from credman.core.model import Stage, Token, VersionState
from credman.core.secret import Secret
from credman.core.standing import name_with_place, refuse_unfinished, refuse_unsure
from credman.providers.asking import Asker
from credman.providers.client import Answer, NoAnswer
from credman.providers.verdicts import utc_now
from credman.upkeep.common import (
    find_same,
    find_values,
    unkey_values,
)
from credman.upkeep.finishing import Finisher
from credman.watch import rotation
from credman.watch.rules import Origin

_MARGIN = timedelta(days=14)
_STORE_WAITS_SECONDS = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0)
_MORE_WAITS_SECONDS = (60.0,) * 60
"""Where nobody is there to whom the answer could be shown: somebody may come and unlock."""
_REFUSALS = (400, 401, 402, 403, 404, 405, 406, 410, 413, 415, 422, 429)
"""Statuses that say that nothing was made."""


class Rotator(Finisher):
    """One rotation. Args: as of ``Finisher``."""

    def by_hand(
        self,
        read: Callable[[], Mapping[str, Secret]],
        *,
        grace: str | None,
        check: bool,
        is_piped: bool,
    ) -> Token:
        """A person makes the new value.

        Args:
            read: gives it, by field name.
            grace: how long the old one shall live; None: as usual.
            check: ask the provider about it.
            is_piped: nobody looks on: what cannot be checked is used, and said so.
        """
        refuse_unfinished(self._token)
        if not is_piped:
            self._tell_where()
        values = {name: Secret.from_bytes(v.to_bytes()) for name, v in read().items()}
        self._refuse_known(values)
        now = utc_now()
        number = self._token.next_number

        def begin(stored: Token) -> Token:
            begun = rotation.begin(stored, is_automatic=False, grace=grace, now=now)
            return rotation.stage(begun, [*values])

        self._change(begin, values, number)
        return self._finish(check=check, is_piped=is_piped)

    def automatic(self, *, grace: str | None, lifetime: timedelta | None) -> Token:
        """The token asks its provider for its successor.

        Args:
            grace: how long the old one shall live; None: as usual.
            lifetime: of the new one; None: by its schedule, else as its provider's file says.
        """
        refuse_unfinished(self._token)
        refuse_unsure(self._token)
        asker = self._require_asker()
        keyed = self._current_values()
        if obstacle := asker.find_obstacle(keyed):
            raise UsageError(
                obstacle, hint=f"credman rotate {name_with_place(self._token.key)} asks for it"
            )
        self._providers.check_place(asker.provider, keyed, self._token.current.finding)
        if asker.rotating.ends_old:
            self._warn_of_others()
        self._providers.tell_place(asker.provider, keyed)
        now = utc_now()
        send = self._prepare(asker, keyed, now, lifetime or self._wanted_lifetime())
        until = asker.find_end(now, lifetime or self._wanted_lifetime())
        said = "" if until is None else f" until {until.date().isoformat()}"
        said += "; the old one ends with it" if asker.rotating.ends_old else ""
        self._person.note(f"1/4 asking {self._title} for a new token{said}")
        number = self._token.next_number
        self._change(lambda t: rotation.begin(t, is_automatic=True, grace=grace, now=now))
        with self._person.uninterrupted():
            answer = self._ask_once(asker, send)
            self._store_answer(answer, number)
        if asker.is_refusal(answer):
            self._change(rotation.abort)
            raise self._refused(asker, "no")
        return self._read_answer(asker, answer)

    def resume(self, *, check: bool) -> Token:
        """Goes on where a rotation was broken off. Asks for no new value.

        Raises:
            CredmanError: nobody knows whether there is one.
        """
        begun = self._token.rotation
        if begun is None:
            raise Refused(f"no rotation of {self._token.key.name} is to be finished")
        refuse_unsure(self._token)
        match begun.stage:
            case Stage.ASKING:
                raise self._lost()
            case Stage.ANSWERED:
                stored = find_values(self._session, self._token, self._staged)
                return self._read_answer(self._require_asker(), _unkeep(stored[rotation.ANSWER]))
            case Stage.STAGED:
                return self._finish(check=check, is_piped=False)
            case Stage.VERIFIED:
                return self._promote()

    def abort(self, *, is_sure: bool) -> None:
        """Forgets a rotation that was broken off. A value that its provider made is not forgotten:
        it stays among the versions until it is revoked.

        Args:
            is_sure: a new value that may be the only live one may be given up.
        """
        begun = self._token.rotation
        if begun is None:
            raise Refused(f"no rotation of {self._token.key.name} is to be finished")
        name = self._token.key.name
        asker = self._find_asker()
        if begun.is_automatic and (begun.stage in (Stage.STAGED, Stage.VERIFIED)):
            ends_old = asker is None or asker.rotating.ends_old
            if ends_old and not is_sure:
                raise Refused(
                    f"the old value of {name} ended when the new one was made",
                    hint=f"credman rotate {name_with_place(self._token.key)} --resume goes on "
                    "with the new one; --abort --yes gives it up",
                )
            number = begun.version
            self._change(rotation.keep_unused)
            self._person.note(
                f"{name} #{number} is kept as retiring: credman revoke "
                f"{name_with_place(self._token.key)} --version {number}"
            )
            return
        if begun.stage is Stage.ANSWERED and not is_sure:
            raise Refused(
                f"the answer of {self._title} may hold the only live value of {name}",
                hint=f"credman rotate {name_with_place(self._token.key)} --resume reads it; "
                "--abort --yes gives it up",
            )
        self._change(rotation.abort)
        if begun.stage is Stage.ASKING:
            self._person.note(
                f"whether {self._title} made a new token is not known; the old one may be dead: "
                f"credman check {name_with_place(self._token.key)}"
            )
        elif not begun.is_automatic:
            self._person.note(f"forgotten; delete the new token where you made it{self._page()}")

    def _tell_where(self) -> None:
        had = self._token.current.finding
        scopes = f"   (the old one has: {had.scopes})" if had and had.scopes else ""
        page = self._page()
        self._person.note(f"1/4 make a new token{page}{scopes}")
        asker = self._find_asker()
        if asker is not None and not asker.find_obstacle(self._current_values()):
            place = name_with_place(self._token.key)
            self._person.note(f"    or let it rotate itself: credman rotate {place} --auto")
        if page:
            self._person.open_page(page.removeprefix(": "))

    def _refuse_known(self, values: Mapping[str, Secret]) -> None:
        secret = {f.name for f in self._token.fields if f.secret}
        for version in self._token.versions:
            if not version.fields:
                continue
            former = find_values(self._session, self._token, version)
            if all(former.get(name) == values.get(name) for name in secret):
                raise Refused(
                    f"that is the value of {self._token.key.name} #{version.number}, not a new one",
                    hint="nothing was changed",
                )

    def _prepare(
        self, asker: Asker, keyed: Mapping[str, Secret], now: datetime, lifetime: timedelta | None
    ) -> Callable[[], Answer]:
        if asker.rotating.auth == "aws":
            from credman.providers import aws

            return aws.prepare_rotation(keyed, self._providers.environ)
        request = asker.prepare_rotation(
            keyed, name=self._token.key.name, now=now, lifetime=lifetime
        )
        return lambda: asker.send(request)

    def _ask_once(self, asker: Asker, send: Callable[[], Answer]) -> Answer:
        try:
            answer = send()
        except NoAnswer as error:
            if error.is_sent:
                raise self._lost(error.reason) from None
            self._change(rotation.abort)
            raise Unavailable(
                f"{self._title}: {error.reason}", hint="nothing was changed"
            ) from None
        if answer.status in _REFUSALS:
            self._change(rotation.abort)
            raise self._refused(asker, str(answer.status))
        return answer

    def _refused(self, asker: Asker, answer: str) -> CredmanError:
        needs = asker.rotating.needs
        return CredmanError(
            f"{self._title} refused to make a new token ({answer}); nothing was changed",
            hint=f"it takes {needs}" if needs else "",
        )

    def _fear(self) -> str:
        """Returns: what may have become of the old token, or of a new one."""
        asker = self._find_asker()
        ends_old = asker is None or asker.rotating.ends_old
        return "the old token may be dead" if ends_old else "a new token may have been made"

    def _store_answer(self, answer: Answer, number: int) -> None:
        """The only place where the answer is, until it is stored, is the memory of this process: a
        full disk or a lock that is held is waited for."""
        more = () if self._person.is_attended() else _MORE_WAITS_SECONDS
        for seconds in (*_STORE_WAITS_SECONDS, *more):
            try:
                return self._change(rotation.note_answer, {rotation.ANSWER: _keep(answer)}, number)
            except Exception as error:  # noqa: BLE001 - whatever it is, the answer is not given up
                if self._has_answer(number):
                    return None
                why = error.message if isinstance(error, CredmanError) else type(error).__name__
                self._person.warn(
                    f"the answer of {self._title} cannot be stored: {why}; trying again in "
                    f"{seconds:g} s"
                )
                self._wait(seconds)
                with contextlib.suppress(CredmanError):
                    self._session = self._reopen()
        text = answer.body.decode("utf-8", "backslashreplace")
        is_shown = self._show(f"the answer of {self._title}, which could not be stored:\n{text}\n")
        what = "was shown on the terminal, once" if is_shown else "is lost"
        raise Unavailable(
            f"the answer of {self._title} could not be stored, and {what}; {self._fear()}",
            hint=f"credman check {name_with_place(self._token.key)} tells",
        )

    def _has_answer(self, number: int) -> bool:
        # Somebody who stored it for us may have gone before saying so.
        try:
            stored = self._session.store.snapshot().find_token(self._token.key)
        except Exception:  # noqa: BLE001 - it is looked at again later
            return False
        begun = None if stored is None else stored.rotation
        if stored is None or begun is None or begun.version != number:
            return False
        if begun.stage is Stage.ANSWERED:
            self._token = stored
        return begun.stage is Stage.ANSWERED

    def _read_answer(self, asker: Asker, answer: Answer) -> Token:
        number = self._staged.number
        provider = asker.provider
        try:
            if asker.rotating.auth == "aws":
                from credman.providers import aws

                successor = aws.read_successor(answer)
            else:
                successor = asker.read_successor(answer, self._list_known())
        except UsageError as error:
            place = name_with_place(self._token.key)
            raise CredmanError(
                f"{error.message} ({answer.status}); it is kept, and {self._fear()}",
                hint=f"credman check {place} tells; credman rotate {place} --abort --yes gives "
                "the answer up",
            ) from None
        own = find_values(self._session, self._token, self._token.current)
        # A URL or a user name stays; a secret that the answer does not hold was the old token's.
        values = {f.name: own[f.name] for f in self._token.fields if not f.secret and f.name in own}
        values |= unkey_values(provider, self._token.fields, successor.values)
        self._change(
            lambda t: rotation.stage(
                t, [*values], ids=successor.ids, expires_at=successor.expires_at
            ),
            values,
            number,
        )
        return self._finish(check=True, is_piped=True)

    def _lost(self, reason: str = "") -> CredmanError:
        begun = self._token.rotation
        since = "" if begun is None else f" on {begun.started_at.astimezone():%d %b at %H:%M}"
        said = reason or "its answer did not arrive"
        place = name_with_place(self._token.key)
        return CredmanError(
            f"{self._title} was asked for a new token{since}, and {said}: the old one may be dead",
            hint=f"credman check {place} tells; credman rotate {place} --abort ends this, and a "
            f"new one is made by hand{self._page()}",
        )

    def _warn_of_others(self) -> None:
        """Raises: Refused: the value is in use under another name, and nobody said yes to end it
        there as well."""
        current = self._token.current
        own = find_values(self._session, self._token, current)
        for other, version in find_same(self._session, self._token, current.number, own):
            if version.number == other.current.number:
                where = f"{other.key.name} in environment {other.key.environment}"
                question = f"the same value is in use as {where}, and ends there as well: go on?"
                if not self._person.confirm(question):
                    raise Refused("nothing was changed")

    def _wanted_lifetime(self) -> timedelta | None:
        """Returns: somewhat longer than until the next rotation is due; None: nobody said."""
        every = self._rules.find_rotation(self._token)
        now = utc_now()
        if every is None or every[1] is Origin.PROVIDER:  # who knows best what it gives
            return None
        return every[0].after(now) - now + _MARGIN

    def _list_known(self) -> set[str]:
        return {
            value
            for version in self._token.versions
            if version.state is not VersionState.STAGED
            for value in find_values(self._session, self._token, version).values()
        }

    def _require_asker(self) -> Asker:
        if self._provider is None:
            raise UsageError(
                f"nobody knows who issued {self._token.key.name}",
                hint="without --auto a new value is asked for",
            )
        asker = self._providers.asker(self._provider)
        if asker is None:
            raise Unavailable(f"{self._title} cannot be asked: {self._providers.why_not}")
        return asker


def _keep(answer: Answer) -> Secret:
    body = base64.b64encode(answer.body).decode("ascii")
    return Secret(json.dumps({"status": answer.status, "body": body, "whole": answer.is_whole}))


def _unkeep(kept: Secret) -> Answer:
    said = json.loads(kept)
    return Answer(said["status"], {}, base64.b64decode(said["body"]), said["whole"])
