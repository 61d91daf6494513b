"""Findings that were accepted: a file that may be committed, with digests and without values.

Rule: a value that could be found by trying gets no digest. The salt lies in the file, so a digest
says nothing beyond it.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from credman.core.errors import CredmanError, Refused, Unavailable, UsageError
from credman.watch.scan.findings import Finding
from credman.watch.scan.judging import estimate_guess_bits

FILE = ".credman-baseline.json"
"""Its usual name, at the top of what is scanned."""
LARGEST = 16 * 1024 * 1024
_VERSION = 1
_LEAST_BITS = 80.0


@dataclass(frozen=True, slots=True)
class Baseline:
    """Args: digests: of the findings that were accepted."""

    salt: bytes
    digests: frozenset[str] = frozenset()

    def accepts(self, finding: Finding) -> bool:
        return self.digest(finding) in self.digests

    def digest(self, finding: Finding) -> str:
        """Returns: what stands for a value in a file, whatever line it moves to."""
        place = "\0".join((finding.path, *finding.inside)).encode("utf-8", "surrogateescape")
        text = place + b"\0\0" + finding.value
        return hmac.new(self.salt, text, hashlib.sha256).hexdigest()[:32]


def new_baseline() -> Baseline:
    """Returns: one that accepts nothing."""
    return Baseline(os.urandom(16))


def accept(baseline: Baseline, findings: Sequence[Finding]) -> Baseline:
    """Returns: one that accepts these findings, and no others.

    Raises:
        Refused: one of them cannot be written down, or is a stored value.
    """
    for finding in findings:
        if finding.owner is not None:
            raise Refused(
                f"{finding.path}: {finding.owner.name} is a token of yours, and never accepted",
                hint="take it out, and rotate it",
            )
        if estimate_guess_bits(_find_hidden(finding)) < _LEAST_BITS:
            raise Refused(
                f"{finding.path}: what was found is so simple that its digest would give it away",
                hint="a remark credman:ignore on its line says that it is known",
            )
    return Baseline(baseline.salt, frozenset(map(baseline.digest, findings)))


def _find_hidden(finding: Finding) -> bytes:
    """Returns: what of a value does not stand beside its digest anyway."""
    head, _, tail = (part.encode("ascii", "replace") for part in finding.masked.partition("…"))
    value = finding.value
    if value.startswith(head):
        value = value[len(head) :]
    return value.removesuffix(tail) if tail else value


def render_baseline(baseline: Baseline, findings: Iterable[Finding]) -> str:
    """Args: findings: that it accepts. Returns: the file's text."""
    accepted = sorted(
        {(f.path, "/".join(f.inside), f.kind, f.masked, baseline.digest(f)) for f in findings}
    )
    record = {
        "version": _VERSION,
        "salt": baseline.salt.hex(),
        "accepted": [
            {
                "path": os.fsencode(path).decode("utf-8", "backslashreplace"),
                **({"inside": inside} if inside else {}),
                "kind": kind,
                "masked": masked,
                "digest": digest,
            }
            for path, inside, kind, masked, digest in accepted
        ],
    }
    return json.dumps(record, indent=2, ensure_ascii=False) + "\n"


def parse_baseline(data: bytes, source: str) -> Baseline:
    """Args: source: the file, for messages.

    Raises:
        UsageError: it is none.
    """
    try:
        record = json.loads(data)
        if record["version"] != _VERSION:
            raise UsageError(f"{source}: it was written by another version of credman")
        digests = frozenset(str(item["digest"]) for item in record["accepted"])
        return Baseline(bytes.fromhex(record["salt"]), digests)
    except CredmanError:
        raise
    except (KeyError, TypeError, ValueError, RecursionError):
        raise UsageError(
            f"{source}: it is no baseline", hint="credman scan --accept writes one"
        ) from None


def write_baseline(path: str, text: str) -> None:
    """Replaces the file at once; it holds no secret, so its mode is the usual one.

    Raises:
        Unavailable: it cannot be written; the former one is still there.
    """
    temporary = f"{path}.{os.getpid()}.tmp"
    try:
        with open(temporary, "x", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        os.replace(temporary, path)
    except OSError as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        reason = (error.strerror or "failed").lower()
        raise Unavailable(f"cannot write the baseline: {reason}") from None
