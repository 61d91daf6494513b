"""Hints name what can be done in a notebook."""

from __future__ import annotations

import pytest

from credman.notebook.hints import reword


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("credman add nix stores it, or set NIX", "%credman add nix stores it, or set NIX"),
        ("did you mean hf? credman list shows it", "did you mean hf? %credman list shows it"),
        ("credman rotate hf makes a new one", "in a terminal: credman rotate hf makes a new one"),
        (
            "credman check hf tells; credman rotate hf --abort ends this",
            "%credman check hf tells; in a terminal: credman rotate hf --abort ends this",
        ),
        (
            "credman add hf stores it; credman list shows what there is",
            "%credman add hf stores it; %credman list shows what there is",
        ),
        (
            "credman lock ends it, credman unlock",
            "in a terminal: credman lock ends it, credman unlock",
        ),
        ("pipe it in: credman add hf < FILE", "pipe it in, in a terminal: credman add hf < FILE"),
        ("look at credman slot list", "look at credman slot list (in a terminal)"),
        ("made: credman recovery new, in a terminal", "made: credman recovery new, in a terminal"),
        ("credman add on a terminal, where it asks", "credman add on a terminal, where it asks"),
        ("and run %credman load HF_TOKEN", "and run %credman load HF_TOKEN"),
        ("!credman scan FILE looks at it", "!credman scan FILE looks at it"),
        ("what credman warns of, and credman never does", None),
        ("override=True sets all of it; or unset it first", "-o sets all of it; or unset it first"),
        (
            "credman rotate hf gives it a new value, checked; replace=True stores one as it is",
            "in a terminal: credman rotate hf gives it a new value, checked; in Python, "
            "credman.add(NAME, replace=True) stores one as it is",
        ),
        (
            "choose another one with variable=, or another environment with env=",
            "choose another one in Python: credman.add(NAME, variable=VARIABLE), "
            "or another environment with -e",
        ),
        ("env='prod' names the one it comes from", "-e prod names the one it comes from"),
        ("", ""),
    ],
)
def test_what_is_named_can_be_done_there(text: str, expected: str | None) -> None:
    assert reword(text) == (text if expected is None else expected)
    assert reword(reword(text)) == reword(text)
