"""Whatever engine looks, the findings are the same."""

from __future__ import annotations

import random
import string
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credman.providers.facts import ShapeKind
from credman.providers.literals import list_heads
from credman.watch.scan.engines import ENGINES, compile_hyperscan
from credman.watch.scan.findings import Report
from tests.providers.factories import CATALOGUE
from tests.watch.scan.planting import KINDS, make_plants
from tests.watch.scan.scanning import open_engine, scan

OTHERS = ENGINES[1:]
_HEADS = sorted(
    {h for p in CATALOGUE.providers.values() for s in p.shapes for h in list_heads(s.pattern) if h}
)
_NAMES = sorted({f.name for p in CATALOGUE.providers.values() for f in p.fields})


def _tell(report: Report) -> list[object]:
    return [
        (f.line, f.column, f.value, f.provider, f.kind, f.inside, f.cell) for f in report.findings
    ]


@pytest.mark.parametrize("engine", OTHERS)
def test_planted_tokens_are_found_by_every_engine(engine: str) -> None:
    open_engine(engine)
    chance = random.Random(engine)
    kinds = list(KINDS.values())
    for plant in make_plants((ShapeKind.PREFIX, ShapeKind.SHARED, ShapeKind.CONTEXT), 3):
        kind = chance.choice(kinds)
        data = kind.write(plant.variable, plant.value)
        expected = _tell(scan(data, name=kind.name, engine="hyperscan"))
        assert _tell(scan(data, name=kind.name, engine=engine)) == expected, (plant[:2], kind.name)


def _soup() -> st.SearchStrategy[bytes]:
    pieces = st.one_of(
        st.sampled_from(_HEADS),
        st.sampled_from(_NAMES),
        st.sampled_from(
            [" = ", ": ", "=", '"', "'", "\\n", "\n", "\\u0068", ":\\/\\/", "%3A", "."]
        ),
        st.text(string.ascii_letters + string.digits, min_size=1, max_size=48),
        st.text("0123456789abcdef", min_size=32, max_size=64),
        st.sampled_from(make_plants((ShapeKind.PREFIX,), 6)).map(lambda plant: plant.value),
        st.binary(max_size=3).map(lambda raw: raw.decode("latin-1")),
    )
    return st.lists(pieces, max_size=12).map(lambda parts: "".join(parts).encode("latin-1"))


@pytest.mark.parametrize("engine", OTHERS)
@settings(max_examples=60, deadline=None)
@given(data=_soup())
def test_engines_agree_on_anything_like_a_token(engine: str, data: bytes) -> None:
    open_engine(engine)
    assert _tell(scan(data, engine=engine)) == _tell(scan(data, engine="hyperscan"))


@pytest.mark.parametrize("engine", OTHERS)
@settings(max_examples=80, deadline=None)
@given(data=_soup())
def test_an_engine_tells_of_every_pattern_that_python_finds(engine: str, data: bytes) -> None:
    # What ``re`` confirms may only be less than what an engine tells.
    wanted = {*open_engine("re").matcher.find(data)}
    for name in ("hyperscan", engine):
        assert wanted <= {*open_engine(name).matcher.find(data)}


def _list_sources(limit: int) -> list[Path]:
    folder = Path(sysconfig.get_path("stdlib"))
    found, size = [], 0
    for path in sorted(folder.rglob("*.py")):
        if "site-packages" not in path.parts and size < limit:
            found.append(path)
            size += path.stat().st_size
    assert size > limit // 2
    return found


@pytest.mark.parametrize(
    ("engine", "limit"),
    [
        ("re2", 4_000_000),
        ("re", 1_000_000),
        pytest.param("re2", 12_000_000, marks=pytest.mark.deep),
        pytest.param("re", 12_000_000, marks=pytest.mark.deep),
    ],
)
def test_engines_agree_on_clean_source(engine: str, limit: int) -> None:
    one, other = open_engine("hyperscan").matcher, open_engine(engine).matcher
    for path in _list_sources(limit):
        data = path.read_bytes()
        assert {*one.find(data)} <= {*other.find(data)}, path
        assert scan(data, engine=engine).findings == [], path


@pytest.mark.parametrize("engine", ENGINES)
def test_a_part_of_a_token_may_be_long(engine: str) -> None:
    part = "".join(random.Random(2).choices(string.ascii_letters + string.digits, k=1800))
    token = f"eyJ{part}.eyJ{part}.{part[:43]}"
    found = scan(f"LABEL_STUDIO_API_KEY={token}\n".encode(), engine=engine).findings
    assert [f.value.decode() for f in found] == [token]


@pytest.mark.parametrize("engine", ENGINES)
def test_nothing_is_in_nothing(engine: str) -> None:
    matcher = open_engine(engine).matcher
    assert matcher.find(b"") == [] and matcher.clone().find(b"\0" * 100) == []
    assert scan(b"", [b"some value"], engine=engine).findings == []


def test_patterns_that_an_engine_does_not_take_are_refused_without_being_told() -> None:
    with pytest.raises(ValueError, match=r"^hyperscan does not take these patterns$"):
        compile_hyperscan([b"secret(" + b"a" * 20])


def test_the_light_modules_import_next_to_nothing() -> None:
    modules = "credman.watch.scan.engines, credman.watch.scan.needles, credman.watch.scan.patterns"
    code = f"import sys; import {modules}; print(*sorted(sys.modules))"
    root = str(Path(__file__).parents[3])
    run = [sys.executable, "-I", "-S", "-c", f"import sys; sys.path.insert(0, {root!r}); {code}"]
    loaded = subprocess.run(run, check=True, capture_output=True, text=True).stdout.split()
    assert "credman.watch.scan.needles" in loaded
    assert {"re", "typing", "json", "dataclasses", "hyperscan", "pathlib"}.isdisjoint(loaded)
