r"""The dotenv format, in the form that most of its readers agree on.

There is no standard: each reader has quoting rules of its own. Two promises hold for every value
that is not refused: python-dotenv reads it back, with and without interpolation, also in releases
before 1.2.3; and a shell that sources the file (``set -a; . ./.env``) runs nothing of it. Of the
forms that keep both, the first one below is taken, so that as many others as possible agree:

- ``V=a-b`` as it is, for a word of harmless characters: every reader, ``docker --env-file`` too;
- ``V='…'`` verbatim: shells and Node as well. Not with ``'``, a carriage return or ``\\`` in it;
- ``V="…"`` with ``\\``, ``\"`` and ``\r``: shells as well, less ``\r``. Not with ``$`` or a
  backquote, which shells act upon, and which python-dotenv knows no escape for;
- ``V='…'`` with ``\\``: shells and Node see every backslash twice.

Refused is ``${…}``, which python-dotenv replaces inside of any quotes; ``$`` or a backquote beside
``'`` or a carriage return; and a backslash at the end, where python-dotenv before 1.2.3 takes the
end of the quotes for an escaped one, and the next variables with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

_PLAIN = re.compile(r"(?:[A-Za-z0-9_][A-Za-z0-9_./@%+:-]*=*)?", re.ASCII)
_SUBSTITUTED = re.compile(r"\$\{[^}]*\}")


def find_dotenv_obstacle(name: str, text: str) -> str | None:
    """Returns: why the format cannot hold this value; None if it can."""
    if _SUBSTITUTED.search(text):
        return "it holds ${…}, which python-dotenv replaces in any quotes"
    if text.endswith("\\"):
        return "it ends with a backslash, which some readers join with the quote after it"
    if _quote(text) is None:
        return "it holds $ or ` beside ' or a carriage return, and no quotes are safe for all four"
    return None


def render_dotenv(texts: Mapping[str, str]) -> bytes:
    """Args: texts: values by variable, each without an obstacle."""
    return "".join(f"{name}={_quote(text)}\n" for name, text in texts.items()).encode()


def _quote(text: str) -> str | None:
    if _PLAIN.fullmatch(text):
        return text
    # In text mode, a carriage return that is not escaped is read as a line end.
    fits_single = "'" not in text and "\r" not in text
    if fits_single and "\\\\" not in text:
        return f"'{text}'"
    escaped = text.replace("\\", "\\\\")
    if "$" not in text and "`" not in text:
        return '"{}"'.format(escaped.replace('"', '\\"').replace("\r", "\\r"))
    return f"'{escaped}'" if fits_single else None
