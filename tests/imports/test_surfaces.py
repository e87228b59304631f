"""The same import over REST; that of the command line is in `tests/cli`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.db.engine.engine import Database
from tests.support.clinic import Clinic, a_clinic
from tests.support.sheets import NOW, Load, a_row, a_sheet

SHEET = a_sheet(a_row(), a_row(on="3/30/2026"), a_row(on="3/30/2026"), a_row(units="abc"))


@pytest.fixture
def clinic(database: Database) -> Iterator[Clinic]:
    with a_clinic(database, now=NOW) as made:
        yield made


def send(clinic: Clinic, content: bytes | str, query: str = "", **headers: str) -> Any:
    allowed = {"authorization": f"Bearer {clinic.key}", "content-type": "text/csv"}
    allowed |= {name.replace("_", "-"): value for name, value in headers.items()}
    return clinic.client.post(f"/v1/imports/history{query}", content=content, headers=allowed)


def test_load_look_and_revert_over_rest(clinic: Clinic) -> None:
    tried = send(clinic, SHEET, "?dry_run=true")
    assert (tried.status_code, tried.json()["id"], tried.json()["accepted"]) == (200, None, 2)
    answer = send(clinic, SHEET)
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["location"] == f"/v1/imports/{body['id']}"
    assert (body["accepted"], body["skipped"]) == (2, 1)
    assert body["rejected"] == [
        {
            "line": 5,
            "column": "Units",
            "code": "units_unreadable",
            "message": "The number of units cannot be read: write 155 or 155.5.",
        }
    ]
    shown = clinic.get(f"/imports/{body['id']}")
    assert {shown[n] == body[n] for n in ("id", "accepted", "skipped", "rejected", "created")} == {
        True
    }
    [row] = clinic.get("/worklist?on=2026-07-01")["items"]
    assert (row["due_on"], row["cycle"], row["patient"]["mrn"]) == ("2026-06-22", 3, "M1")
    reverted = clinic.post(f"/imports/{body['id']}/revert")
    assert reverted["removed"]["session"] == 2
    assert reverted["reverted_at"]
    assert clinic.get("/worklist?on=2026-07-01")["items"] == []
    assert clinic.refusal("POST", f"/imports/{body['id']}/revert")["code"] == "wrong-state"


def test_a_retry_is_answered_alike(clinic: Clinic) -> None:
    first = send(clinic, SHEET, idempotency_key="k1")
    again = send(clinic, SHEET, idempotency_key="k1")
    assert again.headers["idempotency-replayed"] == "true"
    assert again.json() == first.json()
    assert send(clinic, SHEET + "x", idempotency_key="k1").json()["code"] == "idempotency-mismatch"


REFUSED: list[tuple[bytes | str, str, dict[str, str], int, str]] = [
    ("", "", {}, 422, "bad-import-file"),
    ("a,b\n1,2", "", {}, 422, "bad-import-file"),
    (b"\x00\x01", "", {}, 422, "bad-import-file"),
    (SHEET, "", {"content_type": "application/json"}, 415, "unsupported-media-type"),
    (SHEET, "?dry_run=1", {}, 422, "invalid"),
    (SHEET, "?dryrun=true", {}, 422, "invalid"),
]


@pytest.mark.parametrize(("content", "query", "headers", "status", "code"), REFUSED)
def test_what_is_refused_over_rest(
    sqlite: Database,
    content: bytes | str,
    query: str,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    with a_clinic(sqlite, now=NOW) as clinic:
        answer = send(clinic, content, query, **headers)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_another_practices_import_is_not_there(clinic: Clinic) -> None:
    other = Load(clinic.database)
    report = other(SHEET)
    assert clinic.refusal("GET", f"/imports/{report.import_id}")["code"] == "not-found"
    assert clinic.refusal("POST", f"/imports/{report.import_id}/revert")["code"] == "not-found"
