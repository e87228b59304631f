"""T-17: what each scope gives, in both forms of SMART, and that nothing gives more than it says."""

from __future__ import annotations

from itertools import combinations, product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.access.access import PERMISSIONS
from app.domain.access.smart import Acting, granted, permissions

ACTING = tuple(Acting)
CRUDS = ["".join(letters) for size in range(1, 6) for letters in combinations("cruds", size)]
VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}

# Written out a second time, in the words of the specification of this table.
EXPECTED = {
    "Patient": "c=patients:create r=patients:read u=patients:update s=patients:search",
    "CarePlan": "c=courses:create r=courses:read u=courses:update s=courses:search",
    "Procedure": "c=treatments:create r=sessions:read u=treatments:update s=sessions:search",
    "MedicationAdministration": "c=treatments:create r=sessions:read u=treatments:update"
    " s=sessions:search",
    "Appointment": "c=sessions:create r=sessions:read u=sessions:update s=sessions:search",
    "Practitioner": "c=practitioners:create r=practitioners:read u=practitioners:update"
    " s=practitioners:search",
    "Location": "c=locations:create r=locations:read u=locations:update s=locations:search",
    "Organization": "r=practice:read u=practice:update",
    "AuditEvent": "r=audit:read s=audit:search",
    "PlanDefinition": "c=protocols:create r=protocols:read u=protocols:update s=protocols:search",
    "Schedule": "s=worklist:search",
    "Task": "s=worklist:search",
}
TABLE = {name: dict(cell.split("=") for cell in row.split()) for name, row in EXPECTED.items()}
ALL = frozenset(permission for row in TABLE.values() for permission in row.values())


def expected(resource: str, letters: str) -> set[str]:
    rows = TABLE.values() if resource == "*" else [TABLE.get(resource, {})]
    return {row[letter] for row in rows for letter in letters if letter in row}


def test_the_truth_table() -> None:
    cells = 0
    resources = [*TABLE, "*", "Observation", "Nonsense"]
    forms = [*((text, text) for text in CRUDS), *VERSION_1.items()]
    for context, resource, (access, letters), acting in product(
        ("patient", "user", "system"), resources, forms, ACTING
    ):
        given_up = expected(resource, letters) if context == acting else set()
        assert permissions(f"{context}/{resource}.{access}", acting) == given_up
        cells += 1
    print(f"T-17: {cells} of {cells} cells")
    assert cells == 3 * 15 * 34 * 2


@pytest.mark.parametrize(
    "scope",
    [
        "system/Patient.sr",  # letters have one order
        "system/Patient.rr",
        "system/Patient.",
        "system/Patient",
        "system/Patient.rs?_id=1",  # a part of a search is not checked, so it is not granted
        "system/Patient.rs?",
        "system/Patient.Read",
        "system/patient.rs",
        "System/Patient.rs",
        "system/*.*.*",
        "system/**.rs",
        "system/Patient.rx",
        "system/Patient.rs\n",
        "system//Patient.rs",
        "/Patient.rs",
        "*/Patient.rs",
        "*",
        "*/*.*",
        "user/Patient.rs",
        "patient/Patient.rs",
        "launch",
        "openid",
        "offline_access",
        "fhirUser",
        "patients:delete",
        "patients:*",
        "*:read",
        "everything:read",
        "patients:read:all",
        "Patients:read",
        "system/Patient.rs,system/Task.rs",
        "system/Patient.rs\tsystem/Task.rs",
        "ѕystem/Patient.rs",  # a Cyrillic letter
        "",
    ],
)
def test_what_is_not_understood_gives_nothing(scope: str) -> None:
    assert permissions(scope, Acting.SYSTEM) == set()
    assert granted(scope, Acting.SYSTEM, ALL) == ""


def test_our_own_permissions_are_scopes_for_whoever_acts() -> None:
    for acting in ACTING:
        assert permissions("worklist:search keys:create", acting) == {
            "worklist:search",
            "keys:create",
        }


def test_scopes_give_nothing_but_permissions() -> None:
    assert permissions("system/*.*", Acting.SYSTEM) <= PERMISSIONS


def test_a_wildcard_opens_no_administration() -> None:
    given_up = permissions("system/*.*", Acting.SYSTEM)
    assert given_up == ALL
    assert not {p for p in given_up if p.split(":")[0] in ("staff", "keys", "clients", "issuers")}


@pytest.mark.parametrize(
    ("asked", "may", "answer"),
    [
        ("system/Patient.rs", {"patients:read", "patients:search"}, "system/Patient.rs"),
        ("system/Patient.rs", {"patients:read"}, "system/Patient.r"),
        ("system/Patient.read", {"patients:read"}, "system/Patient.r"),
        ("system/Patient.read", ALL, "system/Patient.read"),
        ("system/Patient.write", ALL, "system/Patient.write"),
        ("system/Patient.write", {"patients:update"}, "system/Patient.u"),
        ("worklist:search keys:create", {"keys:create"}, "keys:create"),
        ("system/Patient.cruds", ALL, "system/Patient.cruds"),
        ("system/Patient.d", ALL, ""),
        ("system/*.*", ALL, "system/*.*"),
        ("system/*.rs", {"patients:read", "worklist:search"},
         "system/Patient.r system/Schedule.s system/Task.s"),
        ("worklist:search patients:read", {"worklist:search"}, "worklist:search"),
        ("system/Patient.rs system/Patient.rs", ALL, "system/Patient.rs"),
        ("user/Patient.rs openid", ALL, ""),
    ],
)  # fmt: skip
def test_what_a_token_answer_says(asked: str, may: set[str], answer: str) -> None:
    assert granted(asked, Acting.SYSTEM, may) == answer


def test_two_hundred_scopes_are_the_most() -> None:
    """Repetitions do not count; with one more than that, nothing at all is given."""
    scopes = ["system/Patient.r", *(f"system/Patient{'x' * n}.r" for n in range(1, 200))]
    assert permissions(" ".join([*scopes, *scopes]), Acting.SYSTEM) == {"patients:read"}
    assert permissions(" ".join([*scopes, "one-more"]), Acting.SYSTEM) == set()


def test_endless_lists_are_not_read() -> None:
    scopes = " ".join(f"system/Patient{'x' * n}.rs" for n in range(300))
    assert permissions(f"system/Patient.rs {scopes}", Acting.SYSTEM) == set()


SCOPES = st.lists(
    st.builds(
        "{}/{}.{}".format,
        st.sampled_from(["patient", "user", "system", "other"]),
        st.sampled_from([*TABLE, "*", "Observation"]),
        st.sampled_from([*CRUDS, *VERSION_1, "sr", "x", ""]),
    )
    | st.sampled_from(["worklist:search", "patients:read", "patients:delete", "keys:create"])
    | st.text(max_size=12),
    max_size=8,
)
MAY = st.frozensets(st.sampled_from(sorted(ALL | {"keys:create"})))


@given(SCOPES, st.randoms(), st.sampled_from(ACTING))
def test_order_and_repetition_do_not_matter(scopes: list[str], random: Random, at: Acting) -> None:
    shuffled = scopes + scopes[: len(scopes) // 2]
    random.shuffle(shuffled)
    assert permissions(" ".join(scopes), at) == permissions(" ".join(shuffled), at)


@given(SCOPES, SCOPES, st.sampled_from(ACTING))
def test_two_lists_give_what_each_gives(one: list[str], two: list[str], at: Acting) -> None:
    both = permissions(" ".join([*one, *two]), at)
    assert both == permissions(" ".join(one), at) | permissions(" ".join(two), at)


@given(SCOPES, MAY, st.sampled_from(ACTING))
def test_nothing_is_widened(scopes: list[str], may: frozenset[str], at: Acting) -> None:
    asked = " ".join(scopes)
    answer = granted(asked, at, may)
    assert permissions(answer, at) == permissions(asked, at) & may
    assert granted(answer, at, may) == answer
