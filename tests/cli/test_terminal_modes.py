"""The terminal's modes from the first prompt to the end: nothing typed is shown in between, and
what was found is put back exactly."""

from __future__ import annotations

import os
import shlex
import signal
import termios
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from credman.cli.terminal import Terminal
from credman.vault import slots
from tests.cli.harness import PASSPHRASE, PROGRAM, credman, make_value, make_vault
from tests.cli.person import Person, person
from tests.requirements import require, require_program

pytestmark = pytest.mark.alone

SLOW = f"{PASSPHRASE} slowly"
PASTED = "pasted-" + make_value("", 40)
QUIET = termios.ECHO | termios.ICANON | termios.ISIG


@pytest.fixture
def _vault() -> None:
    make_vault()


@pytest.fixture
def _slow_vault(monkeypatch: pytest.MonkeyPatch) -> None:
    slow = slots.Argon2Parameters(memory=64 * 1024, passes=16, lanes=1)  # half a second
    monkeypatch.setattr(slots, "DEFAULT_PARAMETERS", slow)
    make_vault(SLOW)


def value_of(name: str, passphrase: str = PASSPHRASE) -> str:
    outcome = credman("get", name, passphrase=passphrase)
    assert outcome.exit_code == 0, outcome.stderr
    return outcome.text


def is_at_prompt(who: Person) -> bool:
    return not who.flags() & QUIET


def starts_to_derive(who: Person) -> None:
    who.answers("passphrase: ", SLOW)
    who.wait_until(lambda: bool(who.flags() & termios.ICANON))


@pytest.mark.usefixtures("_slow_vault")
class TestTypedAhead:
    def test_a_token_pasted_while_the_key_is_derived_is_taken_and_never_shown(self) -> None:
        with person("add", "x") as who:
            starts_to_derive(who)
            assert not who.flags() & (termios.ECHO | termios.ECHONL)
            who.types(f"{PASTED}\r")
            who.is_asked("token (hidden): ")
            assert who.leaves() == 0
        assert PASTED not in who.screen and SLOW not in who.screen
        assert value_of("x", SLOW) == PASTED

    def test_one_that_the_kernel_cut_is_not_taken(self) -> None:
        with person("add", "x") as who:
            starts_to_derive(who)
            who.types("S3cret" * 1000 + "\r")
            assert who.leaves() == 2
        assert "too much was typed before it was asked for" in who.screen
        assert "S3cret" not in who.screen
        assert credman("get", "x", passphrase=SLOW).exit_code == 3

    def test_what_is_typed_after_the_last_prompt_does_not_reach_the_shell(self) -> None:
        shell = '"$@"; echo "code $?"; read -r line; echo "read <$line>"'
        with person("get", "hf", "--reveal", shell=shell) as who:
            starts_to_derive(who)
            who.types(f"{PASTED}\r")
            who.sees("code 0")
            who.types("\r")
            assert who.leaves() == 0
        assert "read <>" in who.screen and PASTED not in who.screen

    def test_ctrl_c_ends_it(self) -> None:
        with person("add", "x") as who:
            starts_to_derive(who)
            who.types("\x03")
            assert who.leaves() == 130
        assert "Traceback" not in who.screen and "(hidden)" not in who.screen

    def test_a_signal_ends_it(self) -> None:
        with person("add", "x") as who:
            starts_to_derive(who)
            os.kill(who.child.pid, signal.SIGTERM)
            assert who.leaves() == 128 + signal.SIGTERM


# They wait for Enter: ``person`` looks at the modes before a shell sets its own.
INTERACTIVE = {
    "bash": "read -r line; exec bash --norc --noprofile -i",
    "zsh": "read -r line; exec zsh -f -i",
}


@contextmanager
def interactive_shell(name: str, line: str) -> Iterator[Person]:
    """A person at a shell with job control. Args: line: typed; ``credman`` in it is the program."""
    require_program(name)
    with person(shell=INTERACTIVE[name], environ={"PS1": "shell> "}) as who:
        who.types("\r")
        who.sees("shell> ")
        who.wait_until(lambda: not who.flags() & termios.ICANON)  # it edits its line itself
        who.types(line.replace("credman", shlex.join(PROGRAM)) + "\r")
        yield who


def is_stopped(who: Person, shell: str) -> None:
    who.sees("topped" if shell == "bash" else "suspended")
    who.sees("shell> ")
    who.wait_until(lambda: not who.flags() & termios.ICANON)


def leave(who: Person) -> None:
    """What is typed before the shell edits its line is lost where the machine is busy."""
    who.sees("shell> ")
    who.wait_until(lambda: not who.flags() & termios.ICANON)
    who.types("exit\r")
    assert who.leaves() == 0


def is_gone(job: int) -> bool:
    try:
        os.killpg(job, 0)
    except ProcessLookupError:
        return True
    return False


def types_slowly(who: Person, text: str) -> None:
    for letter in text:
        who.types(letter)
        time.sleep(0.005)


@pytest.mark.usefixtures("_vault")
@pytest.mark.parametrize("shell", INTERACTIVE)
class TestStoppedAndContinued:
    @pytest.mark.parametrize("number", [signal.SIGTSTP, signal.SIGSTOP])
    def test_from_elsewhere_it_still_shows_nothing(
        self, shell: str, number: signal.Signals
    ) -> None:
        with interactive_shell(shell, "credman add x") as who:
            who.answers("passphrase: ", PASSPHRASE)
            who.is_asked("token (hidden): ")
            os.killpg(os.tcgetpgrp(who.child.child_fd), number)
            is_stopped(who, shell)
            who.types("fg\r")
            who.sees("credman add x")
            time.sleep(0.3)  # the shell sets its modes about now
            types_slowly(who, f"{PASTED}\r")
            who.sees("stored x")
            leave(who)
        assert PASTED[:6] not in who.screen
        assert value_of("x") == PASTED

    def test_ctrl_z_stops_and_fg_asks_again(self, shell: str) -> None:
        with interactive_shell(shell, "credman add x") as who:
            who.answers("passphrase: ", PASSPHRASE)
            who.is_asked("token (hidden): ")
            who.types("half a secret")
            who.types("\x1a")
            is_stopped(who, shell)
            who.types("stty -a >modes; fg\r")
            who.is_asked("token (hidden): ")
            who.wait_until(lambda: is_at_prompt(who))
            types_slowly(who, f"{PASTED}\r")
            who.sees("stored x")
            leave(who)
        assert PASTED[:6] not in who.screen and "half" not in who.screen
        modes = (Path.home() / "modes").read_text().split()
        assert {"echo", "icanon", "isig", "iexten"} <= {mode.strip(";") for mode in modes}
        assert value_of("x") == PASTED

    def test_ctrl_z_stops_the_whole_job(self, shell: str) -> None:
        with interactive_shell(shell, "credman get hf | cat >value") as who:
            who.is_asked("passphrase: ")
            who.types("\x1a")
            is_stopped(who, shell)
            who.types("fg; echo code=$?\r")
            who.answers("passphrase: ", PASSPHRASE)
            who.sees("code=0")
            leave(who)
        assert (Path.home() / "value").read_text() == make_value()

    def test_one_begun_in_the_background_asks_after_fg(self, shell: str) -> None:
        # The shell edits its line then, in modes that are not to be found and put back.
        line = "(credman get hf >value; echo code=$?; stty -a >modes) &"
        with interactive_shell(shell, line) as who:
            who.sees("shell> ")
            time.sleep(0.5)
            who.types("fg\r")
            who.answers("passphrase: ", PASSPHRASE)
            who.sees("code=0")
            leave(who)
        assert (Path.home() / "value").read_text() == make_value()
        modes = {mode.strip(";") for mode in (Path.home() / "modes").read_text().split()}
        assert {"echo", "icanon", "isig", "icrnl"} <= modes

    def test_continued_in_the_background_it_asks_after_fg(self, shell: str) -> None:
        with interactive_shell(shell, "credman get hf >value") as who:
            who.is_asked("passphrase: ")
            who.types("\x1a")
            is_stopped(who, shell)
            who.types("bg; sleep 0.5; fg; echo code=$?\r")
            who.is_asked("passphrase: ")
            types_slowly(who, f"{PASSPHRASE}\r")
            who.sees("code=0")
            leave(who)
        assert (Path.home() / "value").read_text() == make_value()
        assert PASSPHRASE not in who.screen

    def test_stopped_it_can_be_ended(self, shell: str) -> None:
        with interactive_shell(shell, "credman add x") as who:
            who.is_asked("passphrase: ")
            job = os.tcgetpgrp(who.child.child_fd)
            who.types("\x1a")
            is_stopped(who, shell)
            who.types_until("kill %1\r", lambda: is_gone(job))
            who.types("exit\r")
            assert who.leaves() in (0, 128 + signal.SIGTERM)


@pytest.mark.usefixtures("_vault")
class TestStopping:
    def test_where_it_cannot_stop_ctrl_z_asks_again_at_once(self) -> None:
        with person("add", "x") as who:  # the leader of a session: nobody could continue it
            who.answers("passphrase: ", PASSPHRASE)
            who.is_asked("token (hidden): ")
            who.types("half a secret\x1a and more")
            who.answers("token (hidden): ", PASTED)
            assert who.leaves() == 0
        assert "half" not in who.screen and PASTED not in who.screen
        assert value_of("x") == PASTED


@pytest.mark.usefixtures("_vault")
class TestPutBack:
    """With modes that nobody would guess. ``person`` compares all of them at every end."""

    ODD = 'saved=$(stty -g); stty -ixon echonl intr "^P" min 3; stty -g >before; '
    CHECK = '; code=$?; stty -g >after; stty "$saved"; exit $code'

    def assert_same(self) -> None:
        before, after = ((Path.home() / name).read_text() for name in ("before", "after"))
        assert before == after != ""

    @pytest.mark.parametrize(
        ("argv", "answers", "code"),
        [
            (["add", "x"], [PASSPHRASE, "value\r"], 0),
            (["get", "nothing", "--reveal"], [PASSPHRASE], 3),
            (["add", "x"], [PASSPHRASE, "\x03"], 130),
            (["add", "x"], [PASSPHRASE, "a\rb\r"], 2),
            (["exec", "--", "nowhere"], [PASSPHRASE], 127),
        ],
        ids=["success", "error", "interrupt", "lines", "exec"],
    )
    def test_whatever_the_end(self, argv: list[str], answers: list[str], code: int) -> None:
        with person(*argv, shell=f'{self.ODD}"$@"{self.CHECK}') as who:
            who.answers("passphrase: ", answers[0])
            for answer in answers[1:]:
                who.is_asked("token (hidden): ")
                who.types(answer)
            assert who.leaves() == code
        self.assert_same()

    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
    def test_a_signal_at_the_prompt(self, number: signal.Signals) -> None:
        with person("add", "x", shell=f'echo $$ >pid; {self.ODD}("$@"){self.CHECK}') as who:
            who.answers("passphrase: ", PASSPHRASE)
            who.is_asked("token (hidden): ")
            shell = int((Path.home() / "pid").read_text())
            children = Path(f"/proc/{shell}/task/{shell}/children")
            require(children.exists(), "there is no list of children in /proc")
            os.kill(int(children.read_text().split()[0]), number)
            assert who.leaves() == 128 + number
        self.assert_same()

    def test_a_command_that_is_run_gets_them(self) -> None:
        command = ("sh", "-c", "stty -g >inside; kill -CONT $$; stty -g >>inside")
        with person("exec", "--", *command, shell=f'{self.ODD}"$@"{self.CHECK}') as who:
            who.answers("passphrase: ", PASSPHRASE)
            assert who.leaves() == 0
        self.assert_same()
        before = (Path.home() / "before").read_text()
        assert (Path.home() / "inside").read_text() == before * 2


class TestHandler:
    def ask(self, run: Callable[[Terminal], None]) -> None:
        controller, device = os.openpty()
        try:
            before = termios.tcgetattr(device)
            asked = Terminal(os.ttyname(device))
            os.write(controller, b"typed\r")
            assert str(asked.read_hidden("")) == "typed"
            assert not termios.tcgetattr(device)[3] & termios.ECHO
            run(asked)
            asked.release()
            asked.release()
            assert termios.tcgetattr(device) == before
        finally:
            os.close(device)
            os.close(controller)

    def test_the_former_one_comes_back(self) -> None:
        def former(number: int, frame: object) -> None: ...

        kept = signal.signal(signal.SIGCONT, former)
        try:
            self.ask(lambda _: None)
            assert signal.getsignal(signal.SIGCONT) is former
        finally:
            signal.signal(signal.SIGCONT, kept)

    def test_another_thread_does_without(self) -> None:
        found = []

        def run() -> None:
            self.ask(lambda _: found.append(signal.getsignal(signal.SIGCONT)))

        thread = threading.Thread(target=run)
        thread.start()
        thread.join()
        assert found == [signal.SIG_DFL]

    def test_broken_off_once_it_is_done_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        real = termios.tcsetattr

        def broken_off(*arguments: Any) -> None:
            monkeypatch.setattr(termios, "tcsetattr", real)
            raise KeyboardInterrupt

        def run(asked: Terminal) -> None:
            monkeypatch.setattr(termios, "tcsetattr", broken_off)
            with pytest.raises(KeyboardInterrupt):
                asked.release()
            assert signal.getsignal(signal.SIGCONT) is signal.SIG_DFL  # it comes last

        self.ask(run)

    def test_nothing_was_asked(self) -> None:
        Terminal(None).release()


def test_an_ignored_hang_up_is_not_inherited() -> None:
    kept = signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as under nohup
    try:
        with person(shell="kill -HUP $$; sleep 1") as who:
            assert who.leaves() == 128 + signal.SIGHUP
    finally:
        signal.signal(signal.SIGHUP, kept)
