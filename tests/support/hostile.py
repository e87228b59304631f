"""Statements that reach further than their practice, and others that do not.

The guard compares values and looks for them (`db.engine.guard`); where in a statement they stand is
what the proof judges, before any release (`tests.support.confinement`). Each hostile statement is
refused by one of the two, and it is written down by which.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    String,
    and_,
    bindparam,
    column,
    delete,
    exists,
    func,
    insert,
    literal_column,
    not_,
    or_,
    select,
    table,
    text,
    true,
    union,
    union_all,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateTable

from app.db.base import PracticeKey, metadata
from app.domain.ids import new_id
from tests.support.clinic import NOW

OWN, OTHER = new_id(NOW), new_id(NOW)
patient, course, session = (metadata.tables[name] for name in ("patient", "course", "session"))
practice, credential = metadata.tables["practice"], metadata.tables["credential"]
other = patient.alias()
named = bindparam("practice_id", OWN, type_=PracticeKey)
OURS, COURSE_OURS = patient.c.practice_id == OWN, course.c.practice_id == OWN
SAME = course.c.practice_id == patient.c.practice_id
JOINED = and_(SAME, course.c.patient_id == patient.c.id)
ROW = {"id": new_id(NOW), "practice_id": OWN}
tied = select(patient.c.id).where(OURS)


def upsert(**how: Any) -> dict[str, Any]:
    """An insert that changes the row in its way, as each database says it."""
    kinds: dict[str, Any] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}
    row = {"practice_id": OWN, "id": new_id(NOW), "mrn": "A"}
    return {
        name: kind(patient).values(**row).on_conflict_do_update(**how)
        for name, kind in kinds.items()
    }


REFUSED: dict[str, Any] = {
    "no predicate": select(patient),
    "another practice's": select(patient).where(patient.c.practice_id == OTHER),
    "both": select(patient).where(OURS, patient.c.practice_id == OTHER),
    "by a parameter of another type": select(patient).where(
        patient.c.practice_id == bindparam("practice_id", OWN, type_=String)
    ),
    "only the id": select(patient).where(patient.c.id == OWN),
    "equal to itself": select(patient).where(patient.c.practice_id == patient.c.practice_id),
    "under OR": select(patient).where(or_(OURS, patient.c.mrn == "A")),
    "under NOT": select(patient).where(not_(and_(OURS, patient.c.mrn == "A"))),
    "unequal": select(patient).where(patient.c.practice_id != OWN),
    "one of several": select(patient).where(patient.c.practice_id.in_([OWN, OTHER])),
    "of a subquery": select(patient).where(patient.c.practice_id.in_(select(practice.c.id))),
    "like": select(patient).where(patient.c.practice_id.like("%")),
    "a function of it": select(patient).where(func.lower(patient.c.practice_id) == OWN),
    "an alias beside": select(patient, other.c.mrn).where(OURS),
    "an alias instead": select(other).where(OURS),
    "a table beside": select(patient, course.c.id).where(OURS),
    "a join on the id alone": select(patient)
    .join(course, course.c.patient_id == patient.c.id)
    .where(OURS),
    "an outer join that says it of the left side": select(patient).outerjoin(
        course, and_(JOINED, OURS)
    ),
    "an outer join that says it of the right side": select(patient).outerjoin(
        course, and_(JOINED, COURSE_OURS)
    ),
    "a full join": select(patient).join(course, and_(JOINED, OURS), full=True),
    "a join on anything": select(patient).join(course, true()).where(OURS),
    "a second arm": union_all(select(patient.c.id).where(OURS), select(patient.c.id)),
    "a first arm": union(select(patient.c.id), tied),
    "a subquery that is uncorrelated": select(patient).where(
        exists(select(patient.c.id).where(OURS).correlate(None))
    ),
    "inside a subquery": select(select(patient.c.id).subquery()),
    "inside a common table": select(select(patient.c.id).cte()),
    "outside a common table": select(patient).where(patient.c.id.in_(select(tied.cte()))),
    "a scalar beside": select(course.c.id, select(other.c.mrn).limit(1).scalar_subquery()).where(
        COURSE_OURS
    ),
    "a scalar of the same table": select(
        course.c.id,
        select(patient.c.mrn).where(patient.c.mrn == "A").correlate(None).scalar_subquery(),
    ).where(COURSE_OURS),
    "in the order": tied.order_by(select(func.max(course.c.id)).scalar_subquery()),
    "text for a table": select(text("mrn")).select_from(text("patient")),
    "text for a column": select(literal_column("(SELECT max(mrn) FROM patient)")),
    "text for a condition": tied.where(text("1 = 1 OR 1 = 1")),
    "text for an operator": tied.where(patient.c.mrn.op("IS NOT NULL OR 1 =")(1)),
    "text behind": tied.suffix_with("UNION SELECT id FROM patient"),
    "a table by its name": select(table("patient", column("id"))),
    "a table by its name in capitals": select(table("PATIENT", column("id"))),
    "a view": select(table("injection", column("site"))),
    "a lookalike of the column": select(table("patient", column("practice_id"))).where(
        column("practice_id") == OWN
    ),
    "change without": update(patient).values(mrn="A"),
    "change of another's": update(patient).where(patient.c.practice_id == OTHER).values(mrn="A"),
    "change of whose it is": update(patient).where(OURS).values(practice_id=OTHER),
    "change with another table": update(patient)
    .where(patient.c.id == course.c.patient_id, COURSE_OURS)
    .values(mrn="A"),
    "change from a subquery": update(patient)
    .where(OURS)
    .values(mrn=select(other.c.mrn).limit(1).scalar_subquery()),
    "delete without": delete(patient),
    "delete under OR": delete(patient).where(or_(OURS, true())),
    "delete by a subquery": delete(patient).where(patient.c.id.in_(tied)),
    "insert another's": insert(patient).values(practice_id=OTHER, id=OWN),
    "insert nobody's": insert(patient).values(id=OWN),
    "insert many": insert(patient).values([ROW, ROW | {"practice_id": OTHER}]),
    "insert from a select": insert(patient).from_select(["id"], tied),
    "insert with a subquery for whose": insert(patient).values(
        practice_id=select(practice.c.id).limit(1).scalar_subquery(), id=OWN
    ),
    "insert with a subquery": insert(patient).values(
        practice_id=OWN, id=OWN, mrn=select(other.c.mrn).limit(1).scalar_subquery()
    ),
    "insert under another parameter": insert(patient).values(
        practice_id=bindparam("x", OTHER), id=bindparam("practice_id", OWN)
    ),
    "insert or replace": insert(patient).values(**ROW).prefix_with("OR REPLACE"),
    "conflict elsewhere": upsert(index_elements=["id"], set_={"mrn": "A"}),
    "conflict that moves": upsert(
        index_elements=["practice_id", "id"], set_={"practice_id": OTHER}
    ),
    "conflict with a subquery": upsert(
        index_elements=["practice_id", "id"],
        set_={"mrn": select(other.c.mrn).limit(1).scalar_subquery()},
    ),
    "a change inside a common table": select(
        update(patient).values(mrn="A").returning(patient.c.id).cte()
    ),
    "every practice": select(practice),
    "another practice": select(practice).where(practice.c.id == OTHER),
    "all credentials ended": delete(credential),
    "another's credentials ended": delete(credential).where(credential.c.practice_id == OTHER),
    "a credential for another": insert(credential).values(practice_id=OTHER, digest=b""),
    "by way of a credential": select(patient)
    .join(credential, credential.c.practice_id == patient.c.practice_id)
    .where(credential.c.digest == b""),
    "plain text": text("SELECT * FROM patient"),
    "text that hides it": text('SELECT * FROM/**/"main".[patient]'),
    "text that copies all of it": text("VACUUM INTO '/tmp/x'"),
    "a definition": CreateTable(patient),
}

TAKEN: dict[str, Any] = {
    "the own": select(patient).where(OURS),
    "by a parameter": select(patient).where(patient.c.practice_id == named),
    "the other way round": select(patient).where(named == patient.c.practice_id),
    "an alias": select(other).where(other.c.practice_id == OWN),
    "a join": select(patient, course.c.id).join(course, JOINED).where(COURSE_OURS),
    "a join that says it": select(patient).join(course, and_(JOINED, COURSE_OURS)),
    "an outer join": select(patient).outerjoin(course, JOINED).where(OURS),
    "two joins": select(session.c.id)
    .join(course, course.c.practice_id == session.c.practice_id)
    .join(patient, JOINED)
    .where(session.c.practice_id == OWN),
    "a correlated subquery": select(patient).where(
        OURS, exists(select(course.c.id).where(JOINED).correlate(patient))
    ),
    "a subquery": select(tied.subquery()),
    "a common table": select(tied.cte()),
    "two arms": union_all(tied, select(course.c.id).where(COURSE_OURS)),
    "its practice": select(practice).where(practice.c.id == OWN),
    "a count": select(func.count()).select_from(patient).where(OURS),
    "change": update(patient).where(OURS).values(mrn="A"),
    "delete": delete(patient).where(OURS),
    "insert": insert(metadata.tables["idempotency"]).values(
        practice_id=OWN, key="k", fingerprint=b"", created_at=NOW
    ),
    "a credential looked up": select(credential).where(credential.c.digest == b""),
    "no table": select(func.count()),
}

# The values are right in these, and there is such a parameter: what is wrong is where it stands.
BY_PROOF = {
    "under OR",
    "under NOT",
    "unequal",
    "an alias beside",
    "an alias instead",
    "a table beside",
    "a join on the id alone",
    "an outer join that says it of the left side",
    "an outer join that says it of the right side",
    "a full join",
    "a join on anything",
    "a second arm",
    "a first arm",
    "a subquery that is uncorrelated",
    "outside a common table",
    "a scalar beside",
    "a scalar of the same table",
    "in the order",
    "text for a condition",
    "text for an operator",
    "text behind",
    "change with another table",
    "change from a subquery",
    "delete by a subquery",
    "insert from a select",
    "insert with a subquery",
    "insert or replace",
    "conflict elsewhere",
    "conflict with a subquery",
}
# Tied to the practice by another table's column: no other practice's row is reached, but a
# distributed database would ask everywhere. The proof refuses them, so no such statement is sent.
BY_WAY_OF_ANOTHER = {
    "a join",
    "a join that says it",
    "an outer join",
    "two joins",
    "a correlated subquery",
}
