"""Hot command lines, good and bad, for both lanes: what is asked of the store.

``surroundings.py`` beside it has those that are about the caller's streams and environment. What
they all find is made in ``lanes.py``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from credman.core import wire
from tests.cli.harness import PASSPHRASE, make_value

UNANSWERED, UNASKED = b"nothing", b""
"""The request is none for the agent; it is not even asked."""
VALUE = make_value()
UNKNOWN = make_value("sk-proj-", 44)
SHELL_CHOICES = ("auto", "posix", "bash", "zsh", "sh", "fish")


@dataclass(frozen=True)
class Line:
    """Args:
    code: that it ends with; below 0: by a signal.
    environ: over what every line has; None: not set.
    cwd: below where they run.
    answer: of the agent. ``DONE`` and ``EXEC``: nothing else opens the store in that lane; in
        any other case nothing opens it in the other lane either, unless ``opens`` says so.
    stdout: ``file``, ``gone`` (its reader), ``full``, or columns of a terminal.
    through: what runs the program: ``"$@"`` in a line for this shell.
    """

    code: int
    argv: tuple[str, ...]
    environ: Mapping[str, str | None] = field(default_factory=dict)
    cwd: str = "."
    answer: bytes = wire.DONE
    opens: bool = True
    stdin: bytes = b""
    stdout: str | int = "file"
    stderr: str = "file"
    through: tuple[str, ...] = ()

    def __str__(self) -> str:
        words = [*self.argv, *self.environ, *self.through]
        words += [str(part) for part in (self.stdout, self.stderr) if part != "file"]
        return ascii(" ".join(words).replace(VALUE, "VALUE").replace(UNKNOWN, "UNKNOWN"))[1:60]


def line(code: int, *argv: str, answer: bytes | None = None, **more: object) -> Line:
    """Args: as of ``Line``; answer: where it is not the usual one."""
    if answer is None:
        is_run = argv[0] in ("exec", "run") and code not in (2, 125)
        answer = wire.EXEC if is_run else wire.DONE
    more.setdefault("opens", answer in (wire.DONE, wire.EXEC))
    return Line(code, argv, answer=answer, **more)  # type: ignore[arg-type]


ENV = [
    line(0, "env"),
    line(0, "env", "prod"),
    line(0, "env", "PROD"),
    line(0, "env", "-e", "prod"),
    line(0, "env", "--env=prod", "Prod"),
    line(0, "env", "-eprod"),
    line(0, "env", "-e", "dev", "-e", "prod"),
    line(0, "env", "dev"),
    line(0, "env", "island"),
    line(0, "env", "test"),
    line(0, "env", "-p", "work"),
    line(0, "env", "--profile", "WORK"),
    line(0, "env", "prod", "-p", "work"),
    line(0, "env", "--no-input"),
    line(0, "env", "--reveal"),
    line(0, "env", "--only", "hf"),
    line(0, "env", "--only", "HF_TOKEN"),
    line(0, "env", "prod", "--only", " HF , API_KEY,,"),
    line(0, "env", "prod", "--only=api"),
    line(3, "env", "--only", "api"),
    line(2, "env", "--only", ""),
    line(2, "env", "--only", " , "),
    line(3, "env", "--only", "hf,missing"),
    line(3, "env", "prod", "--only", "appi"),
    line(3, "env", "--only", VALUE),
    *(line(0, "env", "prod", "--shell", shell) for shell in SHELL_CHOICES),
    line(2, "env", "--shell", "tcsh"),
    line(2, "env", "--shell", ""),
    line(2, "env", "--shell"),
    line(0, "env", "--unset"),
    line(0, "env", "cloud", "--unset"),
    line(0, "env", "prod", "--unset", "--shell", "fish", "--only", "api"),
    line(2, "env", "--unset=yes"),
    line(7, "env", "cloud"),
    line(3, "env", "prdo"),
    line(3, "env", "nowhere"),
    line(3, "env", "hf"),
    line(3, "env", "-p", "wrok"),
    line(2, "env", "prod", "-e", "dev"),
    line(2, "env", ""),
    line(2, "env", "-e", ""),
    line(2, "env", "-p", ""),
    line(2, "env", "../prod"),
    line(2, "env", "pr\u00f6d"),
    line(2, "env", "a" * 65),
    line(2, "env", "\udcff\udc80"),
    line(2, "env", "\x1b[31mprod\n"),
    line(2, "env", "prod", "dev"),
    line(3, "env", VALUE),
    line(2, "env", UNKNOWN),
    line(3, "env", f"--env={VALUE}"),
    line(2, "env", f"-e{UNKNOWN}"),
    line(2, "env", f"--{VALUE}"),
    line(2, "env", "--nope"),
    line(2, "env", "--onyl", "hf"),
    line(2, "env", "-x"),
    line(2, "env", "--prof", "work"),
    line(2, "env", "-e"),
    line(2, "env", "--", "prod", "dev"),
    line(0, "env", "--", "prod"),
    line(0, "env", "--help", answer=wire.DECLINED),
    line(0, "env", "prod", "-h", answer=wire.DECLINED),
    line(0, "env", "--passphrase-fd", "0", answer=wire.DECLINED, stdin=PASSPHRASE.encode()),
    line(2, "env", "--passphrase-fd=x", answer=wire.DECLINED),
]

GET = [
    line(0, "get", "hf"),
    line(0, "get", "HF", "-e", "prod"),
    line(0, "get", "hf", "-p", "work", "--no-input"),
    line(0, "get", "hf", "--reveal"),
    line(0, "get", "hard", "-e", "test"),
    line(0, "get", "gcp", "-e", "cloud"),
    line(0, "get", "api", "-e", "prod", "--field", "API_KEY"),
    line(0, "get", "api", "--env", "prod", "--field=API_ID"),
    line(2, "get", "api", "-e", "prod"),
    line(3, "get", "api", "-e", "prod", "--field", "API_SECRET"),
    line(3, "get", "api"),
    line(3, "get", "api", "-e", "prod", "--field="),
    line(3, "get", "hff"),
    line(3, "get", "nothing", "--profile", "work"),
    line(3, "get", "hf", "-e", "nowhere"),
    line(0, "get", "--", "hf"),
    line(2, "get"),
    line(2, "get", ""),
    line(2, "get", "hf", "prod"),
    line(2, "get", "h f"),
    line(3, "get", VALUE),
    line(2, "get", UNKNOWN),
    line(3, "get", "hf", f"--field={VALUE}"),
    line(2, "get", "\udcff"),
    line(2, "get", "hf", "--field"),
    line(2, "get", "hf", "--value=x"),
    line(2, "get", "x" * 20_000),
    line(2, "get", "x" * 100_000, answer=UNANSWERED),
    line(6, "get", "hf", "--clip", answer=wire.DECLINED, opens=True),
    line(0, "get", "--help", answer=wire.DECLINED),
    line(
        0, "get", "hf", "--passphrase-fd=0", answer=wire.DECLINED, stdin=f"{PASSPHRASE}\n".encode()
    ),
]

SHOW = [
    line(0, "show", "hf"),
    line(0, "show", "HF", "--env", "prod", "--json"),
    line(0, "show", "api", "-e", "prod"),
    line(0, "show", "hard", "-e", "test", "--no-input"),
    line(0, "show", "gcp", "-e", "cloud", "--json"),
    line(0, "show", "hf", "--profile", "work"),
    line(0, "show", "hf", "--store", "file:open.age"),
    line(3, "show", "hg"),
    line(3, "show", "hf", "-p", "nobody"),
    line(2, "show"),
    line(2, "show", "hf", "api"),
    line(3, "show", VALUE),
    line(2, "show", "hf", "--jsno"),
    line(0, "show", "-h", answer=wire.DECLINED),
    line(0, "show", "hf", "--passphrase-fd=0", answer=wire.DECLINED, stdin=PASSPHRASE.encode()),
]

LIST = [
    line(0, "list"),
    line(0, "ls"),
    line(0, "list", "--all"),
    line(0, "list", "--json"),
    line(0, "list", "--all", "--json"),
    line(0, "list", "-e", "prod"),
    line(0, "ls", "-e", "test", "-p", "work"),
    line(0, "list", "--env", "island", "--profile", "default", "--no-input"),
    line(0, "list", "-e", "island", "-p", "work"),
    line(0, "list", "--store", "file:open.age"),
    line(3, "list", "-e", "porducti"),
    line(2, "list", "prod"),
    line(2, "list", "--all=1"),
    line(2, "list", "-a"),
    line(3, "list", f"-p{VALUE}"),
    line(0, "list", "--help", answer=wire.DECLINED),
    line(0, "ls", "--passphrase-fd", "0", answer=wire.DECLINED, stdin=PASSPHRASE.encode()),
    line(2, "ls", "--passphrase-fd", answer=wire.DECLINED),
]

EXEC = [
    line(0, "exec", "--", "sh", "-c", 'echo "$HF_TOKEN"'),
    line(0, "run", "prod", "--", "sh", "-c", 'echo "$HF_TOKEN $API_ID $API_KEY"'),
    line(0, "exec", "-e", "test", "-p", "default", "--", "sh", "-c", 'echo "$HARD"'),
    line(0, "exec", "--env=prod", "--profile=work", "--", "env", "-u", "CREDMAN_AGENT"),
    line(0, "exec", "prod", "--only", "api", "--no-input", "--", "env", "-u", "CREDMAN_AGENT"),
    line(0, "exec", "island", "--", "env", "-u", "CREDMAN_AGENT"),
    line(0, "exec", "dev", "-p", "work", "--store=file:open.age", "--", "true"),
    line(0, "exec", "cloud", "--", "sh", "-c", 'cat "$GOOGLE_APPLICATION_CREDENTIALS"'),
    line(0, "exec", "--", "printf", "%s\n", "", "--", "--help", "a b", "\udcff\udc80", VALUE),
    line(0, "exec", "--", "sh", "-c", 'echo "${#1}"', "sh", "x" * 100_000),
    line(0, "exec", "--", "cat", stdin=b"what is piped in\x00\xff"),
    line(3, "exec", "--", "sh", "-c", "echo one; echo two >&2; exit 3"),
    line(-15, "exec", "--", "sh", "-c", "kill -TERM $$"),
    line(-13, "exec", "--", "sh", "-c", "kill -PIPE $$"),
    line(127, "exec", "--", "no-such-command"),
    line(127, "exec", "--", ""),
    line(127, "exec", "--", "./nothing/here"),
    line(126, "exec", "--", "./folder"),
    line(126, "exec", "--", "./plain-file"),
    line(126, "exec", "--", "./no-interpreter"),
    line(126, "exec", "--", "plain-file", environ={"PATH": ":/usr/bin:/bin"}),
    line(5, "exec", "--", "own-script", environ={"PATH": "/usr/bin::/bin"}),
    line(127, "exec", "--", "own-script"),
    line(0, "exec", "--", "sh", "-c", 'echo "${PATH-none}"', environ={"PATH": None}),
    line(127, "exec", "--", "sh", environ={"PATH": "/nowhere:plain-file"}),
    line(125, "exec"),
    line(125, "exec", "--"),
    line(125, "exec", "prod"),
    line(125, "exec", "true"),
    line(125, "exec", "prod", "dev", "--", "true"),
    line(125, "exec", "prdo", "--", "true"),
    line(125, "exec", "-p", "wrok", "--", "true"),
    line(125, "exec", "--only", "", "--", "true"),
    line(125, "exec", "--only", "nothing", "--", "true"),
    line(125, "exec", VALUE, "--", "true"),
    line(125, "run", "--onyl", "hf", "--", "true"),
    line(125, "exec", "prod", "-e", "dev", "--", "true"),
    line(125, "exec", "x" * 100_000, "--", "true", answer=UNANSWERED),
    line(0, "exec", "--help", answer=wire.DECLINED),
    line(0, "run", "prod", "-h", "--", "true", answer=wire.DECLINED),
    line(4, "exec", "--passphrase-fd", "0", "--", "sh", "-c", "exit 4",
         answer=wire.DECLINED, stdin=PASSPHRASE.encode()),
]  # fmt: skip

NO_STORE = [
    line(0, "providers"),
    line(0, "providers", "hf"),
    line(0, "providers", "HuggingFace", "--json"),
    line(0, "providers", "--json"),
    line(0, "providers", "--validate"),
    line(0, "providers", "hf", "--validate", "--json"),
    line(3, "providers", "hugingface"),
    line(2, "providers", "h f"),
    line(3, "providers", VALUE),
    line(2, "providers", "hf", "openai"),
    line(2, "providers", "-e", "prod"),
    line(0, "providers", "--help", answer=wire.DECLINED),
    *(line(0, "completions", s) for s in ("bash", "zsh", "fish", "powershell", "pwsh")),
    line(2, "completions"),
    line(2, "completions", "tcsh"),
    line(2, "completions", "bash", "zsh"),
    line(0, "completions", "-h", answer=wire.DECLINED),
]

COMPLETE = [
    line(0, "__complete", "environments"),
    line(0, "__complete", "profiles"),
    line(0, "__complete", "tokens"),
    line(0, "__complete", "tokens", "-e", "prod", "-p", "work"),
    line(0, "__complete", "own", "-e", "prod"),
    line(0, "__complete", "fields", "api", "-e", "prod"),
    line(0, "__complete", "tokens", "--store", "file:open.age"),
    line(0, "__complete", "tokens", "--store", "file:other.age", answer=wire.DECLINED),
    line(0, "__complete", "tokens", "--store", "file:header.age"),
    line(0, "__complete", "tokens", "-e", "nowhere"),
    line(0, "__complete", "fields"),
    line(0, "__complete", "nonsense"),
    line(0, "__complete"),
    line(0, "__complete", "tokens", "-e"),
]
