"""The stored values for the git hook, from the agent that holds the store open.

Rule: only the agent answers, and only its owner; whoever may ask it this may ask it for each value
by name. It does not count as use: a hook is nobody who needs the store open.
"""

from __future__ import annotations

from credman.cli.context import Context
from credman.cli.options import Invocation
from credman.core import wire
from credman.core.errors import UsageError
from credman.watch.scan.owners import list_owned


def hand_values(context: Context) -> int:
    """Writes all secret values, packed, in no order.

    Raises:
        UsageError: this is not the agent.
    """
    if context.keeper is None:
        raise UsageError("there is no command of that name", hint="credman --help lists them")
    session = Invocation(context).open_session()
    addresses = [address for address, _, _ in list_owned(session.snapshot().tokens)]
    values = session.store.reveal(addresses)
    context.stdout.write(wire.pack({value.to_bytes() for value in values.values()}))
    return 0
