"""Whether a day may be booked, and what to say when it may not."""

from __future__ import annotations

import pytest

from app.domain.scheduling.booking import (
    Allowed,
    EarlyBooking,
    Guard,
    Policy,
    Refused,
    may_book,
)
from app.domain.scheduling.schedule import History, compute
from tests.support.builders import day, given, history, hold, plan

JAN = given("2026-01-05")  # the earliest day is 30 March
OPEN_ENDED = (hold("2026-03-01"),)
COVERED = (hold("2026-03-01", "2026-04-12"),)
EARLY, ON_TIME = "2026-03-29", "2026-03-30"


def asked(
    on: str,
    past: History | None = None,
    early: EarlyBooking = EarlyBooking.REASON_REQUIRED,
    *,
    by_ehr: bool = False,
    from_ehr: bool = False,
    deceased: bool = False,
    closed: bool = False,
    reason: str | None = None,
) -> Allowed | Refused:
    return may_book(
        day(on),
        compute(past or history(JAN), plan()),
        Policy(by_ehr, early),
        from_ehr=from_ehr,
        deceased=deceased,
        closed=closed,
        reason=reason,
    )


@pytest.mark.parametrize("mode", EarlyBooking)
@pytest.mark.parametrize("past", [history(JAN), history()], ids=["treated", "not yet"])
def test_from_the_earliest_day_on_every_practice_books(past: History, mode: EarlyBooking) -> None:
    assert asked(ON_TIME, past, mode) == Allowed()


@pytest.mark.parametrize(
    ("mode", "reason", "answer"),
    [
        pytest.param(EarlyBooking.WARN, None, Allowed(), id="only flagged"),
        pytest.param(
            EarlyBooking.REASON_REQUIRED,
            None,
            Refused(Guard.TOO_EARLY, "minimum_interval", day(ON_TIME), True),
            id="a reason is missing",
        ),
        pytest.param(EarlyBooking.REASON_REQUIRED, "travels", Allowed(), id="with its reason"),
        pytest.param(
            EarlyBooking.REFUSE,
            "travels",
            Refused(Guard.TOO_EARLY, "minimum_interval", day(ON_TIME), False),
            id="no reason helps",
        ),
    ],
)
def test_a_day_too_early(mode: EarlyBooking, reason: str | None, answer: Allowed | Refused) -> None:
    assert asked(EARLY, early=mode, reason=reason) == answer


def test_the_rule_is_the_one_that_set_the_earliest_day() -> None:
    held = asked("2026-04-12", history(JAN, holds=COVERED))
    assert held == Refused(Guard.TOO_EARLY, "hold", day("2026-04-13"), True)
    never = asked("2030-01-01", history(JAN, holds=OPEN_ENDED))
    assert never == Refused(Guard.TOO_EARLY, "hold", None, True)


def test_before_any_treatment_no_day_is_too_early() -> None:
    assert asked(EARLY, history(holds=OPEN_ENDED)) == Allowed()


def test_a_treatment_in_another_course_guards_this_one() -> None:
    past = history()._replace(others=[JAN])
    assert isinstance(asked(EARLY, past), Refused)
    assert asked(ON_TIME, past) == Allowed()


def test_what_stands_in_the_way_of_any_day() -> None:
    assert asked(ON_TIME, deceased=True) == Refused(Guard.PATIENT_DECEASED)
    assert asked(ON_TIME, closed=True) == Refused(Guard.COURSE_CLOSED)
    assert asked(ON_TIME, deceased=True, closed=True) == Refused(Guard.PATIENT_DECEASED)
    assert asked(EARLY, closed=True, early=EarlyBooking.WARN) == Refused(Guard.COURSE_CLOSED)


def test_where_the_ehr_owns_the_bookings_its_own_are_never_refused() -> None:
    assert asked(ON_TIME, by_ehr=True) == Refused(Guard.NOT_BOOKING_MASTER)
    for deceased, closed in ((True, False), (False, True), (False, False)):
        answer = asked(
            EARLY,
            by_ehr=True,
            from_ehr=True,
            early=EarlyBooking.REFUSE,
            deceased=deceased,
            closed=closed,
        )
        assert answer == Allowed()
    # Elsewhere an identifier is nothing but a name.
    assert asked(ON_TIME, from_ehr=True, closed=True) == Refused(Guard.COURSE_CLOSED)
