"""Repositories to scan: one whose next commit has ten files, one with a long history."""

from __future__ import annotations

import os
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from benchmarks.corpora import list_files

_FILES = 400
_SIZES = range(2_000, 30_000)
_CHANGED = 2
"""Files in a commit."""
_LINES = 60
"""At most that are replaced in a file, by some of another one."""


def git(folder: Path, *words: str) -> bytes:
    """Returns: what git says there; it sees no configuration but the repository's own."""
    done = subprocess.run(
        ["git", "-C", folder, *words], env=clean_environ(), check=True, capture_output=True
    )
    return done.stdout


def clean_environ() -> dict[str, str]:
    passed = {k: v for k, v in os.environ.items() if not k.startswith("GIT_")}
    nobody = {"NAME": "Example", "EMAIL": "example@example.org"}
    who = {f"GIT_{r}_{k}": v for r in ("AUTHOR", "COMMITTER") for k, v in nobody.items()}
    return {**passed, **who, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def pick_sources(corpus: Path, count: int) -> list[bytes]:
    """Returns: the text of so many Python files of usual size, spread over the corpus."""
    found = [p for p in list_files(corpus) if p.suffix == ".py" and p.stat().st_size in _SIZES]
    return [path.read_bytes() for path in random.Random(1).sample(found, count)]


def make_commit(folder: Path, texts: Sequence[bytes]) -> Path:
    """Returns: a repository with a commit, and these files in its index for the next one."""
    folder.mkdir()
    git(folder, "init", "-q")
    (folder / "README.md").write_bytes(b"# Example\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "first")
    for number, text in enumerate(texts):
        (folder / f"module_{number}.py").write_bytes(text)
    git(folder, "add", "-A")
    return folder


def make_history(folder: Path, corpus: Path, commits: int, planted: Mapping[int, str]) -> Path:
    """Args:
        commits: each changes two files of 400.
        planted: a token for the commits with these numbers; the next one takes it out again.

    Returns:
        A packed repository.
    """
    folder.mkdir()
    git(folder, "init", "-q", "--bare")
    fast = subprocess.Popen(
        ["git", "-C", folder, "fast-import", "--quiet"],
        stdin=subprocess.PIPE,
        env=clean_environ(),
    )
    assert fast.stdin is not None
    _write_commits(fast.stdin, pick_sources(corpus, _FILES), commits, planted)
    fast.stdin.close()
    if fast.wait():
        raise RuntimeError("git fast-import failed")
    git(folder, "repack", "-adfq", "--window=10", "--depth=50")
    return folder


def _write_commits(
    out: IO[bytes], texts: Sequence[bytes], commits: int, planted: Mapping[int, str]
) -> None:
    chance = random.Random(2)
    files = [text.split(b"\n") for text in texts]
    restored: Iterator[tuple[int, list[bytes]]] = iter(())
    for number in range(commits):
        head = f"commit refs/heads/main\nmark :{number + 1}\n"
        when = 1_500_000_000 + number * 600
        head += f"committer Example <example@example.org> {when} +0000\n"
        out.write(head.encode() + _data(f"change {number}".encode()))
        changed = dict(restored)
        if number == 0:
            changed = dict(enumerate(files))
        else:
            for index in chance.sample(range(len(files)), _CHANGED):
                lines, other = changed.get(index, files[index]), chance.choice(files)
                place, taken = chance.randrange(len(lines)), chance.randrange(len(other))
                size = chance.randint(1, _LINES)
                new = [*other[taken : taken + size], f"# change {number}".encode()]
                changed[index] = [*lines[:place], *new, *lines[place + size :]]
        files = [changed.get(index, lines) for index, lines in enumerate(files)]
        restored = iter(())
        if number in planted:
            index = next(iter(changed))
            restored = iter([(index, files[index])])
            changed[index] = [f'TOKEN = "{planted[number]}"'.encode(), *files[index]]
        for index, lines in changed.items():
            path = f"package_{index // 20}/module_{index}.py"
            out.write(f"M 100644 inline {path}\n".encode() + _data(b"\n".join(lines)))
        out.write(b"\n")


def _data(text: bytes) -> bytes:
    return b"data %d\n%b\n" % (len(text), text)
