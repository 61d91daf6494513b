"""What ``clean`` needs of a scan: where to look, and looking again."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence

from credman.cli.accepting import leave_accepted
from credman.cli.knowing import Known, make_scanner
from credman.cli.options import Invocation
from credman.cli.scanning import scan_paths, show_progress
from credman.core.paths import find_home
from credman.upkeep.cleaning import JOURNALS, Surroundings
from credman.upkeep.ipythonhistory import find_histories
from credman.watch.clean.copies import find_fallback
from credman.watch.clean.editing import edit_plainly
from credman.watch.clean.shellhistories import list_histories
from credman.watch.scan.findings import Finding, Owner, Report
from credman.watch.scan.jobs import Job, open_bytes
from credman.watch.scan.scanner import Scanner

_ROUNDS = 3


class Cleaning:
    """Args:
    known: of the store.
    baseline: as the command line names it.
    """

    def __init__(self, invocation: Invocation, known: Known, baseline: str | None) -> None:
        self._invocation, self._known, self._baseline = invocation, known, baseline
        self._context = invocation.context
        # Never used itself: what it has found would stay with it.
        self._scanner = make_scanner(invocation, known)
        self._values = dict(zip(known.owners, known.values, strict=False))

    def choose_paths(self, paths: Sequence[str] | None, *, shell_history: bool) -> list[str]:
        """Args: paths: as they were given. Returns: all that is to be looked at."""
        context = self._context
        chosen = list(paths or ())
        if not chosen:
            histories = find_histories(context.inherited)
            journals = [path + ending for path in histories for ending in JOURNALS]
            chosen = [".", *self._find_fallback(), *histories, *journals]
        if shell_history:
            chosen += list_histories(self._home, context.inherited)
        given = paths or ["."]
        return [path for path in chosen if path in given or os.path.exists(path)]

    def _find_fallback(self) -> list[str]:
        # Everybody may make it, be it as a link to where nobody should look.
        path = find_fallback(self._context.inherited)
        try:
            status = os.lstat(path)
        except OSError:
            return []
        is_own = stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()
        return [path] if is_own else []

    @property
    def _home(self) -> str:
        return os.path.realpath(find_home(self._context.inherited))

    def describe_surroundings(self, *, may_edit_histories: bool) -> Surroundings:
        context = self._context
        histories = list_histories(self._home, context.inherited)
        return Surroundings(
            cwd=context.cwd,
            environ=context.inherited,
            home=self._home,
            histories=frozenset(map(os.path.realpath, histories)),
            may_edit_histories=may_edit_histories,
            fallback=os.path.realpath(find_fallback(context.inherited)),
        )

    def scan(self, paths: list[str]) -> Report:
        """Returns: what is found there, but for what was accepted before."""
        with show_progress(self._context) as tick:
            report = scan_paths(self._context, self._scanner.clone(), paths, tick)
        return self._leave_accepted(report)

    def find(self, paths: list[str]) -> Report:
        """Returns: as ``scan``, with the same values in other encodings, and where no name stands
        beside them. What is stored is looked for so anyway."""
        report = self.scan(paths)
        strangers = {f.value: f for f in report.findings if f.owner is None and _is_whole(f)}
        if not strangers:
            return report
        self._scanner = make_scanner(self._invocation, self._known, [*strangers.values()])
        return self.scan(paths)

    def scan_again(self, paths: list[str]) -> Report:
        """Returns: as ``scan``, of what is still there."""
        cwd = self._context.cwd
        return self.scan([path for path in paths if os.path.lexists(os.path.join(cwd, path))])

    @property
    def scanner(self) -> Scanner:
        return self._scanner.clone()

    def look(self, path: str, data: bytes) -> list[Finding]:
        """Returns: what is found in these bytes, as the file of that path."""
        scanner = self._scanner.clone()
        scanner.scan(Job(path, lambda: open_bytes(data)))
        return self._leave_accepted(scanner.report).findings

    def edit(self, path: str, text: bytes) -> bytes:
        """Returns: a text of no known syntax without what is found in it."""
        for _ in range(_ROUNDS):  # one may stand right behind another
            if self._scanner.is_clean(text):
                return text
            text = edit_plainly(text, self.look(path, text), self.find_value)
        return text

    def find_value(self, finding: Finding) -> bytes | None:
        """Returns: the whole of a stored value; None: it is not known."""
        return None if finding.owner is None else self._values.get(finding.owner)

    def list_owners(self, finding: Finding) -> list[Owner]:
        """Returns: whose it is: the same value may be stored under more names than one."""
        value = self.find_value(finding)
        if value is None:
            return [] if finding.owner is None else [finding.owner]
        return [owner for owner, own in self._values.items() if own == value]

    def _leave_accepted(self, report: Report) -> Report:
        return leave_accepted(self._context, self._context.cwd, self._baseline, report)


def _is_whole(finding: Finding) -> bool:
    return not finding.masked.startswith("-----BEGIN")
