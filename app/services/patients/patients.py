"""Patients: register, change, match, and what follows from a death."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from app.db.engine.engine import Connection
from app.db.models import Patient
from app.db.queries.patients import patients as rows
from app.db.queries.scheduling import courses as course_rows
from app.db.rows.patients import PatientRow, PatientValues
from app.domain.access.access import Actor
from app.domain.dates import local_day
from app.domain.errors import Duplicate, Invalid, WrongState
from app.domain.ids import new_id
from app.services import identifiers, records
from app.services.identifiers import Named
from app.services.scheduling import bookings, course_dates, courses

KIND = "patient"


def mrn_key(mrn: str) -> str:
    """Return the MRN as it is compared: trimmed, without regard to case."""
    return mrn.strip().casefold()


def keys_of(mrn: str, family: str, given: str) -> PatientValues:
    """Return the columns that are made from a patient's MRN and names."""
    return {
        "mrn_key": mrn_key(mrn),
        "family_key": family.casefold(),
        "search_key": f"{family} {given} {family} {mrn}".casefold(),
    }


def register(
    db: Connection, *, values: PatientValues, identified: Sequence[Named], by: Actor, now: datetime
) -> PatientRow:
    """Register a patient; another one with the same MRN is a `Duplicate` that names it."""
    _check_birth(values["birth_date"], now)
    existing = rows.by_mrn(db, practice_id=by.practice_id, mrn_key=mrn_key(values["mrn"]))
    if existing:
        raise Duplicate("A patient with this MRN exists already.", existing_id=existing["id"])
    id = new_id(now)
    keys = keys_of(values["mrn"], values["family_name"], values["given_name"])
    return records.create(
        db,
        Patient,
        values | keys,
        kind=KIND,
        id=id,
        patient_id=id,
        identified=identified,
        by=by,
        now=now,
    )


def change(
    db: Connection,
    *,
    patient: PatientRow,
    values: PatientValues,
    identified: Sequence[Named] | None,
    by: Actor,
    now: datetime,
) -> PatientRow:
    """Change a patient's details; identifiers are replaced only when given."""
    merged: PatientRow = {**patient, **values}
    if merged["birth_date"] != patient["birth_date"]:
        _check_birth(merged["birth_date"], now)
        first = rows.first_day(db, practice_id=by.practice_id, patient_id=patient["id"])
        earliest = min((d for d in (first, patient["deceased_on"]) if d), default=None)
        if earliest and merged["birth_date"] > earliest:
            raise Invalid(("/birth_date", "must not lie after a treatment or the patient's death"))
    if mrn_key(merged["mrn"]) != patient["mrn_key"]:
        other = rows.by_mrn(db, practice_id=by.practice_id, mrn_key=mrn_key(merged["mrn"]))
        if other:
            raise Duplicate("A patient with this MRN exists already.", existing_id=other["id"])
    return records.change(
        db,
        Patient,
        patient,
        values | keys_of(merged["mrn"], merged["family_name"], merged["given_name"]),
        kind=KIND,
        patient_id=patient["id"],
        identified=identified,
        by=by,
        now=now,
    )


def upsert(
    db: Connection, *, values: PatientValues, identified: Sequence[Named], by: Actor, now: datetime
) -> tuple[PatientRow, bool]:
    """Find the patient by identifier, else by MRN, and update; register where there is none.

    Returns the patient and whether it is new.
    """
    named = identifiers.find(db, kind=KIND, identifiers=identified, by=by)
    if named:
        patient: PatientRow | None = records.load(db, Patient, practice_id=by.practice_id, id=named)
    else:
        patient = rows.by_mrn(db, practice_id=by.practice_id, mrn_key=mrn_key(values["mrn"]))
    if patient is None:
        return register(db, values=values, identified=identified, by=by, now=now), True
    all_named = identifiers.joined(db, kind=KIND, id=patient["id"], identifiers=identified, by=by)
    return change(db, patient=patient, values=values, identified=all_named, by=by, now=now), False


def deceased(
    db: Connection, *, patient_id: str, on: date, time_zone: str, by: Actor, now: datetime
) -> PatientRow:
    """Note a patient's death: courses close and bookings are cancelled, all or nothing."""
    patient = records.load(db, Patient, practice_id=by.practice_id, id=patient_id, locked=True)
    if patient["deceased_on"]:
        raise WrongState(
            "The patient's death is recorded already. Nothing was changed.", state="deceased"
        )
    if on > local_day(now, time_zone):
        raise Invalid(("/on", "must not lie in the future"))
    if on < patient["birth_date"]:
        raise Invalid(("/on", "must not lie before the patient's birth date"))
    for course_id in course_rows.ids_of_patient(
        db, practice_id=by.practice_id, patient_id=patient_id
    ):
        facts = course_dates.facts_of_course(db, practice_id=by.practice_id, course_id=course_id)
        if facts.course["state"] == "active":
            courses.close(
                db, facts, on=on, outcome="stopped", reason="deceased", since=on, by=by, now=now
            )
        else:
            # A closed course can hold bookings too: those of an EHR are never refused.
            bookings.cancel_ahead(db, facts, since=on, reason="deceased", by=by, now=now)
    return records.change(
        db,
        Patient,
        patient,
        PatientValues(deceased_on=on),
        kind=KIND,
        action="deceased",
        patient_id=patient_id,
        by=by,
        now=now,
    )


def _check_birth(birth_date: date, now: datetime) -> None:
    # Judged where the day begins first: a child born today at the date line is not refused.
    if birth_date > local_day(now, "Pacific/Kiritimati"):
        raise Invalid(("/birth_date", "must not lie in the future"))
