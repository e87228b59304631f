"""The tables. Importing this package registers all of them on `metadata`."""

from app.db.models.audit import AuditEvent, AuditSeal
from app.db.models.courses import Course, Hold
from app.db.models.erasures import Erasure
from app.db.models.idempotency import Idempotency
from app.db.models.identifiers import Identifier
from app.db.models.imports import ImportBatch, ImportRow
from app.db.models.keys import ApiKey, Credential
from app.db.models.locations import Closure, Location, Practitioner
from app.db.models.patients import Patient
from app.db.models.practices import Practice
from app.db.models.protocols import ProtocolVersion
from app.db.models.sessions import OutsideSession, Session
from app.db.models.staff import Staff
from app.db.models.tokens import Client, ClientAssertion, Issuer, IssuerSubject, SigningKey

__all__ = [
    "ApiKey",
    "AuditEvent",
    "AuditSeal",
    "Client",
    "ClientAssertion",
    "Closure",
    "Course",
    "Credential",
    "Erasure",
    "Hold",
    "Idempotency",
    "Identifier",
    "ImportBatch",
    "ImportRow",
    "Issuer",
    "IssuerSubject",
    "Location",
    "OutsideSession",
    "Patient",
    "Practice",
    "Practitioner",
    "ProtocolVersion",
    "Session",
    "SigningKey",
    "Staff",
]
