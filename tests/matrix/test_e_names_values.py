"""E01-E09, E17: names that are none, values of every size and byte, and text somebody planted."""

from __future__ import annotations

import json
import os
from dataclasses import replace

import pytest

from credman.core.model import MAX_VALUE_BYTES, Address, Contents, Field, Schedule
from credman.core.secret import Secret
from credman.output.process import MAX_STRING_BYTES
from tests.matrix.common import (
    CANARY,
    add,
    assert_as_before,
    call,
    get,
    home,
    make_home,
    plant,
    start,
    vault_path,
)
from tests.matrix.sealed import make_canary_document, make_slot, plant_values, seal_slots
from tests.output.child import REPORTER, parse_report
from tests.vault.factories import make_contents

PATHS = ["../../x", "/etc/x", "a//b", ".", "..", "-rf", "--help", "", "~", "a/b", "C:\\x", ".git"]
SHELL = ["$(touch PWNED)", "`touch PWNED`", "a;b", "a'b", 'a"b', "a b", "a\nb", "a\rb", "a\tb",
         "a\0b", "a\x1b[2Jb", "a\x07", "a\x9b1m", "a|b", "a&b", "a*", "a=b", "!x"]  # fmt: skip
LOOKALIKE = ["аpi", "api\u202e", "a\u200db", "a\U000e0041", "e\u0301", "\u00e9", "ｈｆ", "\u0660",
             "\u212a", "a\ufeff", "a\u00a0b", "a\u2028b", "a\udcff", "ﬁx"]  # fmt: skip
BAD_NAMES = {"E01": PATHS, "E02": SHELL, "E04": LOOKALIKE}


def assert_refused(*argv: str, said: str, environ: dict[str, str] | None = None) -> None:
    """Exit code 2 (125 in exec), one printable error, nothing of the name in it, nothing stored."""
    before = vault_path().read_bytes()
    outcome = call(*argv, stdin=CANARY.encode(), environ=environ)
    assert outcome.exit_code == (125 if argv[0] == "exec" else 2), argv
    assert said in outcome.stderr
    assert outcome.stdout in (b"", b"false;\n")
    assert [c for c in outcome.stderr if not c.isprintable() and c != "\n"] == []
    assert_as_before(before)
    assert not [path for path in (home(), home().parent) if (path / "x").exists()]


@pytest.mark.parametrize("name", PATHS)
def test_e01_names_that_are_paths_or_options_are_refused(name: str) -> None:
    make_home(seen=False)
    for command in (["add"], ["get"], ["show"], ["remove", "--yes"]):
        assert_refused(*command, "--", name, said="this is not a name for a token")


@pytest.mark.parametrize("name", SHELL, ids=ascii)
def test_e02_names_that_a_shell_or_a_terminal_reads_are_refused(name: str) -> None:
    make_home(seen=False)
    for command in (["add"], ["get"], ["show"], ["remove", "--yes"]):
        assert_refused(*command, "--", name, said="this is not a name for a token")
    assert_refused("add", "x", "--var", name, said="this is not a name for a variable")


DANGEROUS = ["LD_PRELOAD", "PATH", "BASH_ENV", "PYTHONPATH", "IFS", "LD_x", "path", "Ps4",
             "GIT_SSH_COMMAND", "CREDMAN_HOME", "COLUMNS", "fish_prompt", "HOME"]  # fmt: skip


@pytest.mark.parametrize("variable", DANGEROUS)
def test_e03_variables_that_run_things_are_refused_going_in_and_out(variable: str) -> None:
    make_home(seen=False)
    said = "changes how programs start or what a shell runs"
    assert_refused("add", "x", "--var", variable, said=said)
    assert_refused("add", "x", "--field", "A", "--field", variable, said=said)
    if "_" not in variable:
        assert_refused("add", variable, said=said)
    assert call("add", "x", "--allow-dangerous", "--var", variable).exit_code == 2
    # One that lies in a vault, from before it was on the list or put there by somebody else.
    plant_values({variable: CANARY.encode(), "OTHER": b"EXAMPLE"})
    for command in (
        ["env"],
        ["env", "--unset"],
        ["env", "--shell", "fish"],
        ["exec", "--", "true"],
    ):
        assert_refused(*command, said=said)
    assert call("env", "--only", "OTHER", may_print=True).stdout == b"export OTHER='EXAMPLE';\n"


def test_e03_names_that_only_execve_takes_are_refused() -> None:
    make_home(seen=False)
    for variable in ("BASH_FUNC_x%%", "A B", "1A", "A=B", "É"):
        assert_refused("add", "x", "--var", variable, said="this is not a name for a variable")


@pytest.mark.parametrize("name", LOOKALIKE, ids=ascii)
def test_e04_names_that_look_like_others_are_refused(name: str) -> None:
    make_home(seen=False)
    for command in (["add"], ["get"], ["show"], ["remove", "--yes"]):
        assert_refused(*command, "--", name, said="this is not a name for a token")


def test_e05_long_names_are_refused_and_many_tokens_are_listed() -> None:
    make_home(seen=False)
    assert add("n" * 64, b"EXAMPLE").exit_code == 0
    for length in (65, 10_000):
        assert_refused("add", "n" * length, said="at most 64")
        assert_refused("add", "x", "--var", "V" * max(length, 256), said="variable")
    plant_values({f"V{number}": b"EXAMPLE" for number in range(2000)})
    listed = call("list")
    assert listed.exit_code == 0 and len(listed.text.splitlines()) == 2002
    assert call("get", "V1999").stdout == b"EXAMPLE"


def test_e06_names_that_differ_in_case_only_are_one() -> None:
    make_home()
    before = vault_path().read_bytes()
    for argv in (
        ["CANARY"],
        ["Canary"],
        ["other", "--var", "canary"],
        ["other", "--var", "Canary"],
    ):
        outcome = call("add", *argv, stdin=b"EXAMPLE")
        assert outcome.exit_code == 7 and "canary" in outcome.stderr, argv
    assert call("add", "x", "--var", "AB", "--var", "ab", stdin=b"EXAMPLE").exit_code == 2
    assert_as_before(before)
    assert get("CaNaRy") == CANARY.encode()
    for environment in ("Prod", "prod", "PROD"):  # one environment, of one spelling
        add(f"in-{environment.swapcase()}", b"EXAMPLE", "-e", environment, "--replace")
    listed = json.loads(call("list", "--all", "--json").text)["tokens"]
    assert {t["environment"] for t in listed} == {"default", "prod"}
    assert len(listed) == 2


@pytest.mark.parametrize("names", BAD_NAMES.values(), ids=BAD_NAMES.keys())
def test_e07_environments_and_profiles_have_the_same_grammar(names: list[str]) -> None:
    make_home(seen=False)
    for name in names:
        for option, kind in (("--env", "an environment"), ("--profile", "a profile")):
            said = f"this is not a name for {kind}"
            for command in (["add", "x"], ["use"]):
                assert_refused(*command, f"{option}={name}", said=said)
            if name and "\0" not in name:
                variable = f"CREDMAN_{option[2:].upper()}"
                assert_refused("add", "x", said=said, environ={variable: name})
        assert_refused("env", "--", name, said="this is not a name for an environment")
        if not name.startswith("-"):  # what stands behind the dashes is the command
            said = "this is not a name for an environment"
            assert_refused("exec", name, "--", "true", said=said)
    assert not (home() / "config").exists()


def test_e07_configured_names_have_the_same_grammar() -> None:
    make_home(seen=False)
    call("use", "-e", "prod")
    (config,) = home().rglob("config.toml")
    for text in ('environment = "../x"\n', 'profile = "a b"\n', "environment = 1\n"):
        config.write_text(text)
        outcome = call("add", "x", stdin=b"EXAMPLE")
        assert outcome.exit_code == 2 and outcome.stderr.startswith("credman: error: ")


LONGEST = MAX_STRING_BYTES - len("BIG=") - 1


@pytest.mark.parametrize("size", [1, LONGEST, LONGEST + 1, 131_072, MAX_VALUE_BYTES])
def test_e08_values_are_stored_up_to_a_limit(size: int) -> None:
    value = os.urandom(size // 2 + 1).hex().encode()[:size]
    make_home()
    assert add("big", value).exit_code == 0
    assert get("big") == value
    fits = size <= LONGEST
    for argv, code in ((["env"], 2), (["exec", "--", "true"], 125)):
        done = start(*argv, may_print=True)
        assert done.returncode == (0 if fits else code)
        assert (b"the value of BIG is too long" in done.stderr) is not fits
    assert call("env", "--only", "canary", may_print=True).exit_code == 0


@pytest.mark.parametrize("size", [0, MAX_VALUE_BYTES + 1, 64 << 20])
def test_e08_empty_and_larger_values_are_refused(size: int) -> None:
    before = make_home().read_bytes()
    done = start("add", "big", stdin=b"x" * size)
    assert done.returncode == 2
    assert (b"nothing on standard input" if not size else b"is larger than 1024 KiB") in done.stderr
    assert_as_before(before)


def test_e09_each_byte_alone_and_all_together_come_out() -> None:
    values = {f"B{number}": bytes([number]) for number in range(1, 256)}
    values["ALL"] = bytes(range(1, 256))
    plant_values(values)
    seen = parse_report(start("exec", "--", *REPORTER, may_print=True).stdout).environ
    assert {name: seen[name] for name in values} == values
    assert get("B10") == b"\n"


@pytest.mark.parametrize(
    "value", [bytes(range(1, 256)), b"\n", b"\r.", b" ", b"\t", b"\x1b", b"\x7f", b"\x80", b"\xff"]
)
def test_e09_bytes_on_standard_input_come_back(value: bytes) -> None:
    assert add("x", value).exit_code == 0
    assert get("x") == value


@pytest.mark.parametrize("value", [b"\0", b"a\0b", b"\0\0", b"a\0"])
def test_e09_nul_is_refused(value: bytes) -> None:
    before = make_home().read_bytes()
    outcome = add("x", value)
    assert outcome.exit_code == 2 and "holds a NUL byte" in outcome.stderr
    assert_as_before(before)


HOSTILE = ["\x1b[2J", "\x1b]52;c;aGk=\x07", "\u202ereversed", "a\r\nb", "\x9b1m", "\U000e0041"]


def plant_metadata(text: str, *, fields: tuple[Field, ...] = ()) -> None:
    contents = make_contents({"CANARY": CANARY.encode()})
    (token,) = contents.tokens
    (version,) = token.versions
    chosen = fields or token.fields
    token = replace(
        token,
        note=text,
        provider=text,
        schedule=Schedule(rotate_every=text, remind_before=(text,)),
        fields=chosen,
        versions=(replace(version, fields=tuple(f.name for f in chosen), extra={text: text}),),
        extra={text: text},
    )
    values = {Address(token.key, 1, f.name): Secret(CANARY) for f in chosen}
    document = replace(make_canary_document(), contents=Contents((), (token,), values))
    plant(seal_slots(document, [make_slot(document)]))


def assert_printable(*texts: str) -> None:
    for text in texts:
        assert [c for c in text if not c.isprintable() and c != "\n"] == []


SHOWING = (["list"], ["list", "--all"], ["show", "CANARY"], ["show", "CANARY", "--json"],
           ["remove", "CANARY"], ["add", "CANARY", "--replace"], ["get", "nosuch"])  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_e17_planted_text_is_shown_escaped(text: str) -> None:
    plant_metadata(text)
    for argv in SHOWING:
        for terminal in (False, True):
            environ = {"NO_COLOR": "1"}
            outcome = call(
                *argv, stdin=None, answers=["n"], environ=environ, stdout_is_terminal=terminal
            )
            assert_printable(outcome.text, outcome.stderr, *outcome.shown)
    shown = json.loads(call("show", "CANARY", "--json").text)["token"]
    assert (shown["note"], shown["provider"]) == (text, text)


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_e17_planted_names_of_fields_reach_no_prompt(text: str) -> None:
    plant_metadata("", fields=(Field(text, ("A",)), Field(f"{text}2", ("B",))))
    answers = ["x" * MAX_STRING_BYTES, "EXAMPLE"]
    for argv in (["get", "CANARY"], ["show", "CANARY"], ["add", "CANARY", "--replace"]):
        outcome = call(*argv, stdin=None, answers=answers)
        assert_printable(outcome.text, outcome.stderr, *outcome.shown)
