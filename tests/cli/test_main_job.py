"""The main job, from an empty home: make a vault, add, list, env, exec."""

from __future__ import annotations

import pytest

from tests.cli.harness import PASSPHRASE, credman, make_value, program

pytestmark = pytest.mark.smoke


def test_first_add_makes_the_vault_and_asks_for_nothing_but_passphrase_and_token() -> None:
    value = make_value()
    outcome = credman(
        "add", "hf", "-e", "prod", answers=[PASSPHRASE, PASSPHRASE, value], passphrase=None
    )
    assert outcome.exit_code == 0, outcome.stderr
    assert "stored hf (hf_…" in outcome.stderr
    assert 'eval "$(credman env prod)"' in outcome.stderr
    assert value not in outcome.stderr + outcome.text
    assert any("AGE-SECRET-KEY-1" in text for text in outcome.shown)
    assert credman("env", "prod").text == f"export HF_TOKEN='{value}';\n"


def test_environments_inherit_the_base() -> None:
    credman("add", "wandb", stdin=b"base", environ={})
    credman("add", "hf", "-e", "prod", stdin=make_value().encode())
    listed = credman("list", "-e", "prod")
    assert "1 from prod, 1 inherited from default" in listed.text
    assert b"WANDB_API_KEY" in credman("env", "prod").stdout
    assert b"HF_TOKEN" not in credman("env", "dev").stdout


def test_the_program_itself_runs_the_main_job() -> None:
    value = make_value().encode()
    assert program("add", "hf", "-e", "prod", stdin=value).returncode == 0
    assert program("env", "prod", "--shell", "sh").stdout == b"export HF_TOKEN='%s';\n" % value
    executed = program("exec", "prod", "--", "sh", "-c", 'printf %s "$HF_TOKEN"')
    assert (executed.returncode, executed.stdout) == (0, value)
    assert b"HF_TOKEN" in program("list", "-e", "prod").stdout
