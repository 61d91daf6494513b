"""The secrets of Kaggle: its own client asks its server.

Facts: https://github.com/Kaggle/docker-python/blob/main/patches/kaggle_web_client.py. It waits 40
seconds; it says ``ConnectionError`` for a network that is off, a time-out, and also for every
status of HTTP that is none of success, so that only the cause tells them apart.
"""

from __future__ import annotations

from importlib import import_module

from credman.stores.sources.asking import Answer, Source, State, class_names, unexpected

_EDITOR = "Add-ons > Secrets of the notebook editor"
_NETWORK = "switch on internet in the notebook's settings"
_REFUSALS = (401, 403)


class Kaggle(Source):
    title = "Kaggle secrets"

    def _fetch(self, name: str) -> object:
        return import_module("kaggle_secrets").UserSecretsClient().get_secret(name)

    def _judge(self, error: BaseException, name: str) -> Answer:
        names, cause = class_names(error), error.__cause__
        code = getattr(cause, "code", None)
        if code in _REFUSALS:
            return Answer(
                State.DENIED,
                reason=f"Kaggle refuses this session (HTTP {code})",
                hint=f"attach {name} in {_EDITOR}, and start the session again",
            )
        if isinstance(code, int):
            return Answer(State.FAILED, reason=f"Kaggle's server failed (HTTP {code})")
        if "CredentialError" in names:  # already by making a client
            return Answer(
                State.FAILED,
                reason="this process has no access to Kaggle's secrets",
                hint=f"attach {name} in {_EDITOR}, and start the session again",
            )
        if "BackendError" in names and "No user secrets exist" in str(error):
            return Answer(
                State.MISSING,
                reason="not defined, or not attached to this notebook",
                hint=f"add {name} in {_EDITOR}, and attach it to this notebook",
            )
        if _is_timeout(error) or _is_timeout(cause) or _is_timeout(getattr(cause, "reason", None)):
            return Answer(State.TIMEOUT, reason="did not answer in time", hint=_NETWORK)
        if "ConnectionError" in names:
            return Answer(
                State.FAILED,
                reason="internet is off, or Kaggle cannot be reached",
                hint=_NETWORK,
            )
        return unexpected(error)

    def _fill(self, name: str) -> str:
        return f"give {name} a value in {_EDITOR}, and run %credman load {name}"

    def _move(self) -> str:
        return _NETWORK


def _is_timeout(error: object) -> bool:
    return isinstance(error, TimeoutError)
