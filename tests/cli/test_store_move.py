"""``store move``: copied, read back, compared, and only then removed; killed, it goes on."""

from __future__ import annotations

import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest

from credman.core.model import Address
from credman.core.secret import Secret
from credman.stores import base
from credman.stores.base import open_store
from credman.stores.memory import MemoryStore
from tests.cli.harness import (
    PASSPHRASE,
    Outcome,
    credman,
    make_vault,
)
from tests.cli.keyed import make_keyed_vault, run, vault
from tests.cli.person import person
from tests.stores.places import make_surroundings

OTHER = "another battery on the stick"
NEITHER = "nothing was removed: they are in both stores now"


def team() -> Path:
    return Path.home() / "team.age"


def team_url() -> str:
    return f"file:{team()}"


def usual_url() -> str:
    return f"file:{vault()}"


def config() -> Path:
    return Path(os.environ["CREDMAN_HOME"], "config", "config.toml")


def move(*argv: str, **options: Any) -> Outcome:
    return credman("store", "move", *argv, **options)


def names(url: str, passphrase: str = PASSPHRASE) -> dict[str, str]:
    """Returns: the values of all tokens of a store, by name."""
    surroundings = make_surroundings(
        Path(os.environ["CREDMAN_HOME"]), Secret(passphrase), environ=os.environ
    )
    store = open_store(url, surroundings)
    if not store.exists():
        return {}
    tokens = {token.key.name: token for token in store.snapshot().tokens}
    addresses = {
        name: Address(token.key, token.current.number, token.current.fields[0])
        for name, token in tokens.items()
    }
    values = store.reveal(addresses.values())
    return {name: str(values[address]) for name, address in addresses.items()}


def make_some(*more: str) -> dict[str, str]:
    """A vault with ``hf`` and these. Returns: what it holds."""
    make_vault()
    for name in more:
        run("add", name, stdin=f"EXAMPLE {name}".encode())
    return names(usual_url())


def test_everything_is_in_the_other_store_which_is_used_from_now_on() -> None:
    held = make_some("mine")
    outcome = move("file:~/team.age", "--yes")
    assert outcome.exit_code == 0 and outcome.stdout == b""
    assert names(team_url()) == held and names(usual_url()) == {}
    assert names(f"{usual_url()}.bak") == {}
    assert tomllib.loads(config().read_text()) == {"store": team_url()}
    assert outcome.stderr.splitlines()[-3:] == [
        f"2 tokens copied to {team_url()}, and read back",
        f"copies of {usual_url()} that were made before still hold them",
        f"moved; credman uses {team_url()} from now on",
    ]
    assert run("list", cwd=Path("/")).text.count("\n  ") >= 2


def test_back_in_its_usual_place_nothing_need_be_configured() -> None:
    held = make_some()
    config().parent.mkdir(exist_ok=True)
    config().write_text(f'# mine\nenvironment = "dev"\nstore = "{team_url()}"  # there\n')
    run("init", "--store", "file:~/team.age")
    run("add", "theirs", stdin=b"EXAMPLE")
    assert move(usual_url(), "--yes").exit_code == 0
    assert config().read_text() == '# mine\nenvironment = "dev"\n'
    assert names(usual_url()) == {**held, "theirs": "EXAMPLE"}


@pytest.mark.parametrize("chosen", ["option", "variable"])
def test_a_store_that_was_chosen_leaves_the_configuration_alone(chosen: str) -> None:
    run("add", "theirs", "--store", team_url(), stdin=b"EXAMPLE")
    third = f"file:{Path.home() / 'third.age'}"
    given: dict[str, Any] = {} if chosen == "option" else {"environ": {"CREDMAN_STORE": team_url()}}
    option = ("--store", team_url()) if chosen == "option" else ()
    outcome = move(third, "--yes", *option, **given)
    assert outcome.exit_code == 0 and not config().exists()
    last = outcome.stderr.splitlines()[-1]
    if chosen == "option":
        assert last == f"moved; the configuration is as it was: --store {third}"
    else:
        assert last == f"moved; CREDMAN_STORE still names {team_url()} in this shell"
    assert names(third) == {"theirs": "EXAMPLE"}


def test_what_the_usual_store_gets_from_a_chosen_one_is_used_already() -> None:
    held = make_some()
    run("add", "theirs", "--store", team_url(), stdin=b"EXAMPLE")
    outcome = move(usual_url(), "--yes", "--store", team_url())
    assert outcome.stderr.endswith(f"moved; credman uses {usual_url()}\n")
    assert names(usual_url()) == {**held, "theirs": "EXAMPLE"} and not config().exists()


def test_a_relative_path_means_the_same_from_everywhere(tmp_path: Path) -> None:
    make_some()
    assert move("file:team.age", "--yes", cwd=tmp_path).exit_code == 0
    assert tomllib.loads(config().read_text()) == {"store": f"file:{tmp_path / 'team.age'}"}


def test_the_target_may_hold_more_and_some_of_the_same() -> None:
    held = make_some()
    shutil.copy(vault(), team())
    run("add", "theirs", "--store", team_url(), stdin=b"EXAMPLE")
    run("add", "mine", stdin=b"EXAMPLE mine")
    outcome = move(team_url(), answers=[PASSPHRASE, PASSPHRASE, "y"], passphrase=None)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.shown == [
        "passphrase: ", f"passphrase of {team_url()}: ", f"remove them from {usual_url()}? [y/N] ",
    ]  # fmt: skip
    assert f"  to     {team_url()}: 2 tokens, 1 of them is the same\n" in outcome.stderr
    assert f"1 token copied to {team_url()}, and read back\n" in outcome.stderr
    assert names(team_url()) == {**held, "theirs": "EXAMPLE", "mine": "EXAMPLE mine"}


def test_what_stands_in_the_way_is_named_and_nothing_changes() -> None:
    make_some("mine", "free")
    run("add", "mine", "--store", team_url(), stdin=b"EXAMPLE another")
    run("add", "hf", "--store", team_url(), stdin=b"hf_another")
    before = vault().read_bytes(), team().read_bytes()
    outcome = move(team_url(), "--yes")
    assert outcome.exit_code == 7
    assert "differs: hf (default), mine (default)\n" in outcome.stderr
    assert "free" not in outcome.stderr and "another" not in outcome.stderr
    assert (vault().read_bytes(), team().read_bytes()) == before and not config().exists()


@pytest.mark.parametrize(
    ("url", "code", "words"),
    [
        ("file:{vault}", 7, "the tokens are in file:{vault} already"),
        ("file:~/link.age", 7, "the tokens are in file:{vault} already"),
        ("file:~/hard.age", 7, "the tokens are in file:{home}/hard.age already"),
        ("file:{vault}.bak", 7, "is the copy that file:{vault} keeps of itself"),
        ("file:~/folder", 5, "is not a regular file"),
        ("file:~/text", 5, "credman: error: "),
        ("file:~/no\udcff.age", 2, "its path is not UTF-8"),
        ("file:", 2, "needs the path of a file"),
        ("team.age", 2, "this is not the URL of a store"),
        ("nosuch:x", 2, "there is no store of the kind nosuch:"),
        ("file://u:secret@host/x", 2, "holds no user and no password"),
    ],
)
def test_what_is_no_target_changes_nothing(url: str, code: int, words: str) -> None:
    make_some("mine")
    home = Path.home()
    (home / "link.age").symlink_to(vault())
    os.link(vault(), home / "hard.age")
    (home / "folder").mkdir()
    (home / "text").write_text("notes\n")
    before, listed = vault().read_bytes(), sorted(os.listdir(home))
    outcome = move(url.replace("{vault}", str(vault())), "--yes")
    expected = words.replace("{vault}", str(vault())).replace("{home}", str(home))
    assert outcome.exit_code == code and expected in outcome.stderr, outcome.stderr
    assert "secret" not in outcome.stderr
    assert vault().read_bytes() == before and not config().exists()
    assert [name for name in sorted(os.listdir(home)) if not name.endswith(".lock")] == listed


def test_without_anything_stored_there_is_nothing_to_move() -> None:
    outcome = move(team_url(), "--yes")
    assert outcome.exit_code == 3 and not team().exists()


def test_an_empty_store_is_moved_as_well() -> None:
    run("init")
    outcome = move(team_url())
    assert outcome.exit_code == 0, outcome.stderr
    assert "nothing is left to move\n" in outcome.stderr
    assert tomllib.loads(config().read_text()) == {"store": team_url()}


def test_with_nobody_there_all_is_copied_and_nothing_removed() -> None:
    held = make_some("mine")
    outcome = move(team_url())
    assert outcome.exit_code == 2
    assert outcome.stderr.endswith(
        f"{NEITHER}\n"
        f"credman: error: this needs a yes: remove them from {usual_url()}?\n"
        "credman: hint: --yes gives it\n"
    )
    assert names(team_url()) == names(usual_url()) == held and not config().exists()
    assert move(team_url(), "--yes").exit_code == 0
    assert names(team_url()) == held and names(usual_url()) == {}


@pytest.mark.parametrize(("answers", "code"), [(["n"], 7), ([""], 7), ([], 130)])
def test_a_no_or_ctrl_c_leaves_them_in_both(answers: list[str], code: int) -> None:
    held = make_some()
    outcome = move(team_url(), answers=answers)
    outcome = move(team_url(), answers=answers) if outcome.exit_code != code else outcome
    assert outcome.exit_code == code and f"credman: error: {NEITHER}\n" in outcome.stderr
    assert names(team_url()) == names(usual_url()) == held and not config().exists()


def test_ctrl_c_on_a_real_terminal() -> None:
    held = make_some()
    run("init", "--store", team_url())
    with person("store", "move", team_url(), environ={"CREDMAN_PASSPHRASE": PASSPHRASE}) as who:
        who.sees("[y/N] ")
        who.types("\x03")
        assert who.leaves() == 130
    assert NEITHER in " ".join(who.screen.split())
    assert names(team_url()) == names(usual_url()) == held


def test_one_passphrase_for_two_stores_names_the_one_that_it_does_not_open() -> None:
    make_some()
    run("init", "--store", team_url(), passphrase=OTHER)
    for given, who in ((PASSPHRASE, team_url()), (OTHER, "the vault")):
        outcome = move(team_url(), "--yes", passphrase=given)
        assert outcome.exit_code == 4
        assert f"the passphrase from CREDMAN_PASSPHRASE does not open {who}\n" in outcome.stderr
        assert ("hint: without it, on a terminal, " in outcome.stderr) == (who == team_url())
    outcome = move(team_url(), answers=[PASSPHRASE, "wrong", OTHER, "y"], passphrase=None)
    assert outcome.exit_code == 0, outcome.stderr
    asked = f"passphrase of {team_url()}: "
    assert outcome.shown[:-1] == ["passphrase: ", asked, asked]
    assert names(team_url(), OTHER).keys() == {"hf"}


def test_a_new_store_has_a_passphrase_and_a_recovery_key_of_its_own() -> None:
    make_some()
    answers = [PASSPHRASE, OTHER, OTHER, "y"]
    outcome = move(team_url(), answers=answers, passphrase=None)
    assert outcome.exit_code == 0, outcome.stderr
    assert outcome.shown[:3] == ["passphrase: ", "new passphrase: ", "again: "]
    (recovery,) = (word for word in outcome.shown[3].split() if word.startswith("AGE-"))
    run("list", answers=[recovery], passphrase=None)
    assert names(team_url(), OTHER).keys() == {"hf"}


def test_a_vault_that_only_a_recovery_key_opens_is_not_emptied() -> None:
    recovery = make_keyed_vault()
    before = vault().read_bytes()
    outcome = move(team_url(), "--yes", answers=[recovery], passphrase=None)
    assert outcome.exit_code == 7 and "it can only be read" in outcome.stderr
    assert vault().read_bytes() == before and names(team_url()) == {}


def test_a_store_of_a_plug_in(monkeypatch: pytest.MonkeyPatch) -> None:
    held = make_some("mine")
    place = MemoryStore()
    monkeypatch.setitem(base.SCHEMES, "example", f"{__name__}:open_example")
    monkeypatch.setitem(globals(), "open_example", lambda rest, surroundings: place)
    outcome = move("example:here", "--yes")
    assert outcome.exit_code == 0, outcome.stderr
    assert tomllib.loads(config().read_text()) == {"store": "example:here"}
    assert {token.key.name for token in place.snapshot().tokens} == held.keys()
    assert move("example:here", "--yes").exit_code == 7  # that is where they are
    assert move("example:other", "--yes", "--store", usual_url()).exit_code == 0
    outcome = move(usual_url(), "--yes")
    assert outcome.exit_code == 0 and "copies of" not in outcome.stderr
    assert names(usual_url()) == held and place.snapshot().tokens == ()
