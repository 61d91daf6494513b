"""What was wanted, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

_FLOOR = "python -c pass"


def render_goals(medians: Mapping[str, float], memory: Sequence[float]) -> str:
    """Args:
        medians: seconds, by the name of the case.
        memory: of the agent in MB, before and after many requests.

    Returns:
        A table in Markdown.
    """
    floor = medians[_FLOOR]
    rows = [
        _ratio("`env prod`, warm", medians, "env, warm", _FLOOR, "at most 1.35"),
        _ratio("`get`, warm", medians, "get, warm", "secret-tool lookup", "below 1"),
        _ratio("`exec prod -- true`, warm", medians, "exec, warm", _FLOOR, "at most 1.40"),
        _ratio("TAB on a token name", medians, "TAB on a token name, warm", _FLOOR, "at most 1.35"),
        _ratio("TAB on a command, bash", medians, "TAB on a command, bash", _FLOOR, "below 0.5"),
        _ratio("`list`, warm", medians, "list, warm", _FLOOR, "at most 2"),
    ]
    cold = medians.get("list, cold, typer 0.28")
    if cold is not None:
        rest = (cold - medians["one Argon2id"]) / floor
        rows.append(
            f"| `list` cold, typer 0.28, passphrase, less one Argon2id / `{_FLOOR}` | at most 8 "
            f"| {rest:.2f} |"
        )
    rows += [
        _ratio(
            "`list` cold, typer 0.28, keyring slot",
            medians,
            "list, cold, keyring slot, typer 0.28",
            _FLOOR,
            "at most 22",
        ),
        _ratio(
            "`get` warm, 1,000 tokens",
            medians,
            "get, warm, 1,000 tokens",
            "get, warm, 10 tokens",
            "at most 1.5",
        ),
        _ratio(
            "`get` warm, 10,000 tokens",
            medians,
            "get, warm, 10,000 tokens",
            "get, warm, 10 tokens",
            "reported",
        ),
        f"| the agent's memory, MB, before and after 10,000 requests | below 60, steady "
        f"| {memory[0]:.1f}, {memory[1]:.1f} |",
    ]
    head = ["| | goal | measured |", "|---|--:|--:|"]
    return "\n".join([*head, *(row for row in rows if row)])


def _ratio(title: str, medians: Mapping[str, float], of: str, to: str, goal: str) -> str:
    if of not in medians or to not in medians:
        return ""
    shown = to.replace("get, warm, 10 tokens", "get warm, 10 tokens")
    return f"| {title} / `{shown}` | {goal} | {medians[of] / medians[to]:.2f} |"


def write_into(path: Path, name: str, table: str) -> None:
    """Replaces what stands in a file between the two markers of this name."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    text = path.read_text("utf-8")
    head, found, rest = text.partition(begin)
    _, closed, tail = rest.partition(end)
    if not (found and closed):
        raise ValueError(f"{path} has no markers for {name}")
    path.write_text(f"{head}{begin}\n{table}\n{end}{tail}", "utf-8")
