"""What an error of a command says where Python code gets it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import ParamSpec, TypeVar

from credman.core.errors import CredmanError
from credman.core.names import looks_like_value
from credman.core.secret import Secret

_P = ParamSpec("_P")
_T = TypeVar("_T")
_WORDS = (
    ("input is switched off", "nobody is here to answer"),
    ("there is no terminal to ask on", "nobody is here to answer"),
    (", or use --passphrase-fd", ""),
    ("choose another variable with --var", "choose another one with variable="),
    (", or another environment with -e", ", or another environment with env="),
    ("; --only with the others leaves it out", ""),
    ("--replace stores", "replace=True stores"),
    ("credman on a terminal, where it asks", "credman add on a terminal, where it asks"),
    (
        "it is in your shell's history now, so it should be replaced; credman add NAME asks for "
        "the value",
        "it is in this program's text now, so it should be replaced",
    ),
    ("which is never given on the command line", "and not like a name"),
)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}", re.ASCII)
_NAMES_PLACE = re.compile(r"(?<!\S)-e (\S+) names")


def worded(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Errors name the arguments of Python, and not the options of the command line; and a value
    that was given as a name is masked in them."""

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        names = [mask_name(given) for given in args]
        del args
        for key in kwargs.keys() - {"default"}:  # which comes back as it is
            kwargs[key] = mask_name(kwargs[key])
        with rewording():
            return function(*names, **kwargs)  # type: ignore[arg-type]

    return call


@contextmanager
def rewording() -> Iterator[None]:
    """As ``worded``, for a part of a function."""
    try:
        yield
    except CredmanError as error:
        error.message, error.hint = _reword(error.message), _reword(error.hint)
        error.args = (error.message,)
        raise


def mask_name(given: _T) -> _T:
    """Returns: the same, masked if it is no name; a traceback may show what a variable holds."""
    if not isinstance(given, str) or (_NAME.fullmatch(given) and not looks_like_value(given)):
        return given
    return Secret(given)  # type: ignore[return-value]


def _reword(text: str) -> str:
    for option, argument in _WORDS:
        text = text.replace(option, argument)
    return _NAMES_PLACE.sub(r"env='\1' names", text)
