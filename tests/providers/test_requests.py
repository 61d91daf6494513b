"""What is sent to each provider, compared with requests.txt, which the code here did not make."""

from __future__ import annotations

import base64
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from credman.core.secret import Secret
from credman.providers.calls import Call, list_names, read_revoke, read_rotate, read_verify
from credman.providers.catalogue import Provider
from credman.providers.client import Request
from credman.providers.places import check_url
from tests.providers.asked import KEPT, TOKENS, make_asker, make_parts
from tests.providers.factories import CATALOGUE

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PROVIDERS = list(CATALOGUE.providers.values())
KINDS = ("verify", "rotate", "revoke")


def read_examples() -> dict[tuple[str, str], list[str]]:
    """Returns: by provider and kind, the requests that are to be sent, or why there is none."""
    text = Path(__file__).with_name("requests.txt").read_text("utf-8")
    found: dict[tuple[str, str], list[str]] = {}
    for block in text.split("\n== ")[1:]:
        title, _, rest = block.partition("\n")
        name, kind = title.split(" ")
        assert (name, kind) not in found and kind in KINDS
        found[name, kind] = re.split(r"\n(?=[A-Z]+ https:)", rest.strip())
    return found


EXAMPLES = read_examples()


def spell(request: Request) -> str:
    """Returns: a request in the words of requests.txt."""
    lines = [f"{request.method} {request.url}"]
    for name, value in sorted(request.headers.items(), key=lambda item: item[0].lower()):
        scheme, _, rest = value.partition(" ")
        decoded = base64.b64decode(rest, validate=True).decode() if scheme == "Basic" else rest
        lines.append(f"{name}: {scheme} {decoded}" if rest else f"{name}: {value}")
    if request.body:
        body = request.body.decode("ascii")
        lines.append(f"> {normalize(body)}")
    else:
        assert request.body == (None if request.method in ("GET", "DELETE") else b"")
    return "\n".join(lines)


def normalize(body: str) -> str:
    return json.dumps(json.loads(body), sort_keys=True) if body.startswith("{") else body


def expect(provider: Provider, kind: str) -> list[str]:
    token = TOKENS.get(provider.name, "TOKEN")
    texts = []
    for text in EXAMPLES[provider.name, kind]:
        head, mark, body = text.partition("\n> ")
        whole = head + mark + (normalize(body) if mark else "")
        texts.append(re.sub(r"\bTOKEN\b", lambda _: token, whole))
    return texts


def ask(provider: Provider, kind: str) -> list[Request]:
    """Returns: what is sent."""
    asker, client = make_asker(provider.name)
    parts = make_parts(provider)
    if kind == "verify":
        asker.verify(parts)
    elif kind == "rotate":
        made = asker.prepare_rotation(parts, name="mine", now=NOW, lifetime=None)
        return [*client.sent, made]  # whoever asks for it sends it
    else:
        successor = {**parts, "token": Secret("SUCCESSOR")}
        asker.revoke(parts, successor=successor, ids=KEPT)
    return client.sent


def has_call(provider: Provider, kind: str) -> bool:
    return (
        (kind == "verify" and read_verify(provider.online).call is not None)
        or (kind == "rotate" and read_rotate(provider.online).call is not None)
        or (kind == "revoke" and read_revoke(provider.online).call is not None)
    )


CALLS = [(p, kind) for p in PROVIDERS for kind in KINDS if has_call(p, kind)]


def title(pair: tuple[Provider, str]) -> str:
    return f"{pair[0].name} {pair[1]}"


def test_the_examples_are_of_exactly_these_providers() -> None:
    assert {name for name, kind in EXAMPLES if kind == "verify"} == set(CATALOGUE.providers)
    written = {key for key, texts in EXAMPLES.items() if not texts[0].startswith("- ")}
    assert written == {(p.name, kind) for p, kind in CALLS}
    assert len(CALLS) == 57 + 10 + 13


@pytest.mark.parametrize("pair", CALLS, ids=title)
def test_what_is_sent_is_what_was_written_down(pair: tuple[Provider, str]) -> None:
    provider, kind = pair
    assert [spell(request) for request in ask(provider, kind)] == expect(provider, kind)


def test_where_nothing_is_sent_the_reason_is_said() -> None:
    reasons = {name: t[0][2:] for (name, kind), t in EXAMPLES.items() if t[0].startswith("- ")}
    assert reasons.pop("aws") == "aws"
    aws = CATALOGUE.get("aws").online
    assert {read_verify(aws).auth, read_rotate(aws).auth, read_revoke(aws).auth} == {"aws"}
    for name, reason in reasons.items():
        asker, client = make_asker(name)
        verdict = asker.verify(make_parts(CATALOGUE.get(name)))
        assert (verdict.liveness.value, verdict.reason) == ("unknown", reason)
        assert verdict.is_final and client.sent == []
        assert not has_call(CATALOGUE.get(name), "verify")


@pytest.mark.parametrize("pair", CALLS, ids=title)
def test_no_secret_is_in_a_url(pair: tuple[Provider, str]) -> None:
    provider, kind = pair
    secrets = {f.key for f in provider.fields if f.secret} | {"successor", "access"}
    assert not [c for c in list_calls(provider) if set(re.findall(r"\{(\w+)\}", c.url)) & secrets]
    for request in ask(provider, kind):
        check_url(request.url)
        parts = urlsplit(request.url)
        assert parts.username is parts.password is None and parts.scheme == "https"
        for value in ("TOKEN", "SUCCESSOR", "REFRESH", "ACCESS"):
            assert value not in request.url


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda p: p.name)
def test_a_request_asks_for_nothing_that_nobody_knows(provider: Provider) -> None:
    keys = {f.key for f in provider.fields}
    verify, rotate, revoke = (
        read_verify(provider.online), read_rotate(provider.online), read_revoke(provider.online),
    )  # fmt: skip
    if verify.call is not None:
        assert list_names(verify.call) <= keys and "token" in list_names(verify.call)
    made = keys | {"label", "expires_date", "lifetime_seconds"}
    for call in rotate.lookups:
        assert list_names(call) <= keys
    if rotate.call is not None:
        assert list_names(rotate.call) <= made | {n for c in rotate.lookups for n in c.take}
        assert set(rotate.new) <= keys and "token" in rotate.new
    if revoke.call is not None:
        found = {n for c in revoke.lookups for n in c.take} | set(revoke.derive)
        assert list_names(revoke.call) <= keys | found | set(rotate.keep) | {"successor"}


def list_calls(provider: Provider) -> list[Call]:
    rotate, revoke = read_rotate(provider.online), read_revoke(provider.online)
    calls = (read_verify(provider.online).call, rotate.call, revoke.call)
    return [*(c for c in calls if c is not None), *rotate.lookups, *revoke.lookups]


@pytest.mark.parametrize(
    ("name", "token", "can_rotate", "can_revoke"),
    [
        ("gitlab", "glpat-x", True, True),
        ("gitlab", "gldt-x", False, False),
        ("gitlab", "glrt-x", False, False),
        ("cloudflare", "cfut_x", True, True),
        ("cloudflare", "cfat_x", False, False),
        ("cloudflare", "cfk_x", False, False),
        ("databricks", "dapi0", True, False),  # the id that it is deleted by was not kept
        ("databricks", "dose0", False, False),
        ("label-studio", "eyJh.eyJi.c", True, True),
        ("label-studio", "0" * 40, False, False),
        ("github", "github_pat_x", False, True),
        ("github", "ghr_x", False, True),
        ("github", "ghs_x", False, False),
        ("sendgrid", "SG." + "a" * 22 + "." + "b" * 43, True, True),
        ("sendgrid", "SG.short", True, False),
        ("wandb", "x", True, False),
        ("huggingface", "hf_x", False, True),
        ("openai", "sk-x", False, False),
        ("fireworks", "fw_x", False, False),
        ("weaviate", "x", True, False),
        ("slack", "xoxb-x", False, True),
        ("slack-config", "xoxe.xoxp-x", True, False),
    ],
)
def test_which_values_can_do_it(name: str, token: str, can_rotate: bool, can_revoke: bool) -> None:
    asker, _ = make_asker(name)
    parts = make_parts(CATALOGUE.get(name), token=token)
    assert (asker.find_obstacle(parts) == "") is can_rotate
    assert asker.can_revoke(parts, {}) is can_revoke


def test_who_ends_the_old_value_by_making_a_new_one() -> None:
    able = {p.name for p in PROVIDERS if read_rotate(p.online).call is not None}
    atomic = {name for name in able if read_rotate(CATALOGUE.get(name).online).ends_old}
    assert atomic == {"gitlab", "label-studio", "cloudflare", "weaviate", "slack-config"}
    assert able - atomic == {"perplexity", "databricks", "wandb", "sendgrid", "twilio"}
    # What does not end by itself can be ended afterwards.
    assert all(has_call(CATALOGUE.get(name), "revoke") for name in able - atomic)


def test_an_id_is_part_of_the_value_where_the_provider_puts_it_there() -> None:
    asker, client = make_asker("sendgrid")
    token = "SG." + "i" * 22 + "." + "s" * 43
    parts = {"token": Secret(token)}
    asker.revoke(parts, successor=None, ids={})
    assert client.sent[0].url == "https://api.sendgrid.com/v3/api_keys/" + "i" * 22
    assert client.sent[0].headers["Authorization"] == f"Bearer {token}"


def test_a_shorter_lifetime_is_asked_for_and_a_longer_one_is_not() -> None:
    for days, expected in ((30, "2026-12-22"), (400, "2027-11-22")):
        asker, _ = make_asker("gitlab")
        parts = make_parts(CATALOGUE.get("gitlab"))
        request = asker.prepare_rotation(parts, name="mine", now=NOW, lifetime=timedelta(days=days))
        assert request.url.endswith(f"?expires_at={expected}")
