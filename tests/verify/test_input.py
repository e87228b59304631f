"""T-23: inputs that frameworks stumble over, at the real addresses of the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from app.db.engine.engine import Database
from tests.support.clinic import a_clinic
from tests.support.issuer import ec_key
from tests.support.seeded import Seeded, load, seed

pytestmark = pytest.mark.verify

CANARY = "Quokka-571"
JSON = "application/json"


def patient(**members: Any) -> bytes:
    usual = {"mrn": "N", "family_name": "F", "given_name": "G", "birth_date": "1980-05-17"}
    return json.dumps(usual | members).encode()


def raw(member: str) -> bytes:
    return patient()[:-1] + b", " + member.encode() + b"}"


def given(**members: Any) -> bytes:
    usual = {"status": "given", "given_on": "2026-03-19", "chart": {"plan": "as_protocol"}}
    return json.dumps(usual | members).encode()


def booked(starts_at: Any) -> bytes:
    return json.dumps({"status": "booked", "starts_at": starts_at}).encode()


def charted(member: str) -> bytes:
    return given(chart="@").replace(b'"@"', member.encode())


def client(member: str = "", **said: Any) -> bytes:
    usual = json.dumps({"name": "N", "scopes": ["practice:read"]} | said)
    return (f"{usual[:-1]}, {member}}}" if member else usual).encode()


def key(**members: Any) -> str:
    usual = ec_key("k").as_dict(private=False)
    return f'"jwks": {json.dumps({"keys": [usual | members]})}'


AT_PATIENTS: list[tuple[str, bytes, int]] = [
    ("NaN", raw('"phone": NaN'), 400),
    ("Infinity", raw('"phone": -Infinity'), 400),
    ("a number beyond floats", raw('"phone": 1e400'), 400),
    ("an integer of 5,000 digits", raw('"phone": ' + "9" * 5000), 400),
    ("a lone surrogate", patient().replace(b'"F"', b'"\\ud800"'), 400),
    ("a key given twice", raw(f'"mrn": "{CANARY}"'), 400),
    ("half a body", patient(mrn=CANARY)[:-8], 400),
    ("no body", b"", 422),
    ("UTF-16", patient().decode().encode("utf-16"), 400),
    ("bytes that are no text", patient().replace(b'"F"', b'"\xff"'), 400),
    ("100,000 levels", b'{"mrn":' * 100_000, 400),
    ("a list", b"[]", 422),
    ("a text", f'"{CANARY}"'.encode(), 422),
    ("NUL in a name", patient(family_name="A\0B"), 422),
    ("a newline in a name", patient(family_name=f"{CANARY}\nB"), 422),
    ("only blanks", patient(family_name=" \u200b\u00a0 "), 422),
    ("201 characters", patient(family_name=CANARY + "x" * 200), 422),
    ("a number for a name", patient(family_name=5), 422),
    ("true for a name", patient(family_name=True), 422),
    ("1 for a boolean", patient(active=1), 422),
    ("a social security number", patient(ssn=CANARY), 422),
    ("a name for a date", patient(birth_date=CANARY), 422),
    ("a number for a date", patient(birth_date=0), 422),
    ("the last day of the calendar", patient(birth_date="9999-12-31"), 422),
    ("a day to come", patient(birth_date="2027-01-01"), 422),
    ("no day", patient(birth_date="1981-02-29"), 422),
    ("a date with a time", patient(birth_date="1980-05-17T00:00:00Z"), 422),
    ("an unknown sex", patient(sex=CANARY), 422),
    ("a list of 21 identifiers", patient(identifiers=[{"system": "s", "value": "v"}] * 21), 422),
    ("one identifier twice", patient(identifiers=[{"system": "s", "value": CANARY}] * 2), 422),
]
AT_SESSIONS: list[tuple[str, bytes, int]] = [
    ("a day in 2031", given(given_on="2031-01-05"), 422),
    ("before the patient was born", given(given_on="1950-01-05"), 422),
    ("the last day of the calendar", given(given_on="9999-12-31"), 422),
    ("both a day and an instant", given(given_at="2026-03-19T09:00:00Z"), 422),
    ("a naive instant", booked("2026-06-01T09:00:00"), 422),
    ("seconds since 1970", booked(1780300800), 422),
    ("the end of time", booked("9999-12-31T23:59:59-12:00"), 422),
    ("hour 25", booked("2026-06-01T25:00:00Z"), 422),
    ("an offset of 25 hours", booked("2026-06-01T09:00:00+25:00"), 422),
    ("no such place", given(location_id="01a2cb7d-0d87-7d35-a62b-9d2a56654034"), 422),
    ("no id", given(location_id=CANARY), 422),
    ("an unknown plan", charted(f'{{"plan": "{CANARY}"}}'), 422),
    ("an unknown site", charted(f'{{"injections": [{{"site": "{CANARY}", "units": 5}}]}}'), 422),
    ("units as text", charted('{"total_units": "155"}'), 422),
    ("units as true", charted('{"total_units": true}'), 422),
    ("no units", charted('{"total_units": 0}'), 422),
    ("minus zero units", charted('{"total_units": -0.0}'), 422),
    ("three decimals", charted('{"total_units": 155.005}'), 422),
    ("enormous units", charted('{"total_units": 1e300}'), 422),
    ("vanishing units", charted('{"total_units": 1e-400}'), 422),
    ("two ways of charting", charted('{"plan": "as_protocol", "total_units": 155}'), 422),
    ("no way of charting", charted("{}"), 422),
    ("a plan that was never", charted(f'{{"plan": "as_protocol", "{CANARY}": 1}}'), 422),
]
AT_CLIENTS: list[tuple[str, bytes, int]] = [
    ("no keys and no address", client(), 422),
    (
        "keys and an address",
        client('"jwks": {"keys": []}, "jwks_url": "https://k.example.org/"'),
        422,
    ),
    ("keys that are a text", client(f'"jwks": "{CANARY}"'), 422),
    ("keys that are a list", client(f'"jwks": [{{"{CANARY}": 1}}]'), 422),
    ("keys that are something else", client(f'"jwks": {{"{CANARY}": "{CANARY}"}}'), 422),
    ("a key that is a number", client('"jwks": {"keys": [1]}'), 422),
    ("a key of a kind that is none", client(f'"jwks": {{"keys": [{{"kty": "{CANARY}"}}]}}'), 422),
    ("a key on no curve", client(key(crv=CANARY)), 422),
    ("a point on no curve", client(key(x="AAAA")), 422),
    ("letters that are no number", client(key(x=f"{CANARY}=!\u00e9")), 422),
    ("a kid of 1,000 letters", client(key(kid=CANARY * 100)), 422),
    ("a kid that is a list", client(key(kid=[CANARY])), 422),
    ("a private key", client(key(d=CANARY)), 422),
    ("NaN in a key", client('"jwks": {"keys": [{"kty": "EC", "n": NaN}]}'), 400),
    ("a key twice", client('"jwks": {"keys": [], "keys": []}'), 400),
    ("100,000 levels of keys", client('"jwks": ' + '{"keys":' * 100_000), 400),
    ("no address", client(f'"jwks_url": "{CANARY}"'), 422),
    ("an address with a password", client(f'"jwks_url": "https://a:{CANARY}@k.example.org/"'), 422),
    ("an address of this machine", client('"jwks_url": "https://127.1/"'), 422),
    ("no scope", client('"jwks_url": "https://k.example.org/"', scopes=[]), 422),
    ("a scope of nothing", client('"jwks_url": "https://k.example.org/"', scopes=[CANARY]), 422),
]
QUERIES = [
    *("/worklist?limit=0", "/worklist?limit=201", "/worklist?limit=5.0", "/worklist?limit=٥"),
    *("/worklist?limit=", "/worklist?limit=5&limit=6", f"/worklist?{CANARY}=1"),
    *("/worklist?on=0", "/worklist?on=20260330", "/worklist?on=9999-12-31", "/worklist?on=%00"),
    *(f"/worklist?status={CANARY}", "/worklist?status=due,", "/worklist?q=%00", "/worklist?q=%ff"),
    *(f"/worklist?cursor={CANARY}", f"/worklist?location_id={CANARY}", "/patients?q=%ed%a0%80"),
    *(
        "/demand?weeks=0",
        "/demand?weeks=1e3",
        "/demand?from=2026-02-30",
        "/patients?mrn=" + "x" * 201,
    ),
]
PATHS = [
    *(f"/patients/{CANARY}", "/patients/0", "/patients/%00", "/patients/..%2fpractice"),
    *("/patients/01A2CB7D-0D87-7D35-A62B-9D2A5665403", "/protocols/preempt/versions/0"),
    *("/protocols/preempt/versions/99999999999999999999", "/protocols/%ff/versions/1", "/nothing"),
]


@pytest.fixture
def seeded(database: Database) -> Iterator[Seeded]:
    with a_clinic(database) as clinic:
        yield seed(clinic)


def send(seeded: Seeded, method: str, path: str, content: bytes, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    named = {"authorization": f"Bearer {seeded.clinic.key}", "content-type": JSON} | named
    return seeded.clinic.client.request(method, f"/v1{path}", content=content, headers=named)


def refused(answer: Any, status: int, what: str) -> None:
    assert answer.status_code == status, (what, answer.text)
    assert answer.headers["content-type"] == "application/problem+json", what
    assert answer.json()["status"] == status
    assert CANARY.casefold() not in answer.text.casefold(), (what, answer.text)


def test_what_is_no_request_is_refused_and_not_repeated(seeded: Seeded) -> None:
    before = seeded.everything()
    sessions = f"/courses/{seeded.ids['courses'][0]}/sessions"
    tables = {"/patients": AT_PATIENTS, sessions: AT_SESSIONS, "/clients": AT_CLIENTS}
    for path, table in tables.items():
        for what, content, status in table:
            refused(send(seeded, "POST", path, content), status, what)
            # Asked again with a key, it is refused again.
            refused(send(seeded, "POST", path, content, idempotency_key="k"), status, what)
    for query in QUERIES:
        refused(send(seeded, "GET", query, b""), 422, query)
    for path in PATHS:
        refused(send(seeded, "GET", path, b""), 404, path)
    assert seeded.everything() == before
    tried = sum(map(len, tables.values())) + len(QUERIES) + len(PATHS)
    print(f"\n{tried} inputs refused")


def test_headers_and_sizes(seeded: Seeded) -> None:
    before = seeded.everything()
    one = f"/patients/{seeded.ids['patients'][0]}"
    change = b'{"family_name": "B"}'
    cases: list[tuple[str, str, bytes, dict[str, str], int]] = [
        ("POST", "/patients", patient(), {"content_type": "text/plain"}, 415),
        ("POST", "/patients", patient(), {"content_type": "application/json; charset=cp037"}, 415),
        ("POST", "/patients", patient(), {"content_type": "multipart/form-data; boundary=x"}, 415),
        ("POST", "/patients", patient(), {"content_encoding": "gzip"}, 415),
        ("POST", "/patients", patient(phone="x" * 1_100_000), {}, 413),
        ("POST", "/patients", patient(), {"idempotency_key": "x" * 201}, 422),
        ("POST", "/patients", patient(), {"x_large": "x" * 40_000}, 431),
        ("PATCH", one, change, {}, 428),
        ("PATCH", one, change, {"if_match": CANARY}, 412),
        ("PATCH", one, change, {"if_match": '"1'}, 412),
        ("PATCH", one, b'{"family_name": null}', {"if_match": "*"}, 422),
        ("PATCH", one, b"[]", {"if_match": "*"}, 422),
        ("DELETE", one, b"", {}, 405),
        ("PUT", one, change, {}, 405),
        ("GET", one, b"", {"authorization": f"Bearer {CANARY}"}, 401),
        ("GET", one, b"", {"authorization": "Basic dHc6dHc="}, 401),
        ("POST", "/imports/history", b"MRN\0,\n", {"content_type": "text/csv"}, 422),
        ("POST", "/imports/history", b"\xff\xfe\0", {"content_type": "text/csv"}, 422),
        ("POST", "/imports/history", b"", {"content_type": "text/csv"}, 422),
        ("POST", "/imports/history", b"{}", {}, 415),
    ]
    for method, path, content, headers, status in cases:
        refused(send(seeded, method, path, content, **headers), status, f"{path} {headers}"[:200])
    assert seeded.everything() == before


def test_what_is_right_comes_back_as_it_was_meant(seeded: Seeded) -> None:
    clinic = seeded.clinic
    name = "\u00a0O\u2019Brien-\u0141ukasz \U0001f9e0 % _ ' \u202f"
    made = send(seeded, "POST", "/patients", patient(family_name=name, phone="\u0664\u0665"))
    assert made.json()["family_name"] == name.strip("\u00a0\u202f ")
    assert made.json()["phone"] == "\u0664\u0665"
    escaped = patient(mrn="N2").replace(b'"F"', b'"\\ud83e\\udde0\\u002f"')
    assert send(seeded, "POST", "/patients", escaped).json()["family_name"] == "\U0001f9e0/"
    limits = {"mrn": "N" * 200, "family_name": "\U0001f9e0" * 200, "birth_date": "1900-01-01"}
    longest = send(seeded, "POST", "/patients", patient(**limits))
    assert {n: longest.json()[n] for n in limits} == limits

    course = clinic.a_course()
    path = f"/courses/{course['id']}/sessions"
    for units, shown in ((b"0.01", 0.01), (b"155.0", 155), (b"1.5e1", 15), (b"1000", 1000)):
        chart = charted('{"total_units": @}').replace(b"@", units)
        assert send(seeded, "POST", path, chart).json()["units_administered"] == shown
    instant = send(seeded, "POST", path, booked("2026-06-01t09:00:00.123456789+05:45"))
    assert instant.status_code == 409  # before the interval is over; and named as sent nowhere
    late = send(seeded, "POST", path, booked("2027-06-01t09:00:00.123456789+05:45"))
    assert late.json()["starts_at"] == "2027-06-01T03:15:00.123456Z"

    members = {"use": "sig", "x5c": ["a\0b"], "\u0664": 1e-300, "n\0": {"deep": [None, 2**62]}}
    keys = json.loads(client(key(**members)))
    made = send(seeded, "POST", "/clients", json.dumps(keys).encode())
    assert clinic.get(f"/clients/{made.json()['id']}")["jwks"] == keys["jwks"]

    sheet = '\ufeff"MRN","Last name","First name","DOB","Treated on","Units"\r\n' + (
        '"S-1","O\u2019Brien","Ana","12/15/1977","9/18/2025","155u"\r\n'
    )
    assert load(clinic, sheet, "?dry_run=true").json()["accepted"] == 1
