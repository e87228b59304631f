"""Keys: version 7 in form, rising in order, whatever the clock does."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone

from app.domain.ids import new_id

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
