"""One stream of one cell, such as its standard output, without values.

A front end puts the pieces of a stream together, so a value may come in many of them: what may be
the beginning of one is held back until it goes on, or until somebody asks for it.

Rule: pure. Nothing is lost: what ``feed`` keeps, ``release`` gives.
"""

from __future__ import annotations

from credman.notebook.redactor import Redactor, Span


class Stream:
    """Used by one thread at a time."""

    def __init__(self) -> None:
        self._sent = ""  # its end, as it was before marks were put in
        self._held = ""
        self._is_marked = False  # what was sent ends with a mark

    def __repr__(self) -> str:
        return f"Stream({len(self._held)} held back)"

    @property
    def is_holding(self) -> bool:
        return bool(self._held)

    def feed(self, redactor: Redactor, chunk: str) -> str:
        """Returns: what may be sent now."""
        text = self._sent + self._held + chunk
        spans = redactor.find_spans(text)
        end = redactor.find_open_end(text)
        for span in reversed(spans):
            if span.start < end < span.end:
                end = span.start  # a longer value may begin within it
        return self._send(redactor, text, max(end, len(self._sent)), spans)

    def release(self, redactor: Redactor) -> str:
        """Returns: what was held back. If it was enough to tell a value, there is a mark in its
        place, and nothing more comes of the value when it goes on."""
        text = self._sent + self._held
        return self._send(redactor, text, len(text), redactor.find_spans(text))

    def drop(self) -> str:
        """Returns: what was held back, as it was written; for when it could not be checked."""
        held, self._sent, self._held, self._is_marked = self._held, "", "", False
        return held

    def _send(self, redactor: Redactor, text: str, end: int, spans: list[Span]) -> str:
        start = len(self._sent)
        self._held = text[end:]
        if end == start:
            return ""
        out = redactor.render(
            text, [each for each in spans if each.start < end], start, end, is_told=self._is_marked
        )
        self._is_marked = any(each.end == end for each in spans)
        self._sent = text[max(end - 2 * redactor.longest, 0) : end]
        return out
