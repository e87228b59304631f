"""Handing on access: nobody gives more than they have, and only administrators another's name."""

from __future__ import annotations

import pytest

from app.domain.access.access import BY_BODY, OPERATOR, PERMISSIONS, ROLES, Giver, granted
from app.domain.errors import Forbidden

ALL_OF_IT = ROLES["administrator"]
ADMINISTRATOR = Giver(ALL_OF_IT, scoped=False, staff_id="staff-1")
NARROWED = Giver(ALL_OF_IT, scoped=True, staff_id="staff-1")
CLINICIAN = Giver(ROLES["clinician"], scoped=False, staff_id="staff-2")
LACKS_ONE = Giver(ALL_OF_IT - {"audit:read"}, scoped=False, staff_id="staff-3")
BOTH_ROLES = Giver(granted(["administrator", "clinician"]), scoped=False, staff_id="staff-4")
SYSTEM = Giver(PERMISSIONS, scoped=False)


@pytest.mark.parametrize(
    ("giver", "administers"),
    [
        pytest.param(ADMINISTRATOR, True, id="an administrator"),
        pytest.param(BOTH_ROLES, True, id="one who is a clinician as well"),
        pytest.param(OPERATOR, True, id="whoever runs commands on the machine"),
        pytest.param(SYSTEM, True, id="a system without scopes"),
        pytest.param(NARROWED, False, id="an administrator's key with scopes, even with all"),
        pytest.param(LACKS_ONE, False, id="whoever lacks one right of the role"),
        pytest.param(CLINICIAN, False, id="a clinician"),
    ],
)
def test_who_administers(giver: Giver, administers: bool) -> None:
    assert giver.administers is administers
    assert giver.gives == (PERMISSIONS if administers else giver.may)


@pytest.mark.parametrize(
    ("giver", "given", "needs"),
    [
        pytest.param(ADMINISTRATOR, {"keys:create"}, None, id="what they have"),
        pytest.param(ADMINISTRATOR, BY_BODY, None, id="what no administrator uses"),
        pytest.param(ADMINISTRATOR, PERMISSIONS, None, id="everything"),
        pytest.param(NARROWED, {"keys:create"}, None, id="scoped: what they have"),
        pytest.param(NARROWED, BY_BODY, sorted(BY_BODY), id="scoped: not what they do not have"),
        pytest.param(CLINICIAN, {"patients:read"}, None, id="a clinician gives what they have"),
        pytest.param(CLINICIAN, set(), None, id="nothing at all"),
        pytest.param(
            CLINICIAN,
            {"staff:read", "patients:read", "keys:create", "audit:read"},
            ["audit:read", "keys:create", "staff:read"],
            id="what they lack is named, in order",
        ),
    ],
)
def test_what_is_handed_on(giver: Giver, given: set[str], needs: list[str] | None) -> None:
    if needs is None:
        giver.check(given)
        giver.check(given, acts_as=giver.staff_id)
        return
    with pytest.raises(Forbidden) as refused:
        giver.check(given)
    assert refused.value.facts == {"needs": needs}


@pytest.mark.parametrize(
    ("giver", "acts_as", "fine"),
    [
        pytest.param(ADMINISTRATOR, "staff-9", True, id="an administrator, for anybody"),
        pytest.param(OPERATOR, "staff-9", True, id="the operator, for anybody"),
        pytest.param(CLINICIAN, "staff-2", True, id="a clinician, for themselves"),
        pytest.param(CLINICIAN, None, True, id="a clinician, for no person"),
        pytest.param(CLINICIAN, "staff-9", False, id="a clinician, for another"),
        pytest.param(NARROWED, "staff-1", True, id="scoped, for themselves"),
        pytest.param(NARROWED, "staff-9", False, id="scoped, for another"),
    ],
)
def test_in_whose_name(giver: Giver, acts_as: str | None, fine: bool) -> None:
    if fine:
        giver.check({"patients:read"}, acts_as=acts_as)
        return
    with pytest.raises(Forbidden) as refused:
        giver.check({"patients:read"}, acts_as=acts_as)
    assert refused.value.facts == {}
    assert "another person" in refused.value.detail


def test_a_giver_without_a_name_is_no_person() -> None:
    """A system that may not administer gives nobody's name: it has none of its own."""
    system = Giver(frozenset({"patients:read"}), scoped=False)
    system.check({"patients:read"})
    with pytest.raises(Forbidden):
        system.check({"patients:read"}, acts_as="staff-1")
