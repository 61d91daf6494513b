"""The Python API, as programs call it."""

from __future__ import annotations

import copy
import os
import pickle
import subprocess
import sys
import threading
import time
import warnings
from pathlib import Path

import pytest

import credman
from credman.core.errors import Locked, NameTaken, NotFound, Refused, UsageError
from tests.cli.harness import credman as command
from tests.cli.scans import OTHER, STRANGE, TOKEN

pytestmark = [
    pytest.mark.usefixtures("own_variables"),
    pytest.mark.filterwarnings("ignore:the new vault has no recovery key"),
]


def test_one_value_by_the_name_of_a_token_a_provider_or_a_variable() -> None:
    credman.add("hf", TOKEN, check=False)
    assert credman.get("hf") == credman.get("HF_TOKEN") == credman.get("huggingface") == TOKEN


def test_a_value_shows_itself_to_nobody_who_does_not_ask() -> None:
    credman.add("hf", TOKEN, check=False)
    value = credman.get("hf")
    assert isinstance(value, credman.Secret)
    assert TOKEN not in repr([value]) and f"Bearer {value}" == f"Bearer {TOKEN}"
    assert copy.copy(value) is value and copy.deepcopy({"a": value})["a"] is value
    for give in (pickle.dumps, lambda v: v.__reduce__(), lambda v: v.__getnewargs__()):
        with pytest.raises(TypeError):
            give(value)


def test_the_environment_comes_before_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    credman.add("hf", TOKEN, check=False)
    monkeypatch.setenv("HF_TOKEN", OTHER)
    assert credman.get("hf") == credman.get("HF_TOKEN") == OTHER
    assert credman.which("hf").source == "environment"


def test_who_names_an_environment_means_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    credman.add("hf", TOKEN, env="prod", check=False)
    monkeypatch.setenv("HF_TOKEN", OTHER)
    assert credman.get("hf", env="prod") == TOKEN
    assert credman.which("HF_TOKEN", env="prod").source == "store: hf (prod)"


def test_profiles_are_never_crossed() -> None:
    credman.add("hf", TOKEN, profile="work", check=False)
    assert credman.get("hf", profile="work") == TOKEN
    with pytest.raises(NotFound):
        credman.get("hf")


def test_a_token_under_a_name_of_ones_own_is_found_by_its_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    credman.add("gpt", STRANGE, variable="OPENAI_API_KEY", check=False)
    assert credman.get("gpt") == credman.get("OPENAI_API_KEY") == STRANGE
    monkeypatch.setenv("OPENAI_API_KEY", OTHER)
    assert credman.get("gpt") == OTHER


def test_what_is_nowhere_is_an_error_that_names_all_places() -> None:
    with pytest.raises(NotFound) as caught:
        credman.get("hf")
    assert "environment (HF_TOKEN" in caught.value.message
    assert "store (nothing is stored yet)" in caught.value.message
    assert "nobody is here to answer" in caught.value.message
    assert "credman add hf" in caught.value.hint
    credman.add("wandb", STRANGE, check=False)
    with pytest.raises(NotFound, match="store \\(none in environment default, profile default\\)"):
        credman.get("HF_TOKEN")
    assert credman.get("hf", default=None) is None


def test_a_locked_store_is_one_of_the_places(monkeypatch: pytest.MonkeyPatch) -> None:
    command("add", "hf", "-e", "prod", "--no-check", stdin=TOKEN.encode())
    monkeypatch.delenv("CREDMAN_PASSPHRASE")
    with pytest.raises(Locked, match="store \\(the vault is locked, and nobody is here"):
        credman.get("hf")
    with pytest.raises(Locked):  # it may well be there
        credman.get("hf", default=None)
    with pytest.raises(Locked):  # nothing else would do
        credman.get("hf", env="prod")


def test_a_typo_in_an_environment_is_told() -> None:
    credman.add("hf", TOKEN, env="prod", check=False)
    with pytest.raises(NotFound, match="no environment named prd"):
        credman.get("hf", env="prd")


def test_what_may_not_be_handed_out_is_not_taken_from_elsewhere() -> None:
    command("add", "hf", "--no-check", "--expires", "2020-01-01", stdin=TOKEN.encode())
    with pytest.raises(Refused, match="expired"):
        credman.get("hf", default=None)


def test_of_several_parts_one_is_named() -> None:
    values = f"AWS_ACCESS_KEY_ID={'A' * 20}\nAWS_SECRET_ACCESS_KEY={'s' * 40}\n"
    command("add", "aws", "--no-check", stdin=values.encode())
    assert credman.get("AWS_SECRET_ACCESS_KEY") == "s" * 40
    assert credman.get("aws", field="AWS_ACCESS_KEY_ID") == "A" * 20
    with pytest.raises(NotFound):
        credman.get("aws", field="PATH")  # which is set, and none of its


def test_threads_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    credman.add("hf", TOKEN, env="prod", check=False)
    monkeypatch.setenv("HF_TOKEN", OTHER)
    seen: list[object] = []

    def work() -> None:
        for _ in range(5):
            seen.append(credman.get("hf", env="prod"))
            with credman.env("prod"):
                seen.append(os.environ["HF_TOKEN"])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert set(seen) == {TOKEN} and len(seen) == 80
    assert os.environ["HF_TOKEN"] == OTHER


def test_a_forked_process_reads_as_well() -> None:
    credman.add("hf", TOKEN, check=False)
    assert credman.get("hf") == TOKEN
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the interpreter, about threads
        child = os.fork()
    if not child:
        try:
            os.write(writing, str(credman.get("hf")).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    assert os.read(reading, 1000).decode() == TOKEN
    os.close(reading)


def test_what_others_write_is_seen() -> None:
    credman.add("hf", TOKEN, check=False)
    assert credman.get("hf") == TOKEN
    command("rotate", "hf", "--no-check", stdin=OTHER.encode())
    assert credman.get("hf") == OTHER
    credman.remove("hf")
    assert credman.get("hf", default="") == ""


def test_what_is_stored_is_listed_without_values() -> None:
    credman.add("hf", TOKEN, check=False)
    credman.add("openai", STRANGE, env="prod", check=False)
    openai, hf = credman.list(env="prod")
    assert (hf.name, hf.environment, hf.variables) == ("hf", "default", ("HF_TOKEN",))
    assert (openai.name, openai.environment, openai.version) == ("openai", "prod", 1)
    assert TOKEN not in repr([hf, openai])


def test_refusals_of_add() -> None:
    credman.add("hf", TOKEN, check=False)
    with pytest.raises(NameTaken):
        credman.add("hf", OTHER, check=False)
    with pytest.raises(UsageError):
        credman.add("openai", "")
    for value in (b"bytes", "\ud800"):
        with pytest.raises(UsageError):
            credman.add("openai", value)  # type: ignore[arg-type]
    with pytest.raises(Locked):  # there is nobody to type it
        credman.add("openai")
    credman.add("hf", OTHER, replace=True, check=False)
    assert credman.get("hf") == OTHER


def test_a_provider_that_cannot_be_asked_says_nothing() -> None:
    credman.add("hf", TOKEN, check=False)
    checked = credman.check("hf")  # CREDMAN_OFFLINE is set
    assert checked.state == "unknown" and not checked
    assert credman.get("hf", check=True) == TOKEN


def test_where_it_runs_is_told() -> None:
    found = credman.runtime()
    assert found.name and not found.can_ask and found.vault is None


def test_what_ends_soon_is_a_warning() -> None:
    from datetime import UTC, datetime, timedelta

    config = Path(os.environ["CREDMAN_HOME"], "config")
    config.mkdir(parents=True, exist_ok=True)
    (config / "config.toml").write_text('warn_before = "5d"\n')
    soon = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    command("add", "hf", "--no-check", "--expires", soon, stdin=TOKEN.encode())
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        credman.get("hf")
    [warning] = caught
    assert "hf expires in" in str(warning.message) and warning.filename == __file__
    assert warning.category is credman.CredmanWarning


def test_no_agent_is_started(tmp_path: Path) -> None:
    credman.add("hf", TOKEN, check=False)
    credman.get("hf")
    assert command("status").exit_code != 0 or "unlocked" not in command("status").text


def test_importing_it_costs_nothing() -> None:
    code = (
        "import sys\nbefore = set(sys.modules)\nimport credman\n"
        "print(len(set(sys.modules) - before))"
    )
    assert int(subprocess.check_output([sys.executable, "-c", code])) < 5


def test_names_are_those_of_the_contract() -> None:
    names = {"get", "load", "env", "which", "runtime", "check", "add", "remove", "list", "Secret"}
    assert names <= set(dir(credman)) and names <= set(credman.__all__)
    with pytest.raises(AttributeError):
        credman.nothing  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.parametrize("name", [TOKEN, f"HF_TOKEN={TOKEN}", "", " ", "ü", "../x", "a b", "a\nb"])
def test_what_is_no_name_is_refused_and_not_repeated(name: str) -> None:
    for act in (credman.get, credman.load, credman.which, credman.check, credman.remove):
        with pytest.raises(UsageError) as caught:
            act(name)
        assert TOKEN[4:] not in caught.value.message + caught.value.hint


def test_a_closed_standard_input_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    credman.add("hf", TOKEN, check=False)
    for stdin in (None, object()):
        monkeypatch.setattr(sys, "stdin", stdin)
        assert credman.get("hf") == TOKEN


def test_blanks_are_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    credman.add("hf", TOKEN, check=False)
    monkeypatch.setenv("HF_TOKEN", " \n")
    assert credman.get("hf") == TOKEN


def test_to_look_where_it_is_makes_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made"
    script = tmp_path / "make.sh"
    script.write_text(f"#!/bin/sh\necho x >> {made}\necho {STRANGE}\n")
    script.chmod(0o700)
    command(
        "add", "tmp", "--var", "TMP_TOKEN", "--no-check", "--command", str(script), "--ttl", "2s"
    )
    before = made.read_text()
    time.sleep(2.1)
    assert (credman.which("tmp").source or "").startswith("store: tmp (default)")
    assert made.read_text() == before
