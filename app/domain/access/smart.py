"""Scopes of a token: SMART App Launch 2.2 in both of its forms, and our own permissions by name.

`system/Patient.rs` is read as the permissions `patients:read` and `patients:search`. What is not
understood gives nothing, so a scope never opens more than its text says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from app.domain.access.access import ACTIONS, PERMISSIONS


class Acting(StrEnum):
    """Whom a token speaks for, as its scopes call them."""

    USER = "user"
    SYSTEM = "system"


# Version 1 knew three words; `d` stands in them and gives nothing, for nothing is deleted here.
_WORDS = {"read": "rs", "write": "cud", "*": "cruds"}
_SMART = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(read|write|\*|c?r?u?d?s?)")
_MOST_SCOPES = 200


def _same(noun: str, letters: str = "crus") -> dict[str, str]:
    return {letter: f"{noun}:{ACTIONS[letter]}" for letter in letters}


# A session is planned and moved as an Appointment; what was given in it is a Procedure with its
# MedicationAdministration. Lists of who is due are Tasks, or a Schedule.
RESOURCES: Mapping[str, Mapping[str, str]] = {
    "Appointment": _same("sessions"),
    "AuditEvent": _same("audit", "rs"),
    "CarePlan": _same("courses"),
    "Location": _same("locations"),
    "MedicationAdministration": _same("treatments", "cu") | _same("sessions", "rs"),
    "Organization": _same("practice", "ru"),
    "Patient": _same("patients"),
    "PlanDefinition": _same("protocols"),
    "Practitioner": _same("practitioners"),
    "Procedure": _same("treatments", "cu") | _same("sessions", "rs"),
    "Schedule": _same("worklist", "s"),
    "Task": _same("worklist", "s"),
}


@dataclass(frozen=True, slots=True)
class _Scope:
    """One scope that was understood: as it was written, and what it gives for each resource.

    `context` is None for a permission of ours, which suits whoever acts.
    """

    text: str
    context: str | None
    gives: Mapping[str, Mapping[str, str]]


def _read(text: str) -> _Scope | None:
    if text in PERMISSIONS:
        return _Scope(text, None, {"": {"": text}})
    match = _SMART.fullmatch(text)
    if match is None:
        return None
    context, resource, access = match.groups()
    letters = _WORDS.get(access, access)
    named = RESOURCES if resource == "*" else {resource: RESOURCES.get(resource, {})}
    gives = {
        name: {letter: permission for letter, permission in table.items() if letter in letters}
        for name, table in named.items()
    }
    return _Scope(text, context, gives)


def _understood(scopes: str, acting: Acting) -> list[_Scope]:
    """The scopes that speak of whoever acts. `patient/` never does: no route is confined to the
    record of one patient, so it would give more than it says."""
    texts = list(dict.fromkeys(scopes.split(" ")))
    if len(texts) > _MOST_SCOPES:
        return []
    read = (_read(text) for text in texts)
    return [scope for scope in read if scope and scope.context in (acting, None)]


def permissions(scopes: str, acting: Acting) -> frozenset[str]:
    """Return what a space-separated list of scopes permits a person or a system to do."""
    return frozenset(
        permission
        for scope in _understood(scopes, acting)
        for table in scope.gives.values()
        for permission in table.values()
    )


def granted(scopes: str, acting: Acting, may: Iterable[str]) -> str:
    """Return those of the scopes that `may` covers, narrowed where it covers them in part.

    The permissions of the answer are exactly those of `scopes` that are in `may`. A scope stays
    as it was written when nothing was taken from it.
    """
    allowed = frozenset(may)
    answer: dict[str, None] = {}
    for scope in _understood(scopes, acting):
        kept = {
            resource: "".join(letter for letter in "crus" if table.get(letter) in allowed)
            for resource, table in scope.gives.items()
        }
        whole = {permission for table in scope.gives.values() for permission in table.values()}
        if whole and whole <= allowed:
            answer[scope.text] = None
        elif scope.context:
            answer |= {
                f"{scope.context}/{resource}.{letters}": None
                for resource, letters in kept.items()
                if letters
            }
    return " ".join(answer)
