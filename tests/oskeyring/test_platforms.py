"""macOS and Windows as their documentation describes them: what is told, kept, cut and lost."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from credman.core.secret import Secret
from credman.oskeyring import client
from credman.oskeyring.backends import ALLOWED, MACOS, WINDOWS, candidates
from credman.oskeyring.choice import probe
from credman.oskeyring.client import KeyringUnavailable, OsKeyring, Situation
from tests.oskeyring import natives
from tests.oskeyring.bus import is_alive, wait_until
from tests.oskeyring.platforms import Platform, macos, windows

Open = Callable[[Path, pytest.MonkeyPatch], AbstractContextManager[Platform]]
BOTH = pytest.mark.parametrize("platform", [macos, windows])
CANARY = "CANARY-do-not-show"


def get(ring: OsKeyring) -> None:
    ring.get("service", "user")


def set_(ring: OsKeyring) -> None:
    ring.set("service", "user", Secret(CANARY))


def delete(ring: OsKeyring) -> None:
    ring.delete("service", "user")


@BOTH
def test_what_is_stored_comes_back_in_another_process(
    platform: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = ["EXAMPLE two  words ", "first\nsecond\r\n\n", "Zürich, 北京, \U0001f511", "later"]
    with platform(tmp_path, monkeypatch) as found:
        with found.ring() as ring:
            probe(ring)
            assert found.native.items == {}
            for user, value in enumerate(values):
                ring.set("service", str(user), Secret(value))
            ring.set("service", "0", Secret("later"))
        with found.ring() as ring:
            for user, value in enumerate(["later", *values[1:]]):
                assert ring.get("service", str(user)) == value
                assert ring.get("another", str(user)) is None
            assert ring.delete("service", "1") and not ring.delete("service", "1")
            assert ring.get("service", "1") is None and ring.get("service", "2") == values[2]


@pytest.mark.parametrize("call", [get, set_, delete])
@pytest.mark.parametrize(
    ("platform", "code", "said"),
    [
        (macos, natives.USER_CANCELED, Situation.DISMISSED),
        (macos, natives.INTERACTION_NOT_ALLOWED, Situation.LOCKED),
        (macos, natives.NO_DEFAULT_KEYCHAIN, Situation.ABSENT),
        (macos, natives.NOT_AVAILABLE, Situation.ABSENT),
        (macos, natives.AUTH_FAILED, Situation.FAILED),
        (macos, natives.INVALID_OWNER_EDIT, Situation.FAILED),
        (windows, natives.NO_SUCH_LOGON_SESSION, Situation.ABSENT),
        (windows, natives.BAD_STUB_DATA, Situation.FAILED),
        (windows, 5, Situation.FAILED),
    ],
)
def test_each_error_of_the_system_is_told_for_every_call(
    platform: Open,
    code: int,
    said: Situation,
    call: Callable[[OsKeyring], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # A display says nothing here: of X11's prompts it would say the opposite.
    monkeypatch.setenv("DISPLAY", ":0" if said is Situation.LOCKED else "")
    with platform(tmp_path, monkeypatch) as found:
        found.native.fail_always(code)
        with found.ring() as ring, pytest.raises(KeyringUnavailable) as caught:
            call(ring)
        more = f" with error {code}" if said is Situation.FAILED else ""
        assert (caught.value.situation, caught.value.message) == (said, f"{said.value}{more}")
        found.native.forget_orders()
        with found.ring() as ring:
            assert ring.get("service", "user") is None


@BOTH
def test_an_item_that_may_not_be_deleted_is_not_told_to_be_gone(
    platform: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with platform(tmp_path, monkeypatch) as found, found.ring() as ring:
        set_(ring)
        found.native.fail_at(1, natives.USER_CANCELED if platform is macos else 5)
        with pytest.raises(KeyringUnavailable):
            delete(ring)
        assert ring.get("service", "user") == CANARY
        assert ring.delete("service", "user")


@BOTH
def test_a_window_that_nobody_answers_is_given_up(
    platform: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "UNATTENDED_SECONDS", 1.5)
    with platform(tmp_path, monkeypatch) as found, found.ring() as ring:
        get(ring)
        assert ring._process is not None
        worker = ring._process.pid
        found.native.hang_at(1)
        with pytest.raises(KeyringUnavailable) as caught:
            get(ring)
        assert caught.value.situation is Situation.SILENT
        wait_until(lambda: not is_alive(worker))


@BOTH
def test_no_error_tells_a_value(
    platform: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with platform(tmp_path, monkeypatch) as found, found.ring() as ring:
        for code in (natives.AUTH_FAILED, natives.USER_CANCELED, natives.BAD_STUB_DATA):
            found.native.fail_at(2, code)
            with pytest.raises(KeyringUnavailable) as caught:
                ring.set(CANARY, CANARY, Secret(CANARY))
            error = caught.value
            assert CANARY not in f"{error!r} {error.message} {error.hint}"
            assert error.__cause__ is None


@pytest.mark.parametrize(
    "backend", [b for b in (MACOS, WINDOWS) if b not in candidates(sys.platform)]
)
def test_the_keyring_of_another_system_is_absent(backend: str) -> None:
    with OsKeyring(backend, {}) as ring, pytest.raises(KeyringUnavailable) as caught:
        get(ring)
    assert caught.value.situation is Situation.ABSENT


def test_how_much_an_item_may_hold() -> None:
    most = {backend: OsKeyring(backend, {}).max_characters for backend in ALLOWED}
    assert most.pop(WINDOWS) == natives.MAX_BLOB_BYTES / 2 == 1280
    assert set(most.values()) == {1 << 18}
    # What comes back of a real keyring in test_client is more, in bytes of UTF-8.
    assert len(("北" * (1 << 18)).encode()) <= 1 << 20


@pytest.mark.parametrize("letter", ["x", "é", "北", "\U0001f511"])
@BOTH
def test_as_much_as_an_item_may_hold_is_kept_and_one_more_is_refused_by_windows(
    platform: Open, letter: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with platform(tmp_path, monkeypatch) as found, found.ring() as ring:
        units = len(letter.encode("utf-16-le")) // 2
        most = Secret(letter * (ring.max_characters // units))
        ring.set("service", "user", most)
        assert ring.get("service", "user") == most
        if platform is windows:
            with pytest.raises(KeyringUnavailable, match="failed with error 1783"):
                ring.set("service", "user", Secret(f"{most}x"))
            assert ring.get("service", "user") == most


@pytest.mark.parametrize(
    ("service", "user", "code"),
    [("service", "u" * 514, natives.BAD_USERNAME), ("s" * 32768, "user", 87)],
)
def test_names_that_windows_does_not_take_are_refused(
    service: str, user: str, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with windows(tmp_path, monkeypatch) as found, found.ring() as ring:
        with pytest.raises(KeyringUnavailable, match=f"failed with error {code}"):
            ring.set(service, user, Secret("EXAMPLE"))
        ring.set(service[:-1], user[:-1], Secret("EXAMPLE"))


def test_on_windows_nothing_roams_to_another_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with windows(tmp_path, monkeypatch) as found, found.ring() as ring:
        for user in ("one", "two", "one"):
            ring.set("service", user, Secret("EXAMPLE"))
        items = found.native.items
        assert set(items) == {"service", "one@service", "two@service"}
        assert {item["Persist"] for item in items.values()} == {2}  # CRED_PERSIST_LOCAL_MACHINE


def test_on_windows_a_name_in_other_case_is_the_same_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Which is why names that differ in case only are refused everywhere in this package.
    with windows(tmp_path, monkeypatch) as found, found.ring() as ring:
        for user in ("key", "Key", "other"):
            ring.set("service", user, Secret(f"EXAMPLE {user}"))
        assert ring.get("SERVICE", "key") == "EXAMPLE Key"  # somebody else's


def test_what_macos_would_cut_off_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with macos(tmp_path, monkeypatch) as found, found.ring() as ring:
        with pytest.raises(KeyringUnavailable, match="to keep what it was given"):
            ring.set("service", "user", Secret("EXAMPLE\0more"))
        with pytest.raises(KeyringUnavailable, match="the keyring failed"):
            ring.set("service", "half", Secret("\ud800"))


def test_on_macos_a_value_is_lost_between_its_deletion_and_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with macos(tmp_path, monkeypatch) as found, found.ring() as ring:
        left = []
        for number in (1, 2, 3):
            ring.set("service", "user", Secret("earlier"))
            found.native.crash_at(number)
            with pytest.raises(KeyringUnavailable, match="the keyring failed") as caught:
                ring.set("service", "user", Secret("later"))
            assert caught.value.situation is Situation.FAILED
            left.append(ring.get("service", "user"))
        assert left == ["earlier", None, "later"]
        assert found.native.calls[-4:-1] == ["SecItemDelete", "SecItemAdd", "SecItemCopyMatching"]


def test_on_macos_an_item_that_somebody_else_adds_meanwhile_is_a_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with macos(tmp_path, monkeypatch) as found, found.ring() as ring:
        found.native.fail_at(2, natives.DUPLICATE_ITEM)
        with pytest.raises(KeyringUnavailable, match="failed with error -25299"):
            set_(ring)


@pytest.mark.parametrize("is_done", [False, True])
def test_on_windows_a_crash_while_an_item_is_stored_loses_no_other(
    is_done: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with windows(tmp_path, monkeypatch) as found, found.ring() as ring:
        for user in ("one", "two", "three"):
            ring.set("service", user, Secret(user))
        before = len(found.native.calls)
        ring.set("service", "two", Secret("two"))
        calls = found.native.calls[before:]
        assert calls.count("CredWrite") == 2
        for number in range(1, len(calls) + 1):
            found.native.crash_at(number, is_done=is_done)
            with pytest.raises(KeyringUnavailable, match="the keyring failed"):
                ring.set("service", "two", Secret(f"two {number}"))
            assert [ring.get("service", user) for user in ("one", "three")] == ["one", "three"]
            kept = ring.get("service", "two")
            assert kept in ("two", f"two {number}")
            ring.set("service", "three", Secret("three"))
            ring.set("service", "two", Secret("two"))


def test_on_windows_a_deletion_that_is_interrupted_may_leave_an_earlier_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The backend keeps a copy under a second name; whoever deletes must see it through.
    with windows(tmp_path, monkeypatch) as found, found.ring() as ring:
        for user, value in (("one", "earlier"), ("two", "EXAMPLE"), ("one", "later")):
            ring.set("service", user, Secret(value))
        found.native.crash_at(2, is_done=True)  # CredRead, CredDelete of the first of two
        with pytest.raises(KeyringUnavailable, match="the keyring failed"):
            ring.delete("service", "one")
        assert ring.get("service", "one") == "earlier"
        assert ring.delete("service", "one")
        assert ring.get("service", "one") is None and ring.get("service", "two") == "EXAMPLE"
