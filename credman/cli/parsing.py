"""From a command's annotations to its parser: all that typer does for us."""

from __future__ import annotations

import contextlib
import functools
import inspect
import re
from io import StringIO
from typing import Any

import typer

from credman.cli import PROGRAM, options, parameters
from credman.cli.options import Command, Invocation, Result, load_command
from credman.core.errors import UsageError

_INTERRUPTED = 130
_OPTION = re.compile(r"-[a-zA-Z]|--[a-z][a-z-]{1,20}", re.ASCII)


@functools.cache
def load_parser(name: str) -> Any:
    """Returns: the command's parser, a typer command. Imports that command only."""
    command = load_command(name)

    def run(ctx: typer.Context, **given: Any) -> Result:
        invocation: Invocation = ctx.obj
        return command.run(invocation, given)

    found = _list_parameters(command)
    run.__signature__ = inspect.Signature(found)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in found}
    run.__doc__ = command.function.__doc__
    run.__name__ = command.function.__name__
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
    app.command(context_settings={"help_option_names": ["-h", "--help"]})(run)
    return typer.main.get_command(app)


def _list_parameters(command: Command) -> list[inspect.Parameter]:
    """Returns: of the command, as typer wants them: its own ones, then the shared ones."""
    # The annotations are written with names that no command imports when it runs.
    names = {"typer": typer, **vars(parameters), **vars(options)}
    own = command.function.__globals__
    signature = inspect.signature(command.function, eval_str=True, globals={**names, **own})
    found = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in signature.parameters.values()]
    found[0] = inspect.Parameter(
        "ctx", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context
    )  # in place of the invocation
    for name in command.shared:
        found.append(
            inspect.Parameter(
                name,
                inspect.Parameter.KEYWORD_ONLY,
                default=False if name == "no_input" else None,
                annotation=parameters.SHARED[name],
            )
        )
    return found


def parse_and_run(name: str, arguments: list[str], invocation: Invocation) -> Result:
    """Args: name: of the command.

    Raises:
        UsageError: the command line is wrong; no unexpected argument is repeated.
    """
    parser = load_parser(name)
    program = f"{PROGRAM} {name}"
    # typer has no public name for its parser's errors; they are what BadParameter derives from.
    parse_error = typer.BadParameter.__mro__[1]
    try:
        printed = StringIO()  # the parser prints help to sys.stdout, which is not ours
        try:
            with contextlib.redirect_stdout(printed):
                parsed = parser.make_context(program, arguments, obj=invocation)
        except typer.Exit as exit_:
            invocation.context.stdout.print(printed.getvalue().rstrip("\n"))
            return int(exit_.exit_code)
        with parsed:
            result: Result = parser.invoke(parsed)
            return result
    except typer.Abort:
        return _INTERRUPTED
    except Exception as error:
        if isinstance(error, parse_error):
            raise _explain(error, parser, name, program) from None
        raise


def _explain(error: Any, parser: Any, name: str, program: str) -> UsageError:
    hint = f"{program} --help"
    option = getattr(error, "option_name", None)
    parameter = getattr(error, "param", None)
    kind = type(error).__name__
    if kind == "MissingParameter" and parameter is not None:
        return UsageError(f"{_label(parameter)} is missing", hint=hint)
    if kind == "NoSuchOption" and option:
        nearest = next(iter(getattr(error, "possibilities", None) or ()), None)
        shown = option.partition("=")[0]
        if not shown.startswith("--"):
            shown = shown[:2]
        message = f"no such option: {shown}" if _OPTION.fullmatch(shown) else "no such option"
        return UsageError(message, hint=f"did you mean {nearest}?" if nearest else hint)
    if kind == "BadOptionUsage" and option:
        is_flag = any(option in p.opts and getattr(p, "is_flag", False) for p in parser.params)
        return UsageError(f"{option} {'takes no value' if is_flag else 'needs a value'}", hint=hint)
    if parameter is not None:
        choices = getattr(getattr(parameter, "type", None), "choices", None)
        known = f"one of {', '.join(str(c) for c in choices)}" if choices else hint
        return UsageError(f"{_label(parameter)} cannot be that", hint=known)
    if name == "exec":
        return UsageError(
            "the command to run comes after --", hint="credman exec prod -- python train.py"
        )
    if name in ("list", "show", "remove", "get", "use"):
        hint = "an environment is named with -e"
    if name == "add":
        hint = "a value is never given on the command line: it is asked for, or piped in"
    return UsageError("there are more arguments than this command takes", hint=hint)


def _label(parameter: Any) -> str:
    if getattr(parameter, "opts", None) and str(parameter.opts[0]).startswith("-"):
        return "/".join(parameter.opts)
    return str(parameter.metavar or parameter.name).strip("[]").upper()
