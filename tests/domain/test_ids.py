"""Keys: version 7 in form, rising in order, whatever the clock does."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

import pytest

from app.domain.ids import first_id, is_id, made_at, new_id, pack, unpack

# Later than the clock of any test run, so that no other key of this process comes between.
NOW = datetime(2150, 1, 5, 9, 30, tzinfo=UTC)


def test_it_is_a_uuid_of_version_7_in_lower_case() -> None:
    key = new_id(NOW)
    parsed = uuid.UUID(key)
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert key == str(parsed)
    assert len(key) == 36


def test_it_starts_with_the_millisecond() -> None:
    now = NOW + timedelta(hours=1)
    assert int(new_id(now).replace("-", "")[:12], 16) == int(now.timestamp() * 1000)


def test_an_instant_is_the_same_in_every_zone() -> None:
    now = NOW + timedelta(hours=2)
    there = now.astimezone(timezone(timedelta(hours=-5)))
    assert new_id(now)[:13] == new_id(there)[:13]


def test_keys_of_one_millisecond_rise_beyond_the_counter() -> None:
    keys = [new_id(NOW) for _ in range(10_000)]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)
    assert {uuid.UUID(key).version for key in keys} == {7}


def test_keys_rise_while_the_clock_steps_back() -> None:
    before = new_id(NOW + timedelta(days=1))
    after = new_id(NOW)
    assert before < after


def test_threads_never_share_a_key() -> None:
    with ThreadPoolExecutor(4) as pool:
        keys = list(pool.map(lambda _: new_id(NOW), range(4_000)))
    assert len(set(keys)) == len(keys)


ONE = "01980000-0000-7000-8000-00000000000a"
TWO = "fedcba98-7654-7210-9fed-cba987654321"


def test_keys_are_packed_one_after_the_other() -> None:
    packed = pack([ONE, TWO])
    assert packed.hex() == (ONE + TWO).replace("-", "")
    assert unpack(packed) == [ONE, TWO]
    assert (pack([]), unpack(b"")) == (b"", [])


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        pytest.param(ONE, True, id="a key"),
        pytest.param(TWO, True, id="another"),
        pytest.param(ONE.upper(), False, id="in capitals"),
        pytest.param(ONE.replace("-", ""), False, id="without dashes"),
        pytest.param(ONE[:-1], False, id="a digit short"),
        pytest.param(ONE + "0", False, id="a digit long"),
        pytest.param(f" {ONE}", False, id="a blank before it"),
        pytest.param(ONE + "\n", False, id="a line end after it"),
        pytest.param("", False, id="nothing"),
    ],
)
def test_what_is_written_as_a_key_is(text: str, fine: bool) -> None:
    assert is_id(text) is fine


def test_the_first_key_of_an_instant_lies_before_all_of_that_instant() -> None:
    at = datetime(2026, 1, 5, 14, 30, 0, 123_000, tzinfo=UTC)
    millisecond = int(at.timestamp() * 1000)
    assert first_id(at).replace("-", "") == f"{millisecond:012x}70008000000000000000"
    assert is_id(first_id(at))
    assert made_at(first_id(at)) == at
    assert first_id(at - timedelta(milliseconds=1)) < first_id(at)


def test_a_key_says_when_it_was_made_to_the_millisecond() -> None:
    at = NOW + timedelta(days=2, milliseconds=7, microseconds=900)
    assert made_at(new_id(at)) == at - timedelta(microseconds=900)
    assert first_id(at) <= new_id(at)
