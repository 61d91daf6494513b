"""Where credman keeps its files. The only module of the core that looks at the file system.

Every path comes from the environment that is handed in, never from ``os.environ``: one process may
serve callers with different homes. On macOS and Windows, where no variable moves them, platformdirs
says where; elsewhere its rules (the XDG base directories) are applied to the given environment, and
a test keeps the two equal.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass

from credman.core.errors import Unavailable

APP = "credman"
PENDING_REMINDERS = "reminders-pending.txt"
"""In the state directory: what could not be shown to anybody yet."""


@dataclass(frozen=True, slots=True)
class Paths:
    """Directories, absolute; they need not exist."""

    data: str
    config: str
    state: str

    @property
    def vault(self) -> str:
        return os.path.join(self.data, "vault.age")

    @property
    def config_file(self) -> str:
        return os.path.join(self.config, "config.toml")

    @property
    def providers(self) -> str:
        """Where providers of one's own are described."""
        return os.path.join(self.config, "providers")


def find_paths(environ: Mapping[str, str], cwd: str) -> Paths:
    """Args:
        environ: the caller's environment; ``CREDMAN_HOME`` puts everything under one directory.
        cwd: the caller's working directory, for a relative ``CREDMAN_HOME``.

    Raises:
        Unavailable: there is no home directory to be found.
    """
    home = environ.get("CREDMAN_HOME")
    if home:
        root = os.path.abspath(os.path.join(cwd, home))
        return Paths(*(os.path.join(root, part) for part in ("data", "config", "state")))
    if sys.platform in ("darwin", "win32"):
        from platformdirs import PlatformDirs

        native = PlatformDirs(APP, appauthor=False)
        return Paths(native.user_data_dir, native.user_config_dir, native.user_state_dir)
    return Paths(
        _xdg(environ, "XDG_DATA_HOME", ".local/share"),
        _xdg(environ, "XDG_CONFIG_HOME", ".config"),
        _xdg(environ, "XDG_STATE_HOME", ".local/state"),
    )


def _xdg(environ: Mapping[str, str], variable: str, fallback: str) -> str:
    # The specification: "All paths must be absolute; relative ones should be ignored."
    base = environ.get(variable, "")
    if not os.path.isabs(base):
        home = find_home(environ)
        _refuse_foreign_home(home)
        base = os.path.join(home, fallback)
    return os.path.join(base, APP)


def _refuse_foreign_home(home: str) -> None:
    # sudo with the caller's HOME: what root makes there, its owner could never use. A directory
    # that is named on purpose (CREDMAN_HOME, XDG_*) may be anybody's.
    try:
        is_foreign = os.geteuid() == 0 and os.stat(home).st_uid != 0
    except OSError:
        return
    if is_foreign:
        raise Unavailable(
            f"{home} belongs to another user, and credman runs as root",
            hint="run it as that user, or set CREDMAN_HOME",
        )


def find_home(environ: Mapping[str, str]) -> str:
    """Returns: the home directory, from ``HOME`` or else from the user database.

    Raises:
        Unavailable: neither knows one.
    """
    home = environ.get("HOME", "")
    if os.path.isabs(home):
        return home
    try:
        import pwd

        home = pwd.getpwuid(os.getuid()).pw_dir
    except (ImportError, KeyError):
        home = ""
    if os.path.isabs(home):
        return home
    raise Unavailable(
        "there is no home directory: HOME is not set and the user database knows none",
        hint="set HOME, or CREDMAN_HOME to a directory of your own",
    )


def _sync(directory: str) -> None:
    # Else a power cut may take a new vault away with its directory. Where that cannot be asked
    # for, it is no reason to fail: nothing is lost that was there before.
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def make_private_directory(path: str) -> None:
    """Makes a directory and its missing parents, each with mode 0700 whatever the umask is.

    Raises:
        Unavailable: it cannot be made, or something else lies there.
    """
    if os.path.isdir(path):
        return
    parent = os.path.dirname(path)
    if parent != path:
        make_private_directory(parent)
    try:
        os.mkdir(path, 0o700)
        os.chmod(path, 0o700)
        _sync(parent)
    except FileExistsError:
        if not os.path.isdir(path):
            raise Unavailable(f"{path} is not a directory") from None
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise Unavailable(f"cannot make {path}: {reason}") from None
