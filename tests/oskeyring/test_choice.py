"""Which keyring is chosen, and that nothing but the configuration can choose another."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from credman.core.errors import Refused
from credman.core.secret import Secret
from credman.oskeyring.backends import ALLOWED, SECRET_SERVICE, candidates
from credman.oskeyring.choice import (
    choose_backend,
    is_out_of_reach,
    load_choice,
    probe,
    render_choice,
    state_file,
)
from credman.oskeyring.client import KeyringUnavailable, Situation
from tests.oskeyring.bus import Bus, bus

NULL = "keyring.backends.null.Keyring"


@pytest.mark.parametrize("backend", ALLOWED)
def test_a_choice_is_remembered(backend: str, tmp_path: Path) -> None:
    path = Path(state_file(str(tmp_path)))
    path.write_bytes(render_choice(backend))
    assert path.parent == tmp_path and load_choice(str(path)) == backend
    assert choose_backend(None, backend) == (backend,)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"{}",
        b"\xff",
        b'{"backend": 1}',
        b'{"backend": []}',
        b'{"backend": null}',
        json.dumps({"version": 1, "backend": NULL}).encode(),
        json.dumps({"version": 1, "backend": "keyrings.alt.file.PlaintextKeyring"}).encode(),
        b" " * 4096 + render_choice(SECRET_SERVICE),
    ],
)
def test_what_is_not_on_the_list_is_not_remembered(text: bytes, tmp_path: Path) -> None:
    path = tmp_path / "keyring.json"
    path.write_bytes(text)
    assert load_choice(str(path)) is None
    assert choose_backend(None, None) == candidates(sys.platform)


@pytest.mark.parametrize("name", ["missing", "."])
def test_without_a_file_nothing_is_remembered(name: str, tmp_path: Path) -> None:
    assert load_choice(str(tmp_path / name)) is None


def test_the_configuration_goes_before_what_is_remembered() -> None:
    other = candidates("darwin")[0]
    assert choose_backend(other, SECRET_SERVICE) == (other,)
    with pytest.raises(Refused, match="discards silently"):
        choose_backend(NULL, SECRET_SERVICE)


def test_without_a_session_bus_nothing_is_asked() -> None:
    assert is_out_of_reach({}, "linux")
    assert is_out_of_reach({"DBUS_SESSION_BUS_ADDRESS": ""}, "linux")
    assert not is_out_of_reach({"DBUS_SESSION_BUS_ADDRESS": "unix:path=/x"}, "linux")
    assert not is_out_of_reach({}, "darwin") and not is_out_of_reach({}, "win32")


def test_a_probe_leaves_nothing_behind(tmp_path: Path) -> None:
    with bus(tmp_path) as found, found.watch() as called:
        with found.ring() as ring:
            probe(ring)
        assert found.users("credman probe") == set()
    assert "CreateItem" in called and "Delete" in called


def redirect(folder: Path) -> dict[str, str]:
    """Everything that sends the keyring package elsewhere; a backend that tells of its loading."""
    (folder / "evil.py").write_text(
        "import pathlib\n"
        "from keyring.backends.null import Keyring as Null\n"
        f"pathlib.Path({str(folder / 'loaded')!r}).touch()\n"
        "class Keyring(Null):\n    priority = 99\n"
    )
    for place in (folder / ".config", folder / ".local" / "share", folder / "xdg"):
        configuration = place / "python_keyring" / "keyringrc.cfg"
        configuration.parent.mkdir(parents=True)
        configuration.write_text(
            f"[backend]\ndefault-keyring=evil.Keyring\nkeyring-path={folder}\n"
        )
    return {
        "PYTHON_KEYRING_BACKEND": "evil.Keyring",
        "PYTHONPATH": str(folder),
        "PYTHONSTARTUP": str(folder / "evil.py"),
        "XDG_CONFIG_HOME": str(folder / "xdg"),
        "XDG_DATA_HOME": str(folder / "xdg"),
        "KEYRING_PROPERTY_SCHEME": "KeePassXC",
        "KEYRING_PROPERTY_APPID": "evil",
        "KEYRING_PROPERTY_PREFERRED_COLLECTION": "/org/freedesktop/secrets/collection/session",
        "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere",
    }


def test_nothing_of_the_environment_redirects_it(tmp_path: Path) -> None:
    with bus(tmp_path) as found:
        redirected = {**found.environ, **redirect(tmp_path)}
        with Bus(redirected).ring() as ring:
            ring.set("credman vault key", "x#0", Secret("EXAMPLE"))
            (worker,) = found.workers()
            passed_on = Path(f"/proc/{worker}/environ").read_bytes()
        assert found.users("credman vault key") == {"x#0"}
        told = found.call("secret-tool", "lookup", "service", "credman vault key").stdout
        assert told == "EXAMPLE"
    assert not (tmp_path / "loaded").exists()
    assert b"KEYRING" not in passed_on and b"PYTHON" not in passed_on


def test_such_a_redirection_works_on_the_keyring_package_itself(tmp_path: Path) -> None:
    with bus(tmp_path) as found:
        code = f"import sys; sys.path[:0] = {sys.path!r}; import keyring; keyring.get_keyring()"
        environ = redirect(tmp_path)
        del environ["PYTHON_KEYRING_BACKEND"], environ["PYTHONPATH"]
        Bus({**found.environ, **environ}).call(sys.executable, "-c", code)
    assert (tmp_path / "loaded").exists()


def test_a_keyring_that_keeps_nothing_is_noticed(tmp_path: Path) -> None:
    with bus(tmp_path) as found:
        ring = found.ring()
        ring.backend = NULL  # as if it were on the list
        with ring, pytest.raises(KeyringUnavailable, match="to keep what it was given") as caught:
            probe(ring)
        assert caught.value.situation is Situation.FAILED
