"""Who may do what: every cell of roles x permissions, written out here once more by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.access import access
from app.domain.access.access import EMERGENCY, NOUNS, PERMISSIONS, ROLES, granted, of_system

RECORDS_ALL = {
    f"{noun}:{action}"
    for noun in ("patients", "courses", "sessions")
    for action in ("read", "search", "create", "update")
}
RECORDS_SEEN = {one for one in RECORDS_ALL if one.endswith((":read", ":search"))}
LIST = {"worklist:search"}
GIVING = {"treatments:create", "treatments:update"}
SEEN = {
    f"{noun}:{action}"
    for noun in ("locations", "practitioners", "closures", "protocols")
    for action in ("read", "search")
} | {"practice:read"}
GLASS = {"emergencies:create"}


def full(*nouns: str) -> set[str]:
    return {f"{noun}:{act}" for noun in nouns for act in ("read", "search", "create", "update")}


EXPECTED: dict[str, set[str]] = {
    "administrator": RECORDS_ALL
    | LIST
    | full("locations", "practitioners", "closures", "protocols")
    | full("staff", "keys", "clients", "issuers")
    | {"practice:read", "practice:update"}
    | {"imports:read", "imports:create", "imports:update"}
    | {"sandbox:read", "sandbox:create", "sandbox:update"}
    | {"audit:read", "audit:search"}
    | GLASS,
    "clinician": RECORDS_ALL | LIST | GIVING | SEEN | full("closures", "protocols") | GLASS,
    "injector": RECORDS_SEEN | full("sessions") | LIST | GIVING | SEEN | GLASS,
    "coordinator": RECORDS_ALL
    | LIST
    | SEEN
    | full("closures")
    | {"imports:read", "imports:create", "imports:update"}
    | GLASS,
    "front_desk": full("patients", "sessions") | RECORDS_SEEN | LIST | SEEN,
    "read_only": RECORDS_SEEN | LIST | SEEN,
    "auditor": SEEN
    | {"imports:read", "audit:read", "audit:search"}
    | {
        f"{noun}:{action}"
        for noun in ("staff", "keys", "clients", "issuers")
        for action in ("read", "search")
    },
}
CELLS = [(role, permission) for role in EXPECTED for permission in sorted(PERMISSIONS)]


def test_roles_and_nouns_are_these() -> None:
    assert set(ROLES) == set(EXPECTED)
    assert access.Role.ADMINISTRATOR.value == "administrator"
    assert NOUNS[:3] == ("patients", "courses", "sessions")
    assert len(NOUNS) == len(set(NOUNS)) == 18
    assert set().union(*EXPECTED.values()) == PERMISSIONS
    assert {permission.partition(":")[0] for permission in PERMISSIONS} == set(NOUNS)
    assert len(CELLS) == 7 * len(PERMISSIONS)


@pytest.mark.parametrize(("role", "permission"), CELLS)
def test_each_cell(role: str, permission: str) -> None:
    assert (permission in granted([role])) is (permission in EXPECTED[role])


@pytest.mark.parametrize("role", ["", "Administrator", "administrator ", "owner", "*", "patients"])
def test_a_role_nobody_knows_gives_nothing(role: str) -> None:
    assert granted([role]) == frozenset()
    assert granted([role, "auditor"]) == ROLES["auditor"]


@pytest.mark.parametrize(
    "scope", ["", "*", "patients", "patients:", "patients:*", "patients:delete", "PATIENTS:read"]
)
def test_a_scope_nobody_knows_gives_nothing(scope: str) -> None:
    assert granted(["administrator"], [scope]) == frozenset()
    assert of_system([scope]) == frozenset()


def test_no_role_or_no_scope_is_nothing() -> None:
    assert granted([]) == granted(["clinician"], []) == of_system([]) == frozenset()
    assert of_system(None) == PERMISSIONS


_roles = st.lists(st.sampled_from([*ROLES, "nobody"]))
_scopes = st.lists(st.sampled_from([*sorted(PERMISSIONS), "patients:*"]))


@given(_roles, _scopes, _scopes)
def test_scopes_only_narrow(roles: list[str], scopes: list[str], more: list[str]) -> None:
    held = granted(roles)
    narrowed = granted(roles, scopes)
    assert narrowed == held & set(scopes)
    assert narrowed <= granted(roles, scopes + more) <= held
    assert of_system(scopes) == PERMISSIONS & set(scopes)


@given(_roles, _roles)
def test_roles_only_add(roles: list[str], more: list[str]) -> None:
    assert granted(roles + more) == granted(roles) | granted(more)


def test_an_auditor_sees_no_patient_and_hands_out_nothing() -> None:
    assert not RECORDS_ALL & ROLES["auditor"]
    assert not any(one.endswith((":create", ":update")) for one in ROLES["auditor"])


def test_only_an_administrator_hands_out_access() -> None:
    handing = {
        f"{noun}:{action}"
        for noun in ("staff", "keys", "clients", "issuers", "sandbox")
        for action in ("create", "update")
    }
    for role, held in ROLES.items():
        assert bool(handing & held) is (role == "administrator"), role


def test_an_emergency_opens_records_for_reading_and_nothing_else() -> None:
    assert EMERGENCY < RECORDS_SEEN
    assert {role for role, held in ROLES.items() if access.BREAK_GLASS in held} == {
        *("administrator", "clinician", "injector", "coordinator")
    }
