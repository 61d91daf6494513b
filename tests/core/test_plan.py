"""Which variables an environment gives: the rules one by one, then all against a slow model."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from credman.core.errors import NotFound
from credman.core.model import Address, Field, Token, TokenKey, Version, VersionState
from credman.core.plan import make_plan, visible_tokens

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
REVOKED = VersionState.REVOKED


def make_token(
    place: str,
    name: str,
    *variables: str,
    absent: Iterable[str] = (),
    state: VersionState = VersionState.CURRENT,
) -> Token:
    """Args: place: ``environment/profile``; variables: a field each; absent: fields without a value
    in the version that counts; state: of that one."""
    environment, _, profile = place.partition("/")
    fields = tuple(Field(v, (v,)) for v in variables)
    present = tuple(v for v in variables if v not in set(absent))
    versions = (
        Version(1, VersionState.RETIRING, MOMENT, variables),
        Version(2, state, MOMENT, present),
    )
    return Token(TokenKey(environment, profile or "default", name), fields, versions)


def see(
    tokens: Iterable[Token], environment: str, profile: str = "default", *, isolated: bool = False
) -> list[str]:
    """Returns: the visible tokens as ``environment:name``."""
    chosen = visible_tokens(tokens, environment=environment, profile=profile, isolated=isolated)
    return [f"{t.key.environment}:{t.key.name}" for t in chosen]


BASE = [make_token("default", "hf", "HF"), make_token("default", "wandb", "WANDB")]


def test_an_environment_inherits_the_base_after_its_own() -> None:
    tokens = [*BASE, make_token("prod", "zz", "ZZ")]
    assert see(tokens, "prod") == ["prod:zz", "default:hf", "default:wandb"]
    assert see(tokens, "dev") == ["default:hf", "default:wandb"]
    assert see(tokens, "default") == ["default:hf", "default:wandb"]


def test_an_isolated_environment_inherits_nothing() -> None:
    tokens = [*BASE, make_token("prod", "own", "OWN")]
    assert see(tokens, "prod", isolated=True) == ["prod:own"]
    assert see(tokens, "dev", isolated=True) == []
    assert see(tokens, "default", isolated=True) == ["default:hf", "default:wandb"]


def test_environments_do_not_see_each_other() -> None:
    assert see([make_token("dev", "a", "A"), make_token("prod", "b", "B")], "prod") == ["prod:b"]


def test_a_token_hides_the_base_token_of_its_name_as_a_whole() -> None:
    aws = make_token("default", "aws", "AWS_ID", "AWS_KEY", "AWS_SESSION")
    tokens = [aws, make_token("prod", "AWS", "OTHER")]
    assert see(tokens, "prod") == ["prod:AWS"]


@pytest.mark.parametrize("variable", ["AWS_ID", "AWS_KEY", "AWS_SESSION", "aws_key"])
def test_a_token_hides_the_base_token_whose_variable_it_sets_as_a_whole(variable: str) -> None:
    aws = make_token("default", "aws", "AWS_ID", "AWS_KEY", "AWS_SESSION")
    tokens = [aws, *BASE, make_token("prod", "other", variable)]
    assert see(tokens, "prod") == ["prod:other", "default:hf", "default:wandb"]


def test_a_revoked_token_has_no_value_and_hides_what_it_hid() -> None:
    revoked = make_token("prod", "own", "OWN", "HF", absent=["OWN", "HF"], state=REVOKED)
    tokens = [*BASE, revoked]
    assert see(tokens, "prod") == ["prod:own", "default:wandb"]
    # What stands in the plan is refused by name; left out, another value would take its place.
    chosen = visible_tokens(tokens, environment="prod", profile="default", isolated=False)
    assert [e.variable for e in make_plan(chosen)] == ["OWN", "HF", "WANDB"]


def test_a_variable_without_a_value_hides_nothing() -> None:
    tokens = [*BASE, make_token("prod", "own", "OWN", "HF", absent=["HF"])]
    assert see(tokens, "prod") == ["prod:own", "default:hf", "default:wandb"]


def test_profiles_never_fall_back_to_each_other() -> None:
    tokens = [
        *BASE,
        make_token("default/work", "hf", "HF"),
        make_token("prod/work", "api", "API"),
        make_token("prod/home", "api", "API"),
    ]
    assert see(tokens, "prod", "work") == ["prod:api", "default:hf"]
    assert see(tokens, "default", "home") == []
    assert see(tokens, "prod") == ["default:hf", "default:wandb"]


def test_case_does_not_matter() -> None:
    tokens = [*BASE, make_token("Prod/Work", "API", "API"), make_token("DEFAULT/WORK", "x", "X")]
    assert see(tokens, "pROD", "wORK") == ["Prod:API", "DEFAULT:x"]


def test_each_part_is_sorted_by_name() -> None:
    names = ["b", "C", "a", "a-b", "a.b", "B2", "10", "9"]
    tokens = [make_token("prod", n, f"V{i}") for i, n in enumerate(names)]
    tokens += [make_token("default", f"{n}x", f"W{i}") for i, n in enumerate(names)]
    own = sorted(names, key=str.casefold)
    assert see(tokens, "prod") == [
        *(f"prod:{n}" for n in own),
        *(f"default:{n}" for n in sorted((f"{n}x" for n in names), key=str.casefold)),
    ]


def test_a_plan_has_an_entry_a_variable_in_field_order() -> None:
    version = Version(3, VersionState.CURRENT, MOMENT, ("KEY", "URL"))
    fields = (
        Field("URL", ("URL", "OLD_URL"), secret=False),
        Field("GONE", ("GONE",)),
        Field("KEY", ("KEY",)),
    )
    token = Token(TokenKey("prod", "default", "api"), fields, (version,))
    plan = make_plan([token, make_token("default", "hf", "HF")])
    assert [e.variable for e in plan] == ["URL", "OLD_URL", "KEY", "HF"]
    assert plan[1].address == Address(token.key, 3, "URL")
    assert plan[1].field is fields[0]
    assert make_plan([]) == []


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (["aws"], ["AWS_ID", "AWS_KEY"]),
        (["AWS_KEY"], ["AWS_KEY"]),
        (["aws_key", "HF"], ["AWS_KEY", "HF"]),
        (["HF", "aws"], ["AWS_ID", "AWS_KEY", "HF"]),  # the plan's order, not the caller's
        (["aws", "AWS_ID"], ["AWS_ID", "AWS_KEY"]),
        (["AWS", "hf", "wandb"], ["AWS_ID", "AWS_KEY", "HF", "WANDB"]),
        ([], ["AWS_ID", "AWS_KEY", "HF", "WANDB"]),
    ],
)
def test_a_plan_is_limited_to_tokens_and_variables(only: list[str], expected: list[str]) -> None:
    tokens = [make_token("prod", "aws", "AWS_ID", "AWS_KEY"), *BASE]
    assert [e.variable for e in make_plan(tokens, only=only)] == expected


def test_what_is_asked_for_and_not_there_is_an_error() -> None:
    with pytest.raises(NotFound, match="wandbb") as caught:
        make_plan(BASE, only=["hf", "wandbb"])
    assert caught.value.hint.casefold() == "did you mean wandb?"
    with pytest.raises(NotFound) as caught:
        make_plan([], only=["hf"])
    assert "credman list" in caught.value.hint
    with pytest.raises(NotFound):  # a part without a value is no variable
        make_plan([make_token("prod", "own", "OWN", "NONE", absent=["NONE"])], only=["NONE"])


ENVIRONMENTS, PROFILES = ("default", "dev", "Prod"), ("default", "Work")


@st.composite
def token_sets(draw: st.DrawFn) -> list[Token]:
    """Tokens as a session lets them be: no name and no variable twice in one place."""
    found: list[Token] = []
    for environment in ENVIRONMENTS:
        for profile in PROFILES:
            free = ["A", "B", "C"]
            for name in draw(st.lists(st.sampled_from("wxyz"), unique=True, max_size=3)):
                mine = (
                    draw(st.lists(st.sampled_from(free), unique=True, max_size=2)) if free else []
                )
                free = [v for v in free if v not in mine]
                # One value there is at least, or none because it was revoked.
                is_revoked = draw(st.booleans())
                absent = mine if is_revoked else [v for v in mine[1:] if draw(st.booleans())]
                spelled = [draw(st.sampled_from((v, v.lower()))) for v in mine]
                gone = [s for s, v in zip(spelled, mine, strict=True) if v in absent]
                name = draw(st.sampled_from((name, name.upper())))
                place = f"{environment}/{profile}"
                state = REVOKED if is_revoked else VersionState.CURRENT
                found.append(make_token(place, name, *spelled, absent=gone, state=state))
    return draw(st.permutations(found))


def expect(
    tokens: list[Token], environment: str, profile: str, isolated: bool
) -> dict[str, tuple[str, str]]:
    """The rules, said as slowly as possible: for every variable, who gives it."""
    given: dict[str, tuple[str, str]] = {}
    place = (environment.casefold(), profile.casefold())
    own = [t for t in tokens if t.key.folded()[:2] == place]
    for token in tokens:
        key = token.key.folded()
        if key.profile != profile.casefold():
            continue
        if key.environment != environment.casefold():
            if isolated or key.environment != "default":
                continue
            if any(t.key.folded().name == key.name for t in own):
                continue
            if {v.upper() for t in own for v in t.variables} & {v.upper() for v in token.variables}:
                continue
        for variable in token.variables:
            assert variable not in given
            given[variable] = (token.key.environment, token.key.name)
    return given


@given(
    token_sets(),
    st.sampled_from((*ENVIRONMENTS, "prod", "other")),
    st.sampled_from((*PROFILES, "work", "other")),
    st.booleans(),
)
def test_all_rules_together(
    tokens: list[Token], environment: str, profile: str, isolated: bool
) -> None:
    chosen = visible_tokens(tokens, environment=environment, profile=profile, isolated=isolated)
    plan = make_plan(chosen)
    found = {e.variable: (e.token.key.environment, e.token.key.name) for e in plan}
    assert found == expect(tokens, environment, profile, isolated)
    assert len(found) == len(plan)
    assert len({v.casefold() for v in found}) == len(found)
    for entry in plan:
        current = entry.token.current
        assert entry.field.name in current.fields or current.state is REVOKED
        assert entry.address.version == 2
        (only,) = make_plan(chosen, only=[entry.variable.swapcase()])
        assert only == entry
