"""Values that could be guessed: none of them gets a digest, and simple ones are not looked for."""

from __future__ import annotations

import random
import string
import time

import pytest

from credman.core.errors import Refused
from credman.providers.facts import ShapeKind
from credman.watch.scan import baseline
from credman.watch.scan.content import Memory
from credman.watch.scan.findings import Basis, Finding
from credman.watch.scan.fingerprints import Fingerprints, is_eligible
from credman.watch.scan.judging import FINGERPRINT_BITS, estimate_bits
from credman.watch.scan.needles import is_telling, make_needles
from credman.watch.scan.recognizing import TooMany
from credman.watch.scan.searching import Effort, Exhausted, Searcher
from tests.watch.scan.planting import make_plants
from tests.watch.scan.scanning import open_engine, scan

_SECRET = [kind for kind in ShapeKind if kind is not ShapeKind.PUBLIC]
_KEY = b"k" * 32


@pytest.mark.parametrize(
    "value",
    [
        b"correct-horse-battery-staple-lamp",
        b"postgres-production-password-2024",
        b"Postgres_Production_Password_2024",
        b"MyCompanySecretPassword2024",
        b"MYCOMPANY_SECRET_PASSWORD_2024",
        b"admin:hunter2:production:database",
        b"http://grafana.internal.company:3000/login",
    ],
)
def test_what_is_made_of_words_gets_no_fingerprint(value: bytes) -> None:
    assert estimate_bits(value) >= FINGERPRINT_BITS  # by its characters alone it would
    assert not is_eligible(value)


def test_real_tokens_get_one() -> None:
    count = 0
    for seed in range(5):
        for plant in make_plants(_SECRET, seed):
            value = plant.value.encode()
            body = value[len(plant.shape.head(plant.value)) :]
            is_secret = "://" not in plant.value and not plant.shape.is_part
            if is_secret and min(estimate_bits(body), estimate_bits(value)) >= FINGERPRINT_BITS:
                count += 1
                assert is_eligible(value), (plant.provider.name, plant.shape.name, seed)
    assert count > 200


@pytest.mark.parametrize(
    "value", [b"postgres", b"password", b"localhost", b"Password-2026", b"hunter2", b"12345678901"]
)
def test_a_simple_value_is_not_looked_for(value: bytes) -> None:
    assert not is_telling(value) and make_needles([value]) == []
    assert scan(b"host: " + value + b"\n", [value]).findings == []


@pytest.mark.parametrize("value", [b"k7w2m9xq4t", b"Tr0ub4dor&3", b"a long sentence of words"])
def test_a_value_that_tells_is_looked_for(value: bytes) -> None:
    assert is_telling(value)
    assert len(scan(b"key: " + value + b"\n", [value]).findings) == 1


def _find(value: str, masked: str) -> Finding:
    return Finding("a", 1, 1, value.encode(), masked, Basis.PATTERN)


def test_what_stands_beside_a_digest_does_not_count_for_it() -> None:
    chance = random.Random(3)
    body = "".join(chance.choices(string.ascii_letters + string.digits, k=34))
    baseline.accept(baseline.new_baseline(), [_find("hf_" + body, f"hf_…{body[-4:]}")])
    head = "".join(chance.choices(string.ascii_letters, k=20))  # such as that of PyPI's
    short = head + body[:16]
    assert estimate_bits(short.encode()) > FINGERPRINT_BITS
    with pytest.raises(Refused, match="so simple"):
        baseline.accept(baseline.new_baseline(), [_find(short, f"{head}…{short[-4:]}")])


def _know(*values: bytes) -> Fingerprints:
    import hmac

    entries = {
        b"%d" % n: (hmac.digest(_KEY, value, "sha256"), len(value))
        for n, value in enumerate(values)
    }
    return Fingerprints(_KEY, {b"s": entries})


_VALUES = ["".join(random.Random(n).choices(string.ascii_letters, k=37 + n)) for n in (0, 3)]


@pytest.mark.parametrize("data", [b"a/" * 4_000_000, (b"a/" * 2000 + b" ") * 2000])
def test_f14_borders_everywhere_take_no_time(data: bytes) -> None:
    finder = _know(*(value.encode() for value in _VALUES)).make_finder()
    begun = time.monotonic()
    with pytest.raises(TooMany):
        for _ in finder.find_all(data):
            pass
    assert time.monotonic() - begun < 12  # a guard: to try them all takes half a minute


def test_what_was_not_tried_is_told_and_the_rest_is_found() -> None:
    known = _VALUES[0].encode()
    token = b"hf_" + "".join(random.Random(9).choices(string.ascii_letters, k=34)).encode()
    finder = _know(known, _VALUES[1].encode()).make_finder()
    data = known + b" " + b"a/" * 500_000 + b" " + token + b" " + known
    searcher = Searcher(open_engine("hyperscan"), digests=finder)
    assert not searcher.is_clean(data)
    (window,) = Memory(data).windows()
    with pytest.raises(Exhausted) as caught:
        searcher.search(window, Effort())
    assert [hit.value for hit in caught.value.hits] == [known, token, known]
