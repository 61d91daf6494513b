from __future__ import annotations

from typing import TYPE_CHECKING

from credman.cli.giving import prepare_tokens
from credman.cli.options import Invocation, Result, command, parse_only
from credman.cli.passing import mention_overdue
from credman.core.errors import UsageError
from credman.output.process import prepare_execution

if TYPE_CHECKING:
    from credman.cli.parameters import EnvironmentArgument, OnlyOption


@command()
def execute(
    invocation: Invocation, environment: EnvironmentArgument = None, only: OnlyOption = None
) -> Result:
    """Run a command with an environment's variables. The command comes after --.

    Ends with the command's own code: 127 not found, 126 cannot be executed, 128+N by a signal; 125
    when credman itself failed and the command was not run. A token that is a file (a service
    account's key) is given as the path of one that lies in memory only.

    Example: credman exec prod -- python train.py
    """
    invocation.choose_environment(environment)
    if not invocation.trailing:
        raise UsageError(
            "the command to run comes after --", hint="credman exec prod -- python train.py"
        )
    session = invocation.open_session()
    chosen = parse_only(only)
    plan = prepare_tokens(invocation, session, session.plan(chosen), chosen)
    values = session.reveal(plan)
    invocation.report(session)
    mention_overdue(invocation, session)
    if not plan:
        invocation.context.note(f"nothing is stored in environment {session.environment().name}")
    files = {entry.variable for entry in plan if entry.field.is_file}
    return prepare_execution(invocation.trailing, values, files=files)
