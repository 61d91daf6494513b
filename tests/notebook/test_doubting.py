"""Which words of a line may be a value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.notebook.doubting import is_near, list_doubtful, mask
from credman.providers.catalogue import load_catalogue
from tests.cli.scans import STRANGE, TOKEN


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("load hf huggingface HF_TOKEN prod -e dev --profile default -o", []),
        ("load hff mistrl prdo -e prd", []),
        ("load hunter2 nothing MY_OWN_THING", ["hunter2", "nothing", "MY_OWN_THING"]),
        (f"add hf {TOKEN}", [TOKEN]),
        (f"add hf={STRANGE}", [STRANGE]),
        ("add hf='two w0rds'", ["two w0rds"]),
        ("add 'hunter2", ["hunter2"]),
        ("add mistral1 mistral! hf2", ["mistral1", "mistral!", "hf2"]),
        ("--env=prod -v", []),
        ("-vhunter", ["-vhunter"]),
    ],
)
def test_what_is_no_known_word_is_in_doubt(line: str, expected: list[str]) -> None:
    assert list_doubtful(line, is_missing=False) == expected


@pytest.mark.parametrize(
    ("word", "is_doubtful"),
    [
        *(
            ("nothing", False),
            ("MY_OWN_THING", False),
            ("_MY_OWN_THING", True),
            ("MYOWNTHING", True),
        ),
        *(("MY_OWN_THING_2", True), ("twelveletter", False), ("thirteenchars", True)),
        *(("my-own", True), ("Nothing", True), ("nothing1", True), ("ünothing", True)),
    ],
)
def test_what_is_written_as_a_name_is_taken_for_one_that_is_missing(
    word: str, is_doubtful: bool
) -> None:
    assert list_doubtful(f"load {word}", is_missing=True) == [word] * is_doubtful
    assert list_doubtful(f"load {word}", is_missing=False) == [word]


def test_every_name_of_a_provider_is_known() -> None:
    for provider in load_catalogue().providers.values():
        variables = [v for level in provider.variables()[:2] for v in level]
        line = " ".join((provider.name, *provider.aliases, *variables))
        assert list_doubtful(f"add {line}", is_missing=False) == []


@given(st.text("abcdefgh", min_size=4, max_size=9), st.integers(0, 8), st.sampled_from("xyz"))
def test_a_slip_of_the_keys_is_near(word: str, at: int, letter: str) -> None:
    at %= len(word)
    for slip in (
        word[:at] + letter + word[at:],
        word[:at] + letter + word[at + 1 :],
        word[:at] + word[at + 1 :],
        word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
    ):
        assert is_near(slip, word)
    assert not is_near(word + "xyz", word) and not is_near("xyz" + word[3:], word)


def test_of_a_short_name_one_slip_is_enough() -> None:
    assert is_near("hff", "hf") and is_near("f", "hf") and not is_near("ab", "hf")


def test_words_are_masked_and_the_variables_made_of_them() -> None:
    said = "no token my-Pass2: MY_PASS2 not set, my-pass23 and xmy-pass2 are others"
    assert mask(said, ["my-pass2"]) == "no token …: … not set, my-pass23 and xmy-pass2 are others"
    assert mask("nothing 2fa _2FA", ["2fa"]) == "nothing … …" and mask("as it is", []) == "as it is"
