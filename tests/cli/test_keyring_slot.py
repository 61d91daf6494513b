"""The vault's key lies in the login keyring: nobody types anything. A real gnome-keyring, on a bus
of the test's own; and what is said where the keyring stops working."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from credman.core.keyslots import KEYRING_SERVICE
from credman.oskeyring import client
from credman.oskeyring.backends import SECRET_SERVICE
from credman.oskeyring.choice import load_choice, state_file
from credman.stores.base import Creation, open_store
from credman.stores.file import FileStore
from credman.stores.location import lock_of
from credman.vault.container import parse_vault
from credman.vault.slots import KEYRING
from tests.cli.desk import Desk, desk, kinds
from tests.cli.harness import PASSPHRASE, make_value
from tests.cli.keyed import vault
from tests.oskeyring.bus import Bus
from tests.stores import places

pytestmark = pytest.mark.usefixtures("copied_workers")
TITLE = "the login keyring (Secret Service)"
LOCKED = "the keyring is locked, and nothing here can ask for its password"


def configure(text: str) -> None:
    path = Path(os.environ["CREDMAN_HOME"], "config", "config.toml")
    path.parent.mkdir(mode=0o700, parents=True)
    path.write_text(text)


def test_a_first_run_asks_nothing(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        made = here.program("init")
        assert made.returncode == 0 and made.stdout == b""
        assert made.stderr.decode().splitlines() == [
            f"vault made at {vault()}, opened by {TITLE}",
            "it has no recovery key, since nobody is here to keep it:",
            "without the keyring its tokens are lost",
        ]
        assert kinds() == [KEYRING]
        (user,) = here.bus.users(KEYRING_SERVICE)
        assert user == f"{parse_vault(vault().read_bytes()).slots[0].vault_id}#0"
        assert here.bus.users("credman probe") == set()
        value = make_value().encode()
        assert here.program("add", "hf", "--no-check", stdin=value).returncode == 0
        got = here.program("get", "hf")
        assert (got.returncode, got.stdout, got.stderr) == (0, value, b"")
        env = here.program("env")
        assert env.stdout == b"export HF_TOKEN='%s';\n" % value and env.returncode == 0
        assert here.bus.workers() == set()
    choice = Path(state_file(str(Path(os.environ["CREDMAN_HOME"], "state"))))
    assert load_choice(str(choice)) == SECRET_SERVICE
    assert stat.S_IMODE(choice.stat().st_mode) == 0o600


def test_a_first_token_makes_the_vault_and_shows_the_recovery_key(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        made = here.credman("add", "hf", "--no-check", answers=[make_value()])
        assert made.exit_code == 0
        assert made.stderr.splitlines()[0] == f"vault made at {vault()}, opened by {TITLE}"
        assert "recovery key, shown once" in made.shown[0] and len(made.shown) == 2
        got = here.credman("get", "hf", answers=[])
        assert (got.exit_code, got.text, got.shown) == (0, make_value(), [])


def test_each_vault_has_its_own_item(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with desk(tmp_path) as here:
        for name in ("one", "two"):
            monkeypatch.setenv("CREDMAN_HOME", str(tmp_path / name))
            here.run("add", "hf", "--no-check")
        assert len(here.bus.users(KEYRING_SERVICE)) == 2
        for name in ("one", "two"):
            monkeypatch.setenv("CREDMAN_HOME", str(tmp_path / name))
            assert here.run("get", "hf").text == make_value()


def test_fifty_tokens_are_one_question_to_the_keyring(tmp_path: Path) -> None:
    class Ringing(places.Answers):
        def keyring(self, *, opening: bool = False) -> client.OsKeyring:
            return here.bus.ring()

    with desk(tmp_path) as here:
        surroundings = places.make_surroundings(Path(os.environ["CREDMAN_HOME"]))
        store = open_store(f"file:{vault()}", replace(surroundings, unlocker=Ringing(())))
        assert isinstance(store, FileStore)
        store.create(Creation(None))
        for number in range(50):
            places.add(store, f"token{number}")
        with here.bus.watch() as called:
            env = here.credman("env")
        assert env.exit_code == 0 and len(env.text.splitlines()) == 50
    assert called.count("GetSecret") == 1 and "GetSecrets" not in called
    assert "CreateItem" not in called


@pytest.mark.parametrize("options", [("--no-keyring",), ()])
def test_who_wants_none_is_asked_for_a_passphrase(options: tuple[str, ...], tmp_path: Path) -> None:
    if not options:
        configure('keyring = "off"\n')
    with desk(tmp_path) as here:
        with here.bus.watch() as called:
            made = here.credman("init", *options, answers=[PASSPHRASE, PASSPHRASE])
            assert made.exit_code == 0 and made.stderr.splitlines() == [
                "a passphrase will open the vault",
                f"vault made at {vault()}, opened by a passphrase",
            ]
        assert "CreateItem" not in called and "OpenSession" not in called
        assert KEYRING not in kinds() and here.items() == set()


def test_a_passphrase_that_is_given_is_the_one_to_use(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        with here.bus.watch() as called:
            assert here.program("init", passphrase=PASSPHRASE).returncode == 0
            assert here.program("list", passphrase=PASSPHRASE).returncode == 0
        assert "OpenSession" not in called and KEYRING not in kinds()
        done = here.program("list", passphrase="another horse")
        assert done.returncode == 4 and b"keyring" not in done.stderr


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ("keyring.backends.null.Keyring", "it discards silently what it is given"),
        ("keyring.backends.chainer.ChainerBackend", "it hands values to whichever backend"),
        ("keyrings.alt.file.PlaintextKeyring", "it keeps values in files, some of them in clear"),
        ("Secret Service", "it is not known"),
    ],
)
def test_a_keyring_that_keeps_nothing_safe_is_refused(backend: str, reason: str) -> None:
    configure(f'keyring = "{backend}"\n')
    here = Desk(Bus({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/nowhere"}))
    made = here.credman("init", answers=[])
    assert made.exit_code == 7 and made.shown == []
    assert f"this keyring backend is not used: {reason}" in made.stderr
    assert f"hint: one of {SECRET_SERVICE}" in made.stderr
    assert not vault().exists()


def test_the_configured_keyring_is_used(tmp_path: Path) -> None:
    configure(f'keyring = "{SECRET_SERVICE}"\n')
    with desk(tmp_path) as here:
        here.run("add", "hf", "--no-check")
        assert here.items() == {"0"} and kinds() == [KEYRING]


@pytest.mark.parametrize("keyring", ["absent", "never"])
def test_without_a_keyring_it_is_said_and_a_passphrase_is_asked_for(
    keyring: str, tmp_path: Path
) -> None:
    with desk(tmp_path, keyring=keyring) as here:
        made = here.credman("init", answers=[PASSPHRASE, PASSPHRASE])
        assert made.exit_code == 0 and made.shown[:2] == ["new passphrase: ", "again: "]
        first, *rest = made.stderr.splitlines()
        assert first.startswith("no usable keyring here") and KEYRING not in kinds()
        assert rest[0] == "a passphrase will open the vault"
        os.unlink(vault())
        Path(os.environ["CREDMAN_HOME"], "state").rename(tmp_path / "aside")
        alone = here.program("init")
        assert alone.returncode == 4 and b"a new vault needs a passphrase" in alone.stderr
    assert not vault().exists()


def test_a_locked_keyring_is_named_as_that(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        here.bus.lock()
        made = here.credman("init", answers=[PASSPHRASE, PASSPHRASE])
    assert made.exit_code == 0
    assert made.stderr.splitlines()[0] == f"no usable keyring here: {LOCKED}"


def test_no_item_stays_where_no_vault_was_made(tmp_path: Path) -> None:
    with desk(tmp_path) as here:
        vault().parent.mkdir(mode=0o700, parents=True)
        Path(lock_of(str(vault()))).mkdir()
        with here.bus.watch() as called:
            made = here.credman("init")
        assert made.exit_code == 6 and "CreateItem" in called, made.stderr
        assert here.items() == set() and not vault().exists()
