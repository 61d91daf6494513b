"""What ``export`` writes: the real parsers give every value back, or it is refused."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from credman.core.errors import DeniedVariable, Refused, UsageError
from credman.core.secret import Secret
from credman.output.formats import MAX_DOCKER_LINE, MAX_SECRET_BYTES, Format, render_file
from credman.output.process import MAX_STRING_BYTES
from tests.output.corpus import ALL_VALUES, POSIX_SHELLS, ShellProgram
from tests.output.evaluation import assert_exact, evaluate, name_values
from tests.output.readers import (
    read_docker,
    read_dotenv,
    read_github,
    read_json,
    read_k8s,
    read_toml,
    read_yaml,
)
from tests.requirements import require_program

Reader = Callable[[bytes], dict[str, bytes]]
READERS: Mapping[Format, tuple[Reader, ...]] = {
    Format.DOTENV: (read_dotenv, partial(read_dotenv, interpolate=False)),
    Format.JSON: (read_json,),
    Format.YAML: (read_yaml, partial(read_yaml, loader=yaml.CSafeLoader)),
    Format.TOML: (read_toml,),
    Format.DOCKER: tuple(partial(read_docker, trims_quotes=trims) for trims in (False, True)),
    Format.GITHUB: tuple(partial(read_github, is_windows=windows) for windows in (False, True)),
    Format.K8S: (read_k8s,),
}
AWKWARD = (
    "'", '"', "\\", "$", "${", "}", "${X}", "${:-x}", "`", "\n", "\r", "\r\n", "#", " ", "\t", "=",
    "<<", "%", ":", "- ", "a", "7", "\\n", "\\u0041", "é", "\u2028", "\x85", "\x7f",
    "\x1b", "\ufeff", "\ufffe", "\U0001f600", "\U0010ffff", "CREDMAN_", "export A=", "null",
)  # fmt: skip
awkward = st.lists(st.sampled_from(AWKWARD), max_size=12).map("".join).map(str.encode)
texts = st.text(st.characters(exclude_characters="\0", codec="utf-8")).map(str.encode)
junk = st.binary(max_size=3000).map(lambda data: data.replace(b"\0", b""))
files = st.lists(st.one_of(awkward, texts, junk), max_size=4).map(name_values)
every_format = pytest.mark.parametrize("form", Format, ids=str)


def render(form: Format, values: Mapping[str, bytes]) -> bytes:
    variables = {name: Secret.from_bytes(value) for name, value in values.items()}
    return render_file(form, variables, environment="prod", profile="default")


def is_refused(form: Format, name: str, value: bytes) -> bool:
    try:
        render(form, {name: value})
    except Refused:
        return True
    return False


def must_be_refused(form: Format, value: bytes) -> bool:
    """What the formats cannot hold, said a second time: nothing else may be refused."""
    if form is Format.K8S:
        return False
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return True
    match form:
        case Format.DOTENV:
            runs = "$" in text or "`" in text
            quoted = "'" in text or "\r" in text
            replaced = re.search(r"\$\{[^}]*\}", text) is not None
            return replaced or text.endswith("\\") or (runs and quoted)
        case Format.DOCKER:
            in_quotes = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
            too_long = len("V=") + len(value) >= 64 * 1024
            return "\n" in text or text.endswith("\r") or in_quotes or too_long
        case Format.GITHUB:
            return text.endswith("\r")
        case _:
            return False


def assert_exact_or_refused(form: Format, values: Mapping[str, bytes]) -> None:
    held = {name: v for name, v in values.items() if not is_refused(form, name, v)}
    data = render(form, held)
    for read in READERS[form]:
        assert read(data) == held
    if held != values:
        with pytest.raises(Refused):
            render(form, values)


@every_format
def test_every_value_of_the_corpus_comes_back_or_is_refused(form: Format) -> None:
    assert_exact_or_refused(form, name_values(ALL_VALUES))


@every_format
def test_nothing_is_refused_that_the_format_can_hold(form: Format) -> None:
    refused = [value for value in ALL_VALUES if is_refused(form, "V", value)]
    assert refused == [value for value in ALL_VALUES if must_be_refused(form, value)]


@every_format
def test_the_documentation_counts_right(form: Format) -> None:
    text = (Path(__file__).parents[2] / "docs" / "export.md").read_text("utf-8")
    exact = sum(not must_be_refused(form, value) for value in ALL_VALUES)
    assert f"| `{form}` | {exact} |" in text and f"exact of {len(ALL_VALUES)}" in text


@every_format
@settings(max_examples=200, deadline=None)
@given(values=files)
@example(values={"V0": b"a\\", "V1": b"';b"})
@example(values={"V0": "\U0001f600\u2028\x85\ufeff".encode(), "V1": b"\xed\xa0\xbd"})
def test_any_value_comes_back_or_is_refused(form: Format, values: dict[str, bytes]) -> None:
    assert_exact_or_refused(form, values)
    for name, value in values.items():
        assert is_refused(form, name, value) == must_be_refused(form, value)


@every_format
def test_names_that_mean_something_elsewhere(form: Format) -> None:
    names = ("NO", "on", "Y", "null", "TRUE", "export", "inf", "nan", "_0", "A" * 253, "data")
    assert_exact_or_refused(form, dict.fromkeys(names, b"x"))
    assert not is_refused(form, "NO", b"x")


@every_format
def test_nothing_to_write_is_an_empty_file_of_the_format(form: Format) -> None:
    for read in READERS[form]:
        assert read(render(form, {})) == {}


@every_format
def test_what_is_no_variable_is_never_written(form: Format) -> None:
    for name in ("", "A B", "A=B", "A\nB", "1A", "'A'"):
        with pytest.raises(UsageError):
            render(form, {name: b"x"})
    with pytest.raises(DeniedVariable):
        render(form, {"LD_PRELOAD": b"x"})


@every_format
def test_a_refusal_shows_no_value_and_names_what_can_hold_it(form: Format) -> None:
    value = b"canary \xff canary"
    if form is Format.K8S:
        assert read_k8s(render(form, {"V": value})) == {"V": value}
        return
    with pytest.raises(Refused) as caught:
        render(form, {"FINE": b"x", "BAD": value})
    error = caught.value
    assert error.message == f"{form} cannot hold BAD: it is not UTF-8 text"
    assert error.hint == "k8s can; --only with the others leaves it out"
    assert error.__cause__ is None and error.exit_code == 7


class TestDotenv:
    def test_releases_before_1_2_3_read_the_same(self, monkeypatch: pytest.MonkeyPatch) -> None:
        held = {
            name: value
            for name, value in name_values(ALL_VALUES + COMBINED).items()
            if not must_be_refused(Format.DOTENV, value)
        }
        data = render(Format.DOTENV, held)
        parser = "dotenv.parser._{}_quoted_value"
        monkeypatch.setattr(parser.format("single"), re.compile(r"'((?:\\'|[^'])*)'"))
        monkeypatch.setattr(parser.format("double"), re.compile(r'"((?:\\"|[^"])*)"'))
        assert "A" not in read_dotenv(b"A='\\\\'\nB='b'\n"), "this is not how the old ones read"
        assert read_dotenv(data) == held

    @pytest.mark.parametrize("shell", POSIX_SHELLS, ids=lambda shell: shell.name)
    def test_a_shell_that_sources_it_runs_nothing(
        self, shell: ShellProgram, tmp_path: Path
    ) -> None:
        require_program(shell.argv[0])
        held = {
            name: value
            for name, value in name_values(ALL_VALUES + COMBINED).items()
            if not must_be_refused(Format.DOTENV, value)
        }
        evaluated = evaluate(shell, "set -a; . ./.text", render(Format.DOTENV, held), tmp_path)
        assert_exact({n: as_shells_read(v) for n, v in held.items()}, evaluated, tmp_path)

    def test_a_plain_token_needs_no_quotes(self) -> None:
        assert render(Format.DOTENV, {"T": b"hf_aB3-x.y/z+=="}) == b"T=hf_aB3-x.y/z+==\n"
        assert read_docker(b"T=hf_aB3-x.y/z+==\n", trims_quotes=True) == {"T": b"hf_aB3-x.y/z+=="}


def as_shells_read(value: bytes) -> bytes:
    """What docs/export.md says that shells make of a value."""
    if b"\r" in value:
        return value.replace(b"\r", b"\\r")
    runs = b"$" in value or b"`" in value
    return value.replace(b"\\", b"\\\\") if runs and b"\\\\" in value else value


# Quotes that do not match, with something to run between them, in every order of three.
_PIECES = (b"'", b'"', b"\\", b"$(touch PWNED)", b"`touch PWNED`", b"\n", b";touch PWNED;", b"\r")
COMBINED = tuple(b"".join(three) for three in itertools.product(_PIECES, repeat=3))


class TestLimits:
    def test_docker_reads_no_longer_line(self) -> None:
        longest = b"x" * (MAX_DOCKER_LINE - len("V="))
        assert read_docker(render(Format.DOCKER, {"V": longest}), trims_quotes=True)["V"] == longest
        assert is_refused(Format.DOCKER, "V", longest + b"x")

    def test_github_hands_on_no_longer_variable(self) -> None:
        longest = b"x" * (MAX_STRING_BYTES - len("V=") - 1)
        assert not is_refused(Format.GITHUB, "V", longest)
        assert is_refused(Format.GITHUB, "V", longest + b"x")

    def test_kubernetes_holds_a_mebibyte_in_all(self) -> None:
        half = b"x" * (MAX_SECRET_BYTES // 2)
        assert read_k8s(render(Format.K8S, {"A": half, "B": half})) == {"A": half, "B": half}
        with pytest.raises(Refused, match="these values together are larger"):
            render(Format.K8S, {"A": half, "B": half, "C": b"x"})

    def test_kubernetes_has_shorter_keys(self) -> None:
        assert not is_refused(Format.K8S, "A" * 253, b"x")
        assert is_refused(Format.K8S, "A" * 254, b"x")


class TestGithub:
    @pytest.mark.parametrize("name", ["GITHUB_SHA", "github_env", "RUNNER_TEMP", "GITHUB_NEW"])
    def test_variables_of_the_runner_are_refused(self, name: str) -> None:
        assert is_refused(Format.GITHUB, name, b"x")
        assert not is_refused(Format.DOTENV, name, b"x")

    def test_a_token_for_github_is_none_of_them(self) -> None:
        assert render(Format.GITHUB, {"GITHUB_TOKEN": b"x"}) == b"GITHUB_TOKEN=x\n"

    def test_a_delimiter_is_new_each_time(self) -> None:
        ends = {render(Format.GITHUB, {"V": b"a\nb"}).split(b"\n")[-2] for _ in range(20)}
        assert len(ends) == 20 and all(len(end) == len("CREDMAN_") + 32 for end in ends)


@pytest.mark.parametrize(
    ("environment", "profile", "name"),
    [
        ("prod", "default", "credman-prod"),
        ("prod", "work", "credman-prod-work"),
        ("EU.West_1", "default", "credman-eu-west-1"),
        ("a-", "b_", "credman-a-b"),
        ("x" * 64, "y" * 64, f"credman-{'x' * 64}-{'y' * 64}"),
    ],
)
def test_a_manifest_is_named_after_its_environment(
    environment: str, profile: str, name: str
) -> None:
    variables = {"V": Secret("x")}
    data = render_file(Format.K8S, variables, environment=environment, profile=profile)
    assert yaml.safe_load(data)["metadata"] == {"name": name}
    assert read_k8s(data) == {"V": b"x"}
