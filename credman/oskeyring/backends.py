"""Which of the operating system's keyrings are used, and which are not. Data and pure functions.

Rule: only a backend that keeps what it is given, encrypted and for its user alone, is ever loaded,
and it is loaded by its name. No package that happens to be installed becomes the keyring.
"""

from __future__ import annotations

from collections.abc import Mapping

from credman.core.errors import Refused

SECRET_SERVICE = "keyring.backends.SecretService.Keyring"
ALLOWED: Mapping[str, str] = {
    SECRET_SERVICE: "the login keyring (Secret Service)",
    "keyring.backends.kwallet.DBusKeyring": "KWallet",
    "keyring.backends.macOS.Keyring": "the macOS keychain",
    "keyring.backends.Windows.WinVaultKeyring": "the Windows credential manager",
}
"""By class: what people call it."""

_REFUSED: tuple[tuple[str, str], ...] = (
    ("keyring.backends.null.", "it discards silently what it is given"),
    ("keyring.backends.fail.", "it is there to refuse everything"),
    ("keyring.backends.chainer.", "it hands values to whichever backend is installed"),
    ("keyring.backends.libsecret.", "it does the same as the Secret Service one, untried here"),
    ("keyrings.alt.", "it keeps values in files, some of them in clear"),
    ("keyrings.cryptfile.", "it keeps values in a file of its own"),
)


def candidates(platform: str) -> tuple[str, ...]:
    """Args: platform: as ``sys.platform``. Returns: the classes to try, the most likely first."""
    if platform == "darwin":
        return ("keyring.backends.macOS.Keyring",)
    if platform == "win32":
        return ("keyring.backends.Windows.WinVaultKeyring",)
    return (SECRET_SERVICE, "keyring.backends.kwallet.DBusKeyring")


def check_backend(name: str) -> str:
    """Args: name: a class with its module, as in a configuration.

    Raises:
        Refused: it is not one of those above; says why where that is known.
    """
    if name in ALLOWED:
        return name
    reason = next((why for prefix, why in _REFUSED if name.startswith(prefix)), "it is not known")
    raise Refused(
        f"this keyring backend is not used: {reason}",
        hint=f"one of {', '.join(ALLOWED)}",
    )
