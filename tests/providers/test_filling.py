"""A value that is filled into a request stays a value: it ends where its place ends."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from credman.core.errors import UsageError
from credman.core.model import Liveness
from credman.core.secret import Secret
from credman.providers.calls import (
    Call,
    build_request,
    list_names,
    read_revoke,
    read_rotate,
    read_verify,
)
from credman.providers.catalogue import Provider
from credman.providers.client import Request
from credman.providers.places import check_url
from tests.providers.asked import make_asker, make_parts
from tests.providers.factories import CATALOGUE

PROVIDERS = list(CATALOGUE.providers.values())
MOVABLE = [p for p in PROVIDERS if p.base is not None]

JSON = {"Content-Type": "application/json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}

HOSTILE = [
    '"', '","a":"b', "\\", "{token}", "{other}", "{", "}}", "a&b=c", "a=b", "a+b %26", "a\nb",
    "\r\nX-Evil: 1", "\x00", "#", "?x=1", "../..", "ÿ€😀", "null", "true", "[]", " ", "\u2028",
]  # fmt: skip
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text not in (".", "..")
) | st.sampled_from(HOSTILE)
PRINTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1)


def build(call: Call, **values: Any) -> Request:
    return build_request(call, {"other": "OTHER", **values})


def post(body: str, headers: dict[str, str] = JSON) -> Call:
    return Call("POST", "https://api.example.com/x", headers, body)


@given(TEXTS)
@example('"}')
def test_in_json_it_is_one_text(value: str) -> None:
    call = post('{"a":"{token}","b":["x {token} y",{"c":"{other}"}],"{token}":"{ token }","n":[1]}')
    body = build(call, token=value).body
    assert body is not None and json.loads(body) == {
        "a": value, "b": [f"x {value} y", {"c": "OTHER"}], "{token}": "{ token }", "n": [1],
    }  # fmt: skip


@given(TEXTS, TEXTS)
def test_in_a_form_it_is_one_field(one: str, two: str) -> None:
    call = post("a={token}&b=x+{two}%26&c=&d={other}", FORM)
    body = build(call, token=one, two=two).body
    assert body is not None
    assert parse_qsl(body.decode("ascii"), keep_blank_values=True) == [
        ("a", one), ("b", f"x {two}&"), ("c", ""), ("d", "OTHER"),
    ]  # fmt: skip


@given(TEXTS)
def test_in_a_url_it_is_one_part(value: str) -> None:
    call = Call("GET", "https://api.example.com/a/{name}/b?c={name}", {}, query={"d": "{name}"})
    parts = urlsplit(build(call, name=value).url)
    assert (parts.scheme, parts.netloc, parts.fragment) == ("https", "api.example.com", "")
    assert [unquote(part) for part in parts.path.split("/")] == ["", "a", value, "b"]
    assert parse_qsl(parts.query, keep_blank_values=True) == [("c", value), ("d", value)]


@given(TEXTS)
def test_in_a_host_it_stays_in_front_of_what_follows(value: str) -> None:
    call = Call("GET", "https://{account}.example.com/a", {})
    try:
        url = build(call, account=value).url
    except UsageError:
        return
    parts = urlsplit(url)
    assert parts.hostname is not None and parts.hostname.endswith(".example.com")
    assert (parts.path, parts.query, parts.fragment) == ("/a", "", "")
    assert parts.username is parts.password is None


@given(TEXTS)
def test_basic_holds_both_parts_as_they_are(value: str) -> None:
    call = Call("GET", "https://api.example.com/x", {}, basic=("{other}", "{token}"))
    scheme, _, rest = build(call, token=value).headers["Authorization"].partition(" ")
    assert scheme == "Basic" and base64.b64decode(rest).decode() == f"OTHER:{value}"


@given(PRINTABLE)
def test_a_header_holds_it_as_it_is(value: str) -> None:
    call = Call("GET", "https://api.example.com/x", {"Authorization": "Bearer {token}"})
    assert build(call, token=value).headers == {"Authorization": f"Bearer {value}"}


@given(TEXTS.filter(lambda text: not text.isascii() or not text.isprintable()))
@example("a\nb")
@example("a\rX-Evil: 1")
@example("a\x00b")
@example("é")
@example("a\x7f")
def test_what_no_header_can_hold_is_refused_and_not_repeated(value: str) -> None:
    call = Call("GET", "https://api.example.com/x", {"Authorization": "Bearer {token}"})
    secret = f"s3cr3t{value}s3cr3t"
    with pytest.raises(UsageError) as caught:
        build(call, token=Secret(secret))
    assert "s3cr3t" not in f"{caught.value.message} {caught.value.hint} {caught.value!r}"


@pytest.mark.parametrize(
    ("body", "value", "expected"),
    [
        ('"{scopes}"', ["a", "b"], ["a", "b"]),
        ('"{scopes}"', 90, 90),
        ('"{scopes}"', "90", "90"),
        ('"for {scopes}"', 90, "for 90"),
        ('{"a":["{scopes}"]}', ["a"], {"a": [["a"]]}),
    ],
)
def test_what_stands_alone_keeps_its_kind(body: str, value: Any, expected: Any) -> None:
    sent = build(post(body), scopes=value).body
    assert sent is not None and json.loads(sent) == expected


@pytest.mark.parametrize("value", ["", None])
def test_a_part_that_is_missing_is_named(value: str | None) -> None:
    call = Call("GET", "https://api.example.com/{account}", {})
    with pytest.raises(UsageError, match="account is not known"):
        build(call, account=value)
    with pytest.raises(UsageError, match="account is not known"):
        build(call)


def test_a_secret_goes_into_no_url() -> None:
    for url in ("https://x.example/{token}", "https://x.example/?a={token}", "{token}/x"):
        with pytest.raises(UsageError, match="a secret goes into no URL"):
            build_request(Call("GET", url, {}), {"token": "T"}, secret=frozenset({"token"}))
    call = Call("GET", "https://x.example", {}, query={"a": "{token}"})
    with pytest.raises(UsageError, match="a secret goes into no URL"):
        build_request(call, {"token": "T"}, secret=frozenset({"token"}))


@pytest.mark.parametrize("value", [".", ".."])
def test_a_part_of_a_path_takes_nothing_of_it_away(value: str) -> None:
    with pytest.raises(UsageError, match="not the URL of a provider"):
        build(Call("DELETE", "https://api.example.com/keys/{id}", {}), id=value)


def test_a_part_of_a_path_that_is_no_text_is_refused_in_words() -> None:
    with pytest.raises(UsageError, match="it is not text"):
        build(Call("GET", "https://api.example.com/{id}", {}), id=Secret.from_bytes(b"\xff"))


@pytest.mark.parametrize(
    "place",
    ["example.org", "http://example.org", "https://user:pw@example.org", "https://", "ftp://x", "/",
     "https://exa mple.org", "https://example.org\\@evil.example", "https://example.org\n", "{x}"],
)  # fmt: skip
def test_a_place_that_is_none_is_refused_before_anything_is_sent(place: str) -> None:
    asker, client = make_asker("argilla")
    parts = {"api_url": Secret(place), "token": Secret("TOKEN")}
    verdict = asker.verify(parts)
    if place.strip() == "https://example.org":
        assert client.sent[0].url == "https://example.org/api/v1/me"
    else:
        assert verdict.liveness is Liveness.UNKNOWN and client.sent == []
    assert "TOKEN" not in verdict.reason and "pw" not in verdict.reason


@pytest.mark.parametrize(
    "name", ["qdrant", "wandb", "twilio", "kaggle", "nvidia", "azure", "huggingface", "gitlab"]
)
def test_bytes_that_are_no_text_are_refused_in_words(name: str) -> None:
    asker, client = make_asker(name)
    parts = {**make_parts(CATALOGUE.get(name)), "token": Secret.from_bytes(b"s3cr3t\xff\xfe")}
    verdict = asker.verify(parts)
    assert verdict.liveness is Liveness.UNKNOWN and "s3cr3t" not in verdict.reason
    assert client.sent == []


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda p: p.name)
def test_the_requests_of_every_provider_keep_values_apart(provider: Provider) -> None:
    rotate, revoke = read_rotate(provider.online), read_revoke(provider.online)
    calls = (read_verify(provider.online).call, rotate.call, revoke.call)
    for call in (*calls, *rotate.lookups, *revoke.lookups):
        if call is None:
            continue
        plain = {name: f"V{number}" for number, name in enumerate(sorted(list_names(call)))}
        hostile = {name: f'{value}"}}&x=1?#/ {{token}}' for name, value in plain.items()}
        base = {n for n in plain if call.url.startswith(f"{{{n}}}")}
        own = dict.fromkeys(base, "https://own.example")
        one, two = build_request(call, plain | own), build_request(call, hostile | own)
        assert shape_of(one, plain) == shape_of(two, hostile)


def shape_of(request: Request, values: dict[str, str]) -> list[object]:
    """Returns: the request taken apart as its receiver does, with names in place of values."""
    named = sorted(values.items(), key=lambda item: -len(item[1]))

    def name(text: str) -> str:
        for key, value in named:
            text = text.replace(value, f"<{key}>")
        return text

    parts = urlsplit(request.url)
    # A name of a host holds nothing that is to be read back: it is compared up to its first dot.
    host = parts.netloc.partition(".")[2] if "account" in values else parts.netloc
    url = [host, *(name(unquote(p)) for p in parts.path.split("/")), parts.fragment]
    query = [(key, name(value)) for key, value in parse_qsl(parts.query)]
    headers = {
        key: name(base64.b64decode(v[6:]).decode() if v.startswith("Basic ") else v)
        for key, v in request.headers.items()
    }
    body = (request.body or b"").decode("ascii")
    if body and request.headers["Content-Type"] == FORM["Content-Type"]:
        return [url, query, headers, [(k, name(v)) for k, v in parse_qsl(body)]]
    if not body:
        return [url, query, headers]
    return [url, query, headers, walk(json.loads(body), name)]


def walk(data: Any, name: Any) -> Any:
    match data:
        case str():
            return name(data)
        case list():
            return [walk(item, name) for item in data]
        case dict():
            return {key: walk(item, name) for key, item in data.items()}
    return data


@pytest.mark.parametrize("provider", MOVABLE, ids=lambda p: p.name)
def test_a_variable_names_another_place_for_all_requests(provider: Provider) -> None:
    base = provider.base
    assert base is not None and set(base.variables) <= set(provider.related)
    for variable in base.variables:
        environ = {variable: "https://own.example/deep/"}
        asker, client = make_asker(provider.name, environ=environ)
        parts = make_parts(provider)
        usual, told = make_asker(provider.name)
        asker.verify(parts)
        usual.verify(parts)
        assert client.sent and len(client.sent) == len(told.sent)
        for moved, before in zip(client.sent, told.sent, strict=True):
            assert before.url.startswith(base.url)
            rest = before.url.removeprefix(base.url)
            assert moved.url == f"https://own.example/deep{base.suffix}{rest}"
            check_url(moved.url)
        empty, same = make_asker(provider.name, environ={variable: " "})
        empty.verify(parts)
        assert [r.url for r in same.sent] == [r.url for r in told.sent]


def test_the_token_s_own_place_comes_before_a_variable() -> None:
    asker, client = make_asker("gitlab", environ={"GITLAB_HOST": "other.example"})
    parts = make_parts(CATALOGUE.get("gitlab"))
    asker.verify({**parts, "url": Secret("https://own.example/")})
    asker.verify(parts)
    path = "/api/v4/personal_access_tokens/self"
    assert [r.url for r in client.sent] == [
        f"https://own.example{path}",
        f"https://other.example{path}",
    ]


def test_the_first_variable_that_is_set_counts() -> None:
    environ = {"LANGFUSE_HOST": "https://two.example", "LANGFUSE_BASE_URL": "https://one.example"}
    asker, client = make_asker("langfuse", environ=environ)
    asker.verify(make_parts(CATALOGUE.get("langfuse")))
    assert client.sent[0].url == "https://one.example/api/public/projects"


def test_a_token_goes_to_no_other_machine_in_clear() -> None:
    asker, client = make_asker("huggingface", environ={"HF_ENDPOINT": "http://mirror.example"})
    verdict = asker.verify(make_parts(CATALOGUE.get("huggingface")))
    assert verdict.liveness is Liveness.UNKNOWN and client.sent == []
    near, sent = make_asker("huggingface", environ={"HF_ENDPOINT": "http://127.0.0.1:8080"})
    near.verify(make_parts(CATALOGUE.get("huggingface")))
    assert sent.sent[0].url == "http://127.0.0.1:8080/api/whoami-v2"
