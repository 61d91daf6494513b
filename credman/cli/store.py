from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

from credman.cli.configuration import change_config
from credman.cli.create import create_store
from credman.cli.keychange import confirm
from credman.cli.namecache import forget_names, remember_names
from credman.cli.options import Invocation, command
from credman.cli.remembering import remember_values
from credman.cli.unlock import PassphraseSource
from credman.core.errors import (
    CredmanError,
    Interrupted,
    Refused,
    StoreConflict,
    UsageError,
    VaultExists,
    WrongPassphrase,
)
from credman.core.secret import Secret
from credman.oskeyring.client import OsKeyring
from credman.stores.base import SlotStore, Store, Surroundings, open_store
from credman.stores.capabilities import CopyStore
from credman.stores.moving import Move, Moved, Plan, busy

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import YesOption

_ATTEMPTS = 20


@command(selecting=False, asks_again=True)
def store_move(
    invocation: Invocation,
    url: Annotated[
        str, typer.Argument(metavar="URL", help="Where to: file:PATH, or another kind of store")
    ],
    yes: YesOption = False,
) -> None:
    """Move all tokens to another store.

    Copies everything, reads it back and compares, and only then asks and removes it here. A store
    that does not exist is made. Killed anywhere, it can be run again.

    Example: credman store move file:~/team.age
    """
    context, config = invocation.context, invocation.config
    chosen = invocation.store or context.environ.get("CREDMAN_STORE")
    usual = config.store or f"file:{context.paths.vault}"
    source = _Side(invocation, chosen or usual)
    target = _Side(invocation, url, is_target=True)
    _refuse_own(source, target)
    if not chosen:
        _check_name(target.name)
    found = source.store.snapshot()
    if found.obstacle is not None:  # before anything is made
        raise found.obstacle
    source.tell(_count(len(found.tokens)), label="from")
    move = Move(source.store, target.store, target.open)
    try:
        _prepare(move, target)
        moved = _copy_and_remove(invocation, move, source, target, yes=yes)
    finally:
        for warning in move.warnings:
            context.warn(warning)
    forget_names(context, chosen or usual)
    with contextlib.suppress(CredmanError):
        opened = target.open()
        snapshot = opened.snapshot()
        remember_names(context, config, target.name, snapshot)
        remember_values(context, config, target.name, opened, lambda: snapshot.tokens)
    if not moved.tokens:
        context.note("nothing is left to move")
    elif source.find_previous():
        context.note(f"copies of {source.name} that were made before still hold them")
    done = "moved; " if moved.tokens else ""
    if not chosen:
        _use(invocation, target)
        context.note(f"{done}credman uses {target.name} from now on")
    elif target.is_at(_Side(invocation, usual)):
        context.note(f"{done}credman uses {target.name}")
    elif invocation.store:
        context.note(f"{done}the configuration is as it was: --store {target.name}")
    else:
        context.note(f"{done}CREDMAN_STORE still names {source.name} in this shell")


class _Side:
    """One of the two stores, as a person names it.

    Args:
        url: as it was given.
        is_target: what opens it is asked for by its name.
    """

    def __init__(self, invocation: Invocation, url: str, *, is_target: bool = False) -> None:
        self._invocation = invocation
        self._unlocker = _NamedUnlocker(invocation.source) if is_target else invocation.source
        self._url = url
        self.store = self.open()
        self.path = self.store.describe().get("path", "")
        # The same place from wherever it is used: the path of a file may be relative.
        self.name = f"file:{self.path}" if url.startswith("file:") and self.path else url
        if isinstance(self._unlocker, _NamedUnlocker):
            self._unlocker.name = self.name

    def open(self) -> Store:
        context = self._invocation.context
        surroundings = Surroundings(context.paths, context.cwd, context.environ, self._unlocker)
        return open_store(self._url, surroundings)

    def find_previous(self) -> str:
        """Returns: where it keeps itself as it was before; empty if it does not."""
        return (isinstance(self.store, CopyStore) and self.store.previous()) or ""

    def tell(self, what: str, *, label: str) -> None:
        note = self._invocation.context.note
        note(f"  {label:<6} {self.name.removesuffix(':')}: {what}")

    def is_at(self, other: _Side) -> bool:
        return self.name == other.name or _is_same_file(self.path, other.path)

    def make(self) -> None:
        with contextlib.suppress(VaultExists):  # somebody else was first, a moment ago
            create_store(self._invocation, self.store)
            opened = self.store.opening().secret if isinstance(self.store, SlotStore) else None
            if isinstance(self._unlocker, _NamedUnlocker) and isinstance(opened, Secret):
                self._unlocker.known = opened


class _NamedUnlocker:
    """Asks for what opens the target by its name, and once: it is opened again to read it back."""

    def __init__(self, source: PassphraseSource) -> None:
        self.name = ""
        self.known: Secret | None = None
        self._source = source

    def passphrases(self, of: str = "", *, because: str = "") -> Iterator[Secret]:
        if self.known is not None:
            yield self.known
        try:
            for passphrase in self._source.passphrases(of or self.name, because=because):
                self.known = passphrase
                yield passphrase
        except WrongPassphrase as error:
            if self._source.is_given():
                error.hint = "without it, on a terminal, that of each store is asked for"
            raise

    def keyring(self, *, opening: bool = False) -> OsKeyring | None:
        return self._source.keyring(opening=opening)

    def tell(self, text: str) -> None:
        self._source.tell(text)


def _refuse_own(source: _Side, target: _Side) -> None:
    if target.is_at(source):
        raise Refused(f"the tokens are in {target.name} already")
    for one, other in ((source, target), (target, source)):
        # A write to the one replaces the other.
        if _is_same_file(one.find_previous(), other.path):
            raise Refused(f"{other.name} is the copy that {one.name} keeps of itself")


def _is_same_file(one: str, other: str) -> bool:
    if one == other:
        return bool(one)
    # Two names of one file: another spelling where case does not count, or a mount.
    with contextlib.suppress(OSError, ValueError):
        return os.path.isabs(one) and os.path.isabs(other) and os.path.samefile(one, other)
    return False


def _check_name(name: str) -> None:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise UsageError(
            "the configuration cannot name this store: its path is not UTF-8",
            hint="with --store, the one to move from, the configuration stays as it is",
        ) from None


def _prepare(move: Move, target: _Side) -> None:
    if not target.store.exists():
        target.make()
        target.tell("made now", label="to")
        return
    plan = move.prepare()
    there = _count(plan.same + plan.others)
    verb = "is" if plan.same == 1 else "are"
    same = f", {plan.same} of them {verb} the same" if plan.same else ""
    target.tell(f"{there}{same}", label="to")


def _copy_and_remove(
    invocation: Invocation, move: Move, source: _Side, target: _Side, *, yes: bool
) -> Moved:
    """Returns: what was moved at last, with all that was added meanwhile."""
    moved = move.copy()
    if moved.tokens:
        invocation.context.note(f"{_tell_copied(moved.plan, target.name)}, and read back")
        _confirm(invocation, source, target, yes=yes)
        if not yes:  # while a person thinks, much may happen
            moved = move.copy()
    for _ in range(_ATTEMPTS):
        try:
            move.remove(moved)
        except StoreConflict:
            moved = move.copy()
            continue
        return moved
    raise busy()


def _confirm(invocation: Invocation, source: _Side, target: _Side, *, yes: bool) -> None:
    try:
        confirm(invocation, f"remove them from {source.name}?", yes=yes)
    except (Refused, Interrupted) as error:
        error.message = "nothing was removed: they are in both stores now"
        error.hint = f"credman store move {target.name} goes on from here"
        raise
    except CredmanError:
        invocation.context.note("nothing was removed: they are in both stores now")
        raise


def _use(invocation: Invocation, target: _Side) -> None:
    paths = invocation.context.paths
    is_default = target.path == os.path.realpath(paths.vault)
    try:
        change_config(paths.config_file, {"store": None if is_default else target.name})
    except CredmanError as error:
        error.message = f"moved, but the configuration does not say so: {error.message}"
        error.hint = f"run it again, or set store there to {target.name}"
        raise


def _tell_copied(plan: Plan, name: str) -> str:
    if not plan.copied:
        return f"all {plan.same} are in {name} already" if plan.same > 1 else f"it is in {name}"
    return f"{_count(plan.copied)} copied to {name}"


def _count(number: int) -> str:
    return f"{number} token{'' if number == 1 else 's'}"
