"""Digests of stored values: what can be told of a text without opening the store.

They are keyed (HMAC). Two files in the state directory, 0600: the key of this machine, 32 random
bytes, and the digests of values of at least 100 bits, each with its length and whose it is.

Rule: never a value, nor a digest by which it could be found by trying; what is not whole is as good
as none, and is written anew. Imports next to nothing: the git hook pays for every module.
"""

import os

from credman.core import wire
from credman.watch.scan.patterns import read_private, write_private
from credman.watch.scan.recognizing import INSIDE, Finder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

KEY_FILE, FILE = "fingerprints.key", "fingerprints"
_MAGIC = b"credman fingerprints 1"
_KEY_BYTES, _DIGEST_BYTES = 32, 32
_LARGEST_FILE = 8 * 1024 * 1024
_LONGEST = 4096
_MOST_STORES = 16
_SHORTEST = 16


class Fingerprints:
    """Args: key: of this machine. stores: what is known of each store."""

    def __init__(self, key: bytes, stores: "Mapping[bytes, Mapping[bytes, tuple[bytes, int]]]"):
        import hmac

        self._digest, self._key = hmac.digest, key
        self.labels: list[bytes] = []
        self._numbers: dict[bytes, int] = {}
        lengths = set()
        for entries in stores.values():
            for label, (digest, length) in entries.items():
                if not digest:
                    continue
                self._numbers.setdefault(digest, len(self.labels))
                self.labels.append(label)
                lengths.add(length)
        self._lengths = sorted(lengths)

    def __bool__(self) -> bool:
        return bool(self._numbers)

    def recognize(self, value: bytes) -> int | None:
        """Returns: the number of the label whose value this is."""
        if len(value) not in self._lengths:
            return None
        return self._numbers.get(self._digest(self._key, value, "sha256"))

    def make_finder(self) -> Finder:
        """Returns: what looks for them in buffers, for one thread."""
        return Finder(self.recognize, self._lengths)


def is_eligible(value: bytes) -> bool:
    """Whether a digest of it may be kept: it is of the form of tokens, and cannot be guessed."""
    if not _SHORTEST <= len(value) <= _LONGEST or not INSIDE.issuperset(value):
        return False
    from credman.watch.scan import judging

    if judging.estimate_bits(value) < judging.FINGERPRINT_BITS or judging.is_placeholder(value):
        return False
    return judging.estimate_guess_bits(value) >= judging.FINGERPRINT_BITS


def load(state: str, stores: "Iterable[bytes] | None" = None) -> Fingerprints | None:
    """Args:
        state: the state directory.
        stores: which of them; None: all.

    Returns:
        What is known; None: nothing.
    """
    key = _read_key(state)
    if key is None:
        return None
    known = _read(state, key)
    chosen = known if stores is None else {s: known[s] for s in stores if s in known}
    found = Fingerprints(key, chosen)
    return found or None


def list_known(state: str, store: bytes) -> "frozenset[bytes]":
    """Returns: the first lines of the labels of a store whose values have a digest, or get none."""
    key = _read_key(state)
    known = {} if key is None else _read(state, key)
    return frozenset(map(_first_line, known.get(store, ())))


def remember(state: str, store: bytes, values: "Mapping[bytes, bytes | None]") -> None:
    """Replaces what is known of a store; never fails: less is known then.

    Args:
        store: what stands for it.
        values: by label, whose first line tells values apart; None: the digest that is there under
            the same first line stays.
    """
    import hmac

    key = _read_key(state)
    known = {} if key is None else _read(state, key)
    if key is None:
        if not any(value is not None and is_eligible(value) for value in values.values()):
            forget(state)
            return
        key = os.urandom(_KEY_BYTES)
        if not write_private(os.path.join(state, KEY_FILE), key):
            return
    former = known.pop(store, {})
    kept = {_first_line(label): entry for label, entry in former.items()}
    entries: dict[bytes, tuple[bytes, int]] = {}
    for label, value in values.items():
        if value is None:
            if _first_line(label) in kept:
                entries[label] = kept[_first_line(label)]
        elif is_eligible(value):
            entries[label] = hmac.digest(key, value, "sha256"), len(value)
        else:
            entries[label] = b"", 0
    if entries:
        known[store] = entries
    while len(known) > _MOST_STORES:
        del known[next(iter(known))]
    if entries != former or (former and not entries):
        write_private(os.path.join(state, FILE), _render(known, key))


def forget(state: str, store: bytes | None = None) -> None:
    """Args: store: what is known of this one; None: all, and the key. Never fails."""
    if store is not None:
        key = _read_key(state)
        known = {} if key is None else _read(state, key)
        if key is not None and known.pop(store, None) is not None:
            write_private(os.path.join(state, FILE), _render(known, key))
        return
    for name in (FILE, KEY_FILE):
        try:
            os.unlink(os.path.join(state, name))
        except OSError:
            continue


def _first_line(label: bytes) -> bytes:
    return label.partition(b"\n")[0]


def _check(key: bytes) -> bytes:
    # Tells digests that were made under another key, which would never be found.
    import hmac

    return hmac.digest(key, _MAGIC, "sha256")


def _read_key(state: str) -> bytes | None:
    key = read_private(os.path.join(state, KEY_FILE), _KEY_BYTES)
    return key if key is not None and len(key) == _KEY_BYTES else None


def _render(known: "Mapping[bytes, Mapping[bytes, tuple[bytes, int]]]", key: bytes) -> bytes:
    parts = [_MAGIC, _check(key)]
    for store, entries in known.items():
        packed = [
            piece
            for label, (digest, length) in entries.items()
            for piece in (label, digest, length.to_bytes(4, "big"))
        ]
        parts += [store, wire.pack(packed)]
    return wire.pack(parts)


def _read(state: str, key: bytes) -> "dict[bytes, dict[bytes, tuple[bytes, int]]]":
    data = read_private(os.path.join(state, FILE), _LARGEST_FILE)
    try:
        magic, check, *rest = wire.unpack(data or b"")
        if magic != _MAGIC or check != _check(key):
            return {}
        found = {}
        for store, packed in zip(rest[::2], rest[1::2], strict=True):
            items = wire.unpack(packed)
            found[store] = {
                label: (digest, int.from_bytes(length, "big"))
                for label, digest, length in zip(items[::3], items[1::3], items[2::3], strict=True)
                if len(digest) in (0, _DIGEST_BYTES)
            }
        return found
    except ValueError:
        return {}
