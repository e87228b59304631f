"""What can go wrong, in the clinic's words.

Every class has a stable `code` and no status: each surface translates codes in one table of
its own. Texts never repeat what was sent and never name a patient.
"""

from __future__ import annotations

from datetime import date
from typing import ClassVar


class Refusal(Exception):
    """Base of everything the service declines to do; `facts` are safe to show."""

    code: ClassVar[str] = "refused"
    default: ClassVar[str] = "This was not done."

    def __init__(self, detail: str | None = None, **facts: object) -> None:
        self.detail = detail or self.default
        self.facts = facts
        super().__init__(self.detail)


# --- what is asked for is not there, or may not be seen ---------------------------------------


class NotFound(Refusal):
    code = "not-found"
    default = "There is nothing here under that address for this practice."


class Unauthenticated(Refusal):
    code = "unauthenticated"
    default = "A valid key is needed: Authorization: Bearer <key>."


class Forbidden(Refusal):
    """The credential is good, and does not go this far; `needs` names the permission."""

    code = "forbidden"
    default = "Your role or your key's scopes do not include this."


class IssuerUnreachable(Refusal):
    """The token cannot be judged now: the keys of whoever signed it are not to be had."""

    code = "issuer-unreachable"
    default = "The keys that this token is checked with cannot be fetched now. Try again shortly."


# --- what comes too often, or at a bad moment -------------------------------------------------


class TooManyRequests(Refusal):
    """`retry_after` is in whole seconds."""

    code = "too-many-requests"
    default = "There were more requests within a minute than are taken."

    def __init__(self, *, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(retry_after=retry_after)


class Overloaded(Refusal):
    code = "overloaded"
    default = "More is waiting than can be done soon. Nothing was saved; try again."


# --- what was sent cannot be right ------------------------------------------------------------


class Invalid(Refusal):
    """Well-formed but impossible content; `errors` are (JSON pointer, detail) pairs."""

    code = "invalid"
    default = "Some of what was sent cannot be right."

    def __init__(self, *errors: tuple[str, str]) -> None:
        self.errors = errors
        super().__init__()


class InvalidProtocol(Invalid):
    code = "invalid-protocol"
    default = "The protocol definition does not add up."


class InvalidChart(Invalid):
    code = "invalid-chart"
    default = "The chart cannot be right."


class BadCursor(Invalid):
    code = "bad-cursor"
    default = "The cursor does not belong to this list."

    def __init__(self) -> None:
        super().__init__(("?cursor", "not a cursor of this list with these filters"))


class BadImportFile(Invalid):
    code = "bad-import-file"
    default = "The file cannot be read as a treatment history."


# --- somebody else was there first ------------------------------------------------------------


class Duplicate(Refusal):
    """The same thing exists already; `existing_id` names it."""

    code = "duplicate"
    default = "This exists already."

    def __init__(self, detail: str | None = None, *, existing_id: str) -> None:
        super().__init__(detail, existing_id=existing_id)


class Contended(Refusal):
    """Another request changed the same record at the same moment; trying again is safe."""

    code = "contended"
    default = "The same record was being changed at the same moment. Try again."


class StaleVersion(Refusal):
    code = "stale-version"
    default = "It was changed since you read it. Read it again, then send your change."


class PreconditionRequired(Refusal):
    code = "precondition-required"
    default = "Send If-Match with the ETag you read."


class IdempotencyMismatch(Refusal):
    code = "idempotency-mismatch"
    default = "This Idempotency-Key was used with another request."


class IdempotencyPending(Refusal):
    code = "idempotency-pending"
    default = "A request with this Idempotency-Key is still at work. Try again shortly."


# --- the record's state does not allow it ----------------------------------------------------


class WrongState(Refusal):
    """The move is not one that the record's state allows; `state` says what it is."""

    code = "wrong-state"
    default = "That cannot follow from the present state."


class PatientDeceased(Refusal):
    code = "patient-deceased"
    default = "The patient has died; nothing more is planned."


class CourseClosed(Refusal):
    code = "course-closed"
    default = "The course is closed; resume it before planning more."


class NotAContinuation(Refusal):
    code = "not-a-continuation"
    default = "The session named cannot be continued by this one."


class ProtocolPublished(Refusal):
    code = "protocol-published"
    default = "A published version never changes; make the next version."


class InUse(Refusal):
    code = "in-use"
    default = "Something still depends on this."


class LastAdministrator(Refusal):
    code = "last-administrator"
    default = "Nobody else of the practice could hand out access; make another administrator first."


# --- planning rules of the practice ----------------------------------------------------------


class BookedTooEarly(Refusal):
    """The booking lies before the earliest day; `earliest_on` is null while on hold."""

    code = "booked-too-early"
    default = "The booking lies before the earliest day."

    def __init__(self, detail: str, *, earliest_on: date | None, rule: str, override: bool) -> None:
        super().__init__(
            detail,
            earliest_on=earliest_on.isoformat() if earliest_on else None,
            rule=rule,
            override_allowed=override,
        )


class NotBookingMaster(Refusal):
    code = "not-booking-master"
    default = "The EHR owns this practice's bookings; send the EHR's identifier with it."
