"""A write whose process dies at one of its steps.

A process that is killed runs no clean-up, so the write happens in a child that ends itself.
"""

from __future__ import annotations

import itertools
import os
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from credman.core.errors import CredmanError

DIED = 137
BROKEN = 99
CALLS = ("write", "fsync", "link", "rename", "unlink")
"""The calls by which a write changes what lies on the disk."""


def run_dying(action: Callable[[], object], *, at: int, is_torn: bool) -> int:
    """Runs an action in a process of its own that dies in front of the ``at``-th call.

    Args:
        is_torn: if that call writes, it writes half of its data first.

    Returns:
        ``DIED``, or the exit code of what was raised; 0 if there are fewer calls.
    """
    return run_child(lambda: _arm(at, is_torn=is_torn), action)


def run_child(arm: Callable[[], None], action: Callable[[], object]) -> int:
    """Runs an action in a process of its own. Args: arm: what makes it die, done there first.

    Returns:
        ``DIED``, or the exit code of what was raised.
    """
    child = os.fork()
    if not child:
        code = BROKEN
        try:
            arm()
            action()
            code = 0
        except CredmanError as error:
            code = error.exit_code
        except BaseException:  # noqa: BLE001  # a child must not go on with its parent's tests
            traceback.print_exc()
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _arm(at: int, *, is_torn: bool) -> None:
    calls = itertools.count(1)

    def dying(name: str) -> Callable[..., Any]:
        real: Callable[..., Any] = getattr(os, name)

        def call(*args: Any, **options: Any) -> Any:
            if next(calls) == at:
                if is_torn and name == "write":
                    real(args[0], bytes(args[1])[: len(args[1]) // 2])
                os._exit(DIED)
            return real(*args, **options)

        return call

    replaced: Mapping[str, Callable[..., Any]] = {name: dying(name) for name in CALLS}
    for name, call in replaced.items():
        setattr(os, name, call)
