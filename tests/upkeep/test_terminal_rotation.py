"""Rotating where somebody sits: the real program at a real terminal."""

from __future__ import annotations

from pathlib import Path

from tests.cli.harness import PASSPHRASE
from tests.cli.person import Person, person
from tests.upkeep.stub import Seen
from tests.upkeep.stub_places import configure
from tests.upkeep.stub_sitting import Sitting, sitting
from tests.upkeep.stub_troubles import hang, hang_up


def environ_of(desk: Sitting, **more: str) -> dict[str, str]:
    return {**desk.environ, "CREDMAN_PASSPHRASE": PASSPHRASE, **more}


def paste(someone: Person, prompt: str, value: str) -> None:
    """Pastes it as a terminal does that marks what is pasted."""
    someone.is_asked(prompt)
    someone.types(f"\x1b[200~{value}\x1b[201~\r")


def test_a_guided_rotation() -> None:
    with sitting("huggingface") as desk:
        old = desk.give("huggingface")
        new = desk.provider.issue("huggingface")
        with person("rotate", "huggingface", environ=environ_of(desk)) as someone:
            someone.answers("new token (hidden): ", new.token)
            assert someone.leaves() == 0
        page = f"{desk.provider.place('huggingface')}/settings/tokens"
        for line in (
            f"1/4 make a new token: {page}",
            "(the old one has: role write, orgs acme)",
            "2/4 asking Hugging Face about the new one …",
            "    live: alice, role write, orgs acme",
            "(as before)",
            "3/4 huggingface #2 is current; #1 is retiring, revoke it by ",
            "4/4 when nothing uses #1 any more: credman revoke huggingface",
        ):
            assert line in someone.screen.replace("\r", "")
        assert new.token not in someone.screen and old.token not in someone.screen
        assert desk.value("huggingface") == new.token
        with person("revoke", "huggingface", environ=environ_of(desk)) as someone:
            assert someone.leaves() == 0
        assert "huggingface #1 is revoked by Hugging Face when asked, and dead" in someone.screen
        assert not old.is_live


def test_ctrl_c_at_the_prompt_leaves_everything_as_it_was() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        asked = len(desk.provider.seen)
        with person("rotate", "gitlab", environ=environ_of(desk)) as someone:
            someone.is_asked("new token (hidden): ")
            someone.types("\x03")
            assert someone.leaves() == 130
        assert desk.states("gitlab") == {1: "current"}
        assert "not finished" not in desk.run("list").stderr
        assert len(desk.provider.seen) == asked


def test_ctrl_c_while_it_is_checked_leaves_it_staged() -> None:
    with sitting("gitlab") as desk:
        configure("timeout = 60")
        old = desk.give("gitlab")
        new = desk.provider.issue("gitlab")
        desk.provider.trouble("gitlab", "verify", hang())
        with person("rotate", "gitlab", environ=environ_of(desk)) as someone:
            someone.answers("new token (hidden): ", new.token)
            someone.wait_until(lambda: desk.provider.count("gitlab", "verify", new.token) == 1)
            someone.types("\x03")
            assert someone.leaves() == 130
        assert "stopped: the new value is staged, the old one is still current" in someone.screen
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.token
        desk.provider.mend()
        with person("rotate", "gitlab", "--resume", environ=environ_of(desk)) as someone:
            assert someone.leaves() == 0
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == new.token


def test_ctrl_c_while_a_new_one_is_made_waits_for_it() -> None:
    with sitting("gitlab") as desk:
        configure("timeout = 60")
        old = desk.give("gitlab")
        pressed: list[Seen] = []
        with person("rotate", "gitlab", "--auto", environ=environ_of(desk)) as someone:

            def press(seen: Seen) -> None:
                if seen.role == "rotate":
                    someone.types("\x03\x03")
                    pressed.append(seen)

            desk.provider.answering = press
            assert someone.leaves() == 130
        assert len(pressed) == 1
        assert desk.states("gitlab") == {1: "current", 2: "staged"}
        desk.run("rotate", "gitlab", "--resume")
        assert old.successor is not None
        assert desk.value("gitlab", "--field", "GITLAB_TOKEN") == old.successor.token
        assert desk.provider.count("gitlab", "rotate") == 1


def test_another_account_is_asked_about() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        new = desk.provider.issue("gitlab", account="bob")
        with person("rotate", "gitlab", environ=environ_of(desk)) as someone:
            someone.answers("new token (hidden): ", new.token)
            someone.sees("the old one is alice: is another account meant? [y/N] ")
            someone.types("y\r")
            assert someone.leaves() == 0
        assert "live: bob" in someone.screen
        assert desk.states("gitlab") == {1: "retiring", 2: "current"}


def test_what_cannot_be_checked_is_asked_about() -> None:
    with sitting("gitlab") as desk:
        desk.give("gitlab")
        new = desk.provider.issue("gitlab")
        desk.provider.trouble("gitlab", "verify", hang_up())
        with person("rotate", "gitlab", environ=environ_of(desk)) as someone:
            someone.answers("new token (hidden): ", new.token)
            someone.sees("make it current without a check? [y/N] ")
            someone.types("\r")
            assert someone.leaves() == 7
        assert "nothing was changed: the old one is current as before" in someone.screen
        assert desk.states("gitlab") == {1: "current"}


def test_a_page_is_opened_where_there_is_a_screen(tmp_path: Path) -> None:
    opened, browser = tmp_path / "opened", tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {opened}.new && mv {opened}.new {opened}\n')
    browser.chmod(0o755)
    with sitting("huggingface") as desk:
        desk.give("huggingface")
        environ = environ_of(desk, DISPLAY=":99", BROWSER=f"{browser} %s")
        with person("rotate", "huggingface", environ=environ) as someone:
            someone.is_asked("new token (hidden): ")
            someone.wait_until(opened.exists)
            someone.types("\x03")
            assert someone.leaves() == 130
        page = f"{desk.provider.place('huggingface')}/settings/tokens/new"
        assert opened.read_text() == page
        opened.unlink()
        del environ["DISPLAY"]
        with person("rotate", "huggingface", environ=environ) as someone:
            someone.sees(page)
            someone.answers("new token (hidden): ", desk.provider.issue("huggingface").token)
            assert someone.leaves() == 0
        assert not opened.exists()


def test_a_bar_while_many_are_checked() -> None:
    with sitting("gitlab", "huggingface") as desk:
        desk.give("gitlab")
        desk.give("huggingface")
        with person("check", environ=environ_of(desk)) as someone:
            assert someone.leaves() == 0
        bar, _, _ = someone.screen.partition("NAME")
        assert "0/2" in bar and "2/2" in bar
        assert bar.rindex("\x1b[2K") > bar.rindex("2/2")  # it is gone before the table
        with person("check", environ=environ_of(desk, TERM="dumb")) as someone:
            assert someone.leaves() == 0
        assert "0/2" not in someone.screen
