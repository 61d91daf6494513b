"""The second half of a rotation: the new value is checked, and becomes the current one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from credman.core.errors import CredmanError, Interrupted, Refused, Unavailable
from credman.core.intervals import render_day
from credman.core.model import Liveness, Token, Version, VersionState
from credman.core.secret import Secret
from credman.core.standing import name_with_place
from credman.providers.asking import Asker
from credman.providers.verdicts import Verdict, utc_now
from credman.session import Session
from credman.upkeep.common import (
    Person,
    Providers,
    Waiting,
    describe,
    find_values,
    key_values,
    make_finding,
)
from credman.watch import rotation
from credman.watch.rules import Rules, usual_rules

_WAITS_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0)
"""A value that was made just now is not known everywhere at once: AWS takes about ten seconds."""


class Finisher:
    """A rotation whose new value is there.

    Args:
        session: of whose store the token is.
        token: as it is stored.
        wait: between two questions whether a new value is known.
        show: puts a text before the person who is there, and nowhere else; says whether it did.
        reopen: gives the session anew, where its store cannot be written to any more.
        rules: what counts for a token besides its own schedule.
    """

    def __init__(
        self,
        session: Session,
        providers: Providers,
        person: Person,
        token: Token,
        *,
        wait: Waiting,
        show: Callable[[str], bool] = lambda text: False,
        reopen: Callable[[], Session] | None = None,
        rules: Callable[[Token], Rules] = usual_rules,
    ) -> None:
        self._session = session
        self._providers = providers
        self._person = person
        self._token = token
        self._wait = wait
        self._show = show
        self._find_rules = rules
        self._reopen = reopen or (lambda: session)
        self._provider = providers.find(token)
        self._title = token.key.name if self._provider is None else self._provider.title

    @property
    def _rules(self) -> Rules:
        return self._find_rules(self._token)

    @property
    def _staged(self) -> Version:
        begun = self._token.rotation
        found = None if begun is None else self._token.find_version(begun.version)
        if found is None:
            raise Refused(f"no rotation of {self._token.key.name} is to be finished")
        return found

    def _finish(self, *, check: bool, is_piped: bool) -> Token:
        if not check:
            self._change(lambda t: rotation.verify(t, None, None))
            return self._promote()
        values = find_values(self._session, self._token, self._staged)
        try:
            verdict = self._ask_until_live(values)
            self._judge(verdict, is_piped=is_piped)
        except (KeyboardInterrupt, Interrupted):
            place = name_with_place(self._token.key)
            raise Interrupted(
                "stopped: the new value is staged, the old one is still current",
                hint=f"credman rotate {place} --resume, or --abort",
            ) from None
        self._change(
            lambda t: rotation.verify(
                t, make_finding(verdict), verdict.expires_at, tells_expiry=verdict.tells_expiry
            )
        )
        return self._promote()

    def _ask_until_live(self, values: Mapping[str, Secret]) -> Verdict:
        begun = self._token.rotation
        is_new = begun is not None and begun.is_automatic
        if self._provider is not None and self._providers.client is not None:
            keyed = key_values(self._provider, self._token.fields, values)
            self._providers.tell_place(self._provider, keyed)
            self._person.note(f"2/4 asking {self._title} about the new one …")
        verdict = Verdict(Liveness.UNKNOWN)
        for seconds in _WAITS_SECONDS if is_new else _WAITS_SECONDS[:1]:
            self._wait(seconds)
            verdict = self._providers.ask(self._provider, self._token.fields, values)
            if verdict.liveness is Liveness.LIVE or verdict.is_final:
                break
        return verdict

    def _judge(self, verdict: Verdict, *, is_piped: bool) -> None:
        """Raises: CredmanError: the new value is not to be used as it is."""
        begun = self._token.rotation
        is_automatic = begun is not None and begun.is_automatic
        name, place = self._token.key.name, name_with_place(self._token.key)
        had = self._token.current.finding
        if verdict.liveness is Liveness.DEAD:
            if is_automatic:
                raise CredmanError(
                    f"the new value of {name} is staged, but {self._title} does not know it yet "
                    f"({verdict.reason})",
                    hint=f"credman rotate {place} --resume asks again",
                )
            self._change(rotation.abort)
            raise Refused(
                f"{self._title} does not know the new value ({verdict.reason}); it was not stored",
                hint="the old one is current as before; --no-check stores it anyway",
            )
        if verdict.liveness is Liveness.UNKNOWN:
            self._person.note(f"    not checked: {verdict.reason}")
            if is_automatic and is_piped and not self._may_be_used_unchecked(verdict):
                raise Unavailable(
                    f"the new value of {name} is staged and not checked, the old one is current",
                    hint=f"credman rotate {place} --resume asks again",
                )
            is_asked = not is_piped and not verdict.is_final
            if is_asked and not self._person.confirm("make it current without a check?"):
                if is_automatic:  # it may be the only live one
                    raise Refused(
                        f"the new value of {name} stays staged, the old one is current",
                        hint=f"credman rotate {place} --resume asks again",
                    )
                self._change(rotation.abort)
                raise Refused("nothing was changed: the old one is current as before")
            return
        as_before = bool(had and had.identity == verdict.identity and had.scopes == verdict.scopes)
        same = " (as before)" if as_before and verdict.identity else ""
        self._person.note(f"    {describe(verdict)}{same}")
        if had is None or not had.account or not verdict.account or had.account == verdict.account:
            return
        question = f"the old one is {had.identity or had.account}: is another account meant?"
        if is_piped or not self._person.confirm(question):
            if not is_automatic:
                self._change(rotation.abort)
            raise Refused(
                f"the new value of {name} is another account's",
                hint=f"credman rotate {place} --resume --yes takes it nevertheless"
                if is_automatic
                else f"credman add {place} --replace takes it nevertheless",
            )

    def _may_be_used_unchecked(self, verdict: Verdict) -> bool:
        """Whether a value that its provider made is better than the old one: that has ended, or
        nobody will ever be able to ask; and the new one looks like a token."""
        asker = self._find_asker()
        if asker is None or not (verdict.is_final or asker.rotating.ends_old):
            return False
        values = find_values(self._session, self._token, self._staged)
        keyed = key_values(asker.provider, self._token.fields, values)
        return asker.looks_right(keyed)

    def _promote(self) -> Token:
        former = self._token.current
        begun = self._token.rotation
        asker = self._find_asker()
        is_live = rotation.is_verified(self._staged)
        ended = bool(begun and begun.is_automatic and asker and asker.rotating.ends_old and is_live)
        self._change(lambda t: rotation.promote(t, now=utc_now()))
        token = self._token
        name, number = token.key.name, token.current.number
        retired = token.find_version(former.number)
        place = name_with_place(token.key)
        if retired is None or not retired.fields:
            self._person.note(f"3/4 {name} #{number} is current")
        elif retired.state is VersionState.COMPROMISED:
            self._person.note(f"3/4 {name} #{number} is current; #{retired.number} is compromised")
            self._person.note(f"4/4 credman revoke {place} ends it")
        elif ended:
            self._person.note(f"3/4 {name} #{number} is current; #{retired.number} ended with it")
            self._person.note(f"4/4 credman revoke {place} makes sure that it is dead")
        elif retired.exposure is not None:
            old = f"#{retired.number} was {retired.exposure.words}"
            self._person.note(f"3/4 {name} #{number} is current; {old}")
            self._person.note(f"4/4 do not wait: credman revoke {place}")
        else:
            now = utc_now()
            until = render_day(self._rules.find_grace(token, retired).after(now), now)
            self._person.note(
                f"3/4 {name} #{number} is current; #{retired.number} is retiring, revoke it by "
                f"{until}"
            )
            self._person.note(
                f"4/4 when nothing uses #{retired.number} any more: credman revoke {place}"
            )
        return token

    def _change(
        self,
        make: Callable[[Token], Token],
        values: Mapping[str, Secret] | None = None,
        number: int = 0,
    ) -> None:
        # Under its lock nobody else rotates it, and until the end it is not renamed or removed.
        expected = self._token.rotation

        def checked(stored: Token) -> Token:
            if stored.rotation != expected:
                raise Refused(
                    f"{stored.key.name} was changed by another process",
                    hint="nothing was changed; look at it again",
                )
            return make(stored)

        self._token = self._session.change_token(self._token.key, checked, values, version=number)

    def _page(self) -> str:
        page = self._providers.find_page(self._provider, "create", self._current_values())
        return f": {page}" if page else ""

    def _current_values(self) -> dict[str, Secret]:
        if self._provider is None:
            return {}
        own = find_values(self._session, self._token, self._token.current)
        return key_values(self._provider, self._token.fields, own)

    def _find_asker(self) -> Asker | None:
        return None if self._provider is None else self._providers.asker(self._provider)
