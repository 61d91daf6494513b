"""The values that quoting rules break on, the file names that a glob might splice in, and the
shells that are tried. Each stands here once; the tests beside it cross them."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

CANARY = "PWNED"
"""The file that exists once a value was run."""

SINGLE_BYTES = tuple(bytes([byte]) for byte in range(1, 256))
VALUES: tuple[bytes, ...] = (
    b"",
    bytes(range(1, 256)),
    bytes(range(255, 0, -1)),
    # Blanks and line ends, which command substitution and field splitting eat.
    b"\n", b"\n\n", b"\nx", b"x\n", b"x\n\n\n", b"\r\n", b"a\r\nb\r\n", b"\r", b" ", b"\t",
    b"  a  b  ", b"\t\ta", b"a\tb\t", b"\x0b\x0c", b" \n \n ", b"\xc2\xa0",
    # Globs, braces, tildes.
    b"*", b"?", b"[a-z]", b"[", b"]", b"a * b", b"*?[!a]", b"**/*", b"{a,b}", b"{1..3}", b"~",
    b"~root", b"a:~:b", b"=ls", b"x=~", b"@(a|b)", b"+(x)", b"!(x)", b"(a|b)", b"<1-9>", b"^a",
    b"*(e:touch:)",
    # Things that run.
    b"$(touch PWNED)", b"`touch PWNED`", b"';touch PWNED;'", b'";touch PWNED;"', b"\ntouch PWNED\n",
    b";touch PWNED", b"&touch PWNED&", b"|touch PWNED", b"\\';touch PWNED;#",
    b"$((x[$(touch PWNED)]))", b"${x:-$(touch PWNED)}", b"<(touch PWNED)", b"() { :;}; touch PWNED",
    b"a\r;touch PWNED",
    # Quotes, backslashes, escapes that some shell or printf reads.
    b"'", b'"', b"''", b"'\"'\"'", b"$'", b"$'a'", b'$"a"', b"\\", b"\\\\", b"\\'", b"a\\", b"\\n",
    b"\\101", b"\\x41", b"\\c", b"\\0", b"%s%d", b"%", b"%%", b"%n$", b"$HOME", b"${HOME}",
    b"$$", b"$", b"!", b"!!", b"!x", b"!$", b"^x^y", b"#", b"#x", b"a #b", b"x;", b"x.", b".",
    b"-n", b"-e", b"--", b"-", b"\x1b[31m", b"\x7f", b"\x01\x02\x03", b"1", b"007", b"0x1f\x0a0",
    # Text and what is none.
    "é☃".encode(), "\U0001f600\U0001f468\u200d\U0001f469".encode(), "\u2028\u2029\u0085".encode(),
    b"\xff", b"\xfe\xff", b"\x80", b"\xc3", b"a\xc3(", b"\xed\xa0\x80", b"\x81\x88\xfd",
    b"\xe2\x98",
    # Long ones; the last has a digit after an octal escape.
    b"a" * 100_000, b" " * 5_000, b"'\n" * 2_000, b"\x0b1\x0b7" * 100,
)  # fmt: skip
ALL_VALUES = tuple(dict.fromkeys((*VALUES, *SINGLE_BYTES)))
assert len(set(VALUES)) == len(VALUES) > 100
assert len(ALL_VALUES) > len(SINGLE_BYTES) == 255

HOSTILE_FILES = (
    "';touch PWNED;'", "x;touch PWNED;", "$(touch PWNED)", "`touch PWNED`", "$'x", "'x", '"', "*",
    "?", "a", "b", "x", "aXb", "-n", "test", "export", "V1", "V1=x", "\\", "a b", "\n", "=", "[a]",
    "~", "$'a\\040b'", "false;", "\xe9",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class ShellProgram:
    """Args: argv: how it is started, without ``-c``."""

    name: str
    argv: tuple[str, ...]


POSIX_SHELLS = (
    ShellProgram("bash", ("bash", "--norc")),
    ShellProgram("bash --posix", ("bash", "--norc", "--posix")),
    ShellProgram("dash", ("dash",)),
    ShellProgram("zsh", ("zsh", "-f")),
    ShellProgram("ksh93", ("ksh93",)),
    ShellProgram("mksh", ("mksh",)),
    ShellProgram("busybox ash", ("busybox", "ash")),
)
FISH = ShellProgram("fish", ("fish", "--no-config"))

QUOTED, UNQUOTED = '"$(cat .text)"', "$(cat .text)"
QUOTINGS = {"quoted": QUOTED, "unquoted": UNQUOTED}
FISH_WAYS = {
    "source": "cat .text | source",
    "eval": "eval (cat .text)",
    "eval, collected": "eval (cat .text | string collect)",
}
SEPARATORS = {
    "default": "",
    "colon": "IFS=:",
    "comma": "IFS=,",
    "slash": "IFS=/",
    "newline": "IFS='\n'",
    "empty": "IFS=",
}
LOCALES = ("C", "C.UTF-8")


def make_hostile_folder(parent: Path) -> Path:
    """Returns: a directory in which every glob finds something nasty."""
    folder = parent / "hostile"
    folder.mkdir()
    # What the word V…='*'; finds, if a text holds it: a file whose name is another statement.
    spliced = f"V{ALL_VALUES.index(b'*')}='';touch PWNED;'';"
    for name in (*HOSTILE_FILES, spliced):
        (folder / name).touch()
    return folder
