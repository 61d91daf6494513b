"""The one grammar for names and variables, and the variables that are refused.

Rule: every name that enters credman (command line, file, configuration) passes through here, and
passes through here again before it is printed for a shell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import pairwise

from credman.core.errors import DeniedVariable, UsageError

BASE_ENVIRONMENT = "default"
DEFAULT_PROFILE = "default"
WELL_KNOWN_ENVIRONMENTS = (BASE_ENVIRONMENT, "dev", "test", "staging", "prod")

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
_LONG_RUN = re.compile(r"[A-Za-z0-9]{20,}", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,254}", re.ASCII)

# Variables that change how programs start or what a shell runs; compared without case, since zsh
# ties path to PATH and Windows knows no case. Prefixes end with '*'. Among them are the integers of
# shells (COLUMNS, SECONDS, …): what is assigned to one is evaluated as arithmetic, which runs the
# $(…) of an index, however well the value is quoted.
# fmt: off
_DENIED = frozenset((
    "LD_*", "DYLD_*", "BASH_FUNC_*", "BASH_*", "PYTHON*", "PERL5*", "PERLLIB", "RUBY*",
    "NODE_OPTIONS", "NODE_PATH", "JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS",
    "CLASSPATH", "DOTNET_STARTUP_HOOKS", "LUA_INIT*", "PATH", "PATHEXT", "COMSPEC", "IFS",
    "ENV", "SHELLOPTS", "BASHOPTS", "POSIXLY_CORRECT", "GLOBIGNORE", "EXECIGNORE", "PS0", "PS1",
    "PS2", "PS3", "PS4", "PROMPT*", "RPROMPT*", "RPS1", "RPS2", "SPROMPT", "TIMEFMT", "TMOUT",
    "FPATH", "CDPATH", "MANPATH", "MODULE_PATH", "MAILPATH", "PSVAR", "WATCH", "FISH_*",
    "NULLCMD", "READNULLCMD", "FCEDIT", "HISTFILE", "HISTCMD", "HISTCHARS", "HISTCONTROL",
    "HISTSIZE", "SAVEHIST", "WORDCHARS", "ZDOTDIR", "ZSH_*", "KSH_VERSION", "FUNCTIONS",
    "ALIASES", "COMMANDS", "OPTIONS", "PARAMETERS", "SIGNALS", "MODULES", "ARGV", "STATUS",
    "PIPESTATUS", "_", "UID", "EUID", "GID", "EGID", "PPID", "USERNAME", "USER", "LOGNAME",
    "SHLVL", "PWD", "OLDPWD", "OPTIND", "OPTARG", "OPTERR", "RANDOM", "SECONDS", "LINENO",
    "FUNCNAME", "DIRSTACK", "GROUPS", "REPLY", "HOME", "SHELL", "TERM", "TERMINFO", "TERMCAP",
    "TMPDIR", "TEMP", "TMP", "EDITOR", "VISUAL", "PAGER", "BROWSER", "LESSOPEN", "LESSCLOSE",
    "MANPAGER", "SSH_ASKPASS", "SUDO_ASKPASS", "SSH_AUTH_SOCK", "GCONV_PATH", "LOCPATH",
    "NLSPATH", "GLIBC_TUNABLES", "OPENSSL_CONF", "OPENSSL_ENGINES", "OPENSSL_MODULES",
    "SSLKEYLOGFILE", "MALLOC_*", "HOSTALIASES", "RESOLV_HOST_CONF", "CREDMAN_*", "BASHPID",
    "BAUD", "COLUMNS", "DIRSTACKSIZE", "ERRNO", "FUNCNEST", "KEYTIMEOUT", "KSHEGID", "KSHGID",
    "KSHUID", "LINES", "LISTMAX", "LOGCHECK", "MAILCHECK", "PERIOD", "PGRP", "REPORTMEMORY",
    "REPORTTIME", "SRANDOM", "TRY_BLOCK_ERROR", "TRY_BLOCK_INTERRUPT", "TTYIDLE", "USER_ID",
    "ZLE_*", "EPOCHSECONDS", "EPOCHREALTIME", "TAR_OPTIONS", "RSYNC_RSH", "MAKEFLAGS", "MFLAGS",
    "INPUTRC", "XDG_*", "STTY", "EXECSHELL", "JOBMAX", "LESS", "VIMINIT", "EXINIT", "LANG",
    "LANGUAGE", "LC_*", "BUILTINS", "HISTORY", "HISTORYWORDS", "WIDGETS", "JOBSTATES",
    "JOBTEXTS", "JOBDIRS", "FUNCSTACK", "FUNCTRACE", "FUNCFILETRACE", "FUNCSOURCETRACE",
    "GALIASES", "SALIASES", "NAMEDDIRS", "USERDIRS", "USERGROUPS", "DIS_*", "KEYMAPS", "ERRNOS",
    "SYSPARAMS", "MAPFILE", "RESWORDS", "PATCHARS", "RUSTC_WRAPPER", "RUSTC_WORKSPACE_WRAPPER",
))
# fmt: on
_DENIED_EXACT = frozenset(entry for entry in _DENIED if not entry.endswith("*"))
_DENIED_PREFIXES = tuple(sorted(entry[:-1] for entry in _DENIED if entry.endswith("*")))
_GIT_ALLOWED = ("TOKEN", "PASSWORD", "USERNAME", "_PAT")


def check_name(kind: str, name: str) -> str:
    """Checks the name of a token, an environment or a profile.

    Args:
        kind: ``token``, ``environment`` or ``profile``, for the message.
        name: what was given.

    Returns:
        The name, unchanged.

    Raises:
        UsageError: it is outside the grammar. The text itself is not repeated: it may be a value.
    """
    if _NAME.fullmatch(name):
        return name
    raise UsageError(
        f"this is not a name for {'an' if kind[0] in 'aeiou' else 'a'} {kind}",
        hint="letters, digits, '.', '_' and '-', at most 64, starting with a letter or a digit",
    )


def is_denied_variable(variable: str) -> bool:
    """Returns: whether a variable of this name could make a program run something else."""
    upper = variable.upper()
    if upper.startswith("GIT_"):
        return not upper.endswith(_GIT_ALLOWED)
    return upper in _DENIED_EXACT or upper.startswith(_DENIED_PREFIXES)


def is_proxy_variable(variable: str) -> bool:
    """Returns: whether the variable redirects the network traffic of most programs."""
    return variable.upper().endswith("_PROXY")


def check_variable_grammar(variable: str) -> str:
    """As ``check_variable``, without the refused ones: for reading what was stored when their
    list was shorter. Whoever hands a variable out checks it in full."""
    if not _VARIABLE.fullmatch(variable):
        raise UsageError(
            "this is not a name for a variable",
            hint="letters, digits and '_', not starting with a digit",
        )
    return variable


def check_variable(variable: str) -> str:
    """Checks the name of an environment variable.

    Returns:
        The variable, unchanged.

    Raises:
        UsageError: it is outside the grammar.
        DeniedVariable: it changes how programs start or what a shell runs.
    """
    if is_denied_variable(check_variable_grammar(variable)):
        raise DeniedVariable(
            f"{variable} changes how programs start or what a shell runs, so it cannot be set",
            hint="choose another variable with --var",
        )
    return variable


def variable_from_name(name: str) -> str:
    """Returns: the variable a token without provider gets: its name in upper case (``my-api``
    gives ``MY_API``, ``2fa`` gives ``_2FA``)."""
    variable = re.sub(r"[^A-Z0-9_]", "_", name.upper())
    return f"_{variable}" if variable[0].isdigit() else variable


def find_nearest(name: str, known: Iterable[str]) -> str | None:
    """Returns: the known name a person most likely meant, or None."""
    from difflib import get_close_matches

    by_fold = {candidate.casefold(): candidate for candidate in known}
    found = get_close_matches(name.casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[found[0]] if found else None


def looks_like_value(text: str) -> bool:
    """Whether a word is more likely a token than a name for one: it holds a long run of letters and
    digits without order, as people do not write them."""
    return any(_changes(run) * 3 >= len(run) for run in _LONG_RUN.findall(text))


def _changes(run: str) -> int:
    kinds = [character.isdigit() * 2 + character.isupper() for character in run]
    return sum(a != b for a, b in pairwise(kinds))


def quote_untrusted(text: str) -> str:
    """Text from outside, safe on a terminal: control, bidirectional and other invisible characters
    (ESC, C1, BEL, U+202E, …) are shown as ``\\u{…}``."""
    return "".join(
        character if character.isprintable() else f"\\u{{{ord(character):x}}}" for character in text
    )
