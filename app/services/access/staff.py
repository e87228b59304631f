"""Staff: who works for the practice, in which roles, and whether they still do.

Nobody gives more rights than they have: the `giver` must be able to give all that the member of
staff may do, before the change and after it. Otherwise an identifier, which tells an outside
issuer's tokens apart, would be a way to someone else's rights.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from app.db.engine.engine import Connection
from app.db.models import Practitioner, Staff
from app.db.queries import table_rows as record_rows
from app.db.queries.access import staff as rows
from app.db.rows.access import StaffRow, StaffValues
from app.domain.access import access
from app.domain.access.access import OPERATOR, Actor, Giver, Role
from app.domain.errors import Forbidden, Invalid, LastAdministrator
from app.services import records
from app.services.identifiers import Named

KIND = "staff"


def add(
    db: Connection,
    *,
    values: StaffValues,
    identified: Sequence[Named] = (),
    giver: Giver = OPERATOR,
    by: Actor,
    now: datetime,
) -> StaffRow:
    """Add a member of staff and return them.

    `Forbidden` with a role beyond what the `giver` can hand on.
    """
    values = {**values, "roles": _roles(values["roles"])}
    giver.check(access.granted(values["roles"]))
    _check_practitioner(db, values, by)
    return records.create(db, Staff, values, kind=KIND, identified=identified, by=by, now=now)


def change(
    db: Connection,
    *,
    member: StaffRow,
    values: StaffValues,
    identified: Sequence[Named] | None = None,
    giver: Giver = OPERATOR,
    by: Actor,
    now: datetime,
) -> StaffRow:
    """Change a member of staff and return them as they stand.

    `Forbidden` beyond what the `giver` can hand on, and for a right that someone would give to
    themselves; `LastAdministrator` when no other could give access.
    """
    if "roles" in values:
        values = {**values, "roles": _roles(values["roles"])}
    roles = values.get("roles", member["roles"])
    giver.check(access.granted([*member["roles"], *roles]))
    if by.id == member["id"] and not access.granted(roles) <= access.granted(member["roles"]):
        raise Forbidden("You cannot give yourself a role; another administrator can.")
    _check_practitioner(db, values, by)
    if Role.ADMINISTRATOR not in roles:
        _keep_an_administrator(db, member)
    return records.change(
        db, Staff, member, values, kind=KIND, identified=identified, by=by, now=now
    )


def deactivate(
    db: Connection,
    *,
    member: StaffRow,
    giver: Giver = OPERATOR,
    by: Actor,
    now: datetime,
) -> StaffRow:
    """End a member's access, by whatever credential; `LastAdministrator` for that one."""
    giver.check(access.granted(member["roles"]))
    _keep_an_administrator(db, member)
    return _set_active(db, member, False, by=by, now=now)


def reactivate(
    db: Connection,
    *,
    member: StaffRow,
    giver: Giver = OPERATOR,
    by: Actor,
    now: datetime,
) -> StaffRow:
    """Give a member their access back, with the roles and the keys they had."""
    giver.check(access.granted(member["roles"]))
    return _set_active(db, member, True, by=by, now=now)


def _set_active(
    db: Connection, member: StaffRow, active: bool, *, by: Actor, now: datetime
) -> StaffRow:
    action = "reactivate" if active else "deactivate"
    values = StaffValues(active=active)
    return records.change(db, Staff, member, values, kind=KIND, action=action, by=by, now=now)


def _roles(named: Sequence[str]) -> list[str]:
    """Return the roles in the order of the table; `Invalid` unless they are some known ones."""
    if not named or len(set(named)) < len(named) or not access.ROLES.keys() >= set(named):
        known = ", ".join(access.ROLES)
        raise Invalid(("/roles", f"must be one or more of {known}, each once"))
    return [role for role in access.ROLES if role in named]


def _check_practitioner(db: Connection, values: StaffValues, by: Actor) -> None:
    id = values.get("practitioner_id")
    if id and record_rows.get(db, Practitioner, practice_id=by.practice_id, id=id) is None:
        raise Invalid(("/practitioner_id", "no such practitioner in this practice"))


def _keep_an_administrator(db: Connection, member: StaffRow) -> None:
    """Refuse to lose the last active administrator, whoever else is about to lose another."""
    if not member["active"] or Role.ADMINISTRATOR not in member["roles"]:
        return
    others = rows.active_locked(db, practice_id=member["practice_id"])
    if not any(Role.ADMINISTRATOR in one["roles"] for one in others if one["id"] != member["id"]):
        raise LastAdministrator()
