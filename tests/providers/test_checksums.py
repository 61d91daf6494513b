"""Checksums in tokens, with the synthetic examples of the report on providers.

No example stands here whole: it would look like a token to whoever scans the repository.
"""

from __future__ import annotations

import pytest

from credman.providers.checksums import CHECKSUMS
from tests.providers.factories import CATALOGUE, make_values
from tests.providers.shapes import complete

BODY = "EXAMPLE" * 7
VECTORS = {
    "ghp": ("github", "crc32-base62", "ghp_" + BODY[:30], "0i2ab2"),
    "npm": ("npm", "crc32-base62", "npm_" + BODY[:30], "0i2ab2"),
    "glpat": ("gitlab", "crc32-base36", "glpat-" + BODY[:32] + ".01.0w", "0jm8vlp"),
    "pat": ("github", "sha256-base32", "github_pat_" + BODY[:22] + "_" + BODY[:43], "EB4Y4AYL"),
}
TAIL = {"pat": "restrest"}
"""What stands behind the checksum."""


@pytest.mark.parametrize("kind", VECTORS)
def test_the_examples_of_the_report_are_right(kind: str) -> None:
    provider, checksum, body, written = VECTORS[kind]
    token = body + written + TAIL.get(kind, "")
    assert CHECKSUMS[checksum](token)
    assert complete(body + "0" * len(written) + TAIL.get(kind, ""), checksum) == token
    owner = CATALOGUE.get(provider)
    shape = owner.find_shape(owner.fields[0].name, token)
    assert shape is not None and shape.checksum == checksum
    assert not shape.has_wrong_checksum(token)


@pytest.mark.parametrize("kind", VECTORS)
def test_every_mistyped_character_is_noticed(kind: str) -> None:
    _, checksum, body, written = VECTORS[kind]
    token = body + written + TAIL.get(kind, "")
    begin = body.index("EXAMPLE")
    for place in range(begin, len(body + written)):
        for other in "x9":
            if token[place] not in (other, "_", "."):
                assert not CHECKSUMS[checksum](token[:place] + other + token[place + 1 :])


def test_which_shapes_have_one_and_how_much_it_proves() -> None:
    found = {
        (p.name, s.name): (s.checksum, s.has_advisory_checksum)
        for p in CATALOGUE.providers.values()
        for s in p.shapes
        if s.checksum or s.has_advisory_checksum
    }
    assert found == {
        ("github", "fine-grained personal access token"): ("sha256-base32", True),
        ("github", "classic PAT / OAuth / user-to-server"): ("crc32-base62", False),
        ("github", "refresh token"): ("crc32-base62", False),
        ("gitlab", "routable, versioned"): ("crc32-base36", False),
        ("gitlab", "routable, unversioned"): ("crc32-base36", True),
        ("npm", "access token"): ("crc32-base62", True),
    }


def test_a_value_of_each_of_them_is_right_and_a_cut_one_is_not() -> None:
    for provider in CATALOGUE.providers.values():
        for shape in provider.shapes:
            if shape.checksum:
                for value in make_values(shape, 5):
                    assert not shape.has_wrong_checksum(value)
                    other = "a" if value[12] != "a" else "b"
                    assert shape.has_wrong_checksum(value[:12] + other + value[13:])


def test_an_installation_token_of_github_is_not_measured() -> None:
    shape = CATALOGUE.get("github").find_shape("GH_TOKEN", "ghs_" + BODY[:36])
    assert shape is not None and shape.checksum == ""


def test_a_mistyped_token_is_doubted() -> None:
    github = CATALOGUE.get("github")
    right = "".join(VECTORS["ghp"][2:])
    assert CATALOGUE.doubt(github, "GH_TOKEN", right) is None
    wrong = CATALOGUE.doubt(github, "GH_TOKEN", right[:-1] + "3")
    assert wrong is not None and "checksum" in wrong
