"""Which reminders are to be told now, and in which words. Pure; no word holds a value.

Rule: each stage of a thing to do is told once. Of several that passed since the last run, the
latest is told: the earlier ones would say what is not true any more.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from credman.core.intervals import find_day, format_instant, render_day, to_local
from credman.core.model import VersionState
from credman.core.names import BASE_ENVIRONMENT, DEFAULT_PROFILE
from credman.core.standing import name_with_place
from credman.watch.schedule import Due, Kind

_TOLERANCE = timedelta(days=1)
"""What was told later than this from now was told by a clock that has been set back since."""
_KEPT = timedelta(days=400)


@dataclass(frozen=True, slots=True)
class Told:
    """Args: stage: the moment that was told of; at: when that was. Both UTC."""

    stage: datetime
    at: datetime


@dataclass(frozen=True, slots=True)
class Reminder:
    """Args: due: what is to be done; stage: the moment it is told of; now: when it is told."""

    due: Due
    stage: datetime
    now: datetime

    @property
    def id(self) -> str:
        return id_of(self.due)

    @property
    def is_urgent(self) -> bool:
        return self.due.is_overdue(self.now)

    @property
    def title(self) -> str:
        return summarize(self.due)

    @property
    def text(self) -> str:
        return f"{describe(self.due, self.now)}: {command_for(self.due)}"

    @property
    def line(self) -> str:
        """All of it in one line."""
        return f"{self.title}: {self.text}"

    def to_json(self) -> dict[str, object]:
        """What a hook is given."""
        return {**facts(self.due, self.now), "title": self.title, "text": self.text}


_UNDATED = (Kind.REPLACEMENT, Kind.EXPOSURE)
"""Their date is only when it was noticed."""
_HEADS = {
    Kind.ROTATION: "rotate",
    Kind.EXPIRY: "replace",
    Kind.REVOCATION: "revoke the old",
    Kind.UNFINISHED: "finish the rotation of",
    Kind.REPLACEMENT: "replace",
    Kind.EXPOSURE: "rotate",
}


def choose_reminders(
    dues: Iterable[Due], now: datetime, told: Mapping[str, Sequence[Told]]
) -> list[Reminder]:
    """Args:
        now: UTC.
        told: what was told of each, by id.

    Returns:
        What has to be told now, the most urgent first.
    """
    found = []
    for due in dues:
        stage = due.find_stage(now)
        if stage is not None and not due.is_silent:
            reminder = Reminder(due, stage.replace(microsecond=0), now)  # as it is written down
            before = (item for item in told.get(reminder.id, ()) if item.at <= now + _TOLERANCE)
            is_undated = due.kind in _UNDATED
            if not any(is_undated or item.stage >= reminder.stage for item in before):
                found.append(reminder)
    return found


def remember(
    told: Mapping[str, Sequence[Told]],
    reminders: Iterable[Reminder],
    dues: Iterable[Due],
    now: datetime,
) -> dict[str, tuple[Told, ...]]:
    """Returns: what was told, with these; without what was told long ago of what is done since.
    Nothing that was told is overwritten: by a clock that is set back it would be told twice."""
    present = {id_of(due) for due in dues}
    kept = {
        key: tuple(items)
        for key, items in told.items()
        if key in present or any(abs(now - item.at) < _KEPT for item in items)
    }
    for reminder in reminders:
        others = (t for t in kept.get(reminder.id, ()) if t.stage != reminder.stage)
        kept[reminder.id] = (*others, Told(reminder.stage, now))
    return kept


def find_reminders(ids: Collection[str], dues: Iterable[Due], now: datetime) -> list[Reminder]:
    """Args: ids: of what was to be told.

    Returns:
        Those of them that are still to be done, as they are now.
    """
    return [
        Reminder(due, stage, now)
        for due in dues
        if id_of(due) in ids and not due.is_silent and (stage := due.find_stage(now)) is not None
    ]


def id_of(due: Due) -> str:
    """Returns: the same as long as it is the same thing to do: a new date is another one, but where
    the date is only when it was noticed; so is what makes it more urgent."""
    place = "/".join(due.key.folded())
    date = "" if due.kind in _UNDATED else f" {due.at.date().isoformat()}"
    news = ""
    if due.kind is Kind.EXPOSURE and due.token.rotation is not None:
        news = f" unfinished {due.token.rotation.started_at.date().isoformat()}"
    elif due.kind is Kind.REVOCATION and due.exposure is not None:
        news = " exposed"
    return f"{place}#{due.version} {due.kind.value}{date}{news}"


def summarize(due: Due) -> str:
    """Returns: ``rotate hf (prod)``."""
    return f"{_HEADS[due.kind]} {name_in_words(due)}"


def name_in_words(due: Due) -> str:
    """Returns: ``hf (prod)``."""
    environment, profile, name = due.key
    places = [environment] if environment != BASE_ENVIRONMENT else []
    if profile != DEFAULT_PROFILE:
        places.append(f"profile {profile}")
    return f"{name} ({', '.join(places)})" if places else name


def command_for(due: Due) -> str:
    """Returns: what to type."""
    place = name_with_place(due.key)
    match due.kind:
        case Kind.REVOCATION:
            number = "" if _has_one_old(due) else f" --version {due.version}"
            return f"credman revoke {place}{number}"
        case Kind.UNFINISHED:
            return f"credman rotate {place} --resume"
        case Kind.EXPOSURE if due.token.rotation is not None:
            return f"credman rotate {place} --resume"
    return f"credman rotate {place}"


def describe(due: Due, now: datetime) -> str:
    """Returns: what is the matter, in a few words: ``due in 3 days, on 24 Nov``."""
    match due.kind:
        case Kind.ROTATION:
            if due.is_overdue(now):
                return f"overdue {_days_since(due.at, now)}"
            return f"due {_until(due.at, now)}"
        case Kind.EXPIRY:
            if due.is_overdue(now):
                return f"expired on {render_day(due.at, now)}"
            return f"expires {_until(due.at, now)}"
        case Kind.REVOCATION:
            return _describe_old(due, now)
        case Kind.UNFINISHED:
            return f"begun on {render_day(due.since, now)} and not finished"
        case Kind.EXPOSURE:
            return f"it was {_describe_exposure(due, now)}"
    return f"the current value is {_fate(due)}"


def _describe_old(due: Due, now: datetime) -> str:
    version = due.token.find_version(due.version)
    if version is not None and version.state is VersionState.COMPROMISED:
        return f"#{due.version} is compromised and still alive"
    if due.exposure is not None:
        return f"#{due.version} was {due.exposure.words} and is still alive"
    return f"#{due.version} is still alive, its successor came {_days_ago(due.since, now)}"


def _describe_exposure(due: Due, now: datetime) -> str:
    words = "found" if due.exposure is None else due.exposure.words
    if due.token.rotation is None:
        return words
    day = render_day(due.token.rotation.started_at, now)
    return f"{words}, and its rotation, begun on {day}, is not finished"


def facts(due: Due, now: datetime) -> dict[str, object]:
    """Returns: what JSON says of it."""
    environment, profile, name = due.key
    files = {} if due.exposure is None else {"files": due.exposure.count}
    return {
        "kind": due.kind.value,
        "name": name,
        "environment": environment,
        "profile": profile,
        "provider": due.token.provider,
        "version": due.version,
        "since": format_instant(due.since),
        "at": format_instant(due.at),
        "overdue": due.is_overdue(now),
        "command": command_for(due),
        **files,
    }


def _fate(due: Due) -> str:
    state = due.token.current.state
    return "dead" if state is VersionState.CURRENT else str(state.value)


def _has_one_old(due: Due) -> bool:
    # Then `credman revoke NAME` knows which one is meant.
    alive = (VersionState.RETIRING, VersionState.COMPROMISED)
    old = [v for v in due.token.versions if v.number != due.token.current.number and v.fields]
    return sum(v.state in alive for v in old) == 1


def count_days(at: datetime, now: datetime) -> int:
    """Returns: the days of the calendar from now on, as clocks show it here; negative: since."""
    return (find_day(at) - to_local(now).date()).days


def _until(at: datetime, now: datetime) -> str:
    days = max(count_days(at, now), 0)
    if days == 0:
        return "today"
    return f"{'tomorrow' if days == 1 else f'in {days} days'}, on {render_day(at, now)}"


def _days_since(at: datetime, now: datetime) -> str:
    days = -count_days(at, now)
    return "since today" if days < 1 else "since yesterday" if days == 1 else f"for {days} days"


def _days_ago(at: datetime, now: datetime) -> str:
    days = -count_days(at, now)
    return "today" if days < 1 else "yesterday" if days == 1 else f"{days} days ago"
