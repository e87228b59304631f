"""People and systems that come with a token of an outside issuer: T-16's users of another
practice, and those who left with a live token."""

from __future__ import annotations

from typing import Any

from tests.support.clinic import ok
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
    # A token for both would open the records of one or the other.
    both = signing.outside(scope=scope, aud=[AUD, "https://other.example.org"])
    assert signing.get(both).status_code == 401
    for path in (f"/issuers/{second['id']}", f"/issuers/{second['id']}/subjects"):
        assert signing.clinic.call("GET", path).status_code == 404
    member = signing.a_member("clinician")
    body = {"subject": "x", "name": "x", "staff_id": member}
    problem = neighbour.refusal("POST", f"/issuers/{second['id']}/subjects", body)
    assert problem["errors"][0]["pointer"] == "/staff_id"


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
