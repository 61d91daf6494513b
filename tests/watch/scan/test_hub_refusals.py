"""What the Hub says when it refuses files is understood wherever it was copied from."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.watch.scan.hub import Offence, Refusal, explain
from tests.cli.harness import make_value
from tests.watch.scan.hubs import (
    REF,
    list_refusal,
    make_params,
    make_refusing_repository,
    push,
    run_hub,
    upload,
    upload_as_program,
)


@pytest.mark.parametrize("is_flat", [True, False])
def test_the_error_of_the_library_names_files_and_tokens(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_flat: bool
) -> None:
    value, other = make_value(), make_value(length=35)
    folder = tmp_path / "folder"
    folder.mkdir()
    make_params(folder, value)
    (folder / "blank in it - (1).json").write_text(f"{value} {other}")
    with run_hub([value, other], is_flat=is_flat) as hub:
        text = sees_refusal(lambda: upload(hub, folder, monkeypatch))
    refusal = explain(text)
    assert refusal is not None and not hub.files
    assert {(o.path, o.token) for o in refusal.files} == {
        ("training_params.json", value.encode()),
        ("blank in it - (1).json", value.encode()),
        ("blank in it - (1).json", other.encode()),
    }
    assert {offence.ref for offence in refusal.files} == {REF}
    assert value not in repr(refusal) and other not in repr(refusal)


def test_the_traceback_of_a_script_names_the_file(tmp_path: Path) -> None:
    value = make_value()
    make_params(tmp_path, value)
    with run_hub([value]) as hub:
        done = upload_as_program(hub, tmp_path, value)
    assert done.returncode == 1 and "Traceback" in done.stderr and value in done.stderr
    expected = Refusal((Offence("training_params.json", REF, value.encode()),))
    assert explain(done.stdout + done.stderr) == expected


def test_a_refused_push_names_files_and_tokens(tmp_path: Path) -> None:
    value = make_value()
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    for name in ("a.txt", "sub/ö b.json"):
        (folder / name).write_text(value)
    (folder / "c.txt").touch()
    done = push(folder, make_refusing_repository(tmp_path / "hub.git", [value]))
    assert done.returncode == 1 and "pre-receive hook declined" in done.stderr
    refusal = explain(done.stderr)
    assert refusal is not None
    assert [(o.path, o.token) for o in refusal.files] == [
        ("a.txt", value.encode()),
        ("sub/ö b.json", value.encode()),
    ]
    (tmp_path / "clean").mkdir()
    (tmp_path / "clean" / "a.txt").touch()
    taken = push(tmp_path / "clean", make_refusing_repository(tmp_path / "other.git", [value]))
    assert taken.returncode == 0, taken.stderr


OFFENCES = [
    ("config.json", make_value()),
    (".env", make_value("hf_jwt_", 60)),
    ("a-b_c", "[REDACTED]"),
]
EXPECTED = Refusal(
    (
        Offence("config.json", REF, OFFENCES[0][1].encode()),
        Offence(".env", REF, OFFENCES[1][1].encode()),
        Offence("a-b_c", REF, None),
    )
)


def surround(change: Callable[[str], str]) -> str:
    return change("\n".join(list_refusal(OFFENCES)))


SURROUNDINGS: dict[str, Callable[[str], str]] = {
    "as it is": lambda text: text,
    "flat": lambda text: " ".join(text.split()),
    "CRLF": lambda text: text.replace("\n", "\r\n"),
    "remote": lambda text: textwrap.indent(text, "remote: ", lambda _: True),
    "remote on a terminal": lambda text: "".join(
        f"remote: {line}        \x1b[K\n" for line in text.split("\n")
    ),
    "coloured": lambda text: f"\x1b[31m{text}\x1b[0m".replace("token", "\x1b[1;31mtoken\x1b[m"),
    "colours of a log": lambda text: f"^[[31m{text}^[[0m",
    "quoted in a mail": lambda text: textwrap.indent(text, "> > ", lambda _: True),
    "framed": lambda text: "\n".join(f"│ {line:<200} │" for line in text.split("\n")),
    "logged": lambda text: textwrap.indent(text, "2026-11-22T10:00:00Z step- 1: "),
    "JSON": lambda text: json.dumps({"error": text}),
    "repr": lambda text: repr(ValueError(f'it said "{text}"')),
    "in German": lambda text: f"Guten Tag, hier kommt der Fehler:\n\n{text}\n\nWas tun? (ref: 12)",
    "curly quotes": lambda text: text.replace("'", "’"),
    "twice": lambda text: f"{text}\n\nThe above exception was the direct cause of:\n\n{text}",
    "only the list": lambda text: text[text.index("Offending") :],
    "only the files": lambda text: "- what I did:\n" + text[text.index("- config") :],
    "carriage returns": lambda text: textwrap.indent(text, "remote: ").replace("\n", "\r"),
    "with what others say": lambda text: (
        f"- x (ref: {REF})\n- a list (1)\n{text}\n- y (ref: {REF})"
    ),
}


@pytest.mark.parametrize("name", SURROUNDINGS)
def test_it_is_understood_in_whatever_surrounds_it(name: str) -> None:
    assert explain(surround(SURROUNDINGS[name])) == EXPECTED


@pytest.mark.parametrize("width", [11, 17, 40, 79, 80])
@pytest.mark.parametrize("margin", ["", "    ", "remote: ", "> ", "│ "])
def test_it_is_understood_however_it_is_wrapped(width: int, margin: str) -> None:
    def wrap(text: str) -> str:
        return "\n".join(
            line[i : i + width]
            for line in text.split("\n")
            for i in range(0, max(len(line), 1), width)
        )

    def enclose(text: str) -> str:
        end = " │" if "│" in margin else ""
        return "\n".join(f"{margin}{line:<{width}}{end}" for line in text.split("\n"))

    assert explain(surround(lambda text: enclose(wrap(text)))) == EXPECTED
    assert explain(surround(lambda text: enclose(wrap(text)).replace("\n", "\r"))) == EXPECTED
    assert explain(surround(lambda text: wrap(enclose(text)))) == EXPECTED


def test_a_text_that_was_cut_before_the_files_is_recognized() -> None:
    text = "\n".join(list_refusal([]))
    assert explain(text[: text.index("Offending")]) == Refusal(())


@pytest.mark.parametrize(
    "text",
    [
        "",
        "400 Client Error: Bad Request for url: http://127.0.0.1/api/models/a/b/commit/main",
        "remote: Your push was rejected because it contains files larger than 10 MiB.\n"
        "remote: Offending files:\nremote:   - model.pkl (ref: refs/heads/main)\n",
        "token: 'x' (ref: y)",
    ],
)
def test_other_errors_are_not_explained(text: str) -> None:
    assert explain(text) is None


@given(st.text(st.sampled_from(list("(ref:tokn, ')-\n\r\x1b[│>\\ Of")), max_size=200))
def test_any_text_is_answered(text: str) -> None:
    explain(text)
    around = explain(f"{text}\nOffending files:\n - a (ref: r, token: '{OFFENCES[0][1]}')\n{text}")
    assert around is not None and around.files


@pytest.mark.parametrize(
    "piece", ["(", " ", "- ", "(ref:a,", "Offending files:(ref:a,token:'')", "\n", "f ", "\x1b]"]
)
def test_long_texts_take_no_longer_than_their_length(piece: str) -> None:
    # Something that takes the square of its length would not come to an end here.
    explain(piece * (3_000_000 // len(piece)))


def sees_refusal(call: Callable[[], None]) -> str:
    """Returns: what the library says."""
    from huggingface_hub.errors import BadRequestError

    with pytest.raises(BadRequestError) as error:
        call()
    return str(error.value)
