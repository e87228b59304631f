"""Calendar arithmetic and local days."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, tzinfo

import pytest

from app.domain.dates import (
    FIRST_DAY,
    LAST_DAY,
    Interval,
    Unit,
    add_months,
    day_begins,
    local_day,
    zone,
)
from tests.support.builders import day


@pytest.mark.parametrize(
    ("given_on", "next_on"),
    [
        pytest.param("2023-12-07", "2024-02-29", id="onto the leap day"),
        pytest.param("2024-02-29", "2024-05-23", id="from the leap day"),
        pytest.param("2027-12-08", "2028-03-01", id="over a leap day"),
        pytest.param("2028-12-07", "2029-03-01", id="no leap day to land on"),
        pytest.param("2026-12-31", "2027-03-25", id="over the end of the year"),
        pytest.param("2026-01-05", "2026-03-30", id="over the European clock change"),
        pytest.param("2026-03-01", "2026-05-24", id="over the American clock change"),
    ],
)
def test_84_days(given_on: str, next_on: str) -> None:
    assert Interval(84, "day").after(day(given_on)) == day(next_on)
    assert Interval(12, "week").after(day(given_on)) == day(next_on)


@pytest.mark.parametrize(
    ("value", "unit", "after", "text"),
    [
        (1, "day", "2026-01-06", "1 day"),
        (84, "day", "2026-03-30", "84 days"),
        (1, "week", "2026-01-12", "1 week"),
        (12, "week", "2026-03-30", "12 weeks"),
        (1, "month", "2026-02-05", "1 month"),
        (3, "month", "2026-04-05", "3 months"),
    ],
)
def test_an_interval_keeps_its_unit(value: int, unit: Unit, after: str, text: str) -> None:
    interval = Interval(value, unit)
    assert interval.after(day("2026-01-05")) == day(after)
    assert interval.text() == text


@pytest.mark.parametrize(
    ("start", "months", "expected"),
    [
        pytest.param("2026-01-05", 3, "2026-04-05", id="same day number"),
        pytest.param("2026-03-31", 6, "2026-10-01", id="30 September has no 31st: 1 October"),
        pytest.param("2026-11-30", 3, "2027-03-01", id="no 30 February: 1 March"),
        pytest.param("2027-11-29", 3, "2028-02-29", id="29 February in a leap year"),
        pytest.param("2026-11-29", 3, "2027-03-01", id="29 February in another year: 1 March"),
        pytest.param("2024-02-29", 12, "2025-03-01", id="a year after the leap day"),
        pytest.param("2024-02-29", 48, "2028-02-29", id="four years after the leap day"),
        pytest.param("2026-10-31", 1, "2026-12-01", id="no 31 November: 1 December"),
        pytest.param("2026-12-31", 12, "2027-12-31", id="December to December"),
        pytest.param("2026-12-15", 1, "2027-01-15", id="into the next year"),
        pytest.param("2026-08-31", 0, "2026-08-31", id="no month at all"),
    ],
)
def test_a_day_that_does_not_exist_becomes_the_first_after_it(
    start: str, months: int, expected: str
) -> None:
    assert add_months(day(start), months) == day(expected)


def test_three_months_are_89_to_92_days_and_never_84() -> None:
    starts = [day("2023-01-01") + timedelta(n) for n in range(1461)]
    lengths = {(add_months(start, 3) - start).days for start in starts}
    assert lengths == {89, 90, 91, 92}


@pytest.mark.parametrize(
    ("instant", "zone_name", "expected"),
    [
        pytest.param(
            "2026-01-06T00:30:00+00:00", "America/New_York", "2026-01-05", id="evening in New York"
        ),
        pytest.param(
            "2026-01-05T13:00:00+00:00", "Pacific/Kiritimati", "2026-01-06", id="14 hours ahead"
        ),
        pytest.param(
            "2026-01-05T09:59:59+00:00", "Pacific/Kiritimati", "2026-01-05", id="its last second"
        ),
        pytest.param(
            "2026-01-05T10:00:00+00:00", "Pacific/Kiritimati", "2026-01-06", id="its midnight"
        ),
        pytest.param(
            "2026-01-05T16:00:00-05:00", "America/New_York", "2026-01-05", id="local offset given"
        ),
        pytest.param(
            "2026-01-06T05:30:00+09:00", "America/New_York", "2026-01-05", id="another's offset"
        ),
        pytest.param(
            "2026-03-08T06:59:00+00:00", "America/New_York", "2026-03-08", id="before clock change"
        ),
        pytest.param(
            "2026-03-09T03:59:59+00:00", "America/New_York", "2026-03-08", id="the 23-hour day ends"
        ),
        pytest.param(
            "2026-03-09T04:00:00+00:00", "America/New_York", "2026-03-09", id="and the next begins"
        ),
        pytest.param(
            "2026-11-02T04:59:59+00:00", "America/New_York", "2026-11-01", id="the 25-hour day ends"
        ),
        pytest.param(
            "2026-04-04T13:15:00+00:00", "Australia/Lord_Howe", "2026-04-05", id="half-hour change"
        ),
        pytest.param(
            "2026-01-05T18:30:00+00:00", "Asia/Kolkata", "2026-01-06", id="half-hour offset"
        ),
        pytest.param(
            "2026-01-05T23:59:59.999999+00:00", "UTC", "2026-01-05", id="last microsecond"
        ),
    ],
)
def test_the_day_where_it_happened(instant: str, zone_name: str, expected: str) -> None:
    assert local_day(datetime.fromisoformat(instant), zone_name) == day(expected)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param(
            "2026-01-05T16:00:00-05:00", "2026-03-30T08:00:00-04:00", id="afternoon, then morning"
        ),
        pytest.param(
            "2026-03-01T09:00:00-05:00", "2026-05-24T09:00:00-04:00", id="clock change between"
        ),
        pytest.param(
            "2026-01-05T23:59:00-05:00", "2026-03-30T00:01:00-04:00", id="two minutes over 83 days"
        ),
    ],
)
def test_days_between_are_calendar_days_not_hours(first: str, second: str) -> None:
    days = [local_day(datetime.fromisoformat(at), "America/New_York") for at in (first, second)]
    assert (days[1] - days[0]).days == 84


class NoOffset(tzinfo):
    """A time zone in name only: it knows no offset, so its times are naive."""

    def utcoffset(self, at: datetime | None) -> None:
        return None

    def dst(self, at: datetime | None) -> None:
        return None

    def tzname(self, at: datetime | None) -> None:
        return None


@pytest.mark.parametrize("tz", [None, NoOffset()], ids=["no zone", "zone without offset"])
def test_a_naive_instant_is_refused(tz: tzinfo | None) -> None:
    with pytest.raises(ValueError, match="offset"):
        local_day(datetime(2026, 1, 5, 9, 30, tzinfo=tz), "America/New_York")


@pytest.mark.parametrize(
    "name",
    ["", "Nowhere/Town", "America", "../etc/passwd", "/etc/passwd", "a\0b", "x" * 5000, "\ud800"],
    ids=[
        "empty",
        "unknown",
        "a folder",
        "climbs",
        "absolute",
        "null byte",
        "too long",
        "surrogate",
    ],
)
def test_a_name_that_is_no_zone(name: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        zone(name)


@pytest.fixture(
    params=["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Australia/Lord_Howe"]
)
def _machine_zone(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", request.param)
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("_machine_zone")
def test_the_zone_of_the_machine_changes_nothing() -> None:
    late = datetime(2026, 1, 6, 0, 30, tzinfo=UTC)
    assert local_day(late, "America/New_York") == date(2026, 1, 5)
    assert local_day(late, "Pacific/Kiritimati") == date(2026, 1, 6)


@pytest.mark.parametrize(
    ("on", "zone_name", "begins"),
    [
        pytest.param("2026-01-05", "UTC", "2026-01-05T00:00:00+00:00", id="in UTC itself"),
        pytest.param("2026-01-05", "America/New_York", "2026-01-05T05:00:00+00:00", id="west"),
        pytest.param("2026-07-05", "America/New_York", "2026-07-05T04:00:00+00:00", id="summer"),
        pytest.param("2026-01-05", "Pacific/Kiritimati", "2026-01-04T10:00:00+00:00", id="east"),
        pytest.param("2026-03-29", "Europe/Berlin", "2026-03-28T23:00:00+00:00", id="clock change"),
    ],
)
def test_when_a_day_begins(on: str, zone_name: str, begins: str) -> None:
    instant = day_begins(day(on), zone_name)
    assert instant.isoformat() == begins
    assert local_day(instant, zone_name) == day(on)
    assert local_day(instant - timedelta(microseconds=1), zone_name) == day(on) - timedelta(1)


def test_the_calendar_reaches_from_1900_to_2200() -> None:
    assert (str(FIRST_DAY), str(LAST_DAY)) == ("1900-01-01", "2200-12-31")
