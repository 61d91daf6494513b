"""From an argument list to an exit code: finds the command, parses, runs, and reports once.

Rule: this is the one place that prints errors. No traceback, no text of a foreign exception and no
unexpected argument is ever repeated: any of them may hold a value.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from credman.agent.client import VALUES
from credman.cli import ALIASES, COMMANDS, COMPLETE, GROUPS, HIDDEN, PROGRAM
from credman.cli.context import Context
from credman.core.errors import CredmanError, MissingExtra, UsageError
from credman.core.names import find_nearest, looks_like_value

if TYPE_CHECKING:
    from credman.output.process import Execution

_EXEC_FAILED = 125
_BROKEN_PIPE = 128 + 13
_INTERRUPTED = 130
_SHORTEST_TOKEN = 16


def run(argv: Sequence[str], context: Context) -> Execution | int:
    """Args:
        argv: without the program's name.
        context: the caller.

    Returns:
        An exit code, or a process for the caller to become.
    """
    name, arguments = _find_command(argv)
    try:
        result = _dispatch(name, arguments, context)
        return 0 if result is None else result
    except CredmanError as error:
        report_error(context, error, argv)
        code = error.exit_code
    except BrokenPipeError:
        code = _BROKEN_PIPE
    except KeyboardInterrupt:
        context.note("")
        code = _INTERRUPTED
    except MemoryError:
        _leave_to_caller(context)
        context.note(f"{PROGRAM}: error: there is not enough memory")
        code = 1
    except Exception as error:  # noqa: BLE001 - the last line of defence: no traceback
        _leave_to_caller(context)
        context.note(f"{PROGRAM}: error: unexpected {type(error).__name__} in {_where(error)}")
        context.note(f"{PROGRAM}: hint: this is a bug in credman: please report this line")
        code = 1
    finally:
        context.terminal.release()
    if _means_env(name, argv):
        _fail_eval(context)
    return _EXEC_FAILED if name == "exec" and code != _INTERRUPTED else code


def _leave_to_caller(context: Context) -> None:
    # What goes wrong in the agent need not go wrong in a process of its own.
    if context.keeper is not None:
        raise


def _find_command(argv: Sequence[str]) -> tuple[str, list[str]]:
    first, *rest = argv or ("",)
    if first in GROUPS and rest and not rest[0].startswith("-"):
        return f"{first} {rest[0]}", rest[1:]
    return ALIASES.get(first, first), rest


def _means_env(name: str, argv: Sequence[str]) -> bool:
    # A typo before or in "env" must stop the shell that evaluates the answer just as well.
    if name in COMMANDS:
        return name == "env"
    return "env" in argv or find_nearest(name, COMMANDS) == "env"


def render_help() -> str:
    """Returns: what ``credman --help`` prints."""
    width = max(map(len, COMMANDS)) + 2
    lines = [f"  {name:<{width}}{entry.summary}" for name, entry in COMMANDS.items()]
    return "\n".join(
        (
            f"Usage: {PROGRAM} COMMAND [OPTIONS]",
            "",
            "Named tokens per environment and profile, in one encrypted file.",
            "",
            "Commands:",
            *lines,
            "",
            "Begin with:",
            f"  {PROGRAM} add hf                 store a Hugging Face token",
            f'  eval "$({PROGRAM} env)"          set its variable in this shell',
            f"  {PROGRAM} exec -- python x.py    or only for one command",
            "",
            f"{PROGRAM} COMMAND --help tells more.",
        )
    )


def _dispatch(name: str, arguments: list[str], context: Context) -> Execution | int | None:
    if name in ("", "--help", "-h") or (name == "help" and not arguments):
        context.stdout.print(render_help())
        return 0
    if name in ("--version", "-V"):
        from importlib.metadata import version

        context.stdout.print(f"{PROGRAM} {version('credman-cli')}")
        return 0
    if name == "help" and arguments:
        name, arguments = _find_command([*arguments, "--help"])
    if name == COMPLETE:
        from credman.cli.completing import complete

        return complete(arguments, context)
    if name == VALUES:
        from credman.cli.handing import hand_values

        return hand_values(context)
    if name in GROUPS:
        return _show_group(name, arguments, context)
    if name not in COMMANDS and name not in HIDDEN:
        raise _unknown_command(name)
    trailing: list[str] | None = None
    if name == "exec" and "--" in arguments:
        split = arguments.index("--")
        arguments, trailing = arguments[:split], arguments[split + 1 :]
    if context.stdout.is_closed and name in ("get", "env", "show", "list", "providers", "use"):
        raise CredmanError("standard output is closed")
    from credman.cli.options import Invocation, load_command
    from credman.cli.quick import parse_quickly

    invocation = Invocation(context, trailing=tuple(trailing or ()))
    given = parse_quickly(name, arguments)
    if given is not None:
        return load_command(name).run(invocation, given)
    from credman.cli.parsing import parse_and_run

    return parse_and_run(name, arguments, invocation)


def _show_group(name: str, arguments: list[str], context: Context) -> int:
    if not {"--help", "-h"} & set(arguments):
        raise _needs_word(name)
    own = [(full, e.summary) for full, e in COMMANDS.items() if full.startswith(f"{name} ")]
    lines = [f"  {full:<18}{summary}" for full, summary in own]
    usage = f"Usage: {PROGRAM} {name} COMMAND [OPTIONS]"
    context.stdout.print("\n".join((usage, "", "Commands:", *lines)))
    return 0


def _unknown_command(name: str) -> UsageError:
    if name.startswith("-"):
        return UsageError("options stand after the command", hint="credman --help")
    group = name.partition(" ")[0]
    if group in GROUPS:
        return _needs_word(group)
    nearest = find_nearest(name, [*COMMANDS, *GROUPS, *ALIASES])
    hint = f"did you mean {nearest}?" if nearest else "credman --help lists them"
    shown = name if name.isalpha() and len(name) <= 16 else "of that name"
    return UsageError(f"there is no command {shown}", hint=hint)


def _needs_word(group: str) -> UsageError:
    words = (full.partition(" ")[2] for full in COMMANDS if full.startswith(f"{group} "))
    return UsageError(f"{group} takes one of {', '.join(words)}", hint=f"{PROGRAM} {group} --help")


def report_error(context: Context, error: CredmanError, argv: Sequence[str]) -> None:
    """Prints an error and its hint. A message may repeat a word of the command line, and the word
    may be a token that was put in the wrong place: such words are left out.

    Args:
        argv: the command line.
    """
    hint = error.hint
    if isinstance(error, MissingExtra):
        from credman.cli.installation import how_to_add

        hint = how_to_add(error.extra)
    for label, text in (("error", error.message), ("hint", hint)):
        for word in _words(argv):
            if word in text and _may_be_token(context, word):
                text = text.replace(word, "…")
        if text:
            context.note(f"{PROGRAM}: {label}: {text}")


def _words(argv: Sequence[str]) -> list[str]:
    # Also what is stuck to an option: --env=VALUE, -eVALUE.
    words = {part for word in argv for part in (word, word.partition("=")[2], word[2:]) if part}
    return sorted(words, key=len, reverse=True)


def _may_be_token(context: Context, word: str) -> bool:
    if len(word) < _SHORTEST_TOKEN:
        return False
    if looks_like_value(word):
        return True
    with contextlib.suppress(CredmanError):
        return context.catalogue.identify(word) is not None
    return True


def _fail_eval(context: Context) -> None:
    from credman.output.shells import FAILURE

    if context.stdout.is_terminal or context.stdout.is_closed:
        return
    try:
        context.stdout.write(FAILURE)
    except (CredmanError, OSError):
        return


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return "credman"
    code = trace.tb_frame.f_code
    return f"{os.path.basename(code.co_filename)}:{trace.tb_lineno}"
