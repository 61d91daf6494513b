"""Cells of notebooks: what IPython reads itself, beside Python that reads the variable."""

from __future__ import annotations

import importlib.util
import os
import subprocess

import pytest

from tests.requirements import require
from tests.watch.clean.leaking import MARK, TOKEN, clean

_READ = 'os.environ["HF_TOKEN"]'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("%env HF_TOKEN=‹T›\nx = 1", "# %env HF_TOKEN=\nx = 1"),
        ('%set_env HF_TOKEN "‹T›"\r\nx = 1\r\n', "# %set_env HF_TOKEN=\r\nx = 1\r\n"),
        ("if 1:\n    %env HF_TOKEN=‹T›\n", "if 1:\n    pass  # %env HF_TOKEN=\n"),
        ("%env A=b:‹T›@c", f"# %env A=b:{MARK}@c"),
        ("x = %env ‹T›", f"x = %env {MARK}"),
        ("%pip install ‹T›", f"%pip install {MARK}"),
        ("!a --token ‹T›", "!a --token $HF_TOKEN"),
        ("!!a ‹T›", "!!a $HF_TOKEN"),
        ("x = !a ‹T›", "x = !a $HF_TOKEN"),
        ("for a in b:\n    !a ‹T›\n    f()", "for a in b:\n    !a $HF_TOKEN\n    f()"),
        ("!a \\\n  ‹T›\nx = 1", "!a \\\n  $HF_TOKEN\nx = 1"),
        ("!a \"b ‹T›\" '‹T›' 'b ‹T›'", '!a "b $HF_TOKEN" "$HF_TOKEN" \'b \'"$HF_TOKEN"\'\''),
        ('!a ‹T›_ "‹T›_"', '!a "$HF_TOKEN"_ "$HF_TOKEN""_"'),
        ("!a $(b '‹T›')", f"!a $(b '{MARK}')"),
        (r"!a \‹T›", rf"!a \{MARK}"),
        ("?‹T›", f"?{MARK}"),
        ('f("‹T›")?', f'f("{MARK}")?'),
        ("%%bash\r\na '‹T›'", '%%bash\r\na "$HF_TOKEN"'),
        ("%%sh\na 'b ‹T›", f"%%sh\na 'b {MARK}"),
        ("%%bash -s ‹T›\na ‹T›", f'%%bash -s {MARK}\na "$HF_TOKEN"'),
        ("%%script bash\na ‹T›", '%%script bash\na "$HF_TOKEN"'),
        ("%%html\n<b>'‹T›", f"%%html\n<b>'{MARK}"),
    ],
)
def test_a_command_stays_one(before: str, after: str) -> None:
    assert clean(before, is_cell=True) == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('x = "‹T›"', f"import os\nx = {_READ}"),
        ('%time a\nx = "‹T›"', f"import os\n%time a\nx = {_READ}"),
        ('%%time\nx = "‹T›"', f"%%time\nimport os\nx = {_READ}"),
        ('\r\n%%capture a\r\n!b\r\n"‹T›"[0]', f"\r\n%%capture a\r\nimport os\r\n!b\r\n{_READ}[0]"),
        ('%%timeit a = "‹T›"\na + "‹T›"', f'%%timeit a = "{MARK}"\nimport os\na + {_READ}'),
        ('await f("‹T›")', f"import os\nawait f({_READ})"),
        ('x = (1\n%3)\ny = 1 \\\n!= "‹T›"', f"import os\nx = (1\n%3)\ny = 1 \\\n!= {_READ}"),
        ('x = """\n!ls\n"""\nf("‹T›")', f'import os\nx = """\n!ls\n"""\nf({_READ})'),
        ('f?\nf("‹T›")  # a?', f"import os\nf?\nf({_READ})  # a?"),
    ],
)
def test_python_beside_commands_reads_the_variable(before: str, after: str) -> None:
    assert clean(before, is_cell=True) == after


def test_what_an_earlier_cell_imported_is_not_imported_again() -> None:
    assert clean('x = "‹T›"', is_cell=True, knows_os=True) == f"x = {_READ}"


def test_a_name_of_its_own_hides_what_an_earlier_cell_imported() -> None:
    cell = clean('os = 1; x = "‹T›"', is_cell=True, knows_os=True)
    assert cell == 'os = 1; x = __import__("os").environ["HF_TOKEN"]'


@pytest.mark.parametrize("cell", ['!ls\nprint "‹T›"', '%%time\nx = "‹T›', "x = !a\n  y = ‹T›"])
def test_a_cell_that_does_not_compile_is_left_to_others(cell: str) -> None:
    assert clean(cell, is_cell=True) is None


def test_ipython_understands_a_cell_as_before() -> None:
    require(importlib.util.find_spec("IPython"), "IPython is not installed")
    transforming = importlib.import_module("IPython.core.inputtransformer2")
    cell = "x = !a ‹T›\nif x:\n    %env B=‹T›\n!c '‹T›' \\\n  ‹T›\nx?\nf('‹T›')\n%d ‹T›\n"
    new = clean(cell, is_cell=True)
    assert new is not None
    source = transforming.TransformerManager().transform_cell(new)
    compile(source, "cell", "exec", dont_inherit=True)
    assert source.count("get_ipython()") == 4


@pytest.mark.parametrize(
    "line",
    [
        "‹T›",
        "a‹T›b",
        '"‹T›"',
        '"a ‹T›b"',
        "'‹T›'",
        "'a ‹T› \"b\"'",
        '\'{"a": "‹T›"}\'',
        "\"'‹T›'\"",
        "a\\\"'‹T›'",
        "a=‹T›_'‹T›‹T›'",
    ],
)
def test_a_shell_gets_the_same_words(line: str) -> None:
    new = clean(f"!printf %s {line}", is_cell=True)
    assert new is not None and "HF_TOKEN" in new and MARK not in new
    environment = {"PATH": os.environ["PATH"], "HF_TOKEN": TOKEN}
    before, after = (
        subprocess.run(["sh", "-c", text], env=environment, capture_output=True, check=True).stdout
        for text in (f"printf %s {line}", new[1:])
    )
    assert before.replace("‹T›".encode(), TOKEN.encode()) == after
