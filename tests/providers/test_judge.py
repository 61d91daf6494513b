"""What an answer means: only what the catalogue names is dead, and everything else is not known."""

from __future__ import annotations

from typing import Any

import pytest

from credman.core.model import Liveness
from credman.providers.calls import read_verify
from credman.providers.catalogue import Provider
from credman.providers.client import Answer
from credman.providers.judging import judge
from tests.providers.asked import judge_answer, make_answer, make_asker, make_parts
from tests.providers.factories import CATALOGUE

LIVE, DEAD, UNKNOWN = Liveness.LIVE, Liveness.DEAD, Liveness.UNKNOWN

ASKED = [p for p in CATALOGUE.providers.values() if read_verify(p.online).call is not None]

BODIES: list[Any] = [
    "",
    "<html>Just a moment</html>",
    "API_KEY_INVALID AADSTS7000215 authentication_error expired revoked",
    {"ok": False, "error": "invalid_auth"},
    {"active": False, "revoked": True, "data": {"viewer": None, "myself": None}},
    {"api_key_blocked": True, "result": {"status": "expired"}, "code": 1},
]

TABLE = [
    ("huggingface", 200, {"name": "me"}, LIVE),
    ("huggingface", 401, {"error": "Invalid credentials"}, DEAD),
    ("huggingface", 404, "", UNKNOWN),
    ("openai", 403, {"error": "no scope"}, LIVE),
    ("openai", 404, "", UNKNOWN),
    ("anthropic", 401, {"error": {"type": "authentication_error"}}, DEAD),
    ("anthropic", 404, {"error": {"type": "not_found_error"}}, DEAD),
    ("anthropic", 404, "404 page not found", UNKNOWN),
    ("anthropic", 403, {"error": {"type": "permission_error"}}, UNKNOWN),
    ("google-gemini", 400, {"error": {"details": [{"reason": "API_KEY_INVALID"}]}}, DEAD),
    ("google-gemini", 400, {"error": {"status": "FAILED_PRECONDITION"}}, UNKNOWN),
    ("google-gemini", 403, {"reason": "API_KEY_HTTP_REFERRER_BLOCKED"}, LIVE),
    ("google-gemini", 403, {"reason": "API_KEY_IP_ADDRESS_BLOCKED"}, LIVE),
    ("google-gemini", 403, {"reason": "SERVICE_DISABLED"}, UNKNOWN),
    ("google-gemini", 401, {"reason": "ACCESS_TOKEN_TYPE_UNSUPPORTED"}, UNKNOWN),
    ("xai", 200, {"name": "k", "api_key_blocked": False, "api_key_disabled": False}, LIVE),
    ("xai", 200, {"name": "k", "api_key_blocked": True}, DEAD),
    ("xai", 200, {"name": "k", "api_key_disabled": True}, DEAD),
    ("xai", 200, {"name": "k", "team_blocked": True}, DEAD),
    ("xai", 400, {"error": "Incorrect API key"}, DEAD),
    ("elevenlabs", 401, {"detail": {"status": "invalid_api_key"}}, DEAD),
    ("elevenlabs", 401, {"detail": {"status": "missing_permissions"}}, LIVE),
    ("deepl", 200, {"character_count": 1}, LIVE),
    ("deepl", 456, "", LIVE),
    ("deepl", 403, {"message": "Forbidden"}, DEAD),
    ("deepl", 403, {"message": "Wrong endpoint. Use https://api.deepl.com"}, UNKNOWN),
    ("deepl", 403, "", UNKNOWN),
    ("wandb", 200, {"data": {"viewer": {"id": "1", "username": "me"}}}, LIVE),
    ("wandb", 200, {"data": {"viewer": None}}, DEAD),
    ("wandb", 200, {"data": {"viewer": None}, "errors": [{"message": "later"}]}, UNKNOWN),
    ("wandb", 200, {"data": None}, UNKNOWN),
    ("wandb", 200, "<html>sign in</html>", UNKNOWN),
    ("runpod", 200, {"data": {"myself": {"id": "1", "email": "a@example.org"}}}, LIVE),
    ("runpod", 200, {"data": {"myself": None}}, DEAD),
    ("runpod", 200, {"errors": [{"message": "not allowed"}], "data": {"myself": None}}, UNKNOWN),
    ("kaggle", 200, {"active": True, "username": "me", "exp": 1}, LIVE),
    ("kaggle", 200, {"active": False}, DEAD),
    ("kaggle", 200, {}, UNKNOWN),
    ("kaggle", 404, "", DEAD),
    ("gitlab", 200, {"active": True, "revoked": False, "name": "t"}, LIVE),
    ("gitlab", 200, {"active": False, "revoked": False}, DEAD),
    ("gitlab", 200, {"active": True, "revoked": True}, DEAD),
    ("gitlab", 200, {"active": "false", "user_id": 7}, LIVE),
    ("gitlab", 401, {"message": "401 Unauthorized"}, DEAD),
    ("gitlab", 404, "", UNKNOWN),
    ("cloudflare", 200, {"result": {"status": "active", "id": "1"}, "success": True}, LIVE),
    ("cloudflare", 200, {"result": {"status": "disabled"}}, DEAD),
    ("cloudflare", 200, {"result": {"status": "expired"}}, DEAD),
    ("cloudflare", 401, {"errors": [{"code": 1000}]}, DEAD),
    (
        "cloudflare",
        403,
        {"errors": [{"message": "Cannot use the access token from location"}]},
        LIVE,
    ),
    ("cloudflare", 400, {"errors": [{"code": 6003}]}, UNKNOWN),
    ("slack", 200, {"ok": True, "user": "me"}, LIVE),
    ("slack", 200, {"ok": False, "error": "invalid_auth"}, DEAD),
    ("slack", 200, {"ok": False, "error": "account_inactive"}, DEAD),
    ("slack", 200, {"ok": False, "error": "token_revoked"}, DEAD),
    ("slack", 200, {"ok": False, "error": "token_expired"}, DEAD),
    ("slack", 200, {"ok": False, "error": "ratelimited"}, UNKNOWN),
    ("slack", 200, {"ok": "true"}, UNKNOWN),
    ("slack", 200, "", UNKNOWN),
    ("slack", 401, {"ok": False, "error": "invalid_auth"}, UNKNOWN),
    ("slack-config", 200, {"ok": True, "user": "me"}, LIVE),
    ("slack-config", 200, {"ok": False, "error": "token_expired"}, DEAD),
    ("slack-config", 200, {"ok": False, "error": "not_allowed_token_type"}, UNKNOWN),
    ("zilliz", 200, {"code": 0, "data": []}, LIVE),
    ("zilliz", 200, {"code": 80001, "message": "no"}, UNKNOWN),
    ("azure", 401, {"error_codes": [7000215], "error_description": "AADSTS7000215: x"}, DEAD),
    ("azure", 401, {"error_description": "AADSTS7000222: expired"}, DEAD),
    ("azure", 400, {"error_description": "AADSTS90002: no such tenant"}, UNKNOWN),
    ("azure", 400, {"error_description": "AADSTS700016: no such application"}, UNKNOWN),
    ("sentry", 403, "", UNKNOWN),
    ("sentry", 401, "", DEAD),
    ("voyage", 403, "", LIVE),
    ("stripe", 403, "", LIVE),
    ("pinecone", 403, "", LIVE),
    ("bitbucket", 403, "", LIVE),
    ("digitalocean", 403, "", LIVE),
    ("snowflake", 202, "", LIVE),
    ("github", 403, {"message": "rate limit"}, UNKNOWN),
    ("mlflow", 401, "", DEAD),
]


@pytest.mark.parametrize(("name", "status", "body", "meaning"), TABLE)
def test_what_an_answer_means(name: str, status: int, body: Any, meaning: Liveness) -> None:
    assert judge_answer(name, status, body) is meaning


@pytest.mark.parametrize("provider", ASKED, ids=lambda p: p.name)
def test_what_says_nothing_of_the_token_is_unknown(provider: Provider) -> None:
    verifying = read_verify(provider.online)
    assert verifying.call is not None
    named = {*verifying.call.ok, *verifying.invalid}
    assert not named & {408, 425, 429} and all(status < 500 for status in named)
    for status in (302, 403, 404, 418, 429, 500, 502, 503):
        if status not in named:
            for body in BODIES:
                assert judge_answer(provider.name, status, body) is UNKNOWN


@pytest.mark.parametrize("provider", ASKED, ids=lambda p: p.name)
def test_half_an_answer_says_nothing_good(provider: Provider) -> None:
    verifying = read_verify(provider.online)
    assert verifying.call is not None
    for status in verifying.call.ok:
        answer = Answer(status, {}, b'{"ok": true, "act', is_whole=False)
        assert judge(verifying, answer, make_parts(provider)).liveness is UNKNOWN


@pytest.mark.parametrize("provider", ASKED, ids=lambda p: p.name)
def test_a_status_of_a_dead_token_is_one(provider: Provider) -> None:
    verifying = read_verify(provider.online)
    for status in verifying.invalid:
        for text in verifying.dead_text or ("",):
            assert judge_answer(provider.name, status, text) is DEAD
    assert verifying.invalid or verifying.dead_body


@pytest.mark.parametrize(
    ("name", "body", "identity", "account", "scopes", "expires"),
    [
        (
            "huggingface",
            {
                "name": "me",
                "auth": {"accessToken": {"role": "write", "expiration": "2027-01-02T03:04:05Z"}},
                "orgs": [{"name": "one"}, {"name": "two"}],
            },
            "me", "me", "role write, orgs one, two", "2027-01-02T03:04:05+00:00",
        ),
        (
            "gitlab",
            {"id": 5, "name": "ci", "user_id": 7, "scopes": ["api"], "expires_at": "2027-01-02"},
            "ci", "7", "scopes api", "2027-01-02T00:00:00+00:00",
        ),
        (
            "kaggle",
            {"active": True, "username": "me", "exp": 1798859045},
            "me", "me", "", "2027-01-02T03:04:05+00:00",
        ),
        (
            "cloudflare",
            {"result": {"id": "0a", "status": "active", "expires_on": "2027-01-02T03:04:05Z"}},
            "", "", "", "2027-01-02T03:04:05+00:00",
        ),
        (
            "openrouter",
            {"data": {"label": "sk-or-v1-0…", "creator_user_id": "user_1", "expires_at": None}},
            "", "user_1", "", "None",
        ),
        ("xai", {"name": "k", "team_id": "t", "acls": ["a", "b"]}, "k", "t", "acls a, b", "None"),
        ("sendgrid", {"scopes": ["mail.send"]}, "", "", "scopes mail.send", "None"),
        ("comet", {"workspaceNames": ["one", "two"]}, "one", "one", "", "None"),
        ("langfuse", {"data": [{"name": "p", "id": "1"}]}, "p", "1", "", "None"),
        ("twilio", {"friendly_name": "Me", "sid": "AC0"}, "Me", "AC0", "", "None"),
    ],
)  # fmt: skip
def test_what_a_live_token_says_of_itself(
    name: str, body: Any, identity: str, account: str, scopes: str, expires: str
) -> None:
    provider = CATALOGUE.get(name)
    verdict = judge(read_verify(provider.online), make_answer(200, body), make_parts(provider))
    assert verdict.liveness is LIVE
    assert (verdict.identity, verdict.account, verdict.scopes) == (identity, account, scopes)
    assert str(verdict.expires_at and verdict.expires_at.isoformat()) == expires


def test_a_header_of_github_says_when_it_ends_and_what_it_may_do() -> None:
    provider = CATALOGUE.get("github")
    answer = make_answer(
        200,
        {"login": "me"},
        github_authentication_token_expiration="2027-10-07 19:07:53 UTC",
        x_oauth_scopes="repo, gist",
    )
    verdict = judge(read_verify(provider.online), answer, make_parts(provider))
    assert verdict.scopes == "scopes repo, gist"
    assert verdict.expires_at is not None
    assert verdict.expires_at.isoformat() == "2027-10-07T19:07:53+00:00"


def test_no_account_is_what_changes_with_every_token() -> None:
    own = {"gitlab": ("id", "name"), "cloudflare": ("result.id",), "openrouter": ("data.label",),
           "xai": ("name", "api_key_id")}  # fmt: skip
    for name, paths in own.items():
        assert read_verify(CATALOGUE.get(name).online).account_path not in paths


@pytest.mark.parametrize(
    ("name", "token"),
    [
        ("anthropic", "sk-ant-oat01-x"),
        ("cloudflare", "cfat_x"),
        ("langsmith", "lsv2_sk_x"),
        ("github", "ghs_x"),
        ("gitlab", "gldt-x"),
        ("bitbucket", "ATCTT3x"),
        ("label-studio", "0" * 40),
        ("stripe", "whsec_x"),
        ("postman", "PMAT-x"),
        ("discord", "https://discord.com/api/webhooks/1/x"),
        ("xai", "xai-token-x"),
        ("databricks", "dose0"),
        ("digitalocean", "dor_v1_0"),
        ("openai", "sk-admin-x"),
        ("huggingface", "hf_jwt_x"),
    ],
)
def test_of_a_kind_that_the_request_is_not_for_nothing_is_said(name: str, token: str) -> None:
    asker, client = make_asker(name, answer=make_answer(401, "{}"))
    verdict = asker.verify(make_parts(CATALOGUE.get(name), token=token))
    assert verdict.liveness is UNKNOWN and verdict.is_final and client.sent == []
