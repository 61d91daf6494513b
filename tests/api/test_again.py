"""What is loaded, typed, added and asked for once more: by the same name, in another thread, for
another environment."""

from __future__ import annotations

import os
import random
import shlex
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

import credman
from credman.api import handed
from credman.core.errors import NameTaken, Refused, UsageError
from tests.cli.harness import PASSPHRASE, make_value
from tests.cli.harness import credman as command
from tests.cli.person import Person, person
from tests.cli.scans import OTHER, STRANGE, TOKEN

pytestmark = [
    pytest.mark.usefixtures("own_variables"),
    pytest.mark.filterwarnings("ignore:the new vault has no recovery key"),
]


def add_aws(*, env: str = "default") -> None:
    values = f"AWS_ACCESS_KEY_ID={'A' * 20}\nAWS_SECRET_ACCESS_KEY={'s' * 40}\n"
    command("add", "aws", "-e", env, "--no-check", stdin=values.encode())


def test_what_an_environment_gave_is_looked_up_there_again() -> None:
    credman.add("hf", TOKEN, check=False)
    credman.add("hf", OTHER, env="prod", check=False)
    assert credman.load(env="prod")["HF_TOKEN"] == "store: hf (prod)"
    assert credman.get("hf") == credman.get("HF_TOKEN") == OTHER
    assert credman.which("hf").source == "store: hf (prod)"
    assert credman.load("HF_TOKEN") == {"HF_TOKEN": "store: hf (prod)"}
    assert os.environ["HF_TOKEN"] == OTHER
    command("rotate", "hf", "-e", "prod", "--no-check", stdin=STRANGE.encode())
    assert credman.get("hf") == STRANGE  # and what is there now counts
    assert credman.load("HF_TOKEN", override=True) == {"HF_TOKEN": "store: hf (default)"}
    assert os.environ["HF_TOKEN"] == TOKEN
    assert credman.load("hf", env="prod") == {"HF_TOKEN": "store: hf (prod)"}
    os.environ["HF_TOKEN"] = TOKEN[::-1]  # somebody's own
    assert credman.get("hf") == TOKEN[::-1]


def test_a_default_comes_back_as_it_is() -> None:
    for default in ("", "no name, but a text", TOKEN, None, 0, [1]):
        assert credman.get("hf", default=default) is default


def test_what_was_loaded_is_still_there_when_its_environment_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    credman.add("hf", TOKEN, env="experiment", check=False)
    credman.load(env="experiment")
    monkeypatch.setenv("CREDMAN_STORE", f"file:{tmp_path}/other.age")
    credman.add("openai", STRANGE, check=False)
    assert credman.get("hf") == TOKEN == os.environ["HF_TOKEN"]
    with pytest.raises(credman.NotFound, match="no environment named experiment"):
        credman.get("hf", env="experiment")


def test_values_of_many_threads_are_all_known_to_who_keeps_them_out_of_outputs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    installed: dict[str, str] = {}

    def listener(values: Mapping[str, str]) -> None:
        nonlocal installed
        made = dict(values)
        time.sleep(random.uniform(0, 0.01))
        installed = made

    values = {f"OWN_{n}_KEY": make_value() for n in range(16)}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    handed.listen(listener)
    switching = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    failed: list[BaseException] = []

    def work(name: str) -> None:
        try:
            credman.load(name)
            assert values[name] in installed.values()
        except BaseException as error:
            failed.append(error)
            raise

    try:
        threads = [threading.Thread(target=work, args=(name,)) for name in values]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    finally:
        sys.setswitchinterval(switching)
        handed.stop(listener)
    assert not failed
    assert {*values.values()} <= {*installed.values()}


def test_nobody_is_told_twice_of_the_same() -> None:
    credman.add("hf", TOKEN, check=False)
    told: list[int] = []

    def listener(values: Mapping[str, str]) -> None:
        told.append(len(values))

    handed.listen(listener)
    for _ in range(3):
        credman.get("hf")
    handed.stop(listener)
    assert len(told) == 1


def test_what_is_added_is_known_as_well() -> None:
    value = make_value()
    credman.add("fresh", value, check=False)
    told: list[Mapping[str, str]] = []
    handed.listen(told.append)
    handed.stop(told.append)
    assert value in told[0].values()


def test_names_of_a_variable_or_a_provider_can_be_checked() -> None:
    credman.add("hf", TOKEN, env="prod", check=False)
    for name in ("hf", "HF_TOKEN", "huggingface"):
        assert credman.check(name, env="prod").name == "hf"
        assert credman.get(name, env="prod", check=True) == TOKEN
        assert credman.load(name, env="prod", check=True) == {"HF_TOKEN": "store: hf (prod)"}
    assert credman.load(env="prod", check=True) == {"HF_TOKEN": "store: hf (prod)"}
    with pytest.raises(credman.NotFound):
        credman.check("OPENAI_API_KEY")


def test_a_file_is_left_out_of_an_environment_and_said() -> None:
    key = b'{"type": "service_account", "project_id": "x"}'
    command("add", "gcp", "--no-check", stdin=key)
    credman.add("hf", TOKEN, check=False)
    with pytest.warns(credman.CredmanWarning, match="gcp is a file, and is left out"):
        assert credman.load(env="default") == {"HF_TOKEN": "store: hf (default)"}
    with pytest.warns(match="gcp is a file"), credman.env():
        assert os.environ["HF_TOKEN"] == TOKEN
    with credman.env(only=["hf"]):
        assert os.environ["HF_TOKEN"] == TOKEN
    with pytest.raises(Refused, match="is a file") as caught, credman.env(only=["gcp"]):
        pass
    assert "--only" not in caught.value.hint


def test_one_that_has_expired_stops_all_but_what_is_named() -> None:
    command("add", "openai", "--no-check", "--expires", "2020-01-01", stdin=STRANGE.encode())
    credman.add("hf", TOKEN, check=False)
    with pytest.raises(Refused, match="openai expired"):
        credman.load(env="default")
    with credman.env(only=["HF_TOKEN"]):
        assert os.environ["HF_TOKEN"] == TOKEN
    found = credman.which("openai")
    assert found.source == "store: openai (default)" and found.refused.startswith("expired")


def test_a_part_of_another_token_is_never_left_beside_it() -> None:
    add_aws()
    os.environ["AWS_SESSION_TOKEN"] = "stale"
    with pytest.raises(Refused, match="AWS_SESSION_TOKEN is set"):
        credman.load("aws")
    with credman.env():
        assert "AWS_SESSION_TOKEN" not in os.environ
        assert os.environ["AWS_ACCESS_KEY_ID"] == "A" * 20
    assert os.environ["AWS_SESSION_TOKEN"] == "stale"
    credman.load("aws", override=True)
    assert "AWS_SESSION_TOKEN" not in os.environ
    os.environ["AWS_SESSION_TOKEN"] = ""


def test_what_is_set_is_never_taken_for_another_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "B" * 20)
    with pytest.raises(credman.NotFound, match="AWS_SECRET_ACCESS_KEY not set"):
        credman.get("aws")
    add_aws()
    assert credman.get("aws") == "s" * 40


def test_of_several_secrets_none_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_CONFIG_TOKEN", STRANGE)
    monkeypatch.setenv("SLACK_CONFIG_REFRESH_TOKEN", OTHER)
    with pytest.raises(UsageError, match="several secret fields") as caught:
        credman.get("slack-config")
    assert "field='SLACK_CONFIG_TOKEN' or 'SLACK_CONFIG_REFRESH_TOKEN'" in caught.value.hint
    assert credman.get("slack-config", field="SLACK_CONFIG_REFRESH_TOKEN") == OTHER
    assert len(credman.load("slack-config")) == 2


def test_layers_put_back_what_each_of_them_found() -> None:
    credman.add("hf", TOKEN, env="prod", check=False)
    os.environ["HF_TOKEN"] = "before"
    with credman.env("prod"):
        os.environ["HF_TOKEN"] = "between"
        with credman.env("prod"):
            assert os.environ["HF_TOKEN"] == TOKEN
        assert os.environ["HF_TOKEN"] == "between"
    assert os.environ["HF_TOKEN"] == "before"
    first, second = credman.env("prod"), credman.env("prod")
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)  # as threads may
    assert os.environ["HF_TOKEN"] == TOKEN
    second.__exit__(None, None, None)
    assert os.environ["HF_TOKEN"] == "before"


def test_a_command_runs_in_the_environment_of_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "make.sh"
    script.write_text('#!/bin/sh\necho "value-of-$WHICH_ACCOUNT-$$"\n')
    script.chmod(0o700)
    monkeypatch.setenv("WHICH_ACCOUNT", "first")
    command(
        "add", "tmp", "--var", "TMP_TOKEN", "--no-check", "--command", str(script), "--ttl", "1s"
    )
    credman.list()  # the store is open
    monkeypatch.setenv("WHICH_ACCOUNT", "second")
    time.sleep(1.1)
    assert credman.get("tmp").startswith("value-of-second-")


def test_names_that_are_none_are_told_everywhere() -> None:
    calls: list[Callable[[], object]] = [
        lambda: credman.list(env=0),  # type: ignore[arg-type]
        lambda: credman.load(env=0),  # type: ignore[arg-type]
        lambda: credman.env(0).__enter__(),  # type: ignore[arg-type]
        lambda: credman.list(profile=TOKEN),
    ]
    for call in calls:
        with pytest.raises(UsageError) as caught:
            call()
        assert TOKEN not in str(caught.value)


def test_variables_may_have_small_letters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("Mixed_tok", TOKEN)
    assert credman.get("Mixed_tok") == TOKEN
    assert credman.load("Mixed_tok") == {"Mixed_tok": "environment"}


def test_hints_name_arguments_of_python() -> None:
    credman.add("hf", TOKEN, check=False)
    with pytest.raises(NameTaken) as taken:
        credman.add("hf", OTHER, check=False)
    assert "replace=True" in taken.value.hint and "--" not in taken.value.hint
    with pytest.raises(NameTaken) as also:
        credman.add("mine", OTHER, variable="HF_TOKEN", check=False)
    assert "variable=" in also.value.hint and "--" not in also.value.hint
    with pytest.raises(credman.NotFound) as caught:
        credman.get("A" * 100)
    assert "credman add NAME --var" in caught.value.hint


@contextmanager
def program(tmp_path: Path, source: str, **environ: str) -> Iterator[Person]:
    """Somebody at a terminal where a program runs."""
    script = tmp_path / "train.py"
    script.write_text(f"import os\nimport credman\n{source}\n")
    line = f"{shlex.quote(sys.executable)} {shlex.quote(str(script))}"
    with person(shell=f"exec {line}", environ=environ) as somebody:
        yield somebody


def test_what_was_mistyped_can_be_typed_again(tmp_path: Path) -> None:
    source = (
        "credman.load('HF_TOKEN')\ndel os.environ['HF_TOKEN']\ncredman.load('HF_TOKEN')\n"
        "credman.load('HF_TOKEN', override=True)\nprint(credman.get('hf') == 'third value')"
    )
    with program(tmp_path, source) as somebody:
        for value in ("first value", "second value", "  third value "):
            somebody.answers("HF_TOKEN (hidden): ", value)
            somebody.sees("keep it in credman? [y/N] ")
            somebody.types("n\r")
        somebody.sees("True")
        assert somebody.leaves() == 0


def test_a_token_of_several_parts_is_typed_and_kept(tmp_path: Path) -> None:
    source = (
        "print(credman.load('argilla'))\nprint(credman.list()[0].variables)\n"
        "credman.remove('argilla')\nprint(credman.which('argilla').source)\n"
        "del os.environ['ARGILLA_API_KEY']\nprint(credman.get('argilla', default='gone'))"
    )
    with program(tmp_path, source) as somebody:
        somebody.sees("ARGILLA_API_URL: ")
        somebody.types("https://argilla.example.org\r")
        somebody.sees("https://argilla.example.org")  # no secret
        somebody.answers("ARGILLA_API_KEY (hidden): ", STRANGE)
        somebody.sees("keep it in credman? [y/N] ")
        somebody.types("y\r")
        somebody.sees("'ARGILLA_API_KEY': 'typed'")
        somebody.sees("('ARGILLA_API_URL', 'ARGILLA_API_KEY')")
        somebody.sees("typed")
        somebody.sees("gone")
        assert somebody.leaves() == 0
        assert STRANGE not in somebody.screen


def test_after_the_first_token_nobody_is_asked_for_the_passphrase_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CREDMAN_PASSPHRASE")
    source = "credman.add('hf', check=False)\nprint(len(credman.get('hf')), credman.list()[0].name)"
    with program(tmp_path, source) as somebody:
        somebody.answers("new passphrase: ", PASSPHRASE)
        somebody.answers("again: ", PASSPHRASE)
        somebody.answers("token (hidden): ", TOKEN)
        somebody.sees(f"{len(TOKEN)} hf")
        assert somebody.leaves() == 0


def test_a_passphrase_is_typed_once_for_all_environments(tmp_path: Path) -> None:
    command("add", "hf", "-e", "prod", "--no-check", stdin=TOKEN.encode())
    command("add", "openai", "--no-check", "--expires", "2020-01-01", stdin=STRANGE.encode())
    source = (
        "del os.environ['CREDMAN_PASSPHRASE']\n"
        "try:\n    credman.get('openai')\nexcept credman.Refused:\n    print('expired')\n"
        "os.chdir('/')\nos.environ['COLUMNS'] = '50'\n"
        "print(len(credman.get('hf', env='prod')), len(credman.list()))\n"
        "with credman.env('prod', only=['hf']):\n    print('here')"
    )
    with program(tmp_path, source) as somebody:
        somebody.answers("passphrase", PASSPHRASE)
        somebody.sees("expired")
        somebody.sees(f"{len(TOKEN)} 1")
        somebody.sees("here")
        assert somebody.leaves() == 0
        assert somebody.screen.count("passphrase") == 1
