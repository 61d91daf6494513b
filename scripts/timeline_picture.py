"""Writes docs/pictures/due.svg: what ``credman due`` prints on a terminal of 80 columns.

python scripts/timeline_picture.py        (needs faketime, for the ages)
"""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import tempfile
from io import StringIO
from pathlib import Path

PATH = Path(__file__).resolve().parents[1] / "docs" / "pictures" / "due.svg"
TODAY = "2026-11-22 09:00:00"
COLUMNS = 80
PROGRAM = (sys.executable, "-m", "credman")
STEPS = (
    ("2026-08-19", "add openai -e prod --no-check --rotate-every 90d", "EXAMPLE-one"),
    ("2026-10-13", "add gitlab -e dev --no-check --field GITLAB_TOKEN --expires 2026-12-12", "x-2"),
    ("2026-11-10", "add hf -e prod --no-check --rotate-every 90d", "EXAMPLE-three"),
    ("2026-09-04", "add wandb --no-check --rotate-every 3mo", "EXAMPLE-four"),
    ("2026-06-01", "add llm --no-check", "EXAMPLE-five"),
    ("2026-11-12", "rotate llm --no-check", "EXAMPLE-six"),
)


def main() -> None:
    with tempfile.TemporaryDirectory() as home:
        environ = {
            **{name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ},
            "HOME": home,
            "TZ": "UTC",
            "TERM": "xterm-256color",
            "COLUMNS": str(COLUMNS),
            "CREDMAN_PASSPHRASE": "words for a picture",
            "CREDMAN_AGENT": "off",
            "CREDMAN_OFFLINE": "1",
            "LD_PRELOAD": find_library(),
        }
        for day, arguments, value in STEPS:
            run(environ, f"{day} 09:00:00", arguments.split(), value)
        output = run_on_terminal(environ, TODAY, ["due"])
    from rich.console import Console
    from rich.text import Text

    console = Console(record=True, width=COLUMNS, file=StringIO(), force_terminal=True)
    console.print("[bold]$ credman due[/bold]", highlight=False)
    console.print(Text.from_ansi(output.replace("\r\n", "\n")), end="")
    PATH.parent.mkdir(exist_ok=True)
    picture = console.export_svg(title="", unique_id="due")
    # Else some viewers take blanks at the beginning of a line away.
    picture = picture.replace("<svg ", '<svg xml:space="preserve" ', 1)
    PATH.write_text(f"{picture}\n", "utf-8")


def find_library() -> str:
    found = sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    return str(found[0]) if found else sys.exit("libfaketime is not installed")


def run(environ: dict[str, str], moment: str, arguments: list[str], value: str) -> None:
    done = subprocess.run(
        [*PROGRAM, *arguments],
        env={**environ, "FAKETIME": f"@{moment}"},
        input=value,
        text=True,
        capture_output=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)


def run_on_terminal(environ: dict[str, str], moment: str, arguments: list[str]) -> str:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*PROGRAM, *arguments],
        env={**environ, "FAKETIME": f"@{moment}"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ):
        os.close(theirs)
        chunks = []
        try:
            while chunk := os.read(ours, 65536):
                chunks.append(chunk)
        except OSError:  # Linux: nobody is at the other end any more
            pass
    os.close(ours)
    return b"".join(chunks).decode()


if __name__ == "__main__":
    main()
