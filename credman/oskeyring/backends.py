"""Which of the operating system's keyrings are used, and which are not. Data and pure functions.

Rule: only a backend that keeps what it is given, encrypted and for its user alone, is ever loaded,
and it is loaded by its name. No package that happens to be installed becomes the keyring.
"""

from __future__ import annotations

from collections.abc import Mapping

from credman.core.errors import Refused

SECRET_SERVICE = "keyring.backends.SecretService.Keyring"
KWALLET = "keyring.backends.kwallet.DBusKeyring"
MACOS = "keyring.backends.macOS.Keyring"
WINDOWS = "keyring.backends.Windows.WinVaultKeyring"
ALLOWED: Mapping[str, str] = {
    SECRET_SERVICE: "the login keyring (Secret Service)",
    KWALLET: "KWallet",
    MACOS: "the macOS keychain",
    WINDOWS: "the Windows credential manager",
}
"""By class: what people call it."""

_MAX_CHARACTERS = {WINDOWS: 1280}
"""Of those with a limit of their own: CRED_MAX_CREDENTIAL_BLOB_SIZE is 2560 bytes, in UTF-16."""

_MAX_CHARACTERS_OTHERWISE = 1 << 18
"""Nothing smaller is documented; a value of 1 MiB in UTF-8 comes back from gnome-keyring, and this
many are less than that in whatever script."""

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
        return (MACOS,)
    if platform == "win32":
        return (WINDOWS,)
    return (SECRET_SERVICE, KWALLET)


def asks_on_a_display(backend: str) -> bool:
    """Whether its prompt needs DISPLAY or WAYLAND_DISPLAY. macOS asks without, and Windows never
    asks."""
    return backend in (SECRET_SERVICE, KWALLET)


def max_characters(backend: str) -> int:
    """How much one item may hold, service and user not counted.

    Args:
        backend: one of ``ALLOWED``.

    Returns:
        UTF-16 code units: a character outside the basic plane counts as two.
    """
    return _MAX_CHARACTERS.get(backend, _MAX_CHARACTERS_OTHERWISE)


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
