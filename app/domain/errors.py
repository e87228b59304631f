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
    default = "There is nothing at this address for this practice. Check the id and the key."


class Unauthenticated(Refusal):
    code = "unauthenticated"
    default = "Send a valid API key or token: Authorization: Bearer <key>."


class Forbidden(Refusal):
    """The credential is good, and does not go this far; `needs` names the permission."""

    code = "forbidden"
    default = (
        "Your role or your key's scopes do not include this. An administrator can change them."
    )


class IssuerUnreachable(Refusal):
    """The token cannot be checked now: its issuer's keys cannot be fetched."""

    code = "issuer-unreachable"
    default = "The keys to check this token with cannot be fetched now. Try again shortly."


# --- what comes too often, or at a bad moment -------------------------------------------------


class TooManyRequests(Refusal):
    """`retry_after` is in whole seconds."""

    code = "too-many-requests"
    default = "Too many requests within a minute. Wait for the seconds in Retry-After."

    def __init__(self, *, retry_after: int) -> None:
        self.retry_after = retry_after
        super().__init__(retry_after=retry_after)


class Overloaded(Refusal):
    code = "overloaded"
    default = "Too many requests are waiting. Nothing was saved; try again shortly."


# --- what was sent cannot be right ------------------------------------------------------------


class Invalid(Refusal):
    """Well-formed but impossible content; `errors` are (JSON pointer, detail) pairs."""

    code = "invalid"
    default = "Some of what was sent is not valid."

    def __init__(self, *errors: tuple[str, str]) -> None:
        self.errors = errors
        super().__init__()


class InvalidProtocol(Invalid):
    code = "invalid-protocol"
    default = "The protocol definition does not add up."


class InvalidChart(Invalid):
    code = "invalid-chart"
    default = "The chart is not valid."


class BadCursor(Invalid):
    code = "bad-cursor"
    default = "The cursor does not belong to this list with these filters. Start without a cursor."

    def __init__(self) -> None:
        super().__init__(("?cursor", "is not a cursor of this list with these filters"))


class BadImportFile(Invalid):
    code = "bad-import-file"
    default = "The file cannot be read as a treatment history."


# --- somebody else was there first ------------------------------------------------------------


class Duplicate(Refusal):
    """The same thing exists already; `existing_id` names it."""

    code = "duplicate"
    default = "This exists already; existing_id names it."

    def __init__(self, detail: str | None = None, *, existing_id: str) -> None:
        super().__init__(detail, existing_id=existing_id)


class Contended(Refusal):
    """Another request changed the same record at the same moment; trying again is safe."""

    code = "contended"
    default = "Others were changing the same record. Nothing was saved; try again."


class StaleVersion(Refusal):
    code = "stale-version"
    default = "It was changed since you read it. Read it again, then send your change."


class PreconditionRequired(Refusal):
    code = "precondition-required"
    default = "Read the record first, then send its ETag in If-Match."


class IdempotencyMismatch(Refusal):
    code = "idempotency-mismatch"
    default = "This Idempotency-Key was used with another request. Make a new one for this request."


class IdempotencyPending(Refusal):
    code = "idempotency-pending"
    default = "A request with this Idempotency-Key has not finished yet. Try again shortly."


# --- the record's state does not allow it ----------------------------------------------------


# What each state is in words, and what can be done in it.
_IN_STATE = {
    "booked": "The session is booked, not given. A booking can be moved, given or cancelled.",
    "given": "The session was given. It can be corrected, or voided with a reason.",
    "cancelled": "The booking was cancelled. Make a new booking.",
    "no_show": "The booking ended as a no-show. Record it as given if the patient was treated "
    "after all, or make a new booking.",
    "voided": "This was voided and no longer counts. Record it again if it took place.",
    "completed": "The course was completed. Resume it first.",
    "stopped": "The course was stopped. Resume it first.",
    "revoked": "The key was revoked. Make a new key.",
    "expired": "The key has expired. Make a new key.",
}


class WrongState(Refusal):
    """The record's present `state` does not allow this step; the text says what is possible."""

    code = "wrong-state"

    def __init__(self, detail: str | None = None, *, state: str, **facts: object) -> None:
        otherwise = f"This is not possible while the record is {state.replace('_', ' ')}."
        super().__init__(detail or _IN_STATE.get(state, otherwise), state=state, **facts)


class PatientDeceased(Refusal):
    code = "patient-deceased"
    default = "The patient's death is recorded, so nothing more can be planned."


class CourseClosed(Refusal):
    code = "course-closed"
    default = "The course is closed; resume it before planning more."


class NotAContinuation(Refusal):
    code = "not-a-continuation"
    default = "This cannot continue the session named. Record it as a session of its own."


class ProtocolPublished(Refusal):
    code = "protocol-published"
    default = "A published version never changes; make the next version."


class InUse(Refusal):
    code = "in-use"
    default = "Other records still refer to this. Change those first."


class LastAdministrator(Refusal):
    code = "last-administrator"
    default = "This is the practice's last administrator. Make someone else an administrator first."


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
    default = (
        "This practice's bookings are kept in its EHR. Make the change there, or send the EHR's "
        "identifier of the booking."
    )
