"""Files about providers that people write themselves: a new one, and one that takes the place of a
built-in one."""

from __future__ import annotations

import pytest

from tests.upkeep.stub import stub
from tests.upkeep.stub_places import configure, render_moved, write_own
from tests.upkeep.stub_sitting import Sitting, sitting
from tests.upkeep.stub_templates import find_hosts, list_names, read_text

MINE = """
title = "My models"
aliases = []
create_url = "https://models.example/keys"
revoke_url = "https://models.example/keys"
docs_url = "https://models.example/docs"
expiry = "none"
confidence = "seen"

[[fields]]
variables = ["MY_MODELS_URL"]
prompt = "URL"
secret = false
key = "url"

[[fields]]
variables = ["MY_MODELS_KEY"]
prompt = "key"

[verify]
method = "GET"
url = "{url}/v3/scopes"
headers = { Authorization = "Bearer {token}" }
ok = [200]
invalid = [401]
extra_paths = { scopes = "scopes" }

[rotate_api]
mode = "self"
method = "POST"
url = "{url}/v3/api_keys"
headers = { Authorization = "Bearer {token}", Content-Type = "application/json" }
body = '{"name":"{label}","scopes":["read"]}'
ok = [201]
new = { token = "api_key" }
"""
"""Speaks as SendGrid does, so that the stub's understands it."""


def test_a_provider_of_ones_own_is_checked_and_rotates() -> None:
    with sitting("sendgrid") as desk:
        write_own("mine", MINE)
        issued = desk.provider.issue("sendgrid")
        place = desk.provider.place("sendgrid")
        data = f"MY_MODELS_URL={place}\nMY_MODELS_KEY={issued.token}\n".encode()
        said = desk.run("add", "mine", stdin=data).stderr
        assert said.startswith("My models → MY_MODELS_URL, MY_MODELS_KEY, environment default\n")
        assert ", live: scopes api, read\n" in said
        desk.run("rotate", "mine", "--auto")
        assert issued.successor is not None
        assert desk.value("mine", "--field", "MY_MODELS_KEY") == issued.successor.token
        assert desk.value("mine", "--field", "MY_MODELS_URL") == place
        assert "mine" in desk.run("providers").text


def test_one_that_takes_a_built_in_ones_place() -> None:
    with sitting("groq") as desk:  # its requests are moved by such a file
        desk.give("groq")
        assert desk.provider.count("groq", "verify") == 1
        write_own("groq", read_text("groq").replace('title = "Groq', 'title = "Not Groq'))
        said = desk.credman("check", "groq", environ={"CREDMAN_OFFLINE": "1"})
        assert said.exit_code == 0
        assert "Not Groq" in desk.run("providers", "groq").text


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_on_this_machine_may_be_named_with_plain_http(host: str) -> None:
    with stub() as provider:
        desk = Sitting(provider, {"CREDMAN_OFFLINE": ""})
        configure("timeout = 1")
        place = provider.place("groq").replace("127.0.0.1", host)
        (own,) = find_hosts("groq")
        write_own("groq", read_text("groq").replace(f"https://{own}", place))
        issued = provider.issue("groq")
        assert ", live\n" in desk.add(issued).stderr
        provider.revoke(issued)
        assert desk.credman("check").exit_code == 8


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("https://api.groq", "http://api.groq", "groq.toml: verify.url must begin with https://"),
        ("ok = [200]", "ok = [99]", "groq.toml: verify.ok must be HTTP statuses"),
        ("ok = [200]", "okay = [200]", "groq.toml: verify.ok is missing"),
        ("[verify]", "[verify", "groq.toml: not valid TOML"),
        ("[verify]", "[verifies]", "groq.toml: "),
    ],
)
def test_a_file_with_a_mistake_is_named_with_its_key(
    before: str, after: str, complaint: str
) -> None:
    with sitting("groq") as desk:
        text = read_text("groq")
        assert before in text
        path = write_own("groq", text.replace(before, after))
        said = desk.refuse(2, "add", "groq", stdin=b"x" * 56)
        assert str(path) in said and complaint.removeprefix("groq.toml: ") in said
        path.unlink()


def test_what_is_none_of_its_fields_stands_in_no_url() -> None:
    with sitting("groq") as desk:
        (own,) = find_hosts("groq")
        text = read_text("groq").replace(f"https://{own}", f"https://{own}/{{token}}")
        write_own("groq", text)
        issued = desk.provider.issue("groq")
        said = desk.add(issued).stderr
        assert ", not checked (a secret goes into no URL)\n" in said


def test_every_file_that_is_moved_is_one_that_is_accepted() -> None:
    with sitting() as desk:
        moved = [n for n in list_names() if f"STUB_{n.upper().replace('-', '_')}" in desk.environ]
        assert len(moved) > 30
        said = desk.run("providers").text
        assert not [name for name in moved if name not in said]
        for name in ("groq", "twilio", "digitalocean"):
            assert name in moved and f'url = "https://{name}.example/' in render_moved(name)
