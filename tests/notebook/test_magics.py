"""``%load_ext credman`` in a real kernel, with somebody who answers its prompts, or nobody."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from tests.cli.harness import PASSPHRASE, credman, make_value
from tests.cli.scans import OTHER, STRANGE, TOKEN
from tests.notebook.sitting import running
from tests.requirements import require
from tests.watch.scan.jupyter import make_places


def test_a_notebook_that_loads_and_stores_and_asks(tmp_path: Path) -> None:
    credman("add", "hf", "-e", "prod", "--no-check", stdin=TOKEN.encode())
    credman("add", "openai", "--no-check", stdin=STRANGE.encode())
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as kernel:
        assert kernel.run("%load_ext credman") == ""
        assert "nothing is loaded" in kernel.run("%credman")
        assert kernel.run("%credman load prod") == (
            "HF_TOKEN        store: hf (prod)\nOPENAI_API_KEY  store: openai (default)\n"
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


def test_a_thread_cannot_ask_although_somebody_is_there(tmp_path: Path) -> None:
    work = (
        "import credman, threading\ndef work():\n    try:\n        credman.get('hf')\n"
        "    except credman.NotFound as error:\n        print(error)\n"
        "thread = threading.Thread(target=work)\nthread.start(); thread.join()"
    )
    with running(tmp_path / "k") as kernel:
        assert "a prompt (only the main thread can ask)" in kernel.run(work, [TOKEN])
        assert kernel.prompts == []


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
        assert kernel.run("%credman list") == "nothing is stored: %credman add NAME\n"
        assert kernel.run("%credman list -e dev") == "nothing is stored in dev: %credman add NAME\n"
        for line in ("-h", "--help", "load --help", "check hf -h"):
            assert kernel.run(f"%credman {line}") == kernel.run("%credman help"), line
        for line, expected in (
            ("%credman lod", "%credman has no 'lod'\ndid you mean load?"),
            ("%credman frobnicate", "there is no such %credman: %credman help"),
            ("%credman load", "%credman load takes names, or an environment"),
            ("%credman load -p work", "%credman load takes names, or an environment"),
            ("%credman which", "%credman which takes a name"),
            ("%credman check -e prod", "%credman check takes a name"),
            ("%credman add", "%credman add takes a name; the value is asked for, hidden"),
            ("%credman redact maybe", "%credman redact takes on or off"),
            ("%credman load hf -e", "-e takes an environment"),
            ("%credman list -p", "-p takes a profile"),
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
        assert "shown, and saved, as they are: %credman redact on" in kernel.run(
            "%credman redact off"
        )
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


def test_the_environment_and_the_profile_that_are_named_count(tmp_path: Path) -> None:
    credman("add", "hf", "--no-check", stdin=TOKEN.encode())
    credman("add", "hf", "-e", "prod", "--no-check", stdin=OTHER.encode())
    credman("add", "openai", "-p", "work", "--no-check", stdin=STRANGE.encode())
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as kernel:
        kernel.run("%load_ext credman")
        for place in ("-e prod", "--env prod", "--env=prod"):
            said = kernel.run(f"%credman which HF_TOKEN {place}")
            assert said == "HF_TOKEN  store: hf (prod)\n", place
        assert "hf (default)" in kernel.run("%credman which HF_TOKEN")
        said = kernel.run("%credman which openai -p work")
        assert said == "OPENAI_API_KEY  store: openai (default, work)\n"
        said = kernel.run("%credman list --profile work")
        assert said == "openai  OPENAI_API_KEY  default, work  not checked\n"
        assert kernel.run("%credman check openai -p work").startswith("openai  unknown  ")
        assert "no token openai" in kernel.run("%credman load openai")
        said = kernel.run("%credman load default -p work")
        assert said == "OPENAI_API_KEY  store: openai (default, work)\n"
        said = kernel.run("%credman add mistral -e dev --profile=work", [make_value("", 32)])
        assert "stored mistral in dev, work: MISTRAL_API_KEY" in said


def test_of_several_names_each_is_told(tmp_path: Path) -> None:
    credman("add", "hf", "--no-check", stdin=TOKEN.encode())
    credman("add", "openai", "--no-check", stdin=STRANGE.encode())
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as kernel:
        kernel.run("%load_ext credman")
        said = kernel.run("%credman check nothing hf a:b nowhere openai")
        assert "hf      unknown  " in said and "openai  unknown  " in said
        assert "no token named nowhere" in said and "not a name for a token" in said
        said = kernel.run("%credman which hf MY_OWN_KEY")
        assert "HF_TOKEN    store: hf (default)\n" in said and "MY_OWN_KEY  nowhere\n" in said
        assert "  not environment: MY_OWN_KEY not set\n" in said


def test_hints_name_what_a_notebook_can_do(tmp_path: Path) -> None:
    credman("add", "hf", "--no-check", stdin=TOKEN.encode())
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as kernel:
        kernel.run("%load_ext credman")
        said = kernel.run("%credman load nothing")
        assert "%credman add nothing stores it" in said and " credman add" not in said
        said = kernel.run("%credman add hf", [OTHER])
        assert "in a terminal: credman rotate hf" in said and "--replace" not in said


def test_the_extension_twice_and_anew_and_without_redaction(tmp_path: Path) -> None:
    credman("add", "hf", "--no-check", stdin=TOKEN.encode())
    is_on, is_off = "kept out of what is saved\n", "as they are: %credman redact on\n"
    with running(tmp_path / "k", CREDMAN_PASSPHRASE=PASSPHRASE) as kernel:
        kernel.run("%load_ext credman\n%credman load hf\nimport os")
        shows = "print(os.environ['HF_TOKEN'])"
        for code, said, is_shown in (
            ("import credman; credman.load_ipython_extension(get_ipython())", is_on, False),
            ("%credman redact off", is_off, True),
            ("%credman redact off", is_off, True),
            ("%reload_ext credman", is_on, False),
            ("%credman redact off\n%unload_ext credman\n%load_ext credman", is_on, False),
            ("%credman redact on\n%credman redact on", is_on, False),
        ):
            kernel.run(code)
            assert kernel.run("%credman redact").endswith(said), code
            assert (TOKEN in kernel.run(shows)) is is_shown, code
        kernel.run("%credman redact off\n%unload_ext credman")
        assert "not found" in kernel.run("%credman redact") and TOKEN in kernel.run(shows)
        # The other kernel knows nothing of it.
        with running(tmp_path / "l", CREDMAN_PASSPHRASE=PASSPHRASE) as second:
            second.run("%load_ext credman\n%credman load hf\nimport os")
            assert second.run(shows) == "[credman:HF_TOKEN]\n"
            assert TOKEN in kernel.run(shows)


def test_in_a_terminal_it_says_that_nothing_is_taken_out(tmp_path: Path) -> None:
    require(find_spec("IPython"), "IPython is not installed")
    code = "\n".join(
        f"get_ipython().run_line_magic('credman', 'redact {x}')" for x in ("on", "", "off")
    )
    told = "a terminal's outputs are not saved, so nothing is taken out of them\n"
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "-c", f"%load_ext credman\n{code}"],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **make_places(tmp_path / "i")},
        check=True,
    )
    assert done.stdout == 3 * told and done.stderr == ""
