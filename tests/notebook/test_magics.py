"""``%load_ext credman`` in a real kernel, with somebody who answers its prompts, or nobody."""

from __future__ import annotations

import hashlib
import json
import os
import queue
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.cli.harness import PASSPHRASE, credman
from tests.cli.scans import OTHER, STRANGE, TOKEN
from tests.requirements import require
from tests.watch.scan.jupyter import make_places

_SECONDS = 60


class Kernel:
    """A kernel, and who sits before it. Args: answers: what is typed at prompts; None: no prompt
    can be answered, as where a notebook is run by a program."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self.prompts: list[tuple[str, bool]] = []

    def run(self, code: str, answers: Sequence[str] | None = None) -> str:
        """Returns: all that the cell puts into its outputs."""
        client = self._client
        ident = client.execute(code, allow_stdin=answers is not None)
        end = time.monotonic() + _SECONDS
        text = ""
        waiting = list(answers or ())
        while time.monotonic() < end:
            try:
                asked = client.get_stdin_msg(timeout=0.02)["content"]
                self.prompts.append((asked["prompt"], asked["password"]))
                client.input(waiting.pop(0) if waiting else "")
            except queue.Empty:
                pass
            try:
                message = client.get_iopub_msg(timeout=0.05)
            except queue.Empty:
                continue
            if message["parent_header"].get("msg_id") != ident:
                continue
            content = message["content"]
            text += str(content.get("text", ""))
            text += json.dumps(content["data"]) if "data" in content else ""
            text += "\n".join(content.get("traceback", ()))
            if content.get("execution_state") == "idle":
                return text
        raise AssertionError("the kernel does not answer")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kernel")


@contextmanager
def running(place: Path, **environ: str) -> Iterator[Kernel]:
    require(find_spec("ipykernel"), "ipykernel is not installed")
    from jupyter_client.manager import KernelManager

    manager = KernelManager()
    known = {k: v for k, v in os.environ.items() if k.startswith("CREDMAN_") or k == "PATH"}
    manager.start_kernel(env={**make_places(place), **known, **environ}, cwd=str(place))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=_SECONDS)
        yield Kernel(client)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def test_a_notebook_that_loads_and_stores_and_asks(tmp_path: Path) -> None:
    credman("add", "hf", "-e", "prod", "--no-check", stdin=TOKEN.encode())
    credman("add", "openai", "--no-check", stdin=STRANGE.encode())
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as kernel:
        assert kernel.run("%load_ext credman") == ""
        assert "nothing is loaded" in kernel.run("%credman")
        assert kernel.run("%credman load prod") == (
            "HF_TOKEN  store: hf (prod)\nOPENAI_API_KEY  store: openai (default)\n"
        )
        assert kernel.run("import os; print(len(os.environ['HF_TOKEN']))") == "37\n"
        assert kernel.run("!printf %s $HF_TOKEN | wc -c").strip().startswith("37")
        assert "OPENAI_API_KEY  store: openai" in kernel.run("%credman which openai")
        assert "hf (prod)" in kernel.run("%credman")
        assert "unknown" in kernel.run("%credman check openai")
        assert "openai  OPENAI_API_KEY  default" in kernel.run("%credman list")
        # Hidden, and never in an output.
        said = kernel.run("%credman add hf -e dev", [OTHER])
        assert "stored hf" in said and OTHER not in said
        assert [is_hidden for _, is_hidden in kernel.prompts] == [True]
        assert kernel.run("import credman; credman.get('hf', env='dev')") == json.dumps(
            {"text/plain": "Secret('…')"}
        )
    assert credman("get", "hf", "-e", "dev").text == OTHER


def test_a_value_on_the_line_is_refused_and_taken_out_of_the_history(tmp_path: Path) -> None:
    weak = "hunter2hunter2"  # looks like nothing
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as kernel:
        kernel.run("%load_ext credman")
        said = kernel.run(f"%credman add hf={TOKEN}")
        assert "never given on the line" in said and "Traceback" not in said
        for line in (
            *(f"%credman {verb} {weak}" for verb in ("scan", "list", "redact", "help")),
            *(f"%credman add hf {weak}", f"%credman load HF_TOKEN={weak}", f"%credman load {weak}"),
            *(f"%credman add -v {weak}", f"%credman '{weak}", f"%credman ADD hf {weak}"),
            *(f"%credman add postgres://u:{weak}@h/db", f"%%credman add hf\n{weak}"),
        ):
            said = kernel.run(line)
            assert "UsageError" in said and "Traceback" not in said, line
            assert weak not in kernel.run("print(_i, _ii, _iii)"), line
        assert TOKEN not in kernel.run("%history -n") and weak not in kernel.run("_ih")
        names = "print([v for k, v in globals().items() if k.startswith('_i') and k[2:].isdigit()])"
        assert weak not in kernel.run(names)
    found = list((tmp_path / "k").rglob("history.sqlite"))
    for path in found:
        data = path.read_bytes()
        assert TOKEN.encode() not in data and weak.encode() not in data
    assert found


def test_where_nobody_can_answer_it_fails_at_once_and_says_where_it_looked(tmp_path: Path) -> None:
    with running(tmp_path / "k") as kernel:
        began = time.monotonic()
        said = kernel.run("import credman; credman.load('HF_TOKEN')")
        assert time.monotonic() - began < 20
        assert "no token HF_TOKEN: looked in environment (HF_TOKEN not set)" in said
        assert "nobody is here to answer" in said


def test_somebody_is_asked_and_may_keep_it(tmp_path: Path) -> None:
    credman("add", "openai", "--no-check", stdin=STRANGE.encode())
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as kernel:
        said = kernel.run("import credman; credman.load('HF_TOKEN')", [TOKEN, "y"])
        assert json.dumps({"text/plain": "{'HF_TOKEN': 'typed'}"}) in said
        value, keep = kernel.prompts
        assert value == ("HF_TOKEN (hidden): ", True)
        assert keep == ("keep it in credman? [y/N] ", False)
    assert credman("get", "hf").text == TOKEN


def test_help_and_wrong_turns(tmp_path: Path) -> None:
    with running(tmp_path / "k") as kernel:
        kernel.run("%load_ext credman")
        assert "%credman load" in kernel.run("%credman help")
        for line, expected in (
            ("%credman lod", "there is no such %credman"),
            ("%credman load", "load what?"),
            ("%credman load -x", "there is no such option"),
            ("%credman scan", "it is not known which file"),
        ):
            said = kernel.run(line)
            assert expected in said and "Traceback" not in said, line
        assert "credman" not in kernel.run("%unload_ext credman\n%lsmagic")


def test_of_a_token_and_an_environment_of_one_name_nobody_guesses(tmp_path: Path) -> None:
    credman("add", "openai", "-e", "prod", "--no-check", stdin=STRANGE.encode())
    credman("add", "prod", "--var", "PROD_KEY", "--no-check", stdin=OTHER.encode())
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as kernel:
        said = kernel.run("%load_ext credman\n%credman load prod")
        assert "prod is an environment, and a token" in said
        assert "%credman load -e prod" in said and "%credman load prod -e default" in said
        assert kernel.run("%credman load prod -e default") == "PROD_KEY  store: prod (default)\n"
        said = kernel.run("%credman load -e prod")
        assert "OPENAI_API_KEY  store: openai (prod)" in said


def test_this_notebook_is_looked_through(tmp_path: Path) -> None:
    credman("add", "hf", "--no-check", stdin=TOKEN.encode())
    notebook = tmp_path / "train.ipynb"
    notebook.write_text(json.dumps({"cells": [{"cell_type": "raw", "source": TOKEN}]}))
    with running(
        tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE, JPY_SESSION_NAME=str(notebook)
    ) as kernel:
        kernel.run("%load_ext credman")
        said = kernel.run("%credman scan")
    assert "cell 1 source" in said and "your hf (default)" in said and TOKEN not in said


def test_the_real_library_of_the_hub_finds_it(tmp_path: Path) -> None:
    require(find_spec("huggingface_hub"), "huggingface_hub is not installed")
    credman("add", "hf", "-e", "prod", "--no-check", stdin=TOKEN.encode())
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as kernel:
        kernel.run("import credman; credman.load('hf', env='prod')")
        code = "import huggingface_hub, hashlib\n"
        code += "print(hashlib.sha256(huggingface_hub.get_token().encode()).hexdigest())"
        assert kernel.run(code).strip() == hashlib.sha256(TOKEN.encode()).hexdigest()


def test_what_is_loaded_is_not_printed_until_somebody_says_so(tmp_path: Path) -> None:
    credman("add", "hf", "--no-check", stdin=TOKEN.encode())
    values = f"ARGILLA_API_URL=https://argilla.example.org\nARGILLA_API_KEY={STRANGE}\n"
    credman("add", "argilla", "--no-check", stdin=values.encode())
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as kernel:
        kernel.run("import credman, os; credman.load('argilla')")  # before the extension
        kernel.run("%load_ext credman\n%credman load hf")
        assert kernel.run("print(os.environ['HF_TOKEN'])") == "[credman:HF_TOKEN]\n"
        assert "[credman:HF_TOKEN]" in kernel.run("!echo $HF_TOKEN")
        assert kernel.run("print(os.environ['ARGILLA_API_KEY'])") == "[credman:ARGILLA_API_KEY]\n"
        assert "argilla.example.org" in kernel.run("print(os.environ['ARGILLA_API_URL'])")
        assert "saved as it is" in kernel.run("%credman redact off")
        assert TOKEN in kernel.run("print(os.environ['HF_TOKEN'])")
        kernel.run("%credman redact on")
        assert TOKEN not in kernel.run("print(os.environ['HF_TOKEN'])")
        kernel.run("%unload_ext credman")
        assert TOKEN in kernel.run("print(os.environ['HF_TOKEN'])")


def test_the_first_token_makes_a_store_without_showing_a_recovery_key(tmp_path: Path) -> None:
    with running(tmp_path / "k") as kernel:
        answers = [TOKEN, "y", PASSPHRASE, PASSPHRASE]
        said = kernel.run("import credman; credman.load('HF_TOKEN')", answers)
        assert "'HF_TOKEN': 'typed'" in said and "AGE-SECRET-KEY" not in said
        prompts = [prompt for prompt, _ in kernel.prompts]
        assert prompts[2:] == ["new passphrase: ", "again: "]
    assert credman("get", "hf").text == TOKEN


def test_the_magic_stores_the_first_token_and_says_that_there_is_no_recovery_key(
    tmp_path: Path,
) -> None:
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as kernel:
        kernel.run("%load_ext credman")
        said = kernel.run("%credman add hf", [TOKEN])
        assert "stored hf" in said and "has no recovery key" in said and TOKEN not in said
        assert [is_hidden for _, is_hidden in kernel.prompts] == [True]
    assert credman("get", "hf").text == TOKEN
