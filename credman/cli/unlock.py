"""Where passphrases come from: a descriptor, the environment, a command, a person.

Rule: with nobody to ask it fails at once, with the way out; it never waits and never echoes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from credman.cli.context import Context
from credman.cli.passphrases import (
    check_passphrase,
    check_strength,
    normalize,
    passphrase_from_bytes,
)
from credman.core.environ import Environ, mask_environ
from credman.core.errors import (
    CredmanError,
    Locked,
    Refused,
    Unavailable,
    UsageError,
    WrongPassphrase,
)
from credman.core.paths import make_private_directory
from credman.core.secret import Secret, SecretBytes
from credman.oskeyring.choice import (
    OFF,
    choose_backend,
    is_out_of_reach,
    load_choice,
    probe,
    render_choice,
    state_file,
)
from credman.oskeyring.client import TO_THE_SERVICE, KeyringUnavailable, OsKeyring, Situation
from credman.stores.disk import replace_file

TRIES = 3
_COMMAND_SECONDS = 60


class PassphraseSource:
    """Asks the caller's surroundings. Args: descriptor: of ``--passphrase-fd``; no_input: nobody
    may be asked."""

    def __init__(
        self,
        context: Context,
        *,
        descriptor: int | None,
        no_input: bool,
        keyring: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._context = context
        self._keyring = keyring
        self._descriptor = descriptor
        self._no_input = no_input or context.is_unattended
        self._given: tuple[str, Secret] | None = None
        self._rings: list[OsKeyring] = []

    def passphrases(self, of: str = "", *, because: str = "") -> Iterator[Secret]:
        """What to try on an existing vault, or on another one named ``of``.

        Raises:
            Locked, WrongPassphrase
        """
        given = self._find_given()
        if given is not None:
            where, passphrase = given
            yield passphrase
            raise WrongPassphrase(
                f"the passphrase from {where} does not open {of or 'the vault'}",
                hint="if it is the right one, credman doctor and credman restore --previous help",
            )
        self._check_attended(f"{of or 'the vault'} is locked")
        if because:
            self._context.note(because)
        prompt = f"passphrase of {of}: " if of else "passphrase: "
        for tries in range(TRIES):
            if tries:
                self._context.note("wrong passphrase, try again")
            passphrase = self._context.terminal.read_hidden(prompt)
            if passphrase:
                yield check_passphrase(passphrase)
        raise WrongPassphrase(
            "wrong passphrase", hint="the recovery key, typed instead, opens the vault as well"
        )

    def new_passphrase(self) -> Secret:
        """A passphrase for a new vault. Raises: Locked, Refused, UsageError"""
        given = self._find_given()
        if given is not None:
            return check_strength(given[1])
        self._check_attended("a new vault needs a passphrase")
        self._context.note("a passphrase will open the vault")
        return self._choose()

    def another_passphrase(self, descriptor: int | None) -> Secret:
        """A new passphrase for a vault that another one opens.

        Args:
            descriptor: where it is read from; None: the terminal.

        Raises:
            Locked, Refused, UsageError
        """
        if descriptor is not None:
            if descriptor == self._descriptor:
                raise UsageError("two passphrases cannot come from one descriptor")
            return check_strength(self._read_from("--new-passphrase-fd", descriptor))
        if not self.is_attended():
            raise Locked(
                f"the new passphrase would have to be asked for, and {self._why_nobody()}",
                hint="--new-passphrase-fd N reads it from a file descriptor",
            )
        return self._choose()

    def passphrase_of(self, what: str) -> Secret | None:
        """Args: what: a slot, in words. Returns: None if nobody is there, or knows it."""
        if not self.is_attended():
            return None
        typed = self._context.terminal.read_hidden(f"passphrase of {what} (Enter: none): ")
        return check_passphrase(typed) if typed else None

    def _choose(self) -> Secret:
        terminal = self._context.terminal
        for _ in range(TRIES):
            try:
                passphrase = check_strength(terminal.read_hidden("new passphrase: "))
            except UsageError as error:
                self._context.note(error.message)
                continue
            again = terminal.read_hidden("again: ")
            if normalize(passphrase) == normalize(again):
                return passphrase
            self._context.note("the two differ, try again")
        raise Refused("no passphrase was chosen", hint="nothing was changed")

    @property
    def is_silent(self) -> bool:
        """Whether nobody may be asked: it was said so."""
        return self._no_input

    def keyring_environ(self) -> Mapping[str, str]:
        """Returns: what leads to the keyring, for whoever brings up no window."""
        inherited = self._context.inherited
        return Environ((k, inherited[k]) for k in TO_THE_SERVICE if k in inherited)

    def keyring(self, *, opening: bool = False) -> OsKeyring | None:
        """The keyring that the configuration names, or the one that worked before.

        Args:
            opening: a vault; whoever gives a passphrase outright has chosen that way.

        Raises:
            KeyringUnavailable, Refused
        """
        environ, wanted = self._context.inherited, self._keyring()
        if wanted == OFF or (opening and self.is_given()):
            return None
        remembered = load_choice(state_file(self._context.paths.state))
        backend = choose_backend(wanted, remembered)[0]
        if is_out_of_reach(environ):
            raise KeyringUnavailable(Situation.ABSENT)
        return self._open_ring(backend)

    def find_keyring(self) -> OsKeyring | None:
        """Probes which keyring works, for a new vault; says why if none does.

        Returns:
            None: a passphrase has to open it.
        """
        if self._keyring() == OFF or self.is_given():
            return None
        try:
            return self.require_keyring()
        except KeyringUnavailable as error:
            why = f": {error.message}" if error.situation.is_there else ""
            self._context.note(f"no usable keyring here{why}")
            return None

    def require_keyring(self) -> OsKeyring:
        """Probes which keyring works, and remembers it.

        Raises:
            KeyringUnavailable: none does; says why.
        """
        environ, wanted = self._context.inherited, self._keyring()
        if wanted == OFF:
            raise Unavailable(
                "the keyring is switched off in the configuration",
                hint='take the line keyring = "off" out of it',
            )
        problem = KeyringUnavailable(Situation.ABSENT)
        for backend in choose_backend(wanted, None) if not is_out_of_reach(environ) else ():
            ring = self._open_ring(backend)
            try:
                with ring:
                    probe(ring)
            except KeyringUnavailable as error:
                if error.situation.is_there:  # so it is this person's keyring
                    problem = error
                    break
            else:
                self._remember(backend)
                return ring
        raise problem

    def close(self) -> None:
        """Ends the connections to keyrings that it gave out."""
        for ring in self._rings:
            ring.close()

    def _open_ring(self, backend: str) -> OsKeyring:
        is_attended = self.is_attended()
        ring = OsKeyring(
            backend,
            self._context.inherited,
            is_attended=is_attended,
            on_wait=self._tell_of_waiting if is_attended else None,
        )
        self._rings.append(ring)
        return ring

    def _tell_of_waiting(self) -> None:
        self._context.note("waiting for the keyring; a window of its own may ask for its password")

    def is_given(self) -> bool:
        """Whether a passphrase comes from a descriptor, a variable or a command."""
        environ = self._context.inherited
        variables = ("CREDMAN_PASSPHRASE", "CREDMAN_PASSPHRASE_COMMAND")
        return self._descriptor is not None or any(environ.get(v) for v in variables)

    def tell(self, text: str) -> None:
        """One line for the person."""
        self._context.note(text)

    def _remember(self, backend: str) -> None:
        state = self._context.paths.state
        try:
            make_private_directory(state)
            replace_file(state_file(state), render_choice(backend), check=lambda _: None)
        except CredmanError as error:  # it works; it will be looked for again
            self._context.warn(f"which keyring works is not remembered: {error.message}")

    def is_attended(self) -> bool:
        """Whether somebody is there to answer, or to read a recovery key."""
        return not self._no_input and self._context.terminal.is_available()

    def _check_attended(self, what: str) -> None:
        if self.is_attended():
            return
        raise Locked(
            f"{what}, and {self._why_nobody()}",
            hint="set CREDMAN_PASSPHRASE or CREDMAN_PASSPHRASE_COMMAND, or use --passphrase-fd",
        )

    def _why_nobody(self) -> str:
        return "input is switched off" if self._no_input else "there is no terminal to ask on"

    def _find_given(self) -> tuple[str, Secret] | None:
        if self._given is None:
            self._given = self._read_given()
        return self._given

    def _read_given(self) -> tuple[str, Secret] | None:
        environ = self._context.inherited
        if self._descriptor is not None:
            return "--passphrase-fd", self._read_from("--passphrase-fd", self._descriptor)
        if environ.get("CREDMAN_PASSPHRASE"):
            # Its bytes: in an ASCII locale an é arrives as two surrogates.
            given = Secret.from_bytes(os.fsencode(environ["CREDMAN_PASSPHRASE"]))
            return "CREDMAN_PASSPHRASE", check_passphrase(given)
        if environ.get("CREDMAN_PASSPHRASE_COMMAND"):
            return "CREDMAN_PASSPHRASE_COMMAND", passphrase_from_bytes(self._run_command())
        return None

    def _read_from(self, option: str, descriptor: int) -> Secret:
        context = self._context
        streams = (context.stdin, context.stdout, context.stderr)
        if descriptor < len(streams) and streams[descriptor].is_terminal:
            raise UsageError(
                f"{option} names the terminal, which would show what is typed",
                hint="without it the passphrase is asked for, hidden",
            )
        try:
            return passphrase_from_bytes(context.read_descriptor(descriptor))
        except UsageError as error:
            raise UsageError(f"{option}: {error.message}") from None

    def _run_command(self) -> SecretBytes:
        import subprocess

        environ = mask_environ(self._context.inherited)
        problem = ""
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", environ["CREDMAN_PASSPHRASE_COMMAND"]],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                timeout=_COMMAND_SECONDS,
                cwd=self._context.cwd,
                # Without itself: a command that runs credman would call for itself for ever.
                env=environ.without(("", "CREDMAN_PASSPHRASE_COMMAND")),
                check=False,
            )
            status, printed = done.returncode, SecretBytes(done.stdout)
            del done
        except subprocess.TimeoutExpired:
            problem = f"CREDMAN_PASSPHRASE_COMMAND did not end within {_COMMAND_SECONDS} s"
        except OSError as error:
            problem = f"cannot run CREDMAN_PASSPHRASE_COMMAND: {error.strerror}"
        if problem:  # raised out here: the library's frames hold the environment, and what came
            raise Locked(problem)
        if status:
            raise Locked(f"CREDMAN_PASSPHRASE_COMMAND failed with status {status}")
        return printed
