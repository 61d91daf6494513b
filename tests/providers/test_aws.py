"""AWS with its own library, against moto: a server on this machine that checks the keys it made."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from credman.core.model import Stage
from credman.providers import aws
from credman.watch import rotation
from tests.cli.harness import credman, program
from tests.providers.clouds import ACCOUNT, USER, Key, cloud, decode, read_token

ASKS_WHO = (
    "import boto3, os; "
    "print(os.environ['AWS_ACCESS_KEY_ID'], "
    "boto3.client('sts', 'us-east-1').get_caller_identity()['Arn'])"
)


def test_a_key_is_added_rotated_used_and_its_predecessor_ended() -> None:
    with cloud() as (found, key):
        added = found.add(key)
        assert f"user/{USER}" in added.stderr
        rotated = found.run("rotate", "aws", "--auto")
        assert "aws #2 is current" in rotated.stderr
        assert found.count("CreateAccessKey") == 1 and found.count("DeleteAccessKey") == 0
        (new,) = found.list_keys().keys() - {key.id}
        assert found.list_keys() == {key.id: "Active", new: "Active"}
        used = program("exec", "--", sys.executable, "-c", ASKS_WHO, environ=found.environ)
        assert used.stdout.decode().split() == [new, f"arn:aws:iam::{ACCOUNT}:user/{USER}"]
        _, values = read_token()
        assert (values["1 AWS_ACCESS_KEY_ID"], values["2 AWS_ACCESS_KEY_ID"]) == (key.id, new)
        assert values["2 AWS_SECRET_ACCESS_KEY"] not in ("", key.secret)
        revoked = found.run("revoke", "aws")
        assert "is revoked by AWS when asked, and dead" in revoked.stderr
        assert found.list_keys() == {new: "Active"}
        steps = [a for a in found.called if a in ("UpdateAccessKey", "DeleteAccessKey")]
        assert steps == ["UpdateAccessKey", "DeleteAccessKey"]
        token, values = read_token()
        assert [v.number for v in token.versions if v.fields] == [2]
        assert found.credman("check", "aws").exit_code == 0


def test_keys_that_are_unknown_or_do_not_fit_are_dead() -> None:
    with cloud() as (found, key):
        wrong = Key(key.id, key.secret[::-1])
        unknown = Key("AKIA" + "Q" * 16, key.secret)
        for bad in (wrong, unknown):
            found.run("add", "aws", "--no-check", "--replace", stdin=bad.lines)
            checked = found.credman("check", "aws")
            assert checked.exit_code == 8 and " dead " in checked.text
            assert bad.secret not in checked.text + checked.stderr


def test_where_there_is_no_room_for_a_second_key_nothing_is_made() -> None:
    with cloud() as (found, key):
        found.add(key)
        found.run("rotate", "aws", "--auto")
        before = found.list_keys()
        outcome = found.credman("rotate", "aws", "--auto")
        assert outcome.exit_code == 1
        assert "two keys already" in outcome.stderr and "revoke" in outcome.stderr
        assert found.list_keys() == before and found.count("CreateAccessKey") == 1
        assert read_token()[0].rotation is None


def test_who_may_not_make_a_key_keeps_the_old_one() -> None:
    with cloud(may_create=False) as (found, key):
        found.add(key)
        outcome = found.credman("rotate", "aws", "--auto")
        assert outcome.exit_code == 1 and "nothing was changed" in outcome.stderr
        assert found.list_keys() == {key.id: "Active"} and read_token()[0].rotation is None


def test_a_temporary_key_cannot_rotate_itself() -> None:
    with cloud() as (found, key):
        temporary = Key("ASIA" + key.id[4:], key.secret, "session" * 20)
        found.run("add", "aws", "--no-check", stdin=temporary.lines)
        outcome = found.credman("rotate", "aws", "--auto")
        assert outcome.exit_code == 2 and "temporary key" in outcome.stderr
        assert found.called == []


def test_without_its_library_aws_is_not_asked_and_the_extra_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with cloud() as (found, key):
        found.add(key)
        before = list(found.called)
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, "boto3", None)
            checked = found.credman("check", "aws")
            rotated = found.credman("rotate", "aws", "--auto")
        assert (checked.exit_code, rotated.exit_code) == (0, 6)
        assert " unknown " in checked.text and "aws" in checked.text.splitlines()[1]
        assert "credman: hint: " in rotated.stderr and "credman-cli[aws]" in rotated.stderr
        assert found.called == before and read_token()[0].rotation is None


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS"])
def test_a_key_is_not_sent_over_plain_http_to_another_machine(variable: str) -> None:
    key = Key("AKIA" + "Q" * 16, "s" * 40)
    environ = {"CREDMAN_OFFLINE": "", variable: "http://aws.example"}
    assert credman("add", "aws", "--no-check", stdin=key.lines).exit_code == 0
    checked = credman("check", "aws", environ=environ)
    assert checked.exit_code == 0
    assert " unknown " in checked.text and "over plain HTTP" in checked.text
    environ["AWS_ENDPOINT_URL"] = environ.pop(variable)
    rotated = credman("rotate", "aws", "--auto", stdin=b"", environ=environ)
    assert rotated.exit_code == 2 and "over plain HTTP" in rotated.stderr


def test_nothing_but_the_key_itself_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with cloud() as (found, key):
        found.add(key)
        profile = Path.home() / ".aws" / "credentials"
        profile.parent.mkdir()
        profile.write_text("[default]\naws_access_key_id = AKIAOTHER\naws_session_token = x\n")
        for name, value in (
            ("ACCESS_KEY_ID", "AKIAOTHER"),
            ("SESSION_TOKEN", "x"),
            ("PROFILE", "y"),
        ):
            monkeypatch.setenv(f"AWS_{name}", value)
        assert found.credman("check", "aws").exit_code == 0
        assert all(key.id in asked.headers["authorization"] for asked in found.server.asked)
        assert not any("x-amz-security-token" in asked.headers for asked in found.server.asked)


@pytest.mark.parametrize("what", ["500", "lost", "cut"])
def test_a_key_is_asked_for_once_whatever_comes_back(what: str) -> None:
    with cloud() as (found, key):
        found.add(key)
        found.bad["CreateAccessKey"] = what
        outcome = found.credman("rotate", "aws", "--auto")
        fear = "the old one may be dead" if what == "lost" else "a new token may have been made"
        assert outcome.exit_code == 1 and fear in outcome.stderr
        assert found.count("CreateAccessKey") == 1
        token, values = read_token()
        assert token.rotation is not None
        assert token.rotation.stage is (Stage.ASKING if what == "lost" else Stage.ANSWERED)
        assert "is not finished" in found.credman("list").stderr
        del found.bad["CreateAccessKey"]
        assert found.credman("rotate", "aws", "--resume").exit_code == 1
        assert found.credman("rotate", "aws", "--auto").exit_code == 7
        assert found.count("CreateAccessKey") == 1
        for new in found.list_keys().keys() - {key.id}:
            # What came of the new key is kept, also where nobody can read it.
            is_kept = any(new in decode(value) for value in values.values())
            assert is_kept == (what == "cut")
        found.run("rotate", "aws", "--abort", "--yes")
        assert read_token()[0].rotation is None
        assert found.credman("check", "aws").exit_code == 0


def test_the_answer_is_stored_before_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    def die(answer: object) -> Any:
        raise Killed

    with cloud() as (found, key):
        found.add(key)
        with monkeypatch.context() as patch:
            patch.setattr(aws, "read_successor", die)
            with pytest.raises(Killed):
                found.credman("rotate", "aws", "--auto")
        token, values = read_token()
        assert token.rotation is not None and token.rotation.stage is Stage.ANSWERED
        (new,) = found.list_keys().keys() - {key.id}
        assert new in decode(values[f"2 {rotation.ANSWER}"])
        found.run("rotate", "aws", "--resume")
        assert read_token()[1]["2 AWS_ACCESS_KEY_ID"] == new
        assert found.count("CreateAccessKey") == 1
        assert found.run("check", "aws").exit_code == 0
