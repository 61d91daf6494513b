"""Which backends are used: those of the list, by their names, and no other."""

from __future__ import annotations

import importlib

import pytest

from credman.core.errors import Refused
from credman.oskeyring.backends import ALLOWED, SECRET_SERVICE, candidates, check_backend


@pytest.mark.parametrize("name", ALLOWED)
def test_each_of_the_list_is_a_class_of_the_keyring_package(name: str) -> None:
    from keyring.backend import KeyringBackend

    assert check_backend(name) == name
    module, _, attribute = name.rpartition(".")
    found = getattr(importlib.import_module(module), attribute)
    assert issubclass(found, KeyringBackend)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("keyring.backends.null.Keyring", "it discards silently what it is given"),
        ("keyring.backends.fail.Keyring", "it is there to refuse everything"),
        ("keyring.backends.chainer.ChainerBackend", "it hands values to whichever backend is"),
        ("keyring.backends.libsecret.Keyring", "untried here"),
        ("keyrings.alt.file.PlaintextKeyring", "it keeps values in files, some of them in clear"),
        ("keyrings.alt.file.EncryptedKeyring", "it keeps values in files"),
        ("keyrings.cryptfile.cryptfile.CryptFileKeyring", "in a file of its own"),
        ("keyring.backends.kwallet.DBusKeyringKWallet4", "it is not known"),
        ("keyring.backends.SecretService", "it is not known"),
        ("keyring.backends.secretservice.Keyring", "it is not known"),
        (f"{SECRET_SERVICE} ", "it is not known"),
        (f"evil.{SECRET_SERVICE}", "it is not known"),
        ("os.system", "it is not known"),
        ("", "it is not known"),
    ],
)
def test_any_other_is_refused_with_the_reason(name: str, reason: str) -> None:
    with pytest.raises(Refused, match="this keyring backend is not used: ") as caught:
        check_backend(name)
    assert reason in caught.value.message
    assert caught.value.hint == f"one of {', '.join(ALLOWED)}"
    assert caught.value.exit_code == 7


@pytest.mark.parametrize(
    ("platform", "first"),
    [
        ("linux", SECRET_SERVICE),
        ("freebsd14", SECRET_SERVICE),
        ("darwin", "keyring.backends.macOS.Keyring"),
        ("win32", "keyring.backends.Windows.WinVaultKeyring"),
    ],
)
def test_what_a_platform_tries_is_on_the_list(platform: str, first: str) -> None:
    assert candidates(platform)[0] == first
    assert set(candidates(platform)) <= set(ALLOWED)
