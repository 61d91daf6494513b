"""What the agent holds: the identities of vaults, for a while; and what was read with them.

Rule: identities lie in locked memory, values encrypted under a key that lies there too. Time is
counted on a clock that goes on while the machine sleeps and that nobody can set.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from credman.server.memory import LockedMemory
from credman.vault.container import SealedVault
from credman.vault.document import Document
from credman.vault.shield import KEY_BYTES, Shield

_MOST_VAULTS = 64
_MOST_DOCUMENTS = 8
_LARGEST_FILE = 8 * 1024 * 1024


class Declined(BaseException):
    """The caller has to do it himself: it would ask somebody, or what it needs is not held here.
    Not an Exception, so that no command takes it for an error of its own."""


def now() -> float:
    """Returns: seconds; they go on while the machine sleeps."""
    # On macOS the monotonic clock does that by itself.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(slots=True)
class Entry:
    """A vault that is held, or the keyring.

    Args:
        place: of its identity, in locked memory; -1: the keyring has none.
        path: of its file, for people.
        idle: seconds without use after which it is dropped; None: it is not.
        until: the end, on the clock of ``now``.
        used: when it last gave values.
    """

    place: int
    path: str
    idle: float | None
    until: float
    used: float

    def seconds_left(self, at: float) -> float:
        idle = self.until if self.idle is None else self.used + self.idle
        return min(idle, self.until) - at


class Held:
    """What is open. Args: clock: as ``now``.

    Raises:
        OSError: the system does not let this process lock memory.
    """

    def __init__(self, clock: Callable[[], float] = now) -> None:
        self._clock = clock
        self._memory = LockedMemory()
        self._shield_key = self._memory.put(os.urandom(KEY_BYTES))
        self._entries: dict[str, Entry] = {}
        self._documents: dict[str, Document] = {}
        self._here = threading.local()  # a request is answered by one thread
        self._lock = threading.RLock()
        self.has_dropped = False

    @property
    def entries(self) -> dict[str, Entry]:
        """By vault id, those whose time is not over."""
        at = self._clock()
        with self._lock:
            return {k: e for k, e in self._entries.items() if e.seconds_left(at) > 0}

    def hold(
        self,
        vault_id: str,
        identity: bytes,
        path: str,
        *,
        idle: float | None,
        until: float,
        used: float | None = None,
    ) -> None:
        """Args: as of ``Entry``. Raises: MemoryError: there are too many."""
        with self._lock:
            entry = self.entries.get(vault_id)
            if entry is not None and entry.idle is None and idle is not None:
                # A time that somebody chose is not cut short by another command.
                idle, until = None, entry.until
            if vault_id in self._entries:
                self._drop(vault_id)
            elif len(self._entries) >= _MOST_VAULTS:
                raise MemoryError
            place = self._memory.put(identity) if identity else -1
            at = self._clock() if used is None else used
            self._entries[vault_id] = Entry(place, path, idle, until, at)

    def seconds_left(self) -> float:
        """Returns: until the first of them is to be dropped."""
        at = self._clock()
        with self._lock:
            return min((e.seconds_left(at) for e in self._entries.values()), default=0.0)

    def find_identity(self, vault_id: str) -> bytes:
        with self._lock:
            entry = self._entries.get(vault_id)
            if entry is None or entry.place < 0 or entry.seconds_left(self._clock()) <= 0:
                raise Declined
            self._here.asked.add(vault_id)
            return self._memory.get(entry.place)

    def use_keyring(self, name: str) -> None:
        """Raises: Declined: the keyring of this name is not held."""
        if name not in self.entries:
            raise Declined
        self._here.asked.add(name)

    def opened(self, vault_id: str, identity: bytes, path: str) -> None:
        """Nothing: what is opened here was held before."""

    def opened_keyring(self, backend: str) -> None:
        """Nothing, as ``opened``."""

    def outdated(self, vault_id: str, path: str) -> None:
        """Another process gave the vault a new identity. Raises: Declined"""
        with self._lock:
            entry = self._entries.get(vault_id)
            if entry is not None and entry.path == path:  # else it is an older copy of it
                self._drop(vault_id)
                self.has_dropped = True
        raise Declined

    def recall(self, sealed: SealedVault) -> Document | None:
        with self._lock:
            found = self._documents.get(sealed.file_hash)
        if found is None:
            return None
        return replace(found, identity=self.find_identity(found.vault_id))

    def remember(self, sealed: SealedVault, document: Document) -> None:
        if len(sealed.file) > _LARGEST_FILE:
            return  # it is read anew each time; what is kept has a bound
        contents = document.contents
        shielded = Shield(contents.values, lambda: self._memory.get(self._shield_key))
        kept = replace(document, identity=b"", contents=replace(contents, values=shielded))
        with self._lock:
            self._forget(document.vault_id)
            while len(self._documents) >= _MOST_DOCUMENTS:
                del self._documents[next(iter(self._documents))]
            self._documents[sealed.file_hash] = kept

    def begin(self) -> None:
        """A request begins."""
        self._here.asked = set()

    def end(self, *, gave_values: bool) -> None:
        """A request has ended. What gave no values does not count as use."""
        with self._lock:
            for vault_id in self._here.asked & self._entries.keys() if gave_values else ():
                self._entries[vault_id].used = self._clock()

    def drop_expired(self) -> bool:
        """Returns: whether something was dropped, now or since the last call: its values have gone
        through this process's memory, which cannot be wiped and has to be left."""
        with self._lock:  # a thread may drop one at the same time
            for vault_id in self._entries.keys() - self.entries.keys():
                self._drop(vault_id)
                self.has_dropped = True
            dropped, self.has_dropped = self.has_dropped, False
            return dropped

    def identity_of(self, vault_id: str) -> bytes:
        """Returns: the identity of one that is held; nothing for the keyring."""
        place = self._entries[vault_id].place
        return self._memory.get(place) if place >= 0 else b""

    def _drop(self, vault_id: str) -> None:
        with self._lock:
            entry = self._entries.pop(vault_id)
            if entry.place >= 0:
                self._memory.wipe(entry.place)
            self._forget(vault_id)

    def _forget(self, vault_id: str) -> None:
        for file_hash in [h for h, d in self._documents.items() if d.vault_id == vault_id]:
            del self._documents[file_hash]
