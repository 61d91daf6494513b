"""AWS and a clock that is wrong: it says the same as of a secret that is, but for the words."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

from credman.core.model import Liveness
from credman.core.secret import Secret
from credman.providers import aws
from tests.requirements import require

VALUES = {"access_key_id": Secret("AKIA" + "Q" * 16), "secret_access_key": Secret("s" * 40)}
LATE = "Signature expired: 20260101T000000Z is now earlier than 20260102T000000Z"
EARLY = "Signature not yet current: 20260103T000000Z is still later than 20260102T000000Z"
WRONG = "The request signature we calculated does not match the signature you provided."


def answer_with(monkeypatch: pytest.MonkeyPatch, code: str, message: str) -> None:
    """STS answers with this error."""
    require(find_spec("botocore"), "boto3 is not installed")
    from botocore.exceptions import ClientError

    class Client:
        def get_caller_identity(self) -> dict[str, Any]:
            raise ClientError({"Error": {"Code": code, "Message": message}}, "GetCallerIdentity")

    monkeypatch.setattr(aws, "_make_client", lambda *_: Client())


@pytest.mark.parametrize("message", [LATE, EARLY])
def test_a_wrong_clock_makes_no_key_dead(monkeypatch: pytest.MonkeyPatch, message: str) -> None:
    answer_with(monkeypatch, "SignatureDoesNotMatch", message)
    verdict = aws.verify(VALUES, {})
    assert verdict.liveness is Liveness.UNKNOWN and not verdict.is_final
    assert verdict.reason == "the clock of this machine is wrong"


@pytest.mark.parametrize(
    ("code", "message", "reason"),
    [
        ("SignatureDoesNotMatch", WRONG, "the secret is not that of the key id"),
        ("InvalidClientTokenId", "The security token is invalid.", "revoked or unknown"),
        ("ExpiredToken", "The security token has expired", "expired"),
    ],
)
def test_a_key_that_is_dead_is(
    monkeypatch: pytest.MonkeyPatch, code: str, message: str, reason: str
) -> None:
    answer_with(monkeypatch, code, message)
    verdict = aws.verify(VALUES, {})
    assert verdict.liveness is Liveness.DEAD and verdict.reason == f"{code}: {reason}"


@pytest.mark.parametrize(
    "code", ["RequestExpired", "RequestTimeTooSkewed", "AccessDenied", "Throttling", "", "a b"]
)
def test_other_errors_say_nothing_of_the_key(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    answer_with(monkeypatch, code, LATE)
    assert aws.verify(VALUES, {}).liveness is Liveness.UNKNOWN
