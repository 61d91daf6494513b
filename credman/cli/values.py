"""The values of a new token: which parts it has, and reading them from a person or a pipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from credman.cli.options import Invocation
from credman.cli.passphrases import strip_line_end
from credman.cli.terminal import SeveralLines
from credman.core.errors import Locked, Refused, UsageError
from credman.core.model import MAX_VALUE_BYTES, Field, Token
from credman.core.names import check_variable, quote_untrusted, variable_from_name
from credman.core.secret import Secret, SecretBytes
from credman.providers.catalogue import Catalogue, Provider, ProviderField
from credman.stores.additions import NewToken, check_value


def find_provider(catalogue: Catalogue, variables: Iterable[str]) -> Provider | None:
    """Returns: whose token it is that these variables carry; None if that is not plain. One part
    alone is no token of a provider whose tokens have several."""
    found = [catalogue.find_by_variable(variable) for variable in variables]
    single = {p.name: p for p in found if p is not None and p.main_field is not None}
    return single.popitem()[1] if len(single) == 1 else None


def plan_fields(
    name: str, provider: Provider | None, variables: Sequence[str], parts: Sequence[str]
) -> tuple[Field, ...]:
    """Which fields a new token has.

    Args:
        provider: whose parts they are, if it is known.
        variables: of ``--var``: one value under all of these names.
        parts: of ``--field``: a value each.

    Raises:
        UsageError, DeniedVariable
    """
    for variable in (*variables, *parts):
        check_variable(variable)
    if len({v.casefold() for v in (*variables, *parts)}) < len(variables) + len(parts):
        raise UsageError("a variable is named twice")
    if parts:
        own = {f.name: f for f in provider.fields} if provider else {}
        return tuple(_make_field((part,), own.get(part)) for part in parts)
    if variables:
        if provider is not None and provider.main_field is None:
            names = ", ".join(f.name for f in provider.fields)
            raise UsageError(
                f"a token of {provider.title} has several parts, so --var cannot name it",
                hint=f"--field VAR for each part; by default {names}",
            )
        return (_make_field(tuple(variables), provider.main_field if provider else None),)
    if provider is not None:
        return tuple(_make_field(f.variables, f) for f in provider.fields)
    return (_make_field((check_variable(variable_from_name(name)),), None),)


def _make_field(variables: tuple[str, ...], known: ProviderField | None) -> Field:
    if known is None:
        return Field(variables[0], variables)
    return Field(variables[0], variables, known.secret, is_file=known.is_file)


def find_former_fields(token: Token, provider: Provider | None) -> tuple[Field, ...]:
    """Returns: the fields a new version has when none are named: those of the current one, and
    what its provider makes optional. Fields that only older versions have stay behind."""
    optional = {f.name for f in provider.fields if f.optional} if provider else set()
    wanted = optional | set(token.current.fields)
    return tuple(f for f in token.fields if f.name in wanted)


def refuse_to_ask_for_file(new: NewToken, *, is_terminal: bool) -> None:
    """Raises: UsageError: one of the fields is a file, and nothing is piped in."""
    if is_terminal and any(f.is_file for f in new.fields):
        raise UsageError(
            "the value is a file, which cannot be typed",
            hint=f"pipe it in: credman add {new.name} < FILE",
        )


def find_hints(
    catalogue: Catalogue, fields: Sequence[Field], values: Mapping[str, Secret]
) -> list[str]:
    """Returns: for values that are stored as nobody's in particular: whose they look like, and what
    would give them that provider's variables."""
    hints = {}
    for field in fields:
        found = catalogue.identify(values[field.name]) if field.name in values else None
        if found is not None and not any(found.find_field(v) for v in field.variables):
            sets = ", ".join(f.name for f in found.fields if not f.optional)
            hints[found.name] = (
                f"this looks like a token of {found.title}; --provider {found.name} sets {sets}"
            )
    return list(hints.values())


def refuse_value_as_argument(catalogue: Catalogue, arguments: Iterable[str | None]) -> None:
    """Raises: UsageError: one of them is a token's value. It is not repeated."""
    if any(argument and catalogue.identify(argument.strip()) for argument in arguments):
        raise UsageError(
            "that looks like a token itself, which is never given on the command line",
            hint="it is in your shell's history now, so it should be replaced; "
            "credman add NAME asks for the value",
        )


def parse_assignments(data: bytes, expected: Sequence[str]) -> dict[str, Secret]:
    """Reads ``VAR=value`` lines, a line each, of standard input.

    Args:
        data: lines end with LF or CR LF; blank lines are skipped; a value is taken as it stands.
        expected: the variables that may occur.

    Raises:
        UsageError: a line is none, a variable is unknown or occurs twice. No line is repeated.
    """
    found: dict[str, Secret] = {}
    for number, line in enumerate(map(SecretBytes, data.split(b"\n")), start=1):
        line = SecretBytes(line.removesuffix(b"\r"))
        if not line.strip():
            continue
        variable, separator, value = map(SecretBytes, line.partition(b"="))
        name = Secret(variable.decode("ascii", "replace").strip())  # or a line that is a value
        if not separator or name not in expected:
            raise UsageError(
                f"line {number} of standard input is not VAR=value with a known VAR",
                hint=f"known: {', '.join(expected)}",
            )
        if name in found:
            raise UsageError(f"line {number} of standard input gives {name} a second time")
        found[str(name)] = Secret.from_bytes(value)
    return found


class TokenSource:
    """Reads the values of a token's fields.

    Args:
        provider: whose shapes they should have; None: any.
        check: whether to look at shapes at all.
        former: values that stay where no new one is given.
        is_sure: a doubt is answered with yes.
    """

    def __init__(
        self,
        invocation: Invocation,
        catalogue: Catalogue,
        provider: Provider | None,
        *,
        check: bool,
        former: Mapping[str, Secret] | None = None,
        is_sure: bool = False,
    ) -> None:
        self._context = invocation.context
        self._former = former or {}
        self._is_sure = is_sure
        self._is_new = former is not None
        self._is_attended = invocation.source.is_attended()
        self._catalogue = catalogue
        self._provider = provider
        self._check = check
        self._is_alone = True

    def read(self, fields: Sequence[Field]) -> dict[str, Secret]:
        """Returns: the values by field name; optional parts that were left out are missing.

        Raises:
            UsageError: a value is missing, empty or malformed.
            Locked: nobody can be asked.
            Refused: the person did not want a value of an unlikely shape.
        """
        self._is_alone = len(fields) == 1
        if self._context.stdin.is_terminal:
            return self._ask(fields)
        return self._read_piped(fields)

    def _read_piped(self, fields: Sequence[Field]) -> dict[str, Secret]:
        limit = (MAX_VALUE_BYTES + 4096) * len(fields)
        data = SecretBytes(self._context.stdin.read(limit))
        if len(data) > limit:
            raise UsageError(f"the value is larger than {MAX_VALUE_BYTES >> 10} KiB")
        if not data:
            raise UsageError(
                "there is nothing on standard input",
                hint="pipe the value in, or run credman on a terminal, where it asks",
            )
        alone = self._find_alone(fields, data)
        if alone is not None:
            found = {alone.name: Secret.from_bytes(data if alone.is_file else strip_line_end(data))}
        else:
            found = parse_assignments(data, [f.name for f in fields])
            missing = [f.name for f in fields if f.name not in found and not self._is_optional(f)]
            if missing:
                raise UsageError(
                    f"standard input lacks {', '.join(missing)}",
                    hint=f"a line each: {fields[0].name}=…",
                )
        for field in fields:
            if field.name in found:
                check_value(field.name, found[field.name])
                self._doubt(field, found[field.name])
        return found

    def _find_alone(self, fields: Sequence[Field], data: bytes) -> Field | None:
        """Returns: the field whose value all of the input is: the only one, or the only one that
        is needed where nothing says which."""
        if len(fields) == 1:
            return fields[0]
        needed = [f for f in fields if not self._is_optional(f)]
        names = tuple(f"{f.name}=".encode() for f in fields)
        says_which = any(line.lstrip().startswith(names) for line in data.split(b"\n"))
        return needed[0] if len(needed) == 1 and not says_which else None

    def _ask(self, fields: Sequence[Field]) -> dict[str, Secret]:
        if not self._is_attended:
            raise Locked(
                "the value would have to be asked for, and nobody is here to answer",
                hint="pipe it in: credman add NAME < FILE",
            )
        found: dict[str, Secret] = {}
        for field in fields:
            value = self._ask_for(field)
            if not value and self._is_optional(field):
                continue
            check_value(field.name, value)
            self._doubt(field, value)
            found[field.name] = value
        return found

    def _ask_for(self, field: Field) -> Secret:
        terminal = self._context.terminal
        known = self._provider_field(field)
        name = "token" if self._is_alone else quote_untrusted(field.name)
        what = known.prompt if known else name
        optional = ", Enter for none" if self._is_optional(field) else ""
        if field.name in self._former:
            optional = f", Enter for {quote_untrusted(self._former[field.name])}"
        elif self._is_new:
            what = f"new {what}"
        try:
            if field.secret:
                answer: str = terminal.read_hidden(f"{what} (hidden{optional}): ")
            else:
                answer = terminal.read_line(f"{what}{optional and ' (' + optional[2:] + ')'}: ")
        except SeveralLines as error:
            error.hint = "a value of several lines is piped in: credman add NAME < FILE"
            raise
        # A token holds no blanks at its ends; a pasted one often does.
        return Secret(answer.strip())

    def _doubt(self, field: Field, value: Secret) -> None:
        known = self._provider_field(field)
        if self._provider is None or known is None or not self._check:
            return
        # Slack has several kinds of token, each with a variable of its own.
        belongs = {s.field for s in self._provider.shapes}
        asked = next((v for v in field.variables if v in belongs), known.name)
        doubt = self._catalogue.doubt(self._provider, asked, value)
        if doubt is None:
            return
        if self._is_sure or not self._context.stdin.is_terminal or not self._is_attended:
            self._context.warn(f"{doubt}; stored as it is")
        elif not self._context.terminal.confirm(f"{doubt}; store it anyway?"):
            raise Refused("nothing was stored")

    def _is_optional(self, field: Field) -> bool:
        if field.name in self._former:
            return True
        known = self._provider_field(field)
        return known is not None and known.optional

    def _provider_field(self, field: Field) -> ProviderField | None:
        if self._provider is None:
            return None
        own = self._provider.fields
        # Under another variable it is still that value.
        main = self._provider.main_field if self._is_alone else None
        return next((f for f in own if f.name == field.name), main)
