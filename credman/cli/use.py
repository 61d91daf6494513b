from __future__ import annotations

from typing import TYPE_CHECKING

from credman.cli.configuration import change_config
from credman.cli.options import Invocation, command
from credman.cli.render import render_json
from credman.core.config import Config, load_config
from credman.core.errors import NotFound, NoVault
from credman.core.names import DEFAULT_PROFILE, WELL_KNOWN_ENVIRONMENTS
from credman.core.scope import Selection
from credman.session import Session

if TYPE_CHECKING:
    from credman.cli.parameters import JsonOption


@command()
def use(invocation: Invocation, json: JsonOption = False) -> None:
    """Choose the environment and profile used by default; without options, show them.

    Example: credman use --env prod --profile work
    """
    context, config = invocation.context, invocation.config
    invocation.check_selection()
    if invocation.env or invocation.profile:
        _check_known(invocation, config)
        wanted = {"environment": invocation.env, "profile": invocation.profile}
        named = {key: name for key, name in wanted.items() if name is not None}
        change_config(context.paths.config_file, named)
        config = load_config(context.paths.config_file)
    chosen = {
        "environment": config.environment or "default",
        "profile": config.profile or DEFAULT_PROFILE,
    }
    text = f"environment {chosen['environment']}, profile {chosen['profile']}"
    if json:
        context.stdout.print(render_json(chosen))
    elif invocation.env or invocation.profile:
        # Not a result but news: a full standard output is no reason to fail after the change.
        context.note(f"{text} from now on")
    else:
        context.stdout.print(text)
    for variable, what in (("CREDMAN_ENV", "environment"), ("CREDMAN_PROFILE", "profile")):
        if context.environ.get(variable):
            context.warn(f"{variable} is set in this shell, and counts more than this {what}")


def _check_known(invocation: Invocation, config: Config) -> None:
    """A typo in a default would give the base environment from then on, so the names must exist.

    The store is opened only for a name that neither credman nor the configuration knows.
    """
    selection = Selection(invocation.env, invocation.profile)
    session = Session(invocation.open_store(), config, selection)
    if not session.is_named_without_store():
        try:
            session.environment()
            session.profile()
        except NoVault:
            what = " and ".join(name for name in (invocation.env, invocation.profile) if name)
            raise NotFound(
                f"nothing is stored here yet, so {what} cannot be found",
                hint=f"known environments: {', '.join(WELL_KNOWN_ENVIRONMENTS)}",
            ) from None
        invocation.report(session)
