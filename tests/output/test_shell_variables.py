"""Variables that a shell itself gives a meaning. Some are integers: whatever is assigned to them is
evaluated as arithmetic, and arithmetic runs ``$(…)`` inside an index. No quoting helps there, so
their names must be refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from credman.core.errors import DeniedVariable
from credman.core.names import is_denied_variable
from credman.core.secret import Secret
from credman.output.shells import Shell, render_set
from tests.output.corpus import CANARY, POSIX_SHELLS, ShellProgram
from tests.output.evaluation import run_shell
from tests.requirements import require_program

ATTACKS = (
    "HOME[$(touch PWNED)1]",
    "a[$(touch PWNED)]",
    "$(touch PWNED)",
    "`touch PWNED`",
    "0;touch PWNED",
)

# Evaluated on assignment, or later by the shell's own machinery: at a prompt, after a command, when
# a mail is looked for. Found by trying all variables of the shells; zsh has most of them.
EVALUATED = (
    "BASHPID", "BAUD", "COLUMNS", "DIRSTACKSIZE", "ERRNO", "FUNCNEST", "HISTSIZE", "KEYTIMEOUT",
    "KSHEGID", "KSHGID", "KSHUID", "LINES", "LISTMAX", "LOGCHECK", "MAILCHECK", "OPTIND", "PERIOD",
    "PGRP", "RANDOM", "REPORTMEMORY", "REPORTTIME", "SAVEHIST", "SECONDS", "SRANDOM", "TMOUT",
    "TRY_BLOCK_ERROR", "TRY_BLOCK_INTERRUPT", "TTYIDLE", "USER_ID", "ZLE_RPROMPT_INDENT",
)  # fmt: skip

LIST_VARIABLES = {
    "bash": "compgen -v",
    "bash --posix": "compgen -v",
    "zsh": "for m in zle complete complist datetime sched system parameter mapfile termcap; do "
    "zmodload zsh/$m; done 2>&-; print -l ${(k)parameters}",
}
TRIGGER = "\n/bin/true; : $((1)); (:); pushd / && popd; :"


@pytest.mark.parametrize("name", EVALUATED)
def test_variables_whose_values_are_evaluated_are_refused(name: str) -> None:
    with pytest.raises(DeniedVariable):
        render_set(Shell.POSIX, {name: Secret("1")})


@pytest.mark.parametrize("shell", POSIX_SHELLS, ids=lambda shell: shell.name)
def test_no_variable_of_a_shell_runs_its_value(shell: ShellProgram, tmp_path: Path) -> None:
    require_program(shell.argv[0])
    listed = run_shell(shell, LIST_VARIABLES.get(shell.name, "set"), tmp_path).stdout.decode()
    # What ``set`` and ``typeset`` print differs; every name in it is tried.
    found = {word for word in re.findall(r"^\w+", listed, re.MULTILINE) if not word[0].isdigit()}
    names = sorted(name for name in found | set(EVALUATED) if not is_denied_variable(name))
    assert len(found) > 5
    ran = set()
    for name in names:
        for attack in ATTACKS:
            (tmp_path / ".text").write_bytes(render_set(Shell.POSIX, {name: Secret(attack)}))
            run_shell(shell, 'eval "$(cat .text)"' + TRIGGER, tmp_path)
            if (tmp_path / CANARY).exists():
                (tmp_path / CANARY).unlink()
                ran.add(name)
    assert ran == set()
