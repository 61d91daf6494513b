"""One target under atheris, in a process of its own: libFuzzer ends it when it has found something.

python -m fuzz.instrumented TARGET [LIBFUZZER-OPTION…] CORPUS
"""

from __future__ import annotations

import sys

import atheris


def main(name: str, *options: str) -> None:
    # Imported here for the first time, so that atheris sees their branches.
    with atheris.instrument_imports(include=["credman", "tomllib"]):
        from fuzz.targets import TARGETS
    target = TARGETS[name]
    # Instrumented code may be broken code; then everything is refused, and nothing is ever found.
    if not any(target.run(data) for data in target.seeds()):
        raise SystemExit(f"{name}: nothing of the corpus is accepted here")

    def run(data: bytes) -> None:
        target.run(data)

    atheris.Setup(["fuzz", *options], run)
    atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
