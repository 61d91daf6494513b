"""What kind of surroundings a command runs in."""

from __future__ import annotations

from collections.abc import Mapping

_NO = ("", "0", "false", "no", "off")


def is_unattended(environ: Mapping[str, str]) -> bool:
    """Returns: whether nobody is there to answer: ``CI`` or ``CREDMAN_NO_INPUT`` is set."""
    return any(
        environ.get(variable, "").lower() not in _NO for variable in ("CI", "CREDMAN_NO_INPUT")
    )
