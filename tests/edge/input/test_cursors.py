"""Cursors: what goes in comes out, for the same list, practice, filters and date only."""

from __future__ import annotations

from base64 import urlsafe_b64decode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import BadCursor
from app.edge.input.cursors import Cursor, Value, decode, encode, link_header

KEY = bytes(range(32))
PINNED = {"status": "overdue", "q": "smith", "location_id": None}
POSITION = ("2026-03-30", "018f2f64-5c3a-7b1e-9d2f-0123456789ab")
CURSOR = encode(KEY, POSITION, PINNED, listing="worklist", on="2026-03-20")
# Of the same position, made before cursors were encrypted with AES-SIV.
OLD_CURSOR = (
    "5Acr8zy_FNmQAqDCetTEJ5EHU6AlVimw8bpPzdSt2jkENPA3T_mvFHpgRCslCBiCnI3QihzZkdhkmLDF37skjrOA8HAV"
    "7VZXnOyR0ThWM9_ErQ"
)

values = st.none() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=100)


@given(st.lists(values, max_size=4).map(tuple), st.binary(min_size=16, max_size=64))
def test_round_trip(position: tuple[Value, ...], key: bytes) -> None:
    cursor = encode(key, position, {"a": "b"}, listing="x")
    assert decode(key, cursor, {"a": "b"}, listing="x") == Cursor(position, None)
    assert cursor.isascii()
    assert all(letter.isalnum() or letter in "-_" for letter in cursor)


def test_the_date_is_pinned() -> None:
    expected = Cursor(POSITION, "2026-03-20")
    assert decode(KEY, CURSOR, PINNED, listing="worklist") == expected
    assert decode(KEY, CURSOR, PINNED, listing="worklist", on="2026-03-20") == expected


def test_a_filter_that_is_absent_equals_none() -> None:
    less = {"q": "smith", "status": "overdue"}
    assert decode(KEY, CURSOR, less, listing="worklist").position == POSITION


def test_nothing_of_the_row_can_be_read() -> None:
    sealed = urlsafe_b64decode(CURSOR + "==")
    assert b"2026" not in sealed
    assert b"018f" not in sealed


@pytest.mark.parametrize(
    "changed",
    [
        {"key": bytes(32)},
        {"cursor": ""},
        {"cursor": "x"},
        {"cursor": "A" * 21},
        {"cursor": "A" * 5000},
        {"cursor": "é" * 40},
        {"cursor": "A" * 40 + "\n"},
        {"cursor": "!" * 40},
        {"cursor": CURSOR + "AAAA"},
        {"cursor": CURSOR[:-4]},
        {"cursor": OLD_CURSOR},
        {"pinned": {}},
        {"pinned": {**PINNED, "status": "due"}},
        {"pinned": {**PINNED, "location_id": "x"}},
        {"pinned": {"status": "smith", "q": "overdue"}},
        {"listing": "patients"},
        {"on": "2026-03-21"},
    ],
    ids=lambda changed: str(changed)[:40],
)
def test_anything_else_is_refused(changed: dict[str, Any]) -> None:
    given_: dict[str, Any] = {
        "key": KEY, "cursor": CURSOR, "pinned": PINNED, "listing": "worklist", **changed,
    }  # fmt: skip
    with pytest.raises(BadCursor):
        decode(**given_)


@pytest.mark.parametrize("place", range(len(CURSOR) - 1))
def test_no_letter_can_be_changed(place: int) -> None:
    other = "A" if CURSOR[place] != "A" else "B"
    with pytest.raises(BadCursor):
        decode(KEY, CURSOR[:place] + other + CURSOR[place + 1 :], PINNED, listing="worklist")


@given(st.text(max_size=200))
def test_nothing_but_the_refusal_is_raised(cursor: str) -> None:
    with pytest.raises(BadCursor):
        decode(KEY, cursor, {}, listing="worklist")


def test_a_cursor_of_before_has_the_form_of_one() -> None:
    """So it is its encryption that is refused, not its length or its letters."""
    assert len(urlsafe_b64decode(OLD_CURSOR + "==")) == len(urlsafe_b64decode(CURSOR + "=="))


def test_link() -> None:
    link = link_header("/v1/worklist", {"q": "a&b é", "cursor": "old"}, "new")
    assert link == '</v1/worklist?q=a%26b+%C3%A9&cursor=new>; rel="next"'
