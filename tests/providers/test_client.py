"""The client against real servers on this machine, good and bad ones.

What is sent and what is not matters most: a token goes to no other place, and of a request that was
not answered it is known whether it may have been obeyed.
"""

from __future__ import annotations

import base64
import logging
import traceback
import tracemalloc
import zlib
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from credman.core.errors import UsageError
from credman.providers.client import MAX_ANSWER_BYTES, Answer, HttpClient, NoAnswer, Request
from credman.providers.places import choose_proxy, find_proxies
from tests.providers.servers import (
    Authority,
    Respond,
    Talk,
    endless,
    find_closed_port,
    hang,
    in_turn,
    render,
    reply,
    reset,
    serve,
    trickle,
    tunnel_to,
)
from tests.requirements import require

SECRET = "EXAMPLE-SECRET-" + "s" * 20
ELSEWHERE = "provider.invalid"
"""A host that is not this machine; nobody has it, so only a proxy can reach it."""
REDIRECTS = (301, 302, 303, 307, 308)


def make_client(timeout: float = 5, **environ: str) -> HttpClient:
    return HttpClient(environ, timeout=timeout)


def make_request(
    url: str, method: str = "GET", *, is_repeatable: bool | None = None, body: bytes | None = None
) -> Request:
    headers = {"Authorization": f"Bearer {SECRET}"}
    may_repeat = method == "GET" if is_repeatable is None else is_repeatable
    return Request(method, url, headers, body, may_repeat)


def ask(url: str, method: str = "GET", *, client: HttpClient | None = None) -> Answer:
    return (client or make_client()).send(make_request(url, method))


def fail(url: str, method: str = "GET", *, client: HttpClient | None = None) -> NoAnswer:
    """Returns: why there was no answer; the secret is nowhere in it."""
    with pytest.raises(NoAnswer) as caught:
        ask(url, method, client=client)
    check_silent(caught.value)
    return caught.value


def check_silent(error: BaseException, secret: str = SECRET) -> None:
    """No error of the chain holds the secret, be it in what a reader never sees."""
    seen: list[BaseException] = []
    waiting: list[BaseException | None] = [error]
    while waiting:
        found = waiting.pop()
        if found is None or found in seen:
            continue
        seen.append(found)
        waiting += [found.__cause__, found.__context__]
        waiting += [arg for arg in found.args if isinstance(arg, BaseException)]
        for text in (str(found), repr(found), repr(found.args), repr(vars(found))):
            assert secret not in text, type(found)
    assert secret not in "".join(traceback.format_exception(error))


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
        error = fail(server.url.replace("http:", "https:"), client=make_client(0.3))
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
        assert ask(server.url, client=make_client(0.5)).status == 429
        assert server.count == 1


# Bad days. Whatever has no answer says whether it may have been obeyed.


def test_who_does_not_listen_was_sent_nothing() -> None:
    error = fail(f"http://127.0.0.1:{find_closed_port()}", "POST")
    assert (error.reason, error.is_sent) == ("cannot be reached", False)


def test_a_name_that_nobody_has_was_sent_nothing() -> None:
    error = fail(f"https://{ELSEWHERE}", "POST")
    assert (error.reason, error.is_sent) == ("no network, or no such host", False)


def close(talk: Talk) -> None:
    """Without a word."""


@pytest.mark.parametrize(
    "respond",
    [
        reset,
        close,
        lambda talk: talk.send(b"HTTP/1.1 20"),
        lambda talk: talk.send(b"nonsense\r\n\r\n"),
        lambda talk: talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n" + b"x" * 99999),
        lambda talk: talk.send(b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 999 + b"\r\n"),
        hang,
        trickle(b"HTTP/1.1 200 OK\r\nx: "),
    ],
    ids=["reset", "closed", "half a line", "nonsense", "long line", "many", "hangs", "trickles"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_who_took_it_and_did_not_answer_may_have_obeyed(respond: Respond, method: str) -> None:
    with serve(respond) as server:
        error = fail(server.url, method, client=make_client(0.1))
        assert error.is_sent
        assert server.count == 1  # and it is not sent again


@pytest.mark.parametrize(
    "sent",
    [
        render(200, b'{"token":"abc', length=100),
        render(200, b'd\r\n{"token":"abc\r\n', Transfer_Encoding="chunked"),
        render(200, b'64\r\n{"token":"abc', Transfer_Encoding="chunked"),
    ],
    ids=["length", "between chunks", "within a chunk"],
)
def test_of_half_an_answer_what_has_come_is_kept(sent: bytes) -> None:
    def break_off(talk: Talk) -> None:
        talk.send(sent)

    def break_off_hard(talk: Talk) -> None:
        talk.send(sent)
        talk.server.is_over.wait(0.3)
        reset(talk)

    for respond in (break_off, break_off_hard):
        with serve(respond) as server:
            answer = ask(server.url, "POST")
            assert (answer.status, answer.body) == (200, b'{"token":"abc')
            assert not answer.is_whole


def test_of_an_answer_that_breaks_off_in_its_headers_the_status_is_kept() -> None:
    with serve(lambda talk: talk.send(b"HTTP/1.1 201 Made\r\nContent-Le")) as server:
        answer = ask(server.url, "POST")
        assert (answer.status, answer.body) == (201, b"")
        assert server.count == 1


def test_an_answer_that_stops_in_its_middle_is_kept_as_far_as_it_came() -> None:
    def respond(talk: Talk) -> None:
        talk.send(render(200, b'{"token":"abc', length=100))
        talk.wait()

    with serve(respond) as server:
        answer = ask(server.url, "POST", client=make_client(0.1))
        assert (answer.body, answer.is_whole) == (b'{"token":"abc', False)


def test_an_answer_that_trickles_ends_and_what_has_come_is_kept() -> None:
    with serve(trickle(render(200, b'{"token":"abc"', length=1 << 30))) as server:
        answer = ask(server.url, "POST", client=make_client(0.1))
        assert answer.body.startswith(b'{"token":"abc"')
        assert not answer.is_whole


def test_an_endless_answer_ends() -> None:
    with serve(endless) as server:
        answer = ask(server.url)
        assert (len(answer.body), answer.is_whole) == (MAX_ANSWER_BYTES, False)


@pytest.mark.parametrize(
    ("size", "is_whole"),
    [(MAX_ANSWER_BYTES, True), (MAX_ANSWER_BYTES + 1, False), (2 * MAX_ANSWER_BYTES, False)],
)
def test_of_an_answer_that_is_too_long_its_start_is_kept(size: int, is_whole: bool) -> None:
    with serve(reply(200, b"x" * size)) as server:
        answer = ask(server.url)
        assert answer.body == b"x" * MAX_ANSWER_BYTES
        assert answer.is_whole == is_whole


def test_a_packed_answer_that_nobody_asked_for_does_not_fill_the_memory() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(300)), packer.flush()])
    assert len(bomb) < 400_000
    with serve(reply(200, bomb, Content_Encoding="gzip")) as server:
        tracemalloc.start()
        try:
            answer = ask(server.url)
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert len(answer.body) <= MAX_ANSWER_BYTES and not answer.is_whole
        assert most < 100 << 20
        assert server.asked[0].headers["accept-encoding"] == "identity"


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
        client = make_client(**{name: proxy.url})
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
        client = make_client(https_proxy=address)
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
        client = make_client(HTTPS_PROXY=f"127.0.0.1:{proxy.port}")
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
        error = fail(f"https://{ELSEWHERE}/", client=make_client(https_proxy=proxy.url))
        assert not error.is_sent
        assert server.count == 0 and proxy.count == 1


@pytest.mark.parametrize("status", [400, 403, 407, 502])
def test_a_proxy_that_refuses_has_sent_nothing(status: int) -> None:
    with serve(reply(status, b"word")) as proxy:
        client = make_client(https_proxy=f"http://ana:word@127.0.0.1:{proxy.port}")
        error = fail(f"https://{ELSEWHERE}/", "POST", client=client)
        assert not error.is_sent
        check_silent(error, "ana:word")
        assert SECRET.encode() not in b"".join(asked.raw for asked in proxy.asked)


def test_a_proxy_that_fails_before_it_lets_anything_through_has_sent_nothing() -> None:
    for respond in (close, reset, hang, reply(200, b"x" * 99)):
        with serve(respond) as proxy:
            error = fail(
                f"https://{ELSEWHERE}/", "POST", client=make_client(0.3, https_proxy=proxy.url)
            )
            assert SECRET.encode() not in b"".join(asked.raw for asked in proxy.asked)
            assert not error.is_sent


def test_a_proxy_that_is_not_there_has_sent_nothing() -> None:
    address = f"http://ana:word@127.0.0.1:{find_closed_port()}"
    error = fail(f"https://{ELSEWHERE}/", "POST", client=make_client(https_proxy=address))
    assert not error.is_sent
    check_silent(error, "word")


@pytest.mark.parametrize("address", ["socks5://127.0.0.1:1", "socks5h://127.0.0.1:1", "ftp://x:1"])
def test_a_proxy_of_another_kind_is_refused_not_left_out(address: str) -> None:
    error = fail(f"https://{ELSEWHERE}/", client=make_client(all_proxy=address))
    kind = address.partition(":")[0]
    assert (error.reason, error.is_sent) == (f"a proxy of the kind {kind} is not known", False)


@pytest.mark.parametrize("address", ["http://", "http://127.0.0.1:port", "http://[", "://"])
def test_a_proxy_whose_address_is_none_is_refused_not_left_out(address: str) -> None:
    error = fail(f"https://{ELSEWHERE}/", client=make_client(all_proxy=address))
    assert not error.is_sent


@pytest.mark.parametrize("url", ["http://127.0.0.1", "http://localhost"])
def test_this_machine_is_never_reached_through_a_proxy(url: str) -> None:
    with serve(reply(200, b"direct")) as server, serve(reply(200, b"proxy")) as proxy:
        names = ("http_proxy", "HTTP_PROXY", "https_proxy", "all_proxy", "ALL_PROXY")
        client = make_client(**dict.fromkeys(names, proxy.url))
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
        client = make_client(**{name: places.get(at, at) for name, at in environ.items()})
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


# What is sent is told to nobody else


def test_what_is_sent_stands_in_no_repr_and_no_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    request = make_request("http://127.0.0.1:1/", "POST", body=SECRET.encode())
    assert SECRET not in repr(request)
    with serve(in_turn(reply(200, SECRET.encode(), X_New=SECRET), reset)) as server:
        answer = ask(server.url, "POST")
        assert answer.body == SECRET.encode() and answer.headers["x-new"] == SECRET
        assert SECRET not in repr(answer)
        fail(server.url)
    assert "127.0.0.1" in caplog.text  # something was logged
    assert SECRET not in caplog.text
    assert not any(SECRET in repr(vars(record)) for record in caplog.records)


@pytest.mark.parametrize("header", [f"{SECRET}\nX: y", f"{SECRET}\u20ac"])
def test_a_header_that_cannot_be_sent_is_not_repeated(header: str) -> None:
    with serve(reply()) as server:
        request = Request("GET", server.url, {"Authorization": header})
        with pytest.raises(NoAnswer) as caught:
            make_client().send(request)
        assert server.count == 0
    check_silent(caught.value)


def test_many_threads_use_one_client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.path))

    def echo(talk: Talk) -> None:
        talk.send(render(200, talk.asked.headers["authorization"].encode()))

    with serve(echo, certificate=authority.issue("127.0.0.1")) as server:
        client = make_client()

        def send(number: int) -> bytes:
            headers = {"Authorization": f"Bearer {number}"}
            return client.send(Request("GET", server.url, headers)).body

        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(send, range(48)))
    assert answers == [f"Bearer {number}".encode() for number in range(48)]
