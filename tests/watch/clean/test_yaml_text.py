"""Edited YAML holds for its real reader the same but for the tokens, and other YAML is left."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credman.watch.clean.yaml_text import edit_yaml
from tests.watch.clean.texts import PLACEHOLDER, TOKEN, edit, substituted

YAML = {
    "a: @": 'a: "${HF_TOKEN}"',
    "- @ # @\r\n- b": '- "${HF_TOKEN}" # [credman:HF_TOKEN]\r\n- b',
    "a: '@'\nb: \"@\"\nc: 'Bearer @'\n": (
        "a: '${HF_TOKEN}'\nb: \"${HF_TOKEN}\"\nc: 'Bearer ${HF_TOKEN}'\n"
    ),
    "\ufeffa: Bearer @ x\n# it's @": "\ufeffa: Bearer ${HF_TOKEN} x\n# it's [credman:HF_TOKEN]",
    "a: @-x [y {it's": "a: ${HF_TOKEN}-x [y {it's",
    "a: {b: @, c: [@, '@'], d: x-@}": (
        'a: {b: "${HF_TOKEN}", c: ["${HF_TOKEN}", \'${HF_TOKEN}\'], d: x-$HF_TOKEN}'
    ),
    'a: {"b":@,\n  # it\'s @\n  c: @\n}\nd: 1': (
        'a: {"b":"${HF_TOKEN}",\n  # it\'s [credman:HF_TOKEN]\n  c: "${HF_TOKEN}"\n}\nd: 1'
    ),
    "a: |\n  curl '@' # @\n\n    [\n# @\nb: @": (
        "a: |\n  curl '${HF_TOKEN}' # ${HF_TOKEN}\n\n    [\n# [credman:HF_TOKEN]\n"
        'b: "${HF_TOKEN}"'
    ),
    "- run: >-\n    it's\n     @\n  b: @\n": (
        '- run: >-\n    it\'s\n     ${HF_TOKEN}\n  b: "${HF_TOKEN}"\n'
    ),
    "- |2\n    '\n  @\n- @\n": '- |2\n    \'\n  ${HF_TOKEN}\n- "${HF_TOKEN}"\n',
    "a: @\n  more\nb: x\n  @\n": "a: ${HF_TOKEN}\n  more\nb: x\n  ${HF_TOKEN}\n",
    "&x b: a\n  more\n  @\n": "&x b: a\n  more\n  ${HF_TOKEN}\n",
    "!!str b: @\n  @\n": "!!str b: ${HF_TOKEN}\n  ${HF_TOKEN}\n",
    "a:\n  @\n": 'a:\n  "${HF_TOKEN}"\n',
    "a: it's\n  \"quoted\nb: '@'\n": "a: it's\n  \"quoted\nb: '${HF_TOKEN}'\n",
    "a: 'it''s\n  @'\nb: @": "a: 'it''s\n  ${HF_TOKEN}'\nb: \"${HF_TOKEN}\"",
    "x: &x\n  a: @\ny:\n  <<: *x\n  b: !!str 1\n  c: @\n": (
        'x: &x\n  a: "${HF_TOKEN}"\ny:\n  <<: *x\n  b: !!str 1\n  c: "${HF_TOKEN}"\n'
    ),
    "---\na: @\n...\n---\n- - @\n  - b: @": (
        '---\na: "${HF_TOKEN}"\n...\n---\n- - "${HF_TOKEN}"\n  - b: "${HF_TOKEN}"'
    ),
    "ä: ö\nu: https://ü:@/h#x # y": "ä: ö\nu: https://ü:${HF_TOKEN}/h#x # y",
}
YAML_UNCLEAR = [
    *("@: a", "a: !secret @", "a: &x @", "{@: a}", "{@}", "a: {b: @x y}", "? @\n: b", "a: '@"),
    *('a: "@', "a: [@", "a: {b: @", "%YAML 1.2\n---\na: @", "a:\n\t- @", 'a: "\\@"', "a: b: @"),
    *(
        "a: `x\nb: @",
        "a: b\rc: @",
        "a: \u2028\nb: @",
        "a: [b\n  @]",
        "--- @",
        "a: |x\n  @",
        "a: *@",
    ),
    *(
        "{% if a %}\nb: @",
        "a: " + "[" * 200 + "@" + "]" * 200,
        "a: !v |\n  @",
        "a: [b]: @",
        "a: @\0",
    ),
]
WORKFLOW = {
    "env:\n  A: @ # @\n": "env:\n  A: ${{ secrets.HF_TOKEN }} # [credman:HF_TOKEN]\n",
    "a: {A: @}": 'a: {A: "${{ secrets.HF_TOKEN }}"}',
    "a: '@'": "a: '${{ secrets.HF_TOKEN }}'",
    "- run: |\n    a --token @\n": "- run: |\n    a --token ${{ secrets.HF_TOKEN }}\n",
    "- run: a --token @": "- run: a --token ${{ secrets.HF_TOKEN }}",
    "a: {A: x-@}": None,
}


@pytest.mark.parametrize("text", YAML)
def test_in_yaml_a_placeholder_that_stays_text(text: str) -> None:
    import yaml

    edited = edit(edit_yaml, text)
    assert edited == YAML[text]
    if edited is not None:
        after = substituted(list(yaml.safe_load_all(edited)), "$HF_TOKEN", PLACEHOLDER)
        assert after == substituted(yaml_of(text), "$HF_TOKEN")


@pytest.mark.parametrize("text", YAML_UNCLEAR)
def test_yaml_that_is_not_understood_is_left(text: str) -> None:
    assert edit(edit_yaml, text) is None


@pytest.mark.parametrize("text", WORKFLOW)
def test_a_workflow_takes_its_secret_from_where_it_is_run(text: str) -> None:
    import yaml

    edited = edit(lambda data, leaks: edit_yaml(data, leaks, is_workflow=True), text)
    assert edited == WORKFLOW[text]
    if edited is not None:
        wanted = substituted(yaml_of(text), "${{ secrets.HF_TOKEN }}")
        assert list(yaml.safe_load_all(edited)) == wanted


YAML_PIECES = [
    *(
        "@",
        "@ x",
        "x-@",
        "'@'",
        '"@"',
        "'",
        '"',
        "a: ",
        "b: ",
        "- ",
        "? ",
        ": ",
        "{",
        "}",
        "[",
        "]",
    ),
    *(
        ", ",
        "|\n",
        ">-\n",
        "\n",
        "\n",
        "\n  ",
        "\n  ",
        "\n    ",
        " #",
        "# @",
        " ",
        "&x ",
        "*x",
        "!!str ",
    ),
    *("---\n", "it's", "\t", ":", "-", "\\", "%", "#"),
]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(YAML_PIECES), min_size=2, max_size=14))
def test_yaml_made_by_chance_holds_the_same_but_for_the_tokens(pieces: list[str]) -> None:
    check_yaml("".join(pieces))


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_written_yaml_holds_the_same_but_for_the_tokens(data: st.DataObject) -> None:
    import yaml

    leaves = st.sampled_from(
        ["@", "x @", "it's @\n", "a: @", "[@", "@ #", "ü", "", "- @", "1", " @"]
    )
    keys = st.sampled_from(["a", "b c", "ü", "1", "#"])
    nodes = st.recursive(
        leaves,
        lambda n: st.lists(n, max_size=3) | st.dictionaries(keys, n, max_size=3),
        max_leaves=8,
    )
    node = data.draw(nodes)
    style = data.draw(st.sampled_from([None, "'", '"', "|", ">"]))
    is_flow = data.draw(st.sampled_from([True, False, None]))
    text = yaml.safe_dump(node, default_style=style, default_flow_style=is_flow, allow_unicode=True)
    assert check_yaml(text.replace("!!str ", "")) or style or is_flow is not False


@pytest.mark.deep
def test_yaml_of_any_few_pieces_holds_the_same_but_for_the_tokens() -> None:
    for pieces in itertools.product(YAML_PIECES, repeat=3):
        check_yaml("a: " + "".join(pieces) + "@\nc: @\n")


def check_yaml(text: str) -> bool:
    """Returns: Whether it was edited."""
    import yaml

    edited = edit(edit_yaml, text)
    if edited is None:
        return False
    try:
        before = substituted(yaml_of(text), "$HF_TOKEN")
    except (yaml.YAMLError, TypeError, ValueError, RecursionError):
        return False  # no YAML, or a list that holds itself
    assert TOKEN not in edited
    after = substituted(list(yaml.safe_load_all(edited)), "$HF_TOKEN", PLACEHOLDER)
    assert after == before, (text, edited)
    return True


def test_a_value_with_signs_of_yaml_is_left() -> None:
    for text in ('a: "@"', "a: @", "a: '@'"):
        assert edit(edit_yaml, text, 'x"\\ #' + TOKEN) is None


def yaml_of(text: str) -> list[Any]:
    import yaml

    return list(yaml.safe_load_all(text.replace("@", TOKEN)))
