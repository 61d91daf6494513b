"""What a provider's answer about a token means.

Rule: only what the catalogue names is dead; what an answer does not say plainly is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from credman.core.model import Liveness
from credman.core.secret import Secret
from credman.providers.calls import Call, Verify
from credman.providers.client import Answer
from credman.providers.paths import (
    MISSING,
    find_path,
    holds,
    is_at,
    parse_json,
    read_moment,
    read_payload,
    render_text,
)
from credman.providers.verdicts import Verdict, utc_now

_SCOPES = ("role", "scopes", "acls", "permissions", "orgs")
_NEVER_DEAD = (407, 408, 425, 429)


def judge(verifying: Verify, answer: Answer, values: Mapping[str, Secret]) -> Verdict:
    """Args: values: the token's, by the key of their field. Returns: what the answer means."""
    call = verifying.call
    assert call is not None  # noqa: S101 - there is an answer, so there was a call
    status, data = answer.status, parse_json(answer.body)
    text = answer.body.decode("utf-8", "replace")
    if status in verifying.invalid and status not in _NEVER_DEAD:
        if _is_page(answer):
            return Verdict(Liveness.UNKNOWN, f"{status}: answered with a page for people")
        if any(part in text for part in verifying.live_text):
            return describe_answer(verifying, answer, values, data, f"{status}: restricted")
        if verifying.dead_text and not any(part in text for part in verifying.dead_text):
            return Verdict(Liveness.UNKNOWN, f"{status}: not plain what it means")
        why = "expired" if "expired" in text.lower() else "revoked or expired"
        return Verdict(Liveness.DEAD, f"{status}: {why}")
    if status not in call.ok:
        return Verdict(Liveness.UNKNOWN, _explain_status(status))
    if not answer.is_whole:
        return Verdict(Liveness.UNKNOWN, "half an answer")
    # A sign-in page, or a portal's of the network, answers 200 to everybody.
    if _is_page(answer) or (data is MISSING and status == 200):
        return Verdict(Liveness.UNKNOWN, "answered with something else than data")
    if any(is_at(data, path, wanted) for path, wanted in verifying.dead_body.items()):
        return Verdict(Liveness.DEAD, "said to be revoked, expired or switched off")
    if call.ok_body and not holds(data, call.ok_body):
        return Verdict(Liveness.UNKNOWN, "not plain what the answer means")
    if verifying.active_path:
        active = find_path(data, verifying.active_path)
        if isinstance(data, dict) and data.get("errors"):
            return Verdict(Liveness.UNKNOWN, "answered with errors")
        if active is MISSING:
            return Verdict(Liveness.UNKNOWN, "not plain what the answer means")
        if active is None or active is False:
            return Verdict(Liveness.DEAD, "said to be nobody's")
    if status == 200 and _says_nothing(verifying, data):
        return Verdict(Liveness.UNKNOWN, "not plain what the answer means")
    return describe_answer(
        verifying, answer, values, data, "" if status < 300 else f"restricted ({status})"
    )


def _says_nothing(verifying: Verify, data: Any) -> bool:
    """Whether an answer holds nothing of what the provider's answers hold."""
    own = [] if verifying.identity_url else [verifying.identity_path, verifying.account_path]
    paths = [p for p in (*own, *verifying.extra_paths.values(), verifying.expires_path) if p]
    paths = [] if verifying.identity_url else [p for p in paths if not p.startswith("jwt:")]
    found = [find_path(data, path) for path in paths]
    return bool(paths) and all(value is MISSING or value == [] for value in found)


def _is_page(answer: Answer) -> bool:
    kind = answer.headers.get("content-type", "").lower()
    return "html" in kind or answer.body.lstrip()[:1] == b"<"


def describe_answer(
    verifying: Verify,
    answer: Answer,
    values: Mapping[str, Secret],
    data: Any,
    reason: str = "",
) -> Verdict:
    """Returns: that it is live, with what the answer says of it."""
    shown = {key: render_text(find_path(data, p)) for key, p in verifying.extra_paths.items()}
    scopes = [f"{key} {shown[key]}" for key in _SCOPES if shown.get(key)]
    if verifying.scopes_header and (said := answer.headers.get(verifying.scopes_header, "")):
        scopes.insert(0, f"scopes {render_text(said)}")
    expires: Any = None
    if verifying.expires_path.startswith("jwt:"):
        token = values.get("token", Secret(""))
        expires = find_path(read_payload(token), verifying.expires_path.removeprefix("jwt:"))
    elif verifying.expires_path:
        expires = find_path(data, verifying.expires_path)
    elif verifying.expires_header:
        expires = answer.headers.get(verifying.expires_header)
    account = verifying.account_path and render_text(find_path(data, verifying.account_path))
    identity = verifying.identity_path and render_text(find_path(data, verifying.identity_path))
    expires_at = read_moment(expires)
    if expires_at is not None and expires_at <= utc_now():
        expires_at = None  # it is live: the date means something else, or is one for never
    return Verdict(
        Liveness.LIVE,
        reason,
        identity,
        account,
        ", ".join(scopes),
        expires_at,
        tells_expiry=bool(verifying.expires_path or verifying.expires_header),
    )


def is_yes(call: Call, answer: Answer) -> bool:
    """Whether the provider did what it was asked for."""
    if answer.status not in call.ok:
        return False
    return not call.ok_body or holds(parse_json(answer.body), call.ok_body)


def _explain_status(status: int) -> str:
    match status:
        case 429:
            return "429: asked too often"
        case 403:
            return "403: not allowed to look"
        case _ if 300 <= status < 400:
            return f"{status}: sent elsewhere, which is not followed"
        case _ if status >= 500:
            return f"{status}: the provider has a problem"
    return f"answered {status}"
