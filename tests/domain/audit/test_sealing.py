"""What a seal covers: digests worked out apart from the code, and entries read back."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain.audit.sealing import (
    BEGINNING,
    ENTRY,
    entries_of,
    head,
    read_entries,
    row_digest,
    seal_digest,
)

FIRST = "01980000-0000-7000-8000-000000000001"
SECOND = "01980000-0000-7000-8000-0000000000ff"
AT = datetime(2026, 1, 5, 14, 30, tzinfo=UTC)
ROW = {
    "id": FIRST,
    "at": AT,
    "action": "patient.read",
    "number": 7,
    "name": "Núñez",
    "ids": b"\x00\xff",
    "changes": None,
}


def test_a_row_is_digested_from_one_fixed_text() -> None:
    """Keys in order, no blanks, ASCII alone, microseconds always: the same on any machine."""
    text = (
        '{"action":"patient.read","at":"2026-01-05T14:30:00.000000+00:00","changes":null,'
        f'"id":"{FIRST}","ids":"00ff","name":"N\\u00fa\\u00f1ez","number":7}}'
    )
    assert row_digest(ROW) == hashlib.sha256(text.encode("ascii")).digest()


@pytest.mark.parametrize(
    "same",
    [
        pytest.param({"at": AT.astimezone(timezone(timedelta(hours=-5)))}, id="the zone"),
        pytest.param({"ids": memoryview(b"\x00\xff")}, id="how a driver gives bytes"),
    ],
)
def test_how_a_database_says_it_does_not_matter(same: dict[str, object]) -> None:
    assert row_digest(ROW | same) == row_digest(ROW)
    assert row_digest(dict(reversed(list(ROW.items())))) == row_digest(ROW)


@pytest.mark.parametrize("name", sorted(ROW))
def test_whatever_changes_in_a_row_changes_its_digest(name: str) -> None:
    for other in ("x", 8, None if ROW[name] is not None else "y"):
        assert row_digest(ROW | {name: other}) != row_digest(ROW)
    assert row_digest({key: value for key, value in ROW.items() if key != name}) != row_digest(ROW)


def test_entries_hold_the_key_and_the_digest_of_each_row_in_order() -> None:
    rows = [ROW, ROW | {"id": SECOND}]
    entries = entries_of(rows)
    assert ENTRY == 48
    assert entries[:16].hex() == FIRST.replace("-", "")
    assert entries[16:48] == row_digest(rows[0])
    assert entries[48:64].hex() == SECOND.replace("-", "")
    assert entries[64:] == row_digest(rows[1])
    assert list(read_entries(entries)) == [
        (FIRST, row_digest(rows[0])),
        (SECOND, row_digest(rows[1])),
    ]
    assert (entries_of([]), list(read_entries(b""))) == (b"", [])


def test_a_seal_holds_the_one_before_it_whose_it_is_and_its_number() -> None:
    assert BEGINNING == b"\x00" * 32
    expected = hashlib.sha256(BEGINNING + b"practice-1 1 " + b"entries").digest()
    assert seal_digest(BEGINNING, "practice-1", 1, b"entries") == expected


def test_a_seal_is_noted_by_its_number_and_digest() -> None:
    assert head(12, b"\x0a" * 32) == "12:" + "0a" * 32
