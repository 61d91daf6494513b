"""An edited script does in real shells what it did before; what is not understood is left."""

from __future__ import annotations

import itertools
import os
import subprocess
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from credman.watch.clean.edits import Leak, apply_edits
from credman.watch.clean.shell import edit_shell
from tests.cli.scans import make_token
from tests.requirements import require_program

TOKEN, VARIABLE = make_token("in a script"), "HF_TOKEN"
MARK = "[credman:HF_TOKEN]"
POSIX = ("dash", "bash", "zsh", "ksh")

SAME_EVERYWHERE = {
    "echo T": 'echo "$HF_TOKEN"',
    "echo a T b": 'echo a "$HF_TOKEN" b',
    "A=T; echo $A": 'A="$HF_TOKEN"; echo $A',
    "A=T B=2 env | grep A=": 'A="$HF_TOKEN" B=2 env | grep A=',
    "echo --token=T": 'echo --token="$HF_TOKEN"',
    "echo https://u:T@h/": "echo https://u:$HF_TOKEN@h/",
    "echo u:T:x": "echo u:${HF_TOKEN}:x",
    "echo '('T')'": "echo '('$HF_TOKEN')'",
    "echo x-T-y": "echo x-${HF_TOKEN}-y",
    'echo "T"': 'echo "$HF_TOKEN"',
    'echo "Bearer T"': 'echo "Bearer $HF_TOKEN"',
    'echo "T:h T[1] T.x T-x"': ('echo "${HF_TOKEN}:h ${HF_TOKEN}[1] ${HF_TOKEN}.x ${HF_TOKEN}-x"'),
    'echo "a\\"T\\"b"': 'echo "a\\"${HF_TOKEN}\\"b"',
    "echo 'T'": 'echo "$HF_TOKEN"',
    "echo 'T'x": 'echo "$HF_TOKEN"x',
    "echo 'say \"T\" now'": "echo 'say \"'\"$HF_TOKEN\"'\" now'",
    "echo 'T T'": "echo ''\"$HF_TOKEN\"' '\"$HF_TOKEN\"''",
    "echo 'a\\T'": "echo 'a\\'\"$HF_TOKEN\"''",
    "echo 1 # not T\necho T": 'echo 1 # not [credman:HF_TOKEN]\necho "$HF_TOKEN"',
    "echo a#'T' b#T": 'echo a#"$HF_TOKEN" b#$HF_TOKEN',
    "# it's T\necho 'T'": '# it\'s [credman:HF_TOKEN]\necho "$HF_TOKEN"',
    "echo it\\'s T": 'echo it\\\'s "$HF_TOKEN"',
    "echo a \\\n  T": 'echo a \\\n  "$HF_TOKEN"',
    "echo \"$(echo 'T')\"": 'echo "$(echo "$HF_TOKEN")"',
    "echo $(echo \"a ) T\" 'b ) T')": "echo $(echo \"a ) $HF_TOKEN\" 'b ) '\"$HF_TOKEN\"'')",
    "echo a \\\n# it's T\necho T": 'echo a \\\n# it\'s [credman:HF_TOKEN]\necho "$HF_TOKEN"',
    "echo \\\\T": "echo \\\\$HF_TOKEN",
    "echo `echo T`": "echo `echo $HF_TOKEN`",
    "cat <<X\na 'T' \"T\" T:b it's\nX\necho T": (
        'cat <<X\na \'$HF_TOKEN\' "$HF_TOKEN" ${HF_TOKEN}:b it\'s\nX\necho "$HF_TOKEN"'
    ),
    "cat <<-X\n\t$(echo 'T')\n\tX\necho T": (
        'cat <<-X\n\t$(echo "$HF_TOKEN")\n\tX\necho "$HF_TOKEN"'
    ),
    "cat <<A; cat <<B\n' T\nA\n\" T\nB\necho T": (
        'cat <<A; cat <<B\n\' $HF_TOKEN\nA\n" $HF_TOKEN\nB\necho "$HF_TOKEN"'
    ),
    'echo ${none:-T} "${none-T}"': 'echo ${none:-$HF_TOKEN} "${none-$HF_TOKEN}"',
    "A=xT; echo ${A#x} ${A%T} ${#A}": "A=x$HF_TOKEN; echo ${A#x} ${A%$HF_TOKEN} ${#A}",
    "echo $((1 << 2)) $(( (1 + 2) * 3 )) T": 'echo $((1 << 2)) $(( (1 + 2) * 3 )) "$HF_TOKEN"',
    "case T in (b) echo 1;; a|T) echo 'T';; esac": (
        'case "$HF_TOKEN" in (b) echo 1;; a|"$HF_TOKEN") echo "$HF_TOKEN";; esac'
    ),
    'A=$(case x in x) echo T;; esac); echo "$A"': (
        'A=$(case x in x) echo "$HF_TOKEN";; esac); echo "$A"'
    ),
    "f() { case $1 in\n a) if true; then echo T; fi;;\n esac; }\nf a": (
        'f() { case $1 in\n a) if true; then echo "$HF_TOKEN"; fi;;\n esac; }\nf a'
    ),
    "for i in T b; do echo $i; done": 'for i in "$HF_TOKEN" b; do echo $i; done',
    "echo case of T; (echo T)": 'echo case of "$HF_TOKEN"; (echo "$HF_TOKEN")',
    "if [ x = T ]; then echo 1; else echo 'T'; fi": (
        'if [ x = "$HF_TOKEN" ]; then echo 1; else echo "$HF_TOKEN"; fi'
    ),
    "sh -c 'echo \"T\" $0'": "sh -c 'echo \"'\"$HF_TOKEN\"'\" $0'",
    "eval 'A=T'; echo $A": "eval 'A='\"$HF_TOKEN\"''; echo $A",
    "echo ü 'ß T'": "echo ü 'ß '\"$HF_TOKEN\"''",
    "echo T&&echo T|cat>&2;echo T": ('echo "$HF_TOKEN"&&echo "$HF_TOKEN"|cat>&2;echo "$HF_TOKEN"'),
}
IN_BASH_AND_ZSH = {
    "echo $'T'": 'echo "$HF_TOKEN"',
    "echo $'a\\tT\\''": "echo $'a\\t'\"$HF_TOKEN\"$'\\''",
    "cat <<<T; echo T": 'cat <<<"$HF_TOKEN"; echo "$HF_TOKEN"',
    "a=(T b); echo ${a[@]}": 'a=("$HF_TOKEN" b); echo ${a[@]}',
    "((1 << 2)); echo 'T'": '((1 << 2)); echo "$HF_TOKEN"',
    "for ((i=0; i<2; i++)); do echo T; done": 'for ((i=0; i<2; i++)); do echo "$HF_TOKEN"; done',
    "echo {T,b}": "echo {$HF_TOKEN,b}",
    "cat <(echo T)": 'cat <(echo "$HF_TOKEN")',
    "[[ T == T ]] && echo T": '[[ "$HF_TOKEN" == "$HF_TOKEN" ]] && echo "$HF_TOKEN"',
    "A=T; echo ${A//T/-}": 'A="$HF_TOKEN"; echo ${A//$HF_TOKEN/-}',
    "echo T": 'echo "$HF_TOKEN"',
}
IN_FISH = {
    "echo T": 'echo "$HF_TOKEN"',
    "set -x A T; echo $A": 'set -x A "$HF_TOKEN"; echo $A',
    "echo --a=T/x u:T:x": 'echo --a="$HF_TOKEN"/x u:"$HF_TOKEN":x',
    'echo "T T[1] T.x"': 'echo "$HF_TOKEN $HF_TOKEN""[1] $HF_TOKEN"".x"',
    "echo 'T'": 'echo "$HF_TOKEN"',
    "echo 'it\\'s T'": "echo 'it\\'s '\"$HF_TOKEN\"''",
    "echo (echo 'T') \"$(echo T)\"": 'echo (echo "$HF_TOKEN") "$(echo "$HF_TOKEN")"',
    "echo 1 # it's T\necho 'T'": 'echo 1 # it\'s [credman:HF_TOKEN]\necho "$HF_TOKEN"',
    "echo '`' T": "echo '`' \"$HF_TOKEN\"",
    "switch T\ncase 'T'\necho T\nend": (
        'switch "$HF_TOKEN"\ncase "$HF_TOKEN"\necho "$HF_TOKEN"\nend'
    ),
}
IN_REMARKS_AND_LITERALS = {
    "cat <<'X'\nT\nX\n": f"cat <<'X'\n{MARK}\nX\n",
    'cat <<"X"\nT $(\nX\n': f'cat <<"X"\n{MARK} $(\nX\n',
    "cat <<\\X\nT `\nX\n": f"cat <<\\X\n{MARK} `\nX\n",
    "\ufeff# T\n": f"\ufeff# {MARK}\n",
    "#!/bin/sh\r\nA='T'\r\n# T\r\nB=T\r\n": (
        f'#!/bin/sh\r\nA="$HF_TOKEN"\r\n# {MARK}\r\nB="$HF_TOKEN"\r\n'
    ),
    "# T": f"# {MARK}",
}
UNCLEAR = [
    *("echo 'T", 'echo "T', "echo `T", "echo $(T", "echo ${A:-T", "echo T)", "case x in x) echo T"),
    *("cat <<X\nT\n", "cat <<'X'\nT", "echo \\T", 'echo "\\T"', 'echo "$T"', "echo $T", "echo $aT"),
    *("cat <<X\n\\T\nX\n", "${T}", "echo ${#T}", "echo ${!T}", "echo $((T + 1))", "((T))"),
    *("T=1", "T+=1", "T() { :; }", "T () { :; }", "for T in a; do :; done", "function T { :; }"),
    *("cat <<T\na\nT\n", "echo \"`echo 'T'`\"", 'echo "${A:-it\'s}" T', "echo $'\\x4T'"),
    *(
        "echo $((echo 1) | cat) T",
        "x=$(cat <<X)\na\nX\necho T",
        "echo T \0",
        "cat <<X 'a\nb'\nX\nT",
    ),
    *("echo " + "$(" * 200 + "T" + ")" * 200, "`cat <<X\nX\n` T", 'cat <<X "a\nb"\nX\nT'),
]
UNCLEAR_IN_FISH = [
    "echo 'T",
    "echo ${T}",
    "echo T)",
    "for T in a; end",
    "function T; end",
    "$T",
    "$$T",
]
PIECES = [
    *("T", "'", '"', "$(", ")", "`", "\\", "#", " ", "\n", "${A:-", "}", "<<X\n", "\nX\n", "$'"),
    *(";", "((", "))", "case x in", "x)", ";;", "esac", "=", "echo ", "a"),
]


@pytest.mark.parametrize("shell", POSIX)
def test_the_same_in_each_shell(shell: str) -> None:
    check_in(shell, SAME_EVERYWHERE)


@pytest.mark.parametrize("shell", ["bash", "zsh"])
def test_the_same_with_what_only_some_shells_have(shell: str) -> None:
    check_in(shell, IN_BASH_AND_ZSH)


def test_the_same_in_fish() -> None:
    check_in("fish", IN_FISH)


@pytest.mark.parametrize("script", IN_REMARKS_AND_LITERALS)
def test_a_mark_where_no_shell_reads_a_variable(script: str) -> None:
    assert edit(script) == IN_REMARKS_AND_LITERALS[script]


@pytest.mark.parametrize("script", UNCLEAR)
def test_what_is_not_understood_is_left(script: str) -> None:
    assert edit(script) is None


@pytest.mark.parametrize("script", UNCLEAR_IN_FISH)
def test_what_is_not_understood_is_left_in_fish(script: str) -> None:
    assert edit(script, is_fish=True) is None


def test_a_value_with_signs_of_the_shell_only_where_quotes_hold_them() -> None:
    value = 'p"w`#$x;' + TOKEN
    assert edit("echo 'T'", value) == 'echo "$HF_TOKEN"'
    assert edit("echo \\T", value) is None
    assert edit('echo "a#!T"', "b;*" + TOKEN) == 'echo "a#!$HF_TOKEN"'
    assert edit('echo "T"', 'a\\"' + TOKEN) is None
    assert edit("echo T", "a*" + TOKEN) is None


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_what_bash_accepts_it_accepts_afterwards(pieces: Sequence[str]) -> None:
    check_pieces("".join(pieces) + "\n")


@pytest.mark.deep
def test_what_bash_accepts_it_accepts_afterwards_whatever_it_is_made_of() -> None:
    for pieces in itertools.product(PIECES, repeat=3):
        check_pieces("'T' " + "".join(pieces) + " T\n")


def check_pieces(script: str) -> None:
    edited = edit(script)
    if edited is not None:
        assert TOKEN not in edited
        if is_accepted(script.replace("T", TOKEN)):
            assert is_accepted(edited), (script, edited)


def is_accepted(script: str) -> bool:
    done = run("bash", ["-n"], script)
    return done.returncode == 0 and b"warning" not in done.stderr


def check_in(shell: str, scripts: dict[str, str]) -> None:
    """Runs all of them before and after in one shell each, which says where each begins."""
    is_fish = shell == "fish"
    old = [script.replace("T", TOKEN) for script in scripts]
    for script, edited in scripts.items():
        assert edit(script, is_fish=is_fish) == edited, script
    new = list(scripts.values())
    assert not any(TOKEN in script for script in new)
    options = {"zsh": ["-f"], "fish": ["--no-config"]}.get(shell, [])
    before, after = (
        run(shell, options, "".join(f"echo {n}.\n{s}\n" for n, s in enumerate(texts)))
        for texts in (old, new)
    )
    assert before.returncode == 0 and TOKEN.encode() in before.stdout, before.stderr
    assert after.stdout == before.stdout
    assert (after.returncode, after.stderr) == (0, before.stderr)


def run(shell: str, options: Sequence[str], script: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [require_program(shell), *options],
        input=script.encode(),
        env={**os.environ, VARIABLE: TOKEN, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        check=False,
        timeout=20,
    )


def edit(script: str, token: str = TOKEN, *, is_fish: bool = False) -> str | None:
    """Args: script: with a ``T`` for each token."""
    data = script.replace("T", token).encode()
    leaks, place = [], data.find(token.encode())
    while place >= 0:
        leaks.append(Leak(place, place + len(token.encode()), VARIABLE))
        place = data.find(token.encode(), place + 1)
    edits = edit_shell(data, leaks, is_fish=is_fish)
    return None if edits is None else apply_edits(data, edits).decode()
