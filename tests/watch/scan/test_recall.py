"""Tokens of every shape are found in every kind of file, with provider, line, column and cell."""

from __future__ import annotations

import random

import pytest

from credman.providers.facts import ShapeKind
from credman.watch.scan.content import OVERLAP, WINDOW
from credman.watch.scan.rules import make_rules
from tests.providers.factories import CATALOGUE
from tests.watch.scan.planting import KINDS, Kind, Plant, make_plants, make_token
from tests.watch.scan.scanning import scan

_PREFIX = (ShapeKind.PREFIX,)
_NEEDING_A_NAME = (ShapeKind.SHARED, ShapeKind.CONTEXT)


def _check(plant: Plant, kind: Kind) -> None:
    report = scan(kind.write(plant.variable, plant.value), name=kind.name)
    told = (plant.provider.name, plant.shape.name, kind.name)
    assert report.unread == [], told
    if plant.shape.is_part:
        found = [f for f in report.findings if f.kind == plant.shape.name]
    else:
        found = [f for f in report.findings if f.value == plant.value.encode()]
    assert found, told
    finding = found[0]
    assert finding.provider == plant.provider.name, told
    assert finding.masked and plant.value not in repr(report), told
    if kind.line:
        assert finding.line == kind.line, told
    if kind.column is not None and not plant.shape.is_part:
        assert finding.column == kind.column(plant.variable), told
    if kind.cell is not None:
        assert finding.cell is not None, told
        assert (finding.cell.number, finding.cell.part) == kind.cell, told
    if kind.member:
        assert finding.inside[-1].endswith(kind.member), told


def _is_planted(plant: Plant) -> bool:
    """A name or an address of a token is none, unless it can be nothing else."""
    field = plant.provider.find_field(plant.variable)
    return plant.shape.kind is ShapeKind.PREFIX or field is None or field.secret


def _plant_everywhere(kinds: tuple[ShapeKind, ...], seed: int) -> int:
    count = 0
    for plant in filter(_is_planted, make_plants(kinds, seed)):
        for kind in KINDS.values():
            _check(plant, kind)
            count += 1
    return count


def test_every_prefix_is_found_in_every_kind_of_file() -> None:
    assert len(KINDS) >= 12
    assert _plant_everywhere(_PREFIX, 1) > 1000


def test_what_needs_a_name_is_found_beside_it_in_every_kind_of_file() -> None:
    assert _plant_everywhere(_NEEDING_A_NAME, 1) > 500


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(2, 42))
def test_recall_does_not_depend_on_the_token(seed: int) -> None:
    _plant_everywhere((*_PREFIX, *_NEEDING_A_NAME), seed)


def _count_rejected(count: int) -> dict[tuple[str, str], int]:
    chance = random.Random(5)
    rejected = {}
    for rule in make_rules(CATALOGUE):
        if rule.shape.is_part or not any(
            field is None or field.secret for field in [rule.provider.find_field(rule.shape.field)]
        ):
            continue
        tokens = (make_token(rule.shape, chance).encode() for _ in range(count))
        wrong = sum(not rule.accepts(token) for token in tokens)
        if wrong:
            rejected[rule.provider.name, rule.shape.name] = wrong
    return rejected


def test_tokens_made_by_chance_are_not_taken_for_examples() -> None:
    assert sum(_count_rejected(4).values()) <= 1


def test_of_few_kinds_of_characters_a_token_may_be_made() -> None:
    # 32 hexadecimal digits have less variety than their number promises.
    chance = random.Random(6)
    rules = [r for r in make_rules(CATALOGUE) if r.provider.name in ("deepseek", "roboflow")]
    assert len(rules) == 3
    for rule in rules:
        for _ in range(300):
            assert rule.accepts(make_token(rule.shape, chance).encode())


@pytest.mark.deep
def test_one_token_in_ten_thousand_is_taken_for_an_example_at_most() -> None:
    rejected = _count_rejected(1000)
    assert sum(rejected.values()) <= 20, rejected  # of more than 100,000: twice what is expected


def test_a_name_and_its_token_are_found_wherever_a_piece_ends() -> None:
    chance = random.Random(3)
    rule = next(r for r in make_rules(CATALOGUE) if r.provider.name == "cohere" and r.has_context)
    token = make_token(rule.shape, chance)
    line = f"COHERE_API_KEY = '{token}'\n".encode()
    for border, step in ((64 * 1024, 5), (WINDOW - OVERLAP, 23)):
        for before in range(border - len(line) - 2, border + 3, step):
            data = b"x\n" * (before // 2) + b"\n" * (before % 2) + line + b"y\n" * 30_000
            found = scan(data).findings
            assert [f.value for f in found] == [token.encode()], (border, before)
            assert (found[0].line, found[0].column) == (before // 2 + before % 2 + 1, 19)


def test_what_says_that_it_is_ignored_is_counted_only() -> None:
    plant = next(p for p in make_plants(_PREFIX, 1) if p.provider.name == "huggingface")
    report = scan(f"a = 1\nt = '{plant.value}'  # credman:ignore\n".encode())
    assert (report.findings, report.ignored) == ([], 1)
    assert len(scan(f"# credman:ignore\nt = '{plant.value}'\n".encode()).findings) == 1


def test_a_remark_counts_beside_its_token_only() -> None:
    plant = next(p for p in make_plants(_PREFIX, 1) if p.provider.name == "huggingface")
    line, remark = b"x" * 300 + b" " + plant.value.encode() + b" ", b"credman:ignore"
    for data, is_ignored in (
        (line + b"# " + remark + b"y" * 500, True),
        (line + b"y" * 180 + remark, True),
        (line + b"y" * 201 + remark, False),
        (remark + line + b"y" * 500, False),
        (remark + b" " + plant.value.encode(), True),
    ):
        assert scan(data).ignored == is_ignored, data
        assert len(scan(data).findings) == (not is_ignored), data


def test_a_remark_hides_no_stored_value() -> None:
    value = next(p for p in make_plants(_PREFIX, 1) if p.provider.name == "huggingface").value
    report = scan(f"t = '{value}'  # credman:ignore\n".encode(), [value.encode()])
    assert (len(report.findings), report.ignored) == (1, 0)
