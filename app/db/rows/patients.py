"""Rows of patients, and of the names other systems have for our records."""

from __future__ import annotations

from datetime import date
from typing import TypedDict

from app.db.rows.base import RowOfPractice


class PatientValues(TypedDict, total=False):
    mrn: str
    mrn_key: str
    family_name: str
    given_name: str
    family_key: str
    search_key: str
    birth_date: date
    sex: str | None
    phone: str | None
    email: str | None
    language: str | None
    active: bool
    deceased_on: date | None


class PatientRow(RowOfPractice):
    mrn: str
    mrn_key: str
    family_name: str
    given_name: str
    family_key: str
    search_key: str
    birth_date: date
    sex: str | None
    phone: str | None
    email: str | None
    language: str | None
    active: bool
    deceased_on: date | None


class IdentifierRow(TypedDict):
    practice_id: str
    kind: str
    system: str
    value: str
    resource_id: str
