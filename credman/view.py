"""What a caller sees of a store: the reading half of a session. Knows no terminal."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime

from credman.core.config import Config
from credman.core.errors import CredmanError, NotFound, StoreConflict
from credman.core.model import Address, Environment, Token
from credman.core.names import check_name, find_nearest
from credman.core.plan import PlanEntry, make_plan, visible_tokens
from credman.core.scope import Scope, Selection, find_folded
from credman.core.secret import Secret
from credman.core.standing import is_dead, refuse_barred
from credman.stores.base import Snapshot, Store

_LOOKS = 5


class View:
    """Args:
    store: opened lazily, at the first call that needs it.
    config: the user's defaults.
    selection: what the caller chose over them.
    """

    def __init__(self, store: Store, config: Config, selection: Selection) -> None:
        self.store = store
        self.config = config
        self.warnings: list[str] = []
        self._scope = Scope(config, selection)
        self._snapshot: Snapshot | None = None
        self._has_written = False

    def snapshot(self) -> Snapshot:
        """What is stored, as of the first look or the last write of this session."""
        if self._snapshot is None:
            self._snapshot = self.store.snapshot()
            self._warn(self._snapshot.warnings)
        return self._snapshot

    def refresh(self) -> None:
        """The next look is a new one."""
        self._snapshot = None

    @property
    def has_written(self) -> bool:
        """Whether something was changed."""
        return self._has_written

    def find_snapshot(self, *, reads_again: bool) -> Snapshot | None:
        """Args:
            reads_again: also where it was written to since.

        Returns:
            What was seen, or None: nothing was, or it has changed.
        """
        if self._has_written and reads_again:
            try:
                return self.store.snapshot()
            except CredmanError:
                return None
        return self._snapshot

    def environments(self) -> dict[str, Environment]:
        """All environments that exist, by name."""
        snapshot = self.snapshot()
        return self._scope.environments(snapshot.environments, snapshot.tokens)

    def is_named_without_store(self) -> bool:
        """Whether the chosen environment and profile exist whatever the store holds."""
        return self._scope.exists_without_store()

    def target_environment(self) -> str:
        """The name of the environment that a write goes to; it need not exist."""
        wanted = self._scope.environment
        return find_folded(wanted, self.environments()) or wanted

    def environment(self) -> Environment:
        """The chosen environment.

        Raises:
            NotFound: there is none of this name; a typo never gives the base silently.
        """
        return self._scope.find_environment(self.environments(), self.snapshot().tokens)

    def profile(self) -> str:
        """The chosen profile's name.

        Raises:
            NotFound: no token and no configuration names it.
        """
        return self._scope.find_profile(self.snapshot().tokens)

    def visible(self) -> list[Token]:
        """The tokens that count in the chosen environment and profile."""
        environment = self.environment()
        return visible_tokens(
            self.snapshot().tokens,
            environment=environment.name,
            profile=self.profile(),
            isolated=environment.isolated,
        )

    def plan(self, only: Collection[str] = ()) -> list[PlanEntry]:
        """Which variables the chosen environment gives.

        Raises:
            NotFound: something in ``only`` is not there.
        """
        return make_plan(self.visible(), only=only)

    def reveal(self, plan: Sequence[PlanEntry]) -> dict[str, Secret]:
        """Returns: the values of a plan, by variable.

        Raises:
            Refused: one of its tokens has expired, was revoked or is compromised.
            StoreConflict: others keep changing the store.
        """
        for _ in range(_LOOKS):
            self._refuse_barred(entry.token for entry in plan)
            addresses = {entry.variable: entry.address for entry in plan}
            try:
                values = self.store.reveal(set(addresses.values()))
            except StoreConflict:
                # Some of it is stored elsewhere by now: what gives the same variables counts.
                self._snapshot = None
                found = {entry.variable: entry for entry in self.plan()}
                if not all(entry.variable in found for entry in plan):
                    raise
                plan = [found[entry.variable] for entry in plan]
            else:
                return {variable: values[address] for variable, address in addresses.items()}
        raise _busy()

    def token(self, name: str) -> Token:
        """The token of this name that counts here.

        Raises:
            NotFound: there is none; names the nearest.
        """
        check_name("token", name)
        tokens = self.visible()
        for token in tokens:
            if token.key.name.casefold() == name.casefold():
                return token
        where = f"environment {self.environment().name}"
        nearest = find_nearest(name, [t.key.name for t in tokens])
        elsewhere = [t for t in self.snapshot().tokens if t.key.name.casefold() == name.casefold()]
        if elsewhere:
            key = elsewhere[0].key
            profile = "" if key.profile == self.profile() else f" -p {key.profile}"
            hint = f"there is one in {key.environment}: -e {key.environment}{profile}"
        elif nearest:
            hint = f"did you mean {nearest}? credman list shows what there is"
        else:
            hint = f"credman add {name} stores it; credman list shows what there is"
        raise NotFound(f"no token named {name} in {where}", hint=hint)

    def hand_out(self, token: Token) -> dict[str, Secret]:
        """As ``values``, for somebody who uses them.

        Raises:
            Refused: it has expired, was revoked or is compromised.
        """
        self._refuse_barred([token])
        return self.values(token)

    def values(self, token: Token) -> dict[str, Secret]:
        """Returns: the values of the token's current version, by field, in field order.

        Raises:
            StoreConflict: others keep changing the store.
        """
        for _ in range(_LOOKS):
            present = token.current.fields
            addresses = {
                f.name: Address(token.key, token.current.number, f.name)
                for f in token.fields
                if f.name in present
            }
            try:
                values = self.store.reveal(addresses.values())
            except StoreConflict:
                self._snapshot = None
                found = self.snapshot().find_token(token.key)
                if found is None or found.fields != token.fields:
                    raise
                token = found
            else:
                return {name: values[address] for name, address in addresses.items()}
        raise _busy()

    def own_token(self, name: str) -> Token:
        """As ``token``; one that is inherited from the base environment is refused.

        Raises:
            NotFound
        """
        token = self.token(name)
        environment = self.environment().name
        if token.key.environment.casefold() != environment.casefold():
            raise NotFound(
                f"{token.key.name} is inherited: environment {environment} has none of its own",
                hint=f"-e {token.key.environment} names the one it comes from",
            )
        return token

    def _refuse_barred(self, tokens: Iterable[Token]) -> None:
        listed = list(tokens)
        refuse_barred(listed, datetime.now(UTC))
        for token in {t.key: t for t in listed}.values():
            if is_dead(token):
                self._warn([f"{token.key.name} was dead when its provider was asked"])

    def _warn(self, warnings: Sequence[str]) -> None:
        self.warnings.extend(w for w in warnings if w not in self.warnings)


def _busy() -> StoreConflict:
    return StoreConflict("others keep changing the store", hint="try again in a moment")
