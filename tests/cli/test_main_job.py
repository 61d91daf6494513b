"""The main job, from an empty home: make a vault, add, list, env, exec."""

from __future__ import annotations

from tests.cli.harness import PASSPHRASE, credman, make_value


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
