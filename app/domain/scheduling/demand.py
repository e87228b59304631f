"""What the coming weeks will ask of a clinic: sessions, chair time, drug."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import islice, takewhile
from typing import NamedTuple

from app.domain.scheduling.schedule import Plan, following

# House default: the injections take minutes, the visit a third of an hour.
CHAIR_MINUTES = 20
# The larger of the two vials there are (100 U and 200 U, product labelling), in hundredths.
VIAL_HUNDREDTHS = 20_000
# No session falls due more often than this within a year, whatever interval is set.
_MOST = 370


class Expected(NamedTuple):
    """One session that a course is expected to need."""

    on: date
    booked: bool


def expected(
    *,
    today: date,
    since: date,
    until: date,
    due_on: date | None,
    booked_on: date | None,
    plan: Plan,
) -> list[Expected]:
    """Return a course's sessions from `since` to before `until`.

    The first is at its booking, else when due, today when it is overdue; each further one when
    the one before, given on its day, makes it due.
    """
    first = booked_on or due_on
    if first is None:
        return []
    first = max(first, today)
    found = [Expected(first, booked_on is not None)]
    later = islice(following(first, plan), _MOST)
    found += [Expected(on, False) for on in takewhile(lambda on: on < until, later)]
    return [session for session in found if since <= session.on < until]


def fewest_vials(hundredths: int) -> int:
    """Return the smallest number of vials that hold a dose."""
    return -(-hundredths // VIAL_HUNDREDTHS)


def week_of(day: date, since: date) -> date:
    """Return the first day of the week that a day lies in, weeks counted from `since`."""
    return day - timedelta((day - since).days % 7)
