"""What an upload sends is what the real library sends."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credman.core.model import VersionState
from credman.watch.scan.findings import Basis, Finding, Owner, Unread
from credman.watch.scan.hub import list_upload, walk_upload, would_refuse
from tests.cli.harness import make_value
from tests.requirements import require_program
from tests.watch.scan.hubs import run_hub, upload

NAMES = [
    "config.json",
    "README.md",
    ".env",
    ".ipynb_checkpoints/training_params-checkpoint.json",
    ".git/config",
    ".git/objects/ab/cdef",
    "sub/.git",
    "other/.git/config",
    "x.git/config",
    ".gitmodules",
    ".github/workflows/ci.yml",
    ".cache/huggingface/download/config.json.metadata",
    "deep/.cache/huggingface/x",
    ".cachehuggingface/x",
    "huggingface/x",
    "blank in it.txt",
    " begins with one",
    "new\nline.txt",
    "escape\x1b[31m.txt",
    "back\\slash.txt",
    "a\\.git\\config",
    ".git\\config",
    "-dash",
    ":colon",
    "~/tilde",
    "$HOME",
    "*",
    "[a]",
    "ünï/cödé.txt",
    "😀.txt",
    "a/b/c/d/e/f/g",
    ".GIT/config",
]


def test_lists_what_the_library_sends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_tree(tmp_path / "folder", NAMES)
    (folder / "empty").touch()
    (folder / "binary.bin").write_bytes(b"\0" * 100)
    os.mkfifo(folder / "fifo")
    outside = make_tree(tmp_path / "outside", ["file.txt", "in/side.txt"])
    links = {"file": "file.txt", "folder": ".", "nowhere": "no", "through": "file.txt/x"}
    for name, target in links.items():
        (folder / f"link to {name}").symlink_to(outside / target)
    (folder / "loop").symlink_to("loop")
    (folder / "up").symlink_to("..")
    (folder / "ttyish").symlink_to("/dev/null")
    with run_hub() as hub:
        upload(hub, folder, monkeypatch)
    assert {"link to file", "empty", "binary.bin", "new\nline.txt"} < set(hub.files)
    assert listed(folder) == set(hub.files)


PARTS = st.sampled_from([".git", ".cache", "huggingface", "a", "b.json", "c.txt", "a\\.git", "ö\n"])
RULES = ["*.json", "a/", "/a", "b.json", "**/c.txt", "!c.txt", "#a", "a/**", "ö*", "!a/", "", "*"]


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.lists(PARTS, min_size=1, max_size=4), max_size=8),
    st.one_of(st.none(), st.lists(st.sampled_from(RULES), max_size=4)),
)
def test_lists_what_the_library_sends_of_any_tree(
    paths: list[list[str]], rules: list[str] | None
) -> None:
    paths = [p for p in paths if not is_forbidden(p)]
    with pytest.MonkeyPatch.context() as patch, run_hub() as hub, temporary() as place:
        folder = make_tree(place, ["/".join(path) for path in paths])
        if rules is not None:
            (folder / ".gitignore").write_text("\n".join(rules))
        upload(hub, folder, patch)
        assert listed(folder) == set(hub.files)


def test_what_the_library_refuses_to_send_is_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_tree(tmp_path / "folder", ["a", ".cache/x"])
    with run_hub() as hub, pytest.raises(ValueError, match="cannot update files under"):
        upload(hub, folder, monkeypatch)
    assert listed(folder) == {"a", ".cache/x"}


def test_a_name_that_is_no_text_is_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = make_tree(tmp_path / "folder", ["a"])
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).write_text("x")
    with run_hub() as hub, pytest.raises(UnicodeEncodeError):
        upload(hub, folder, monkeypatch)
    assert listed(folder) == {"a", "\udcff"}


@pytest.mark.parametrize("ignored", [True, False])
def test_the_own_gitignore_counts_and_one_further_down_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, ignored: bool
) -> None:
    folder = make_tree(tmp_path / "folder", ["a", "sub/.ipynb_checkpoints/a-checkpoint.json"])
    place = folder if ignored else folder / "sub"
    (place / ".gitignore").write_text(".ipynb_checkpoints/\n")
    with run_hub() as hub:
        upload(hub, folder, monkeypatch)
    assert listed(folder) == set(hub.files)
    assert ("sub/.ipynb_checkpoints/a-checkpoint.json" in hub.files) is not ignored


def test_a_gitignore_that_cannot_be_read_leaves_nothing_out(tmp_path: Path) -> None:
    folder = make_tree(tmp_path / "folder", ["a"])
    (folder / ".gitignore").write_bytes(b"a\n\xff\n")
    assert listed(folder) == {"a", ".gitignore"}


def test_links_are_opened_where_they_lead(tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("it")
    folder = make_tree(tmp_path / "folder", ["sub/a"])
    (folder / "link").symlink_to("../outside")
    jobs = {job.path: job for job in walk_upload("folder", str(tmp_path), [])}
    assert set(jobs) == {"folder/link", "folder/sub/a"}
    opened = jobs["folder/link"].open()
    assert opened is not None and opened.content.read(10) == b"it"
    opened.close()


def test_in_the_folder_itself_names_have_nothing_before_them(tmp_path: Path) -> None:
    make_tree(tmp_path, ["sub/a"])
    assert [job.path for job in walk_upload(".", str(tmp_path), [])] == ["sub/a"]


@pytest.mark.parametrize("what", ["nothing", "a file"])
def test_a_folder_that_is_none_is_a_problem(tmp_path: Path, what: str) -> None:
    if what == "a file":
        (tmp_path / "x").touch()
    problems: list[Unread] = []
    assert not list(walk_upload("x", str(tmp_path), problems))
    assert [problem.path for problem in problems] == ["x"]


def test_of_what_may_not_be_read_the_library_sends_nothing_and_links_into_it_are_told(
    tmp_path: Path,
) -> None:
    folder = make_tree(tmp_path / "folder", ["a", "closed/b"])
    (folder / "link").symlink_to("closed/b")
    (folder / "closed").chmod(0)
    script = (
        "import os, sys\n"
        "from credman.watch.scan.hub import list_upload\n"
        "for folder in ('.', 'closed'):\n"
        "    problems = []\n"
        "    print([u.path_in_repo for u in list_upload(os.fsencode(folder), problems)])\n"
        "    print([(p.path, p.reason) for p in problems])\n"
    )
    done = subprocess.run(
        [*without_powers(), sys.executable, "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    (folder / "closed").chmod(0o700)
    assert done.stdout.splitlines() == [
        "['a']",
        "[('link', 'permission denied')]",
        "[]",
        "[('.', 'permission denied')]",
    ], done.stderr


def without_powers() -> list[str]:
    """Root reads everything, unless it gives up the right to."""
    if os.geteuid() != 0:
        return []
    powers = "-dac_override,-dac_read_search"
    return [require_program("setpriv"), f"--bounding-set={powers}", f"--inh-caps={powers}"]


def test_every_kind_of_hugging_face_token_would_be_refused() -> None:
    for prefix in ("hf_", "api_org_", "hf_oauth_", "hf_jwt_"):
        assert would_refuse(make_finding(make_value(prefix)))


def test_what_the_hub_does_not_look_for_would_not_be_refused() -> None:
    value = make_value()
    owner = Owner("hf", "prod", "default", 1, VersionState.CURRENT, "huggingface")
    dead = Owner("hf", "prod", "default", 1, VersionState.REVOKED, "huggingface")
    assert would_refuse(make_finding(value, owner=owner))
    assert not would_refuse(make_finding(value, owner=dead))
    assert not would_refuse(make_finding(value, encoding="base64"))
    assert not would_refuse(make_finding(value, inside=("data.pkl",)))
    assert not would_refuse(make_finding(make_value("sk-")))
    assert not would_refuse(make_finding(make_value("xhf_")))


def make_tree(folder: Path, names: list[str]) -> Path:
    """Each file holds its own name, so none is sent twice for once."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = folder / name
        if not (path.exists() or any(p.is_file() for p in path.parents)):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"this is {name}")
    return folder


@contextmanager
def temporary() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as place:
        yield Path(place)


def listed(folder: Path) -> set[str]:
    problems: list[Unread] = []
    found = list(list_upload(os.fsencode(folder), problems))
    assert not problems and len(found) == len(set(found))
    return {name for _, name in found}


def is_forbidden(path: list[str]) -> bool:
    # Of these the library says an error, in place of sending anything.
    pairs = zip(path, [*path[1:], ""], strict=True)
    return any(part == ".cache" and following != "huggingface" for part, following in pairs)


def make_finding(
    value: str,
    *,
    owner: Owner | None = None,
    encoding: str = "plain",
    inside: tuple[str, ...] = (),
) -> Finding:
    return Finding(
        path="x",
        line=1,
        column=1,
        value=value.encode(),
        masked="…",
        basis=Basis.PATTERN,
        owner=owner,
        encoding=encoding,
        inside=inside,
    )
