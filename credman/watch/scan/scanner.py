"""A scan: contents in, findings out.

Rule: what is found is never written or printed; what cannot be read, or not to its end, is told.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence

from credman.core.secret import mask
from credman.watch.scan.content import Budget, Content, Cut, Decoded, guess_wide
from credman.watch.scan.findings import Basis, Cell, Finding, Owner, Report, Span, Unread
from credman.watch.scan.jobs import Job, describe_failure
from credman.watch.scan.locating import Position, locate
from credman.watch.scan.naming import Names, last_name, mask_names, name_contents
from credman.watch.scan.notebooks import LARGEST, find_cells, is_notebook
from credman.watch.scan.packed import (
    DEEPEST,
    MOST_BYTES,
    MOST_HELD,
    Opener,
    Unreadable,
    find_appended,
    find_opener,
    list_failures,
)
from credman.watch.scan.rules import Rule
from credman.watch.scan.searching import Effort, Exhausted, Hit, Searcher

_HEAD = 4096
_TOO_LARGE = f"more than {MOST_BYTES // 2**20} MB came out of it: not looked at to its end"
_POINTER = b"version https://git-lfs.github.com/spec/"


class Scanner:
    """Args:
    searcher: of this thread.
    owners: whose the values are whose needles or fingerprints the searcher has, by number.
    name_provider: gives the name for people.
    public_head: gives how all tokens of a value's kind begin.
    strangers: what was found before; needles of higher numbers than owners are of their values.
    """

    def __init__(
        self,
        searcher: Searcher,
        owners: Sequence[Owner] = (),
        name_provider: Callable[[str | None], str | None] = lambda name: name,
        public_head: Callable[[str], str] = lambda value: "",
        strangers: Sequence[Finding] = (),
    ) -> None:
        self._searcher, self._owners = searcher, owners
        self._name_provider, self._public_head = name_provider, public_head
        self._strangers = strangers
        self.report = Report()
        self._names: Names | None = None

    def clone(self) -> Scanner:
        """Returns: one for another thread."""
        looks = self._name_provider, self._public_head
        return Scanner(self._searcher.clone(), self._owners, *looks, self._strangers)

    def is_clean(self, data: bytes) -> bool:
        """Whether ``scan`` would find nothing in it as it stands, neither packed nor encoded."""
        return self._searcher.is_clean(data)

    def scan(self, job: Job) -> None:
        """Adds to the report what is found."""
        if self._names is not None:
            self._names.add(job.path)
        try:
            opened = job.open()
        except FileNotFoundError:
            return  # it went away meanwhile
        except OSError as error:
            self.report.unread.append(Unread(job.path, describe_failure(error)))
            return
        if opened is None:
            return
        self.report.files += 1
        self.report.bytes += opened.size
        try:
            self._look(opened.content, job.path, (), Budget(MOST_BYTES, MOST_HELD))
        except OSError as error:
            self.report.unread.append(Unread(job.path, describe_failure(error)))
        finally:
            opened.close()

    def _look(
        self, content: Content, path: str, inside: tuple[str, ...], budget: Budget
    ) -> list[Finding]:
        """Returns: what was found, also in members."""
        effort = Effort()
        found, head = self._search(content, path, inside, effort)
        wide = guess_wide(head)
        if wide is not None:
            text, _ = self._search(Decoded(content, wide), path, inside, effort)
            known_owners = {f.owner for f in text}
            # What stands there as UTF-16 was found once more as text, with its line.
            found = [f for f in found if f.encoding != "UTF-16" or f.owner not in known_owners]
            found += text
        opener = find_opener(head) or find_appended(last_name(path, inside), head, content)
        if opener is not None:
            within = self._look_inside(opener, content, path, inside, budget)
            # A member that is stored as it is was found in the file itself already.
            known = {f.value for f in within}
            found = [*(f for f in found if f.value not in known), *within]
        elif head.startswith(_POINTER):
            self.report.notes.append(f"{path} points to a file of Git LFS, which was not looked at")
        if not inside:
            self.report.findings += found
        return found

    def _search(
        self, content: Content, path: str, inside: tuple[str, ...], effort: Effort
    ) -> tuple[list[Finding], bytes]:
        """Returns: what was found in it as it stands, and its first bytes."""
        hits: list[Hit] = []
        head: bytes | None = None
        try:
            for window in content.windows():
                if head is None:
                    head = window.data[:_HEAD]
                hits += self._searcher.search(window, effort)
        except Exhausted as error:
            hits += error.hits
            self._unread(path, inside, "it has too much that looks like tokens to tell all of it")
        return self._findings(content, path, inside, hits) if hits else [], head or b""

    def _look_inside(
        self,
        opener: Opener,
        content: Content,
        path: str,
        inside: tuple[str, ...],
        budget: Budget,
    ) -> list[Finding]:
        found: list[Finding] = []
        if len(inside) >= DEEPEST:
            self._unread(path, inside, "it is packed too often to be looked into")
            return found
        try:
            for name, member in opener(content, budget):
                place = (*inside, name or name_contents(last_name(path, inside)))
                if self._names is not None and name:
                    self._names.add(path, place)
                try:
                    found += self._look(member, path, place, budget)
                except Cut:
                    raise
                except list_failures() as error:
                    self._unread(path, place, _why(error), matters=False)
        except Cut:
            self._unread(path, inside, _TOO_LARGE)
        except list_failures() as error:
            self._unread(path, inside, _why(error), matters=False)
        return found

    def _unread(
        self, path: str, inside: tuple[str, ...], reason: str, *, matters: bool = True
    ) -> None:
        self.report.unread.append(Unread(path, reason, inside, matters))

    def _findings(
        self, content: Content, path: str, inside: tuple[str, ...], hits: Sequence[Hit]
    ) -> list[Finding]:
        offsets = [hit.offset for hit in hits]
        positions = locate(content, offsets)
        cells: dict[int, Cell] = {}
        if is_notebook(last_name(path, inside)):
            whole = content.read(LARGEST)
            cells = find_cells(whole, offsets) if whole is not None else {}
        found = []
        for hit in hits:
            position = positions.get(hit.offset) or Position(0, 0)  # it changed meanwhile
            # A remark is a word about somebody's example, and never hides a stored value.
            if not self._is_stored(hit) and position.is_ignored(hit.size):
                self.report.ignored += 1
                continue
            codec = content.codec if isinstance(content, Decoded) else ""
            span = Span(hit.offset, hit.size, codec)
            found.append(self._finding(hit, path, inside, position, cells.get(hit.offset), span))
        return found

    def _is_stored(self, hit: Hit) -> bool:
        if hit.needle is not None:
            return hit.needle.owner < len(self._owners)
        return hit.label is not None

    def watch_names(self) -> None:
        """Names are looked through as well from now on."""
        self._names = Names(self._searcher, self._tell_name)

    def finish_names(self) -> None:
        """Adds to the report which names have tokens in them."""
        if self._names is not None:
            self.report.findings += self._names.finish()
            self._names = None

    def mask_names(self, report: Report) -> None:
        """Puts masks where tokens stand in the names of a report, which may be of others."""
        mask_names(report, self._searcher, self._tell_name)

    def _tell_name(self, hit: Hit, path: str, inside: tuple[str, ...]) -> Finding:
        return self._finding(hit, path, inside, Position(0, 0))

    def _finding(
        self,
        hit: Hit,
        path: str,
        inside: tuple[str, ...],
        position: Position,
        cell: Cell | None = None,
        span: Span | None = None,
    ) -> Finding:
        owner, encoding, basis, variable = None, "plain", Basis.PATTERN, ""
        text, provider, kind = hit.value.decode("ascii", "replace"), None, "token"
        stranger = None
        if hit.needle is not None:
            encoding = hit.needle.encoding
        if hit.label is not None:
            owner, basis = self._owners[hit.label], Basis.FINGERPRINT
        elif hit.needle is not None and self._is_stored(hit):
            owner, basis = self._owners[hit.needle.owner], Basis.STORED
        elif hit.needle is not None:
            stranger = self._strangers[hit.needle.owner - len(self._owners)]
        if hit.rule is not None:
            provider, kind = hit.rule.provider.name, hit.rule.shape.name
            masked, variable = _mask(hit.rule, text), hit.rule.shape.field
        elif encoding == "plain":
            masked = mask(text, head=self._public_head(text))
        else:
            masked = "…"  # of an encoded value the last characters are those of no value
        if owner is not None:
            provider, variable = owner.provider, owner.field
        if stranger is not None:
            provider, kind, variable = stranger.provider, stranger.kind, stranger.variable
            masked = stranger.masked if encoding == "plain" else masked
        return Finding(
            path=path,
            inside=inside,
            line=position.line,
            column=position.column,
            value=hit.value,
            masked=masked,
            basis=basis,
            provider=provider,
            title=self._name_provider(provider),
            kind=kind,
            owner=owner,
            cell=cell,
            encoding=encoding,
            span=span,
            variable=variable,
        )


def _mask(rule: Rule, text: str) -> str:
    if rule.shape.is_part:
        return "-----BEGIN …"
    return mask(text, head=rule.shape.head(text))


def run(
    scanner: Scanner, jobs: Iterable[Job], *, threads: int, tick: Callable[[int], None]
) -> Report:
    """Looks through all of them.

    Args:
        threads: as many as are to work at once, this one among them.
        tick: called now and then with the number of bytes that were looked through.

    Returns:
        What was found, worst first.
    """
    began = time.monotonic()
    scanners = [scanner, *(scanner.clone() for _ in range(threads - 1))]
    for each in scanners:
        each.watch_names()
    source, lock = iter(jobs), threading.Lock()
    failed: list[BaseException] = []

    def take() -> list[Job]:
        with lock:
            return [job for _, job in zip(range(32), source, strict=False)]

    def work(own: Scanner, *, tells: bool) -> None:
        try:
            while not failed and (batch := take()):
                for job in batch:
                    own.scan(job)
                    if failed:
                        return
                if tells:
                    tick(sum(s.report.bytes for s in scanners))
        except BaseException as error:  # noqa: BLE001 - told to the thread that waits
            failed.append(error)

    others = [
        threading.Thread(target=work, args=(own,), kwargs={"tells": False}, daemon=True)
        for own in scanners[1:]
    ]
    for thread in others:
        thread.start()
    work(scanner, tells=True)
    for thread in others:
        thread.join()
    if failed:
        raise failed[0]
    report = scanner.report
    for each in scanners:
        each.finish_names()
    report.merge([other.report for other in scanners[1:]])
    scanner.mask_names(report)
    report.seconds = time.monotonic() - began
    return report


def _why(error: Exception) -> str:
    if isinstance(error, Unreadable):
        return error.why
    if isinstance(error, OSError) and error.strerror:
        return describe_failure(error)
    return "it is damaged, or of an unknown kind"
