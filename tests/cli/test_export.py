"""``export``: to standard output or to a new file of its owner, on purpose, whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import stat
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from credman.cli import export as command
from credman.output import files
from credman.output.formats import Format
from tests.cli.harness import PASSPHRASE, PROGRAM, credman, make_value, make_vault, program
from tests.cli.person import person
from tests.output.readers import (
    read_docker,
    read_dotenv,
    read_github,
    read_json,
    read_k8s,
    read_toml,
    read_yaml,
)

HF = make_value()
SPACED = b' it\'s "50 %" $(touch off)\n# \xe2\x98\x83\n'
READERS: dict[Format, Callable[[bytes], dict[str, bytes]]] = {
    Format.DOTENV: read_dotenv,
    Format.JSON: read_json,
    Format.YAML: read_yaml,
    Format.TOML: read_toml,
    Format.DOCKER: lambda data: read_docker(data, trims_quotes=True),
    Format.GITHUB: lambda data: read_github(data, is_windows=False),
    Format.K8S: read_k8s,
}
every_format = pytest.mark.parametrize("form", Format, ids=str)


@pytest.fixture(autouse=True)
def _vault() -> None:
    make_vault()


def add(name: str, value: bytes, *more: str) -> None:
    outcome = credman("add", name, *more, stdin=value + b"\n")
    assert outcome.exit_code == 0, outcome.stderr


def export(*argv: str, **options: Any) -> Any:
    return credman("export", *argv, **options)


@every_format
def test_each_format_gives_the_whole_environment(form: Format) -> None:
    add("own", b"own", "-e", "prod")
    outcome = export("prod", "--format", form)
    assert outcome.exit_code == 0
    assert READERS[form](outcome.stdout) == {"OWN": b"own", "HF_TOKEN": HF.encode()}
    said = "2 values in clear on standard output: 1 from prod, 1 inherited from default"
    assert outcome.stderr == f"credman: warning: {said}\n"


@every_format
def test_a_file_and_standard_output_are_the_same(form: Format, tmp_path: Path) -> None:
    outcome = export("--format", form, "-o", str(tmp_path / "out"))
    assert (outcome.exit_code, outcome.stdout) == (0, b"")
    said = f"1 value in clear in {tmp_path / 'out'}: 1 from default"
    assert outcome.stderr == f"credman: warning: {said}\n"
    assert (tmp_path / "out").read_bytes() == export("--format", form).stdout


@every_format
def test_nothing_stored_is_an_empty_file(form: Format, tmp_path: Path) -> None:
    outcome = export("-p", "default", "-e", "prod", "--format", form, "-o", str(tmp_path / "a"))
    assert READERS[form]((tmp_path / "a").read_bytes()) == {"HF_TOKEN": HF.encode()}
    credman("remove", "hf", "--yes")
    outcome = export("--format", form, "-o", str(tmp_path / "b"))
    assert (outcome.exit_code, outcome.stderr) == (0, "nothing is stored in environment default\n")
    assert READERS[form]((tmp_path / "b").read_bytes()) == {}


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_only_its_owner_can_read_the_file(mask: int) -> None:
    former = os.umask(mask)
    try:
        outcome = export("--format", "json", "-o", "tokens.json")
    finally:
        os.umask(former)
    path = Path.home() / "tokens.json"
    assert outcome.exit_code == 0 and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text()) == {"HF_TOKEN": HF}


def test_nobody_else_can_open_it_for_a_moment_either(monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    change = os.fchmod

    def look_and_change(descriptor: int, mode: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        change(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", look_and_change)
    former = os.umask(0)
    try:
        export("--format", "json", "-o", "tokens.json")
    finally:
        os.umask(former)
    assert modes and not [mode for mode in modes if mode & 0o077]


@pytest.mark.parametrize("kind", ["file", "empty", "link", "dangling", "directory", "pipe"])
def test_nothing_is_written_over(kind: str, tmp_path: Path) -> None:
    path, other = tmp_path / "out", tmp_path / "other"
    other.write_bytes(b"kept")
    match kind:
        case "file":
            path.write_bytes(b"kept")
        case "empty":
            path.touch()
        case "link":
            path.symlink_to(other)
        case "dangling":
            path.symlink_to(tmp_path / "nowhere")
        case "directory":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
    before = path.lstat()
    # The passphrase is not asked for: it would be typed in vain.
    outcome = export("--format", "json", "-o", str(path), answers=[], passphrase=None)
    assert outcome.exit_code == 7 and outcome.shown == []
    assert f"there is a file already: {path}" in outcome.stderr
    assert path.lstat() == before and other.read_bytes() == b"kept"
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize("target", ["kept", "nowhere"])
def test_a_link_made_in_between_is_not_followed(
    target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "kept").write_bytes(b"kept")
    path = tmp_path / "out"
    looked = files.refuse_existing

    def look_and_lose(*args: Any, **kwargs: Any) -> None:
        looked(*args, **kwargs)
        path.symlink_to(tmp_path / target)

    monkeypatch.setattr(command, "refuse_existing", look_and_lose)
    outcome = export("--format", "json", "-o", str(path))
    assert outcome.exit_code == 7 and "there is a file already" in outcome.stderr
    assert (tmp_path / "kept").read_bytes() == b"kept"
    assert not (tmp_path / "nowhere").exists() and path.is_symlink()


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere/out", "no such file or directory"),
        ("/proc/out", "no such file or directory"),
        ("x" * 300, "file name too long"),
    ],
)
def test_a_place_that_cannot_be_written_to(path: str, reason: str) -> None:
    outcome = export("--format", "json", "-o", path)
    assert outcome.exit_code == 6
    assert f"cannot write {path}: {reason}" in outcome.stderr
    assert "in clear" not in outcome.stderr


def test_a_full_disk_leaves_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", fail)
    outcome = export("--format", "json", "-o", "out")
    assert outcome.exit_code == 6
    assert "cannot write out: no space left on device" in outcome.stderr
    assert not (Path.home() / "out").exists() and "in clear" not in outcome.stderr


def test_a_limit_on_file_sizes_leaves_no_part_of_it() -> None:
    add("long", b"x" * 20_000)
    script = 'ulimit -f 8; exec "$@" export --format json -o out'  # in units of 1 KiB
    # Python does not notice that a .pyc was cut off, and would stumble over it ever after.
    environ = {**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        ["bash", "-c", script, "bash", *PROGRAM], cwd=Path.home(), env=environ,
        capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (6, b"")
    assert b"cannot write out: file too large" in done.stderr
    assert not (Path.home() / "out").exists()


def test_ctrl_c_leaves_no_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(descriptor: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    assert export("--format", "json", "-o", "out").exit_code == 130
    assert not (Path.home() / "out").exists()


@pytest.mark.parametrize(
    ("form", "refused"), [("dotenv", True), ("docker", True), ("github", False), ("json", False)]
)
def test_what_a_format_cannot_hold_is_refused_as_a_whole(form: str, refused: bool) -> None:
    add("spaced", SPACED)
    outcome = export("--format", form, "-o", "out")
    if not refused:
        data = (Path.home() / "out").read_bytes()
        assert READERS[Format(form)](data) == {"HF_TOKEN": HF.encode(), "SPACED": SPACED}
        return
    assert outcome.exit_code == 7 and outcome.stdout == b""
    assert outcome.stderr.startswith(f"credman: error: {form} cannot hold SPACED: it ")
    assert "hint: json, yaml, toml, github, k8s can; --only with" in outcome.stderr
    assert "50 %" not in outcome.stderr and not (Path.home() / "out").exists()
    assert export("--format", form, "--only", "hf").exit_code == 0


def test_standard_output_gets_nothing_of_what_is_refused() -> None:
    add("binary", bytes(range(1, 256)))
    for form in Format:
        outcome = export("--format", form)
        assert bool(outcome.stdout) == (form is Format.K8S)
        assert outcome.exit_code == (0 if form is Format.K8S else 7)
    values = read_k8s(export("--format", "k8s").stdout)
    assert values["BINARY"] == bytes(range(1, 256))


def test_terminal_is_refused() -> None:
    with person("export", "--format", "json", environ={"CREDMAN_PASSPHRASE": PASSPHRASE}) as one:
        assert one.leaves() == 7
        assert "not printing tokens to a terminal" in one.screen
        assert "-o FILE writes them to a new file" in one.screen
        assert HF not in one.screen


def test_terminal_is_obeyed_with_reveal_and_no_matter_with_a_file() -> None:
    outcome = export("--format", "json", "--reveal", stdout_is_terminal=True)
    assert outcome.exit_code == 0 and HF in outcome.text
    outcome = export("--format", "json", "-o", "out", stdout_is_terminal=True)
    assert (outcome.exit_code, outcome.stdout) == (0, b"")


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        ((), 2, "--format is missing"),
        (("--format", ""), 2, "--format cannot be that"),
        (("--format", "JSON"), 2, "--format cannot be that"),
        (("prod", "-e", "dev", "--format", "json"), 2, "ENV and -e name different environments"),
        (("prdo", "--format", "json"), 3, "no environment named prdo"),
        (("", "--format", "json"), 2, "this is not a name for an environment"),
        (("-p", "nosuch", "--format", "json"), 3, "no profile named nosuch"),
        (("--only", "", "--format", "json"), 2, "--only names nothing"),
        (("--only", "nosuch", "--format", "json"), 3, "no token and no variable named nosuch"),
        (("--format", "json", "-o", ""), 7, "there is a file already: ."),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, tuple) else "",
)
def test_refusals_write_nothing(argv: Sequence[str], code: int, said: str) -> None:
    outcome = export(*argv)
    assert (outcome.exit_code, outcome.stdout) == (code, b"")
    assert outcome.stderr.startswith(f"credman: error: {said}")
    assert list(Path.home().iterdir()) == []


def test_missing_and_unknown_formats_list_those_there_are() -> None:
    for argv in ((), ("--format", "env")):
        assert f"hint: one of {', '.join(Format)}\n" in export(*argv).stderr


def test_a_path_may_look_like_a_token() -> None:
    # A directory of a package store, or of a CI job.
    folder = Path.home() / make_value()
    folder.mkdir()
    assert export("--format", "json", "-o", f"{folder.name}/out").exit_code == 0
    assert json.loads((folder / "out").read_text()) == {"HF_TOKEN": HF}


def test_a_path_is_relative_to_where_the_caller_is(tmp_path: Path) -> None:
    assert export("--format", "json", "-o", "here", cwd=tmp_path).exit_code == 0
    assert (tmp_path / "here").exists()


def test_a_path_with_control_characters_is_escaped() -> None:
    outcome = export("--format", "json", "-o", "a\x1b[2J")
    assert outcome.exit_code == 0 and "\\u{1b}[2J" in outcome.stderr
    assert "\x1b" not in outcome.stderr


def test_only_takes_tokens_and_variables() -> None:
    add("keys", b"a", "--var", "KEY_A", "--var", "KEY_B")
    assert read_json(export("--format", "json", "--only", "KEY_B").stdout) == {"KEY_B": b"a"}
    chosen = export("--format", "json", "--only", "keys,hf").stdout
    assert list(read_json(chosen)) == ["HF_TOKEN", "KEY_A", "KEY_B"]


def test_an_isolated_environment_gives_its_own_alone() -> None:
    add("own", b"own", "-e", "alone", "--isolated")
    outcome = export("alone", "--format", "json")
    assert read_json(outcome.stdout) == {"OWN": b"own"}
    assert outcome.stderr.endswith("1 value in clear on standard output: 1 from alone\n")


def test_the_manifest_is_named_after_environment_and_profile() -> None:
    add("own", b"own", "-e", "Prod.EU", "-p", "Work")
    text = export("prod.eu", "-p", "work", "--format", "k8s").text
    assert '\n  name: "credman-prod-eu-work"\n' in text


def test_the_program_says_the_same_in_a_poor_locale() -> None:
    add("snow", "☃".encode())
    poor = {"LANG": "C", "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for form in ("dotenv", "yaml"):
        done = program("export", "--format", form, environ=poor)
        assert (done.returncode, done.stdout) == (0, export("--format", form).stdout)
        assert "☃".encode() in done.stdout


def test_a_full_disk_and_a_closed_output_are_told_and_warned_of_nothing() -> None:
    environ = {**os.environ, "CREDMAN_PASSPHRASE": PASSPHRASE}
    for redirection, said in ((">/dev/full", b"no space left"), (">&-", b"is closed")):
        done = subprocess.run(
            ["bash", "-c", f'"$@" export --format json {redirection}', "bash", *PROGRAM],
            cwd=Path.home(), env=environ, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 1 and said in done.stderr and b"in clear" not in done.stderr


def test_a_token_that_is_a_file_is_refused_and_can_be_left_out() -> None:
    assert credman("add", "gcp", "--no-check", stdin=b"{}").exit_code == 0
    outcome = credman("export", "--format", "json")
    assert (outcome.exit_code, outcome.stdout) == (7, b"")
    assert "gcp is a file" in outcome.stderr
    assert credman("export", "--format", "json", "--only", "hf").exit_code == 0
