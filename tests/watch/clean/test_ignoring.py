"""Rules for ``.gitignore``: git itself honours what was added, and nothing else has changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credman.watch.clean.ignoring import (
    FILES,
    FOLDERS,
    add_rules,
    find_ignored,
    find_places,
    find_rule,
    has_rule,
    is_effective,
    is_uploaded,
)
from tests.watch.scan.repositories import Repo

CHECKPOINTS = ".ipynb_checkpoints/"
COPY = f"{CHECKPOINTS}training_params-checkpoint.json"


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        (COPY, CHECKPOINTS),
        ("a/b/.ipynb_checkpoints/c/d.json", CHECKPOINTS),
        ("wandb/run-1/files/.env", "wandb/"),
        ("mlruns/wandb/x", "mlruns/"),
        ("x/lightning_logs/version_0/hparams.yaml", "lightning_logs/"),
        ("outputs/1/.hydra/config.yaml", ".hydra/"),
        ("src/__pycache__/a.cpython-311.pyc", "__pycache__/"),
        (".virtual_documents/a.py", ".virtual_documents/"),
        (".env", ".env"),
        ("app/.env.local", ".env.local"),
        (".env.production.local", ".env.production.local"),
        ("app/.envrc", ".envrc"),
        (".jupyter_ystore.db", ".jupyter_ystore.db"),
    ],
)
def test_the_rule_for_a_generated_file(path: str, rule: str) -> None:
    assert find_rule(path) == rule


@pytest.mark.parametrize(
    "path",
    [
        *("train.py", "wandb", "wandb.py", "a/mlruns", ".env.example", ".env.sample"),
        *(".env.template", ".env.production.example", ".env/x", "prod.env", ".env.a*", ".env.", ""),
        *(".env.!x", ".env.a b", ".environment", "my.ipynb_checkpoints/x", ".envrc.d"),
    ],
)
def test_what_somebody_has_written_has_no_rule(path: str) -> None:
    assert find_rule(path) is None


@pytest.mark.parametrize("rule", [*(f"{name}/" for name in FOLDERS), *FILES, ".env", ".env.local"])
def test_git_passes_over_what_a_rule_is_for(tmp_path: Path, rule: str) -> None:
    repo = Repo(tmp_path / "repo")
    own = f"{rule}x" if rule.endswith("/") else rule
    for place in ("", "a/", "a/b/"):
        repo.write(f"{place}{own}", "x")
    (repo.folder / ".gitignore").write_bytes(add_rules(b"", [rule]))
    assert repo.git("status", "--porcelain", "-uall", "-z") == "?? .gitignore\0"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"", b".env\nwandb/\n"),
        (b"*.pyc\n", b"*.pyc\n.env\nwandb/\n"),
        (b"*.pyc", b"*.pyc\n.env\nwandb/\n"),
        (b"a\r\nb\r\n", b"a\r\nb\r\n.env\r\nwandb/\r\n"),
        (b"a\r\nb", b"a\r\nb\r\n.env\r\nwandb/\r\n"),
        (b"a\r\nb\nc\n", b"a\r\nb\nc\n.env\nwandb/\n"),
        (b"\xef\xbb\xbfa\n", b"\xef\xbb\xbfa\n.env\nwandb/\n"),
        # Not each reader passes over the mark before the first line.
        (b"\xef\xbb\xbf.env\n", b"\xef\xbb\xbf.env\n.env\nwandb/\n"),
        (b"caf\xe9\n", b"caf\xe9\n.env\nwandb/\n"),
        (b".env\n", b".env\nwandb/\n"),
        (b"/.env\n/wandb\n", b"/.env\n/wandb\n.env\nwandb/\n"),  # not at any depth
        (b"wandb\n.e*\n", b"wandb\n.e*\n"),
        (b"**/wandb/\r\n.env  \r\n", b"**/wandb/\r\n.env  \r\n"),
        (b"*\n", b"*\n"),
        (b"# .env\n#wandb/\n", b"# .env\n#wandb/\n.env\nwandb/\n"),
        (b"!.env\n!wandb/\n", b"!.env\n!wandb/\n.env\nwandb/\n"),
        (b".env\nwandb/\n!.env\n", b".env\nwandb/\n!.env\n"),
        ("a\n".encode("utf-16"), "a\n".encode("utf-16")),
        (b"a\0\n", b"a\0\n"),
    ],
)
def test_only_what_is_lacking_is_added_at_the_end(before: bytes, after: bytes) -> None:
    assert add_rules(before, [".env", "wandb/", ".env"]) == after
    assert add_rules(after, ["wandb/", ".env"]) == after


LINES = st.sampled_from(
    [
        ".env",
        "!.env",
        "wandb/",
        "!wandb/",
        "wandb",
        "/.env",
        "*",
        "!*",
        "#x",
        "",
        ".env.*",
        "\\.env",
    ]
)
ENDS = st.sampled_from(["\n", "\r\n"])


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(LINES, ENDS), max_size=5), st.booleans(), st.sampled_from([".env", "wandb/"])
)
def test_added_once_whatever_is_there(lines: list[tuple[str, str]], ends: bool, rule: str) -> None:
    before = "".join(line + end for line, end in lines).encode()
    if not ends:
        before = before.rstrip(b"\r\n")
    after = add_rules(before, [rule])
    assert after.startswith(before) and add_rules(after, [rule]) == after
    assert has_rule(after, rule)
    # It does not hold only where somebody has made an exception behind it.
    assert is_effective(after, rule) or (after == before and b"!" in before)


def test_a_rule_that_is_taken_back_is_told(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.write(".env", "x")
    for data, holds in ((b".env\n", True), (b".env\n!.env\n", False), (b"!.env\n.env\n", True)):
        repo.write(".gitignore", data)
        assert is_effective(data, ".env") is holds
        assert (".env" not in repo.git("status", "--porcelain").split()) is holds
    assert not is_effective(".env\n".encode("utf-16"), ".env")
    assert not is_effective(b".ipynb_checkpoints/*\n", CHECKPOINTS)  # at the top only
    assert not is_effective(b"wandb/\n!*\n", "wandb/")


def test_rules_go_to_the_top_of_the_working_tree(tmp_path: Path) -> None:
    top = tmp_path / "repo"
    (top / "sub" / "deep").mkdir(parents=True)
    leaked = [f"deep/{COPY}", "deep/train.py", ".env", f"deep/wandb/{COPY}"]
    assert find_places(str(top / "sub"), leaked, str(top)) == [
        (str(top / ".gitignore"), [CHECKPOINTS, ".env", "wandb/"])
    ]
    (top / ".gitignore").write_bytes(b"wandb\n.env\n!.env\n")
    assert find_places(str(top / "sub"), leaked, str(top)) == [
        (str(top / ".gitignore"), [CHECKPOINTS, ".env"])
    ]
    assert find_places(str(top / "sub"), ["deep/train.py"], str(top)) == []


def test_without_a_working_tree_they_go_to_the_folder(tmp_path: Path) -> None:
    assert find_places(str(tmp_path), [f"a/{COPY}", "/elsewhere/.env", "../.env"], None) == [
        (str(tmp_path / ".gitignore"), [CHECKPOINTS])
    ]


def test_a_folder_behind_a_link_is_where_git_says(tmp_path: Path) -> None:
    (tmp_path / "repo" / "sub").mkdir(parents=True)
    (tmp_path / "link").symlink_to("repo")
    found = find_places(str(tmp_path / "link" / "sub"), [COPY], str(tmp_path / "repo"))
    assert found == [(str(tmp_path / "repo" / ".gitignore"), [CHECKPOINTS])]


UPLOADED: list[tuple[list[str], bool]] = [
    (["training_params.json"], True),
    (["adapter_config.json"], True),
    (["model_index.json"], True),
    (["model-00001-of-00002.safetensors"], True),
    (["config.json", "pytorch_model.bin"], True),
    (["config.json", "q4.gguf"], True),
    ([".cache/huggingface/upload/x.metadata"], True),
    (["config.json"], False),
    (["pytorch_model.bin"], False),
    (["q4.gguf"], False),
    (["train.py", ".cache/huggingface/download/x"], False),
    ([], False),
]


@pytest.mark.parametrize(("names", "expected"), UPLOADED)
def test_a_folder_that_is_uploaded_on_its_own_has_its_own_rules(
    tmp_path: Path, names: list[str], expected: bool
) -> None:
    top, model = tmp_path / "repo", tmp_path / "repo" / "runs" / "model"
    for name in [*names, f"logs/{COPY}"]:
        (model / name).parent.mkdir(parents=True, exist_ok=True)
        (model / name).write_bytes(b"{}")
    assert is_uploaded(str(model)) is expected
    (top / ".gitignore").write_bytes(b".ipynb_checkpoints/\n")  # nobody reads it at an upload
    wanted = [(str(model / ".gitignore"), [CHECKPOINTS])] if expected else []
    assert find_places(str(top), [f"runs/model/logs/{COPY}"], str(top)) == wanted
    (model / ".gitignore").write_bytes(b".ipynb_checkpoints\n")
    assert find_places(str(top), [f"runs/model/logs/{COPY}"], str(top)) == []


def test_a_generated_folder_is_none_that_is_uploaded(tmp_path: Path) -> None:
    (tmp_path / "wandb" / "run").mkdir(parents=True)
    (tmp_path / "wandb" / "run" / "adapter_config.json").write_bytes(b"{}")
    (tmp_path / "adapter_config.json").write_bytes(b"{}")  # and this one is told once
    wanted = [(str(tmp_path / ".gitignore"), ["wandb/"])]
    assert find_places(str(tmp_path), ["wandb/run/x"], None) == wanted
    # Rules of git that lie elsewhere are no use at an upload.
    assert find_places(str(tmp_path), ["wandb/run/x"], None, ["wandb/run/x"]) == wanted


def test_a_link_or_a_pipe_in_its_place_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "all").write_bytes(b"*\n")
    (tmp_path / ".gitignore").symlink_to("all")
    wanted = [(str(tmp_path / ".gitignore"), [".env"])]
    assert find_places(str(tmp_path), [".env"], None) == wanted
    (tmp_path / ".gitignore").unlink()
    os.mkfifo(tmp_path / ".gitignore")
    assert find_places(str(tmp_path), [".env"], None) == wanted


def test_what_git_passes_over_already_needs_no_rule(tmp_path: Path) -> None:
    repo = Repo(tmp_path / "repo")
    repo.stage("sub/.env", "x")  # tracked: the rule is there all the same
    repo.write(".git/info/exclude", "wandb/\n")
    repo.write("sub/.gitignore", ".env\n")
    leaked = ["wandb/run 1/ü*.log", ".env", f"x/{COPY}"]
    for name in ("wandb/run 1/ü*.log", f"x/{COPY}", "wandb/run 1/üx.log"):
        repo.write(f"sub/{name}", "x")
    with repo.open() as repository:
        folder = str(repo.folder / "sub")
        ignored = find_ignored(repository, folder, leaked)
        assert find_ignored(repository, folder, []) == set()
        assert find_ignored(repository, str(tmp_path), ["x", "repo/sub/.env"]) == {"repo/sub/.env"}
    assert ignored == {"wandb/run 1/ü*.log", ".env"}
    assert find_places(folder, leaked, str(repo.folder), ignored) == [
        (str(repo.folder / ".gitignore"), [CHECKPOINTS])
    ]
