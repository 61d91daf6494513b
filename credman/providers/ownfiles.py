"""Files about providers that people write themselves, in the configuration folder."""

from __future__ import annotations

import os
import stat

from credman.core.errors import UsageError

MAX_BYTES = 256 * 1024
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY


def read_own(folder: str) -> tuple[tuple[str, str], ...]:
    """Returns: the name and the text of each ``*.toml`` in it, by name; nothing if there is no such
    folder.

    Raises:
        UsageError: one cannot be read; it is never taken for absent.
    """
    try:
        found = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return ()
    except OSError as error:
        raise _cannot_read(folder, (error.strerror or "failed").lower()) from None
    names = sorted(name for name in found if name.endswith(".toml") and name[0] != ".")
    return tuple(
        (name.removesuffix(".toml"), read_file(os.path.join(folder, name))) for name in names
    )


def read_file(path: str) -> str:
    """Raises: UsageError: it cannot be read, is no regular file, or too large."""
    try:
        descriptor = os.open(path, _FLAGS)
    except OSError as error:
        raise _cannot_read(path, (error.strerror or "failed").lower()) from None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise _cannot_read(path, "it is not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            data = file.read(MAX_BYTES + 1)
        if len(data) > MAX_BYTES:
            raise _cannot_read(path, f"it is larger than {MAX_BYTES >> 10} KiB")
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise _cannot_read(path, "not UTF-8") from None
    except OSError as error:
        raise _cannot_read(path, (error.strerror or "failed").lower()) from None
    finally:
        os.close(descriptor)


def _cannot_read(path: str, reason: str) -> UsageError:
    return UsageError(f"cannot read {path}: {reason}")
