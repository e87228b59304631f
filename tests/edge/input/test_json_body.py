"""Strict JSON against the standard reader, on what both should take and what only one takes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.edge.input.json_body import BadJson, parse

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(VALUES, st.booleans())
def test_what_json_can_say_comes_back(value: Any, ascii_only: bool) -> None:
    assert parse(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    try:
        value = parse(body)
    except BadJson:
        return
    json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@given(st.integers(1, 200), st.lists(st.booleans(), min_size=200, max_size=200))
def test_the_depth_is_counted_exactly(depth: int, kinds: list[bool]) -> None:
    opening = "".join('{"]}":' if kind else '["{[\\"", ' for kind in kinds[:depth])
    closing = "".join("}" if kind else "]" for kind in reversed(kinds[:depth]))
    body = (opening + "0" + closing).encode()
    if depth <= 64:
        parse(body)
    else:
        with pytest.raises(BadJson):
            parse(body)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 1_000_000,
        b"[]," * 300_000,
        b'"' + b'\\"' * 500_000,
        b'["\\' * 250_000,
        b"[" * 65 + b'"\\"' * 250_000,
        (b"[" * 60 + b"]" * 60 + b",") * 8000,
        b"1" * 1_000_000,
        b'{"a":1,' * 140_000,
    ],
    ids=lambda body: repr(body[:8]),
)
def test_a_mebibyte_of_malice_is_refused(body: bytes) -> None:
    with pytest.raises(BadJson):
        parse(body)


def test_the_refusal_says_where_and_not_what() -> None:
    with pytest.raises(BadJson) as caught:
        parse(b'{"name":\n "Jane Canary" "x"}')
    assert caught.value.detail == "Not JSON at line 2, column 16."
