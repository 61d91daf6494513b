"""Homes to measure in: environments with credman in them, and vaults with tokens."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PASSPHRASE = "a passphrase for measuring"
VALUE = "v" * 40

OPENING = """
import sys
from datetime import UTC, datetime
from credman.core.model import Address, Field, Token, TokenKey, Version, VersionState
from credman.core.paths import find_paths
from credman.core.secret import Secret
from credman.stores.base import Creation, Surroundings, open_store
from credman.stores.changes import PutToken

home, count, passphrase = sys.argv[1], int(sys.argv[2]), Secret(sys.argv[3])

class Unlocker:
    def passphrases(self, of="", *, because=""):
        yield passphrase
    def keyring(self, *, opening=False):
        return None
    def tell(self, text):
        pass

environ = {"CREDMAN_HOME": home}
paths = find_paths(environ, "/")
store = open_store(f"file:{paths.vault}", Surroundings(paths, "/", environ, Unlocker()))
store.create(Creation(passphrase))
now = datetime.now(UTC).replace(microsecond=0)
changes = []
"""
"""What the seeds of all vaults to measure with begin with."""

_SEED = (
    OPENING
    + """
for number in range(count):
    key = TokenKey("prod" if number % 2 else "default", "default", f"token-{number}")
    field = Field(f"TOKEN_{number}", (f"TOKEN_{number}",))
    token = Token(key, (field,), (Version(1, VersionState.CURRENT, now, (field.name,)),))
    changes.append(PutToken(token, {Address(key, 1, field.name): Secret("v" * 40)}))
store.commit(changes, expected_revision=store.snapshot().revision)
"""
)


_SEED_OF = (
    OPENING
    + """
import json
for number, value in enumerate(json.load(sys.stdin)):
    key = TokenKey("default", "default", f"token-{number}")
    field = Field(f"TOKEN_{number}", (f"TOKEN_{number}",))
    token = Token(key, (field,), (Version(1, VersionState.CURRENT, now, (field.name,)),))
    changes.append(PutToken(token, {Address(key, 1, field.name): Secret(value)}))
store.commit(changes, expected_revision=store.snapshot().revision)
"""
)


def find_uv(scratch: Path) -> str:
    """Returns: the program uv, installed into the scratch directory if there is none."""
    found = shutil.which("uv")
    if found is not None:
        return found
    tools = scratch / "tools"
    subprocess.run([sys.executable, "-m", "venv", tools], check=True)
    subprocess.run([tools / "bin" / "pip", "install", "--quiet", "uv"], check=True)
    return str(tools / "bin" / "uv")


def install(scratch: Path, uv: str, name: str, *more: str) -> Path:
    """Args: more: further requirements. Returns: the bin directory of an environment with a wheel
    of credman in it, its modules compiled."""
    venv = scratch / name
    subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, venv], check=True)
    python = str(venv / "bin" / "python")
    pip = [uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", python]
    subprocess.run([*pip, str(ROOT), *more], check=True)
    return venv / "bin"


def make_home(bin_: Path, home: Path, count: int) -> Path:
    """Returns: the home, with a vault of so many tokens that the passphrase opens."""
    argv = [str(bin_ / "python"), "-c", _SEED, str(home), str(count), PASSPHRASE]
    subprocess.run(argv, check=True)
    return home


def make_home_of(bin_: Path, home: Path, values: Sequence[str]) -> Path:
    """Returns: the home, with a vault of these values."""
    argv = [str(bin_ / "python"), "-c", _SEED_OF, str(home), "0", PASSPHRASE]
    subprocess.run(argv, check=True, input=json.dumps(values).encode())
    return home


def unlock(bin_: Path, home: Path, environ: Mapping[str, str]) -> int:
    """Returns: the process id of the agent that holds the vault of this home from now on."""
    chosen = {**environ, "CREDMAN_HOME": str(home)}
    credman = str(bin_ / "credman")
    argv = [credman, "unlock", "--for", "2h", "--passphrase-fd", "0"]
    subprocess.run(argv, input=PASSPHRASE.encode(), check=True, env=chosen, capture_output=True)
    done = subprocess.run(
        [credman, "status", "--json"], env=chosen, capture_output=True, check=True
    )
    pid: int = json.loads(done.stdout)["agent"]["pid"]
    return pid


def lock(bin_: Path, home: Path, environ: Mapping[str, str]) -> None:
    """Ends the agent of this home."""
    chosen = {**environ, "CREDMAN_HOME": str(home)}
    subprocess.run([bin_ / "credman", "lock"], check=False, env=chosen, capture_output=True)


def memory_of(pid: int) -> float:
    """Returns: what a process holds in memory, in MB."""
    text = Path(f"/proc/{pid}/status").read_text("ascii")
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024 / 1e6


def ask_often(bin_: Path, home: Path, count: int) -> None:
    """Sends an agent so many requests for an environment."""
    script = (
        "import os, sys\n"
        "from credman.agent import client\n"
        "from credman.core import wire\n"
        "environ = {'CREDMAN_HOME': sys.argv[1]}\n"
        "streams = wire.pack([b'other', b'other', b'other', b'80'])\n"
        "argv = wire.pack([b'env', b'prod', b'--shell', b'posix'])\n"
        "caller = client.describe_caller(environ, '/')\n"
        "for _ in range(int(sys.argv[2])):\n"
        "    answer = client.ask(environ, '/', [wire.RUN, wire.VERSION, argv, *caller, streams])\n"
        "    assert answer and answer[0] == wire.DONE\n"
    )
    subprocess.run([bin_ / "python", "-c", script, str(home), str(count)], check=True)


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns: the environment without anything that is credman's."""
    return {k: v for k, v in environ.items() if not k.startswith("CREDMAN_")} | {
        "PYTHONDONTWRITEBYTECODE": "",
        "LANG": os.environ.get("LANG", "C.UTF-8"),
    }
