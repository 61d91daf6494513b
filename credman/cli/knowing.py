"""What a scan knows of the store: its values, or their fingerprints, or nothing.

Rule: whoever scans unattended is never asked for anything: what cannot be opened is told by
fingerprints.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from credman.cli.namecache import name_store
from credman.cli.options import Invocation
from credman.cli.remembering import remember_values
from credman.core.errors import Locked
from credman.watch.scan import fingerprints
from credman.watch.scan.findings import Finding, Owner
from credman.watch.scan.needles import Needle, compile_needles, is_telling, make_needles
from credman.watch.scan.owners import list_owned, read_label
from credman.watch.scan.patterns import Patterns, find_engine, open_patterns
from credman.watch.scan.scanner import Scanner
from credman.watch.scan.searching import Searcher

if TYPE_CHECKING:
    from credman.session import Session

_OFF = "off"


@dataclass(frozen=True, slots=True)
class Known:
    """Args:
    owners: of the needles, or of the labels of ``digests``.
    count: how many values are looked for.
    values: of the owners, where the store is open; their session.
    remark: what is not looked for, and why; empty: all that is stored is.
    """

    owners: tuple[Owner, ...] = ()
    needles: tuple[Needle, ...] = field(default=(), repr=False)
    digests: fingerprints.Fingerprints | None = field(default=None, repr=False)
    count: int = 0
    remark: str = ""
    values: tuple[bytes, ...] = field(default=(), repr=False)
    session: Session | None = field(default=None, repr=False)


def make_scanner(
    invocation: Invocation, known: Known, strangers: Sequence[Finding] = ()
) -> Scanner:
    """Args: strangers: of an earlier scan; their values are looked for in every encoding as well.

    Returns:
        A scanner for this run.
    """
    context = invocation.context
    engine = find_engine()
    patterns: Patterns = open_patterns(
        context.paths.state, context.paths.providers, may_keep=invocation.config.cache != _OFF
    )
    needles = [*known.needles, *make_needles((f.value for f in strangers), len(known.owners))]
    searcher = Searcher(
        patterns,
        needles,
        compile_needles(needles, engine=engine) if needles else None,
        None if known.digests is None else known.digests.make_finder(),
    )
    catalogue = context.catalogue

    def name_provider(name: str | None) -> str | None:
        found = None if name is None else catalogue.find(name)
        return name if found is None else found.title

    return Scanner(searcher, known.owners, name_provider, catalogue.public_head, strangers)


def learn(invocation: Invocation, *, opens: bool, needs: bool = False) -> Known:
    """Args:
        opens: the store may be opened, and somebody asked for it.
        needs: where it cannot be opened, nothing else will do.

    Raises:
        Locked: it is needed.
        CredmanError: there is a store, and it is damaged, or cannot be reached.
    """
    session = invocation.open_session()
    if not session.store.exists():
        if invocation.store_url == f"file:{invocation.context.paths.vault}":
            return Known()  # nothing was ever stored here
        return _recall(invocation, "there is no such store", of_any=True)
    if not opens:
        return _recall(invocation, "the store was not opened")
    try:
        known = _read(session)
    except Locked:
        if needs:
            raise
        return _recall(invocation, "the store is not open (credman unlock)")
    invocation.report(session)
    remember_values(
        invocation.context,
        invocation.config,
        invocation.store_url,
        session.store,
        lambda: session.snapshot().tokens,
    )
    return known


def _read(session: Session) -> Known:
    found = list(list_owned(session.snapshot().tokens))
    values = session.store.reveal([address for address, _, _ in found])
    bytes_of = [values[address].to_bytes() for address, _, _ in found]
    owners = tuple(owner for _, owner, _ in found)
    skipped = sum(not is_telling(value) for value in bytes_of)
    remark = f"{skipped} stored values are too short or too simple to be looked for"
    if skipped < 2:
        remark = "one stored value is too short or too simple to be looked for" if skipped else ""
    needles = tuple(make_needles(bytes_of))
    count = len(bytes_of) - skipped
    return Known(owners, needles, None, count, remark, tuple(bytes_of), session)


def _recall(invocation: Invocation, why: str, *, of_any: bool = False) -> Known:
    context = invocation.context
    stores = None if of_any else [os.fsencode(name_store(context, invocation.store_url))]
    found = None
    if invocation.config.cache != _OFF:
        found = fingerprints.load(context.paths.state, stores)
    if found is None:
        return Known(remark=f"{why}: your stored values were not looked for, only patterns")
    owners = [read_label(label) for label in found.labels]
    known = tuple(o for o in owners if o is not None)
    if len(known) < len(owners):
        return Known(remark=f"{why}, and what is known of it is damaged: only patterns")
    many = "one stored value was" if len(known) == 1 else f"{len(known)} stored values were"
    remark = f"{why}: {many} looked for by fingerprint, in plain form only"
    return Known(known, digests=found, count=len(known), remark=remark)
