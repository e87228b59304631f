"""A clinic with some sixty courses in every state there is, the same ones each time."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Any

from tests.support.clinic import Clinic

TODAY = date(2026, 3, 20)
_CHART = {"total_units": 155}


def a_mix(clinic: Clinic, courses: int = 60) -> dict[str, str]:
    """Fill the clinic; return the ids of two places and two people to filter by."""
    dice = Random(84)
    clinic.settings(early_booking="warn", lapsed_after_days=60)
    places = [clinic.a_location(name=name)["id"] for name in ("Main", "Harbor")]
    people = [clinic.a_practitioner(name=name)["id"] for name in ("Dr. Renner", "Dr. Silva")]
    clinic.post("/closures", {"from": "2026-03-28", "until": "2026-04-01"})
    clinic.post(
        "/closures", {"from": "2026-04-06", "until": "2026-04-10", "location_id": places[0]}
    )
    patient: Any = None
    for number in range(courses):
        if patient is None or number % 7:  # every seventh course is a second one
            patient = clinic.a_patient(family_name=dice.choice(("Garcia", "Ng", "O'Neill")))
        planned = {"planned_start_on": _day(dice, -60, 60)} if number % 5 == 0 else {}
        course = clinic.a_course(patient_id=patient["id"], **planned)
        for _ in range(dice.choice((0, 1, 1, 2)) if planned else dice.choice((0, 1, 1, 1, 2))):
            _given(clinic, dice, course["id"], dice.choice([*places, None]), dice.choice(people))
        for _ in range(dice.choice((0, 0, 1, 1, 2))):
            _booked(clinic, dice, course["id"], dice.choice([*places, None]), dice.choice(people))
        _paused_or_closed(clinic, dice, course["id"])
    return {"location_id": places[0], "practitioner_id": people[1]}


def _day(dice: Random, first: int, last: int) -> str:
    return (TODAY + timedelta(dice.randint(first, last))).isoformat()


def _given(clinic: Clinic, dice: Random, course_id: str, place: str | None, person: str) -> None:
    clinic.a_session(
        course_id,
        _day(dice, -180, -1),
        chart=_CHART,
        location_id=place,
        practitioner_id=person,
    )


def _booked(clinic: Clinic, dice: Random, course_id: str, place: str | None, person: str) -> None:
    starts = f"{_day(dice, -20, 40)}T{dice.randint(8, 17):02}:00:00-04:00"
    booked = clinic.a_booking(course_id, starts, location_id=place, practitioner_id=person)
    chance = dice.random()
    if chance < 0.2:
        clinic.verb(booked["id"], "cancel", {"by": dice.choice(("patient", "clinic"))})
    elif chance < 0.4 and booked["starts_at"] < "2026-03-20":
        clinic.verb(booked["id"], "no-show")
    elif chance < 0.6:
        clinic.verb(booked["id"], "confirm")


def _paused_or_closed(clinic: Clinic, dice: Random, course_id: str) -> None:
    chance = dice.random()
    if chance < 0.15:
        pause = {"from": _day(dice, -30, 10), "reason": "travels", "review_on": _day(dice, 0, 30)}
        if chance < 0.1:
            pause["until"] = _day(dice, 10, 60)
        clinic.post(f"/courses/{course_id}/hold", pause)
    elif chance < 0.25:
        clinic.post(f"/courses/{course_id}/stop", {"outcome": "stopped"})
