"""A field that is a file, in the document: a key that is written only where it says something."""

from __future__ import annotations

from typing import Any

import pytest

from credman.core.model import Field
from credman.vault.records import Record
from credman.vault.tokens import read_token, token_to_json
from tests.vault.factories import make_full_document


def make_record(**changes: Any) -> dict[str, Any]:
    """Returns: a token's record, its first field changed."""
    contents = make_full_document().contents
    record: Any = token_to_json(contents.tokens[0], contents.values)
    record["fields"][0] |= changes
    return dict(record)


def read_fields(record: dict[str, Any]) -> tuple[Field, ...]:
    return read_token(Record(record), {}).fields


def test_absent_means_no_file_and_is_not_written() -> None:
    record = make_record()
    assert all("file" not in field for field in record["fields"])
    assert not any(field.is_file for field in read_fields(record))


def test_a_file_is_read_and_written_again_beside_what_is_unknown() -> None:
    record = make_record(file=True)
    values: dict[Any, Any] = {}
    token = read_token(Record(record), values)
    assert [field.is_file for field in token.fields] == [True, False]
    assert "file" not in token.fields[0].extra and "newer" in token.fields[0].extra
    assert token_to_json(token, values) == make_record(file=True)


@pytest.mark.parametrize("value", [False, None, 1, 0, "true", [], {}])
def test_any_other_value_is_damage(value: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        read_fields(make_record(file=value))
