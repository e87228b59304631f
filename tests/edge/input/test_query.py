"""Query strings read from their bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import Invalid
from app.edge.input.query import check_query

KNOWN = frozenset({"q", "limit", "hit6"})


@pytest.mark.parametrize(
    ("raw", "found"),
    [
        (b"", {}),
        (b"&", {}),
        (b"q=a", {"q": "a"}),
        (b"q=", {"q": ""}),
        (b"q", {"q": ""}),
        (b"q=Jos%C3%A9+Mar%C3%ADa", {"q": "José María"}),
        (b"q=a%26b%3Dc&limit=5", {"q": "a&b=c", "limit": "5"}),
        (b"q=a=b", {"q": "a=b"}),
        (b"q=a;limit=5", {"q": "a;limit=5"}),
        (b"%71=a", {"q": "a"}),
        (b"q=%", {"q": "%"}),
    ],
)
def test_what_is_read(raw: bytes, found: dict[str, str]) -> None:
    assert check_query(raw, KNOWN) == found


@pytest.mark.parametrize(
    ("raw", "pointer"),
    [
        (b"q=%00", "?q"),
        (b"q=a%0Ab", "?q"),
        (b"q=%ED%A0%80", "?"),
        (b"q=\xff", "?"),
        (b"q=1&%71=2", "?q"),
        (b"q=1&q=1", "?q"),
        (b"hit6=1&hit6=1", "?hit6"),
        (b"Limit=1", "?"),
        (b"ssn_123=1", "?"),
        (b"location=1", "?location"),
        (b"=1", "?"),
        (b"a=1&" * 60, "?"),
    ],
)
def test_what_is_refused(raw: bytes, pointer: str) -> None:
    with pytest.raises(Invalid) as caught:
        check_query(raw, KNOWN)
    assert [error[0] for error in caught.value.errors] == [pointer]


@given(st.binary(max_size=60))
def test_nothing_else_is_raised(raw: bytes) -> None:
    try:
        found = check_query(raw, KNOWN)
    except Invalid:
        return
    assert KNOWN.issuperset(found)
