"""What a kernel sends in place of what could not be checked.

Rule: pure. Only what a front end needs to know which cell, comm or display is meant is kept.
"""

from __future__ import annotations

from typing import Any

UNCHECKED = "[credman: this output could not be checked]"
_SHOWN = {"data": {"text/plain": UNCHECKED}, "metadata": {}}
_FAILED = {"ename": "Error", "evalue": UNCHECKED, "traceback": [UNCHECKED]}
_BLANK: dict[str, dict[str, Any]] = {
    "display_data": _SHOWN,
    "update_display_data": _SHOWN,
    "execute_result": _SHOWN,
    "inspect_reply": _SHOWN,
    "error": _FAILED,
    "execute_reply": {**_FAILED, "payload": [], "user_expressions": {}},
    "execute_input": {"code": UNCHECKED},
    "input_request": {"prompt": UNCHECKED + " "},
    "complete_reply": {"matches": [], "metadata": {}},
    "history_reply": {"history": []},
}
_STRUCTURE = (
    "comm_id", "cursor_end", "cursor_start", "execution_count", "found", "password", "status",
    "target_name",
)  # fmt: skip


def make_blank(kind: str, message: dict[str, Any]) -> dict[str, Any]:
    """Returns: what is sent in place of a content that could not be checked."""
    content = message["content"] if isinstance(message["content"], dict) else {}
    blank = {key: content[key] for key in _STRUCTURE if key in content}
    blank |= _BLANK.get(kind, {"data": {}})
    display = (content.get("transient") or {}).get("display_id")
    return {**blank, "transient": {"display_id": display} if display else {}}
