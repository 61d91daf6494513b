"""The grammar of names and variables, the variables that are refused, and text from outside."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core import names
from credman.core.errors import DeniedVariable, UsageError
from credman.core.names import (
    WELL_KNOWN_ENVIRONMENTS,
    check_name,
    check_variable,
    find_nearest,
    is_denied_variable,
    is_proxy_variable,
    quote_untrusted,
    variable_from_name,
)

GOOD_NAMES = ["a", "0", "hf", "hf-write", "A.b_c-d", "2fa", "x" * 64, "a..b", "a-", "0-0"]
BAD_NAMES = [
    "",
    " ",
    ".",
    "..",
    "../../x",
    "/etc/x",
    "a//b",
    "-rf",
    "--help",
    "_a",
    ".a",
    "x" * 65,
    "x" * 10_000,
    "$(id)",
    "`id`",
    "a;b",
    "a'b",
    'a"b',
    "a b",
    "a\tb",
    "a\n",
    "\na",
    "a\0b",
    "a\x1b[31m",
    "a\x07",
    "a\\b",
    "a=b",
    "a:b",
    "a@b",
    "a#b",
    "a*",
    "~a",
    "\u0430pi",  # a Cyrillic letter
    "api\u202e",
    "a\u200db",
    "a\U000e0041",
    "e\u0301",
    "\u00e9",
    "\uff48\uff46",  # full-width letters
    "\u0660",  # a digit, and not an ASCII one
    "\u212a",  # the Kelvin sign
    "a\udcff",
]
KINDS = ("token", "environment", "profile")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [*GOOD_NAMES, *WELL_KNOWN_ENVIRONMENTS])
def test_good_names_come_back_unchanged(kind: str, name: str) -> None:
    assert check_name(kind, name) == name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_bad_names_are_refused_and_never_repeated(kind: str, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_name(kind, name)
    assert kind in caught.value.message
    if len(name) > 3:
        assert name not in caught.value.message + caught.value.hint


@given(st.text(max_size=70))
def test_a_name_is_what_the_grammar_says(name: str) -> None:
    letters = set(string.ascii_letters + string.digits)
    good = 1 <= len(name) <= 64 and name[0] in letters and set(name) <= letters | set("._-")
    try:
        check_name("token", name)
    except UsageError:
        assert not good
    else:
        assert good


@pytest.mark.parametrize("variable", ["A", "_x", "_1", "HF_TOKEN", "lower", "A" * 255])
def test_good_variables_come_back_unchanged(variable: str) -> None:
    assert check_variable(variable) == variable


@pytest.mark.parametrize(
    "variable",
    [
        "",
        "1A",
        "A B",
        "A-B",
        "A.B",
        "A=B",
        "A\n",
        "A\0",
        "\u00c4",
        "A" * 256,
        "A%%",
        "BASH_FUNC_x%%",
    ],
)
def test_bad_variables_are_refused(variable: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_variable(variable)
    assert type(caught.value) is UsageError


def denied_examples() -> list[str]:
    """Every entry of the list; of a family its name and one member."""
    examples: list[str] = []
    for entry in sorted(names._DENIED):
        examples += [entry] if not entry.endswith("*") else [entry[:-1], f"{entry[:-1]}X9"]
    return examples


@pytest.mark.parametrize("variable", denied_examples())
def test_every_entry_of_the_list_is_refused_in_any_case(variable: str) -> None:
    for spelled in {variable, variable.lower(), variable.title(), variable.swapcase()}:
        assert is_denied_variable(spelled)
        with pytest.raises(DeniedVariable) as caught:
            check_variable(spelled)
        assert spelled in caught.value.message
        assert caught.value.hint


# What the design and the attack list name; the list may grow, and must not shrink.
FEARED = (
    "LD_PRELOAD LD_LIBRARY_PATH LD_AUDIT DYLD_INSERT_LIBRARIES PATH IFS ENV BASH_ENV "
    "BASH_FUNC_x PROMPT_COMMAND PROMPT RPROMPT PS0 PS1 PS2 PS3 PS4 SHELLOPTS BASHOPTS "
    "PYTHONPATH PYTHONSTARTUP PYTHONHOME PERL5LIB PERL5OPT RUBYOPT RUBYLIB NODE_OPTIONS "
    "JAVA_TOOL_OPTIONS GIT_SSH_COMMAND GIT_EXEC_PATH GIT_CONFIG_COUNT GIT_ASKPASS "
    "SSH_ASKPASS EDITOR VISUAL PAGER HOME SHELL ZDOTDIR GCONV_PATH LOCPATH GLIBC_TUNABLES "
    "OPENSSL_CONF CREDMAN_HOME CREDMAN_PASSPHRASE fpath cdpath manpath module_path "
    "fish_prompt fish_function_path NULLCMD READNULLCMD path Path LD_preload _"
)


@pytest.mark.parametrize("variable", FEARED.split())
def test_what_was_feared_is_refused(variable: str) -> None:
    with pytest.raises(DeniedVariable):
        check_variable(variable)


@pytest.mark.parametrize(
    "variable",
    ["GIT_TOKEN", "GIT_PASSWORD", "GIT_USERNAME", "GIT_PAT", "git_token", "GITHUB_TOKEN", "GITLAB"],
)
def test_credentials_for_git_are_no_danger(variable: str) -> None:
    assert check_variable(variable) == variable


@pytest.mark.parametrize("variable", ["GIT_TOKEN_FILE", "GIT_DIR", "GIT_", "GIT_PATH", "GIT_PATX"])
def test_other_variables_of_git_are_refused(variable: str) -> None:
    with pytest.raises(DeniedVariable):
        check_variable(variable)


@pytest.mark.parametrize(
    "variable", ["HF_TOKEN", "PATH_TO_KEY", "MY_PATH", "XPATH", "ENVIRONMENT", "LDAP", "HOME_TOKEN"]
)
def test_likeness_is_not_enough_to_refuse(variable: str) -> None:
    assert check_variable(variable) == variable


def test_proxies_are_told_apart() -> None:
    assert all(map(is_proxy_variable, ("HTTP_PROXY", "https_proxy", "ALL_PROXY", "no_proxy")))
    assert not any(map(is_proxy_variable, ("PROXY", "HF_TOKEN", "PROXY_TOKEN")))


@pytest.mark.parametrize(
    ("name", "variable"),
    [
        ("hf", "HF"),
        ("my-api", "MY_API"),
        ("my.api_2", "MY_API_2"),
        ("2fa", "_2FA"),
        ("a--b", "A__B"),
    ],
)
def test_a_name_gives_a_variable(name: str, variable: str) -> None:
    assert variable_from_name(name) == variable


@given(st.from_regex(names._NAME, fullmatch=True))
def test_every_name_gives_a_variable_of_the_grammar(name: str) -> None:
    assert names._VARIABLE.fullmatch(variable_from_name(name))


def test_the_nearest_name_is_found_or_none() -> None:
    known = ["default", "dev", "staging", "Production"]
    assert find_nearest("stagging", known) == "staging"
    assert find_nearest("PRODUCTON", known) == "Production"
    assert find_nearest("xyz", known) is None
    assert find_nearest("", known) is None
    assert find_nearest("dev", []) is None
    assert find_nearest("x" * 100_000, known) is None


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, 'quoted': é ☃ 漢字", "plain text, 'quoted': é ☃ 漢字"),
        ("\x1b[31mred", "\\u{1b}[31mred"),
        ("\x9b31m", "\\u{9b}31m"),  # a C1 control: CSI in one character
        ("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}"),
        ("a\nb\rc\td", "a\\u{a}b\\u{d}c\\u{9}d"),
        ("\u202egnp.exe", "\\u{202e}gnp.exe"),
        ("\u2066\u2069\u200f", "\\u{2066}\\u{2069}\\u{200f}"),
        ("zero\u200bwidth\u200d\ufeff", "zero\\u{200b}width\\u{200d}\\u{feff}"),
        ("\U000e0041", "\\u{e0041}"),
        ("\udcff", "\\u{dcff}"),
        ("\0\x7f\x08", "\\u{0}\\u{7f}\\u{8}"),
        ("\u2028\u2029\x85", "\\u{2028}\\u{2029}\\u{85}"),
    ],
    ids=ascii,
)
def test_text_from_outside_is_made_visible(text: str, shown: str) -> None:
    assert quote_untrusted(text) == shown


@given(st.text())
def test_whatever_comes_is_printable_then(text: str) -> None:
    shown = quote_untrusted(text)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert quote_untrusted(shown) == shown
