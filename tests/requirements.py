"""What a test needs of its machine. Without it the test is skipped, with the reason; where
``CREDMAN_TEST_REQUIRE=all`` is set, a skip is a failure."""

from __future__ import annotations

import os
import shutil

import pytest


def require(condition: object, reason: str) -> None:
    """Skips the test unless ``condition`` holds, or fails it where everything is required."""
    if condition:
        return
    if os.environ.get("CREDMAN_TEST_REQUIRE") == "all":
        pytest.fail(f"required here: {reason}")
    pytest.skip(reason)


def require_program(name: str) -> str:
    """Returns: the path of a program."""
    path = shutil.which(name)
    require(path, f"{name} is not installed")
    return path or name
