"""Stories of a treatment cycle over REST."""

import pytest

from tests.support.clinic import Clinic


def test_from_the_first_patient_to_who_is_due(clinic: Clinic) -> None:
    patient = clinic.a_patient(mrn="A-1", family_name="Garcia", given_name="Ana")
    course = clinic.a_course(patient_id=patient["id"], planned_start_on="2026-01-05")
    assert clinic.schedule(course["id"])["status"] == "not_started"

    given = clinic.a_session(course["id"], "2026-01-05")
    assert given["units_administered"] == 155
    assert len(given["injections"]) == 31
    assert given["cycle"] == 1
    assert given["findings"] == []
    assert given["schedule"]["due_on"] == "2026-03-30"

    schedule = clinic.schedule(course["id"])
    assert schedule["status"] == "due_soon"
    assert (schedule["due_soon_from"], schedule["overdue_from"], schedule["lapsed_from"]) == (
        "2026-03-16",
        "2026-04-06",
        "2026-06-22",
    )
    decisive = next(r for r in schedule["reasons"] if r["date"] == "due_on" and r["decisive"])
    assert decisive["text"] == "84 days after the session given on 2026-01-05 (cycle 1)"
    assert decisive["source"] == {"type": "session", "id": given["id"]}

    [row] = clinic.get("/worklist")["items"]
    assert row["patient"]["mrn"] == "A-1"
    assert row["status"] == "due_soon"
    assert row["booking"]["state"] == "unbooked"
    assert row["next_action"]["code"] == "book"
    assert row["decisive_reason"]["text"] == decisive["text"]


@pytest.mark.parametrize(
    ("verb", "body", "state"),
    [
        ("cancel", {"by": "patient"}, "missed"),
        ("cancel", {"by": "clinic"}, "unbooked"),
    ],
)
def test_a_cancelled_booking_puts_the_patient_back(
    clinic: Clinic, verb: str, body: dict[str, str], state: str
) -> None:
    course = clinic.a_course("2026-01-05")
    booked = clinic.a_booking(course["id"], "2026-03-30T09:20:00-04:00")
    assert booked["schedule"]["booking"]["state"] == "booked"
    assert booked["starts_at"] == "2026-03-30T13:20:00Z"
    ended = clinic.post(f"/sessions/{booked['id']}/{verb}", body)
    assert ended["schedule"]["booking"]["state"] == state
