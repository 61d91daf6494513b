"""Sends one request to a provider and brings back its answer. The only module that speaks HTTP.

Rules: TLS only, plain HTTP to this machine alone; no redirect to another place; every wait has an
end, the name's look-up included; what is sent stands in no error, no log line and no ``repr``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urljoin, urlsplit

from credman import __version__
from credman.core.errors import UsageError
from credman.providers.places import check_url, choose_proxy, find_proxies

if TYPE_CHECKING:
    import ssl

    from urllib3 import BaseHTTPResponse, PoolManager

MAX_ANSWER_BYTES = 1024 * 1024
_CHUNK = 65536
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REDIRECTS = 3
_WAITING = (429, 503)
_LONGEST_WAIT_SECONDS = 5.0
_begun = threading.local()


@dataclass(frozen=True, slots=True)
class Request:
    """Args: is_repeatable: it changes nothing, so it may be sent again."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(default=None, repr=False)
    is_repeatable: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """Args:
    headers: their names in lower case.
    is_whole: False: the connection ended before all of the body had come.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)
    is_whole: bool = True


class NoAnswer(Exception):
    """Args:
    reason: why, in words; nothing of the request.
    is_sent: the request may have arrived, and may have been obeyed.
    """

    def __init__(self, reason: str, *, is_sent: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.is_sent = is_sent


class Client(Protocol):
    def send(self, request: Request) -> Answer:
        """Raises: NoAnswer"""


class HttpClient:
    """Args:
    environ: of the caller; names the proxies.
    timeout: seconds without a byte after which the other side is given up, three times as many
        for what cannot be asked again; the whole of a request takes at most four times as long.
    """

    def __init__(self, environ: Mapping[str, str], *, timeout: float) -> None:
        self._timeout = timeout
        self._proxies = find_proxies(environ)
        self._pools: dict[str, PoolManager] = {}
        self._lock = threading.Lock()

    def send(self, request: Request) -> Answer:
        check_url(request.url)
        patience = self._timeout if request.is_repeatable else 3 * self._timeout
        deadline = 3 * patience
        done = threading.Event()
        result: list[Answer | BaseException] = []

        def work() -> None:
            try:
                result.append(self._send(request, patience, time.monotonic() + deadline))
            except BaseException as error:  # noqa: BLE001 - it is raised where it is waited for
                result.append(error)
            done.set()

        # A look-up of a name has no timeout, nor has a server that sends a byte now and then. Who
        # is not waited for any more dies with the process.
        threading.Thread(target=work, daemon=True).start()
        # Longer than the thread itself: it brings back what has come until then.
        if not done.wait(deadline + patience + 1):
            raise NoAnswer(f"no answer in {deadline:g} s", is_sent=True)
        match result[0]:
            case Answer() as answer:
                return answer
            case NoAnswer() as error:
                raise error
            case error:
                raise NoAnswer(f"failed ({type(error).__name__})", is_sent=True) from None

    def _send(self, request: Request, patience: float, deadline: float) -> Answer:
        url = request.url
        answer = self._send_once(request, url, patience, deadline)
        for _ in range(_MOST_REDIRECTS):
            if answer.status in _REDIRECTS and request.method == "GET":
                target = _find_target(url, answer)
                if target is None:
                    break
                url = target
            elif answer.status in _WAITING and request.is_repeatable:
                wait = _find_wait(answer)
                if wait is None or time.monotonic() + wait > deadline:
                    break
                time.sleep(wait)
            else:
                break
            answer = self._send_once(request, url, patience, deadline)
        return answer

    def _send_once(self, request: Request, url: str, patience: float, deadline: float) -> Answer:
        import urllib3
        from urllib3 import exceptions as failures

        timeout = urllib3.Timeout(connect=self._timeout, read=patience)
        _begun.has_request = False
        failure: NoAnswer | None = None
        try:
            response = self._find_pool(url).urlopen(
                request.method,
                url,
                body=request.body,
                headers={
                    "User-Agent": f"credman/{__version__}",
                    "Accept-Encoding": "identity",
                    **request.headers,
                },
                timeout=timeout,
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except NoAnswer as error:
            failure = error
        except (failures.HTTPError, OSError, ValueError) as error:
            failure = _explain(error, self._timeout, patience)
        if failure is not None:  # raised out here: the library's error may hold the request
            raise failure
        try:
            return _read(response, deadline)
        finally:
            response.close()

    def _find_pool(self, url: str) -> PoolManager:
        import urllib3

        proxy = choose_proxy(self._proxies, url)
        with self._lock:
            pool = self._pools.get(proxy)
            if pool is None:
                options: dict[str, Any] = {"ssl_context": _make_tls(), "maxsize": 8}
                pool = _make_proxied(proxy, options) if proxy else urllib3.PoolManager(8, **options)
                _watch(pool)
                self._pools[proxy] = pool
        return pool


def _read(response: BaseHTTPResponse, deadline: float) -> Answer:
    from urllib3 import exceptions as failures

    body, is_whole = bytearray(), True
    try:
        while len(body) <= MAX_ANSWER_BYTES and (data := response.read1(_CHUNK)):
            body += data
            if time.monotonic() > deadline:
                is_whole = False
                break
    except (failures.HTTPError, OSError):
        # What has come may be a new token that nobody else has.
        is_whole = False
    is_whole = is_whole and len(body) <= MAX_ANSWER_BYTES
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status, headers, bytes(body[:MAX_ANSWER_BYTES]), is_whole)


def _make_tls() -> ssl.SSLContext:
    import ssl

    import truststore

    return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def _find_target(url: str, answer: Answer) -> str | None:
    """Returns: where a redirect leads to, if that is the same place."""
    try:
        target = urljoin(url, answer.headers.get("location", ""))
        check_url(target)
    except (UsageError, ValueError):
        return None
    here, there = urlsplit(url), urlsplit(target)
    is_same = (here.scheme, here.netloc) == (there.scheme, there.netloc)
    return target if is_same and target != url else None


def _find_wait(answer: Answer) -> float | None:
    """Returns: seconds that the provider asks to wait, if that is not long."""
    from urllib3 import Retry
    from urllib3.exceptions import HTTPError

    asked = answer.headers.get("retry-after")
    try:
        wait = None if asked is None else float(Retry().parse_retry_after(asked))
    except (HTTPError, OverflowError, ValueError):
        return None
    return wait if wait is not None and wait <= _LONGEST_WAIT_SECONDS else None


def _make_proxied(proxy: str, options: Mapping[str, Any]) -> PoolManager:
    import urllib3
    from urllib3.exceptions import HTTPError

    address = proxy if "://" in proxy else f"http://{proxy}"
    try:
        parts = urlsplit(address)
        if parts.scheme not in ("http", "https"):
            raise NoAnswer(f"a proxy of the kind {parts.scheme} is not known", is_sent=False)
        headers = None
        if parts.username is not None:
            from urllib.parse import unquote

            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            headers = urllib3.make_headers(proxy_basic_auth=user)
            address = address.replace(f"{parts.netloc.rpartition('@')[0]}@", "", 1)
        return urllib3.ProxyManager(
            address, proxy_headers=headers, proxy_ssl_context=_make_tls(), **options
        )
    except (HTTPError, ValueError):
        raise NoAnswer("the proxy's address is none", is_sent=False) from None


def _watch(pool: PoolManager) -> None:
    """Lets the connections of a pool note that a request begins: what fails before, the handshake
    of TLS among it, was never sent."""
    from urllib3 import connection, connectionpool

    class Plain(connection.HTTPConnection):
        def request(self, *args: Any, **options: Any) -> None:
            _begun.has_request = True
            super().request(*args, **options)

    class Secure(connection.HTTPSConnection):
        def request(self, *args: Any, **options: Any) -> None:
            _begun.has_request = True
            super().request(*args, **options)

    class PlainPool(connectionpool.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(connectionpool.HTTPSConnectionPool):
        ConnectionCls = Secure

    pool.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}


def _explain(error: BaseException, timeout: float, patience: float) -> NoAnswer:
    """Returns: what went wrong, in words of our own: a library's may hold the request."""
    import ssl

    from urllib3 import exceptions as failures

    is_sent: bool = _begun.has_request
    match error:
        case failures.ProxyError():
            return NoAnswer("the proxy does not let it through", is_sent=False)
        case failures.NameResolutionError():
            return NoAnswer("no network, or no such host", is_sent=False)
        case failures.NewConnectionError():
            return NoAnswer("cannot be reached", is_sent=False)
        case failures.ConnectTimeoutError():
            return NoAnswer(f"no answer in {timeout:g} s", is_sent=False)
        case failures.SSLError():
            cause = error.args[0] if error.args else None
            if isinstance(cause, ssl.SSLCertVerificationError):
                return NoAnswer("its certificate is not to be trusted", is_sent=False)
            return NoAnswer("the secure connection failed", is_sent=is_sent)
        case failures.ReadTimeoutError() | TimeoutError():
            waited = patience if is_sent else timeout
            return NoAnswer(f"no answer in {waited:g} s", is_sent=is_sent)
        case ValueError():
            return NoAnswer("it cannot be sent", is_sent=False)
        case _:
            return NoAnswer("the connection broke", is_sent=is_sent)
