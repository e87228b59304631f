"""Every write of the REST surface as a story: what must be there, what is sent, what it records."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, NamedTuple

from app.data import builtin_protocols
from app.domain.charting.protocol import to_definition
from tests.support.clinic import Clinic

FULL = {"plan": "as_protocol"}
_SCOPES = ["practice:read"]
_SUBJECT = {"subject": "engine", "name": "interface engine", "scopes": _SCOPES}
_numbers = count(1)


class Asked(NamedTuple):
    """One request and its JSON body."""

    method: str
    path: str
    body: Any = None


class Verb(NamedTuple):
    """`records` are the actions of its audit rows, in order."""

    ask: Callable[[Clinic], Asked]
    records: tuple[str, ...]


def _session(clinic: Clinic) -> str:
    course = clinic.a_course("2025-12-15")
    return f"/sessions/{clinic.a_booking(course['id'], '2026-03-20T09:00:00-04:00')['id']}"


def _given(clinic: Clinic) -> str:
    return f"/sessions/{clinic.a_session(clinic.a_course()['id'], '2026-01-05')['id']}"


def _course(clinic: Clinic) -> str:
    course = clinic.a_course("2025-12-15")
    clinic.a_booking(course["id"], "2026-03-30T09:00:00-04:00")
    return f"/courses/{course['id']}"


def _patient(clinic: Clinic) -> str:
    patient = clinic.a_patient()
    for _ in range(2):
        course = clinic.a_course("2025-12-15", patient_id=patient["id"])
        clinic.a_booking(course["id"], "2026-03-30T09:00:00-04:00")
    return f"/patients/{patient['id']}"


def _held(clinic: Clinic) -> str:
    path = _course(clinic)
    clinic.post(f"{path}/hold", {"from": "2026-03-01", "until": "2026-04-30", "reason": "travels"})
    return path


def client_of(clinic: Clinic) -> Any:
    body = {"name": "warehouse", "jwks_url": "https://keys.example.org/", "scopes": _SCOPES}
    return clinic.post("/clients", body)


def issuer_of(clinic: Clinic) -> Any:
    return clinic.post("/issuers", _an_issuer(clinic).body)


def subject_of(clinic: Clinic, issuer: Any) -> Any:
    return clinic.post(f"/issuers/{issuer['id']}/subjects", _SUBJECT)


def _an_issuer(clinic: Clinic) -> Asked:
    # One issuer with its audience belongs to one practice, in the whole house.
    body = {
        "name": "hospital",
        "url": "https://login.example.org",
        "audience": f"https://twelveweeks.example.org/{next(_numbers)}",
        "jwks_url": "https://login.example.org/keys",
        "algorithms": ["RS256"],
    }
    return Asked("POST", "/issuers", body)


def _issuer(clinic: Clinic) -> str:
    return f"/issuers/{issuer_of(clinic)['id']}"


def _subject(clinic: Clinic) -> str:
    return f"/subjects/{subject_of(clinic, issuer_of(clinic))['id']}"


def _outside(clinic: Clinic) -> str:
    path = f"{_course(clinic)}/outside-sessions"
    return f"/outside-sessions/{clinic.post(path, {'given_on': '2026-03-01'})['id']}"


def _closure(clinic: Clinic) -> str:
    made = clinic.post("/closures", {"from": "2026-03-30", "until": "2026-03-31"})
    return f"/closures/{made['id']}"


def _definition() -> dict[str, Any]:
    [built_in] = [p for p in builtin_protocols() if p.code == "preempt"]
    return to_definition(built_in) | {"code": "house"}


def _draft(clinic: Clinic) -> str:
    clinic.post("/protocols", _definition())
    return "/protocols/house/versions/1"


def _on(path: Callable[[Clinic], str], verb: str, body: Any = None) -> Callable[[Clinic], Asked]:
    return lambda clinic: Asked("POST", f"{path(clinic)}/{verb}", body)


def _patch(path: Callable[[Clinic], str], body: Any) -> Callable[[Clinic], Asked]:
    return lambda clinic: Asked("PATCH", path(clinic), body)


def _post(path: str, body: Any) -> Callable[[Clinic], Asked]:
    return lambda clinic: Asked("POST", path, body)


def _sandbox(clinic: Clinic) -> str:
    """A sandbox with something in it."""
    clinic.post("/sandbox")
    key = clinic.post("/sandbox/keys", {"name": "test"})["key"]
    place = {"name": "Main", "time_zone": "UTC"}
    clinic.post("/locations", place, authorization=f"Bearer {key}")
    return "/sandbox"


_PERSON = {"mrn": "A-1", "family_name": "G", "given_name": "A", "birth_date": "1980-05-17"}
_NAMED = {"identifiers": [{"system": "ehr", "value": "1"}]}
_PLAN = {"protocol": "preempt", "indication": "G43.709"}
_GIVEN = {"status": "given", "given_on": "2026-03-19", "chart": FULL}
_BOOKED = {"status": "booked", "starts_at": "2026-03-31T09:00:00-04:00"}


def _session_upsert(clinic: Clinic) -> Asked:
    course_id = _course(clinic).rpartition("/")[2]
    return Asked("POST", "/sessions/upsert", _BOOKED | _NAMED | {"course_id": course_id})


def _course_upsert(clinic: Clinic) -> Asked:
    patient_id = clinic.a_patient()["id"]
    return Asked("POST", "/courses/upsert", _PLAN | _NAMED | {"patient_id": patient_id})


def _member(clinic: Clinic) -> str:
    made = clinic.post("/staff", {"name": "Kim Lund", "roles": ["front_desk"]})
    return f"/staff/{made['id']}"


def _gone(clinic: Clinic) -> str:
    path = _member(clinic)
    clinic.post(f"{path}/deactivate")
    return path


def _key(clinic: Clinic) -> str:
    return f"/keys/{clinic.post('/keys', {'name': 'EHR'})['id']}"


VERBS: dict[str, Verb] = {
    "practice change": Verb(_patch(lambda _: "/practice", {"lead_days": 21}), ("practice.change",)),
    "location add": Verb(
        _post("/locations", {"name": "Main", "time_zone": "UTC"} | _NAMED), ("location.create",)
    ),
    "location upsert": Verb(
        _post("/locations/upsert", {"name": "Main", "time_zone": "UTC"}), ("location.create",)
    ),
    "location change": Verb(
        _patch(lambda c: f"/locations/{c.a_location()['id']}", {"name": "Harbor"}),
        ("location.change",),
    ),
    "practitioner add": Verb(_post("/practitioners", {"name": "Dr."}), ("practitioner.create",)),
    "practitioner upsert": Verb(
        _post("/practitioners/upsert", {"name": "Dr."}), ("practitioner.create",)
    ),
    "practitioner change": Verb(
        _patch(lambda c: f"/practitioners/{c.a_practitioner()['id']}", {"name": "Dr."}),
        ("practitioner.change",),
    ),
    "client register": Verb(
        _post(
            "/clients",
            {"name": "x", "jwks_url": "https://keys.example.org/", "scopes": _SCOPES},
        ),
        ("client.create",),
    ),
    "client change": Verb(
        _patch(lambda c: f"/clients/{client_of(c)['id']}", {"active": False}), ("client.change",)
    ),
    "issuer register": Verb(_an_issuer, ("issuer.create",)),
    "issuer change": Verb(_patch(_issuer, {"active": False}), ("issuer.change",)),
    "subject name": Verb(_on(_issuer, "subjects", _SUBJECT), ("issuer_subject.create",)),
    "subject change": Verb(_patch(_subject, {"active": False}), ("issuer_subject.change",)),
    "closure add": Verb(
        _post("/closures", {"from": "2026-03-30", "until": "2026-03-31"}), ("closure.create",)
    ),
    "closure upsert": Verb(
        _post("/closures/upsert", {"from": "2026-03-30", "until": "2026-03-31"}),
        ("closure.create",),
    ),
    "closure change": Verb(_patch(_closure, {"reason": "Easter"}), ("closure.change",)),
    "protocol draft": Verb(_post("/protocols", _definition()), ("protocol.create",)),
    "protocol publish": Verb(_on(_draft, "publish"), ("protocol.publish",)),
    "patient register": Verb(_post("/patients", _PERSON | _NAMED), ("patient.create",)),
    "patient upsert": Verb(_post("/patients/upsert", _PERSON), ("patient.create",)),
    "patient change": Verb(_patch(_patient, {"phone": "555-0100"} | _NAMED), ("patient.change",)),
    "patient deceased": Verb(
        _on(_patient, "deceased", {"on": "2026-03-19"}),
        (
            *("session.cancel", "course.stop", "session.cancel", "course.stop"),
            "patient.deceased",
        ),
    ),
    "course open": Verb(_on(_patient, "courses", _PLAN), ("course.create",)),
    "course upsert": Verb(_course_upsert, ("course.create",)),
    "course change": Verb(_patch(_course, {"prior_cycles": 3}), ("course.change",)),
    "course identifiers": Verb(_patch(_course, _NAMED), ("course.change",)),
    "course hold": Verb(
        _on(_course, "hold", {"from": "2026-03-01", "until": "2026-04-30", "reason": "travels"}),
        ("hold.create",),
    ),
    "course resume": Verb(_on(_held, "resume"), ("hold.resume",)),
    "course stop": Verb(
        _on(_course, "stop", {"outcome": "stopped"}), ("session.cancel", "course.stop")
    ),
    "outside add": Verb(
        _on(_course, "outside-sessions", {"given_on": "2026-03-01"}), ("outside_session.create",)
    ),
    "outside void": Verb(_on(_outside, "void", {"reason": "wrong"}), ("outside_session.void",)),
    "session book": Verb(_on(_course, "sessions", _BOOKED | _NAMED), ("session.book",)),
    "session upsert": Verb(_session_upsert, ("session.book",)),
    "session record": Verb(_on(_course, "sessions", _GIVEN), ("session.give",)),
    "session correct": Verb(_patch(_given, {"given_on": "2026-01-07"}), ("session.correct",)),
    "session identifiers": Verb(_patch(_session, _NAMED), ("session.correct",)),
    "session reschedule": Verb(
        _on(_session, "reschedule", {"starts_at": "2026-03-31T09:00:00-04:00"}),
        ("session.reschedule",),
    ),
    "session confirm": Verb(_on(_session, "confirm"), ("session.confirm",)),
    "session arrive": Verb(_on(_session, "arrive"), ("session.arrive",)),
    "session give": Verb(_on(_session, "give", {"chart": FULL}), ("session.give",)),
    "session cancel": Verb(_on(_session, "cancel", {"by": "patient"}), ("session.cancel",)),
    "session no-show": Verb(_on(_session, "no-show"), ("session.no-show",)),
    "sandbox": Verb(_post("/sandbox", None), ("sandbox.create",)),
    "sandbox key": Verb(_on(_sandbox, "keys", {"name": "test"}), ("sandbox.make_key",)),
    "sandbox reset": Verb(_on(_sandbox, "reset"), ("sandbox.reset",)),
    "session void": Verb(_on(_given, "void", {"reason": "wrong"}), ("session.void",)),
    "staff add": Verb(
        _post("/staff", {"name": "Kim Lund", "roles": ["injector"]} | _NAMED), ("staff.create",)
    ),
    "staff change": Verb(_patch(_member, {"roles": ["auditor"]} | _NAMED), ("staff.change",)),
    "staff deactivate": Verb(_on(_member, "deactivate"), ("staff.deactivate",)),
    "staff reactivate": Verb(_on(_gone, "reactivate"), ("staff.reactivate",)),
    "key make": Verb(_post("/keys", {"name": "EHR"}), ("api_key.create",)),
    "key rotate": Verb(_on(_key, "rotate"), ("api_key.rotate",)),
    "key revoke": Verb(_on(_key, "revoke"), ("api_key.revoke",)),
}


def send(clinic: Clinic, asked: Asked, **headers: str) -> Any:
    """Send it on the version there is now; the answer, whatever it is."""
    if asked.method == "PATCH":
        headers["if_match"] = clinic.call("GET", asked.path).headers["etag"]
    return clinic.call(asked.method, asked.path, asked.body, **headers)
