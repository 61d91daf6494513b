"""The client behind proxies: real ones on this machine, that let through or do not."""

from __future__ import annotations

import base64
import logging
from collections.abc import Mapping
from pathlib import Path

import pytest

from credman.providers.places import choose_proxy, find_proxies
from tests.providers.sending import (
    ELSEWHERE,
    SECRET,
    ask,
    check_silent,
    fail,
    make_client,
)
from tests.providers.servers import (
    Authority,
    find_closed_port,
    hang,
    hang_up,
    reply,
    reset,
    serve,
    tunnel_to,
)

# Proxies


def tunnelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Returns: the certificate of the host that only a proxy reaches."""
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    return authority.issue(ELSEWHERE)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"])
def test_a_proxy_passes_on_what_it_cannot_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    certificate = tunnelled(tmp_path, monkeypatch)
    with (
        serve(reply(200, b"hello"), certificate=certificate) as server,
        serve(tunnel_to(server)) as proxy,
    ):
        client = make_client({name: proxy.url})
        assert ask(f"https://{ELSEWHERE}/me", client=client).body == b"hello"
        (asked,) = proxy.asked
        assert (asked.method, asked.target) == ("CONNECT", f"{ELSEWHERE}:443")
        assert SECRET.encode() not in asked.raw and "authorization" not in asked.headers
        assert "proxy-authorization" not in asked.headers
        assert server.asked[0].headers["authorization"] == f"Bearer {SECRET}"


def test_a_proxy_gets_its_user_and_the_provider_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    certificate = tunnelled(tmp_path, monkeypatch)
    with (
        serve(reply(), certificate=certificate) as server,
        serve(tunnel_to(server)) as proxy,
    ):
        address = f"http://ana:p%40ss%3Aword@127.0.0.1:{proxy.port}"
        client = make_client({"https_proxy": address})
        assert ask(f"https://{ELSEWHERE}/", client=client).status == 200
        sent = proxy.asked[0].headers["proxy-authorization"]
        assert base64.b64decode(sent.removeprefix("Basic ")) == b"ana:p@ss:word"
        assert "proxy-authorization" not in server.asked[0].headers
        assert "ss:word" not in caplog.text and "p%40ss" not in caplog.text


def test_an_address_of_a_proxy_without_a_scheme_is_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = tunnelled(tmp_path, monkeypatch)
    with (
        serve(reply(), certificate=certificate) as server,
        serve(tunnel_to(server)) as proxy,
    ):
        client = make_client({"HTTPS_PROXY": f"127.0.0.1:{proxy.port}"})
        assert ask(f"https://{ELSEWHERE}/", client=client).status == 200


def test_the_certificate_is_looked_at_behind_a_proxy_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    with (
        serve(reply(), certificate=authority.issue("other.invalid")) as server,
        serve(tunnel_to(server)) as proxy,
    ):
        error = fail(f"https://{ELSEWHERE}/", client=make_client({"https_proxy": proxy.url}))
        assert not error.is_sent
        assert server.count == 0 and proxy.count == 1


@pytest.mark.parametrize("status", [400, 403, 407, 502])
def test_a_proxy_that_refuses_has_sent_nothing(status: int) -> None:
    with serve(reply(status, b"word")) as proxy:
        client = make_client({"https_proxy": f"http://ana:word@127.0.0.1:{proxy.port}"})
        error = fail(f"https://{ELSEWHERE}/", "POST", client=client)
        assert not error.is_sent
        check_silent(error, "ana:word")
        assert SECRET.encode() not in b"".join(asked.raw for asked in proxy.asked)


def test_a_proxy_that_fails_before_it_lets_anything_through_has_sent_nothing() -> None:
    for respond in (hang_up, reset, hang, reply(200, b"x" * 99)):
        with serve(respond) as proxy:
            error = fail(
                f"https://{ELSEWHERE}/",
                "POST",
                client=make_client({"https_proxy": proxy.url}, timeout=0.3),
            )
            assert SECRET.encode() not in b"".join(asked.raw for asked in proxy.asked)
            assert not error.is_sent


def test_a_proxy_that_is_not_there_has_sent_nothing() -> None:
    address = f"http://ana:word@127.0.0.1:{find_closed_port()}"
    error = fail(f"https://{ELSEWHERE}/", "POST", client=make_client({"https_proxy": address}))
    assert not error.is_sent
    check_silent(error, "word")


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1", "socks5h://127.0.0.1:1", "ftp://x:1"])
def test_a_proxy_of_another_kind_is_refused_not_left_out(address: str) -> None:
    error = fail(f"https://{ELSEWHERE}/", client=make_client({"all_proxy": address}))
    kind = address.partition(":")[0]
    assert (error.reason, error.is_sent) == (f"a proxy of the kind {kind} is not known", False)


@pytest.mark.parametrize("address", ["http://", "http://127.0.0.1:port", "http://[", "://"])
def test_a_proxy_whose_address_is_none_is_refused_not_left_out(address: str) -> None:
    error = fail(f"https://{ELSEWHERE}/", client=make_client({"all_proxy": address}))
    assert not error.is_sent


@pytest.mark.parametrize("url", ["http://127.0.0.1", "http://localhost"])
def test_this_machine_is_never_reached_through_a_proxy(url: str) -> None:
    with serve(reply(200, b"direct")) as server, serve(reply(200, b"proxy")) as proxy:
        names = ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY")
        client = make_client(dict.fromkeys(names, proxy.url))
        assert ask(f"{url}:{server.port}/", client=client).body == b"direct"
        assert proxy.count == 0


@pytest.mark.parametrize(
    ("environ", "is_used"),
    [
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": ELSEWHERE}, False),
        ({"HTTPS_PROXY": "PROXY", "no_proxy": "other.example, .invalid"}, False),
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": "*"}, False),
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": "other.invalid"}, True),
        ({"HTTPS_PROXY": "PROXY", "NO_PROXY": ELSEWHERE, "no_proxy": "other.example"}, True),
        ({"HTTPS_PROXY": "CLOSED", "https_proxy": "PROXY"}, True),
        ({"HTTPS_PROXY": "PROXY", "https_proxy": "CLOSED"}, False),
        ({"HTTPS_PROXY": "PROXY", "https_proxy": ""}, False),
        ({"ALL_PROXY": "CLOSED", "HTTPS_PROXY": "PROXY"}, True),
        ({"HTTPS_PROXY": "PROXY", "REQUEST_METHOD": "GET"}, True),
        ({"http_proxy": "PROXY"}, False),
    ],
)
def test_which_proxy_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str], is_used: bool
) -> None:
    certificate = tunnelled(tmp_path, monkeypatch)
    with (
        serve(reply(), certificate=certificate) as server,
        serve(tunnel_to(server)) as proxy,
    ):
        places = {"PROXY": proxy.url, "CLOSED": f"http://127.0.0.1:{find_closed_port()}"}
        client = make_client({name: places.get(at, at) for name, at in environ.items()})
        if is_used:
            assert ask(f"https://{ELSEWHERE}/", client=client).status == 200
        else:
            assert not fail(f"https://{ELSEWHERE}/", client=client).is_sent
        assert (proxy.count, server.count) == ((1, 1) if is_used else (0, 0))


def test_a_header_of_a_visitor_names_no_proxy() -> None:
    # Nothing is sent over plain HTTP but to this machine, so what is asked for is what would be.
    given = {"HTTP_PROXY": "http://visitor.invalid", "REQUEST_METHOD": "GET"}
    assert choose_proxy(find_proxies(given), "http://example.org/") == ""
    own = {**given, "http_proxy": "http://own.invalid"}
    assert choose_proxy(find_proxies(own), "http://example.org/") == "http://own.invalid"
    del given["REQUEST_METHOD"]
    assert choose_proxy(find_proxies(given), "http://example.org/") == given["HTTP_PROXY"]
