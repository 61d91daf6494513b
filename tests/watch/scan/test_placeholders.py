"""What documentation writes where a token is to stand is not found; a token beside it is."""

from __future__ import annotations

import random
import string

import pytest

from credman.providers.facts import ShapeKind
from credman.watch.scan.judging import estimate_bits, is_placeholder, is_random, shannon
from tests.watch.scan.planting import make_plants
from tests.watch.scan.scanning import scan

_BODY = "".join(random.Random(8).choices(string.ascii_letters, k=34))

PLACEHOLDERS = [
    "hf_" + "x" * 34,
    "hf_" + "X" * 34,
    "hf_" + "a" * 34,
    "hf_your_token_here",
    "hf_YourTokenHereYourTokenHereYourToken"[:37],
    "hf_" + "AbCdEfGh" + _BODY[8:],
    "hf_" + "EXAMPLE" + _BODY[7:],
    "hf_...",
    "hf_" + "*" * 34,
    "hf_oauth_" + "x" * 30,
    "api_org_" + "x" * 34,
    "sk-...",
    "sk-proj-" + "x" * 74 + "T3BlbkFJ" + "x" * 74,
    "sk-" + "0" * 48,
    "sk-" + "1234567890" * 4 + "12345678",
    "sk-ant-api03-" + "x" * 93 + "AA",
    "sk-ant-your-api-key-here",
    "sk-ant-api03-your-key-goes-here",
    "sk-or-v1-" + "0" * 64,
    "sk-lf-00000000-0000-0000-0000-000000000000",
    "AKIAIOSFODNN7" + "EXAMPLE",
    "AKIA" + "X" * 16,
    "AKIA" + "ABCDEFGHIJKLMNOP",
    "ghp_" + "x" * 36,
    "gho_" + "1" * 36,
    "github_pat_" + "x" * 22 + "_" + "x" * 59,
    "glpat-" + "X" * 20,
    "glpat-your-token-here-1234",
    "xoxb-" + "1" * 12 + "-" + "2" * 12 + "-" + "x" * 24,
    "xoxb-000000000000-000000000000-" + "X" * 24,
    "https://hooks.slack.com/services/T00000000/B00000000/" + "X" * 24,
    "https://discord.com/api/webhooks/" + "0" * 18 + "/" + "x" * 68,
    "SG." + "x" * 22 + "." + "x" * 43,
    "AIza" + "x" * 35,
    "dapi" + "0" * 32,
    "npm_" + "0" * 36,
    "pypi-AgEIcHlwaS5vcmc" + "x" * 80,
    "r8_" + "*" * 37,
    "gsk_" + "x" * 52,
    "sk_live_" + "x" * 24,
    "sk_test_your_key_here",
    "nvapi-" + "x" * 64,
    "123456789:" + "A" * 35,
    "1234567890:" + "ABCdefGHIjklMNOpqrSTUvwxYZ123456789",
    "your-api-key",
    "<your-token>",
    "${HF_TOKEN}",
    "{{ secrets.HF_TOKEN }}",
    "changeme",
    "None",
]
"""As they stand in READMEs, in .env.example and in the providers' own documentation."""

_VARIABLES = ("HF_TOKEN", "COHERE_API_KEY", "WANDB_API_KEY", "QDRANT_API_KEY", "MISTRAL_API_KEY")

NAMES = [
    'os.environ["COHERE_API_KEY"] = settings.integrations.cohere.api_key_from_configuration',
    "qdrant_api_key: Optional[str] = None,",
    'QDRANT_API_KEY = os.environ.get("QDRANT_API_KEY")',
    "weaviate_api_key=self.configuration.weaviate_api_key.get_secret_value()",
    "MLFLOW_TRACKING_TOKEN=path/to/the/file-with-the-token.json",
    "ROBOFLOW_API_KEY = RoboflowClientConfig",
    "zilliz_token: ThisIsTheNameOfSomeVeryLongClassThatNobodyWouldWrite",
    'WANDB_API_KEY = "' + "0" * 40 + '"',
    "together_api_key: " + "f" * 64,
    "sha256=ak-" + _BODY[:40],
    "static_secret_constructor_of_realm_2_and_3_and_so_on",
    "RECORD,sha256=qaN-fw_" + _BODY + "9e2",
]
"""Code that speaks of tokens and holds none."""


@pytest.mark.parametrize("text", PLACEHOLDERS)
def test_an_example_is_not_found(text: str) -> None:
    for line in (text, *(f'{name} = "{text}"' for name in _VARIABLES), f"`{text}`", f"[{text}]"):
        assert scan(f"before\n{line}\nafter\n".encode()).findings == [], line


@pytest.mark.parametrize("text", NAMES)
def test_names_and_paths_are_no_tokens(text: str) -> None:
    assert scan(f"a\n    {text}\nb\n".encode()).findings == []


def test_a_wrong_checksum_is_that_of_an_example() -> None:
    plant = next(
        p
        for p in make_plants([ShapeKind.PREFIX], 2)
        if p.value.startswith(("ghp_", "gho_", "ghu_"))
    )
    for at in (10, len(plant.value) - 1):
        other = "b" if plant.value[at] == "a" else "a"
        altered = plant.value[:at] + other + plant.value[at + 1 :]
        assert plant.shape.fits(altered)
        assert scan(altered.encode()).findings == []


def test_a_token_among_examples_is_found() -> None:
    plants = [p for p in make_plants([ShapeKind.PREFIX], 2) if not p.shape.is_part]
    text = "\n".join(x for p in plants for x in (*PLACEHOLDERS[:5], f"'{p.value}'"))
    assert {f.value.decode() for f in scan(text.encode()).findings} == {p.value for p in plants}


def test_randomness_is_that_of_the_characters() -> None:
    assert shannon(b"") == 0 and shannon(b"aaaa") == 0
    assert shannon(b"abab") == 1 and shannon(b"abcd") == 2
    chance = random.Random(1)
    for alphabet, bits in (
        (string.digits, 3.3),
        ("0123456789abcdef", 4),
        (string.ascii_letters, 6),
    ):
        for size in (16, 32, 64):
            value = "".join(chance.choices(alphabet, k=size)).encode()
            assert 0.5 * bits * size < estimate_bits(value) <= bits * size
    assert estimate_bits(b"a" * 64) == 0 and estimate_bits(b"") == 0


@pytest.mark.parametrize("size", [0, 1, 7, 8, 15, 16, 4096])
def test_any_size_is_judged(size: int) -> None:
    assert is_placeholder(b"x" * size) == (size >= 6)
    assert not is_random(b"x" * size)
