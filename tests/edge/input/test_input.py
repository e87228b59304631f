"""Everything that frameworks let through or stumble over: refused, never a 500, never echoed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.edge_app import UUID, client, post

AT = client()

CANARY = "Zanzibar-Canary-571"


def with_(**members: Any) -> bytes:
    return json.dumps({"name": "Ana", **members}).encode()


def raw(text: str) -> bytes:
    return b'{"name": "Ana", ' + text.encode() + b"}"


# (what it is, body, status, pointer or None)
BODIES: list[tuple[str, bytes, int, str | None]] = [
    ("NaN", raw('"units": NaN'), 400, None),
    ("Infinity", raw('"units": Infinity'), 400, None),
    ("minus Infinity", raw('"units": -Infinity'), 400, None),
    ("a float beyond floats", raw('"units": 1e400'), 400, None),
    ("an int beyond 64 bits", raw('"count": 9223372036854775808'), 400, None),
    ("an int of 5000 digits", raw('"count": ' + "9" * 5000), 400, None),
    ("duplicate keys", raw(f'"name": "{CANARY}"'), 400, None),
    ("duplicate keys further in", raw('"chart": {"omit": [], "omit": []}'), 400, None),
    ("a lone surrogate", raw('"note": "\\ud800"'), 400, None),
    ("a lone surrogate in a key", raw('"\\udfff": 1'), 400, None),
    ("not UTF-8", b'{"name": "\xff\xfe"}', 400, None),
    ("UTF-16", '{"name": "Ana"}'.encode("utf-16"), 400, None),
    ("a byte order mark", b"\xef\xbb\xbf" + with_(), 400, None),
    ("nothing", b"", 422, ""),
    ("half of it", b'{"name": "' + CANARY.encode(), 400, None),
    ("two values", with_() + b" {}", 400, None),
    ("single quotes", b"{'name': 'Ana'}", 400, None),
    ("a raw newline in a text", b'{"name": "A\nB"}', 400, None),
    ("65 levels", b"[" * 65 + b"]" * 65, 400, None),
    ("100,000 levels", b"[" * 100_000, 400, None),
    ("100,000 levels of objects", b'{"a":' * 100_000, 400, None),
    ("a list for an object", b"[]", 422, ""),
    ("null for an object", b"null", 422, ""),
    ("a text for an object", f'"{CANARY}"'.encode(), 422, ""),
    ("an unknown field", with_(practice_id=CANARY), 422, "/practice_id"),
    ("an unknown field with a value for its name", with_(**{CANARY: 1}), 422, ""),
    ("a missing field", b"{}", 422, "/name"),
    ("a number for a text", raw('"note": 5'), 422, "/note"),
    ("a boolean for a text", raw('"note": true'), 422, "/note"),
    ("text for an int", with_(count="5"), 422, "/count"),
    ("true for an int", with_(count=True), 422, "/count"),
    ("5.0 for an int", raw('"count": 5.0'), 422, "/count"),
    ("an int out of bounds", with_(count=11), 422, "/count"),
    ("1 for a boolean", with_(active=1), 422, "/active"),
    ("text for a boolean", with_(active="true"), 422, "/active"),
    ("an empty text", b'{"name": ""}', 422, "/name"),
    ("a blank text", json.dumps({"name": " \u00a0\u200b "}).encode(), 422, "/name"),
    ("201 characters", json.dumps({"name": "x" * 201}).encode(), 422, "/name"),
    ("2001 characters", with_(note="x" * 2001), 422, "/note"),
    ("NUL", json.dumps({"name": "A\0B"}).encode(), 422, "/name"),
    ("a bell", json.dumps({"name": "A\x07"}).encode(), 422, "/name"),
    ("a newline in a line", json.dumps({"name": "A\nB"}).encode(), 422, "/name"),
    ("a C1 control", json.dumps({"name": "A\x85B"}).encode(), 422, "/name"),
    ("a line separator", json.dumps({"name": "A\u2028B"}).encode(), 422, "/name"),
    ("NUL in a long text", with_(note="A\0B"), 422, "/note"),
    ("a date as a number", with_(day=0), 422, "/day"),
    ("a date as digits", with_(day="0"), 422, "/day"),
    ("a date with a time", with_(day="2026-03-30T00:00:00Z"), 422, "/day"),
    ("an American date", with_(day="03/30/2026"), 422, "/day"),
    ("a compact date", with_(day="20260330"), 422, "/day"),
    ("a week date", with_(day="2026-W13-1"), 422, "/day"),
    ("Arabic digits", with_(day="٢٠٢٦-٠٣-٣٠"), 422, "/day"),
    ("31 February", with_(day="2026-02-31"), 422, "/day"),
    ("29 February of no leap year", with_(day="2100-02-29"), 422, "/day"),
    ("the last day there is", with_(day="9999-12-31"), 422, "/day"),
    ("year 2201", with_(day="2201-01-01"), 422, "/day"),
    ("year 1899", with_(day="1899-12-31"), 422, "/day"),
    ("year 0", with_(day="0000-01-01"), 422, "/day"),
    ("a naive instant", with_(at="2026-03-30T09:20:00"), 422, "/at"),
    ("an instant as a number", with_(at=1774862400), 422, "/at"),
    ("an instant without seconds", with_(at="2026-03-30T09:20-04:00"), 422, "/at"),
    ("an instant with hour 25", with_(at="2026-03-30T25:00:00Z"), 422, "/at"),
    ("an offset of 25 hours", with_(at="2026-03-30T09:00:00+25:00"), 422, "/at"),
    ("an instant in 9999", with_(at="9999-12-31T23:59:59-23:00"), 422, "/at"),
    ("an instant in year 1", with_(at="0001-01-01T00:00:00+23:00"), 422, "/at"),
    ("units as text", with_(units="5"), 422, "/units"),
    ("units as a boolean", with_(units=True), 422, "/units"),
    ("three decimals", raw('"units": 2.505'), 422, "/units"),
    ("no units", with_(units=0), 422, "/units"),
    ("negative units", raw('"units": -0.01'), 422, "/units"),
    ("minus zero", raw('"units": -0.0'), 422, "/units"),
    ("too many units", raw('"units": 1000.01'), 422, "/units"),
    ("enormous units", raw('"units": 1e300'), 422, "/units"),
    ("vanishing units", raw('"units": 1e-400'), 422, "/units"),
    ("a list for units", with_(units=[5]), 422, "/units"),
    ("no UUID", with_(owner=CANARY), 422, "/owner"),
    ("a UUID in braces", with_(owner="{" + UUID + "}"), 422, "/owner"),
    ("no time zone", with_(zone="Mars/Olympus"), 422, "/zone"),
    ("a file for a time zone", with_(zone="../../etc/passwd"), 422, "/zone"),
    ("an unknown word", with_(sex=CANARY), 422, "/sex"),
    ("far inside", with_(chart={"omit": [{"site": CANARY + "!"}]}), 422, "/chart/omit/0/site"),
    ("an object for a list", with_(chart={"omit": {}}), 422, "/chart/omit"),
    ("too many entries", with_(chart={"omit": [{"site": "A"}] * 41}), 422, "/chart/omit"),
    ("an unknown kind", with_(visit={"status": CANARY}), 422, "/visit"),
    ("no kind", with_(visit={}), 422, "/visit"),
    ("inside a kind", with_(visit={"status": "booked", "starts_at": "x"}), 422, "/visit/starts_at"),
    ("missing in a kind", with_(visit={"status": "given"}), 422, "/visit/given_on"),
]


def refused(answer: Any, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "Canary" not in answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{problem['code']}"
    assert problem["title"]
    assert problem["detail"]
    for error in problem.get("errors", []):
        assert set(error) == {"pointer", "detail"}
    return problem


@pytest.mark.parametrize(
    ("body", "status", "pointer"), [row[1:] for row in BODIES], ids=[row[0] for row in BODIES]
)
def test_a_body_that_is_wrong(body: bytes, status: int, pointer: str | None) -> None:
    problem = refused(post(AT, body), status)
    if pointer is None:
        assert "errors" not in problem
    else:
        assert [error["pointer"] for error in problem["errors"]] == [pointer]


# (what it is, what is sent, what comes back)
GOOD: list[tuple[str, bytes, dict[str, Any]]] = [
    ("trimmed", json.dumps({"name": "  José Ó \u00a0"}).encode(), {"name": "José Ó"}),
    ("200 characters", json.dumps({"name": "x" * 200}).encode(), {"name": "x" * 200}),
    ("an astral character", b'{"name": "\\ud83d\\ude00"}', {"name": "😀"}),
    ("lines in a long text", with_(note="a\n\tb"), {"note": "a\n\tb"}),
    ("a leap day", with_(day="2028-02-29"), {"day": "2028-02-29"}),
    ("the first year", with_(day="1900-01-01"), {"day": "1900-01-01"}),
    ("the last year", with_(day="2200-12-31"), {"day": "2200-12-31"}),
    ("an instant", with_(at="2026-03-30T09:20:00-04:00"), {"at": "2026-03-30T13:20:00Z"}),
    ("an instant in UTC", with_(at="2026-03-30t09:20:00z"), {"at": "2026-03-30T09:20:00Z"}),
    ("whole units", raw('"units": 155'), {"units": 155, "hundredths": 15500}),
    ("whole units with a point", raw('"units": 155.0'), {"units": 155, "hundredths": 15500}),
    ("half units", raw('"units": 2.5'), {"units": 2.5, "hundredths": 250}),
    ("a tenth", raw('"units": 0.1'), {"units": 0.1, "hundredths": 10}),
    ("a hundredth", raw('"units": 0.01'), {"units": 0.01, "hundredths": 1}),
    ("29 hundredths", raw('"units": 0.29'), {"units": 0.29, "hundredths": 29}),
    ("an exponent", raw('"units": 1e2'), {"units": 100, "hundredths": 10000}),
    ("the most", raw('"units": 1000'), {"units": 1000, "hundredths": 100000}),
    ("an id in capitals", with_(owner=UUID.upper()), {"owner": UUID}),
    ("a zone", with_(zone="America/New_York"), {"zone": "America/New_York"}),
    ("null", with_(day=None), {"day": None}),
]


@pytest.mark.parametrize(("body", "shown"), [row[1:] for row in GOOD], ids=[row[0] for row in GOOD])
def test_a_body_that_is_right(body: bytes, shown: dict[str, Any]) -> None:
    answer = post(AT, body)
    assert answer.status_code == 201, answer.text
    assert {key: answer.json()[key] for key in shown} == shown
    assert "155.0" not in answer.text


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 201),
        ("application/json; charset=utf-8", 201),
        ('Application/JSON;charset="UTF-8"', 201),
        ("application/json; charset=latin-1", 415),
        ("application/merge-patch+json", 415),
        ("application/vnd.api+json", 415),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("", 415),
    ],
)
def test_content_types(kind: str, status: int) -> None:
    answer = post(AT, with_(), kind)
    assert answer.status_code == status
    if status != 201:
        assert refused(answer, status)["code"] == "unsupported-media-type"


def test_a_merge_patch_may_say_so() -> None:
    answer = AT.patch(
        f"/v1/things/{UUID}",
        content=with_(),
        headers={"content-type": "application/merge-patch+json"},
    )
    assert answer.status_code == 200


# (query string, pointers)
QUERIES: list[tuple[str, list[str]]] = [
    ("nope=1", ["?nope"]),
    (f"{CANARY}=1", ["?"]),
    ("limit=5&limit=6", ["?limit"]),
    ("limit=5&nope=1&also=2", ["?nope", "?also"]),
    ("limit=0", ["?limit"]),
    ("limit=201", ["?limit"]),
    ("limit=5.0", ["?limit"]),
    ("limit=%205", ["?limit"]),
    ("limit=1_0", ["?limit"]),
    ("limit=1e1", ["?limit"]),
    ("limit=", ["?limit"]),
    ("limit=" + "9" * 5000, ["?limit"]),
    ("limit=%D9%A5", ["?limit"]),
    ("limit=true", ["?limit"]),
    ("due_from=0", ["?due_from"]),
    ("due_from=", ["?due_from"]),
    ("due_from=9999-12-31", ["?due_from"]),
    ("due_from=2026-03-30T00:00:00Z", ["?due_from"]),
    ("due_from=2026-02-30", ["?due_from"]),
    ("due_from=%00", ["?due_from"]),
    ("due_from=%FF%FE", ["?"]),
    ("status=late", ["?status"]),
    ("status=overdue,,due", ["?status"]),
    ("status=", ["?status"]),
    ("status=" + "due," * 12_000, ["?status"]),
    ("&".join(f"a{n}=1" for n in range(60)), ["?"]),
]


@pytest.mark.parametrize(("query", "pointers"), QUERIES, ids=lambda value: str(value)[:30])
def test_a_query_that_is_wrong(query: str, pointers: list[str]) -> None:
    problem = refused(AT.get(f"/v1/things?{query}"), 422)
    assert [error["pointer"] for error in problem["errors"]] == pointers


def test_a_query_that_is_right() -> None:
    answer = AT.get("/v1/things?due_from=2026-03-30&limit=200&status=overdue%2Cdue,overdue")
    assert answer.json() == {
        "due_from": "2026-03-30",
        "limit": 200,
        "status": ["overdue", "due"],
    }
    assert AT.get("/v1/things").json()["limit"] == 50


@pytest.mark.parametrize("thing", ["1", "x" * 5000, "%00", "%FF", UUID + "0", "..%2F..", "٣"])
def test_an_address_that_can_be_no_id_is_not_found(thing: str) -> None:
    assert refused(AT.get(f"/v1/things/{thing}"), 404)["code"] == "not-found"


def test_an_id_is_read_in_either_case() -> None:
    assert AT.get(f"/v1/things/{UUID.upper()}").json() == {"id": UUID}


def test_errors_are_bounded() -> None:
    body = with_(chart={"omit": [{"site": "!"}] * 40}, **{f"f_{'x' * n}": 1 for n in range(1, 40)})
    assert len(refused(post(AT, body), 422)["errors"]) <= 50
