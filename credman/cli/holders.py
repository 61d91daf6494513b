"""Whoever changes a token with its provider's help holds a lock of its own meanwhile."""

from __future__ import annotations

import os
import time

from credman.core.errors import CredmanError
from credman.core.paths import Paths
from credman.stores import disk


def wait_for_holders(paths: Paths, *, seconds: float) -> bool:
    """Waits for whoever changes tokens with their providers' help now: without an open vault what a
    provider answers them could not be stored.

    Returns:
        Whether nobody does any more.
    """
    directory = os.path.join(paths.state, "locks")
    deadline = time.monotonic() + seconds
    try:
        for name in os.listdir(directory):
            left = max(0.0, deadline - time.monotonic())
            with disk.locked(os.path.join(directory, name), seconds=left):
                pass
    except FileNotFoundError:
        return True
    except (CredmanError, OSError):
        return False
    return True
