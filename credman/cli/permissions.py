"""Who gets at credman's own files, as far as their modes and owners tell.

Rules: nothing is opened, and a symbolic link is told and not walked through: what lies behind it
may be anybody's. Whatever stands in the way of looking is a fact as well.
"""

from __future__ import annotations

import os
import shlex
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from credman.core.paths import Paths
from credman.stores.capabilities import Fact

_MOST_ENTRIES = 200


class Rule(NamedTuple):
    """Args:
    forbidden: bits of the mode that a file must not have.
    may_be_roots: root may own it: it is only read.
    """

    forbidden: int
    may_be_roots: bool


_PRIVATE = Rule(0o077, may_be_roots=False)
_READABLE = Rule(0o022, may_be_roots=True)


def examine_files(
    paths: Paths, *, home: str | None, of_store: Iterable[str]
) -> tuple[list[Fact], frozenset[str]]:
    """Looks at every file and directory of credman's.

    Args:
        home: what CREDMAN_HOME names, absolute, if it is set.
        of_store: files of the store, wherever they are; they need not exist.

    Returns:
        A fact for each, and the paths of which something is wrong.
    """
    looker = _Looker(paths)
    if home is not None:
        looker.look(home, _READABLE)
    for directory in dict.fromkeys((paths.data, paths.config, paths.state)):
        looker.walk(directory)
    looker.walk(os.path.join(paths.state, "seen"))
    for path in (paths.config_file, *of_store):
        looker.look_into(os.path.dirname(path))
        looker.look(path, looker.rule_of(path))
    return looker.facts, frozenset(looker.wrong)


@dataclass(slots=True)
class _Looker:
    paths: Paths
    facts: list[Fact] = field(default_factory=list)
    wrong: set[str] = field(default_factory=set)
    _known: set[str] = field(default_factory=set)

    def rule_of(self, path: str) -> Rule:
        # On macOS all of it lies in one directory.
        is_apart = self.paths.config not in (self.paths.data, self.paths.state)
        is_config = is_apart and self.paths.config in (path, os.path.dirname(path))
        name = os.path.basename(path)
        return _READABLE if is_config or name.startswith("config.toml") else _PRIVATE

    def walk(self, directory: str) -> None:
        """A directory of ours and what lies in it."""
        self.look(directory, self.rule_of(directory))
        if os.path.islink(directory) or not os.path.isdir(directory):
            if os.path.lexists(directory) and not os.path.isdir(directory):
                self._find(directory, f"{directory} is not a directory", "move it away")
            return
        try:
            paths = sorted(entry.path for entry in os.scandir(directory))
        except OSError as error:
            self._fail("read", directory, error)
            return
        for path in paths[:_MOST_ENTRIES]:
            self.look(path, self.rule_of(path))
        if len(paths) > _MOST_ENTRIES:
            more = len(paths) - _MOST_ENTRIES
            self._say(f"{directory} holds {more} more, which were not looked at")

    def look(self, path: str, rule: Rule) -> None:
        """One file or directory, if it is there; only once."""
        if path in self._known:
            return
        self._known.add(path)
        try:
            status = os.lstat(path)
            if stat.S_ISLNK(status.st_mode):
                self._follow(path, os.readlink(path), rule)
                return
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError as error:
            self._fail("look at", path, error)
            return
        self._judge(path, status, rule)

    def look_into(self, directory: str) -> None:
        """The directory of a file of ours, which may be somebody else's: only whether anybody may
        replace what lies in it."""
        if directory in self._known:
            return
        self._known.add(directory)
        try:
            mode = os.stat(directory).st_mode
        except OSError:
            return  # then the file cannot be looked at either, and that is told
        if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
            text = f"{_show(directory, mode)}: other users may replace what lies in it"
            self._find(directory, text, f"chmod go-w {quote_path(directory)}")

    def _follow(self, path: str, target: str, rule: Rule) -> None:
        try:
            status = os.stat(path)
        except FileNotFoundError:
            text = f"{path} is a symbolic link to {target}, and nothing is there"
            self._find(path, text, f"put that back, or remove the link: rm {quote_path(path)}")
        except OSError as error:
            text = f"{path} is a symbolic link that leads nowhere: {_reason(error)}"
            self._find(path, text, f"rm {quote_path(path)}")
        else:
            self._say(f"{path} is a symbolic link to {target}")
            resolved = os.path.realpath(path)
            if resolved not in self._known:
                self._known.add(resolved)
                self._judge(resolved, status, rule._replace(may_be_roots=True))

    def _judge(self, path: str, status: os.stat_result, rule: Rule) -> None:
        shown = _show(path, status.st_mode)
        problems = list(_find_problems(path, status, rule))
        for words, command in problems:
            self._find(path, f"{shown}: {words}", command)
        if not problems:
            self._say(shown)

    def _fail(self, verb: str, path: str, error: OSError) -> None:
        self._find(path, f"cannot {verb} {path}: {_reason(error)}", "")

    def _find(self, path: str, text: str, hint: str) -> None:
        self.wrong.add(path)
        self.facts.append(Fact("" if self.facts else "files", text, True, hint))

    def _say(self, text: str) -> None:
        self.facts.append(Fact("" if self.facts else "files", text))


def _find_problems(path: str, status: os.stat_result, rule: Rule) -> Iterator[tuple[str, str]]:
    quoted, mode = quote_path(path), status.st_mode
    is_ours = status.st_uid == os.geteuid()
    if not is_ours and not (rule.may_be_roots and status.st_uid == 0):
        by_root = "" if os.geteuid() == 0 else "as root: "
        command = f"{by_root}chown {_name_of(os.geteuid())} {quoted}"
        yield f"it belongs to {_name_of(status.st_uid)}", command
    if stat.S_ISDIR(mode):
        if mode & 0o022 and not mode & stat.S_ISVTX:
            yield "other users may replace what lies in it", f"chmod go-w {quoted}"
        if is_ours and mode & 0o700 != 0o700:
            yield "its owner cannot use it", f"chmod u+rwx {quoted}"
        return
    if mode & rule.forbidden:
        is_private = rule.forbidden == _PRIVATE.forbidden
        words = "other users may open it" if is_private else "other users may change it"
        yield words, f"chmod {'600' if is_private else 'go-w'} {quoted}"
    if is_ours and not mode & stat.S_IRUSR:
        yield "its owner cannot read it", f"chmod u+rw {quoted}"


def quote_path(path: str) -> str:
    """Returns: one word for a shell, which can be copied from a terminal whatever is in it."""
    if path.isprintable():
        return shlex.quote(path)
    plain = b"/._-"
    octal = "".join(
        chr(byte) if (byte < 128 and chr(byte).isalnum()) or byte in plain else f"\\{byte:03o}"
        for byte in os.fsencode(path)
    )
    return f"\"$(printf '{octal}')\""


def _show(path: str, mode: int) -> str:
    return f"{stat.S_IMODE(mode):04o} {path}"


def _name_of(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _reason(error: OSError) -> str:
    return (error.strerror or "failed").lower()
