"""Other tools that give one value, where they are installed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from benchmarks.case import Case


def peer_cases(bin_: Path, scratch: Path, environ: Mapping[str, str]) -> Iterator[Case | str]:
    """Yields: cases, or a line for each peer that is left out, with the reason."""
    for name, prepare in (
        ("age", _age),
        ("pass", _pass),
        ("gopass", _gopass),
        ("secret-tool", _secret_tool),
        ("keyring", _keyring),
    ):
        path = str(bin_ / name) if name == "keyring" else shutil.which(name)
        if path is None:
            yield f"{name}: not installed"
            continue
        try:
            case = prepare(path, scratch, environ)
            case.run(environ)
            yield case
        except (RuntimeError, OSError, subprocess.CalledProcessError) as error:
            reason = str(error).splitlines()[0]
            yield f"{name}: left out: {reason[:100]}"


def _age(path: str, scratch: Path, environ: Mapping[str, str]) -> Case:
    key, file = scratch / "age.key", scratch / "value.age"
    subprocess.run(["age-keygen", "-o", key], check=True, capture_output=True)
    public = subprocess.run(["age-keygen", "-y", key], check=True, capture_output=True).stdout
    recipient = public.decode().strip()
    subprocess.run([path, "-r", recipient, "-o", file], input=b"v" * 40, check=True)
    return Case("age -d (one value)", [path, "-d", "-i", str(key), str(file)])


def _pass(path: str, scratch: Path, environ: Mapping[str, str]) -> Case:
    home = scratch / "gnupg"
    home.mkdir(mode=0o700)
    own = {"GNUPGHOME": str(home), "PASSWORD_STORE_DIR": str(scratch / "pass")}
    chosen = {**environ, **own}
    generate = ["gpg", "--batch", "--passphrase", "", "--quick-generate-key", "bench@example.org"]
    subprocess.run(generate, check=True, env=chosen, capture_output=True)
    subprocess.run([path, "init", "bench@example.org"], check=True, env=chosen, capture_output=True)
    insert = [path, "insert", "--multiline", "token"]
    subprocess.run(insert, input=b"v" * 40, check=True, env=chosen, capture_output=True)
    return Case("pass show", [path, "show", "token"], environ=own)


def _gopass(path: str, scratch: Path, environ: Mapping[str, str]) -> Case:
    # Reads the store that pass made.
    own = {
        "GNUPGHOME": str(scratch / "gnupg"),
        "PASSWORD_STORE_DIR": str(scratch / "pass"),
        "GOPASS_HOMEDIR": str(scratch / "gopass"),
    }
    return Case("gopass show", [path, "show", "token"], environ=own)


def _secret_tool(path: str, scratch: Path, environ: Mapping[str, str]) -> Case:
    store = [path, "store", "--label=bench", "name", "bench"]
    subprocess.run(store, input=b"v" * 40, check=True, env=environ, capture_output=True)
    return Case("secret-tool lookup", [path, "lookup", "name", "bench"])


def _keyring(path: str, scratch: Path, environ: Mapping[str, str]) -> Case:
    write = [path, "set", "bench", "token"]
    subprocess.run(write, input=b"v" * 40, check=True, env=environ, capture_output=True)
    return Case("keyring get", [path, "get", "bench", "token"])
