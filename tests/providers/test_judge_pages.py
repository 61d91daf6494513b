"""Pages for people: a sign-in page, a portal of the network or a firewall's says nothing of a
token, whatever its status is. Nor does JSON that holds nothing of what the provider's holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from credman.core.model import Liveness
from credman.providers.calls import Verify, read_verify
from credman.providers.catalogue import Provider
from credman.providers.client import Answer
from credman.providers.judging import judge
from tests.providers.asked import make_answer, make_asker, make_parts
from tests.providers.factories import CATALOGUE

ASKED = [p for p in CATALOGUE.providers.values() if read_verify(p.online).call is not None]
PAGES = [
    make_answer(body="<!doctype html><title>Sign in</title>"),
    make_answer(body="\r\n  <html>Just a moment</html>"),
    make_answer(body="Sign in, please", content_type="text/html; charset=utf-8"),
    make_answer(body={"expired": True, "error": "Forbidden"}, content_type="TEXT/HTML"),
    make_answer(body="", content_type="text/html"),
    make_answer(body="<?xml version='1.0'?><error>expired</error>"),
]
NO_DATA = ["", "OK", "[" * 100_000, "{'name': 'me'}", '{"name": "me"', "\x00", "NaN me"]
OTHER_DATA: list[Any] = [
    {"unrelated": 1}, {}, [], "null", "true", "17", '"a text"',
    {"status": "ok"}, {"portal": {"login": "https://wifi.example"}},
]  # fmt: skip


def judge_as(provider: Provider, status: int, answer: Answer) -> Liveness:
    verifying, parts = read_verify(provider.online), make_parts(provider)
    return judge(verifying, Answer(status, answer.headers, answer.body), parts).liveness


def names_of(verifying: Verify) -> list[str]:
    """Returns: what an answer of the provider holds, where its file says so."""
    paths = (
        verifying.identity_path, verifying.account_path, verifying.expires_path,
        *verifying.extra_paths.values(),
    )  # fmt: skip
    return [path for path in paths if path and not path.startswith("jwt:")]


@pytest.mark.parametrize("provider", ASKED, ids=lambda p: p.name)
def test_a_page_for_people_is_never_live_and_never_dead(provider: Provider) -> None:
    verifying = read_verify(provider.online)
    assert verifying.call is not None
    for status in {200, 401, 403, 404, *verifying.call.ok, *verifying.invalid}:
        for page in PAGES:
            assert judge_as(provider, status, page) is Liveness.UNKNOWN, (status, page)


@pytest.mark.parametrize("provider", ASKED, ids=lambda p: p.name)
def test_what_is_no_data_is_not_live(provider: Provider) -> None:
    for text in NO_DATA:
        assert judge_as(provider, 200, make_answer(body=text)) is Liveness.UNKNOWN, text[:20]


NAMED = [
    p
    for p in ASKED
    if names_of(read_verify(p.online)) and not read_verify(p.online).identity_url
    if not read_verify(p.online).active_path
]


@pytest.mark.parametrize("provider", NAMED, ids=lambda p: p.name)
def test_data_without_anything_that_is_expected_is_not_live(provider: Provider) -> None:
    for data in OTHER_DATA:
        found = judge_as(provider, 200, make_answer(body=data))
        assert found is Liveness.UNKNOWN, data


def test_most_providers_say_who_it_is() -> None:
    assert len(NAMED) > len(ASKED) // 3
    assert {"huggingface", "gitlab", "github"} <= {p.name for p in NAMED}


def test_a_part_of_what_is_expected_is_enough() -> None:
    for name, data in (
        ("huggingface", {"name": "me"}),
        ("huggingface", {"name": None, "auth": {"accessToken": {"role": "read"}}}),
        ("gitlab", {"user_id": 7}),
    ):
        provider = CATALOGUE.get(name)
        assert judge_as(provider, 200, make_answer(body=data)) is Liveness.LIVE


@pytest.mark.parametrize("status", [401, 403])
def test_a_plain_no_is_still_one(status: int) -> None:
    provider = CATALOGUE.get("databricks")
    for body in ({"error": "invalid token"}, "no", ""):
        assert judge_as(provider, status, make_answer(body=body)) is Liveness.DEAD


def test_the_verdict_repeats_nothing_of_a_page() -> None:
    text = json.dumps({"name": "<b>EXAMPLE</b>"})
    asker, _ = make_asker("huggingface", answer=make_answer(body=text, content_type="text/html"))
    verdict = asker.verify(make_parts(asker.provider))
    assert verdict.liveness is Liveness.UNKNOWN and verdict.identity == ""
    assert verdict.reason == "answered with something else than data"
