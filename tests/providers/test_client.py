"""The client against real servers on this machine: what is sent, and to which places.

What is not sent matters most: a token goes to no other place, in the open to no other machine, and
no request is repeated that may change something.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from credman.core.errors import UsageError
from tests.providers.sending import (
    ELSEWHERE,
    SECRET,
    ask,
    check_silent,
    fail,
    make_client,
    make_request,
)
from tests.providers.servers import (
    Authority,
    Talk,
    hang,
    in_turn,
    render,
    reply,
    serve,
)
from tests.requirements import require

REDIRECTS = (301, 302, 303, 307, 308)


# TLS


def test_a_certificate_of_an_authority_that_is_trusted_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    with serve(reply(200, b"hello"), certificate=authority.issue("127.0.0.1")) as server:
        answer = ask(f"{server.url}/me?x=1")
    assert (answer.status, answer.body, answer.is_whole) == (200, b"hello", True)
    (asked,) = server.asked
    assert (asked.method, asked.target) == ("GET", "/me?x=1")
    assert asked.headers["authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    ("names", "options"),
    [
        (["127.0.0.1"], {"is_self_signed": True}),
        (["127.0.0.2", "localhost"], {}),
        (["127.0.0.1"], {"first_day": -9, "last_day": -2}),
        (["127.0.0.1"], {"first_day": 2}),
    ],
    ids=["self-signed", "another host's", "expired", "of the future"],
)
def test_a_certificate_that_is_not_to_be_trusted_gets_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, names: list[str], options: dict[str, int]
) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))
    certificate = authority.issue(*names, **options)  # type: ignore[arg-type]
    with serve(reply(), certificate=certificate) as server:
        error = fail(server.url, "POST")
        assert (error.reason, error.is_sent) == ("its certificate is not to be trusted", False)
        assert server.count == 0


def test_an_authority_that_nobody_trusts_gets_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    trusted, other = Authority(tmp_path), Authority(tmp_path / "other")
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted.path))
    with serve(reply(), certificate=other.issue("127.0.0.1")) as server:
        assert not fail(server.url).is_sent
        assert server.count == 0


def test_a_server_that_speaks_no_tls_gets_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path).path))
    with serve(hang) as server:
        error = fail(server.url.replace("http:", "https:"), client=make_client(timeout=0.3))
        assert server.count == 0
        assert not error.is_sent


# Which places


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org",
        "http://example.org/127.0.0.1",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "http://notlocalhost",
        "http://10.0.0.1",
        "http://0.0.0.0:80",
        "http://[::ffff:8.8.8.8]",
        "http://[fe80::1]",
        "http://0x7f.1.example",
        "http://user@127.0.0.1",
        "http://127.0.0.1@example.org",
        "https://user:pa5s@example.org",
        "https://@example.org",
        "https://example.org:0",
        "https://example.org:99999",
        "https://example.org:port",
        "https://",
        "https:///path",
        "https:example.org",
        "//example.org",
        "file:///etc/passwd",
        "ftp://127.0.0.1",
        "unix:///run/x",
        "https://[::1",
        "",
    ],
)
def test_a_token_is_sent_to_no_such_place(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a socket was made")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("socket.getaddrinfo", refuse)
    with pytest.raises(UsageError) as caught:
        ask(url)
    assert "pa5s" not in str(caught.value)
    check_silent(caught.value)


@pytest.mark.parametrize(
    ("listens", "named"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("127.0.0.1", "localhost"),
        ("127.0.0.1", "LOCALHOST"),
        ("127.3.2.1", "127.3.2.1"),
        ("::1", "[::1]"),
    ],
)
def test_plain_http_is_for_this_machine(listens: str, named: str) -> None:
    try:
        with serve(reply(200, b"hello"), host=listens) as server:
            assert ask(f"http://{named}:{server.port}/").body == b"hello"
    except OSError:
        require(False, f"this machine has no {listens}")


# Redirects


@pytest.mark.parametrize("status", REDIRECTS)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_nothing_follows_a_redirect_to_another_place(status: int, method: str) -> None:
    with serve(reply()) as other, serve(hang) as third:
        for target in (
            f"{other.url}/me",
            f"http://localhost:{third.port}/me",
            f"//127.0.0.1:{other.port}/me",
            f"https://127.0.0.1:{other.port}/me",
            f"http://user@127.0.0.1:{other.port}/",
            f"https://{ELSEWHERE}/",
            "file:///etc/passwd",
        ):
            with serve(reply(status, b"", Location=target)) as server:
                assert ask(server.url, method).status == status
                assert server.count == 1
        assert other.count == third.count == 0


def test_a_redirect_to_nonsense_is_an_answer_like_any_other() -> None:
    with serve(reply(302, b"", Location="http://[")) as server:
        assert ask(server.url).status == 302
        assert server.count == 1


def test_the_same_port_of_another_name_is_another_place() -> None:
    def respond(talk: Talk) -> None:
        talk.send(render(302, Location=f"http://localhost:{talk.server.port}/me"))

    with serve(respond) as server:
        assert ask(server.url).status == 302
        assert server.count == 1


@pytest.mark.parametrize("status", REDIRECTS)
def test_a_redirect_to_the_same_place_is_followed_by_what_only_reads(status: int) -> None:
    moved = in_turn(reply(status, Location="/new"), reply(200, b"new"))
    with serve(moved) as server:
        answer = ask(f"{server.url}/old")
        assert (answer.status, answer.body) == (200, b"new")
        assert [asked.target for asked in server.asked] == ["/old", "/new"]
    for method in ("POST", "PUT", "DELETE"):
        with serve(reply(status, Location="/new")) as server:
            assert ask(f"{server.url}/old", method).status == status
            assert server.count == 1


def test_three_redirects_are_followed_and_no_more() -> None:
    def respond(talk: Talk) -> None:
        talk.send(render(302, Location=f"/{talk.server.count}"))

    with serve(respond) as server:
        assert ask(server.url).status == 302
        assert server.count == 4


# Waiting when asked to


@pytest.mark.parametrize("status", [429, 503])
def test_a_short_wait_is_waited_and_then_it_is_asked_again(status: int) -> None:
    with serve(in_turn(reply(status, Retry_After="1"), reply(200, b"yes"))) as server:
        assert ask(server.url).body == b"yes"
        first, second = server.asked
        assert second.at - first.at >= 0.99


@pytest.mark.parametrize(
    "wait", ["3600", "6", "Fri, 31 Dec 2100 23:59:59 GMT", "soon", "-5", "", "1e3", "9" * 400]
)
def test_a_long_wait_is_not_waited(wait: str) -> None:
    with serve(reply(429, Retry_After=wait)) as server:
        assert ask(server.url).status == 429
        assert server.count == 1


def test_what_may_not_be_repeated_is_never_sent_again() -> None:
    for status in (429, 503, 500, 502, 408):
        for method in ("POST", "DELETE", "GET"):
            with serve(reply(status, Retry_After="0")) as server:
                request = make_request(server.url, method, is_repeatable=False)
                assert make_client().send(request).status == status
                assert server.count == 1


def test_waiting_has_an_end() -> None:
    with serve(reply(429, Retry_After="0")) as server:
        assert ask(server.url).status == 429
        assert server.count == 4
    with serve(reply(429, Retry_After="3")) as server:
        assert ask(server.url, client=make_client(timeout=0.5)).status == 429
        assert server.count == 1
