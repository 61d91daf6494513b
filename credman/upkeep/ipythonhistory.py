"""IPython's history: a database of all that was ever typed into it, and sometimes of its answers.

Rules: nobody else has it open for writing, or reads it, from the first look at a row to the last
byte; it is changed in place by SQLite alone, whose journal makes a killed process harmless; nothing
in it is executed. Old bytes stay neither in free pages nor in a journal, and no copy is written
anywhere else.

Sources: IPython 9.18, ``core/history.py`` and ``paths.py``; https://www.sqlite.org/pragma.html
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import stat
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from credman.core.errors import CredmanError, Unavailable
from credman.stores import disk

if TYPE_CHECKING:
    import sqlite3

_NAME = re.compile(r"history[^/\\]*\.sqlite")  # also what IPython renames: history-corrupt.sqlite
_MAGIC = b"SQLite format 3\0"
_TEXTS = {
    "history": ("source", "source_raw"),
    "output_history": ("output",),
    "sessions": ("remark",),
}
_REQUIRED = {"history", "sessions"}
_FOREIGN = """SELECT 1 FROM sqlite_master
WHERE type NOT IN ('table', 'index') OR rootpage IS NULL OR rootpage < 1"""
_SECONDS = 0.5
"""To wait for whoever holds it: they are notebooks, and hold it as long as they write."""
_LONGEST = 64 * 1024 * 1024
"""Bytes of one text, or row; what is longer, IPython has not written."""
_AT_ONCE = 16
_IN_USE = (5, 6)  # SQLITE_BUSY, SQLITE_LOCKED
_DAMAGED = (11, 26)  # SQLITE_CORRUPT, SQLITE_NOTADB
_REASONS = {
    3: "permission denied",
    8: "it cannot be written",
    10: "reading or writing failed",
    13: "the disk is full",
    14: "it cannot be opened",
    18: "it has a text that is too long",
}


def find_histories(environ: Mapping[str, str]) -> list[str]:
    """Returns: the histories of all profiles of IPython, where it keeps them for this user. A
    relative ``IPYTHONDIR`` is passed over: it is another folder from wherever IPython starts."""
    home = environ.get("HOME") or environ.get("USERPROFILE", "")
    folder = environ.get("IPYTHONDIR") or "~/.ipython"
    if folder == "~" or folder.startswith(("~/", "~\\")):
        folder = home + folder[1:] if home else ""
    if not os.path.isabs(folder):
        return []
    pattern = os.path.join(glob.escape(folder), "profile_*", "history.sqlite")
    return sorted(os.path.normpath(path) for path in glob.glob(pattern) if _is_file(path))


def is_history(path: str) -> bool:
    """Args: path: of any file; a link is not followed.

    Returns:
        Whether it is a database that IPython made, or a copy; nothing is locked or written.
    """
    if not _NAME.fullmatch(os.path.basename(path)) or not _is_file(path):
        return False
    import sqlite3

    try:
        with open(os.open(path, disk.READ_FLAGS), "rb") as file:
            if file.read(len(_MAGIC)) != _MAGIC:
                return False
        # Immutable: neither locks nor files beside it are looked at, so also one in use is told.
        with contextlib.closing(_open(path, "mode=ro&immutable=1")) as database:
            return _has_tables(database)
    except (OSError, ValueError, sqlite3.Error):
        return False


def clean_history(path: str, edit: Callable[[bytes], bytes]) -> int:
    """Changes all texts in a history, and leaves nothing of what was deleted or replaced before.

    To be called wherever the bytes of the file, or of its journals, hold what is to go, also when
    no row holds it any more.

    Args:
        path: of the database; a link is not followed.
        edit: gives what is to stand in place of a text, both as UTF-8.

    Returns:
        How many rows were changed.

    Raises:
        Unavailable: somebody else uses it, it is damaged, not IPython's, or cannot be written; it
            is as it was, unless the message says otherwise. And what ``edit`` raises.
    """
    import sqlite3

    _check_file(path)
    path = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
    is_changed = False
    try:
        with contextlib.closing(_open(path, "mode=rw")) as database:
            _take(database, path)
            try:
                _check(database, path)
                changed = sum(_edit_table(database, name, edit) for name in _list_known(database))
                database.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    database.execute("ROLLBACK")
                raise
            is_changed = changed > 0
            _wipe(database)
    except sqlite3.Error as error:
        raise _explain(error, path, is_changed=is_changed) from None
    _check_beside(path)
    return changed


def _take(database: sqlite3.Connection, path: str) -> None:
    """Keeps all others away, and begins."""
    for setting in (
        "locking_mode=EXCLUSIVE",  # no gap between the rows and what comes after them
        "secure_delete=ON",
        "synchronous=EXTRA",
        "journal_size_limit=0",  # else the journal of an exclusive connection keeps its bytes
        "temp_store=MEMORY",  # what VACUUM copies is the whole history
        "cell_size_check=ON",
    ):
        database.execute(f"PRAGMA {setting}").fetchall()
    database.execute("BEGIN EXCLUSIVE")
    # SQLite follows links to a database: what it has opened must be what was looked at.
    opened = database.execute("PRAGMA database_list").fetchone()[2]
    if os.fsencode(opened) != os.fsencode(path):
        raise Unavailable(f"{path} has just become a link, which is not followed")


def _wipe(database: sqlite3.Connection) -> None:
    # Without a log of writes for the time being: what that holds goes into the database, and it is
    # deleted. It is empty when it comes back.
    mode = database.execute("PRAGMA journal_mode").fetchone()[0]
    database.execute("PRAGMA journal_mode=DELETE").fetchall()
    database.execute("VACUUM")
    if mode == b"wal":
        database.execute("PRAGMA journal_mode=WAL").fetchall()


def _check(database: sqlite3.Connection, path: str) -> None:
    """Raises: Unavailable: it is not as IPython makes it, or damaged."""
    if database.execute(_FOREIGN).fetchone():
        raise Unavailable(
            f"{path} has views, triggers or virtual tables, which IPython does not make",
            hint="delete it, or look into it with sqlite3",
        )
    encoding = database.execute("PRAGMA encoding").fetchone()[0]
    if not _has_tables(database) or encoding != b"UTF-8":
        raise Unavailable(f"{path} is not a history as IPython makes it")
    if database.execute("PRAGMA integrity_check(1)").fetchall() != [(b"ok",)]:
        raise _damaged(path)


def _has_tables(database: sqlite3.Connection) -> bool:
    return _REQUIRED.issubset(_list_known(database))


def _list_known(database: sqlite3.Connection) -> list[str]:
    """Returns: the tables whose texts are known, if they have them."""
    known = []
    for name, texts in _TEXTS.items():
        columns = {row[1].lower() for row in database.execute(f"PRAGMA table_info({name})")}
        # A column of that name would stand in the row number's place.
        if columns.issuperset(text.encode() for text in texts) and b"rowid" not in columns:
            known.append(name)
    return known


def _edit_table(database: sqlite3.Connection, table: str, edit: Callable[[bytes], bytes]) -> int:
    """Returns: how many rows were changed."""
    texts = _TEXTS[table]
    # A column may hold anything: only text and bytes are of interest.
    wanted = ", ".join(f"CASE WHEN typeof({t}) IN ('text', 'blob') THEN {t} END" for t in texts)
    kinds = ", ".join(f"typeof({text})" for text in texts)
    page = f"SELECT rowid, {wanted}, {kinds} FROM {table} WHERE rowid >= ? ORDER BY 1 LIMIT ?"  # noqa: S608
    changed, start = 0, -(1 << 63)
    while rows := database.execute(page, (start, _AT_ONCE)).fetchall():
        for number, *fields in rows:
            changes = {}
            for text, old, kind in zip(texts, fields, fields[len(texts) :], strict=False):
                new = old if old is None else edit(old)
                if new != old:
                    # Bytes as they are: a text need not be valid UTF-8.
                    changes[f"{text} = CAST(? AS {kind.decode()})"] = new
            if changes:
                # Whatever the table says of conflicts: no other row goes.
                change = f"UPDATE OR ABORT {table} SET {', '.join(changes)} WHERE rowid = ?"  # noqa: S608
                database.execute(change, (*changes.values(), number))
                changed += 1
        if number == (1 << 63) - 1:
            break
        start = number + 1
    return changed


def _open(path: str, options: str) -> sqlite3.Connection:
    import sqlite3
    from pathlib import Path

    address = f"{Path(os.path.abspath(path)).as_uri()}?{options}"
    database = sqlite3.connect(address, uri=True, timeout=_SECONDS, isolation_level=None)
    try:
        database.text_factory = bytes
        database.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        database.execute("PRAGMA trusted_schema=OFF").fetchall()
    except BaseException:
        database.close()
        raise
    return database


def _is_file(path: str) -> bool:
    try:
        return stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False


def _check_file(path: str) -> None:
    """Raises: Unavailable: it is no file of this user."""
    try:
        status = os.lstat(path)
    except OSError as error:
        raise disk.cannot("read", path, error) from None
    if stat.S_ISLNK(status.st_mode):
        raise Unavailable(f"{path} is a symbolic link, which is not followed")
    if not stat.S_ISREG(status.st_mode):
        raise Unavailable(f"{path} is not a regular file")
    if hasattr(os, "geteuid") and status.st_uid != os.geteuid():
        raise Unavailable(f"{path} belongs to another user", hint="run credman as its owner")


def _check_beside(path: str) -> None:
    """Raises: Unavailable: a file beside the database still holds what was in it."""
    for ending in ("-journal", "-wal"):
        with contextlib.suppress(OSError):
            if os.lstat(path + ending).st_size:
                raise Unavailable(
                    f"{path} was cleaned, but {os.path.basename(path)}{ending} is still there",
                    hint="close the notebooks and the IPython that use it, then clean it again",
                )


def _damaged(path: str) -> Unavailable:
    return Unavailable(f"{path} is damaged", hint="IPython makes a new one if you delete it")


def _explain(error: sqlite3.Error, path: str, *, is_changed: bool) -> CredmanError:
    """Returns: the error for a person. What SQLite says may quote the database, so only its code
    counts."""
    code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
    if code in _IN_USE:
        return Unavailable(
            f"{path} is in use",
            hint="close the notebooks and the IPython that use it, then try again",
        )
    if code in _DAMAGED:
        return _damaged(path)
    reason = _REASONS.get(code, "SQLite cannot work with it")
    if is_changed:
        return Unavailable(f"{path} was changed, but old bytes are still in it: {reason}")
    return Unavailable(f"cannot change {path}: {reason}")
