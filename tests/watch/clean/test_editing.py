"""What becomes of a file: how it is read, how far a token reaches, and when it is left."""

from __future__ import annotations

import base64
import gzip
import io
import os
import zipfile
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote

import pytest

from credman.core.model import VersionState
from credman.watch.clean.copies import describe_copy, find_fallback
from credman.watch.clean.editing import Left, Rewrite, edit_file, edit_plainly
from credman.watch.clean.logins import find_login
from credman.watch.scan.findings import Finding, Owner
from credman.watch.scan.jobs import Job, open_bytes
from credman.watch.scan.needles import compile_needles, make_needles
from credman.watch.scan.patterns import find_engine, open_patterns
from credman.watch.scan.scanner import Scanner
from credman.watch.scan.searching import Searcher
from tests.cli.harness import make_value
from tests.cli.scans import keep_patterns

TOKEN = make_value()
LONG = "x-" + "".join(f"{n:x}." for n in range(1000, 1300))
ODD = 'p&q"r<s> 1a2b3c4d5e'
VALUES = (TOKEN, LONG, ODD)


@pytest.fixture
def scanner() -> Scanner:
    keep_patterns()
    patterns = open_patterns(str(Path(os.environ["CREDMAN_HOME"], "state")), None)
    needles = make_needles(value.encode() for value in VALUES)
    searcher = Searcher(patterns, needles, compile_needles(needles, engine=find_engine()))
    owners = [
        Owner(name, "prod", "default", 1, VersionState.CURRENT, None, f"{name.upper()}_TOKEN")
        for name in ("hf", "long", "odd")
    ]
    return Scanner(searcher, owners)


def look(scanner: Scanner, path: str, data: bytes) -> Sequence[Finding]:
    own = scanner.clone()
    own.scan(Job(path, lambda: open_bytes(data)))
    return own.report.findings


def find_value(finding: Finding) -> bytes | None:
    names = ("hf", "long", "odd")
    return None if finding.owner is None else VALUES[names.index(finding.owner.name)].encode()


def edit(scanner: Scanner, path: str, data: bytes) -> Rewrite | Left:
    findings = look(scanner, path, data)
    assert findings
    return edit_file(path, data, findings, lambda new: look(scanner, path, new), find_value)


def after(scanner: Scanner, path: str, data: bytes) -> bytes:
    edited = edit(scanner, path, data)
    assert isinstance(edited, Rewrite), edited
    return edited.after


@pytest.mark.parametrize(
    ("codec", "has_bom"),
    [
        ("utf-16-le", True),
        ("utf-16-be", True),
        ("utf-16-le", False),
        ("utf-16-be", False),
        ("utf-32-le", True),  # without one it is not told from what is no text
        ("utf-32-be", True),
    ],
)
def test_wide_text_stays_wide_text(scanner: Scanner, codec: str, *, has_bom: bool) -> None:
    bom = "\ufeff" if has_bom else ""
    text = bom + 'line one\r\n{"é": "%s"} 😀\r\n'
    before = (text % TOKEN).encode(codec)
    assert after(scanner, "a.txt", before) == (text % "[credman:HF_TOKEN]").encode(codec)


def test_wide_json_is_json(scanner: Scanner) -> None:
    before = '\ufeff{"token": "%s"}'
    assert after(scanner, "a.json", (before % TOKEN).encode("utf-16-le")) == (
        '\ufeff{"token": null}'.encode("utf-16-le")
    )


def test_wide_text_that_is_not_whole_is_left(scanner: Scanner) -> None:
    data = b"\xff\xfe" + f"x {TOKEN} y".encode("utf-16-le") + b"\0\xd8z\0"
    edited = edit(scanner, "a.txt", data)
    assert edited == Left("it is not whole text", "take it out with an editor")


def test_text_of_no_known_encoding_stays_as_it_is(scanner: Scanner) -> None:
    before = b"\xe9\xff\x80 %s \xfe\n"
    assert after(scanner, "a.txt", before % TOKEN.encode()) == before % b"[credman:HF_TOKEN]"


def test_what_is_encoded_goes_whole(scanner: Scanner) -> None:
    for text in (TOKEN, f"user:{TOKEN}", f"a:{TOKEN}:b", f"ab:{TOKEN}12"):
        written = base64.b64encode(text.encode())
        before = b'"auth": %s end' % written
        assert after(scanner, "a.txt", before) == b'"auth": [credman:HF_TOKEN] end'
    for form in (TOKEN.encode().hex(), TOKEN.encode().hex().upper()):
        assert after(scanner, "a.txt", f"x={form}.".encode()) == b"x=[credman:HF_TOKEN]."
    url = f"https://h/?q={quote(ODD)}&z=1".encode()
    assert after(scanner, "a.txt", url) == b"https://h/?q=[credman:ODD_TOKEN]&z=1"


def test_a_picture_with_a_token_in_it_loses_no_more_than_it(scanner: Scanner) -> None:
    inner = os.urandom(300) + TOKEN.encode() + os.urandom(300)
    written = base64.b64encode(inner)
    edited = after(scanner, "a.txt", written)
    assert len(edited) > len(written) - 1.5 * len(TOKEN) and b"[credman:HF_TOKEN]" in edited


def test_a_long_value_goes_to_its_end(scanner: Scanner) -> None:
    for path, text in (("a.txt", f"({LONG})"), ("a.json", f'{{"a": "{LONG}", "b": 1}}')):
        edited = after(scanner, path, text.encode())
        assert LONG[-50:].encode() not in edited and len(edited) < 40
    # Half of one is taken out as far as it goes.
    cut = after(scanner, "a.txt", f"({LONG[:600]})".encode())
    assert cut.startswith(b"([credman:LONG_TOKEN]")


def test_a_value_that_is_not_simple(scanner: Scanner) -> None:
    assert after(scanner, "a.txt", f"x {ODD} y".encode()) == b"x [credman:ODD_TOKEN] y"
    markup = ODD.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    assert after(scanner, "a.html", f"<p>{markup}</p>".encode()) == b"<p>[credman:ODD_TOKEN]</p>"
    quoted = ODD.replace('"', '\\"')
    assert after(scanner, "a.json", f'{{"a": "{quoted}"}}'.encode()) == b'{"a": null}'


def test_syntax_that_is_broken_gets_a_mark(scanner: Scanner) -> None:
    for path in ("a.json", "a.py", "a.ipynb", "a.toml", "a.sh"):
        data = f"{{[( ' \" {TOKEN} \x01".encode()
        assert after(scanner, path, data) == data.replace(TOKEN.encode(), b"[credman:HF_TOKEN]")


def test_yaml_that_is_not_understood_gets_a_word(scanner: Scanner) -> None:
    # Brackets would make a list of it.
    edited = after(scanner, "a.yaml", f"key: !tag {TOKEN}\n".encode())
    assert edited == b"key: !tag credman_HF_TOKEN\n"


@pytest.mark.parametrize(
    ("path", "before", "expected"),
    [
        ("run", "#!/usr/bin/env python3\nx = '%s'\n",
         "#!/usr/bin/env python3\nimport os\nx = os.environ['HF_TOKEN']\n"),
        ("run", "#!/bin/bash -e\nexport T=%s\n", '#!/bin/bash -e\nexport T="$HF_TOKEN"\n'),
        ("state", '{"token": "%s"}', '{"token": null}'),
        (".github/workflows/ci.yml", "env:\n  T: %s\n", "env:\n  T: ${{ secrets.HF_TOKEN }}\n"),
        (".env.local", "HF_TOKEN=%s\n", "# HF_TOKEN=\n"),
        ("README.md", "`%s`\n", "`[credman:HF_TOKEN]`\n"),
        ("a.js", "const t = '%s';\n", "const t = '[credman:HF_TOKEN]';\n"),
        ("a.csv", "1,%s,2\r\n", "1,[credman:HF_TOKEN],2\r\n"),
    ],
)  # fmt: skip
def test_the_syntax_is_told_by_name_and_beginning(
    scanner: Scanner, path: str, before: str, expected: str
) -> None:
    edited = after(scanner, path, before.replace("%s", TOKEN).encode())
    assert edited.decode().replace('"${{', "${{").replace('}}"', "}}") == expected


def zipped(name: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, f"x {TOKEN}")
    return out.getvalue()


def test_what_is_packed_is_left(scanner: Scanner) -> None:
    for path, data, reason in (
        ("a.zip", zipped("m.txt"), "it is packed in a zip file"),
        ("a.bin", zipped("a/data.pkl"), "it is in pickled objects"),
        ("a.gz", gzip.compress(TOKEN.encode()), "it is packed"),
        ("a.dat", b"\0" * 50 + TOKEN.encode(), "it is no text"),
    ):
        edited = edit(scanner, path, data)
        assert isinstance(edited, Left) and edited.reason == reason and edited.advice


def test_a_private_key_is_left(scanner: Scanner) -> None:
    body = "\\n".join(base64.b64encode(os.urandom(48)).decode() for _ in range(5))
    key = f"-----BEGIN PRIVATE KEY-----\\n{body}\\n-----END PRIVATE KEY-----\\n"
    data = f'{{"type": "service_account", "private_key": "{key}"}}'.encode()
    edited = edit(scanner, "key.json", data)
    assert isinstance(edited, Left) and "key of several lines" in edited.reason


def test_nothing_is_shown_of_a_file(scanner: Scanner) -> None:
    assert TOKEN not in repr(edit(scanner, "a.py", f'x = "{TOKEN}"\n'.encode()))


def test_plain_edits(scanner: Scanner) -> None:
    data = f"login('{TOKEN}')".encode()
    found = look(scanner, "h", data)
    assert edit_plainly(data, found) == b"login('[credman:HF_TOKEN]')"


def test_copies_count_only_beside_their_originals() -> None:
    there = {"/p/a.json", "/p/conf.py", "/p/Makefile", "/p/a.b.ipynb"}
    for path, expected in {
        "/p/.ipynb_checkpoints/a-checkpoint.json": "a copy that Jupyter made of a.json",
        "/p/.ipynb_checkpoints/Makefile-checkpoint": "a copy that Jupyter made of Makefile",
        "/p/.ipynb_checkpoints/a.b-checkpoint.ipynb": "a copy that Jupyter made of a.b.ipynb",
        "/p/.ipynb_checkpoints/gone-checkpoint.json": None,
        "/p/.ipynb_checkpoints/a.json": None,
        "/p/a-checkpoint.json": None,
        "/p/__pycache__/conf.cpython-311.pyc": "compiled from conf.py",
        "/p/__pycache__/conf.cpython-311.opt-1.pyc": "compiled from conf.py",
        "/p/__pycache__/gone.cpython-311.pyc": None,
        "/p/conf.cpython-311.pyc": None,
        "/t/jupyter_checkpoints/x/.ipynb_checkpoints/b-checkpoint.json": "a copy that Jupyter made",
    }.items():
        found = describe_copy(path, there.__contains__, fallback="/t/jupyter_checkpoints")
        assert found == expected, path


def test_the_place_of_other_checkpoints(tmp_path: Path) -> None:
    assert find_fallback({"TMPDIR": str(tmp_path)}) == f"{tmp_path}/jupyter_checkpoints"
    assert find_fallback({"TMPDIR": "/nothing"}) == "/tmp/jupyter_checkpoints"


def test_logins() -> None:
    assert find_login("/h/.netrc", "/h", {}) == "delete its line"
    assert find_login("/w/.netrc", "/h", {}) is None
    assert find_login("/c/token", "/h", {"HF_HOME": "/c"}) == "hf auth logout"
    assert find_login("/h/.cache/huggingface/token", "/h", {}) == "hf auth logout"
