"""The keyring's own window, on a display of the test's own: somebody answers it, or closes it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from credman.core.secret import Secret
from credman.oskeyring.client import KeyringUnavailable, OsKeyring, Situation
from tests.oskeyring.bus import MASTER, Bus, bus, display, wait_until
from tests.requirements import require_program


def ask(ring: OsKeyring) -> str | KeyringUnavailable:
    try:
        return str(ring.get("service", "user"))
    except KeyringUnavailable as error:
        return error


def see_window(found: Bus) -> None:
    """Waits until the window is there and takes what is typed."""
    search = ("xdotool", "search", "--onlyvisible", "--class", "gcr-prompter")
    wait_until(lambda: found.call(*search).stdout.strip() != "")


def press(found: Bus, *keys: str) -> None:
    done = found.call("xdotool", "key", "--delay", "30", *keys)
    assert done.returncode == 0, done.stderr


@pytest.mark.alone
@pytest.mark.parametrize("is_answered", [True, False])
def test_a_window_is_answered_or_closed(is_answered: bool, tmp_path: Path) -> None:
    require_program("xdotool")
    with display() as environ, bus(tmp_path, environ=environ) as found:
        with found.ring() as ring:
            ring.set("service", "user", Secret("EXAMPLE"))
        found.lock()
        with found.ring(is_attended=True) as ring, ThreadPoolExecutor(1) as pool:
            answer = pool.submit(ask, ring)
            see_window(found)
            # It takes the keyboard a moment after it is shown: what comes too early is lost.
            for _ in range(50):
                if is_answered:
                    found.call("xdotool", "type", "--delay", "20", MASTER)
                press(found, "Return" if is_answered else "Escape")
                try:
                    result = answer.result(1.0)
                    break
                except TimeoutError:
                    press(found, "ctrl+a", "BackSpace")
            else:
                raise AssertionError("the window takes no keys")
    if is_answered:
        assert result == "EXAMPLE"
    else:
        assert isinstance(result, KeyringUnavailable)
        assert result.situation is Situation.DISMISSED
        assert result.message == "the keyring stayed locked: its prompt was dismissed"
