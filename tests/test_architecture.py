"""The rules of the layout: who imports whom, what an import costs, and the table of commands."""

from __future__ import annotations

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from credman.cli import ALIASES, COMMANDS
from credman.cli.options import Command
from credman.cli.parsing import load_parser

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "credman"
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
COMMAND_MODULES = {f"credman.cli.{entry.target.partition(':')[0]}" for entry in COMMANDS.values()}
CORE = [name for name in MODULES if name.startswith("credman.core")]


def parse(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text("utf-8"))


def imports_of(*modules: str) -> set[str]:
    """Returns: the top-level names of what importing these brings into a fresh interpreter, less
    the standard library."""
    program = (
        "import sys, json\n"
        "before = set(sys.modules)\n"
        f"for name in {modules!r}: __import__(name)\n"
        "print(json.dumps(sorted(set(sys.modules) - before)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    brought: list[str] = json.loads(done.stdout)
    return {name for name in brought if name.partition(".")[0] not in sys.stdlib_module_names}


def test_there_is_something_to_look_at() -> None:
    assert len(MODULES) > 40
    assert len(CORE) > 8
    assert len(COMMANDS) >= 10


def test_the_contracts_between_the_layers_hold() -> None:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", program, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "0 broken" in done.stdout


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_lives_in_it(module: str) -> None:
    tree = parse(module)
    if not tree.body:
        assert MODULES[module].name == "__init__.py"
    elif module not in COMMAND_MODULES:  # a command says it to its users, in its function
        docstring = ast.get_docstring(tree)
        assert docstring is not None
        assert docstring.splitlines()[0].rstrip().endswith((".", ":"))


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_a_god(module: str) -> None:
    assert len(MODULES[module].read_text("utf-8").splitlines()) <= 500


def test_importing_the_package_costs_nothing() -> None:
    assert imports_of("credman") == {"credman"}


@pytest.mark.parametrize("module", CORE)
def test_the_core_brings_nothing_but_the_core(module: str) -> None:
    assert imports_of(module) <= {"credman", *CORE}


def test_all_of_the_core_without_help_of_others() -> None:
    assert imports_of(*CORE) == {"credman", *CORE}


@pytest.mark.parametrize(
    "module", ["credman.__main__", "credman.cli", "credman.cli.run", "credman.cli.context"]
)
def test_nothing_heavy_comes_before_a_command_is_chosen(module: str) -> None:
    brought = imports_of(module)
    assert {name for name in brought if not name.startswith("credman")} == set()


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_where_the_table_says_with_the_summary_it_gives(name: str) -> None:
    entry = COMMANDS[name]
    module, _, function = entry.target.partition(":")
    target = getattr(importlib.import_module(f"credman.cli.{module}"), function)
    assert isinstance(target, Command)
    shown = load_parser(name).help
    assert shown, "it has no help"
    first_line, _, rest = shown.partition("\n")
    said, _, more = first_line.partition(entry.summary)
    assert (said, more[:1]) in {("", mark) for mark in ".,:;"}, "the table and the help differ"
    assert f"credman {name}" in rest.partition("\nExample: ")[2]
    assert entry.summary[0].isupper() and not entry.summary.endswith(".")


def test_every_alias_is_another_name_of_a_command() -> None:
    assert set(ALIASES.values()) <= set(COMMANDS)
    assert not set(ALIASES) & set(COMMANDS)


OF_THE_PROCESS = {
    "credman.agent.client": {"sys.byteorder"},  # of what the system tells of a socket's other end
    "credman.agent.control": {"sys.executable", "sys.path"},  # starts the agent with its own
    # The library is called by a process, and acts for it.
    "credman.api": {"os.environ"},
    "credman.api.environments": {"os.environ"},
    "credman.api.layers": {"os.environ"},
    "credman.api.opening": {
        *("os.environ", "os.getcwd", "sys.modules", "sys.stdin", "input()", "sys._getframe"),
    },
    "credman.api.resolving": {"os.environ"},
    "credman.api.variables": {"os.environ"},
    "credman.api.vaults": {"os.environ"},
    "credman.caller": {"os.environ", "os.getcwd"},  # __main__'s other half
    "credman.cli.asking": {"sys.executable"},  # opens pages in a process of its own
    "credman.cli.installation": {"sys.executable", "sys.prefix", "sys.base_prefix"},  # tells them
    "credman.cli.hook": {"sys.executable"},  # what the hooks call
    "credman.cli.timers": {"sys.executable"},  # what a timer calls
    "credman.notebook.magics": {"os.environ", "print()", "sys.stderr"},  # a cell's own
    "credman.oskeyring.client": {"sys.executable", "sys.path"},  # starts the worker with its own
    "credman.oskeyring.worker": {"sys.path"},  # is a program of its own
    "credman.watch.scan.engines": {"sys.modules"},  # what is imported by hand is imported once
    "credman.watch.scan.patterns": {"sys.version"},  # what is compiled belongs to one version
    "credman.server.start": {"sys.argv", "sys.path", "os.chdir"},  # is a program of its own
}


def uses_of_the_process(tree: ast.Module) -> list[str]:
    """Returns: where a module reaches past its caller's context, as ``line: what``."""
    found = []
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="os"), attr="environ" | "environb" | "getenv"):
                found.append(f"{node.lineno}: os.{node.attr}")
            case ast.Attribute(value=ast.Name(id="os"), attr="getcwd" | "chdir" | "putenv"):
                found.append(f"{node.lineno}: os.{node.attr}")
            case ast.Attribute(value=ast.Name(id="sys"), attr=attribute):
                if attribute != "platform":  # it is the same for every caller
                    found.append(f"{node.lineno}: sys.{attribute}")
            case ast.ImportFrom(module="os" | "sys"):
                found.append(f"{node.lineno}: from {node.module} import")
            case ast.Call(func=ast.Name(id="print" | "input" | "exit" | "quit" as called)):
                found.append(f"{node.lineno}: {called}()")
    return found


@pytest.mark.parametrize("module", sorted(set(MODULES) - {"credman.__main__"}))
def test_only_main_touches_the_process(module: str) -> None:
    found = {use.partition(": ")[2] for use in uses_of_the_process(parse(module))}
    assert found == OF_THE_PROCESS.get(module, set())


def test_that_search_finds_something() -> None:
    assert uses_of_the_process(parse("credman.__main__"))
    for text in ("import os\nos.environ['A']", "import sys\nsys.exit(1)", "print(1)"):
        assert len(uses_of_the_process(ast.parse(text))) == 1
