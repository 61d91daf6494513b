"""``__complete``: names from the vault that an agent holds open, or from the cache. It unlocks
nothing, asks nobody, and says nothing if anything is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from credman.cli.completing import complete
from credman.cli.context import Output
from tests.cli.harness import credman, make_vault, program
from tests.cli.naming import (
    KINDS,
    Held,
    ask,
    cache,
    configure,
    lines,
    look,
    make_context,
    vault,
)
from tests.cli.person import person
from tests.cli.tabs import make_names

WRONG: list[list[str]] = [
    [], [""], ["values"], ["tokens", "x"], ["fields"], ["fields", "hf", "x"], ["tokens", "-e"],
    ["tokens", "-e", ""], ["tokens", "-e", "../x"], ["tokens", "-p", "no such"], ["tokens", "-x"],
    ["tokens", "--store", "?"], ["tokens", "--store", "file://u:p@h/x"], ["tokens", "\ud800"],
    ["fields", "\x1b[2J"], ["tokens", "-e", "nosuch"], ["tokens", "-p", "nosuch"], ["--help"],
]  # fmt: skip


class TestNames:
    @pytest.fixture(autouse=True)
    def _names(self) -> None:
        make_names()

    def test_tokens_that_count_with_what_they_set_and_where_they_come_from(self) -> None:
        assert lines("tokens") == ["hf\tHF_TOKEN", "multi\tA, B"]
        assert lines("tokens", "-e", "PROD") == [
            "hf-write\tHF_WRITE",
            "hf\tHF_TOKEN, from default",
            "multi\tA, B, from default",
        ]
        assert lines("tokens", "-e", "closed") == ["alone\tALONE"]
        assert lines("tokens", "-p", "work") == ["mine\tMINE"]
        assert lines("own", "-e", "prod") == ["hf-write\tHF_WRITE"]

    def test_environments_and_profiles(self) -> None:
        assert lines("environments") == [
            "closed\tisolated, 1 token", "default\t2 tokens", "dev\tno tokens", "prod\t1 token",
            "staging\tno tokens", "test\tno tokens",
        ]  # fmt: skip
        assert lines("environments", "-p", "work")[1] == "default\t1 token"
        assert lines("profiles") == ["default\t4 tokens", "work\t1 token"]

    def test_the_fields_of_a_token(self) -> None:
        assert lines("fields", "MULTI") == ["A\tpart of multi", "B\tpart of multi"]
        assert lines("fields", "hf-write") == []
        assert lines("fields", "hf-write", "-e", "prod") == ["HF_WRITE\tpart of hf-write"]

    def test_defaults_of_the_environment_and_the_configuration(self) -> None:
        chosen = {"CREDMAN_ENV": "prod"}
        assert lines("own", environ=chosen) == ["hf-write\tHF_WRITE"]
        assert lines("own", "-e", "default", environ=chosen)[0] == "hf\tHF_TOKEN"
        configure('environment = "prod"\n[environments.lab]\nisolated = true\n')
        assert lines("own") == ["hf-write\tHF_WRITE"]
        assert "lab\tisolated, no tokens" in lines("environments")

    def test_many_variables_are_cut_and_the_origin_is_not(self) -> None:
        fields = [part for n in range(20) for part in ("--field", f"VARIABLE_{n}")]
        value = "".join(f"VARIABLE_{n}=v\n" for n in range(20)).encode()
        assert credman("add", "wide", *fields, stdin=value).exit_code == 0
        (line,) = (line for line in lines("tokens", "-e", "prod") if line.startswith("wide"))
        assert len(line) <= len("wide\t") + 60 and line.endswith("..., from default")

    def test_the_store_that_is_meant(self, tmp_path: Path) -> None:
        store = ("--store", "file:other.age")
        assert credman("add", "there", *store, stdin=b"v", cwd=tmp_path).exit_code == 0
        there = ["there\tTHERE"]
        assert lines("tokens", "--store", f"file:{tmp_path}/other.age") == there
        assert lines("tokens", environ={"CREDMAN_STORE": f"file:{tmp_path}/other.age"}) == there
        configure(f'store = "file:{tmp_path}/other.age"\n')
        assert lines("tokens") == there
        assert lines("tokens", "--store", f"file:{vault()}")[0] == "hf\tHF_TOKEN"

    @pytest.mark.parametrize("arguments", WRONG, ids=repr)
    def test_whatever_is_wrong_nothing_is_said(self, arguments: list[str]) -> None:
        assert ask(*arguments).stdout == b""

    @pytest.mark.parametrize("arguments", KINDS, ids=repr)
    def test_a_configuration_that_is_not_understood(self, arguments: list[str]) -> None:
        configure("environment = ")
        assert ask(*arguments).stdout == b""

    @pytest.mark.parametrize("arguments", KINDS, ids=repr)
    def test_a_reader_that_has_gone_or_a_full_disk(self, arguments: list[str]) -> None:
        for error in (BrokenPipeError(), OSError(28, "full")):

            def write(data: bytes, error: OSError = error) -> None:
                raise error

            said = bytearray()
            context = make_context(Output(write), Output(said.extend))
            assert complete(arguments, context) == 0 and not said


@pytest.mark.parametrize("arguments", KINDS, ids=repr)
class TestNeverUnlocking:
    def test_a_person_at_a_terminal_sees_nothing(self, arguments: list[str]) -> None:
        make_vault()
        cache().unlink(missing_ok=True)
        with person("__complete", *arguments, shell='"$@" >out') as who:
            assert who.leaves() == 0
        assert who.screen == ""

    def test_with_a_passphrase_that_is_given_outright(self, arguments: list[str]) -> None:
        make_vault()
        cache().unlink(missing_ok=True)
        command = {"CREDMAN_PASSPHRASE_COMMAND": "touch asked; echo x"}
        known = credman("__complete", *arguments, environ=command, passphrase=None).stdout
        assert known == credman("__complete", *arguments).stdout
        assert not (Path.home() / "asked").exists()
        assert b"hf" not in known

    def test_the_vault_itself_is_not_even_looked_at(self, arguments: list[str]) -> None:
        make_names()
        known = ask(*arguments).stdout
        vault().write_bytes(b"damaged")
        assert ask(*arguments).stdout == known
        vault().unlink()
        assert ask(*arguments).stdout == known


def test_where_the_agent_runs_it_the_open_vault_counts_and_not_the_cache() -> None:
    make_names()
    keeper = Held()
    look(keeper)
    assert keeper.identities
    for content in (None, b"damaged", cache().read_bytes().replace(b"multi", b"older")):
        if content is None:
            cache().unlink()
        else:
            cache().write_bytes(content)
        out, err = bytearray(), bytearray()
        running = make_context(Output(out.extend), Output(err.extend), keeper=keeper)
        assert complete(["tokens", "-e", "prod"], running) == 0
        assert out.decode().splitlines() == [
            "hf-write\tHF_WRITE",
            "hf\tHF_TOKEN, from default",
            "multi\tA, B, from default",
        ]
        assert not err


def test_where_the_agent_holds_another_vault_the_cache_counts() -> None:
    make_names()
    out = bytearray()
    context = make_context(Output(out.extend), keeper=Held())
    assert complete(["own", "-e", "prod"], context) == 0
    assert out.decode() == "hf-write\tHF_WRITE\n"


@pytest.mark.parametrize("arguments", KINDS, ids=repr)
def test_it_loads_little(arguments: list[str]) -> None:
    make_names()
    done = program("__complete", *arguments, environ={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.returncode == 0 and b"credman.cli.namecache" in done.stderr
    for heavy in (b"typer", b"rich", b"cryptography", b"keyring", b"tomlkit", b"catalogue",
                  b"credman.session", b"credman.vault", b"subprocess"):  # fmt: skip
        assert heavy not in done.stderr, heavy
