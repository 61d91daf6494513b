"""Becomes the agent.

Run by file name under ``python -I``, with the directories of the packages and that of the socket as
arguments; what it is to hold comes on standard input.

It listens before it imports anything to speak of, and then lets its starter go on: whoever asks
meanwhile waits in the queue. Exit code 3: another agent is there already; 4: the system refuses
what keeps its memory its own.
"""

import os
import sys

_QUEUE = 128


def main() -> None:
    """Args: of the process: directories of packages, the first one credman's; the directory of the
    socket."""
    packages, folder = sys.argv[1:3]
    # Behind the standard library, for which a file of that directory never stands in; before what
    # is installed, where another release of credman may lie.
    installed = [
        n for n, p in enumerate(sys.path) if p.endswith(("site-packages", "dist-packages"))
    ]
    place = min(installed, default=len(sys.path))
    sys.path[place:place] = packages.split(os.pathsep)
    _protect()
    os.chdir("/")
    os.umask(0o077)
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (1, 2):
        os.dup2(null, descriptor)
    _close_from(3)
    _listen(folder)
    waiting, ready = os.pipe()
    if os.fork():
        os.close(ready)
        os.read(waiting, 1)  # until the other one has closed its end
        os._exit(0)  # the starter waits for this one only, and has no child afterwards
    from credman.server.succession import listen_as_this_process

    os.setsid()
    listen_as_this_process()
    os.close(ready)
    os.close(waiting)
    from credman.server.loop import serve

    serve(folder)


def _close_from(lowest: int) -> None:
    # Not up to the limit: that may be lower than what is open, or thousands of millions.
    try:
        numbers = [int(name) for name in os.listdir("/dev/fd")]
    except OSError:
        numbers = list(range(1024))
    for number in numbers:
        if number >= lowest:
            try:
                os.close(number)
            except OSError:
                pass


def _protect() -> None:
    from credman.agent.client import NOT_PROTECTED
    from credman.server.memory import LockedMemory, protect_process

    try:
        protect_process()  # holds for the child as well
        LockedMemory()
    except OSError:
        os._exit(NOT_PROTECTED)


def _listen(folder: str) -> None:
    import fcntl
    from _socket import AF_UNIX, SOCK_STREAM, socket

    from credman.agent.client import ALREADY_THERE, LISTENER, LOCK, LOCK_FILE, SOCKET

    directory = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    lock = os.open(LOCK_FILE, flags, 0o600, dir_fd=directory)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os._exit(ALREADY_THERE)
    try:
        os.unlink(SOCKET, dir_fd=directory)
    except FileNotFoundError:
        pass
    listener = socket(AF_UNIX, SOCK_STREAM)
    path = os.path.join(folder, SOCKET)
    if sys.platform == "linux":  # the address holds 107 bytes
        path = f"/proc/self/fd/{directory}/{SOCKET}"
    listener.bind(path)
    listener.listen(_QUEUE)
    # In two steps: each may lie where another one is to be.
    high = [fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 10) for fd in (listener.fileno(), lock)]
    listener.detach()
    for wanted, found in zip((LISTENER, LOCK), high, strict=True):
        os.dup2(found, wanted, inheritable=False)
    os.closerange(LOCK + 1, max(high) + 1)


if __name__ == "__main__":
    main()
