"""``python -m tests.output.table``: how many values each shell got exactly, as a table.

A value counts once it arrived in every one of the shell's runs, 2 locales x 6 settings of IFS.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from credman.output.shells import Shell
from tests.output.corpus import (
    ALL_VALUES,
    FISH,
    FISH_WAYS,
    LOCALES,
    POSIX_SHELLS,
    QUOTINGS,
    SEPARATORS,
    ShellProgram,
    make_hostile_folder,
)
from tests.output.evaluation import evaluate, name_values, render, wrong_values

CORPUS = name_values(ALL_VALUES)


def count_exact(
    shell: ShellProgram, evaluation: str, syntax: Shell, folder: Path, preludes: list[str]
) -> int:
    """Returns: the values that arrived every time."""
    text = render(syntax, CORPUS)
    wrong: set[bytes] = set()
    for locale in LOCALES:
        for prelude in preludes:
            evaluated = evaluate(shell, evaluation, text, folder, prelude=prelude, locale=locale)
            wrong |= wrong_values(CORPUS, evaluated).keys()
    return len(CORPUS) - len(wrong)


def render_table() -> str:
    """Returns: a Markdown table. A shell that is not installed has dashes."""
    rows = [f"| {len(CORPUS)} values | typed | exact |", "|---|---|---|"]
    with tempfile.TemporaryDirectory() as parent:
        folder = make_hostile_folder(Path(parent))
        for shell in POSIX_SHELLS:
            for quoting, argument in QUOTINGS.items():
                count = "–"
                if shutil.which(shell.argv[0]):
                    preludes = list(SEPARATORS.values())
                    evaluation = f"eval {argument}"
                    count = str(count_exact(shell, evaluation, Shell.POSIX, folder, preludes))
                rows.append(f"| {shell.name} | eval, {quoting} | {count} |")
        for way, evaluation in FISH_WAYS.items():
            count = "–"
            if shutil.which("fish"):
                count = str(count_exact(FISH, evaluation, Shell.FISH, folder, [""]))
            rows.append(f"| fish | {way} | {count} |")
    return "\n".join(rows)


if __name__ == "__main__":
    print(render_table())
