"""Retries and races: what is sent twice happens once, what meets at once loses nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

from tests.support.clinic import Clinic

PERSON = {"mrn": "A-1", "family_name": "G", "given_name": "A", "birth_date": "1980-05-17"}


def at_once(clinic: Clinic, asked: list[tuple[str, Any, dict[str, str]]]) -> list[Any]:
    with ThreadPoolExecutor(len(asked)) as pool:
        return list(pool.map(lambda one: clinic.call("POST", one[0], one[1], **one[2]), asked))


def test_the_same_request_again_is_answered_alike(clinic: Clinic) -> None:
    first = clinic.call("POST", "/patients", PERSON, idempotency_key="k-1")
    again = clinic.call("POST", "/patients", PERSON, idempotency_key="k-1")
    assert "idempotency-replayed" not in first.headers
    assert again.headers["idempotency-replayed"] == "true"
    assert (again.status_code, again.content) == (201, first.content)
    for name in ("location", "etag", "content-type"):
        assert again.headers[name] == first.headers[name]
    assert len(clinic.get("/patients")["items"]) == 1


def test_another_request_under_the_same_key(clinic: Clinic) -> None:
    clinic.post("/patients", PERSON, idempotency_key="k-1")
    for path, body in (
        ("/patients", PERSON | {"mrn": "A-2"}),
        ("/patients/upsert", PERSON),
    ):
        refusal = clinic.refusal("POST", path, body, idempotency_key="k-1")
        assert (refusal["status"], refusal["code"]) == (422, "idempotency-mismatch")
    # Another practice's keys are its own.
    assert clinic.neighbour().post("/patients", PERSON, idempotency_key="k-1")["mrn"] == "A-1"


def test_only_what_was_done_is_kept(clinic: Clinic) -> None:
    wrong = clinic.refusal("POST", "/patients", {"mrn": "A-1"}, idempotency_key="k-1")
    assert wrong["status"] == 422
    assert clinic.post("/patients", PERSON, idempotency_key="k-1")["mrn"] == "A-1"


def test_a_key_is_forgotten_after_a_day(clinic: Clinic) -> None:
    clinic.post("/patients", PERSON, idempotency_key="k-1")
    clinic.clock.now += timedelta(hours=24, seconds=1)
    other = clinic.post("/patients", PERSON | {"mrn": "A-2"}, idempotency_key="k-1")
    assert other["mrn"] == "A-2"


def test_twins_that_meet_happen_once(clinic: Clinic) -> None:
    course = clinic.a_course()
    body = {"status": "given", "given_on": "2026-01-05", "chart": {"plan": "as_protocol"}}
    path = f"/courses/{course['id']}/sessions"
    answers = at_once(clinic, [(path, body, {"idempotency_key": "k-1"})] * 6)
    assert [a.status_code for a in answers] == [201] * 6
    assert len({a.json()["id"] for a in answers}) == 1
    assert sum("idempotency-replayed" in a.headers for a in answers) == 5
    assert len(clinic.get(path)["items"]) == 1


def test_one_patient_for_one_mrn_however_many_register_it(clinic: Clinic) -> None:
    answers = at_once(clinic, [("/patients", PERSON, {})] * 6)
    assert sorted(a.status_code for a in answers) == [201, 409, 409, 409, 409, 409]
    [patient] = clinic.get("/patients")["items"]
    assert {a.json()["existing_id"] for a in answers if a.status_code == 409} == {patient["id"]}


def test_changes_of_one_course_that_meet_are_all_made(clinic: Clinic) -> None:
    course = clinic.a_course("2025-12-15")
    path = f"/courses/{course['id']}"
    asked: list[tuple[str, Any, dict[str, str]]] = [
        (
            f"{path}/sessions",
            {"status": "booked", "starts_at": f"2026-03-2{n}T09:00:00-04:00"},
            {},
        )
        for n in range(1, 5)
    ]
    asked.append((f"{path}/outside-sessions", {"given_on": "2026-01-20"}, {}))
    hold = {"from": "2026-05-01", "until": "2026-05-20", "reason": "travels"}
    asked.append((f"{path}/hold", hold, {}))
    clinic.settings(early_booking="warn")
    answers = at_once(clinic, asked)
    assert sorted(a.status_code for a in answers) == [200, 201, 201, 201, 201, 201]
    schedule = clinic.schedule(course["id"])
    assert schedule["due_on"] == "2026-04-14"
    assert len(clinic.get("/sessions?status=booked")["items"]) == 4
    assert clinic.wrong_dates() == []


def test_one_booking_has_one_outcome(clinic: Clinic) -> None:
    course = clinic.a_course("2025-12-15")
    id = clinic.a_booking(course["id"], "2026-03-20T09:00:00-04:00")["id"]
    asked: list[tuple[str, Any, dict[str, str]]] = [
        (f"/sessions/{id}/cancel", {"by": "patient"}, {}),
        (f"/sessions/{id}/give", {"chart": {"total_units": 155}}, {}),
        (f"/sessions/{id}/cancel", {"by": "clinic"}, {}),
    ]
    answers = at_once(clinic, asked)
    assert sorted(a.status_code for a in answers) == [200, 409, 409]
    [done] = [a.json()["status"] for a in answers if a.status_code == 200]
    assert clinic.get(f"/sessions/{id}")["status"] == done
    assert clinic.wrong_dates() == []
