"""T-22: whatever stands in a query is a value: never a statement, a pattern or a failure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from app.db.engine.engine import Database
from tests.support.clinic import a_clinic
from tests.support.seeded import Seeded, operations, seed

pytestmark = pytest.mark.verify

PAYLOADS = [
    *("'", '"', "''", "`", "\\", "\\'", "';", "--", "/*", "*/", "#", ";", "()", ")", "%27"),
    *("%", "_", "%%", "_%", "\\%", "\\_", "/%", "[a-z]", "*", "?", "^", "$", ".*", "{0}", "%s"),
    *("' OR '1'='1", "' OR 1=1--", '" OR ""="', "') OR ('1'='1", "1 OR 1=1", "' OR 1=1#"),
    *("'; DROP TABLE patient;--", "1; DELETE FROM course", "'; UPDATE patient SET active=0;--"),
    *("' UNION SELECT null,null--", "' UNION ALL SELECT key_hash FROM api_key--"),
    *("' AND (SELECT 1 FROM pg_sleep(5))--", "'||pg_sleep(5)--", "1;SELECT pg_sleep(5)"),
    *("' AND randomblob(1000000000)--", "'; ATTACH DATABASE '/tmp/x' AS x;--"),
    *("due_on; DROP TABLE course", "(CASE WHEN 1=1 THEN id ELSE due_on END)", "id DESC", "-id"),
    *("sqlite_schema", "information_schema.tables", "current_user", "@@version", "x'00'"),
    *(":id", ":practice_id", "%(practice_id)s", "$1", "?1", "${7*7}", "{{7*7}}"),
    *("NULL", "null", "true", "0", "-1", "1e309", "0x27", "\u02bc OR 1=1", "\uff07 OR 1=1"),
    *("'\u00a0OR\u00a01=1", "\u0130", "\u00df", "%2527", "..%2f..%2fetc/passwd", "' OR ''='"),
]
# Refused in every text: they would end a line, or be cut off, somewhere further on.
CONTROLS = ["a\0b", "a\nb", "a\x1bb", "\x7f", "a\x85b"]


@pytest.fixture
def seeded(database: Database) -> Iterator[Seeded]:
    with a_clinic(database) as clinic:
        yield seed(clinic)


def parameters(operation: dict[str, Any]) -> list[str]:
    return [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]


def test_no_payload_in_any_query_parameter_does_anything(seeded: Seeded) -> None:
    assert len(PAYLOADS) >= 60
    clinic = seeded.clinic
    before = seeded.everything()
    tried = 0
    for method, path, operation in operations(clinic):
        if method != "GET":
            continue
        address = seeded.address(path)
        for name in parameters(operation):
            for payload in [*PAYLOADS, *CONTROLS]:
                answer = clinic.call("GET", f"{address}?{name}={quote(payload, safe='')}")
                assert answer.status_code in (200, 422), (path, name, payload, answer.text)
                if answer.status_code == 422:
                    assert [e["pointer"] for e in answer.json().get("errors", ())] in (
                        [f"?{name}"],
                        [],
                    ), (path, name, payload, answer.text)
                if payload in CONTROLS:
                    assert answer.status_code == 422
                tried += 1
    assert seeded.everything() == before
    print(f"\n{len(PAYLOADS)} payloads and {len(CONTROLS)} control characters: {tried} queries")


def test_no_payload_in_a_path_a_name_or_a_header_does_anything(seeded: Seeded) -> None:
    clinic = seeded.clinic
    before = seeded.everything()
    addresses = [path for method, path, _ in operations(clinic) if method == "GET" and "{" in path]
    for payload in PAYLOADS:
        sent = quote(payload, safe="")
        for path in addresses:
            # In every part, and in the last one behind what is there.
            inner = path.rpartition("{")[0]
            behind = seeded.address(inner) if "{id}" in inner else inner.removeprefix("/v1")
            last = behind + sent + path.rpartition("}")[2]
            for wrong in (re.sub(r"{\w+}", sent, path).removeprefix("/v1"), last):
                answer = clinic.call("GET", wrong)
                assert answer.status_code == 404, (wrong, answer.text)
        unknown = clinic.call("GET", f"/worklist?{sent}=1")
        sort = clinic.call("GET", f"/patients?sort={sent}")
        for refused in (unknown, sort):
            assert (refused.status_code, refused.json()["code"]) == (422, "invalid")
        if payload.isascii():
            one = seeded.address("/v1/patients/{id}")
            tagged = clinic.call("GET", one, if_none_match=payload, x_request_id=payload)
            assert tagged.status_code == (304 if payload == "*" else 200)
            stale = clinic.call("PATCH", one, {"given_name": "X"}, if_match=payload)
            assert stale.status_code == 412 or payload == "*", (payload, stale.text)
            if payload == "*":
                before = seeded.everything()
    assert seeded.everything() == before


def test_no_payload_in_a_searching_body_does_anything(seeded: Seeded) -> None:
    clinic = seeded.clinic
    before = seeded.everything()
    document = clinic.client.get("/openapi.json").json()["components"]["schemas"]
    bodies = {
        "patients": "PatientSearch",
        "sessions": "SessionSearch",
        "worklist": "WorklistSearch",
        "audit-events": "AuditSearch",
    }
    for path, model in bodies.items():
        for name in document[model]["properties"]:
            for payload in [*PAYLOADS, *CONTROLS]:
                answer = clinic.call("POST", f"/{path}/search", {name: payload})
                assert answer.status_code in (200, 422), (path, name, payload, answer.text)
    assert seeded.everything() == before


def test_a_search_finds_what_holds_the_text_and_nothing_else(seeded: Seeded) -> None:
    """Names that are payloads, searched for by every payload: as reading them one by one finds."""
    clinic = seeded.clinic
    words = [
        *dict.fromkeys(p for p in PAYLOADS if len(p) <= 50),
        "Plain",
        "100% Sure",
        "a_b",
        "axb",
    ]
    held: dict[str, str] = {}  # what a search looks through, by MRN
    for number, word in enumerate(words):
        mrn = f"X{number:03}"
        patient = clinic.a_patient(mrn=mrn, family_name=word, given_name="Given")
        clinic.a_course("2026-01-05", patient_id=patient["id"])
        held[mrn] = f"{word} Given {word} {mrn}".casefold()
    for patient in clinic.get("/patients?limit=200")["items"]:
        if patient["mrn"] not in held:
            family, given, mrn = (patient[n] for n in ("family_name", "given_name", "mrn"))
            held[mrn] = f"{family} {given} {family} {mrn}".casefold()
    found_any = 0
    for word in words:
        parts = word.casefold().split()
        wanted = {mrn for mrn, whole in held.items() if all(part in whole for part in parts)}
        sent = quote(word, safe="")
        patients = clinic.get(f"/patients?limit=200&q={sent}")["items"]
        assert {p["mrn"] for p in patients} == wanted, word
        searched = clinic.post("/patients/search", {"q": word, "limit": 200})["items"]
        assert [p["id"] for p in searched] == [p["id"] for p in patients]
        rows = clinic.get(f"/worklist?limit=200&on=2026-03-20&q={sent}")["items"]
        assert {row["patient"]["mrn"] for row in rows} == wanted, word
        total = clinic.get(f"/worklist/summary?on=2026-03-20&q={sent}")["total"]
        assert total == len(rows)
        exact = clinic.get(f"/patients?mrn={sent}")["items"]
        assert exact == [], word
        found_any += len(wanted)
    assert found_any > len(words)
