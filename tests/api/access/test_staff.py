"""Staff and their roles: who may do what, who may hand it on, and when it ends."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor, wait
from threading import Event
from typing import Any

import pytest

from app.db.models import Staff
from app.domain.access import access
from app.domain.errors import LastAdministrator
from app.services import records
from app.services.access import staff
from tests.support.clinic import Clinic

BOOKED = {"status": "booked", "starts_at": "2026-03-30T09:00:00-04:00"}
GIVEN = {"status": "given", "given_on": "2026-03-19", "chart": {"plan": "as_protocol"}}


@pytest.fixture
def admin(clinic: Clinic) -> Clinic:
    """The clinic for an administrator who is a person."""
    return clinic.acting(clinic.key_for("administrator"))


def me(clinic: Clinic) -> Any:
    return clinic.get("/me")


def test_added_shown_changed_listed(clinic: Clinic) -> None:
    who = clinic.a_practitioner()
    made = clinic.a_member(
        *("injector", "clinician"),
        email="renner@clinic.example",
        practitioner_id=who["id"],
        identifiers=[{"system": "issuer", "value": "7"}],
    )
    assert made["roles"] == ["clinician", "injector"]  # in the order of the table of roles
    assert (made["active"], made["practitioner_id"]) == (True, who["id"])
    assert clinic.get(f"/staff/{made['id']}") == made
    changed = clinic.patch(f"/staff/{made['id']}", {"name": "Dr. Ode", "email": None})
    assert changed["identifiers"] == made["identifiers"]
    assert clinic.get("/staff")["items"] == [changed]


def test_the_roles_are_told_as_data(clinic: Clinic) -> None:
    told = {role["name"]: set(role["permissions"]) for role in clinic.get("/roles")["items"]}
    assert told == {name: set(held) for name, held in access.ROLES.items()}


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"roles": []}, "/roles"),
        ({"roles": ["injector", "injector"]}, "/roles"),
        ({"roles": ["owner"]}, "/roles"),
        ({"roles": "injector"}, "/roles"),
        ({"roles": [["injector"]]}, "/roles"),
        ({"email": "nobody"}, "/email"),
        ({"practitioner_id": "01890a5d-ac96-774b-bcce-b302099a8057"}, "/practitioner_id"),
        ({"active": False}, "/active"),
    ],
)
def test_what_cannot_be_right(clinic: Clinic, body: Any, pointer: str) -> None:
    refusal = clinic.refusal("POST", "/staff", {"name": "Kim", "roles": ["auditor"]} | body)
    assert (refusal["status"], refusal["errors"][0]["pointer"]) == (422, pointer)
    path = f"/staff/{clinic.a_member('auditor')['id']}"
    assert clinic.refusal("PATCH", path, body, if_match="*")["status"] == 422


# Each: a role, what it asks for, the status it gets.
ASKED: list[tuple[str, str, str, Any, int]] = [
    ("front_desk", "POST", "/courses/{course}/sessions", BOOKED, 201),
    ("front_desk", "POST", "/courses/{course}/sessions", GIVEN, 403),
    ("front_desk", "GET", "/patients/{patient}", None, 200),
    ("front_desk", "GET", "/staff", None, 403),
    ("injector", "POST", "/courses/{course}/sessions", GIVEN, 201),
    ("injector", "PATCH", "/patients/{patient}", {"phone": "555"}, 403),
    ("clinician", "POST", "/courses/{course}/stop", {"outcome": "stopped"}, 200),
    ("coordinator", "POST", "/courses/{course}/sessions", BOOKED, 201),
    ("coordinator", "POST", "/courses/{course}/sessions", GIVEN, 403),
    ("coordinator", "POST", "/keys", {"name": "mine"}, 403),
    ("read_only", "GET", "/worklist", None, 200),
    ("read_only", "POST", "/courses/{course}/sessions", BOOKED, 403),
    ("auditor", "GET", "/patients/{patient}", None, 403),
    ("auditor", "GET", "/worklist", None, 403),
    ("auditor", "GET", "/staff", None, 200),
    ("auditor", "POST", "/staff", {"name": "Kim", "roles": ["auditor"]}, 403),
    ("administrator", "POST", "/courses/{course}/sessions", GIVEN, 403),
    ("administrator", "POST", "/staff", {"name": "Kim", "roles": ["injector"]}, 201),
]


@pytest.mark.parametrize(("role", "method", "path", "body", "status"), ASKED)
def test_a_role_is_what_its_holder_may_do(
    clinic: Clinic, role: str, method: str, path: str, body: Any, status: int
) -> None:
    course = clinic.a_course("2025-12-15")
    theirs = clinic.acting(clinic.key_for(role))
    where = path.format(course=course["id"], patient=course["patient_id"])
    answer = theirs.call(method, where, body, if_match="*")
    assert answer.status_code == status, answer.text
    row = clinic.audit()[-1]
    assert (row["by_type"], row["by_id"]) == ("staff", me(theirs)["by"]["id"])
    assert (row["outcome"] == "forbidden") is (status == 403)


def test_two_roles_are_the_sum_of_both(clinic: Clinic) -> None:
    both = me(clinic.acting(clinic.key_for("front_desk", "auditor")))
    assert set(both["may"]) == access.ROLES["front_desk"] | access.ROLES["auditor"]
    assert both["by"]["roles"] == ["front_desk", "auditor"]


def test_other_roles_apply_at_once(clinic: Clinic) -> None:
    member = clinic.a_member("injector")
    key = clinic.post("/keys", {"name": "theirs", "staff_id": member["id"]})["key"]
    theirs = clinic.acting(key)
    assert "treatments:create" in me(theirs)["may"]
    clinic.patch(f"/staff/{member['id']}", {"roles": ["read_only"]})
    assert set(me(theirs)["may"]) == access.ROLES["read_only"]


def test_the_deactivated_are_refused_by_every_key_until_they_are_back(clinic: Clinic) -> None:
    member = clinic.a_member("clinician")
    keys = [clinic.post("/keys", {"name": name, "staff_id": member["id"]})["key"] for name in "ab"]
    theirs = [clinic.acting(key) for key in keys]
    assert [one.call("GET", "/me").status_code for one in theirs] == [200, 200]
    assert clinic.post(f"/staff/{member['id']}/deactivate")["active"] is False
    assert [one.call("GET", "/me").status_code for one in theirs] == [401, 401]
    # The try is in the log, under their name.
    row = clinic.audit()[-1]
    assert (row["by_id"], row["outcome"]) == (member["id"], "unauthenticated")
    body = {"name": "c", "staff_id": member["id"]}
    assert clinic.refusal("POST", "/keys", body)["errors"][0]["pointer"] == "/staff_id"
    assert clinic.post(f"/staff/{member['id']}/reactivate")["active"] is True
    assert [one.call("GET", "/me").status_code for one in theirs] == [200, 200]


def test_saying_it_twice_changes_it_once(clinic: Clinic) -> None:
    path = f"/staff/{clinic.a_member('clinician')['id']}"
    first = clinic.post(f"{path}/deactivate")
    assert clinic.post(f"{path}/deactivate") == first
    assert [row["action"] for row in clinic.changes()].count("staff.deactivate") == 1


# --- nobody hands on more than they may ------------------------------------------------------


def test_nobody_gives_themselves_a_role(admin: Clinic) -> None:
    path = f"/staff/{me(admin)['by']['id']}"
    body = {"roles": ["administrator", "clinician"]}
    refusal = admin.refusal("PATCH", path, body, if_match=admin.call("GET", path).headers["etag"])
    assert refusal["status"] == 403
    assert admin.get(path)["roles"] == ["administrator"]


@pytest.mark.parametrize("role", [name for name in access.ROLES if name != "administrator"])
def test_only_administrators_touch_roles(clinic: Clinic, role: str) -> None:
    theirs = clinic.acting(clinic.key_for(role))
    path = f"/staff/{me(theirs)['by']['id']}"
    attempts: list[tuple[str, str, Any]] = [
        ("PATCH", path, {"roles": ["administrator"]}),
        ("POST", "/staff", {"name": "Kim", "roles": ["administrator"]}),
        ("POST", "/keys", {"name": "more"}),
        ("POST", f"{path}/reactivate", None),
    ]
    for method, where, body in attempts:
        assert theirs.refusal(method, where, body, if_match="*")["status"] == 403, (method, where)


def test_a_narrowed_key_hands_on_what_it_has_and_nothing_else(clinic: Clinic) -> None:
    scopes = ["staff:create", "staff:update", "staff:read", *sorted(access.ROLES["front_desk"])]
    narrow = clinic.acting(clinic.key_for("administrator", scopes=scopes))
    made = narrow.a_member("front_desk")
    for role in set(access.ROLES) - {"front_desk", "read_only"}:
        body = {"name": "Kim", "roles": ["front_desk", role]}
        refusal = narrow.refusal("POST", "/staff", body)
        assert refusal["status"] == 403, role
        assert refusal["needs"], role
        refusal = narrow.refusal("PATCH", f"/staff/{made['id']}", {"roles": [role]}, if_match="*")
        assert refusal["status"] == 403, role


def test_nor_does_it_reach_those_who_may_do_more(clinic: Clinic) -> None:
    """Else an identifier of the caller's on an administrator would be the administrator's login."""
    narrow = clinic.acting(clinic.key_for("administrator", scopes=["staff:update", "staff:read"]))
    above = clinic.a_member("administrator")
    path = f"/staff/{above['id']}"
    for body in ({"identifiers": [{"system": "i", "value": "1"}]}, {"email": "a@b"}, {"name": "B"}):
        assert narrow.refusal("PATCH", path, body, if_match="*")["status"] == 403
    assert narrow.refusal("POST", f"{path}/deactivate")["status"] == 403
    clinic.post(f"{path}/deactivate")
    assert narrow.refusal("POST", f"{path}/reactivate")["status"] == 403
    assert clinic.get(path)["identifiers"] == []


# --- the last administrator ------------------------------------------------------------------


def test_the_last_administrator_stays(admin: Clinic) -> None:
    path = f"/staff/{me(admin)['by']['id']}"
    tag = admin.call("GET", path).headers["etag"]
    for method, where, body in (
        ("POST", f"{path}/deactivate", None),
        ("PATCH", path, {"roles": ["read_only"]}),
    ):
        refusal = admin.refusal(method, where, body, if_match=tag)
        assert (refusal["status"], refusal["code"]) == (409, "last-administrator")
    # One who has left is no other.
    gone = admin.a_member("administrator")
    admin.post(f"/staff/{gone['id']}/deactivate")
    assert admin.refusal("POST", f"{path}/deactivate")["code"] == "last-administrator"
    admin.post(f"/staff/{gone['id']}/reactivate")
    assert admin.post(f"{path}/deactivate")["active"] is False


def test_who_waits_for_the_other_sees_that_they_are_the_last(clinic: Clinic) -> None:
    first, second = (clinic.a_member("administrator") for _ in range(2))

    def sent_away(member: Any) -> None:
        with clinic.database.write(clinic.practice_id) as db:
            known = records.load(db, Staff, practice_id=clinic.practice_id, id=member["id"])
            staff.deactivate(db, member=known, by=clinic.by, now=clinic.clock())
            begun.set()
            go_on.wait(10)

    begun, go_on = Event(), Event()
    with ThreadPoolExecutor(2) as both:
        one = both.submit(sent_away, first)
        assert begun.wait(10)
        other = both.submit(sent_away, second)
        # Time enough to go wrong: the other is to wait for what the one has not saved yet.
        wait([other], 0.5)
        go_on.set()
        one.result(10)
        with pytest.raises(LastAdministrator):
            other.result(10)


def test_two_who_send_each_other_away_leave_one(clinic: Clinic) -> None:
    left = [clinic.a_member("administrator")["id"]]
    for _ in range(5):
        pair = [*left, clinic.a_member("administrator")["id"]]
        paths = [f"/staff/{id}/deactivate" for id in pair]
        with ThreadPoolExecutor(2) as both:
            answers = list(both.map(lambda path: clinic.call("POST", path).status_code, paths))
        assert sorted(answers) == [200, 409]
        left = [member["id"] for member in clinic.get("/staff")["items"] if member["active"]]
        assert len(left) == 1


def test_who_did_it_is_a_person_or_a_named_system(clinic: Clinic, admin: Clinic) -> None:
    admin.post("/staff", {"name": "Kim", "roles": ["injector"]})
    for row in clinic.audit():
        assert row["by_type"] in ("staff", "system")
        assert row["by_name"]
        assert (row["by_id"] is not None) is (row["by_type"] == "staff")
