"""Rows of staff, keys, clients, issuers and the keys this service signs with."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from app.db.rows.base import JsonObject, RowOfPractice


class StaffValues(TypedDict, total=False):
    name: str
    roles: list[str]
    email: str | None
    practitioner_id: str | None
    active: bool


class StaffRow(RowOfPractice):
    name: str
    roles: list[str]
    email: str | None
    practitioner_id: str | None
    active: bool


class ApiKeyValues(TypedDict, total=False):
    name: str
    prefix: str
    staff_id: str | None
    scopes: list[str] | None
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class ApiKeyRow(RowOfPractice):
    name: str
    prefix: str
    staff_id: str | None
    scopes: list[str] | None
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None


class CredentialRow(TypedDict):
    digest: bytes
    practice_id: str
    kind: str
    holder_id: str
    created_at: datetime
    expires_at: datetime | None


class ClientValues(TypedDict, total=False):
    name: str
    jwks: JsonObject | None
    jwks_url: str | None
    scopes: list[str]
    active: bool


class ClientRow(RowOfPractice):
    name: str
    jwks: JsonObject | None
    jwks_url: str | None
    scopes: list[str]
    active: bool


class ClientAssertionRow(TypedDict):
    practice_id: str
    client_id: str
    jti: bytes
    expires_at: datetime


class IssuerValues(TypedDict, total=False):
    name: str
    url: str
    audience: str
    jwks_url: str
    algorithms: list[str]
    form: str
    active: bool


class IssuerRow(RowOfPractice):
    name: str
    url: str
    audience: str
    jwks_url: str
    algorithms: list[str]
    form: str
    active: bool


class IssuerSubjectValues(TypedDict, total=False):
    issuer_id: str
    subject: str
    name: str
    staff_id: str | None
    scopes: list[str] | None
    fhir_user: str | None
    active: bool


class IssuerSubjectRow(RowOfPractice):
    issuer_id: str
    subject: str
    name: str
    staff_id: str | None
    scopes: list[str] | None
    fhir_user: str | None
    active: bool


class SigningKeyRow(TypedDict):
    id: str
    public: JsonObject
    sealed: bytes
    created_at: datetime
    retires_at: datetime | None


# A credential as the edge meets it, with its practice and whoever it acts as.


class _WithPractice(TypedDict):
    time_zone: str
    practice_name: str


class NamedKeyRow(ApiKeyRow):
    staff_name: str | None


class KeyHolderRow(NamedKeyRow, _WithPractice):
    roles: list[str] | None
    active: bool | None


class ClientHolderRow(ClientRow, _WithPractice):
    pass


class SubjectHolderRow(IssuerSubjectRow, _WithPractice):
    staff_name: str | None
    roles: list[str] | None
    staff_active: bool | None


class ActingRow(TypedDict):
    """Whom a subject acts as: a person has `staff_id` and `roles`, a system `scopes`."""

    staff_id: str | None
    scopes: list[str] | None
    roles: list[str] | None
