"""What is copied from one store to another, what stands in the way, and what did not arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import pytest

from credman.core.errors import DeniedVariable, Refused
from credman.core.model import Address, Contents, Environment, Token
from credman.core.secret import Secret
from credman.stores.changes import PutEnvironment, PutToken, apply_changes
from credman.stores.moving import find_losses, plan_moving, values_of
from credman.stores.testing import make_token
from tests.vault.factories import make_contents, make_full_document

FULL = make_full_document().contents


def hold(*tokens: Token, value: str = "EXAMPLE", environments: Iterable[str] = ()) -> Contents:
    """Returns: these tokens, each with this value; the environments are isolated."""
    return Contents(
        tuple(Environment(name, True) for name in environments),
        tokens,
        {
            Address(t.key, v.number, name): Secret(value)
            for t in tokens
            for v in t.versions
            for name in v.fields
        },
    )


class TestPlan:
    def test_an_empty_target_gets_everything(self) -> None:
        plan = plan_moving(FULL, Contents())
        assert plan.changes == (
            *(PutEnvironment(e) for e in FULL.environments),
            *(PutToken(t, values_of(t, FULL), is_moved=True) for t in FULL.tokens),
        )
        assert (plan.copied, plan.same, plan.others) == (1, 0, 0)

    def test_what_was_stored_when_fewer_variables_were_refused_goes_too(self) -> None:
        token = make_token("api")
        token = replace(token, fields=(replace(token.fields[0], variables=("LD_PRELOAD",)),))
        here = hold(token)
        assert apply_changes(Contents(), plan_moving(here, Contents()).changes) == here
        with pytest.raises(DeniedVariable):
            apply_changes(Contents(), [PutToken(token, here.values)])

    def test_what_is_there_already_is_left_alone(self) -> None:
        other = make_contents({"OTHER": b"EXAMPLE"})
        there = Contents(
            FULL.environments, (*FULL.tokens, *other.tokens), {**FULL.values, **other.values}
        )
        plan = plan_moving(FULL, there)
        assert plan.changes == ()
        assert (plan.copied, plan.same, plan.others) == (0, 1, 1)

    @pytest.mark.parametrize(
        "change",
        [
            lambda t: replace(t, note="another"),
            lambda t: replace(t, unsure=not t.unsure),
            lambda t: replace(t, provider=None),
            lambda t: replace(t, extra={}),
            lambda t: replace(t, key=t.key._replace(name=t.key.name.upper())),
            lambda t: replace(t, versions=t.versions[1:]),
            lambda t: replace(t, schedule=replace(t.schedule, extra={})),
            lambda t: replace(t, fields=(t.fields[0], replace(t.fields[1], secret=False))),
        ],
    )
    def test_a_token_that_differs_in_anything_is_refused(
        self, change: Callable[[Token], Token]
    ) -> None:
        token = change(FULL.tokens[0])
        there = replace(hold(token), environments=FULL.environments)
        with pytest.raises(Refused, match=r"the same name differs: example \(prod, work\)$"):
            plan_moving(FULL, there)

    def test_another_value_of_an_old_version_is_a_difference(self) -> None:
        oldest = next(a for a in FULL.values if a.version == 1)
        there = replace(FULL, values={**FULL.values, oldest: Secret("another")})
        with pytest.raises(Refused, match="differs"):
            plan_moving(FULL, there)
        assert find_losses(FULL, there) == ["example (prod, work)"]

    def test_a_variable_that_is_taken_there_is_refused(self) -> None:
        here = hold(make_token("api-key"), make_token("free"))
        there = hold(make_token("api_key"))
        with pytest.raises(Refused, match=r"gives its variable: api-key \(default\)$"):
            plan_moving(here, there)
        elsewhere = hold(make_token("api_key", environment="prod"))
        assert plan_moving(here, elsewhere).copied == 2
        elsewhere = hold(make_token("api_key", profile="work"))
        assert plan_moving(here, elsewhere).copied == 2

    @pytest.mark.parametrize("isolated", [("here",), ("there",)])
    def test_an_environment_that_inherits_on_one_side_only_is_refused(
        self, isolated: tuple[str, ...]
    ) -> None:
        here = hold(make_token("a", environment="prod"))
        there = hold(make_token("b", environment="Prod"))
        sides = {"here": here, "there": there}
        for side in isolated:
            sides[side] = replace(sides[side], environments=(Environment("prod", True),))
        with pytest.raises(Refused, match=r"inherits the base: environment prod$"):
            plan_moving(sides["here"], sides["there"])

    def test_an_isolated_environment_that_is_new_there_is_none_of_that(self) -> None:
        here = hold(make_token("a", environment="prod"), environments=("prod",))
        plan = plan_moving(here, hold(make_token("b")))
        assert PutEnvironment(Environment("prod", True)) in plan.changes

    def test_everything_that_stands_in_the_way_is_named(self) -> None:
        here = hold(
            make_token("a"), make_token("b"), make_token("x-y"), make_token("c", environment="dev")
        )
        there = hold(
            make_token("a"), make_token("b"), make_token("x_y"), make_token("d", environment="dev"),
            value="another", environments=("dev",),
        )  # fmt: skip
        with pytest.raises(Refused) as caught:
            plan_moving(here, there)
        message = caught.value.message
        assert "a (default), b (default)" in message and "x-y (default)" in message
        assert "environment dev" in message and "another," not in message

    def test_an_empty_source_is_in_nobodys_way(self) -> None:
        # Its tokens were moved, and the store they went to has changed since.
        here = Contents((Environment("prod", True),))
        assert plan_moving(here, hold(make_token("a", environment="prod"))).copied == 0


class TestLosses:
    def test_the_same_is_no_loss_and_more_is_none(self) -> None:
        assert find_losses(FULL, FULL) == []
        other = make_contents({"OTHER": b"EXAMPLE"})
        more = Contents(
            FULL.environments, (*other.tokens, *FULL.tokens), {**other.values, **FULL.values}
        )
        assert find_losses(FULL, more) == []

    def test_each_is_named(self) -> None:
        here = hold(make_token("a"), make_token("b", environment="dev"), environments=("dev",))
        assert find_losses(here, Contents()) == ["a (default)", "b (dev)", "environment dev"]
        wrong = replace(here, environments=(Environment("dev"),))
        assert find_losses(here, wrong) == ["environment dev"]
