from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated

from credman.cli.agentfacts import examine_agent
from credman.cli.examining import StoreReport, examine_store, find_files
from credman.cli.installation import (
    examine_config,
    examine_program,
    examine_runtime,
    examine_shell,
    examine_surroundings,
)
from credman.cli.keychange import confirm
from credman.cli.namecache import cache_file, forget_names
from credman.cli.options import Invocation, command
from credman.cli.permissions import examine_files, quote_path
from credman.cli.probing import examine_keyring
from credman.cli.render import render_json
from credman.cli.restore import show_difference, show_side
from credman.core.config import Config
from credman.core.errors import CredmanError, Refused, UsageError, VaultMissing
from credman.core.names import quote_untrusted
from credman.oskeyring.choice import state_file
from credman.session import Session
from credman.stores.base import SlotStore, Store
from credman.stores.capabilities import CopyStore, Fact

if TYPE_CHECKING:
    import typer

    from credman.cli.parameters import JsonOption, YesOption

_FINDINGS = 8
_LABEL_WIDTH = 10


@dataclass(slots=True)
class Report:
    """Facts in groups, and why something could not be looked at."""

    groups: list[list[Fact]] = field(default_factory=list)
    obstacle: CredmanError | None = None

    @property
    def facts(self) -> list[Fact]:
        return [fact for group in self.groups for fact in group]

    @property
    def findings(self) -> list[str]:
        return [fact.text for fact in self.facts if fact.is_wrong]


@command(selecting=False, asks_again=True)
def doctor(
    invocation: Invocation,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Go on with this vault, though another was seen here last"),
    ] = False,
    json: JsonOption = False,
    yes: YesOption = False,
) -> int:
    """Look at the installation, the store and what lies beside it.

    And at the program, the configuration, the keyring of the system, which is tried, and at who
    gets at the files. Says what to do about whatever is wrong, and changes nothing.

    Where an older copy, another version or another vault lies in its place, both are shown, and
    nothing is picked: --accept goes on with the one that is there, credman restore FILE with a
    copy. Ends with 8 if something is wrong, with 4 if the vault could not be unlocked.

    Example: credman doctor
    """
    if accept:
        session = invocation.open_session()
        _accept(invocation, session, session.copy_store(), yes=yes)
        return 0
    report = examine(invocation)
    if json:
        invocation.context.stdout.print(_render_json(report))
    else:
        invocation.context.stdout.print(_render(report))
    if report.obstacle is not None:
        raise report.obstacle
    return _FINDINGS if report.findings else 0


def examine(invocation: Invocation) -> Report:
    """Looks at everything and changes nothing, but for the item that tries the keyring.

    Raises:
        UsageError: the command line is wrong.
        Interrupted: at the prompt for a passphrase.
    """
    context, source = invocation.context, invocation.source
    around = examine_surroundings(context, no_input=invocation.no_input)
    around += examine_runtime(context)
    around.append(examine_shell(context))
    report = Report([examine_program(), around])
    try:
        paths = context.paths
    except CredmanError as error:
        around.append(Fact("home", error.message, True, error.hint))
        report.obstacle = error
        return report
    told, config = examine_config(paths.config_file)
    around.extend(told)
    store, opened = _open_store(invocation, config)
    files, wrong = examine_files(
        paths,
        home=os.path.dirname(paths.data) if context.environ.get("CREDMAN_HOME") else None,
        of_store=[
            state_file(paths.state),
            cache_file(paths.state),
            *(() if store is None else find_files(store)),
        ],
    )
    if store is not None:
        where = f" --store {quote_path(invocation.store)}" if invocation.store else ""
        opened = examine_store(store, where, told=wrong)
    report.obstacle = config if isinstance(config, CredmanError) else opened.obstacle
    if isinstance(config, Config):
        keyring = examine_keyring(
            context,
            config,
            source,
            is_needed=opened.needs_keyring,
            problem=opened.problem,
        )
    else:
        keyring = [Fact("keyring", "not tried: the configuration may switch it off")]
    agent = examine_agent(context, config if isinstance(config, Config) else None)
    report.groups += [opened.facts, keyring, agent, files]
    return report


def _open_store(
    invocation: Invocation, config: Config | CredmanError
) -> tuple[Store | None, StoreReport]:
    """Returns: the store, nothing of it opened yet; or why there is none to look at."""
    report = StoreReport()
    if isinstance(config, CredmanError):
        if not (invocation.store or invocation.context.environ.get("CREDMAN_STORE")):
            report.say("store", "not looked at: the configuration may name another one")
            return None, report
        config = Config()
    try:
        return invocation.open_store(config), report
    except CredmanError as error:
        if invocation.store and isinstance(error, UsageError):
            raise  # a slip on the command line is told at once
        report.find("store", error.message, error.hint)
        report.obstacle = error
        return None, report


def _render(report: Report) -> str:
    width = max(_LABEL_WIDTH, *(len(fact.label) for fact in report.facts))
    lines: list[str] = []
    for group in report.groups:
        for fact in group:
            label = quote_untrusted(fact.label)
            mark = "!" if fact.is_wrong else " "
            lines.append(f"{mark} {label:<{width}} {quote_untrusted(fact.text)}")
            if fact.hint:
                lines.append(f"  {'':<{width}} {quote_untrusted(fact.hint)}")
        lines += [""] if group else []
    count = len(report.findings)
    return "\n".join((*lines, f"  {count} to look at" if count else "  nothing is wrong"))


def _render_json(report: Report) -> str:
    facts = [
        {"what": fact.label, "text": _clean(fact.text), "wrong": fact.is_wrong}
        | ({"hint": _clean(fact.hint)} if fact.hint else {})
        for fact in report.facts
    ]
    return render_json({"facts": facts, "findings": [_clean(text) for text in report.findings]})


def _clean(text: str) -> str:
    # A file's name need not be UTF-8, and half a pair of surrogates is no JSON for most readers.
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def _accept(invocation: Invocation, session: Session, store: CopyStore, *, yes: bool) -> None:
    context = invocation.context
    what = "vault" if isinstance(store, SlotStore) else "store"
    current = store.current()
    if isinstance(current.problem, VaultMissing):
        context.note(current.problem.message)
        confirm(invocation, "forget it?", yes=yes)
        kept = session.forget()
        forget_names(invocation.context, invocation.store_url)
        context.note(f"forgotten: credman add makes a new {what} there")
        if kept:
            context.note(f"the copy before its last write is kept as {kept}")
        return
    if current.problem is not None:
        raise current.problem
    snapshot = session.snapshot()
    session.warnings.clear()
    if isinstance(snapshot.obstacle, Refused):  # opened by a key that proves nothing
        raise snapshot.obstacle
    if snapshot.obstacle is None:
        context.note(f"there is nothing to accept: this {what} is the one that was seen here last")
        return
    show_side(context, "here", current)
    context.note(f"         {snapshot.obstacle.message}")
    for copy in store.copies():
        show_side(context, "there", copy)
        if copy.problem is None:
            show_difference(context, store.compare(store.read_copy(copy.path)))
    confirm(invocation, "go on with the one that is here?", yes=yes)
    session.accept()
    invocation.report(session)
    context.note("accepted; its tokens are unsure until they are checked")
