"""Taking a line out of IPython's history.

Rules: the lines of a cell that are not the magic's stay as they were; where its line cannot be
found for sure, or a word of it stands elsewhere in the cell, all of the cell goes. What is in the
file of the history is overwritten there.
"""

from __future__ import annotations

import contextlib
import linecache
import re
from collections.abc import Iterator, Sequence
from typing import Any

TAKEN_OUT = "# %credman: taken out"
_SAID = "taken out of the history: it may hold a value"
_SAID_IN_PART = (
    "taken out of the history of this session; its file, history.sqlite, cannot be changed now"
)
_UPDATE = "UPDATE history SET source = ?, source_raw = ? WHERE session = ? AND source_raw = ?"
_MAGIC = re.compile(r"(?:^|[%'\"=\s])credman(?:['\"\s]|$)")
_INPUT = re.compile(r"_(?:i{1,3}|i\d+)")
_LONG = 6  # characters; a shorter word is looked for as a word, since others hold it by chance

_Changes = dict[str, tuple[str, str]]
"""By the text of a cell: what is in its place, and in that of what IPython made of it."""


def take_out(shell: Any, line: str, words: Sequence[str]) -> str:
    """Takes the magic's line out of the cell that was run last, and out of those before that have
    it as well.

    Args:
        shell: the IPython.
        line: what the magic was given.
        words: of it, that may be values.

    Returns:
        What is to be said of it; nothing where there is no history.
    """
    manager = getattr(shell, "history_manager", None)
    if manager is None or not manager.input_hist_raw:
        return ""
    changes: _Changes = {}
    was_found = False
    last = len(manager.input_hist_raw) - 1
    for number, (raw, parsed) in enumerate(
        zip(manager.input_hist_raw, manager.input_hist_parsed, strict=False)
    ):
        if number < last and not any(word in raw for word in words):
            continue
        new, is_own = _replace(raw, line, words)
        was_found |= is_own
        if number == last and (not was_found or _hold(new, words)):
            changes[raw] = (TAKEN_OUT, TAKEN_OUT)
        elif new != raw:
            made = _replace(parsed, line, words)[0]
            changes[raw] = (new, TAKEN_OUT if made == parsed or _hold(made, words) else made)
    return _change(shell, manager, changes)


def take_cell_out(shell: Any) -> str:
    """As ``take_out``, of all of the cell that was run last."""
    manager = getattr(shell, "history_manager", None)
    if manager is None or not manager.input_hist_raw:
        return ""
    return _change(shell, manager, {manager.input_hist_raw[-1]: (TAKEN_OUT, TAKEN_OUT)})


def _replace(text: str, line: str, words: Sequence[str]) -> tuple[str, bool]:
    """Returns: the text without the lines of the magic that are this one or have its words, and
    whether this one was there."""
    line = line.strip()
    quoted = re.escape(repr(line)[1:-1])
    own = re.compile(
        rf"(?:^|[%\s])credman\s+{re.escape(line)}\s*$"
        rf"|['\"]credman['\"]\s*,\s*['\"]\s*{quoted}\s*['\"]\s*\)"
    )
    kept: list[str] = []
    was_found = False
    for lines in _list_whole_lines(text):
        # As IPython puts them together.
        whole = " ".join([*(part.rstrip()[:-1] for part in lines[:-1]), lines[-1].rstrip()])
        is_own = own.search(whole) is not None
        was_found |= is_own
        if is_own or (_MAGIC.search(whole) and _hold(whole, words)):
            kept.append(lines[0][: len(lines[0]) - len(lines[0].lstrip())] + TAKEN_OUT)
        else:
            kept += lines
    return "\n".join(kept), was_found


def _list_whole_lines(text: str) -> Iterator[list[str]]:
    """Gives: lines, each with those that continue it."""
    whole: list[str] = []
    for each in text.split("\n"):
        whole.append(each)
        if not each.endswith("\\"):
            yield whole
            whole = []
    if whole:
        yield whole


def _hold(text: str, words: Sequence[str]) -> bool:
    return any(
        word in text if len(word) >= _LONG else re.search(rf"(?<!\w){re.escape(word)}(?!\w)", text)
        for word in words
    )


def _change(shell: Any, manager: Any, changes: _Changes) -> str:
    made = _change_inputs(manager, changes)
    # What is typed next moves these on, as _i and _ii.
    for name in ("_i00", "_i", "_ii", "_iii"):
        value = getattr(manager, name, None)
        if value in changes:
            setattr(manager, name, changes[value][0])
    for name, value in [*shell.user_ns.items()]:
        if _INPUT.fullmatch(name) and isinstance(value, str) and value in changes:
            shell.user_ns[name] = changes[value][0]
    _change_shown(made)
    said = _SAID_IN_PART
    with contextlib.suppress(Exception):  # it may be locked, read only, or another's
        _change_file(manager, changes)
        said = _SAID
    return said


def _change_inputs(manager: Any, changes: _Changes) -> dict[str, str]:
    """Returns: what is in the place of what IPython made of the cells."""
    raws, inputs = manager.input_hist_raw, manager.input_hist_parsed
    made = {}
    for number, raw in enumerate(raws):
        if raw in changes:
            raws[number] = changes[raw][0]
            if number < len(inputs):
                made[inputs[number]] = changes[raw][1]
                inputs[number] = changes[raw][1]
    return made


def _change_shown(made: dict[str, str]) -> None:
    """Tracebacks show lines of a cell: those of a function of it, whenever it fails later."""
    for name, entry in [*linecache.cache.items()]:
        if len(entry) == 4 and entry[1] is None:  # no file
            new = made.get("".join(entry[2]).rstrip("\n"))
            if new is not None:
                lines = [f"{line}\n" for line in new.split("\n")]
                linecache.cache[name] = (len(new), None, lines, entry[3])


def _change_file(manager: Any, changes: _Changes) -> None:
    # Under this lock nothing is written meanwhile: each line waits, or is in the file.
    with getattr(manager, "db_input_cache_lock", None) or contextlib.nullcontext():
        manager.db_input_cache = [
            (number, *reversed(changes.get(raw, (raw, source))))
            for number, source, raw in manager.db_input_cache
        ]
        manager.db.execute("PRAGMA secure_delete=ON")
        for raw, (new, made) in changes.items():
            manager.db.execute(_UPDATE, (made, new, manager.session_number, raw))
        manager.db.commit()
