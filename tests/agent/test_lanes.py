"""Both lanes give the same: what the agent answers, and what a command does by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from credman.agent import client
from credman.cli import ALIASES, COMPLETE
from credman.cli.parsing import load_parser
from credman.core import wire
from tests.agent import standings, surroundings
from tests.agent.lanes import World, world
from tests.agent.lines import COMPLETE as COMPLETING
from tests.agent.lines import ENV, EXEC, GET, LIST, NO_STORE, SHELL_CHOICES, SHOW, Line
from tests.requirements import require_program

LINES = [
    *(*ENV, *GET, *SHOW, *LIST, *EXEC, *NO_STORE, *COMPLETING),
    *(*surroundings.LINES, *standings.LINES),
]
HOT = sorted(client.COMMANDS - {COMPLETE})


@pytest.fixture(scope="module")
def _shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("lanes")) as found:
        yield found


@pytest.fixture
def here(_shared: World) -> World:
    _shared.make()  # in a test: there its KDF is cheap
    return _shared


@pytest.mark.parametrize("line", LINES, ids=str)
def test_both_lanes_give_the_same(line: Line, here: World) -> None:
    for program in line.through[:1]:
        require_program(program)
    warm, word = here.warm(line)
    assert warm == here.cold(line)
    # By the agent alone, or by nothing of its: and neither lane fails for some other reason.
    assert (warm.code, word) == (line.code, line.answer)


@pytest.mark.parametrize("name", HOT)
def test_every_option_of_a_hot_command_has_a_line(name: str) -> None:
    full = ALIASES.get(name, name)
    names = {full, *(alias for alias, of in ALIASES.items() if of == full)}
    words = {word.partition("=")[0] for x in LINES if x.argv[0] in names for word in x.argv[1:]}
    parser = load_parser(full)
    options = [opt for p in parser.params for opt in p.opts if opt.startswith("-")]
    assert set(options) <= words
    assert any(x.argv[0] == name and x.code == 0 for x in LINES)
    if name == "env":
        (shell,) = (p for p in parser.params if "--shell" in p.opts)
        assert set(shell.metavar.split("|")) == set(SHELL_CHOICES)


DECLINED = {
    *("--help", "-h", "--passphrase-fd", "--clip"),  # it needs something of the caller's
    *("file:other.age", "file:damaged.age", "ROOT/somebody"),  # a vault that is not held
    *("nonsense:x", "no url"),  # it may be of a plug-in, which does not run where vaults are open
    "ROOT/no-agent",  # a configuration without one
    *standings.DUE,  # a command of the caller's is to be run
}


def test_nothing_else_is_declined() -> None:
    found = set()
    for line in LINES:
        words = {w for word in line.argv for w in (word, word.partition("=")[0])}
        reasons = DECLINED & {*words, *line.environ.values()}
        assert reasons or line.answer != wire.DECLINED, line
        found |= reasons if line.answer == wire.DECLINED else set()
    assert found == DECLINED
