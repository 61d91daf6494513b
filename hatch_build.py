"""Checks the catalogue of providers before a wheel is built: an invalid file fails the build.

The parser needs nothing but the standard library, so this runs where no dependency is installed.
"""

from __future__ import annotations

import sys
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class CatalogueHook(BuildHookInterface[Any]):
    """Called by hatchling, from a checkout and from the source distribution alike."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        sys.path.insert(0, self.root)
        try:
            from credman.providers.catalogue import find_problems
        finally:
            sys.path.remove(self.root)
        catalogue, problems = find_problems()
        if problems or not catalogue.providers:
            found = "\n".join(problems.values()) or "there is no provider"
            raise SystemExit(f"the catalogue of providers is not valid:\n{found}")
