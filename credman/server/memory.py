"""Keys in memory that is never swapped, never dumped and never handed to a child."""

from __future__ import annotations

import ctypes
import mmap
import os

KEY_BYTES = 32
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38


class LockedMemory:
    """A page of keys. Args: pages: how many; each holds 128.

    Raises:
        OSError: the system does not let this process lock memory.
    """

    def __init__(self, pages: int = 1) -> None:
        size = pages * mmap.PAGESIZE
        self._map = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        address = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.mlock(ctypes.c_void_p(address), ctypes.c_size_t(size)):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        for advice in ("MADV_DONTDUMP", "MADV_DONTFORK"):  # of Linux
            if hasattr(mmap, advice):
                self._map.madvise(getattr(mmap, advice))
        self._free = list(range(size // KEY_BYTES))

    def put(self, key: bytes) -> int:
        """Returns: where it lies. Raises: MemoryError: there is no room."""
        if not self._free or len(key) != KEY_BYTES:
            raise MemoryError
        place = self._free.pop()
        self._map[place * KEY_BYTES : (place + 1) * KEY_BYTES] = key
        return place

    def get(self, place: int) -> bytes:
        """Returns: a copy of the key, to be dropped at once."""
        return self._map[place * KEY_BYTES : (place + 1) * KEY_BYTES]

    def wipe(self, place: int) -> None:
        """Overwrites it."""
        self._map[place * KEY_BYTES : (place + 1) * KEY_BYTES] = bytes(KEY_BYTES)
        self._free.append(place)


def protect_process() -> None:
    """Nobody may read this process's memory any more: no core file, no debugger of the same user,
    and no program that it starts gets other rights than it has.

    Raises:
        OSError: the system refuses; then it must hold no secret.
    """
    import resource
    import sys

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for name in ("RLIMIT_AS", "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_MEMLOCK", "RLIMIT_NOFILE"):
        # They were set for whatever its starter does.
        hard = resource.getrlimit(getattr(resource, name))[1]
        resource.setrlimit(getattr(resource, name), (hard, hard))
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    for option, value in ((_PR_SET_DUMPABLE, 0), (_PR_SET_NO_NEW_PRIVS, 1)):
        if libc.prctl(option, value, 0, 0, 0):
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def lock_all_memory() -> None:
    """Where that is allowed without end: otherwise the process would soon be out of memory."""
    import resource
    import sys

    unlimited = resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == resource.RLIM_INFINITY
    if sys.platform == "linux" and unlimited:
        ctypes.CDLL(None).mlockall(_MCL_CURRENT | _MCL_FUTURE | _MCL_ONFAULT)
