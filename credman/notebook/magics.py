"""``%credman``: what a notebook types.

Rule: no value is taken from the line, which is saved with the notebook and in IPython's history;
and none is shown.
"""

from __future__ import annotations

import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import credman
from credman.api import handed
from credman.api.results import Info
from credman.api.vaults import ask_vault_anew
from credman.core.errors import CredmanError, NotFound, UsageError
from credman.core.names import DEFAULT_PROFILE, find_nearest
from credman.notebook.doubting import is_near, list_doubtful, mask
from credman.notebook.hints import reword
from credman.notebook.history import take_cell_out, take_out
from credman.notebook.lines import (
    HELP,
    HELP_OPTIONS,
    MORE,
    WORDS,
    check_names,
    read_words,
    refuse_more,
    split_line,
)


class Magics:
    """Args:
    shell: the IPython.
    switch: switches redaction on or off, or, with None, leaves it; and tells what it is then.
    """

    def __init__(self, shell: Any, switch: Callable[[bool | None], str]) -> None:
        self._shell, self._switch = shell, switch

    def run(self, line: str) -> None:
        """Raises: what IPython shows without a traceback."""
        from IPython.core.error import UsageError as Shown

        try:
            with _telling_warnings():
                self._run(line)
        except CredmanError as error:
            # What is no name may be a value, whatever it looks like.
            doubtful = list_doubtful(line, is_missing=not isinstance(error, UsageError))
            taken = take_out(self._shell, line, doubtful) if doubtful else ""
            said = [mask(reword(text), doubtful) for text in (error.message, error.hint)]
            raise Shown("\n".join(filter(None, (*said, taken)))) from None
        except BaseException as error:
            doubtful = list_doubtful(line, is_missing=True)
            if doubtful:
                take_out(self._shell, line, doubtful)
            if isinstance(error, KeyboardInterrupt):  # a traceback would tell nothing
                raise Shown("stopped") from None
            raise

    def run_cell(self, line: str, cell: str) -> None:
        """Raises: as ``run``: there is nothing to be written below it."""
        del line, cell
        from IPython.core.error import UsageError as Shown

        said = take_cell_out(self._shell)
        raise Shown("\n".join(filter(None, ("%%credman takes no cell", MORE, said))))

    def _run(self, line: str) -> None:
        words = split_line(line)
        if any(word in HELP_OPTIONS for word in words):
            print(HELP)
            if list_doubtful(line, is_missing=False):
                raise UsageError("only words of %credman stand beside --help")
            return
        verb, rest = (words[0], words[1:]) if words else ("", [])
        if verb == "":
            self._tell()
        elif verb in WORDS:
            getattr(self, f"_{verb}")(rest)
        else:
            nearest = find_nearest(verb, WORDS)
            if nearest is None or not is_near(verb, nearest):
                raise UsageError("there is no such %credman: %credman help")
            raise UsageError(f"%credman has no {verb!r}", hint=f"did you mean {nearest}?")

    def _tell(self) -> None:
        sources = handed.list_sources()
        _print_rows([(variable, sources[variable]) for variable in sorted(sources)])
        if not sources:
            print("nothing is loaded: %credman load NAME")

    def _help(self, words: Sequence[str]) -> None:
        refuse_more(words)
        print(HELP)

    def _load(self, words: Sequence[str]) -> None:
        asked = read_words(words, flags=("-o",))
        names, env = asked.names, asked.env
        if not names and env is None:
            raise UsageError(
                "%credman load takes names, or an environment",
                hint="%credman load HF_TOKEN, or %credman load prod",
            )
        check_names(names)
        if len(names) == 1 and env is None and _is_environment(names[0], asked.profile):
            names, env = [], names[0]
        ask_vault_anew()  # somebody may have given leave since
        overrides = "-o" in asked.flags
        found = credman.load(*names, env=env, profile=asked.profile, override=overrides)
        _print_rows([*found.items()])

    def _add(self, words: Sequence[str]) -> None:
        asked = read_words(words)
        if len(asked.names) != 1:
            raise UsageError("%credman add takes a name; the value is asked for, hidden")
        check_names(asked.names)
        [name] = asked.names
        credman.add(name, env=asked.env, profile=asked.profile)
        for info in credman.list(env=asked.env, profile=asked.profile):
            if info.name.casefold() == name.casefold():
                variables = ", ".join(info.variables)
                print(f"stored {info.name} in {_name_place(info)}: {variables}, {info.state}")

    def _list(self, words: Sequence[str]) -> None:
        asked = read_words(words)
        refuse_more(asked.names)
        found = credman.list(env=asked.env, profile=asked.profile)
        _print_rows(
            [(i.name, ", ".join(i.variables), _name_place(i), i.state) for i in found],
        )
        if not found:
            place = "" if asked.env is None else f" in {asked.env}"
            print(f"nothing is stored{place}: %credman add NAME")

    def _which(self, words: Sequence[str]) -> None:
        asked = read_words(words)

        def look(name: str) -> list[tuple[str, ...]]:
            found = credman.which(name, env=asked.env, profile=asked.profile)
            doubtful = [] if found.source else list_doubtful(name, is_missing=True)
            if doubtful:
                raise NotFound(
                    f"{found.variable} is nowhere", hint="%credman list shows what there is"
                )
            source = ", ".join(filter(None, (found.source or "nowhere", found.refused)))
            tried = [(f"  not {place}: {why}",) for place, why in found.tried]
            return [(found.variable, source), *tried]

        _tell_each("which", asked.names, look)

    def _check(self, words: Sequence[str]) -> None:
        asked = read_words(words)

        def ask(name: str) -> list[tuple[str, ...]]:
            checked = credman.check(name, env=asked.env, profile=asked.profile)
            said = ", ".join(filter(None, (checked.identity, checked.scopes, checked.reason)))
            return [(name, checked.state, said)]

        _tell_each("check", asked.names, ask)

    def _scan(self, words: Sequence[str]) -> None:
        refuse_more(words)
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
        if list(words) not in ([], ["on"], ["off"]):
            raise UsageError("%credman redact takes on or off")
        print(self._switch(words[0] == "on" if words else None))

    def _find_notebook(self) -> str | None:
        found = self._shell.user_ns.get("__vsc_ipynb_file__") or os.environ.get("JPY_SESSION_NAME")
        return found if found and os.path.isfile(found) else None


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
                    text = reword(str(each.message))
                    print(f"credman: warning: {text}", file=sys.stderr)
    for each in told:
        if not issubclass(each.category, credman.CredmanWarning):
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def _tell_each(
    verb: str, names: Sequence[str], look: Callable[[str], list[tuple[str, ...]]]
) -> None:
    """Prints what there is to say of each name. Args: look: makes its lines.

    Raises:
        CredmanError: of all for which it failed, once the others have been told.
    """
    if not names:
        raise UsageError(f"%credman {verb} takes a name", hint=MORE)
    rows: list[tuple[str, ...]] = []
    errors: list[CredmanError] = []
    for name in names:
        try:
            rows += look(name)
        except CredmanError as error:
            errors.append(error)
    _print_rows(rows)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        # How a word is judged that may be a value: as by the strictest of them.
        is_strict = any(isinstance(error, UsageError) for error in errors)
        raise (UsageError if is_strict else CredmanError)(
            "\n".join(dict.fromkeys(error.message for error in errors)),
            hint="\n".join(dict.fromkeys(error.hint for error in errors if error.hint)),
        )


def _print_rows(rows: Sequence[tuple[str, ...]]) -> None:
    """In columns. A row of one text has none."""
    whole = [row for row in rows if len(row) > 1]
    widths = [max(map(len, column)) for column in zip(*whole, strict=True)]
    for row in rows:
        columns = zip(row, widths, strict=False) if len(row) > 1 else [(row[0], 0)]
        print("  ".join(f"{text:<{width}}" for text, width in columns).rstrip())


def _name_place(info: Info) -> str:
    profile = "" if info.profile.casefold() == DEFAULT_PROFILE else f", {info.profile}"
    return f"{info.environment}{profile}"


def _is_environment(name: str, profile: str | None) -> bool:
    """Raises: UsageError: a token has that name as well."""
    from credman.api.opening import opened

    folded = name.casefold()
    try:
        with opened(None, profile) as store:
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
