"""Calendar arithmetic: intervals, and which calendar day an instant belongs to."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

FIRST_DAY = date(1900, 1, 1)
LAST_DAY = date(2200, 12, 31)

Unit = Literal["day", "week", "month"]


class Interval(NamedTuple):
    """A length of time as it was written down: 12 weeks stay 12 weeks, never "3 months"."""

    value: int
    unit: Unit

    def after(self, day: date) -> date:
        """Return the day this interval after `day`."""
        if self.unit == "month":
            return add_months(day, self.value)
        return day + timedelta(self.value * 7 if self.unit == "week" else self.value)

    def text(self) -> str:
        """Return it as people say it: "84 days", "1 month"."""
        return f"{self.value} {self.unit}{'' if self.value == 1 else 's'}"


def add_months(day: date, months: int) -> date:
    """Return the same day number `months` later; one that does not exist is the 1st after it.

    The roll-forward rule of the CDC's immunisation logic (CDSi, CALCDT-5): 31 March and six
    months is 1 October, where clamping would give 30 September.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    try:
        return date(year, month + 1, day.day)
    except ValueError:
        year, month = divmod(year * 12 + month + 1, 12)
        return date(year, month + 1, 1)


@lru_cache(maxsize=1024)
def zone(name: str) -> ZoneInfo:
    """Return the IANA time zone of that name; `KeyError` or `ValueError` when there is none."""
    try:
        return ZoneInfo(name)
    except OSError as error:  # a folder of zones ("America"), or too long for a file name
        raise ValueError("no time zone of that name") from error


def local_day(at: datetime, zone_name: str) -> date:
    """Return the calendar date of the instant `at` in that time zone; a naive one is refused."""
    if at.utcoffset() is None:
        raise ValueError("an instant needs its offset")
    return at.astimezone(zone(zone_name)).date()


def day_begins(day: date, zone_name: str) -> datetime:
    """Return the instant, in UTC, at which the day begins in that time zone."""
    return datetime.combine(day, time(), zone(zone_name)).astimezone(UTC)
