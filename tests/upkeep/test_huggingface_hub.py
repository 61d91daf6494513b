"""The real huggingface_hub, started by ``credman exec``, works with a token that was rotated."""

from __future__ import annotations

import hashlib
import json
import sys
from importlib.util import find_spec

from tests.cli.harness import program
from tests.requirements import require
from tests.upkeep.stub_places import pipe
from tests.upkeep.stub_sitting import Sitting, sitting

WHO = """
import hashlib, json, os
from huggingface_hub import HfApi, get_token
withheld = [name for name in os.environ if "PASSPHRASE" in name]
digest = hashlib.sha256(get_token().encode()).hexdigest()
print(json.dumps([HfApi().whoami()["name"], digest, withheld]))
"""


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def ask_who(desk: Sitting) -> tuple[int, str, str]:
    """Returns: the exit code, and what the library prints."""
    done = program(
        "exec", "--", sys.executable, "-c", WHO,
        environ={**desk.environ, "HF_HUB_DISABLE_TELEMETRY": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_it_is_who_the_provider_says_before_and_after_a_rotation() -> None:
    require(find_spec("huggingface_hub"), "huggingface_hub is not installed")
    with sitting("huggingface") as desk:
        old = desk.give("huggingface")
        code, said, error = ask_who(desk)
        assert code == 0, error
        assert json.loads(said) == ["alice", digest(old.token), []]
        new = desk.provider.issue("huggingface")
        desk.run("rotate", "huggingface", stdin=pipe(new))
        desk.run("revoke", "huggingface")
        assert not old.is_live
        code, said, error = ask_who(desk)
        assert code == 0, error
        assert json.loads(said) == ["alice", digest(new.token), []]
        asked = [s for s in desk.provider.seen if "hf_hub" in s.headers["user-agent"]]
        assert [s.token for s in asked] == [old.token, new.token]
        desk.provider.revoke(new)
        code, said, error = ask_who(desk)
        assert code == 1 and said == "" and "401" in error
        assert desk.credman("check").exit_code == 8
