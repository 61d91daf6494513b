"""Several homes of one person, as after ``su``, in containers, or with another HOME."""

from __future__ import annotations

from pathlib import Path

from tests.agent.agents import Agents
from tests.cli.harness import PASSPHRASE, credman


class Homes:
    """Several homes in one session: each has its own vault and configuration, all one agent."""

    def __init__(self, root: Path, *names: str) -> None:
        self.root, self.runtime = root, root / "runtime"
        self.runtime.mkdir(mode=0o700)
        for name in names:
            (root / name).mkdir(mode=0o700)
            for environment in ("default", "prod"):
                value = f"EXAMPLE {name} {environment}".encode()
                argv = ["add", "own", "--var", "OWN", "-e", environment]
                outcome = credman(*argv, stdin=value, environ=self.environ(name))
                assert outcome.exit_code == 0, outcome.stderr

    def environ(self, name: str) -> dict[str, str]:
        home = {"HOME": str(self.root / name), "XDG_RUNTIME_DIR": str(self.runtime)}
        return {**home, "CREDMAN_HOME": ""}

    def configure(self, name: str, text: str) -> None:
        path = self.root / name / ".config" / "credman" / "config.toml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def unlock(self, desk: Agents, name: str) -> None:
        argv = ["unlock", "--passphrase-fd", "0"]
        done = desk.run(*argv, stdin=PASSPHRASE.encode(), environ=self.environ(name))
        assert done.returncode == 0, done.stderr

    def run(self, desk: Agents, name: str, *argv: str) -> tuple[int, bytes]:
        done = desk.run(*argv, environ=self.environ(name))
        return done.returncode, done.stdout
