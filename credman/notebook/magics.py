"""``%credman``: what a notebook types.

Rule: no value is taken from the line, which is saved with the notebook and in IPython's history;
and none is shown.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import credman
from credman.api import handed
from credman.api.vaults import ask_vault_anew
from credman.core.errors import CredmanError, NotFound, UsageError
from credman.core.names import looks_like_value
from credman.notebook.completing import WORDS

HELP = """\
%credman                      what is loaded, and from where
%credman load NAME… [-e ENV] [-o]   set variables (-o: also those that are set); load ENV: all of it
%credman add NAME [-e ENV]    store a token; the value is asked for, hidden
%credman list [-e ENV]        what is stored
%credman which NAME           where it would come from
%credman check NAME           ask its provider whether it is live
%credman scan                 look for tokens in this notebook
%credman redact on|off        keep loaded values out of what is saved (on, as it is loaded)"""
_MORE = "%credman help shows what there is"
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,254}", re.ASCII)
_SIGNS = re.compile(r"[\s=:,;'\"\\/@]+")
_TAKEN_OUT = "# %credman: taken out"
_UPDATE = "UPDATE history SET source = ?, source_raw = ? WHERE session = ? AND line = ?"


class Magics:
    """Args:
    shell: the IPython.
    switch: switches redaction on or off, and says what came of it.
    """

    def __init__(self, shell: Any, switch: Callable[[bool], str]) -> None:
        self._shell, self._switch = shell, switch

    def run(self, line: str) -> None:
        """Raises: what IPython shows without a traceback."""
        from IPython.core.error import UsageError as Shown

        try:
            with _telling_warnings():
                self._run(line)
        except CredmanError as error:
            if isinstance(error, UsageError | NotFound):
                self._forget()  # what is no name may be a value, whatever it looks like
            hint = f"\n{error.hint}" if error.hint else ""
            raise Shown(f"{error.message}{hint}") from None

    def run_cell(self, line: str, cell: str) -> None:
        """Raises: as ``run``: there is nothing to be written below it."""
        del line, cell
        from IPython.core.error import UsageError as Shown

        self._forget()
        raise Shown(f"%%credman takes no cell\n{_MORE}")

    def _run(self, line: str) -> None:
        try:
            words = shlex.split(line)
        except ValueError:  # its text may be a part of the line
            raise UsageError("a quote has no end", hint=_MORE) from None
        if any(looks_like_value(p) for text in (line, *words) for p in _SIGNS.split(text)):
            raise UsageError(
                "that looks like a token itself, which is never given on the line",
                hint="it was taken out of IPython's history; take it out of the cell as well, and "
                "replace it: %credman add NAME asks for the value",
            )
        verb, rest = (words[0], words[1:]) if words else ("", [])
        if verb == "":
            self._tell()
        elif verb in WORDS:
            getattr(self, f"_{verb}")(rest)
        else:
            raise UsageError("there is no such %credman", hint=_MORE)

    def _tell(self) -> None:
        sources = handed.list_sources()
        for variable in sorted(sources):
            print(f"{variable}  {sources[variable]}")
        if not sources:
            print("nothing is loaded: %credman load NAME")

    def _help(self, words: Sequence[str]) -> None:
        _refuse_more(words)
        print(HELP)

    def _load(self, words: Sequence[str]) -> None:
        names, env, flags = _read(words, flags=("-o",))
        if not names and env is None:
            raise UsageError("load what?", hint="%credman load HF_TOKEN, or %credman load prod")
        if len(names) == 1 and env is None and _is_environment(names[0]):
            names, env = [], names[0]
        ask_vault_anew()  # somebody may have given leave since
        found = credman.load(*names, env=env, override="-o" in flags)
        for variable, source in found.items():
            print(f"{variable}  {source}")

    def _add(self, words: Sequence[str]) -> None:
        names, env, _ = _read(words)
        if len(names) != 1:
            raise UsageError("add takes a name; the value is asked for, hidden")
        credman.add(names[0], env=env)
        folded = names[0].casefold()
        info = next(i for i in credman.list(env=env) if i.name.casefold() == folded)
        variables = ", ".join(info.variables)
        print(f"stored {info.name} in {info.environment}: {variables}, {info.state}")

    def _list(self, words: Sequence[str]) -> None:
        names, env, _ = _read(words)
        _refuse_more(names)
        for info in credman.list(env=env):
            print(f"{info.name}  {', '.join(info.variables)}  {info.environment}  {info.state}")

    def _which(self, words: Sequence[str]) -> None:
        for name in _read(words, needs="which token?")[0]:
            found = credman.which(name)
            print(f"{found.variable}  {found.source or 'nowhere'}")
            for place, why in found.tried:
                print(f"  not {place}: {why}")

    def _check(self, words: Sequence[str]) -> None:
        names, env, _ = _read(words, needs="check which token?")
        for name in names:
            checked = credman.check(name, env=env)
            said = ", ".join(filter(None, (checked.identity, checked.scopes, checked.reason)))
            print(f"{name}  {checked.state}  {said}".rstrip())

    def _scan(self, words: Sequence[str]) -> None:
        _refuse_more(words)
        path = self._find_notebook()
        if path is None:
            raise UsageError(
                "it is not known which file this notebook is", hint="!credman scan FILE looks at it"
            )
        from credman.api.opening import make_invocation
        from credman.cli.options import load_command

        invocation, said = make_invocation(None, None)
        given = dict.fromkeys(("upload", "format", "baseline", "store", "passphrase_fd"))
        flags = dict.fromkeys(
            ("staged", "history", "stdin", "respect_gitignore", "accept", "no_store"), False
        )
        shared = {"no_input": invocation.no_input}
        load_command("scan").run(invocation, {"paths": [path], **given, **flags, **shared})
        print(said.decode("utf-8", "replace").rstrip())

    def _redact(self, words: Sequence[str]) -> None:
        if list(words) not in (["on"], ["off"]):
            raise UsageError("redact on, or redact off")
        print(self._switch(words[0] == "on"))

    def _find_notebook(self) -> str | None:
        found = self._shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
        return found if found and os.path.isfile(found) else None

    def _forget(self) -> None:
        """Takes what was typed out of IPython's history, also where it is saved already."""
        manager = getattr(self._shell, "history_manager", None)
        if manager is None:
            return
        for inputs in (manager.input_hist_raw, manager.input_hist_parsed):
            if inputs:
                inputs[-1] = _TAKEN_OUT
        # What is typed next moves these on, as _i and _ii.
        for name in ("_i00", "_i", "_ii", "_iii"):
            if hasattr(manager, name):
                setattr(manager, name, _TAKEN_OUT)
        number = len(manager.input_hist_raw) - 1
        self._shell.user_ns[f"_i{number}"] = self._shell.user_ns["_i"] = _TAKEN_OUT
        with contextlib.suppress(Exception):  # it may be switched off, or another's
            manager.writeout_cache()
            manager.db.execute("PRAGMA secure_delete=ON")
            place = (manager.session_number, len(manager.input_hist_raw) - 1)
            manager.db.execute(_UPDATE, (_TAKEN_OUT, _TAKEN_OUT, *place))
            manager.db.commit()


@contextlib.contextmanager
def _telling_warnings() -> Iterator[None]:
    """What credman warns of is told as on the command line; there is no line of code to name."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", credman.CredmanWarning)
        try:
            yield
        finally:
            told = [*caught]
            for each in told:
                if issubclass(each.category, credman.CredmanWarning):
                    print(f"credman: warning: {each.message}", file=sys.stderr)
    for each in told:
        if not issubclass(each.category, credman.CredmanWarning):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def _refuse_more(words: Sequence[str]) -> None:
    if words:
        raise UsageError("that takes no more words", hint=_MORE)


_Read = tuple[list[str], str | None, set[str]]


def _read(words: Sequence[str], flags: Sequence[str] = (), needs: str = "") -> _Read:
    """Args: needs: what to ask for where no name is given.

    Returns:
        Names, the environment, and which flags were given.
    """
    names: list[str] = []
    given: set[str] = set()
    env: str | None = None
    rest = iter(words)
    for word in rest:
        if word in ("-e", "--env"):
            env = next(rest, None)
            if not env:
                raise UsageError("-e takes an environment")
        elif word in flags:
            given.add(word)
        elif word.startswith("-"):
            raise UsageError("there is no such option", hint=_MORE)
        else:
            names.append(word)
    if needs and not names:
        raise UsageError(needs, hint=_MORE)
    for name in names:
        if not _NAME.fullmatch(name):
            raise UsageError("a name has letters, digits, dots, dashes and underscores", hint=_MORE)
    return names, env, given


def _is_environment(name: str) -> bool:
    """Raises: UsageError: a token has that name as well."""
    from credman.api.opening import opened

    folded = name.casefold()
    try:
        with opened(None, None) as store:
            session = store.session
            is_environment = folded in {e.casefold() for e in session.environments()}
            same = [t for t in session.visible() if t.key.name.casefold() == folded]
    except CredmanError:
        return False
    if is_environment and same:
        place = same[0].key.environment
        raise UsageError(
            f"{name} is an environment, and a token",
            hint=f"%credman load -e {name} loads the environment, "
            f"%credman load {name} -e {place} the token",
        )
    return is_environment
