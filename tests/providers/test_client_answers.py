"""The client and what comes back on bad days, from real servers on this machine.

Of a request that was not answered it is known whether it may have been obeyed; of half an answer
what has come is kept; and what was sent is told to nobody.
"""

from __future__ import annotations

import logging
import tracemalloc
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from credman.providers.client import MAX_ANSWER_BYTES, NoAnswer, Request
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
    Respond,
    Talk,
    endless,
    find_closed_port,
    hang,
    hang_up,
    in_turn,
    render,
    reply,
    reset,
    serve,
    trickle,
)

# Bad days. Whatever has no answer says whether it may have been obeyed.


def test_who_does_not_listen_was_sent_nothing() -> None:
    error = fail(f"http://127.0.0.1:{find_closed_port()}", "POST")
    assert (error.reason, error.is_sent) == ("cannot be reached", False)


def test_a_name_that_nobody_has_was_sent_nothing() -> None:
    error = fail(f"https://{ELSEWHERE}", "POST")
    assert (error.reason, error.is_sent) == ("no network, or no such host", False)


@pytest.mark.parametrize(
    "respond",
    [
        reset,
        hang_up,
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
        error = fail(server.url, method, client=make_client(timeout=0.1))
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
        answer = ask(server.url, "POST", client=make_client(timeout=0.1))
        assert (answer.body, answer.is_whole) == (b'{"token":"abc', False)


def test_an_answer_that_trickles_ends_and_what_has_come_is_kept() -> None:
    with serve(trickle(render(200, b'{"token":"abc"', length=1 << 30))) as server:
        answer = ask(server.url, "POST", client=make_client(timeout=0.1))
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
