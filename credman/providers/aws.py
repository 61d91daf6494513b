"""AWS, whose requests are signed: by its own library, which is an extra.

Rule: nothing but the keys that are handed in is used, no profile and no metadata service; a call
that makes a key is sent once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from credman.core.errors import CredmanError, MissingExtra, UsageError
from credman.core.model import Liveness
from credman.core.secret import Secret
from credman.providers.client import Answer, NoAnswer
from credman.providers.paths import find_path, parse_json
from credman.providers.places import check_url
from credman.providers.verdicts import Successor, Verdict

_DEAD = ("InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException", "UnrecognizedClient")
_KEY, _SECRET, _SESSION = "access_key_id", "secret_access_key", "session_token"
_REGION = "us-east-1"
_CONNECT_SECONDS, _READ_SECONDS = 5, 15


def verify(values: Mapping[str, Secret], environ: Mapping[str, str]) -> Verdict:
    """Args: values: by the keys of the catalogue's fields. Returns: whose key it is."""
    if _KEY not in values or _SECRET not in values:
        return Verdict(Liveness.UNKNOWN, "a part of the key is missing", is_final=True)
    try:
        client = _make_client("sts", values, environ)
        said = client.get_caller_identity()
    except CredmanError as error:
        return Verdict(Liveness.UNKNOWN, error.message)
    except Exception as error:  # noqa: BLE001 - the library's errors may hold the request
        code = _code_of(error)
        if code in _DEAD:
            why = "expired" if code.startswith("Expired") else "revoked or unknown"
            return Verdict(Liveness.DEAD, f"{code}: {why}")
        if code == "SignatureDoesNotMatch" and _is_about_time(error):
            return Verdict(Liveness.UNKNOWN, "the clock of this machine is wrong")
        if code == "SignatureDoesNotMatch":
            return Verdict(Liveness.DEAD, f"{code}: the secret is not that of the key id")
        return Verdict(Liveness.UNKNOWN, code or f"no answer ({type(error).__name__})")
    arn = str(said.get("Arn", ""))
    return Verdict(Liveness.LIVE, identity=arn, account=arn)


def find_obstacle(values: Mapping[str, Secret]) -> str:
    """Returns: why the key cannot rotate itself; empty if it may."""
    if _SESSION in values or not values.get(_KEY, "").startswith("AKIA"):
        return "a temporary key of AWS cannot rotate itself"
    return "" if _SECRET in values else "a part of the key is missing"


def prepare_rotation(
    values: Mapping[str, Secret], environ: Mapping[str, str]
) -> Callable[[], Answer]:
    """Looks whether a second key may be made.

    Returns:
        What makes it, once.

    Raises:
        CredmanError
    """
    client = _make_client("iam", values, environ)
    try:
        keys = client.list_access_keys()["AccessKeyMetadata"]
    except Exception as error:  # noqa: BLE001 - the library's errors may hold the request
        raise CredmanError(f"AWS does not list the keys: {_explain(error)}") from None
    if len(keys) > 1:
        raise CredmanError(
            "this user of AWS has two keys already, and there is room for two",
            hint="credman revoke, or the console, ends the one that is not used",
        )
    bodies: list[tuple[int, bytes]] = []

    def catch(response_dict: Mapping[str, Any], **_: object) -> None:
        bodies.append((response_dict["status_code"], response_dict["body"]))

    client.meta.events.register("before-parse.iam.CreateAccessKey", catch)

    def create() -> Answer:
        import botocore.exceptions as failures

        try:
            client.create_access_key()
        except failures.ClientError:
            pass
        except (failures.EndpointConnectionError, failures.ConnectTimeoutError) as error:
            raise NoAnswer(f"cannot be reached ({type(error).__name__})", is_sent=False) from None
        except Exception as error:  # noqa: BLE001 - what came has been caught as it came
            if not bodies:
                raise NoAnswer(f"no answer ({type(error).__name__})", is_sent=True) from None
        if not bodies:
            raise NoAnswer("no answer", is_sent=True)
        status, body = bodies[-1]
        return Answer(status, {}, body)

    return create


def read_successor(answer: Answer) -> Successor:
    """Raises: UsageError: there is no new key in it; nothing of it is repeated."""
    key, secret = _read_key(answer) if answer.status == 200 else ("", "")
    if not key or not secret:
        raise UsageError("the answer of AWS holds no new key")
    return Successor({_KEY: Secret(key), _SECRET: Secret(secret)}, {}, None)


def revoke(
    values: Mapping[str, Secret],
    successor: Mapping[str, Secret] | None,
    environ: Mapping[str, str],
) -> str:
    """Switches the key off, then deletes it, by the right of its successor.

    Returns:
        Why it was not done; empty: it was.
    """
    try:
        client = _make_client("iam", successor or values, environ)
        client.update_access_key(AccessKeyId=str(values[_KEY]), Status="Inactive")
        # One that is switched off cannot delete itself.
        if successor is not None:
            client.delete_access_key(AccessKeyId=str(values[_KEY]))
    except CredmanError as error:
        return error.message
    except Exception as error:  # noqa: BLE001 - the library's errors may hold the request
        return _explain(error)
    return ""


def _make_client(service: str, values: Mapping[str, Secret], environ: Mapping[str, str]) -> Any:
    try:
        import boto3
        from botocore.config import Config
    except ImportError:
        raise MissingExtra("the library of AWS (boto3)", "aws") from None
    endpoint = environ.get(f"AWS_ENDPOINT_URL_{service.upper()}") or environ.get("AWS_ENDPOINT_URL")
    if endpoint:
        check_url(endpoint)
    session = boto3.session.Session(
        aws_access_key_id=str(values[_KEY]),
        aws_secret_access_key=str(values[_SECRET]),
        aws_session_token=str(values[_SESSION]) if _SESSION in values else None,
        region_name=_REGION,
    )
    return session.client(
        service,
        endpoint_url=endpoint or f"https://{service}.amazonaws.com",
        config=Config(
            connect_timeout=_CONNECT_SECONDS,
            read_timeout=_READ_SECONDS,
            retries={"total_max_attempts": 1},
            ignore_configured_endpoint_urls=True,
        ),
    )


def _read_key(answer: Answer) -> tuple[str, str]:
    data = parse_json(answer.body)
    if isinstance(data, dict):
        path = "CreateAccessKeyResponse.CreateAccessKeyResult.AccessKey"
        found = [find_path(data, f"{path}.{name}") for name in ("AccessKeyId", "SecretAccessKey")]
        return str(found[0]), str(found[1])
    from xml.etree import ElementTree

    try:
        root = ElementTree.fromstring(answer.body.decode("utf-8", "replace"))  # noqa: S314 - of AWS
    except ElementTree.ParseError:
        return "", ""
    texts = {node.tag.rpartition("}")[2]: node.text or "" for node in root.iter()}
    return texts.get("AccessKeyId", ""), texts.get("SecretAccessKey", "")


def _code_of(error: Exception) -> str:
    response = getattr(error, "response", None)
    said = response.get("Error", {}) if isinstance(response, dict) else {}
    code = said.get("Code", "")
    return code if isinstance(code, str) and code.isalnum() else ""


def _is_about_time(error: Exception) -> bool:
    # AWS says the same of a secret that is not right and of a clock that is not.
    response = getattr(error, "response", None)
    said = response.get("Error", {}).get("Message", "") if isinstance(response, dict) else ""
    return "Signature expired" in said or "not yet current" in said


def _explain(error: Exception) -> str:
    return _code_of(error) or type(error).__name__
