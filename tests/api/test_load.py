"""Variables of the process: what ``load`` and ``env`` set, keep and put back."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

import credman
from credman.api import handed
from credman.core.errors import NotFound, Refused
from tests.cli.harness import credman as command
from tests.cli.scans import OTHER, STRANGE, TOKEN

pytestmark = [
    pytest.mark.usefixtures("own_variables"),
    pytest.mark.filterwarnings("ignore:the new vault has no recovery key"),
]


def test_load_sets_what_libraries_read_and_says_where_from() -> None:
    credman.add("hf", TOKEN, env="prod", check=False)
    assert credman.load("HF_TOKEN", env="prod") == {"HF_TOKEN": "store: hf (prod)"}
    assert os.environ["HF_TOKEN"] == TOKEN
    assert type(os.environ["HF_TOKEN"]) is str
    told = subprocess.check_output(["sh", "-c", "printf %s $HF_TOKEN"])
    assert told.decode() == TOKEN


def test_load_keeps_what_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    credman.add("hf", TOKEN, check=False)
    monkeypatch.setenv("HF_TOKEN", OTHER)
    assert credman.load("hf") == {"HF_TOKEN": "environment"}
    assert os.environ["HF_TOKEN"] == OTHER
    assert credman.load("hf", override=True) == {"HF_TOKEN": "store: hf (default)"}
    assert os.environ["HF_TOKEN"] == TOKEN


def test_load_says_what_it_left(monkeypatch: pytest.MonkeyPatch) -> None:
    credman.add("hf", TOKEN, env="prod", check=False)
    monkeypatch.setenv("HF_TOKEN", OTHER)
    assert credman.load("hf", env="prod") == {"HF_TOKEN": "environment"}
    assert os.environ["HF_TOKEN"] == OTHER
    assert credman.load("hf", env="prod", override=True) == {"HF_TOKEN": "store: hf (prod)"}
    assert os.environ["HF_TOKEN"] == TOKEN


def test_load_sets_all_of_a_token_or_nothing() -> None:
    values = f"ARGILLA_API_URL=https://argilla.example.org\nARGILLA_API_KEY={STRANGE}\n"
    command("add", "argilla", "--no-check", stdin=values.encode())
    assert set(credman.load("argilla")) == {"ARGILLA_API_URL", "ARGILLA_API_KEY"}
    assert os.environ["ARGILLA_API_URL"] == "https://argilla.example.org"
    os.environ["ARGILLA_API_KEY"] = ""
    with pytest.raises(NotFound):
        credman.load("ARGILLA_API_KEY", "nothing")
    assert os.environ["ARGILLA_API_KEY"] == ""


def test_parts_of_two_tokens_are_never_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGILLA_API_URL", "https://elsewhere.example.org")
    with pytest.raises(NotFound, match="ARGILLA_API_KEY not set"):
        credman.load("argilla")
    values = f"ARGILLA_API_URL=https://own.example.org\nARGILLA_API_KEY={STRANGE}\n"
    command("add", "argilla", "--no-check", stdin=values.encode())
    for env in (None, "default"):
        with pytest.raises(Refused, match="ARGILLA_API_URL is set to another value"):
            credman.load(*(["argilla"] if env is None else []), env=env)
        assert os.environ["ARGILLA_API_KEY"] == ""
    monkeypatch.setenv("ARGILLA_API_URL", "https://own.example.org")
    assert credman.load("argilla") == {
        "ARGILLA_API_URL": "environment",
        "ARGILLA_API_KEY": "store: argilla (default)",
    }


def test_an_older_name_of_a_variable_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", OTHER)
    assert credman.get("hf") == OTHER
    assert credman.which("hf").variable == "HUGGING_FACE_HUB_TOKEN"


def test_load_takes_a_whole_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    credman.add("hf", TOKEN, check=False)
    credman.add("openai", STRANGE, env="prod", check=False)
    monkeypatch.setenv("HF_TOKEN", OTHER)
    assert credman.load(env="prod") == {
        "HF_TOKEN": "environment",
        "OPENAI_API_KEY": "store: openai (prod)",
    }
    assert (os.environ["HF_TOKEN"], os.environ["OPENAI_API_KEY"]) == (OTHER, STRANGE)


def test_a_file_is_not_loaded() -> None:
    command("add", "gcp", "--no-check", stdin=b'{"type": "service_account"}')
    with pytest.raises(Refused, match="is a file"):
        credman.load("gcp")


def test_an_environment_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    credman.add("hf", TOKEN, env="prod", check=False)
    monkeypatch.setenv("HF_TOKEN", OTHER)
    monkeypatch.delenv("OPENAI_API_KEY")
    credman.add("openai", STRANGE, env="prod", check=False)

    def fail() -> None:
        with credman.env("prod"):
            assert (os.environ["HF_TOKEN"], os.environ["OPENAI_API_KEY"]) == (TOKEN, STRANGE)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert os.environ["HF_TOKEN"] == OTHER and "OPENAI_API_KEY" not in os.environ


def test_two_environments_at_once_leave_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    credman.add("hf", TOKEN, env="prod", check=False)
    credman.add("hf", STRANGE, env="dev", check=False)
    monkeypatch.delenv("HF_TOKEN")
    first, second = credman.env("prod"), credman.env("dev")
    first.__enter__()
    second.__enter__()
    assert os.environ["HF_TOKEN"] == STRANGE
    first.__exit__(None, None, None)  # the other one is still there
    assert os.environ["HF_TOKEN"] == STRANGE
    second.__exit__(None, None, None)
    assert "HF_TOKEN" not in os.environ


def test_what_was_loaded_is_looked_up_again() -> None:
    credman.add("hf", TOKEN, check=False)
    assert credman.load("hf") == credman.load("hf") == {"HF_TOKEN": "store: hf (default)"}
    command("rotate", "hf", "--no-check", stdin=OTHER.encode())
    assert credman.get("hf") == OTHER
    assert credman.load("hf") == {"HF_TOKEN": "store: hf (default)"}
    assert os.environ["HF_TOKEN"] == OTHER
    command("revoke", "hf", "--version", "2", "--compromised", "--yes")
    with pytest.raises(Refused):
        credman.get("hf")


def test_what_was_loaded_stays_where_the_store_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    credman.add("hf", TOKEN, check=False)
    credman.load("hf")
    monkeypatch.delenv("CREDMAN_PASSPHRASE")
    assert credman.get("hf") == TOKEN


def test_one_value_of_several_parts_is_the_secret_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARGILLA_API_URL", "https://argilla.example.org")
    values = f"ARGILLA_API_URL=https://other.example.org\nARGILLA_API_KEY={STRANGE}\n"
    command("add", "argilla", "--no-check", stdin=values.encode())
    assert credman.get("argilla") == STRANGE
    assert credman.which("argilla").variable == "ARGILLA_API_KEY"


def test_what_is_no_secret_is_kept_out_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = tmp_path / "key.json"
    key.touch()
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(key))
    monkeypatch.setenv("MY_OWN_KEY", STRANGE)
    told: list[dict[str, str]] = []

    def listener(values: Mapping[str, str]) -> None:
        told.append(dict(values))

    credman.load("HOME", "GOOGLE_APPLICATION_CREDENTIALS", "MY_OWN_KEY")
    handed.listen(listener)
    handed.stop(listener)
    [known] = told
    assert STRANGE in known.values()
    assert not {os.environ["HOME"], str(key)} & {*known.values()}


def test_an_older_variable_of_a_provider_counts_also_for_what_is_stored(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", OTHER)
    assert credman.get("hf") == OTHER
    credman.add("hf", TOKEN, check=False)
    assert credman.get("hf") == OTHER
    assert credman.load("hf") == {"HF_TOKEN": "environment: HUGGING_FACE_HUB_TOKEN"}
    assert os.environ["HF_TOKEN"] == OTHER
    assert credman.load("hf", override=True) == {"HF_TOKEN": "store: hf (default)"}
    assert credman.load("HF_TOKEN", override=True) == {"HF_TOKEN": "store: hf (default)"}
    credman.add("mine", STRANGE, provider="huggingface", variable="MY_TOKEN", check=False)
    assert credman.get("mine") == STRANGE  # not one of the provider's
