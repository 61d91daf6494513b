"""The configuration file: read strictly, and never taken for empty."""

from __future__ import annotations

import contextlib
import os
import socket
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.config import Config, load_config, parse_config
from credman.core.errors import Unavailable, UsageError
from credman.core.intervals import Interval
from credman.core.model import Environment
from credman.core.policy import Policy

SOURCE = "/home/me/config.toml"


def test_everything_that_is_known() -> None:
    config = parse_config(
        """
        environment = "dev"
        profile = "work"
        store = "file:~/team.age"
        keyring = "off"
        agent = "off"
        cache = "off"
        network = "off"
        timeout = 60
        warn_before = "36h"
        mention_overdue = "off"
        [policy]
        rotate_every = "6mo"
        [environments.prod]
        isolated = true
        [environments.prod.policy]
        max_age = "90d"
        [environments.edge]
        """,
        source=SOURCE,
    )
    assert config == Config(
        "dev",
        "work",
        "file:~/team.age",
        "off",
        "off",
        "off",
        "off",
        60,
        timedelta(hours=36),
        environments={"prod": Environment("prod", True), "edge": Environment("edge", False)},
        mention_overdue="off",
        policy=Policy(rotate_every=Interval(months=6)),
        policies={"prod": Policy(max_age=Interval(days=90))},
    )


def test_a_policy_of_an_environment_goes_over_the_one_for_all_in_any_case() -> None:
    config = parse_config(
        """
        [policy]
        rotate_every = "6mo"
        remind = "14d"
        [environments.Prod.policy]
        max_age = "90d"
        remind = "off"
        """,
        source=SOURCE,
    )
    general = Policy(rotate_every=Interval(months=6), remind=(Interval(days=14),))
    own = Policy(Interval(months=6), Interval(days=90), remind=())
    assert config.policy_for("prod") == config.policy_for("PROD") == own
    assert config.policy_for("default") == config.policy_for("production") == general
    assert config.environments["Prod"] == Environment("Prod", isolated=False)
    assert Config().policy_for("prod") == Policy()


def test_what_is_overdue_is_mentioned_unless_that_is_off() -> None:
    assert parse_config('mention_overdue = "on"', source=SOURCE).mention_overdue is None
    assert Config().mention_overdue is None


def test_without_its_keys_providers_are_asked_and_given_five_seconds() -> None:
    config = parse_config('network = "on"', source=SOURCE)
    assert config == Config(network=None, timeout=5, warn_before=timedelta(days=1))


@pytest.mark.parametrize(
    ("text", "span"),
    [("90s", timedelta(seconds=90)), ("50m", timedelta(minutes=50)), ("30d", timedelta(days=30))],
)
def test_warn_before_is_a_length_of_time(text: str, span: timedelta) -> None:
    assert parse_config(f'warn_before = "{text}"', source=SOURCE).warn_before == span


def test_an_empty_file_is_a_configuration() -> None:
    assert parse_config("", source=SOURCE) == parse_config("# nothing\n", source=SOURCE) == Config()


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('envronment = "dev"', "envronment"),
        ('[token]\nhf = "x"', "token"),
        ("environment = 1", "environment"),
        ("environment = true", "environment"),
        ('environment = ["dev"]', "environment"),
        ('environment = ""', "environment"),
        ('environment = "../x"', "environment"),
        ("profile = {}", "profile"),
        ('profile = "a b"', "profile"),
        ("store = 1", "store"),
        ("keyring = false", "keyring"),
        ('network = "maybe"', "network"),
        ("network = false", "network"),
        ("timeout = 0", "timeout"),
        ("timeout = 61", "timeout"),
        ("timeout = -1", "timeout"),
        ("timeout = 2.5", "timeout"),
        ("timeout = true", "timeout"),
        ("timeout = nan", "timeout"),
        ('timeout = "5"', "timeout"),
        ("warn_before = 1", "warn_before"),
        ('warn_before = ""', "warn_before"),
        ('warn_before = "soon"', "warn_before"),
        ('warn_before = "0h"', "warn_before"),
        ('warn_before = "31d"', "warn_before"),
        ("environments = 1", "environments"),
        ("environments = []", "environments"),
        ('[environments."a b"]', "environment"),
        ("[environments.prod]\nisolatd = true", "environments.prod"),
        ('[environments.prod]\nisolated = "yes"', "environments.prod.isolated"),
        ("[environments.prod]\nisolated = 1", "environments.prod.isolated"),
        ("[environments]\nprod = true", "environments.prod"),
        ("mention_overdue = false", "mention_overdue"),
        ('mention_overdue = "never"', "mention_overdue"),
        ("policy = 1", "policy"),
        ('policy = "strict"', "policy"),
        ('[policy]\nmax_ag = "90d"', "max_ag"),
        ('[policy]\nmax_age = "3m"', "policy.max_age"),
        ("[environments.prod]\npolicy = 1", "environments.prod.policy"),
        ('[environments.prod.policy]\nisolated = "x"', "environments.prod.policy"),
        ('[environments.prod.policy]\nremind = "soon"', "environments.prod.policy.remind"),
        ("environment = dev", "not valid TOML"),
        ('environment = "a"\nenvironment = "b"', "not valid TOML"),
        ("\0", "not valid TOML"),
        ("a = " + "1" * 5000, "not valid TOML"),
        ("a = " + "[" * 20_000, "nested too deeply"),
    ],
    ids=lambda text: ascii(text[:30]),
)
def test_what_is_not_known_is_an_error_that_names_file_and_key(text: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_config(text, source=SOURCE)
    assert caught.value.message.startswith(f"{SOURCE}: ")
    assert named in caught.value.message


@given(st.text())
def test_any_text_is_a_configuration_or_a_usage_error(text: str) -> None:
    with contextlib.suppress(UsageError):
        parse_config(text, source=SOURCE)


def test_without_a_file_the_configuration_is_empty(tmp_path: Path) -> None:
    assert load_config(str(tmp_path / "config.toml")) == Config()
    assert load_config(str(tmp_path / "no" / "such" / "directory")) == Config()


def test_a_file_is_read_through_a_link(tmp_path: Path) -> None:
    target, link = tmp_path / "dotfiles.toml", tmp_path / "config.toml"
    target.write_text('environment = "dev"')
    link.symlink_to(target)
    assert load_config(str(link)).environment == "dev"


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


@pytest.mark.parametrize(
    "thing", ["directory", "fifo", "loop", "zero", "socket", "bytes", "huge", "in a file"]
)
def test_what_cannot_be_read_is_never_taken_for_empty(tmp_path: Path, thing: str) -> None:
    path = tmp_path / "c"
    match thing:
        case "directory":
            path.mkdir()
        case "fifo":
            os.mkfifo(path)
        case "loop":
            path.symlink_to(path)
        case "zero":
            path.symlink_to("/dev/zero")
        case "socket":
            make_socket(path)
        case "bytes":
            path.write_bytes(b"environment = '\xff'")
        case "huge":
            # What follows the first MiB counts as well: cut, this would be a good configuration.
            path.write_text(f'environment = "dev"\n#{"x" * (1 << 20)}\nenvronment = "x"\n')
        case _:
            path.write_text("")
            path /= "config.toml"
    descriptors = len(os.listdir("/proc/self/fd"))
    with pytest.raises((UsageError, Unavailable), match="cannot read") as caught:
        load_config(str(path))
    assert str(path) in caught.value.message
    assert len(os.listdir("/proc/self/fd")) == descriptors
