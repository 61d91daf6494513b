"""Real git repositories for tests, and a program in credman's place that their hooks call: it finds
one word, and writes down how it was called."""

from __future__ import annotations

import os
import stat
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from credman.upkeep.calling import System
from credman.upkeep.githooks import install, list_found, plan_install, uninstall
from credman.upkeep.hookplace import Place, find_place
from credman.upkeep.hookscript import Hook
from tests.requirements import require_program
from tests.upkeep.schedulers import write_program

BOTH = (Hook.PRE_COMMIT, Hook.PRE_PUSH)
PROGRAM = ("/opt/credman",)
"""What the hooks call; it is never run."""

LEAK = "PLANTED"
"""What the program in credman's place takes for a token."""

_IDENTITY = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "alice",
    "GIT_AUTHOR_EMAIL": "alice@example.org",
    "GIT_COMMITTER_NAME": "alice",
    "GIT_COMMITTER_EMAIL": "alice@example.org",
}

_STAND_IN = r"""
case "$*" in
"hook --help") echo "Usage: credman hook COMMAND"; exit 0 ;;
"hook run "*) ;;
*) exit 2 ;;
esac
printf '%s\n' "credman $*" >>"$HOME/calls"
what=$3
[ "$what" != --framework ] || what=pre-commit
[ -z "$PRE_COMMIT_REMOTE_NAME" ] || what=framework-push
case $what in
pre-commit) text=$(git diff --cached) || exit ;;
framework-push)
    if [ -n "$PRE_COMMIT_TO_REF" ]; then
        text=$(git log -p "$PRE_COMMIT_FROM_REF..$PRE_COMMIT_TO_REF") || exit
    else
        text=$(git log -p "$PRE_COMMIT_LOCAL_BRANCH" --not "--remotes=$PRE_COMMIT_REMOTE_NAME")
    fi ;;
pre-push)
    text=
    while read -r ref new other old; do
        printf '%s\n' "$ref $other" >>"$HOME/calls"
        text=$text$(git log -p "$new") || exit
    done ;;
esac
case $text in *PLANTED*) echo "credman: $what blocked" >&2; exit 1 ;; esac
exit 0
"""


@dataclass(frozen=True)
class Repository:
    """A repository whose hooks find a program in credman's place along PATH."""

    top: Path
    environ: Mapping[str, str]

    def git(self, *words: str, **environ: str) -> str:
        """Returns: what git wrote. Fails if git does."""
        done = self.try_git(*words, **environ)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def try_git(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["git", *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=self.top,
            env={**os.environ, **self.environ, **environ},
            timeout=60,
            check=False,
        )
        out, err = done.stdout.decode(), done.stderr.decode()
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def write(self, name: str, text: str = "clean\n") -> Path:
        path = self.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def commit(self, name: str, text: str = "clean\n", *options: str) -> str:
        """Stages a file and commits. Returns: what git said against it; empty: it was done."""
        self.write(name, text)
        self.git("add", "-f", name)
        done = self.try_git("commit", "-qm", "x", *options)
        assert done.returncode in (0, 1)
        return done.stderr if done.returncode else ""

    @property
    def system(self) -> System:
        return System({**os.environ, **self.environ})

    @property
    def place(self) -> Place:
        return find_place(self.system, str(self.top))

    @property
    def hooks(self) -> Path:
        return self.top / ".git" / "hooks"


def make_repository(top: Path, *options: str, program: Path | None = None) -> Repository:
    """Args: program: in credman's place; else one is made beside the repository."""
    require_program("git")
    folder = (program or write_stand_in(top.parent / "programs")).parent
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    repository = Repository(top, {**_IDENTITY, "PATH": path})
    top.mkdir(parents=True, exist_ok=True)
    repository.git("init", "-q", "-b", "main", "--template=", *options)
    return repository


def write_stand_in(folder: Path, name: str = "credman") -> Path:
    return write_program(folder, name, _STAND_IN)


def write_hook(folder: Path, name: str, text: str = "", mode: int = 0o755) -> Path:
    """A hook of somebody else's, which writes down its call. Args: text: what it does besides."""
    path = write_program(folder, name, f'echo "{name} $*" >>"$HOME/calls"\n{text}')
    path.chmod(mode)
    os.utime(path, ns=(10**18, 10**18 + 5))
    return path


def read_calls() -> list[str]:
    """Returns: what was called since the last time, in its order."""
    path = Path(os.environ["HOME"], "calls")
    lines = path.read_text().splitlines() if path.exists() else []
    path.unlink(missing_ok=True)
    return lines


def take_picture(folder: Path) -> dict[str, tuple[object, ...]]:
    """Returns: of each name there what must not change; a link counts for itself."""
    picture: dict[str, tuple[object, ...]] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_bytes()
        picture[path.name] = (content, stat.S_IMODE(status.st_mode), status.st_mtime_ns)
    return picture


def put(place: Place, *hooks: Hook, program: tuple[str, ...] = PROGRAM) -> list[str]:
    return install(plan_install(place, hooks or BOTH, program))


def take_away(place: Place) -> list[str]:
    done, problem = uninstall(place, BOTH)
    assert problem is None
    return done


def find_problems(place: Place) -> list[str]:
    return [one.problem for one in list_found(place)]
