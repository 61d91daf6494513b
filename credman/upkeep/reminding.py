"""Telling a person what is due: once a stage, through whatever reaches him.

Rule: what was told is written down after it was told. A run that is killed in between tells it
again; none is lost. What could not be shown is kept until a command of his has said it.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from credman.core.errors import CredmanError
from credman.core.intervals import format_instant, parse_instant
from credman.core.paths import PENDING_REMINDERS, make_private_directory
from credman.stores import disk
from credman.watch.reminders import Reminder, Told, choose_reminders, find_reminders, remember
from credman.watch.schedule import Due

_VERSION = 1
_MAX_BYTES = 8 * 1024 * 1024
_LOCK_SECONDS = 90.0
"""Longer than telling takes, with a hook that hangs."""


class Outcome(NamedTuple):
    """Args:
    has_reached: somebody was told.
    is_well: all that was to be tried worked, as far as it is there; what was not sent is tried
        again by the next run.
    result: in words.
    """

    has_reached: bool
    is_well: bool
    result: str


@dataclass(frozen=True, slots=True)
class Record:
    """What is known of the runs until now.

    Args:
        told: what was told of each thing to do, by its store and its id.
        last_run_at: UTC.
        last_result: in words.
        is_well: whether that run did all that it was to do.
        pending: the ids of what could not be shown to anybody yet.
        unsent: the ids of what a command was to be given, and failed.
    """

    told: Mapping[str, Sequence[Told]] = field(default_factory=dict)
    last_run_at: datetime | None = None
    last_result: str = ""
    is_well: bool = True
    pending: tuple[str, ...] = ()
    unsent: tuple[str, ...] = ()


def reminders_file(state: str) -> str:
    """Args: state: the state directory."""
    return os.path.join(state, "reminders.json")


def load_record(path: str) -> Record:
    """Returns: what was written there; one that is missing or damaged is as good as none: at worst
    something is told twice."""
    data: bytes | None = None
    with contextlib.suppress(CredmanError):  # somebody else's, a link, a directory
        data = disk.read_own_file(path, limit=_MAX_BYTES)
    pending = find_pending(path)
    try:
        return _parse(json.loads(data or b"{}"), pending)
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        return Record(pending=pending)


def run_reminders(
    path: str,
    store: str,
    dues: Sequence[Due],
    now: datetime,
    tell: Callable[[Sequence[Reminder], Sequence[Reminder]], Outcome],
    *,
    sends: bool,
) -> tuple[Record, list[Reminder]]:
    """Tells what there is to tell. Two runs at once do not tell anything twice.

    Args:
        path: of the record.
        store: whose tokens they are: two stores may hold tokens of one name.
        now: UTC.
        tell: tells somebody what is new, and sends again what could not be sent.
        sends: whether it can send; else what could not be sent waits for a run that does.

    Returns:
        The record as it is now, and what was told.

    Raises:
        LockTimeout: another run is telling them.
        CredmanError: the record cannot be written.
    """
    make_private_directory(os.path.dirname(path))
    with disk.locked(f"{path}.lock", what="the record of reminders", seconds=_LOCK_SECONDS):
        record = load_record(path)
        head = f"{store} "
        own = {k.removeprefix(head): v for k, v in record.told.items() if k.startswith(head)}
        reminders = choose_reminders(dues, now, own)
        unsent = {k.removeprefix(head) for k in record.unsent if k.startswith(head)}
        again = find_reminders(unsent - {r.id for r in reminders}, dues, now) if sends else []
        record = replace(record, last_run_at=now, last_result="nothing was due", is_well=True)
        if reminders or again:
            outcome = tell(reminders, again)
            ids = [f"{head}{reminder.id}" for reminder in (*reminders, *again)]
            if not outcome.has_reached:
                record = replace(record, pending=_keep_pending(path, ids))
            if sends:
                rest = tuple(k for k in record.unsent if not k.startswith(head))
                record = replace(record, unsent=rest if outcome.is_well else (*rest, *ids))
            others = {k: v for k, v in record.told.items() if not k.startswith(head)}
            told = remember(own, reminders, dues, now)
            count = "1 reminder" if len(ids) == 1 else f"{len(ids)} reminders"
            record = replace(
                record,
                told=others | {f"{head}{key}": items for key, items in told.items()},
                last_result=f"{count}: {outcome.result}",
                is_well=outcome.is_well,
            )
        _write(path, record)
    return record, reminders


def note_failure(path: str, now: datetime, reason: str) -> None:
    """Writes down that a run came to nothing. Never fails."""
    with contextlib.suppress(CredmanError, OSError):
        make_private_directory(os.path.dirname(path))
        with disk.locked(f"{path}.lock", what="the record of reminders", seconds=_LOCK_SECONDS):
            record = load_record(path)
            _write(path, replace(record, last_run_at=now, last_result=reason, is_well=False))


def find_pending(path: str, store: str | None = None) -> tuple[str, ...]:
    """Args: store: None: of all of them, each id with its store before it.

    Returns:
        The ids of what could not be shown yet; nothing if they cannot be read.
    """
    try:
        data = disk.read_own_file(_pending_file(path), limit=_MAX_BYTES) or b""
    except CredmanError:
        return ()
    lines = data.decode("utf-8", "replace").splitlines()
    if store is None:
        return tuple(lines)
    head = f"{store} "
    return tuple(line.removeprefix(head) for line in lines if line.startswith(head))


def forget_pending(path: str, store: str) -> None:
    """It was shown. To be called under the lock of the record.

    Raises:
        OSError
    """
    rest = [line for line in find_pending(path) if not line.startswith(f"{store} ")]
    if rest:
        disk.replace_lightly(_pending_file(path), "".join(f"{line}\n" for line in rest).encode())
    else:
        os.unlink(_pending_file(path))


def forget_reminders(path: str) -> list[str]:
    """Takes away all that was written down.

    Returns:
        The files that are gone.

    Raises:
        Unavailable: one of them stays.
    """
    gone = []
    for name in (path, _pending_file(path), f"{path}.lock"):
        try:
            os.unlink(name)
        except FileNotFoundError:
            continue
        except OSError as error:
            raise disk.cannot("remove", name, error) from None
        gone.append(name)
    return gone


def _pending_file(path: str) -> str:
    return os.path.join(os.path.dirname(path), PENDING_REMINDERS)


def _keep_pending(path: str, ids: Sequence[str]) -> tuple[str, ...]:
    """Returns: all that is pending now, each once."""
    lines = tuple(dict.fromkeys((*ids, *find_pending(path))))
    file = _pending_file(path)
    try:
        disk.replace_lightly(file, "".join(f"{line}\n" for line in lines).encode())
    except OSError as error:
        raise disk.cannot("write", file, error) from None
    return lines


def _parse(record: Mapping[str, Any], pending: tuple[str, ...]) -> Record:
    if not record or record["version"] != _VERSION:
        return Record(pending=pending)
    last = record["last_run"]
    told = {
        str(key): tuple(
            Told(parse_instant(item["stage"]), parse_instant(item["at"])) for item in items
        )
        for key, items in record["told"].items()
    }
    at = None if last["at"] is None else parse_instant(last["at"])
    unsent = tuple(str(key) for key in record["unsent"])
    return Record(told, at, str(last["result"]), last["well"] is True, pending, unsent)


def _write(path: str, record: Record) -> None:
    at = record.last_run_at
    told = {
        key: [{"stage": format_instant(i.stage), "at": format_instant(i.at)} for i in items]
        for key, items in record.told.items()
    }
    last = {
        "at": at and format_instant(at),
        "result": record.last_result,
        "well": record.is_well,
    }
    said = {
        "version": _VERSION,
        "told": told,
        "last_run": last,
        "unsent": list(record.unsent),
    }
    data = json.dumps(said, separators=(",", ":")).encode("ascii")
    try:
        disk.replace_lightly(path, data)
    except OSError as error:
        raise disk.cannot("write", path, error) from None
