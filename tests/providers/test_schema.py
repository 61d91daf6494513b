"""One provider's file: what is wrong with it is said with its name and the key."""

from __future__ import annotations

import pytest

from credman.core.errors import UsageError
from credman.providers.online import ONLINE
from tests.providers.factories import CATALOGUE, GOOD, parse

BROKEN = [
    (GOOD + "colour = 1\n", "colour"),
    ("colour = 1\n" + GOOD, "colour is not known"),
    (GOOD.replace('prompt = "key"', 'prompt = "key"\nhidden = true'), "fields[0].hidden"),
    (GOOD.replace('title = "Example"\n', ""), "title is missing"),
    (GOOD.replace('"Example"', "1"), "title must be a text"),
    (GOOD.replace('["ex"]', '"ex"'), "aliases must be a list"),
    (GOOD.replace('["ex"]', "[1]"), "aliases must be a list of texts"),
    (GOOD.replace('["ex"]', '["e x"]'), "aliases this is not a name for a provider"),
    ('related = ["LD_PRELOAD"]\n' + GOOD, "related LD_PRELOAD"),
    ('rotation_days = "90"\n' + GOOD, "rotation_days must be a number"),
    ("rotation_days = true\n" + GOOD, "rotation_days must be a number"),
    (GOOD.replace('prompt = "key"', 'prompt = "key"\nsecret = "no"'), "fields[0].secret"),
    (GOOD.replace('prompt = "key"\n', ""), "fields[0].prompt is missing"),
    (GOOD.replace('["EXAMPLE_KEY"]', "[]"), "fields[0].variables is empty"),
    (GOOD.replace("EXAMPLE_KEY", "LD_PRELOAD"), "fields[0].variables LD_PRELOAD"),
    (GOOD.replace("EXAMPLE_KEY", "1A"), "fields[0].variables"),
    (
        GOOD.replace('prompt = "key"', 'prompt = "key"\nalso = ["PATH"]'),
        "fields[0].variables PATH",
    ),
    (GOOD.replace("exa_[a-z]{20}", "exa_[a-z"), "shapes[0].pattern is no regular expression"),
    (
        GOOD.replace('"prefix"', '"suffix"'),
        "shapes[0].kind must be prefix, shared, context or public",
    ),
    (GOOD.replace('name = "key"\n', ""), "shapes[0].name is missing"),
    (GOOD.split("[[fields]]")[0], "fields is empty"),
    ("fields = 1\n" + GOOD.split("[[fields]]")[0], "fields must be a list"),
    ("fields = [1]\n" + GOOD.split("[[fields]]")[0], "fields must be a list of tables"),
    (GOOD.replace('"Example"', '" "'), "title is empty"),
    (GOOD.replace('"key"\npattern', '""\npattern'), "shapes[0].name is empty"),
    (GOOD.replace('"seen"', '"guessed"'), "confidence must be seen or recalled"),
    ('recalled = ["expiry", "verify.ok"]\n' + GOOD, "recalled names verify.ok"),
    ('recalled = ["fields.x"]\n' + GOOD, "recalled names fields.x"),
    ("rotation_days = 90\n" + GOOD, "rotation_days and rotation_basis"),
    ('rotation_basis = "who"\n' + GOOD, "rotation_days and rotation_basis"),
    ('rotation_days = 0\nrotation_basis = "who"\n' + GOOD, "rotation_days must be from 1"),
    (GOOD.replace("https://example.com/new", "http://example.com/new"), "create_url must begin"),
    (GOOD.replace("https://example.com/new", "https://example.com/a b"), "create_url must begin"),
    (GOOD.replace("https://example.com/docs", "javascript:alert(1)"), "docs_url must begin"),
    (GOOD.replace("https://example.com/new", "{host}/new"), "create_url holds {host}"),
    (GOOD.replace("https://example.com/new", "https://{A-B}/"), "create_url holds {A-B}"),
    (GOOD.replace('prompt = "key"', 'prompt = "key"\nkind = "folder"'), "fields[0].kind must be"),
    (GOOD.replace('prompt = "key"', 'prompt = "key"\noptional = true'), "fields need one"),
    (GOOD.replace('prompt = "key"', 'prompt = "key"\nsecret = false'), "fields need one"),
    (GOOD.replace('prompt = "key"', 'prompt = "key"\nalso = ["example_key"]'), "variable twice"),
    (GOOD + '[[fields]]\nvariables = ["B"]\nprompt = "b"\n', "fields name a key twice"),
    (GOOD + 'field = "OTHER"\n', "shapes[0].field is no variable"),
    (GOOD + "part = 1\n", "shapes[0].part must be true or false"),
    (GOOD + 'checksum = "md5"\n', "shapes[0].checksum must be"),
    (GOOD + "advisory = 1\n", "shapes[0].advisory must be true or false"),
    (GOOD + '[[import_from]]\npath = "~/x"\nformat = "xml"\n', "import_from[0].format must be"),
    (GOOD + '[[import_from]]\nformat = "raw"\n', "import_from[0].path is missing"),
    (GOOD + '[[import_from]]\npath = "~/x"\nformat = "raw"\nbsd = "x"\n', "import_from[0].bsd"),
    (GOOD + "[[verify]]\n", "verify must be a table"),
    (GOOD + "[verified]\n", "verified is not known"),
    ("[[[", "not valid TOML"),
    ("a = " + "1" * 5000, "not valid TOML"),
    ("a = " + "[" * 20_000, "not valid TOML"),
]


def test_the_good_example_is_good() -> None:
    provider = parse(GOOD)
    assert (provider.name, provider.title, provider.aliases) == ("example", "Example", ("ex",))
    assert provider.shapes[0].field == "EXAMPLE_KEY"


@pytest.mark.parametrize(("text", "named"), BROKEN, ids=[named for _, named in BROKEN])
def test_a_broken_file_is_an_error_that_names_file_and_key(text: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(text)
    assert caught.value.message.startswith("example.toml: ")
    assert named in caught.value.message


VERIFY = """
[verify]
method = "GET"
url = "https://api.example.com/me"
headers = { Authorization = "Bearer {token}" }
ok = [200]
invalid = [401]
"""
ROTATE = """
[rotate_api]
mode = "self"
steps = ["make one", "drop the other"]
"""
SELF = """
[rotate_api]
mode = "self"
method = "POST"
url = "https://api.example.com/new"
headers = { Authorization = "Bearer {token}", Content-Type = "application/json" }
ok = [200]
new = { token = "token" }
"""
BASE = """
[base]
url = "https://api.example.com"
variables = ["EXAMPLE_URL"]
"""

BROKEN_ONLINE = [
    (VERIFY.replace("url =", "uri ="), "verify.url is missing"),
    (VERIFY.replace("ok = [200]\n", ""), "verify.ok is missing"),
    (VERIFY.replace("invalid = [401]\n", ""), "verify.invalid is missing"),
    (VERIFY + "tries = 3\n", "verify.tries is not known"),
    (VERIFY.replace('"GET"', '"get"'), "verify.method must be GET, POST, PUT, PATCH or DELETE"),
    (VERIFY.replace("https:", "http:"), "verify.url must begin"),
    (VERIFY.replace("/me", "/{who}"), "verify.url holds {who}"),
    (VERIFY + 'identity_url = "http://x"\n', "verify.identity_url must begin"),
    (VERIFY + "skip = 1\n", "verify.skip must be a text"),
    (VERIFY + 'auth = "basic"\n', "verify.auth must be "),
    (VERIFY + 'dead_text = "gone"\n', "verify.dead_text must be a list"),
    (VERIFY + "live_text = []\n", "verify.live_text is empty"),
    (VERIFY + "query = { a = 1 }\n", "verify.query must be a table of texts"),
    (VERIFY + 'active_path = ["a"]\n', "verify.active_path must be a text"),
    (VERIFY + 'body = "{"\n', "verify.body is not what its Content-Type says"),
    (VERIFY + "dead_body = 1\n", "verify.dead_body must be a table"),
    (VERIFY + "ok_body = { a = [] }\n", "verify.ok_body.a must be a value, or a list of values"),
    (VERIFY + "pattern = '(a)'\n", "verify.pattern must have no group"),
    (VERIFY + 'take = { a = "b" }\n', "verify.take is not known"),
    (VERIFY + 'command = ["ask"]\n', "verify.command is not known"),
    (VERIFY.replace("[200]", '["200"]'), "verify.ok must be a list of numbers"),
    (VERIFY.replace("[200]", "[true]"), "verify.ok must be a list of numbers"),
    (VERIFY.replace("[200]", "[99]"), "verify.ok must be HTTP statuses"),
    (VERIFY.replace("[200]", "[200, 200]"), "verify.ok must be HTTP statuses"),
    (VERIFY.replace("[401]", "[200]"), "verify.invalid repeats a status"),
    (VERIFY.replace("Authorization", '"Bad Header"'), "verify.headers.Bad Header is no header"),
    (VERIFY.replace("Bearer {token}", "a\\r\\nb"), "verify.headers.Authorization is no header"),
    (VERIFY + "body = 1\n", "verify.body must be a text"),
    (VERIFY + "basic = []\n", "verify.basic is empty"),
    (VERIFY + "intrusive = true\n", "verify.intrusive is not known"),
    (VERIFY + "extra_paths = { a = 1 }\n", "verify.extra_paths must be a table of texts"),
    (ROTATE.replace('mode = "self"\n', ""), "rotate_api.mode is missing"),
    (ROTATE.replace('"self"', '"me"'), "rotate_api.mode must be self, self-if-scoped, public or"),
    (ROTATE + 'url = "https://example.com"\n', "rotate_api.method is missing"),
    (SELF.replace('new = { token = "token" }\n', ""), "rotate_api.new is missing"),
    (SELF.replace("ok = [200]\n", ""), "rotate_api.ok is missing"),
    (SELF.replace("/new", "/{A}"), "rotate_api.url holds {A}"),
    (SELF.replace('"token" }', "1 }"), "rotate_api.new must be a table of texts"),
    (SELF + "keep = [1]\n", "rotate_api.keep must be a table"),
    (SELF + "ends_old = 1\n", "rotate_api.ends_old must be true or false"),
    (SELF + "lifetime_days = 0\n", "rotate_api.lifetime_days must be a count"),
    (SELF + "lifetime_days = 9999\n", "rotate_api.lifetime_days must be a count"),
    (SELF + "pattern = '(a'\n", "rotate_api.pattern is no regular expression"),
    (SELF + "pattern = '(a)'\n", "rotate_api.pattern must have no group"),
    (SELF + "derive = { a = '(a)' }\n", "rotate_api.derive is not known"),
    (SELF + 'body = "a=1"\n', "rotate_api.body is not what its Content-Type says"),
    (SELF + "lookups = [1]\n", "rotate_api.lookups must be a list of tables"),
    (
        SELF.replace("rotate_api", "revoke_api").replace('new = { token = "token" }\n', "")
        + "derive = { a = 'a' }\n",
        "revoke_api.derive.a must have one group",
    ),
    (ROTATE + 'new_token_path = "x"\n', "rotate_api.new_token_path is not known"),
    (ROTATE + 'applies_to = "x"\n', "rotate_api.applies_to is not known"),
    (ROTATE + "invalid = [401]\n", "rotate_api.invalid is not known"),
    (ROTATE.replace("rotate", "revoke") + "ends_old = true\n", "revoke_api.ends_old is not known"),
    ("[derive_api]\n", "derive_api.note is missing"),
    (BASE.replace("https:", "http:"), "base.url must begin"),
    (BASE.replace("api.", "{token}."), "base.url holds {token}"),
    (BASE.replace('["EXAMPLE_URL"]', '"EXAMPLE_URL"'), "base.variables must be a list"),
    (BASE.replace("EXAMPLE_URL", "LD_PRELOAD"), "base.variables LD_PRELOAD"),
    (BASE + 'field = "host"\n', "base.field names host"),
    (BASE + "suffix = 1\n", "base.suffix must be a text"),
    (BASE + 'host = "x"\n', "base.host is not known"),
]


@pytest.mark.parametrize(
    ("text", "named"), BROKEN_ONLINE, ids=[named for _, named in BROKEN_ONLINE]
)
def test_a_broken_request_is_an_error_that_names_file_and_key(text: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse(GOOD + text)
    assert caught.value.message.startswith(f"example.toml: {named}")


def test_requests_are_kept_as_they_stand() -> None:
    provider = parse(GOOD + VERIFY + ROTATE)
    assert provider.online["verify"]["url"] == "https://api.example.com/me"
    assert provider.online["rotate_api"] == {
        "mode": "self", "steps": ["make one", "drop the other"],
    }  # fmt: skip
    assert provider.online.keys() == {"verify", "rotate_api"} <= ONLINE.keys()


def test_a_look_up_is_checked_as_a_request_is() -> None:
    lookup = 'lookups = [{ method = "GET", url = "https://x", ok = [200], take = { a = "b" } }]\n'
    provider = parse(GOOD + BASE + VERIFY + 'dead_body = { "a.b" = [1, true] }\n' + SELF + lookup)
    assert provider.base is not None and provider.base.variables == ("EXAMPLE_URL",)
    assert provider.online["verify"]["dead_body"] == {"a.b": [1, True]}
    for old in ('method = "GET", ', 'url = "https://x", ', "ok = [200], ", ', take = { a = "b" }'):
        with pytest.raises(
            UsageError, match=r"^example\.toml: rotate_api\.lookups\[0\]\.\w+ is missing"
        ):
            parse(GOOD + SELF + lookup.replace(old, ""))
    for broken in ('"GET"', '"PEEK"'), ("https:", "http:"), ("ok =", "okay = 1, ok ="):
        with pytest.raises(UsageError, match=r"^example\.toml: rotate_api\.lookups\[0\]\."):
            parse(GOOD + SELF + lookup.replace(*broken))


@pytest.mark.parametrize("table", ["verify", "rotate_api", "revoke_api"])
def test_a_table_without_a_request_says_why(table: str) -> None:
    mode = "" if table == "verify" else 'mode = "self"\n'
    assert parse(GOOD + f'[{table}]\n{mode}auth = "aws"\n').online[table]["auth"] == "aws"
    if table == "verify":
        assert parse(GOOD + '[verify]\nskip = "nobody can"\n').online[table]
    with pytest.raises(UsageError, match=rf"{table}\.(method|mode) is missing"):
        parse(GOOD + f"[{table}]\n")


def test_a_template_takes_the_fields_that_there_are() -> None:
    host = '[[fields]]\nvariables = ["HOST"]\nprompt = "URL"\nsecret = false\nkey = "host"\n'
    text = GOOD.replace("https://example.com/new", "{host}/new") + host
    assert parse(text + VERIFY.replace("https://api.example.com/me", "{host}/{token}"))


def test_all_facts_of_the_catalogue_are_there() -> None:
    counts = {kind: sum(kind in p.online for p in CATALOGUE.providers.values()) for kind in ONLINE}
    assert counts == {"verify": 63, "rotate_api": 34, "revoke_api": 19, "derive_api": 1}
    providers = CATALOGUE.providers.values()
    assert sum(len(p.imports) for p in providers) == 41
    assert sum(p.rotation_days is not None for p in providers) == 7
    assert sum(len(p.shapes) for p in providers) >= 116
    assert [p.name for p in providers if p.legacy_fields] == ["kaggle"]
    assert [p.name for p in providers if any(f.is_file for f in p.fields)] == ["gcp"]
    assert all(p.sources for p in providers if p.confidence == "seen")


def test_a_file_is_called_as_its_provider() -> None:
    for name in ("Example", "EXAMPLE"):
        with pytest.raises(UsageError, match=f"{name}.toml: the file's name"):
            parse(GOOD, name)
    with pytest.raises(UsageError, match="not a name for a provider"):
        parse(GOOD, "ex ample")
