"""E18: what ``credman export`` writes is parsed back, by the parsers that will read it."""

from __future__ import annotations

from pathlib import Path

import pytest

from credman.output.formats import Format
from tests.matrix.common import CANARY, call, start
from tests.matrix.sealed import plant_values
from tests.output.corpus import ALL_VALUES
from tests.output.evaluation import name_values
from tests.output.test_formats import READERS, must_be_refused


@pytest.mark.parametrize("form", Format, ids=str)
def test_e18_an_export_is_read_back_equal_or_refused(form: Format, tmp_path: Path) -> None:
    refused = {value for value in ALL_VALUES if must_be_refused(form, value)}
    held = name_values([value for value in ALL_VALUES if value not in refused])
    assert len(held) > 150
    plant_values(held)
    done = start("export", "--format", form, may_print=True)
    assert done.returncode == 0, done.stderr
    for read in READERS[form]:
        assert read(done.stdout) == held
    if refused:
        plant_values({"CANARY": CANARY.encode(), **name_values(sorted(refused, key=len)[:1])})
        path = tmp_path / "exported"
        for where in ([], ["-o", str(path)]):  # all or nothing
            outcome = call("export", "--format", form, *where)
            assert (outcome.exit_code, outcome.stdout) == (7, b"")
        assert not path.exists()
