"""How many SQL statements an answer takes, its audit row included; callers are known by then."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.services.audit import audit
from tests.support.clinic import Clinic
from tests.support.statements import counted

FULL = {"plan": "as_protocol"}
_READS: list[tuple[str, int]] = [
    ("/worklist", 3),
    ("/worklist?limit=2&status=due_soon", 3),
    ("/worklist?q=example&booking=unbooked&due_to=2026-12-31", 3),
    ("/worklist?action=book", 3),
    ("/worklist?flag=booked_late", 3),
    ("/worklist/summary", 4),
    ("/sessions", 5),
    ("/patients", 4),
    ("/locations", 4),
    ("/staff", 4),
    ("/keys", 3),
    ("/demand", 3),
    ("/audit-events", 3),
    ("/audit-events?from=2026-03-20&to=2026-03-20&outcome=shown&break_glass=false", 3),
    ("/patients/{patient}/disclosures", 4),
    ("/patients/{patient}", 3),
    ("/patients/{patient}/courses", 4),
    ("/courses/{course}", 3),
    ("/courses/{course}/schedule", 2),
    ("/courses/{course}/projection", 2),
    ("/courses/{course}/sessions", 6),
    ("/courses/{course}/outside-sessions", 3),
    ("/sessions/{session}", 2),
]


def fill(clinic: Clinic, courses: int) -> dict[str, str]:
    for _ in range(courses):
        clinic.a_location()
        clinic.key_for("front_desk")
        course = clinic.a_course("2025-10-13", "2026-01-05")
        booked = clinic.a_booking(course["id"], "2026-04-20T09:00:00-04:00")
    return {"patient": course["patient_id"], "course": course["id"], "session": booked["id"]}


def test_reads_do_not_grow_with_their_rows(clinic: Clinic) -> None:
    for _ in range(2):
        ids = fill(clinic, 3)
        for path, most in _READS:
            with counted(clinic.database) as sent:
                clinic.get(path.format(**ids))
            assert len(sent) <= most, (path, sent)


def test_a_page_within_the_list_and_with_the_csv(clinic: Clinic) -> None:
    fill(clinic, 3)
    cursor = clinic.get("/worklist?limit=1")["next_cursor"]
    with counted(clinic.database) as sent:
        clinic.get(f"/worklist?limit=1&cursor={cursor}")
    assert len(sent) == 3
    with counted(clinic.database) as sent:
        clinic.table()
    assert len(sent) == 5  # the setting, the rows, names of places and of people, the audit row


def _booked(clinic: Clinic) -> str:
    course = clinic.a_course("2025-12-15")
    id: str = clinic.a_booking(course["id"], "2026-03-20T09:00:00-04:00")["id"]
    return id


def _new(clinic: Clinic) -> str:
    place, person = clinic.a_location()["id"], clinic.a_practitioner()["id"]
    course = clinic.a_course("2025-12-15")
    return f"{course['id']}/{place}/{person}"


def _record(clinic: Clinic, made: str) -> tuple[str, str, Any]:
    course, place, person = made.split("/")
    where = {"location_id": place, "practitioner_id": person}
    body = {"status": "given", "given_on": "2026-03-19", "chart": FULL, **where}
    return "POST", f"/courses/{course}/sessions", body


def _book(clinic: Clinic, made: str) -> tuple[str, str, Any]:
    course, place, person = made.split("/")
    where = {"location_id": place, "practitioner_id": person}
    body = {"status": "booked", "starts_at": "2026-03-30T09:00:00-04:00", **where}
    return "POST", f"/courses/{course}/sessions", body


def _verb(verb: str, body: Any = None) -> Callable[[Clinic, str], tuple[str, str, Any]]:
    def ask(clinic: Clinic, made: str) -> tuple[str, str, Any]:
        return "POST", f"/sessions/{made}/{verb}", body

    return ask


def _of_course(verb: str, body: Any) -> Callable[[Clinic, str], tuple[str, str, Any]]:
    def ask(clinic: Clinic, made: str) -> tuple[str, str, Any]:
        return "POST", f"/courses/{made.split('/')[0]}/{verb}", body

    return ask


_WRITES = {
    "record": (_new, _record, 4),
    "book": (_new, _book, 4),
    "give": (_booked, _verb("give", {"chart": FULL}), 4),
    "cancel": (_booked, _verb("cancel", {"by": "patient"}), 4),
    "no-show": (_booked, _verb("no-show"), 4),
    "confirm": (_booked, _verb("confirm"), 4),
    "reschedule": (_booked, _verb("reschedule", {"starts_at": "2026-03-31T09:00:00-04:00"}), 4),
    "give as last": (_booked, _verb("give", {"chart": {"plan": "as_last"}}), 5),
    "hold": (
        _new,
        _of_course("hold", {"from": "2026-03-20", "until": "2026-03-31", "reason": "travels"}),
        5,
    ),
    "stop": (_new, _of_course("stop", {"outcome": "stopped"}), 4),
    "outside": (_new, _of_course("outside-sessions", {"given_on": "2026-03-01"}), 4),
}


@pytest.mark.parametrize("name", _WRITES)
@pytest.mark.parametrize("with_key", [False, True], ids=["alone", "with a key for retries"])
def test_a_session_write_is_a_handful(clinic: Clinic, name: str, with_key: bool) -> None:
    make, ask, most = _WRITES[name]
    method, path, body = ask(clinic, make(clinic))
    headers = {"idempotency_key": "k-1"} if with_key else {}
    with counted(clinic.database) as sent:
        assert clinic.call(method, path, body, **headers).status_code < 300
    # Claiming the key and keeping the answer with it are one statement each.
    assert len(sent) == most + 2 * with_key, sent
    assert name in ("hold", "give as last") or len(sent) <= 6


def test_a_replay_is_claim_answer_patient_and_audit_row(clinic: Clinic) -> None:
    method, path, body = _record(clinic, _new(clinic))
    first = clinic.call(method, path, body, idempotency_key="k-1")
    with counted(clinic.database) as sent:
        again = clinic.call(method, path, body, idempotency_key="k-1")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.content == first.content
    assert len(sent) == 4


def test_a_page_of_fifty_patients_takes_one_statement_of_audit(clinic: Clinic) -> None:
    for _ in range(50):
        clinic.a_course()
    with counted(clinic.database) as sent:
        assert len(clinic.get("/worklist?limit=50")["items"]) == 50
    assert [text.split("(")[0].strip() for text in sent if "audit_event" in text] == [
        "INSERT INTO audit_event"
    ]
    assert len(audit.unpacked(clinic.audit()[-1]["patients"])) == 50


def test_a_write_does_not_grow_with_the_history(clinic: Clinic) -> None:
    course = clinic.a_course(*(f"20{year}-01-05" for year in range(10, 26)))
    clinic.clock.now = clinic.clock.now.replace(year=2027)
    with counted(clinic.database) as sent:
        clinic.a_session(course["id"], "2026-03-01")
    assert len(sent) == 4
