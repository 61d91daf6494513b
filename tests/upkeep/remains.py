"""What a rotation or a revocation that was killed has left: it is looked at, and gone on with."""

from __future__ import annotations

import shutil

from credman.core.model import VersionState
from tests.upkeep.kills import Place
from tests.upkeep.stub_answers import Issued


def check_rotation(place: Place) -> str:
    """Looks at what a killed rotation left, and goes on with it both ways.

    Returns:
        What was found, and what became of it.
    """
    token, values = place.read()
    asked, begun = place.rotations(), token.rotation
    made = place.old.successor
    assert asked <= 1 and place.provider.count(place.name, "revoke") == 0
    is_rotated = token.current.number == 2
    if asked:  # nothing was asked before it was stored that it will be
        assert begun is not None or is_rotated
    listed = place.credman("list")
    assert listed.exit_code == 0
    assert ("is not finished" in listed.stderr) == (begun is not None)
    assert values[1] and list(values[1].values()) == [place.old.token]
    if begun is None:
        assert place.credman("rotate", place.name, "--resume").exit_code == 7
        outcome = "nothing begun"
        if is_rotated:
            check_rotated(place, made)
            outcome = "done"
    else:
        _give_up(place, begun.stage.value)
        resumed = place.credman("rotate", place.name, "--resume")
        if begun.stage.value == "asking":
            assert resumed.exit_code == 1 and "the old one may be dead" in resumed.stderr
            assert place.rotations() == asked
            given_up = place.credman("rotate", place.name, "--abort")
            assert given_up.exit_code == 0, given_up.stderr
            assert place.read()[0].current.number == 1
            outcome = "asking: resume says that the old one may be dead, abort ends it"
        else:
            assert resumed.exit_code == 0, resumed.stderr
            check_rotated(place, made)
            outcome = f"{begun.stage.value}: resume makes the new one current"
    assert place.read()[0].rotation is None
    assert place.rotations() == asked, "it was asked again"
    assert place.provider.reused == [] and place.provider.misfits == []
    return outcome


def check_rotated(place: Place, made: Issued | None) -> None:
    token, values = place.read()
    assert made is not None and made.is_live
    assert token.current.state is VersionState.CURRENT
    assert list(values[token.current.number].values()) == [made.token]
    assert place.credman("get", place.name).stdout.decode() == made.token


def _give_up(place: Place, stage: str) -> None:
    copy = place.fork()
    given_up = place.credman("rotate", place.name, "--abort", "--yes", home=copy)
    assert given_up.exit_code == 0, given_up.stderr
    token, values = place.read(copy)
    assert token.rotation is None and token.current.number == 1
    assert list(values[1].values()) == [place.old.token]
    if stage in ("staged", "verified"):  # a value that is live somewhere is not forgotten
        made = place.old.successor
        assert made is not None and list(values[2].values()) == [made.token]
    shutil.rmtree(copy)


def check_revocation(place: Place) -> str:
    """As ``check_rotation``."""
    token, values = place.read()
    assert place.new is not None and place.new.is_live
    assert list(values[2].values()) == [place.new.token]
    is_dropped = values[1] == {}
    if is_dropped:
        assert not place.old.is_live and token.versions[0].state is VersionState.REVOKED
    was_live = place.old.is_live
    # Where only a variable says where it was dead, a person says that it is meant.
    again = place.credman("revoke", place.name, *([] if was_live else ["--yes"]))
    if is_dropped:
        assert again.exit_code == 2 and "no old version" in again.stderr
        return "dead and dropped"
    assert again.exit_code == 0, again.stderr
    token, values = place.read()
    assert not place.old.is_live and values[1] == {} and token.current.number == 2
    assert list(values[2].values()) == [place.new.token]
    return f"{'live' if was_live else 'dead'}, its value is kept: the same command ends it"
