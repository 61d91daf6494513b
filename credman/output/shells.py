r"""Text for ``eval``: sets or unsets variables in the shell that runs it.

The one hard case: people type ``eval $(credman env prod)`` *without* quotes. Their shell then
splits the text at blanks and expands globs in it before ``eval`` sees it: a value ``a * b`` in
ordinary single quotes is mangled, and a file with a crafted name in the current directory is run.
So the text holds no blank and no glob character inside a value, for any value:

- a value made only of ``[A-Za-z0-9_.=@%+-]`` stands in single quotes;
- any other is written in octal escapes, as ``$'a\040b'`` where the shell knows that form. The text
  asks: ``test $'\101' = A``. Octal, since ``\xHH`` is read greedily by ksh93 and mksh;
- elsewhere (dash) ``printf`` decodes it, with a full stop at the end that keeps trailing newlines.
  In backquotes, since a parenthesis is a glob to zsh under ``glob_subst``. Only where printf is
  built in: mksh runs ``/usr/bin/printf``, and the value would stand in its argument list for other
  users to read. A shell with neither gets ``false``.

Each statement ends with ``;``, since an unquoted eval joins lines with blanks. An IFS that holds
letters, digits, ``=`` or quotes still needs ``eval "$(…)"``. Tried in bash, dash, zsh, ksh93, mksh
and busybox, quoted and not; in fish through ``source``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import Enum

from credman.core.names import check_variable
from credman.core.secret import Secret
from credman.output.process import check_lengths

FAILURE = b"false;\n"
"""What a failed command prints where a shell evaluates it: status 1, and ``set -e`` stops."""

_SAFE = re.compile(rb"[A-Za-z0-9_.=@%+-]*")
_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_")
_OCTAL = [bytes([byte]) if byte in _PLAIN else b"\\%03o" % byte for byte in range(256)]
_FISH = [bytes([byte]) if byte in _PLAIN else b"\\X%02X" % byte for byte in range(256)]


class Shell(Enum):
    POSIX = "posix"
    FISH = "fish"


def render_set(shell: Shell, variables: Mapping[str, Secret]) -> bytes:
    """Args: variables: what to export, in this order.

    Returns:
        Text for the shell's ``eval``; empty when there is nothing to set.

    Raises:
        UsageError: a name is not one; it may have come from a file, so it is checked here again. Or
            a value is too long.
    """
    check_lengths(variables)
    pairs = [(check_variable(name).encode("ascii"), v.to_bytes()) for name, v in variables.items()]
    if shell is Shell.FISH:
        return b"".join(
            b"set -gx %s %s;\n" % (name, _translate(_FISH, value) or b"''") for name, value in pairs
        )
    plain = [(name, value) for name, value in pairs if _SAFE.fullmatch(value)]
    escaped = [
        (name, _translate(_OCTAL, value)) for name, value in pairs if not _SAFE.fullmatch(value)
    ]
    text = b"".join(b"export %s='%s';\n" % pair for pair in plain)
    if escaped:
        quoted = b"".join(b"%s=$'%s';export %s;\n" % (n, v, n) for n, v in escaped)
        printed = b"".join(
            b'%s="`printf \'%s.\'`";%s="${%s%%.}";export %s;\n' % (n, v, n, n, n)
            for n, v in escaped
        )
        text += (
            b"if test $'\\101' = A;then\n"
            + quoted
            + b'elif test "`command -v printf`" = printf;then\n'
            + printed
            + b"else false;fi;\n"
        )
    return text


def render_unset(shell: Shell, names: Iterable[str]) -> bytes:
    """Returns: text that takes the variables out of the shell's environment."""
    form = b"set -e %s;\n" if shell is Shell.FISH else b"unset -v %s;\n"
    return b"".join(form % check_variable(name).encode("ascii") for name in names)


def _translate(table: list[bytes], value: bytes) -> bytes:
    return b"".join([table[byte] for byte in value])
