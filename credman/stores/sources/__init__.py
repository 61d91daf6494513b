"""The vaults of notebook services, which are read and never written.

Rule: asking one never raises and never stops a program: what went wrong is an ``Answer``.
"""

from __future__ import annotations

from collections.abc import Mapping

from credman.stores.sources.asking import Answer, Source, State

__all__ = ["SCOPE_VARIABLE", "Answer", "Source", "State", "find_source"]

SCOPE_VARIABLE = "CREDMAN_DATABRICKS_SCOPE"

_sources: dict[tuple[str, int, str], Source] = {}


def find_source(
    vault: str, shell: object | None, environ: Mapping[str, str] | None = None
) -> Source | None:
    """Gives the same source for the same shell every time, with what it was answered before.

    Args:
        vault: as ``Runtime.vault`` names it.
        shell: what ``get_ipython()`` gave; None outside of IPython.
        environ: where ``CREDMAN_DATABRICKS_SCOPE`` may name the scope of plain names.

    Returns:
        The source; None if there is no such vault. Nothing is asked, and nothing imported.
    """
    scope = (environ or {}).get(SCOPE_VARIABLE, "") if vault == "databricks" else ""
    key = (vault, id(shell), scope)  # a source keeps its shell, so the number stays its own
    if (known := _sources.get(key)) is not None:
        return known
    made = _make(vault, shell, scope)
    # No lock, which a child could inherit locked: this is one step, and the first one stays.
    return None if made is None else _sources.setdefault(key, made)


def _make(vault: str, shell: object | None, scope: str) -> Source | None:
    match vault:
        case "colab":
            from credman.stores.sources.colab import Colab

            return Colab(shell)
        case "kaggle":
            from credman.stores.sources.kaggle import Kaggle

            return Kaggle(shell)
        case "databricks":
            from credman.stores.sources.databricks import Databricks

            return Databricks(shell, scope)
        case _:
            return None
