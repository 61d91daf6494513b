"""Files that lie in memory only, for values that programs want to read from a path.

Rule: such a value is never written to a disk. The file has no name; its path leads through the
process that holds its descriptor, ``/proc/PID/fd/N``, and not through ``/proc/self``: many programs
close what they inherited before they start others, and these can still go by way of the first one,
which has the PID of credman. It ends with that process; a program that closes its own inherited
descriptors (sudo, a daemon) takes the file away. Only the same user and root can open it, just as
they can read the process's environment.
"""

from __future__ import annotations

import os

from credman.core.errors import Unavailable

_FIRST_NUMBER = 100
"""Scripts take the numbers from 3 on for themselves, shells those from 10 on."""
_NO_EXECUTE = 0x8
"""MFD_NOEXEC_SEAL, since Linux 6.3; some systems accept no file in memory without it."""


def check_memory_files() -> None:
    """Raises: Unavailable: this system has none."""
    if not hasattr(os, "memfd_create"):
        raise Unavailable(
            "a file that lies in memory only is not to be had on this system",
            hint="--only with the others leaves it out, credman get prints it",
        )


def hold_in_memory(value: bytes) -> str:
    """Makes a file of this process and of the program that replaces it, which nobody can change.

    Returns:
        Its path.

    Raises:
        OSError: it could not be made, or could not be reached afterwards.
    """
    import fcntl

    descriptor = _create()
    rest = memoryview(value)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fchmod(descriptor, 0o400)
    seals = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
    fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
    try:
        number = fcntl.fcntl(descriptor, fcntl.F_DUPFD, _FIRST_NUMBER)
    except OSError:  # fewer descriptors are allowed
        number = descriptor
        os.set_inheritable(number, True)
    else:
        os.close(descriptor)
    path = f"/proc/{os.getpid()}/fd/{number}"
    os.stat(path)  # without /proc there is no way to it
    return path


def _create() -> int:
    flags = os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING
    try:
        return os.memfd_create("credman", flags | _NO_EXECUTE)
    except OSError:
        return os.memfd_create("credman", flags)
