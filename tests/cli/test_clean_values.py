"""Which values ``clean`` takes out, in whichever form, and how one is kept."""

from __future__ import annotations

import base64
import os
import random
import string
import subprocess
from pathlib import Path

import pytest

from tests.cli.cleanings import clean
from tests.cli.harness import credman
from tests.cli.scans import OTHER, STRANGE, TOKEN, store

pytestmark = pytest.mark.usefixtures("kept_patterns", "own_temporary")


def test_what_is_stored_nowhere_is_found_in_other_forms_as_well(folder: Path) -> None:
    secret = "".join(f"{n:x}" for n in range(300, 321))[:48]
    (folder / "a.env").write_text(f"DEEPSEEK_API_KEY=sk-{secret}\n")
    (folder / "b.txt").write_text(f"the key is {base64.b64encode(STRANGE.encode()).decode()} so\n")
    (folder / "c.txt").write_text(f"login {STRANGE} {STRANGE} # credman:ignore\n")
    (folder / "d.py").write_text(f'login("{STRANGE}")\n')
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 0
    assert "Hugging Face user access token, in base64" in outcome.text
    assert (folder / "b.txt").read_text() == "the key is [credman:HF_TOKEN] so\n"
    assert STRANGE in (folder / "c.txt").read_text()  # somebody said that it is an example


def test_it_is_shown_how_to_keep_it(folder: Path) -> None:
    (folder / "my train.py").write_text(f'# é\nlogin("{STRANGE}")\n')
    outcome = clean("--suggest", cwd=folder)
    assert outcome.exit_code == 8
    lines = [line.strip() for line in outcome.text.splitlines()]
    where, how, *rest = lines
    assert where.startswith("my train.py:2:8   Hugging Face user access token")
    assert how.endswith("| credman add hf")
    assert rest == ["2 + import os", '2 + login(os.environ["HF_TOKEN"])']
    piped = how.removesuffix(" | credman add hf")
    done = subprocess.run(["sh", "-c", piped], cwd=folder, capture_output=True, check=True)
    assert done.stdout.decode() == STRANGE


def test_each_suggestion_can_be_followed(folder: Path) -> None:
    for name, token in (("-a.py", STRANGE), ("b.py", OTHER), ("c\n.py", TOKEN)):
        (folder / name).write_text(f'login("{token}")\n')
    outcome = clean("--suggest", cwd=folder)
    lines = [line.strip() for line in outcome.text.splitlines() if "credman add" in line]
    assert [line.rpartition("credman")[2] for line in lines] == [
        " add hf", " add hf -e dev", " add hf -e test",
    ]  # fmt: skip
    assert "tail" not in lines[2]  # of a name that cannot be typed
    for line, expected in zip(lines, (STRANGE, OTHER), strict=False):
        piped = line.partition(" | credman")[0]
        done = subprocess.run(["sh", "-c", piped], cwd=folder, capture_output=True, check=True)
        assert done.stdout.decode() == expected
    store(TOKEN)
    assert "credman add hf -e dev" in clean("--suggest", cwd=folder).text


def test_a_token_of_several_parts_is_asked_for(folder: Path) -> None:
    key = "AKIA" + "".join(random.Random(4).choices(string.ascii_uppercase, k=16))
    (folder / "a.py").write_text(f'key = "{key}"\n')
    outcome = clean("--suggest", cwd=folder)
    assert "       credman add aws" in outcome.text and "tail" not in outcome.text


def test_what_is_stored_need_not_be_stored_again(folder: Path) -> None:
    store(TOKEN)
    (folder / "train.py").write_text(f'login("{TOKEN}")\n')
    assert "credman add" not in clean("--suggest", cwd=folder).text


def test_what_was_accepted_stays(folder: Path) -> None:
    (folder / "example.txt").write_text(f"as in {STRANGE}\n")
    credman("scan", "--accept", cwd=folder)
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 0 and STRANGE in (folder / "example.txt").read_text()


def test_a_remark_keeps_an_example_and_never_a_stored_value(folder: Path) -> None:
    store(TOKEN)
    text = f"a {STRANGE} credman:ignore\nb {TOKEN} credman:ignore\n"
    (folder / "a.txt").write_text(text)
    assert clean("--yes", cwd=folder).exit_code == 0
    expected = text.replace(TOKEN, "[credman:HF_TOKEN]")
    assert (folder / "a.txt").read_text() == expected


def test_a_value_that_begins_like_another(folder: Path) -> None:
    for name, value in (("pa", "abcdefghijklmnop1234"), ("pb", "abcdefghijklmnop1234QRSTUV")):
        credman("add", name, "--var", name.upper(), stdin=value.encode())
    (folder / "a.txt").write_text("abcdefghijklmnop1234QRSTUV abcdefghijklmnop1234\n")
    assert clean("--yes", cwd=folder).exit_code == 0
    assert (folder / "a.txt").read_text() == "[credman:PB] [credman:PA]\n"


def test_more_tokens_than_a_scan_tells_of_are_all_taken_out(folder: Path) -> None:
    store(TOKEN)
    (folder / "log.txt").write_text(f"step {TOKEN}\n" * 3000)
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 0 and "and " in outcome.text
    assert (folder / "log.txt").read_text() == "step [credman:HF_TOKEN]\n" * 3000


def test_a_token_beside_a_key_goes_and_the_key_stays(folder: Path) -> None:
    store(TOKEN)
    body = "\\n".join(base64.b64encode(os.urandom(48)).decode() for _ in range(5))
    key = f"-----BEGIN PRIVATE KEY-----\\n{body}\\n-----END PRIVATE KEY-----\\n"
    text = f'{{"type": "service_account", "private_key": "{key}", "token": "%s"}}'
    (folder / "a.json").write_text(text % TOKEN)
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 8 and "a.json: it holds a key of several lines" in outcome.text
    assert (folder / "a.json").read_text() == (text % "null").replace('"null"', "null")


def test_an_example_beside_the_same_token_stays(folder: Path) -> None:
    text = f'a = "{STRANGE}"\nb = "{STRANGE}"  # credman:ignore\n'
    (folder / "a.py").write_text(text)
    assert clean("--yes", cwd=folder).exit_code == 0
    first, second, third = (folder / "a.py").read_text().splitlines()
    assert (first, second) == ("import os", 'a = os.environ["HF_TOKEN"]')
    assert third == text.splitlines()[1]


def test_tokens_side_by_side(folder: Path) -> None:
    store(TOKEN)
    (folder / "a.py").write_text(f'x = "{TOKEN}{STRANGE}"\n')
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 0, outcome.text
    text = (folder / "a.py").read_text()
    assert text.count("environ") == 2 and STRANGE not in text


@pytest.mark.parametrize("name", ["a.py", "a.yaml", "a.toml", "a.txt"])
def test_values_with_both_quotes(folder: Path, name: str) -> None:
    value = "a1'b2\"c3'd4\\e5 f6"
    credman("add", "odd", "--var", "ODD", stdin=value.encode())
    written = {"a.py": f"x = {value!r}\n", "a.yaml": "x: '" + value.replace("'", "''") + "'\n",
               "a.toml": f"x = '''{value}'''\n", "a.txt": value}[name]  # fmt: skip
    (folder / name).write_text(written)
    outcome = clean("--yes", cwd=folder)
    assert outcome.exit_code == 0, outcome.text
    text = (folder / name).read_text()
    assert "c3" not in text and "ODD" in text


def test_each_change_of_a_long_line_is_shown(folder: Path) -> None:
    store(TOKEN)
    (folder / "a.csv").write_text(",".join(f"{'x' * 300}{TOKEN}é{n}" for n in range(9)) + "\n")
    outcome = clean("--dry-run", cwd=folder)
    shown = [line for line in outcome.text.splitlines() if line.startswith("     1 ")]
    assert len(shown) == 18 and all(len(line) < 200 for line in shown)
    assert all(f"hf_…{TOKEN[-4:]}é{n // 2}" in line for n, line in enumerate(shown) if n % 2 == 0)


def test_a_value_that_is_longer_than_what_is_looked_for_goes_whole(folder: Path) -> None:
    value = "k-" + "".join(f"{n:x}" for n in range(1000, 1300))
    credman("add", "long", "--var", "LONG_KEY", stdin=value.encode())
    (folder / "a.txt").write_text(f"x={value};\n")
    assert clean("--yes", cwd=folder).exit_code == 0
    assert (folder / "a.txt").read_text() == "x=[credman:LONG_KEY];\n"
