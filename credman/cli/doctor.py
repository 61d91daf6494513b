from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import Annotated

import typer

from credman.cli.keychange import confirm
from credman.cli.options import Invocation, JsonOption, YesOption, command
from credman.cli.render import render_json
from credman.cli.restore import show_difference, show_side
from credman.core.errors import NoVault, Refused, RolledBack, VaultMissing
from credman.core.keyslots import SlotKind
from credman.core.names import quote_untrusted
from credman.session import Session
from credman.stores.base import CopyStore

_FINDINGS = 8


@dataclass(slots=True)
class Report:
    """Lines for a person, and what is wrong."""

    lines: list[tuple[str, str]] = field(default_factory=list)
    findings: list[str] = field(default_factory=list)

    def say(self, label: str, text: str) -> None:
        self.lines.append((label, text))

    def find(self, label: str, text: str) -> None:
        self.say(label, text)
        self.findings.append(text)


@command(selecting=False)
def doctor(
    invocation: Invocation,
    accept: Annotated[
        bool,
        typer.Option("--accept", help="Go on with this vault, though another was seen here last"),
    ] = False,
    json: JsonOption = False,
    yes: YesOption = False,
) -> int:
    """Look at the vault and at what lies beside it.

    Where an older copy, another version or another vault lies in its place, both are shown, and
    nothing is picked: --accept goes on with the one that is there, credman restore FILE with a
    copy. Ends with 8 if something is wrong.

    Example: credman doctor
    """
    session = invocation.open_session()
    store = session.copy_store()
    if accept:
        _accept(invocation, session, store, yes=yes)
        return 0
    where = f" --store {shlex.quote(invocation.store)}" if invocation.store else ""
    report = examine(session, store, where)
    out = invocation.context.stdout
    if json:
        facts = [{"what": label, "text": text} for label, text in report.lines]
        out.print(render_json({"facts": facts, "findings": report.findings}))
    else:
        for label, text in report.lines:
            out.print(f"  {label:<10} {quote_untrusted(text)}")
        count = len(report.findings)
        out.print("  nothing is wrong" if not count else f"  {count} to look at")
    return _FINDINGS if report.findings else 0


def examine(session: Session, store: CopyStore, where: str) -> Report:
    """Looks at everything and changes nothing.

    Args:
        where: the options that name the store, for the hints.

    Raises:
        Locked: nobody can be asked for what opens the vault.
    """
    report = Report()
    current = store.current()
    report.say("vault", current.path)
    if isinstance(current.problem, NoVault):
        report.say("", current.problem.message)
        return report
    if current.problem is not None:
        report.find("", f"{current.relation}: {current.problem.message}")
        if current.problem.hint:
            report.say("", current.problem.hint)
    else:
        report.say("", current.title)
        slots = session.slot_store().slots()
        report.say("opened by", ", ".join(f"{s.label} ({s.kind.value})" for s in slots))
        if not any(s.kind is SlotKind.RECOVERY for s in slots):
            report.find("recovery", "there is no recovery key: credman recovery new")
        snapshot = session.snapshot()
        for warning in snapshot.warnings:
            report.find("warning", warning)
        if snapshot.obstacle is not None:
            is_rollback = isinstance(snapshot.obstacle, RolledBack)
            way = f"credman doctor --accept{where} goes on with it" if is_rollback else ""
            report.say("", f"so it is not written to: {way or snapshot.obstacle.hint}")
        session.warnings.clear()
        for copy in store.copies():
            report.say("copy", copy.path)
            what = copy.title if copy.problem is None else copy.problem.message
            report.say("", f"{copy.relation}: {what}")
            command = f"credman restore{where} {shlex.quote(copy.path)}"
            report.say("", f"{command} compares them and asks")
    _examine_previous(report, store)
    return report


def _examine_previous(report: Report, store: CopyStore) -> None:
    report.say("previous", store.previous())
    copy = store.examine_previous()
    if copy is None:
        report.say("", "none yet")
    elif copy.problem is not None:
        report.find("", f"{copy.relation}: {copy.problem.message}")
    elif not copy.is_whole:
        report.find("", f"{copy.relation}: {copy.title}")
    else:
        report.say("", f"{copy.relation}: {copy.title}")


def _accept(invocation: Invocation, session: Session, store: CopyStore, *, yes: bool) -> None:
    context = invocation.context
    current = store.current()
    if isinstance(current.problem, VaultMissing):
        context.note(f"there was a vault at {current.path}, and it is gone")
        confirm(invocation, "forget it?", yes=yes)
        kept = session.forget()
        context.note("forgotten: credman add makes a new vault there")
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
        context.note("there is nothing to accept: this vault is the one that was seen here last")
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
