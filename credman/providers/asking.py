"""Asking a provider about a token, for a successor, or to end it, as its file describes.

Rule: what an answer does not say plainly is unknown; only what the catalogue names is dead.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from credman.core.errors import CredmanError, UsageError
from credman.core.model import Liveness
from credman.core.secret import Secret
from credman.providers.calls import (
    Call,
    Revoke,
    Rotate,
    Verify,
    build_request,
    list_names,
    move_to,
    read_revoke,
    read_rotate,
    read_verify,
)
from credman.providers.catalogue import Provider, ShapeKind
from credman.providers.client import Answer, Client, NoAnswer, Request
from credman.providers.judging import describe_answer, is_yes, judge
from credman.providers.paths import (
    MISSING,
    find_path,
    holds,
    parse_json,
    read_moment,
    render_text,
)
from credman.providers.verdicts import Successor, Verdict, utc_now

_LABEL = "credman"
_LONGEST_PART = 11


class Asker:
    """Args:
    provider: whose token it is.
    client: sends the requests.
    environ: of the caller: some variables name another place than the provider's own.
    """

    def __init__(self, provider: Provider, client: Client, environ: Mapping[str, str]) -> None:
        self.provider = provider
        self._client = client
        self._environ = environ
        self._secret = frozenset(f.key for f in provider.fields if f.secret) | {"successor"}

    @property
    def verifying(self) -> Verify:
        return read_verify(self.provider.online)

    @property
    def rotating(self) -> Rotate:
        return read_rotate(self.provider.online)

    @property
    def revoking(self) -> Revoke:
        return read_revoke(self.provider.online)

    def find_place(self, values: Mapping[str, Secret]) -> tuple[str, str]:
        """Returns: where requests go instead of the provider's own place, and what says so; two
        empty texts if nothing does."""
        base = self.provider.base
        if base is None:
            return "", ""
        own = str(values.get(base.field, "")).strip() if base.field else ""
        said = [(own, base.field)] if own else []
        said += [(self._environ.get(v, "").strip(), v) for v in base.variables]
        usual = {urlsplit(url).hostname for url in (base.url, self.provider.create_url)}
        for text, by in said:
            # Some variables hold the host alone; some name the provider's own.
            place = (text if "://" in text else f"https://{text}").rstrip("/")
            if text and not (place.startswith("https://") and _host(place) in usual):
                return place + base.suffix, by
        return "", ""

    def verify(self, values: Mapping[str, Secret]) -> Verdict:
        """Args: values: the parts of the token, by the key of their field."""
        verifying = self.verifying
        if verifying.auth == "aws":
            from credman.providers import aws

            return aws.verify(values, self._environ)
        if verifying.call is None:
            return Verdict(Liveness.UNKNOWN, verifying.skip, is_final=True)
        token = values.get("token", Secret(""))
        if verifying.pattern and not re.fullmatch(verifying.pattern, token, re.ASCII):
            kind = f"{self.provider.title} cannot be asked about this kind of token"
            return Verdict(Liveness.UNKNOWN, kind, is_final=True)
        try:
            request = self._build(verifying.call, values, is_repeatable=True)
            answer = self._client.send(request)
        except NoAnswer as error:
            return Verdict(Liveness.UNKNOWN, error.reason)
        except CredmanError as error:
            return Verdict(Liveness.UNKNOWN, error.message)
        verdict = self._scrub(judge(verifying, answer, values), values)
        if verdict.liveness is Liveness.LIVE and verifying.identity_url:
            return self._add_identity(verifying, values, verdict)
        return verdict

    def find_obstacle(self, values: Mapping[str, Secret]) -> str:
        """Returns: why the token cannot rotate itself; empty if it can."""
        rotating = self.rotating
        if rotating.auth == "aws":
            from credman.providers import aws

            return aws.find_obstacle(values)
        if rotating.call is None:
            return f"{self.provider.title} has no way for a token to rotate itself"
        if not rotating.new.keys() <= values.keys():
            return f"the parts of it are not those that {self.provider.title} gives"
        token = values.get("token", Secret(""))
        if rotating.pattern and not re.fullmatch(rotating.pattern, token, re.ASCII):
            return f"this kind of token of {self.provider.title} cannot rotate itself"
        return ""

    def prepare_rotation(
        self,
        values: Mapping[str, Secret],
        *,
        name: str,
        now: datetime,
        lifetime: timedelta | None,
    ) -> Request:
        """Asks what has to be known before. Changes nothing.

        Args:
            name: what we call the token.
            lifetime: of the new one; None: as long as the provider's file says.

        Returns:
            The request that makes the new value.

        Raises:
            CredmanError: it cannot be made.
        """
        rotating = self.rotating
        if rotating.call is None:
            raise UsageError(self.find_obstacle(values))
        span = self._span(lifetime)
        known: dict[str, Any] = {
            **values,
            "label": f"{_LABEL} {name} {now.date().isoformat()}",
            "expires_date": (now + span).date().isoformat(),
            "lifetime_seconds": int(span.total_seconds()),
        }
        known |= self._look_up(rotating.lookups, known)
        return self._build(rotating.call, known)

    def find_end(self, now: datetime, lifetime: timedelta | None) -> datetime | None:
        """Args: as of ``prepare_rotation``. Returns: until when a new token is asked for; None: its
        provider is not told."""
        call = self.rotating.call
        names = set() if call is None else list_names(call)
        return now + self._span(lifetime) if names & {"expires_date", "lifetime_seconds"} else None

    def _span(self, lifetime: timedelta | None) -> timedelta:
        longest = timedelta(days=self.rotating.lifetime_days)
        return min(lifetime or longest, longest)

    def send(self, request: Request) -> Answer:
        """Raises: NoAnswer"""
        return self._client.send(request)

    def is_refusal(self, answer: Answer) -> bool:
        """Whether a whole answer says no, although its status says yes."""
        call = self.rotating.call
        if call is None or not call.ok_body or not answer.is_whole or answer.status not in call.ok:
            return False
        data = parse_json(answer.body)
        return isinstance(data, dict) and not holds(data, call.ok_body)

    def read_successor(self, answer: Answer, known: Collection[str] = ()) -> Successor:
        """Args: known: values that are no new ones.

        Raises:
            UsageError: there is no new token in it; nothing of it is repeated.
        """
        rotating = self.rotating
        if not 200 <= answer.status < 300:
            raise UsageError(f"the answer of {self.provider.title} holds no new token")
        data = parse_json(answer.body)
        new = {key: find_path(data, path) for key, path in rotating.new.items()}
        if not all(map(_is_value, new.values())) and [*new] == ["token"]:
            new = {"token": self._salvage(answer.body.decode("utf-8", "replace"), known)}
        if any(value in known for key, value in new.items() if key in self._secret):
            raise UsageError(f"the answer of {self.provider.title} holds a token that is known")
        if not all(map(_is_value, new.values())):
            raise UsageError(f"the answer of {self.provider.title} holds no new token")
        ids = {key: render_text(find_path(data, path)) for key, path in rotating.keep.items()}
        secret = [str(value) for key, value in new.items() if key in self._secret] + [*known]
        ids = {key: text for key, text in ids.items() if not any(s in text for s in secret)}
        expires_at = (
            read_moment(find_path(data, rotating.expires_path)) if rotating.expires_path else None
        )
        if expires_at is not None and expires_at <= utc_now():
            expires_at = None  # it was made just now: the date means something else
        return Successor(
            {key: Secret(value) for key, value in new.items()},
            {key: text for key, text in ids.items() if text},
            expires_at,
        )

    def revoke(
        self,
        values: Mapping[str, Secret],
        *,
        successor: Mapping[str, Secret] | None,
        ids: Mapping[str, str],
    ) -> str:
        """Asks to end a token. Whether it has ended, only ``verify`` can tell.

        Args:
            successor: the values of the version after it, by whose right it may be ended.
            ids: what the provider calls the one that is to end.

        Returns:
            Why it was not done, in words; empty: the provider said yes.
        """
        revoking = self.revoking
        if revoking.auth == "aws":
            from credman.providers import aws

            return aws.revoke(values, successor, self._environ)
        if revoking.call is None:
            return f"{self.provider.title} has no way to do it from here"
        token = values.get("token", Secret(""))
        if revoking.pattern and not re.fullmatch(revoking.pattern, token, re.ASCII):
            return f"{self.provider.title} ends this kind of token on its page only"
        if revoking.needs_successor and successor is None:
            return f"{self.provider.title} ends it only when there is a newer one"
        known: dict[str, Any] = {**ids, **values}
        known["successor"] = (successor or values).get("token", token)
        for key, pattern in revoking.derive.items():
            match = re.fullmatch(pattern, token, re.ASCII)
            if match is not None:
                known.setdefault(key, match[1])
        try:
            known |= self._look_up(revoking.lookups, known)
            answer = self._client.send(self._build(revoking.call, known))
        except NoAnswer as error:
            return error.reason
        except CredmanError as error:
            return error.message
        if not is_yes(revoking.call, answer):
            return f"{self.provider.title} answered {answer.status}"
        return ""

    def can_revoke(self, values: Mapping[str, Secret], ids: Mapping[str, str]) -> bool:
        """Whether the provider can be asked to end it."""
        revoking = self.revoking
        if revoking.auth:
            return True
        if revoking.call is None:
            return False
        token = values.get("token", Secret(""))
        if revoking.pattern and not re.fullmatch(revoking.pattern, token, re.ASCII):
            return False
        looked_up = {name for lookup in revoking.lookups for name in lookup.take}
        derived = {k for k, p in revoking.derive.items() if re.fullmatch(p, token, re.ASCII)}
        return list_names(revoking.call) <= {
            *values, *ids, *looked_up, *derived, "successor",
        }  # fmt: skip

    def _salvage(self, text: str, known: Collection[str]) -> str:
        """Returns: the one token in half an answer, or in one of a new form; else nothing."""
        main = self.provider.main_field
        found = {
            match[1]
            for shape in self.provider.shapes
            if main is not None and shape.field == main.name and shape.kind is ShapeKind.PREFIX
            for match in re.finditer(f'"({shape.pattern})"', text, re.ASCII)
            if match[1] not in known
        }
        return found.pop() if len(found) == 1 else ""

    def looks_right(self, values: Mapping[str, Secret]) -> bool:
        """Whether a token has the shape of those of this provider, as far as one is known."""
        main = self.provider.main_field
        if main is None or main.key not in values:
            return True
        known = [s for s in self.provider.shapes if s.field == main.name and not s.is_recalled]
        return not known or self.provider.find_shape(main.name, values[main.key]) is not None

    def _look_up(self, lookups: tuple[Call, ...], known: Mapping[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for lookup in lookups:
            try:
                answer = self._client.send(
                    self._build(lookup, {**known, **found}, is_repeatable=lookup.method == "GET")
                )
            except NoAnswer as error:
                raise CredmanError(f"{self.provider.title}: {error.reason}") from None
            data = parse_json(answer.body)
            if not is_yes(lookup, answer) or data is MISSING:
                raise CredmanError(f"{self.provider.title} answered {answer.status}")
            for name, path in lookup.take.items():
                value = find_path(data, path)
                if value is MISSING or value in (None, "", []):
                    raise CredmanError(f"{self.provider.title} did not tell {name}")
                found[name] = value
        return found

    def _add_identity(
        self, verifying: Verify, values: Mapping[str, Secret], verdict: Verdict
    ) -> Verdict:
        call = verifying.call
        assert call is not None  # noqa: S101 - who calls it has looked
        other = Call("GET", verifying.identity_url, call.headers, basic=call.basic)
        try:
            answer = self._client.send(self._build(other, values, is_repeatable=True))
        except (NoAnswer, CredmanError):
            return verdict  # it is live; who it is remains unsaid
        if answer.status != 200:
            return verdict
        found = describe_answer(verifying, answer, values, parse_json(answer.body))
        found = self._scrub(found, values)
        return replace(
            verdict,
            identity=found.identity,
            account=found.account,
            scopes=found.scopes or verdict.scopes,
            expires_at=verdict.expires_at or found.expires_at,
        )

    def _scrub(self, verdict: Verdict, values: Mapping[str, Secret]) -> Verdict:
        """Returns: the verdict without what repeats a secret: it is shown to people."""
        secret = [text for key, text in values.items() if key in self._secret]

        def clean(text: str) -> str:
            is_part = any(s in text or (len(text) > _LONGEST_PART and text in s) for s in secret)
            return "" if is_part else text

        parts = clean(verdict.scopes).split(", ")
        return replace(
            verdict,
            identity=clean(verdict.identity),
            account=clean(verdict.account),
            scopes=", ".join(p for p in parts if clean(p.partition(" ")[2] or p)),
        )

    def _build(
        self, call: Call, values: Mapping[str, Any], *, is_repeatable: bool = False
    ) -> Request:
        place, _ = self.find_place(values)
        base = self.provider.base
        if base is not None and place:
            call = move_to(call, base.url, place)
        return build_request(call, values, is_repeatable=is_repeatable, secret=self._secret)


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _is_value(value: object) -> bool:
    return (
        isinstance(value, str)
        and value.isascii()
        and value.isprintable()
        and value != ""
        and " " not in value
    )
