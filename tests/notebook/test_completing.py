"""TAB and ``?`` on lines of ``%credman``, in a real kernel."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.harness import credman
from tests.cli.scans import OTHER, STRANGE, TOKEN
from tests.notebook.kernels import Kernel, show, start_kernel


@pytest.fixture
def kernel(tmp_path: Path, _own_home: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kernel]:
    credman("add", "hf", "-e", "prod", "--no-check", stdin=TOKEN.encode())
    credman("add", "openai", "--no-check", stdin=STRANGE.encode())
    values = ("--no-check", "--var", "WANDB_API_KEY", "-p", "work")
    credman("add", "wb", *values, stdin=OTHER.encode())
    # Without a passphrase: nothing that is stored can be opened for it.
    environ = {"CREDMAN_HOME": str(tmp_path / "credman"), "CREDMAN_AGENT": "off"}
    with start_kernel(tmp_path / "k", environ) as started:
        started.run("%load_ext credman")
        yield started


def complete(kernel: Kernel, code: str) -> tuple[list[str], str]:
    """Returns: what is offered, and what it takes the place of."""
    said = kernel.ask(kernel.client.complete(code, len(code)))[-1]["content"]
    return said["matches"], code[said["cursor_start"] : said["cursor_end"]]


def test_what_may_come_next_is_offered_and_nothing_else(kernel: Kernel) -> None:
    verbs = ["load", "add", "list", "which", "check", "scan", "redact", "help"]
    assert complete(kernel, "%credman ") == (verbs, "")
    for line, expected, begun in (
        ("%credman lo", ["load"], "lo"),
        ("import os\n  %credman re", ["redact"], "re"),
        ("%credman load ", ["openai", "OPENAI_API_KEY", "default", "dev", "test", "staging"], ""),
        ("%credman load OPEN", ["openai", "OPENAI_API_KEY"], "OPEN"),
        ("%credman load -e pr", ["prod"], "pr"),
        ("%credman load -e prod h", ["hf", "HF_TOKEN"], "h"),
        ("%credman load openai O", ["openai", "OPENAI_API_KEY"], "O"),
        ("%credman load --env prod h", ["hf", "HF_TOKEN"], "h"),
        ("%credman load -", ["-e", "-p", "-o"], "-"),
        ("%credman which -", ["-e", "-p"], "-"),
        ("%credman which -e prod ", ["hf", "openai"], ""),
        ("%credman check -e prod HF", ["hf", "HF_TOKEN"], "HF"),
        ("%credman load -p wo", ["work"], "wo"),
        ("%credman load --profile work WAND", ["WANDB_API_KEY"], "WAND"),
        ("%credman load -p work -e prod wb", ["wb"], "wb"),
        ("%credman add -p work -e dev mist", ["mistral", "mistralai"], "mist"),
        ("%credman check -e prod ", ["hf", "openai"], ""),
        ("%credman which HF", [], "HF"),
        ("%credman add mist", ["mistral", "mistralai"], "mist"),
        ("%credman add -e dev mist", ["mistral", "mistralai"], "mist"),
        ("%credman redact o", ["on", "off"], "o"),
    ):
        matches, place = complete(kernel, line)
        if not expected:
            assert not {"hf", "HF_TOKEN", "openai"} & {*matches}, line
            continue
        assert matches[: len(expected)] == expected and place == begun, line
        assert all(name.casefold().startswith(begun.casefold()) for name in matches), line
    for line in ("x = %cred", "credman ", "# %credman lo"):
        assert "load" not in complete(kernel, line)[0], line


def test_help_is_that_of_the_magic(kernel: Kernel) -> None:
    for line in ("%credman?", "?%credman", "%%credman?"):
        [page] = kernel.run(line)[-1]["content"]["payload"]
        assert "%credman load NAME" in page["data"]["text/plain"], line
    assert "%credman load NAME" in show(kernel.run("%credman help"))


def test_with_the_extension_it_goes(kernel: Kernel) -> None:
    kernel.run("%unload_ext credman")
    assert "load" not in complete(kernel, "%credman lo")[0]
    kernel.run("%load_ext credman\n%reload_ext credman")
    assert complete(kernel, "%credman lo")[0] == ["load"]
