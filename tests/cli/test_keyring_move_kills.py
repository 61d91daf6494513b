"""Moving tokens into the keyring and out of it, and dying at any call to it: nothing is lost, and
it can be done again. A real gnome-keyring; some of the calls here, each by ``make test-deep``."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.desk import Desk, desk
from tests.cli.harness import PASSPHRASE, make_value
from tests.cli.keyed import vault
from tests.stores.crashes import DIED
from tests.stores.test_keyring_kills import run_dying

pytestmark = pytest.mark.usefixtures("copied_workers")
KEYRING = ("--store", "keyring:")
DEEP = pytest.mark.deep


def find(here: Desk, *store: str) -> dict[str, str]:
    """Returns: the values in a store, by name; nothing where there is no store."""
    listed = here.credman("list", *store)
    if listed.exit_code == 3:
        return {}
    assert listed.exit_code == 0, listed.stderr
    names = [name for name in ("one", "two") if f" {name} " in listed.text]
    return {name: here.run("get", name, *store).text for name in names}


@pytest.mark.parametrize(
    ("target", "step"),
    [
        pytest.param("keyring:", 9, id="into"),
        pytest.param("file:", 8, id="out"),
        pytest.param("keyring:", 1, id="into-each", marks=DEEP),
        pytest.param("file:", 1, id="out-each", marks=DEEP),
    ],
)
def test_a_move_that_dies_at_any_call_loses_nothing_and_can_be_done_again(
    target: str, step: int, tmp_path: Path
) -> None:
    codes = set()
    with desk(tmp_path) as here:
        here.passphrase = PASSPHRASE
        here.run("init")
        file, ring = ("--store", f"file:{vault()}"), KEYRING
        source = file if target == "keyring:" else ring
        wanted = ring if target == "keyring:" else file
        url = "keyring:" if target == "keyring:" else f"file:{vault()}"
        both = {"one": make_value(), "two": make_value()}
        for at in range(1, 200, step):
            for name in both:
                here.run("add", name, "--no-check", *source)
            move = ("store", "move", url, "--yes", *source)
            code = run_dying(here.bus, lambda: here.run(*move), at=at, is_sent=True)  # noqa: B023
            codes.add(code)
            found = {**find(here, *source), **find(here, *wanted)}
            assert found == both, at
            again = here.credman(*move)
            assert again.exit_code == 0, again.stderr
            assert find(here, *wanted) == both and find(here, *source) == {}
            for name in both:
                here.run("remove", name, "--yes", *wanted)
            if code == 0:
                break
    assert codes == {0, DIED}
