"""Every problem this service can answer with: the one table from errors to statuses.

A row names the error (or, for what HTTP itself refuses, only a code), the status, a title and an
explanation for the page under `/problems/`.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.domain import errors
from app.edge.input.json_body import BadJson, UnsupportedMediaType


@dataclass(frozen=True, slots=True)
class ProblemKind:
    """One kind of problem, as the registry and its page show it."""

    code: str
    status: int
    title: str
    explanation: str


_TABLE: tuple[tuple[type[errors.Refusal], int, str, str], ...] = (
    (
        errors.NotFound,
        404,
        "Not found",
        "There is nothing at this address for the practice your key belongs to. Records of "
        "another practice are answered in the same way, so that ids tell nothing.",
    ),
    (
        errors.Unauthenticated,
        401,
        "No valid key",
        "Send an API key or a token in the header Authorization: Bearer <key>. It may be missing, "
        "mistyped, expired or revoked; the answer does not say which.",
    ),
    (
        errors.Forbidden,
        403,
        "Not allowed",
        "Your credential is valid, but its role or its scopes do not include this. The member "
        "needs names the missing permission. An administrator of the practice can grant it.",
    ),
    (
        errors.TooManyRequests,
        429,
        "Too many requests",
        "Requests a minute are limited for each key and each address, and keys that are not valid "
        "are limited more. Wait for the time in Retry-After. Whoever runs the service sets the "
        "limits.",
    ),
    (
        errors.Overloaded,
        503,
        "Too much at once",
        "So many requests are waiting that this one would wait too long. Nothing was saved. Send "
        "it again after the time in Retry-After.",
    ),
    (
        errors.IssuerUnreachable,
        503,
        "Issuer not reachable",
        "The token names an issuer that is known here, but the issuer's keys cannot be fetched "
        "and those fetched before are too old. Nothing was done. Send the request again after "
        "the time in Retry-After.",
    ),
    (
        errors.Invalid,
        422,
        "Not valid",
        "The request was understood, but some fields are not valid. The list errors has one entry "
        "for each field: pointer says where (a JSON pointer into the body, or ?name for a query "
        "parameter), detail says why. The values you sent are never repeated.",
    ),
    (
        errors.InvalidProtocol,
        422,
        "Protocol does not add up",
        "A protocol definition is checked before it is kept: codes are unique, bilateral areas "
        "agree on both sides, totals are as declared, limits are not below what is fixed.",
    ),
    (
        errors.InvalidChart,
        422,
        "Chart not valid",
        "The chart names a site that the protocol version does not have, names one twice, omits "
        "one that was not planned, or has units that are not possible. errors says which.",
    ),
    (
        errors.BadCursor,
        422,
        "Cursor does not fit",
        "A cursor continues one list, with the same filters and date, for one practice. Start "
        "again without a cursor when you change a filter. Cursors cannot be made by hand.",
    ),
    (
        errors.BadImportFile,
        422,
        "File cannot be read",
        "The file is not a table this service can read as a treatment history. Nothing of it "
        "was kept. Check that it is CSV in UTF-8 with a header line.",
    ),
    (
        errors.Duplicate,
        409,
        "Exists already",
        "Something with the same identity is there already; existing_id names it. Change that "
        "one, or choose another identity.",
    ),
    (
        errors.Contended,
        409,
        "Changed at the same moment",
        "Several requests were changing the same record, and this one did not get its turn after "
        "many tries. Nothing was saved; send it again after the time in Retry-After.",
    ),
    (
        errors.StaleVersion,
        412,
        "Changed by someone else",
        "The record was changed after you read it. Read it again, look at what changed, and send "
        "your change with the new ETag in If-Match.",
    ),
    (
        errors.PreconditionRequired,
        428,
        "If-Match is missing",
        "Changing a record needs the header If-Match with the ETag you last read, so that nobody "
        "overwrites a change they have not seen.",
    ),
    (
        errors.IdempotencyMismatch,
        422,
        "Key used before",
        "The same Idempotency-Key came earlier with another request. A key belongs to one "
        "request and its retries; make a new one for a new request.",
    ),
    (
        errors.IdempotencyPending,
        409,
        "Still at work",
        "A request with the same Idempotency-Key has not finished yet. Send it again after the "
        "time in Retry-After; you will get its answer.",
    ),
    (
        errors.WrongState,
        409,
        "Not from this state",
        "The record is in a state that does not allow this step, for example cancelling a "
        "session that has been given. The answer says which state it is in and what is possible.",
    ),
    (
        errors.PatientDeceased,
        409,
        "Patient has died",
        "The patient's death is recorded, so nothing more can be planned. What happened before it "
        "can still be corrected.",
    ),
    (
        errors.CourseClosed,
        409,
        "Course is closed",
        "The course was completed or stopped. Resume it before you plan more sessions in it.",
    ),
    (
        errors.NotAContinuation,
        409,
        "Cannot be continued",
        "A session continues another only when that one was given in part, in the same course, "
        "and has not been continued yet.",
    ),
    (
        errors.ProtocolPublished,
        409,
        "Version is published",
        "A published protocol version never changes, because sessions refer to it. Make the "
        "next version instead.",
    ),
    (
        errors.InUse,
        409,
        "In use",
        "Other records still refer to this one, so it cannot be changed in this way. Change those "
        "first.",
    ),
    (
        errors.LastAdministrator,
        409,
        "Last administrator",
        "A practice whose administrators have all left cannot give anyone access again. Make "
        "someone else an administrator, then send this again.",
    ),
    (
        errors.BookedTooEarly,
        409,
        "Too early",
        "The date lies before the first day on which the next treatment may be given. "
        "earliest_on names that day and rule says where it comes from. If override_allowed is "
        "true, the practice lets you book with an override_reason.",
    ),
    (
        errors.NotBookingMaster,
        409,
        "Bookings belong to the EHR",
        "This practice keeps its bookings in its EHR. They are made and changed there and arrive "
        "with the EHR's identifier; others are refused.",
    ),
    (
        BadJson,
        400,
        "Not readable as JSON",
        "The body must be one JSON value in UTF-8, without repeated keys, NaN or Infinity, whole "
        "numbers above 64 bits, or nesting deeper than 64 levels. The detail says where reading "
        "stopped.",
    ),
    (
        UnsupportedMediaType,
        415,
        "Wrong kind of body",
        "Send bodies as application/json (for PATCH also application/merge-patch+json), in UTF-8 "
        "and not compressed. Imports take text/csv.",
    ),
)

_HTTP: tuple[tuple[str, int, str, str], ...] = (
    (
        "bad-request",
        400,
        "Not a readable request",
        "The request is not valid HTTP, so it was not read any further. Check its headers, "
        "Content-Length first.",
    ),
    (
        "secret-in-address",
        400,
        "Secret in the address",
        "Send keys and tokens in the header Authorization, never in the address: addresses end up "
        "in logs and browser histories. Treat the one you sent as exposed, and replace it.",
    ),
    (
        "https-required",
        403,
        "HTTPS is required",
        "Other machines must use HTTPS, because the answers hold medical records. Use https:// in "
        "the address. A key sent without it could be read on the way: replace it. A proxy that "
        "ends TLS must send X-Forwarded-Proto and be named in TWELVEWEEKS_TRUSTED_PROXIES.",
    ),
    (
        "method-not-allowed",
        405,
        "Method not allowed here",
        "This address exists but does not take this method. The header Allow lists those it takes.",
    ),
    (
        "not-acceptable",
        406,
        "No such form",
        "The answer does not exist in any form that your Accept header asks for. Ask for "
        "application/json.",
    ),
    (
        "content-too-large",
        413,
        "Body too large",
        "Bodies are limited to 1 MiB, files for import to 10 MiB, unless the service was set up "
        "otherwise. Send it in parts.",
    ),
    (
        "headers-too-large",
        431,
        "Headers too large",
        "The request has more than 100 header lines or more than 32 KiB of them. Send fewer.",
    ),
    (
        "internal-error",
        500,
        "Something failed here",
        "This is a fault of the service, not of your request. Nothing was saved. Give the "
        "X-Request-ID of the answer to whoever runs the service; it leads to the log entry.",
    ),
    (
        "database-busy",
        503,
        "Busy",
        "The service had to wait too long for its turn. Nothing was saved. Send the request "
        "again after the time in Retry-After.",
    ),
    (
        "database-away",
        503,
        "Database not reachable",
        "The database cannot be reached or cannot write. It is not certain that a change was "
        "saved: repeat it with the same Idempotency-Key, or read the record first.",
    ),
    (
        "unavailable",
        503,
        "Not available now",
        "The service cannot take the request at the moment. Send it again after a short while.",
    ),
)

OF_ERROR: dict[type[errors.Refusal], ProblemKind] = {
    error: ProblemKind(error.code, status, title, explanation)
    for error, status, title, explanation in _TABLE
}
PROBLEMS: dict[str, ProblemKind] = {
    kind.code: kind for kind in (*OF_ERROR.values(), *(ProblemKind(*row) for row in _HTTP))
}
OF_STATUS: dict[int, ProblemKind] = {
    status: PROBLEMS[code]
    for status, code in {
        400: "bad-request",
        401: "unauthenticated",
        403: "forbidden",
        404: "not-found",
        405: "method-not-allowed",
        406: "not-acceptable",
        413: "content-too-large",
        415: "unsupported-media-type",
        422: "invalid",
        429: "too-many-requests",
        431: "headers-too-large",
        500: "internal-error",
        503: "unavailable",
    }.items()
}
