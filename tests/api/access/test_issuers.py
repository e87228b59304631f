"""People and systems that come with a token of an outside issuer: T-16's users of another
practice, and those who left with a live token."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.access import access
from tests.support.clinic import Clinic, ok
from tests.support.issuer import ec_key
from tests.support.signing import AT, AUD, ISS, URL, Signing


def a_person(signing: Signing, *roles: str, **said: Any) -> tuple[Any, str]:
    """An issuer with a subject that is a member of staff; the issuer and who it is."""
    issuer, member = signing.an_issuer(), signing.a_member(*roles)
    body = {"subject": "someone", "name": "someone", "staff_id": member, **said}
    signing.clinic.post(f"/issuers/{issuer['id']}/subjects", body)
    return issuer, member


def test_a_person_comes_with_a_token_of_the_hospital(signing: Signing) -> None:
    _, member = a_person(signing, "front_desk")
    for key in signing.issuer.keys:
        me = ok(signing.get(signing.outside(key, scope="openid user/*.cruds practice:read")))
        assert me["by"] == {
            "type": "staff",
            "id": member,
            "name": "Dr. A. Okafor",
            "roles": ["front_desk"],
        }
        # Of all that its scopes name, what the role has.
        assert "sessions:create" in me["may"]
        assert not {"treatments:create", "courses:create", "keys:create"} & set(me["may"])
    narrow = ok(signing.get(signing.outside(scope="user/Patient.r practice:read")))
    assert narrow["may"] == ["patients:read", "practice:read"]
    assert signing.issuer.fetches == 1


def test_a_system_comes_with_a_token_of_the_hospital(signing: Signing) -> None:
    issuer = signing.an_issuer()
    body = {"subject": "engine", "name": "interface engine", "scopes": ["system/Appointment.crus"]}
    signing.clinic.post(f"/issuers/{issuer['id']}/subjects", body)
    token = signing.outside(sub="engine", scope="system/*.cruds practice:read user/*.*")
    answer = signing.get(token, "/patients")
    assert answer.status_code == 403
    assert answer.json()["needs"] == ["patients:search"]


def test_scopes_for_systems_give_a_person_nothing(signing: Signing) -> None:
    a_person(signing, "administrator")
    assert signing.get(signing.outside(scope="system/*.*")).status_code == 403
    assert signing.get(signing.outside(scope="openid profile")).status_code == 403
    assert signing.get(signing.outside(scope=None)).status_code == 403


def test_someone_who_left_with_a_live_token(signing: Signing) -> None:
    _, member = a_person(signing, "clinician")
    token = signing.outside(scope="practice:read")
    assert signing.get(token).status_code == 200
    signing.leaves(member)
    signing.forget()
    assert signing.get(token).status_code == 401
    last = signing.clinic.audit()[-1]
    assert (last["by_id"], last["outcome"]) == (member, "unauthenticated")


def test_what_a_token_names_as_its_user(signing: Signing) -> None:
    mine = "https://ehr.example.org/Practitioner/1"
    a_person(signing, "clinician", fhir_user=mine)
    scope = "practice:read"
    assert signing.get(signing.outside(scope=scope, fhirUser=mine)).status_code == 200
    for other in (None, "https://ehr.example.org/Practitioner/2", f"{URL}/Practitioner/1", [mine]):
        assert signing.get(signing.outside(scope=scope, fhirUser=other)).status_code == 401


def test_a_user_of_another_practice(signing: Signing) -> None:
    """The neighbour's person is no person here, nor is its record: by subject, by issuer, by
    audience, and by what the token names as its user."""
    a_person(signing, "clinician")
    neighbour = signing.clinic.neighbour()
    theirs = neighbour.a_practitioner()
    scope = "practice:read"
    assert signing.get(signing.outside(scope=scope, sub="theirs")).status_code == 401
    there = f"{URL}/fhir/Practitioner/{theirs['id']}"
    assert signing.get(signing.outside(scope=scope, fhirUser=there)).status_code == 401
    body = {"name": "same", "url": ISS, "audience": AUD, "jwks_url": signing.issuer.url,
            "algorithms": ["ES256"]}  # fmt: skip
    assert neighbour.refusal("POST", "/issuers", body)["errors"][0]["pointer"] == "/audience"
    second = neighbour.post("/issuers", {**body, "audience": "https://other.example.org"})
    for path in (f"/issuers/{second['id']}", f"/issuers/{second['id']}/subjects"):
        assert signing.clinic.call("GET", path).status_code == 404
    member = signing.a_member("clinician")
    body = {"subject": "x", "name": "x", "staff_id": member}
    problem = neighbour.refusal("POST", f"/issuers/{second['id']}/subjects", body)
    assert problem["errors"][0]["pointer"] == "/staff_id"


def test_a_neighbour_shuts_nobody_out(signing: Signing) -> None:
    """Tokens of a common issuer carry audiences beside ours, which anybody may register."""
    a_person(signing, "clinician")
    neighbour = signing.clinic.neighbour()
    both = signing.outside(scope="practice:read", aud=[AUD, "account"])
    body = {"name": "same", "url": ISS, "audience": "account", "jwks_url": signing.issuer.url,
            "algorithms": ["ES256"]}  # fmt: skip
    theirs = neighbour.post("/issuers", body)
    ours = ok(signing.get(both))["practice"]["id"]
    assert ours == signing.clinic.practice_id
    # Somebody of theirs, with the same two audiences, comes to theirs.
    path = f"/issuers/{theirs['id']}/subjects"
    neighbour.post(path, {"subject": "theirs", "name": "t", "scopes": ["practice:read"]})
    token = signing.outside(scope="practice:read", sub="theirs", aud=[AUD, "account"])
    assert ok(signing.get(token))["practice"]["id"] == neighbour.practice_id
    # Whom neither knows, and whose subject is no text, come to nobody.
    for sub in ("stranger", 7, None):
        token = signing.outside(scope="practice:read", sub=sub, aud=[AUD, "account"])
        assert signing.get(token).status_code == 401
    # Whoever both know would open the records of one or the other.
    neighbour.post(path, {"subject": "someone", "name": "s", "scopes": ["practice:read"]})
    signing.forget()
    assert signing.get(both).status_code == 401
    assert signing.get(signing.outside(scope="practice:read")).status_code == 200


MADE = ("issuers:create", "issuers:read", "issuers:update")


def a_system(signing: Signing, *scopes: str) -> Clinic:
    """The clinic for a system whose key has those scopes."""
    clinic = signing.clinic
    return clinic.acting(clinic.post("/keys", {"name": "bot", "scopes": list(scopes)})["key"])


@pytest.mark.parametrize(
    "said",
    [{"jwks_url": "https://keys.example.org/"}, {"algorithms": ["RS256"]}, {"form": "jwt"},
     {"active": False}],
    ids=lambda said: next(iter(said)),
)  # fmt: skip
def test_who_changes_an_issuer_could_come_as_any_of_its_subjects(
    signing: Signing, said: dict[str, Any]
) -> None:
    """Whoever says where its keys are can sign for all of them."""
    issuer = signing.an_issuer()
    path = f"/issuers/{issuer['id']}"
    narrow = a_system(signing, *MADE)
    assert narrow.patch(path, {"name": "nobody's yet"})["name"] == "nobody's yet"
    body = {"subject": "engine", "name": "engine", "scopes": ["system/Patient.rs"]}
    signing.clinic.post(f"{path}/subjects", body)
    before = signing.clinic.get(path)
    refusal = narrow.refusal("PATCH", path, said, if_match="*")
    assert refusal["status"] == 403
    assert refusal["needs"] == ["patients:read", "patients:search"]
    assert signing.clinic.get(path) == before
    wide = a_system(signing, *MADE, "patients:read", "patients:search")
    changed = wide.patch(path, said)
    assert {name: changed[name] for name in said} == said
    # A person among them is somebody whom no system may become, whatever it may do.
    body = {"subject": "boss", "name": "boss", "staff_id": signing.a_member("read_only")}
    signing.clinic.post(f"{path}/subjects", body)
    every = a_system(signing, *sorted(access.PERMISSIONS))
    assert every.refusal("PATCH", path, {"name": "x"}, if_match="*")["status"] == 403
    admin = signing.clinic.acting(signing.clinic.key_for("administrator"))
    assert admin.patch(path, {"name": "x"})["name"] == "x"


def test_an_issuer_is_not_brought_back_by_who_has_less(signing: Signing) -> None:
    issuer, _ = a_person(signing, "administrator")
    path = f"/issuers/{issuer['id']}"
    signing.clinic.patch(path, {"active": False})
    narrow = a_system(signing, *MADE)
    assert narrow.refusal("PATCH", path, {"active": True}, if_match="*")["status"] == 403
    assert signing.get(signing.outside(scope="practice:read")).status_code == 401


@pytest.mark.parametrize(
    "said", [{"active": True}, {"fhir_user": None}, {"name": "x"}, {"scopes": ["practice:read"]}]
)
def test_who_changes_a_subject_hands_on_what_it_has(signing: Signing, said: dict[str, Any]) -> None:
    path = f"/issuers/{signing.an_issuer()['id']}/subjects"
    scopes = ["system/Patient.r", "practice:read"]
    body = {"subject": "engine", "name": "engine", "scopes": scopes, "fhir_user": "Device/1"}
    made = signing.clinic.post(path, body)
    path = f"/subjects/{made['id']}"
    before = signing.clinic.patch(path, {"active": False})
    narrow = a_system(signing, *MADE, "practice:read")
    refusal = narrow.refusal("PATCH", path, said, if_match="*")
    assert (refusal["status"], refusal["needs"]) == (403, ["patients:read"])
    assert signing.clinic.get(path) == before
    wide = a_system(signing, *MADE, "practice:read", "patients:read")
    changed = wide.patch(path, said)
    assert {name: changed[name] for name in said} == said


def test_a_system_lets_nobody_act_as_a_person(signing: Signing) -> None:
    """Its rights may cover theirs; its name in the log is its own all the same."""
    clinic = signing.clinic
    path = f"/issuers/{signing.an_issuer()['id']}/subjects"
    member = signing.a_member("read_only")
    every = a_system(signing, *sorted(access.PERMISSIONS))
    body = {"subject": "kim", "name": "Kim", "staff_id": member}
    assert every.refusal("POST", path, body)["status"] == 403
    made = every.post(path, {"subject": "bot", "name": "bot", "scopes": ["practice:read"]})
    said: dict[str, Any] = {"staff_id": member, "scopes": None}
    where = f"/subjects/{made['id']}"
    assert every.refusal("PATCH", where, said, if_match="*")["status"] == 403
    theirs = clinic.post(path, body)
    where = f"/subjects/{theirs['id']}"
    for said in ({"active": True}, {"staff_id": None, "scopes": ["practice:read"]}):
        assert every.refusal("PATCH", where, said, if_match="*")["status"] == 403
    admin = clinic.acting(clinic.key_for("administrator"))
    assert admin.patch(where, {"name": "Kim L."})["name"] == "Kim L."


def test_an_administrator_names_a_system_that_records_treatments(signing: Signing) -> None:
    clinic = signing.clinic
    path = f"/issuers/{signing.an_issuer()['id']}/subjects"
    admin = clinic.acting(clinic.key_for("administrator"))
    body = {"subject": "charts", "name": "charts", "scopes": ["treatments:create"]}
    answer = admin.call("POST", path, body)
    assert ok(answer)["scopes"] == ["treatments:create"]
    where = answer.headers["location"].removeprefix("/v1")
    assert clinic.get(where) == answer.json()


def test_an_issuer_that_is_no_longer_trusted(signing: Signing) -> None:
    issuer, _ = a_person(signing, "clinician")
    token = signing.outside(scope="practice:read")
    assert signing.get(token).status_code == 200
    signing.clinic.patch(f"/issuers/{issuer['id']}", {"active": False})
    signing.forget()
    assert signing.get(token).status_code == 401
    signing.clinic.patch(f"/issuers/{issuer['id']}", {"active": True})
    assert signing.get(token).status_code == 200


def test_an_issuer_that_is_down_from_the_start(signing: Signing) -> None:
    a_person(signing, "clinician")
    signing.issuer.mode = "down"
    answer = signing.get(signing.outside(scope="practice:read"))
    assert (answer.status_code, answer.json()["code"]) == (503, "issuer-unreachable")
    assert answer.headers["retry-after"] == "30"


def test_tokens_of_nobody(signing: Signing) -> None:
    a_person(signing, "clinician")
    for token in (
        signing.outside(iss="https://evil.example.org"),
        signing.outside(aud="https://other.example.org"),
        signing.outside(ec_key("e1")),
        signing.outside(exp=AT - 1),
        "a.b.c",
        "..",
        "tw_x.y.z",
    ):
        answer = signing.get(token)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")
