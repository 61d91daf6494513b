"""Ending a version at its provider. What is dropped here was proven dead before, or said to be.

Rule: it is irreversible, so there is a verified successor, or a person has said yes.
"""

from __future__ import annotations

from datetime import timedelta

from credman.core.errors import CredmanError, Refused, Unavailable, UsageError
from credman.core.model import Finding, Liveness, Token, Version, VersionState
from credman.core.plan import visible_tokens
from credman.core.secret import Secret
from credman.core.standing import name_with_place, refuse_unfinished, refuse_unsure
from credman.providers.verdicts import Verdict, utc_now
from credman.session import Session
from credman.upkeep.common import (
    Person,
    Providers,
    Waiting,
    find_same,
    find_values,
    key_values,
    make_finding,
)
from credman.watch import rotation

_STILL_TRUE = timedelta(minutes=2)
_WAITS_SECONDS = (0.0, 1.0, 2.0, 4.0, 8.0)


class Revoker:
    """Args:
    token: as it is stored.
    who: for the history, such as ``alice@box``.
    wait: between two questions whether a value is dead.
    """

    def __init__(
        self,
        session: Session,
        providers: Providers,
        person: Person,
        token: Token,
        *,
        who: str,
        wait: Waiting,
    ) -> None:
        self._session = session
        self._providers = providers
        self._person = person
        self._token = token
        self._who = who
        self._wait = wait
        self._provider = providers.find(token)
        self._title = token.key.name if self._provider is None else self._provider.title
        self.done: list[str] = []  # for whoever breaks it off

    def choose(self, number: int | None, *, is_compromised: bool) -> Version:
        """Args: number: of the version; None: the one that is retiring, or of one that is
        compromised, where there is no such one, the current one.

        Raises:
            UsageError: it is not plain which one.
        """
        token, place = self._token, name_with_place(self._token.key)
        if number is not None:
            version = rotation.find_version(token, number)
            if not version.fields:
                raise Refused(
                    f"{token.key.name} #{number} is {version.state.value}, and its value is gone"
                )
            return version
        alive = rotation.list_alive(token)
        if len(alive) > 1:
            listed = " or ".join(str(v.number) for v in alive)
            raise UsageError(f"several versions are alive: --version {listed}")
        if alive and not is_compromised:
            return alive[0]
        current = token.current
        if alive:
            raise UsageError(
                "it is not plain which value is compromised: "
                f"--version {alive[0].number} or {current.number}"
            )
        if current.fields and (is_compromised or current.state is VersionState.COMPROMISED):
            return current
        if not current.fields:
            raise Refused(f"{token.key.name} is revoked already")
        raise UsageError(
            f"no old version of {token.key.name} is left to revoke",
            hint=f"credman rotate {place} makes a new one first; "
            f"--version {current.number} names the current one",
        )

    def compromise(self, version: Version) -> None:
        """Marks it, and says where it was."""
        number = version.number
        values = find_values(self._session, self._token, version)
        self._token = self._session.change_token(
            self._token.key, lambda t: rotation.compromise(t, number)
        )
        self.done.append(f"{self._token.key.name} #{number} is marked as compromised")
        key = self._token.key
        variables = ", ".join(v for f in self._token.fields for v in f.variables)
        self._person.note(
            f"{key.name} #{number} is compromised, and is not handed out any more: environment "
            f"{key.environment}{self._inheriting()}, profile {key.profile}, as {variables}"
        )
        for other, other_version in self._find_same(values, number):
            self._person.note(
                f"the same value is {other.key.name} #{other_version.number} in environment "
                f"{other.key.environment}, profile {other.key.profile}, as "
                f"{', '.join(other.variables)}"
            )

    def _inheriting(self) -> str:
        """Returns: which other environments had it, in words."""
        key, tokens = self._token.key, self._session.snapshot().tokens
        others = [
            environment.name
            for environment in self._session.environments().values()
            if environment.name.casefold() != key.environment.casefold()
            and any(
                token.key == key
                for token in visible_tokens(
                    tokens,
                    environment=environment.name,
                    profile=key.profile,
                    isolated=environment.isolated,
                )
            )
        ]
        return f", inherited by {', '.join(others)}" if others else ""

    def revoke(self, version: Version, *, is_sure: bool) -> Token:
        """Args: is_sure: every question is answered with yes.

        Returns:
            The token as stored.

        Raises:
            Refused: there is no verified successor, and nobody said yes.
            Unavailable: it cannot be proven dead now.
        """
        refuse_unfinished(self._token)
        refuse_unsure(self._token)
        values = find_values(self._session, self._token, version)
        verdict = self._ask(values, version.finding)
        if verdict.liveness is Liveness.DEAD:
            if verdict.is_doubtful:
                self._ask_leave(
                    f"{self._token.key.name} #{version.number} is not known at {verdict.place}, "
                    "and may be live elsewhere",
                    "--yes drops its value",
                    is_sure=is_sure,
                )
            elif version.number == self._token.current.number:
                self._ask_leave(
                    f"{self._token.key.name} #{version.number} is the current one, and dead "
                    f"({verdict.reason})",
                    "--yes drops its value",
                    is_sure=is_sure,
                )
            return self._drop(version, values, verdict, "found dead")
        self._make_sure(version, values, is_sure=is_sure)
        how = self._end(version, values)
        if how is None:
            return self._revoke_on_page(version, values, verdict, is_sure=is_sure)
        return self._prove(version, values, how)

    def _make_sure(self, version: Version, values: dict[str, Secret], *, is_sure: bool) -> None:
        token, current = self._token, self._token.current
        name, place = token.key.name, name_with_place(token.key)
        for other, found in self._find_same(values, version.number):
            if found.number == other.current.number:
                where = f"{other.key.name} #{found.number} in environment {other.key.environment}"
                self._ask_leave(
                    f"the same value is in use as {where}, profile {other.key.profile}",
                    f"credman rotate {name_with_place(other.key)} replaces it; --yes revokes both",
                    is_sure=is_sure,
                )
        if version.number == current.number:
            self._ask_leave(
                f"{name} #{version.number} is the current one, and has no successor",
                f"credman rotate {place} makes one; --yes revokes it all the same",
                is_sure=is_sure,
            )
        elif not self._has_live_successor(values):
            self._ask_leave(
                f"{name} #{current.number} is not known to be live",
                f"credman check {place} asks; --yes revokes #{version.number} all the same",
                is_sure=is_sure,
            )

    def _has_live_successor(self, values: dict[str, Secret]) -> bool:
        current = self._token.current
        if not current.fields or current.state is not VersionState.CURRENT:
            return False
        own = find_values(self._session, self._token, current)
        if own == values:
            return False
        verdict = self._ask(own, current.finding)
        finding = make_finding(verdict)
        if finding is not None:
            self._token = self._session.change_token(
                self._token.key,
                lambda t: rotation.note_finding(t, current.number, finding, verdict.expires_at),
            )
        if verdict.liveness is Liveness.UNKNOWN:
            found = current.finding
            is_new = found is not None and utc_now() - found.at <= _STILL_TRUE
            return is_new and rotation.is_verified(current)
        return verdict.liveness is Liveness.LIVE

    def _ask_leave(self, said: str, hint: str, *, is_sure: bool) -> None:
        if is_sure:
            return
        if not self._person.is_attended():
            raise Refused(said, hint=hint)
        if not self._person.confirm(f"{said}; revoke it all the same?"):
            raise Refused("nothing was revoked")

    def _end(self, version: Version, values: dict[str, Secret]) -> str | None:
        """Returns: how its provider was asked to end it; None: it cannot be asked."""
        provider = self._provider
        asker = None if provider is None else self._providers.asker(provider)
        if provider is None or asker is None:
            return None
        keyed = key_values(provider, self._token.fields, values)
        if not asker.can_revoke(keyed, version.ids):
            return None
        self._providers.check_place(provider, keyed, version.finding)
        self._person.note(f"asking {self._title} to end {self._token.key.name} #{version.number} …")
        current = self._token.current
        successor = None
        if current.number != version.number and current.fields:
            own = find_values(self._session, self._token, current)
            successor = key_values(provider, self._token.fields, own)
        self.done.append(f"{self._title} was asked to end it")
        problem = asker.revoke(keyed, successor=successor, ids=version.ids)
        if problem:
            self._person.note(f"    not done: {problem}")
            return None
        return f"by {self._title} when asked"

    def _revoke_on_page(
        self, version: Version, values: dict[str, Secret], verdict: Verdict, *, is_sure: bool
    ) -> Token:
        name = f"{self._token.key.name} #{version.number}"
        keyed = (
            {} if self._provider is None else key_values(self._provider, self._token.fields, values)
        )
        page = self._providers.find_page(self._provider, "revoke", keyed)
        if not self._person.is_attended() and not (is_sure and verdict.is_final):
            raise CredmanError(
                f"{name} is to be revoked by hand{f': {page}' if page else ''}",
                hint="once that is done, the same command proves it and drops the value",
            )
        if self._person.is_attended():
            self._person.note(
                f"revoke {name} by hand{f': {page}' if page else ' where it was made'}"
            )
            if page:
                self._person.open_page(page)
            if not (is_sure and verdict.is_final) and not self._person.confirm("is that done?"):
                raise Refused("nothing was dropped; run it again once that is done")
        if verdict.is_final and not self._person.is_attended():
            where = f" ({page})" if page else ""
            self._person.warn(f"nobody asked {self._title} to end {name}{where}: --yes said so")
            return self._drop(version, values, verdict, "by --yes, not proven")
        if verdict.is_final:
            return self._drop(version, values, verdict, "by hand, not proven")
        return self._prove(version, values, "by hand")

    def _prove(self, version: Version, values: dict[str, Secret], how: str) -> Token:
        verdict = Verdict(Liveness.UNKNOWN)
        for seconds in _WAITS_SECONDS:
            self._wait(seconds)
            verdict = self._ask(values, version.finding)
            if verdict.liveness is Liveness.DEAD:
                return self._drop(version, values, verdict, how)
            if verdict.is_final:
                return self._drop(version, values, verdict, f"{how}, not proven")
        name = f"{self._token.key.name} #{version.number}"
        again = "its value is kept; the same command tries again"
        if verdict.liveness is Liveness.LIVE:
            raise CredmanError(f"{name} still works, though it was revoked {how}", hint=again)
        raise Unavailable(f"whether {name} is dead cannot be told: {verdict.reason}", hint=again)

    def _drop(
        self, version: Version, values: dict[str, Secret], verdict: Verdict, how: str
    ) -> Token:
        number, finding = version.number, make_finding(verdict)
        by = f"{how} ({self._who})"

        def ended(stored: Token) -> Token:
            noted = rotation.note_finding(stored, number, finding, None)
            return rotation.end(noted, number, by=by, now=utc_now())

        same = self._find_same(values, number)
        self._token = self._session.change_token(self._token.key, ended)
        said = f" ({verdict.reason})" if verdict.liveness is Liveness.DEAD else ""
        fate = "was dead already" if how == "found dead" else f"is revoked {how}, and dead"
        if verdict.liveness is not Liveness.DEAD:
            fate = f"is revoked {how}"
        self._person.note(f"{self._token.key.name} #{number} {fate}{said}; its value is dropped")
        for other, found in same:
            if finding is not None:
                self._session.change_token(
                    other.key,
                    lambda t, n=found.number: rotation.note_finding(t, n, finding, None),  # type: ignore[misc]
                )
            fate = "it is dead as well" if finding is not None else "it is kept there"
            self._person.note(
                f"the same value is {other.key.name} #{found.number} in environment "
                f"{other.key.environment}: {fate}"
            )
        return self._token

    def _ask(self, values: dict[str, Secret], known: Finding | None) -> Verdict:
        return self._providers.ask(self._provider, self._token.fields, values, known)

    def _find_same(self, values: dict[str, Secret], number: int) -> list[tuple[Token, Version]]:
        return find_same(self._session, self._token, number, values)
