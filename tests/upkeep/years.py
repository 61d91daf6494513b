"""A year in one process: libfaketime has its clock, and the commands run in it one after another.

Run as a module it is that process. Its clock stands still at what a file says, which it writes
before each command; that it sees the moved clock is reported for each of them.
"""

from __future__ import annotations

import json
import os
import select
import shlex
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from tests.requirements import require, require_program

REPOSITORY = Path(__file__).parents[2]
BEGIN = "begin"
"""Not a command: begins a rotation of a token, and leaves it at that."""
_CLOCK = "FAKETIME_TIMESTAMP_FILE"
_LIBRARIES = "lib*/*/faketime/libfaketime.so.1"


class Step(NamedTuple):
    """Args:
    at: UTC, whole seconds.
    argv: of credman.
    stdin: what is piped in.
    code: what it ends with.
    """

    at: datetime
    argv: tuple[str, ...]
    stdin: str = ""
    code: int = 0


class Told(NamedTuple):
    """A reminder. Args: run: when it was told; at: by when it is to be done. Both UTC."""

    run: datetime
    name: str
    kind: str
    at: datetime


@dataclass(frozen=True)
class Year:
    """What came of it.

    Args:
        clock: what the process took for the time, at each step.
        told: in the order in which the command of the user was given them.
        titles, texts: of these.
    """

    clock: list[datetime]
    told: list[Told]
    titles: list[str]
    texts: list[str]


def find_clock() -> str:
    """Returns: the library that gives a process a clock of its own; the program of that name fails
    where a killed one has left something."""
    require_program("faketime")
    library = next(Path("/usr").glob(_LIBRARIES), None)
    require(library, "libfaketime is not installed")
    return str(library)


def later(seconds: int) -> dict[str, str]:
    """Returns: the variables of a process whose clock differs by so many seconds."""
    return {"LD_PRELOAD": find_clock(), "FAKETIME": f"{seconds:+d}"}


def live(steps: Iterable[Step], folder: Path, environ: Mapping[str, str] | None = None) -> Year:
    """Runs them.

    Args:
        folder: an empty directory.
        environ: over the test's own.
    """
    library = find_clock()
    clock = folder / "clock"
    clock.write_text("1000000000")
    given = {
        **os.environ,
        **(environ or {}),
        "LD_PRELOAD": library,
        _CLOCK: str(clock),
        "FAKETIME_FMT": "%s",
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",  # deadlines are real
        "NO_FAKE_STAT": "1",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.upkeep.years", str(folder / "told")],
        input=json.dumps([(int(s.at.timestamp()), *s[1:]) for s in steps]),
        capture_output=True,
        text=True,
        env=given,
        cwd=REPOSITORY,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0 and not done.stderr, done.stderr
    report = json.loads(done.stdout)
    told = report["told"]
    return Year(
        [datetime.fromtimestamp(second, UTC) for second in report["clock"]],
        [Told(*map(_read, item[:4])) for item in told],
        [item[4] for item in told],
        [item[5] for item in told],
    )


def _read(text: Any) -> Any:
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return text


def _main(path: Path, steps: Sequence[tuple[int, list[str], str, int]]) -> None:
    from credman.vault import slots
    from tests.cli.harness import PASSPHRASE, credman

    slots.DEFAULT_PARAMETERS = slots.Argon2Parameters(memory=19 * 1024, passes=2, lanes=1)
    # Python sleeps until a moment of the monotonic clock; libfaketime 0.9.10 makes a moment without
    # sense of it, and the system refuses that.
    time.sleep = lambda seconds: select.select([], [], [], float(seconds)) and None
    path.touch()
    hook = ["--command", shlex.join(["sh", "-c", 'cat >> "$0"', str(path)])]
    clock: list[int] = []
    told: list[tuple[str, ...]] = []
    for second, argv, stdin, code in steps:
        Path(os.environ[_CLOCK]).write_text(str(second))
        clock.append(int(time.time()))
        if argv[0] == BEGIN:
            _begin_rotation(argv[1])
            argv = ["list"]  # which notes it
        is_run = argv == ["remind", "run"]
        words = [*argv, *(hook if is_run else [])]
        before = path.stat().st_size
        outcome = credman(*words, stdin=stdin.encode(), passphrase=None if is_run else PASSPHRASE)
        assert outcome.exit_code == code, (argv, outcome.stderr)
        if is_run:
            told += _list_told(path.read_text()[before:])
        else:
            assert path.stat().st_size == before
    print(json.dumps({"clock": clock, "told": told}))


def _list_told(text: str) -> Iterator[tuple[str, ...]]:
    now = datetime.now(UTC).replace(microsecond=0).isoformat()
    for item in json.loads(text)["reminders"] if text else ():  # once a run, whatever there is
        yield now, item["name"], item["kind"], item["at"], item["title"], item["text"]


def _begin_rotation(name: str) -> None:
    from credman.core.config import Config
    from credman.core.model import TokenKey
    from credman.core.scope import Selection
    from credman.core.secret import Secret
    from credman.session import Session
    from credman.stores.base import open_store
    from credman.watch import rotation
    from tests.cli.harness import PASSPHRASE
    from tests.stores.places import make_surroundings

    surroundings = make_surroundings(Path.home(), Secret(PASSPHRASE), environ=os.environ)
    store = open_store(f"file:{surroundings.paths.vault}", surroundings)
    begin = partial(rotation.begin, is_automatic=True, grace=None, now=datetime.now(UTC))
    Session(store, Config(), Selection()).change_token(TokenKey("default", "default", name), begin)


if __name__ == "__main__":
    _main(Path(sys.argv[1]), json.load(sys.stdin))
