"""Tokens that were found somewhere: they stay marked until they are rotated and revoked."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime

from credman.cli.cleaning import Cleaning
from credman.cli.context import Context
from credman.cli.knowing import Known
from credman.cli.options import Invocation
from credman.cli.scanreport import list_advice
from credman.core.errors import CredmanError
from credman.core.model import TokenKey
from credman.upkeep.cleaning import Plan
from credman.upkeep.exposing import expose
from credman.watch.scan.findings import Report


def mark_exposed(invocation: Invocation, known: Known, cleaning: Cleaning, plan: Plan) -> None:
    """Notes in the store where its tokens were found. Before they are taken out: afterwards nobody
    could tell any more. Where it cannot be noted, that is said, and nothing else is kept from being
    done."""
    context = invocation.context
    found: dict[tuple[TokenKey, int], dict[str, None]] = {}
    placed = [
        replace(f, path=os.path.normpath(os.path.join(context.cwd, f.path))) for f in plan.findings
    ]
    report = Report(placed)
    cleaning.scanner.mask_names(report)  # a folder above may be called as a token
    for finding in report.findings:
        for owner in cleaning.list_owners(finding):
            key = TokenKey(owner.environment, owner.profile, owner.name)
            found.setdefault((key, owner.version), {})[finding.path] = None
    if not found:
        return
    try:
        if known.session is None:
            raise CredmanError("the store is not open")
        expose(known.session, {k: [*paths] for k, paths in found.items()}, datetime.now(UTC))
        invocation.report(known.session)
    except CredmanError as error:
        names = ", ".join(sorted({key.name for key, _ in found}))
        context.warn(f"not marked as exposed: {names}: {error.message}")


def tell_rotation(context: Context, plan: Plan) -> None:
    """Says what is still to be done about the tokens themselves."""
    for line in list_advice(plan.findings, context.catalogue):
        context.note(line)
