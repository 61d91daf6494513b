"""What is taken out of Python source: it compiles as before, and reads the variable instead."""

from __future__ import annotations

import pytest

from credman.watch.clean.edits import Edit, Leak, apply_edits
from credman.watch.clean.python import edit_python
from tests.watch.clean.leaking import MARK, TOKEN, check, clean, find_leaks

_READ = "os.environ['HF_TOKEN']"
_LONG = '__import__("os").environ["HF_TOKEN"]'


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('x = "‹T›"', 'x = os.environ["HF_TOKEN"]'),
        ("x = '''‹T›'''", f"x = {_READ}"),
        ('x = Rb"‹T›"', 'x = os.environ["HF_TOKEN"].encode()'),
        ('x = f"‹T›"', 'x = os.environ["HF_TOKEN"]'),
        ('x = "a ‹T›"', f'x = f"a {{{_READ}}}"'),
        ("x = 'a ‹T›'", "x = f'a {os.environ[\"HF_TOKEN\"]}'"),
        ('x = "‹T›‹T›"', f'x = f"{{{_READ}}}{{{_READ}}}"'),
        ('x = u"‹T› é"', f'x = f"{{{_READ}}} é"'),
        (r'x = r"\d{3} ‹T›"', rf'x = rf"\d{{{{3}}}} {{{_READ}}}"'),
        (r'x = "\N{EM DASH}{}‹T›"', rf'x = f"\N{{EM DASH}}{{{{}}}}{{{_READ}}}"'),
        ('x = "{} ‹T›".format(1)', f'x = f"{{{{}}}} {{{_READ}}}".format(1)'),
        ('x = f"{y:>4} {{}}‹T›"', f'x = f"{{y:>4}} {{{{}}}}{{{_READ}}}"'),
        ('x = f"{y:‹T›}"', f'x = f"{{y:{{{_READ}}}}}"'),
        ("x = f\"{y('‹T›')}\"", f'x = f"{{y({_READ})}}"'),
        ("x = f\"{y('a ‹T›')}\"", f"x = f\"{{y(('a ' + {_READ}))}}\""),
        ('x = b"a ‹T›"', 'x = (b"a " + os.environ["HF_TOKEN"].encode())'),
        (
            'x = b"a" b"‹T›" b"‹T› b" b"c"',
            'x = (b"a" + os.environ["HF_TOKEN"].encode() +'
            ' os.environ["HF_TOKEN"].encode() + b" b" b"c")',
        ),
        ('x = "a" "‹T›"', f'x = "a" f"{{{_READ}}}"'),
        ('x = ("‹T›"\n  # so\n  "a")', f'x = (f"{{{_READ}}}"\n  # so\n  "a")'),
        (
            'x = (b"a"\n b"‹T› b")',
            'x = ((b"a"\n + os.environ["HF_TOKEN"].encode() + b" b"))',
        ),
        (r'x = b"\N{‹T›}"', r'x = (b"\N{" + os.environ["HF_TOKEN"].encode() + b"}")'),
        (r'''x = f"\{y('‹T›')}"''', rf'''x = f"\{{y({_READ})}}"'''),
        ('x = "‹T›"\n"a"', 'x = os.environ["HF_TOKEN"]\n"a"'),
        ('x = b"a ‹T›"\nb"a"', 'x = (b"a " + os.environ["HF_TOKEN"].encode())\nb"a"'),
        ('x = 1if"‹T›"else"‹T› a"', f'x = 1if os.environ["HF_TOKEN"]else f"{{{_READ}}} a"'),
        ('x = """\n‹T› "a" {b}\n"""', f'x = f"""\n{{{_READ}}} "a" {{{{b}}}}\n"""'),
    ],
)
def test_a_string_reads_the_variable(before: str, after: str) -> None:
    assert clean(f"import os\n{before}\n") == f"import os\n{after}\n"


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('"""a ‹T›"""', f'"""a {MARK}"""'),
        ('def f():\n    "‹T›" "a"', f'def f():\n    "{MARK}" "a"'),
        ("x = 1  # ‹T›", f"x = 1  # {MARK}"),
        ("x = 1  # type: ‹T›", f"x = 1  # type: {MARK}"),
        ('x: "‹T›" = 1', f'x: "{MARK}" = 1'),
        ('match x:\n    case {"‹T›": 1}: pass', f'match x:\n    case {{"{MARK}": 1}}: pass'),
        (r'x = "\‹T›"', rf'x = "\{MARK}"'),
        (r'x = rb"\‹T›"', rf'x = rb"\{MARK}"'),
        (r'x = "\x4‹N›"', f'x = "{MARK}"'),
        ("x = ‹T›", "x = credman_HF_TOKEN"),
        ("x = ‹N›", "x = credman_HF_TOKEN"),
        ("x = 0x‹N›ab", "x = credman_HF_TOKEN"),
        ("x = 1.‹N›e5", "x = credman_HF_TOKEN"),
        ("def f(‹T›, ‹T›_):\n    pass", "def f(credman_HF_TOKEN, credman_HF_TOKEN_):\n    pass"),
    ],
)
def test_where_nothing_is_read_a_mark_stands(before: str, after: str) -> None:
    assert clean(f"{before}\n") == f"{after}\n"


def test_two_names_that_must_differ_do() -> None:
    source = f"def f({TOKEN}, {TOKEN[:-1]}):\n    pass\n".encode()
    second = source.index(b", ") + 2
    leaks = [*find_leaks(source), Leak(second, second + len(TOKEN) - 1, "HF_TOKEN")]
    edits = edit_python(source, leaks)
    assert edits is not None
    wanted = b"def f(credman_HF_TOKEN, credman_HF_TOKEN_2):\n    pass\n"
    assert apply_edits(source, edits) == wanted


def test_a_leak_with_the_quotes_is_the_whole_string() -> None:
    source = f'x = "{TOKEN}", "{TOKEN}"\n'.encode()
    leaks = [leak._replace(start=leak.start - 1, end=leak.end + 1) for leak in find_leaks(source)]
    edits = edit_python(source, leaks)
    assert edits is not None
    assert check(source, edits) == f'x = "{MARK}", "{MARK}"\n'.encode()


def test_a_password_with_escapes_is_a_string_of_its_own() -> None:
    source = rb'import os; x = "p\"w{\x41"'
    start = source.index(b"p\\")
    edits = edit_python(source, [Leak(start, len(source) - 1, "PW")])
    assert edits == [Edit(start - 1, len(source), b'os.environ["PW"]')]


def test_one_that_cannot_be_read_costs_no_other_its_reference() -> None:
    case = '    case "‹T›": x = "‹T›", rb"\\‹T›", b"‹T›"\n'
    read = 'os.environ["HF_TOKEN"]'
    after = f'    case "{MARK}": x = {read}, rb"\\{MARK}", {read}.encode()\n'
    assert clean("import os\nmatch y:\n" + case * 9) == "import os\nmatch y:\n" + after * 9


def test_of_a_hostile_source_not_every_form_is_tried() -> None:
    assert clean('x = rb"\\‹T›"\n' * 300) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ('x = "‹T›"', 'import os\nx = "‹T›"'),
        (
            '#!/usr/bin/python\n# coding: utf-8\n"""a"""\n\n# b\nimport a\nx = "‹T›"\n',
            '#!/usr/bin/python\n# coding: utf-8\n"""a"""\n\n# b\nimport os\nimport a\nx = "‹T›"\n',
        ),
        ('from __future__ import a_\nx = "‹T›"', 'from __future__ import a_\nimport os\nx = "‹T›"'),
        ('"""a"""; x = "‹T›"', '"""a"""; import os; x = "‹T›"'),
        ('"""a"""; \\\nx = "‹T›"', '"""a"""; \\\nimport os\nx = "‹T›"'),
        ('@f("‹T›")\ndef g(): pass', 'import os\n@f("‹T›")\ndef g(): pass'),
        ('x = "‹T›"\nimport os', 'import os\nx = "‹T›"\nimport os'),
        ('import sys, os.path\nx = "‹T›"', 'import sys, os.path\nx = "‹T›"'),
        ('import os as os\nx = "‹T›"', 'import os as os\nx = "‹T›"'),
        ('try: import os\nfinally: "‹T›"[0]', 'import os\ntry: import os\nfinally: "‹T›"[0]'),
        ('\f\r\nx = "‹T›"\r\n', '\f\r\nimport os\r\nx = "‹T›"\r\n'),
        ('"‹T›".x()', 'import os\n"‹T›".x()'),
    ],
)
def test_the_import_stands_before_the_first_statement(before: str, after: str) -> None:
    before, after = (text.replace("a_", "annotations") for text in (before, after))
    assert clean(before) == after.replace('"‹T›"', 'os.environ["HF_TOKEN"]')


def test_what_begins_where_the_import_is_put_in_is_one_edit_with_it() -> None:
    # Whoever sorts the edits by all that is in them must not turn the two round.
    assert clean('"‹T› a".x()\n') == f'import os\nf"{{{_READ}}} a".x()\n'


@pytest.mark.parametrize(
    "binding",
    [
        "def f(os): pass",
        "f = lambda *os: os",
        "from a import os",
        "from a import b as os",
        "import sys as os",
        "import os.path as os",
        "os = 1",
        "def f():\n    global os",
        "for os in (): pass",
        "try: pass\nexcept OSError as os: pass",
        "with a as os: pass",
        "match a:\n    case [1, *os]: pass",
        "match a:\n    case {1: 2, **os}: pass",
        "match a:\n    case 1 as os: pass",
        "class os: pass",
        "async def os(): pass",
        "x = [os for os in ()]",
        "import os\ndel os",
        "(os := 1)",
        '"""a"""; from __future__ import annotations; \\\n  y = 1',
    ],
)
def test_another_os_is_not_asked(binding: str) -> None:
    source = f'{binding}\nx = "‹T›"\n'
    assert clean(source) == source.replace('"‹T›"', _LONG)


def test_a_function_with_its_own_import_may_not_have_it_yet() -> None:
    source = 'def f():\n    x = "‹T›"\n    import os\ny = "‹T›"\n'
    wanted = source.replace('"‹T›"', _LONG, 1).replace('"‹T›"', 'os.environ["HF_TOKEN"]')
    assert clean(source) == f"import os\n{wanted}"


@pytest.mark.parametrize(
    "source",
    [
        'print "‹T›"',
        'x = "‹T›',
        'x = ("‹T›"',
        'x = "‹T›"\0',
        '# coding: no-such\nx = "‹T›"',
        '# coding: rot13\nx = "‹T›"',
        '# coding: ascii\nx = "é‹T›"',
        "return '‹T›'",
        "x = " + "(" * 3000 + "'‹T›'" + ")" * 3000,
        "x = " + "-" * 100_000 + "'‹T›'",
        "await f('‹T›')",
        "!ls ‹T›",
    ],
)
def test_what_does_not_compile_is_left_to_others(source: str) -> None:
    assert clean(source) is None


def test_the_compilers_warnings_are_not_heard(capfd: pytest.CaptureFixture[str]) -> None:
    assert clean('import os\nx = "\\d" is "‹T›"\n') is not None
    assert capfd.readouterr() == ("", "")
