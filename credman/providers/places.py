"""Where a request may go, and through which proxy."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from urllib.parse import urlsplit

from credman.core.environ import Environ
from credman.core.errors import UsageError


def check_url(url: str) -> None:
    """Raises: UsageError: it is not one that a token may be sent to. It is not repeated."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise UsageError("this is not the URL of a provider") from None
    if parts.username is not None or parts.password is not None:
        raise UsageError("the URL of a provider holds no user and no password")
    if not host or parts.scheme not in ("https", "http") or port == 0:
        raise UsageError("this is not the URL of a provider", hint="such as https://example.org")
    if parts.scheme == "http" and not _is_this_machine(host):
        raise UsageError(
            f"a token is not sent to {host} over plain HTTP", hint="use https, or this machine"
        )


def _is_this_machine(host: str) -> bool:
    if host.rstrip(".").lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def find_proxies(environ: Mapping[str, str]) -> dict[str, str]:
    """Returns: the proxies that the caller's variables name, by scheme."""
    # As the standard library does: what is written in small letters counts first, and HTTP_PROXY
    # does not in a CGI script, where whoever asks may set it.
    found = Environ()  # a proxy's address may hold a password
    for name in sorted(environ, key=str.islower):
        scheme = name.lower().removesuffix("_proxy")
        if scheme != name.lower() and not (name == "HTTP_PROXY" and "REQUEST_METHOD" in environ):
            found[scheme] = environ[name].strip()
    return found


def choose_proxy(proxies: Mapping[str, str], url: str) -> str:
    """Returns: the proxy for a URL; empty: none."""
    from urllib.request import proxy_bypass_environment  # type: ignore[attr-defined]

    parts = urlsplit(url)
    host = parts.hostname or ""
    if _is_this_machine(host) or proxy_bypass_environment(host, Environ(proxies)):
        return ""
    return proxies.get(parts.scheme) or proxies.get("all") or ""
