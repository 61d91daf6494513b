"""The API in a kernel as Colab's: its vault answers over the wire, and the package is a stub."""

from __future__ import annotations

import json
from pathlib import Path

from tests.stores.sources.test_colab import make_reply, make_value, run_colab

LOAD = """
import json, os, warnings
import credman
def attempt(name):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            answer = credman.load(name)
        except credman.CredmanError as error:
            answer = [error.message, error.hint]
    print(json.dumps([answer, [str(w.message) for w in caught]]))
"""


def test_colabs_secrets_are_read_and_its_refusals_told_apart(tmp_path: Path) -> None:
    value = make_value()
    with run_colab(tmp_path) as kernel:
        kernel.run(LOAD)
        kernel.secrets = {
            "HF_TOKEN": make_reply(value),
            "OPENAI_API_KEY": make_reply(exists=False),
            "WANDB_API_KEY": make_reply(value, access=False),
        }
        assert kernel.say("attempt('HF_TOKEN')", allow_stdin=False) == [
            {"HF_TOKEN": "Colab secrets"},
            [],
        ]
        assert kernel.run("print(len(os.environ['HF_TOKEN']))").strip() == str(len(value))
        assert kernel.run("!printf %s $HF_TOKEN | wc -c").strip() == str(len(value))
        assert kernel.run("print(credman.runtime().name, credman.runtime().can_write)") == (
            "colab False\n"
        )

        (message, hint), warned = kernel.say("attempt('OPENAI_API_KEY')", allow_stdin=False)
        assert "Colab secrets (not defined)" in message and "OPENAI_API_KEY" in hint and not warned

        (message, hint), warned = kernel.say("attempt('WANDB_API_KEY')", allow_stdin=False)
        assert "this notebook may not read it" in message and "%credman load" in hint
        assert warned == ["Colab secrets: defined, but this notebook may not read it"]
        assert value not in message + hint + str(warned)

        # Leave is given, and a person asks again; nobody has to restart.
        kernel.secrets = {**kernel.secrets, "WANDB_API_KEY": make_reply(value)}
        assert kernel.say("attempt('WANDB_API_KEY')", allow_stdin=False)[0] != {}
        said = kernel.run("%load_ext credman\n%credman load WANDB_API_KEY", allow_stdin=False)
        assert "WANDB_API_KEY  Colab secrets" in said


def test_many_threads_get_it_and_children_inherit_it(tmp_path: Path) -> None:
    value = make_value()
    with run_colab(tmp_path) as kernel:
        kernel.secrets = {"HF_TOKEN": make_reply(value)}
        kernel.run(LOAD)
        code = (
            "import threading\nseen = []\n"
            "def work(): seen.append(len(credman.get('HF_TOKEN')))\n"
            "threads = [threading.Thread(target=work) for _ in range(8)]\n"
            "[t.start() for t in threads]; [t.join(30) for t in threads]\n"
            "print(json.dumps(seen))"
        )
        assert kernel.say(code, allow_stdin=False) == [len(value)] * 8
        assert kernel.asked == ["HF_TOKEN"]
        code = (
            "credman.load('HF_TOKEN')\nimport subprocess, sys\n"
            "text = 'import credman; print(len(credman.get(\"HF_TOKEN\")))'\n"
            "print(json.dumps(subprocess.check_output([sys.executable, '-c', text]).decode()))"
        )
        assert json.loads(json.dumps(kernel.say(code, allow_stdin=False))).strip() == str(
            len(value)
        )
