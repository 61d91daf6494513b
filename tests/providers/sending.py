"""Requests that hold a secret, sent by the client; whatever fails does not repeat it."""

from __future__ import annotations

import traceback
from collections.abc import Mapping

import pytest

from credman.providers.client import Answer, HttpClient, NoAnswer, Request

SECRET = "EXAMPLE-SECRET-" + "s" * 20
ELSEWHERE = "provider.invalid"
"""A host that is not this machine; nobody has it, so only a proxy can reach it."""


def make_client(environ: Mapping[str, str] | None = None, *, timeout: float = 5) -> HttpClient:
    return HttpClient(environ or {}, timeout=timeout)


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
