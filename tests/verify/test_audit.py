"""T-28: whatever is asked leaves who, what, which patient, when, outcome; or is not answered."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any, cast

import pytest
from sqlalchemy import text

from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from app.db.rows.audit import AuditEventRow
from app.domain.audit.events import Outcome
from app.domain.ids import new_id
from app.edge.http.client_address import LOCAL
from app.edge.requests.audit_log import AuditLog
from app.services.access import keys
from app.services.audit import audit
from app.services.scheduling import worklist_csv
from tests.support.app_client import AppClient
from tests.support.clinic import Clinic, a_clinic
from tests.support.notes import another
from tests.support.seeded import Seeded, seed
from tests.support.serving import at_once
from tests.support.tenants import CSV, House, Route, a_house, routes, staff_key

pytestmark = pytest.mark.verify

ROUTES = routes()
_marks = count(1)


@pytest.fixture
def house(database: Database, tmp_path: Path) -> Iterator[House]:
    with a_house(database, tmp_path) as made:
        made.planted = []
        yield made


@pytest.fixture
def seeded(database: Database) -> Iterator[Seeded]:
    with a_clinic(database) as clinic:
        yield seed(clinic)


class Log:
    """Sends requests by a number of their own, and gives the rows each of them left."""

    def __init__(self, house: House, key: str) -> None:
        self.house, self.key = house, key

    def ask(self, route: Route, path: str, body: Any, **headers: str) -> tuple[Any, list[Any]]:
        mark = f"asked-{next(_marks)}"
        answer = self.house.ask(route, path, body, self.key, x_request_id=mark, **headers)
        rows = [row for row in self.house.clinic.audit() if row["request_id"] == mark]
        return answer, rows

    def carry_out(self, route: Route) -> tuple[Any, list[Any]]:
        ours = self.house.ours
        body: Any = self.house.body(route, ours)
        kind = {"content_type": "text/csv"} if route.name == CSV else {}
        return self.ask(route, ours.address(route.path), body, **kind)


def named(row: Any) -> set[str]:
    """The patients a row tells of."""
    one = {row["patient_id"]} - {None}
    return one | set(audit.unpacked(row["patients"]))


def told_of(house: House, row: Any, route: Route) -> None:
    """The row says who, when, what and by which credential."""
    found = keys.find(house.clinic.database, digest=keys.hashed(house.clinic.key))
    assert found
    assert row["at"] == house.clinic.clock.now
    assert (row["by_type"], row["by_name"]) == ("staff", "Kim")
    assert row["by_id"] is not None
    assert row["address"] == LOCAL
    assert row["credential_id"] not in (None, found.key["id"])
    if row["outcome"] != Outcome.DONE:
        assert row["action"] == route.policy.action
        assert row["resource_type"] == route.policy.noun
        assert row["changes"] == {}


def test_every_route_leaves_its_entries(house: House) -> None:
    everyone = {one["id"] for one in house.clinic.get("/patients?limit=200")["items"]}
    log = Log(house, staff_key(house.clinic, "administrator", "clinician"))
    refused = 0
    for route in sorted(ROUTES, key=lambda one: not one.policy.reads):
        answer, rows = log.carry_out(route)
        assert rows, route.name
        for row in rows:
            told_of(house, row, route)
        if answer.status_code >= 400:
            assert [row["outcome"] for row in rows] == [answer.json()["code"]], route.name
            refused += 1
        elif route.policy.reads:
            [row] = rows
            assert row["outcome"] == Outcome.SHOWN
            if "{id}" in route.path:
                assert row["resource_id"] in house.ours.address(route.path)
            if not route.policy.patients:
                assert named(row) == set(), route.name
            elif route.policy.noun == "audit":
                assert named(row) <= everyone, route.name
            elif "{id}" in route.path:
                assert named(row) == {house.ours.ids["patients"][0]}, route.name
            else:
                shown = {one for one in everyone if one in answer.text}
                assert named(row) == shown, route.name
        else:
            assert {row["outcome"] for row in rows} <= {Outcome.DONE, Outcome.SHOWN}, route.name
            assert len(rows) == 1 or {row["outcome"] for row in rows} == {Outcome.DONE}
    # In their order some undo what others need; most were carried out.
    assert refused < len(ROUTES) / 4


def test_every_refusal_leaves_one_entry(house: House) -> None:
    able = Log(house, staff_key(house.clinic, "administrator", "clinician"))
    unable = Log(house, staff_key(house.clinic, "administrator", scopes=["emergencies:create"]))
    for route in ROUTES:
        there = house.ours.address(route.path)
        tried = [unable.ask(route, there, house.body(route, house.ours))]
        tried.append(able.ask(route, f"{there}?no_such_thing=1", house.body(route, house.ours)))
        if route.method != "GET" and route.name != CSV:
            tried.append(able.ask(route, there, b"{"))
        if "{" in route.path:
            nowhere = house.foreign(route)[1]
            tried.append(able.ask(route, nowhere, house.body(route, house.ours)))
        for answer, rows in tried:
            assert answer.status_code >= 400, (route.name, answer.text)
            assert [row["outcome"] for row in rows] == [answer.json()["code"]], route.name
            told_of(house, rows[0], route)
            assert named(rows[0]) == set()


def test_a_credential_that_was_good_once_is_told_of(house: House) -> None:
    left = Log(house, staff_key(house.clinic, "clinician", active=False))
    nobody = Log(house, "garbage")
    for route in ROUTES:
        answer, rows = left.ask(route, house.ours.address(route.path), None)
        assert answer.status_code == 401
        assert [row["outcome"] for row in rows] == ["unauthenticated"]
        told_of(house, rows[0], route)
        assert nobody.ask(route, house.ours.address(route.path), None)[1] == []


def test_a_token_that_was_good_once_is_told_of(house: House) -> None:
    """Of a client that was revoked, and of a person who left."""
    signing = house.of(house.ours)
    client, of_client = house.client(house.ours)
    person, of_person = house.person(house.ours, "someone", "administrator")
    signing.clinic.patch(f"/clients/{client}", {"active": False})
    signing.leaves(person)
    for token, who in ((of_client, ("system", client)), (of_person, ("staff", person))):
        log = Log(house, token)
        for route in ROUTES:
            answer, rows = log.ask(route, house.ours.address(route.path), None)
            assert answer.status_code == 401
            assert [row["outcome"] for row in rows] == ["unauthenticated"], route.name
            assert (rows[0]["by_type"], rows[0]["by_id"]) == who
            assert (rows[0]["action"], rows[0]["address"]) == (route.policy.action, LOCAL)
            assert rows[0]["credential_id"] is not None


def test_what_changed_nothing_is_one_entry(house: House) -> None:
    log = Log(house, staff_key(house.clinic, "administrator", "clinician"))
    by_name = {route.name: route for route in ROUTES}
    patient = f"/patients/{house.ours.ids['patients'][0]}"
    post, patch = by_name["POST /v1/locations"], by_name["PATCH /v1/patients/{id}"]
    show = by_name["GET /v1/patients/{id}"]
    body = {"name": "One", "time_zone": "UTC"}
    first, rows = log.ask(post, "/locations", body, idempotency_key="k-1")
    assert [row["outcome"] for row in rows] == ["done"]
    again, rows = log.ask(post, "/locations", body, idempotency_key="k-1")
    assert again.content == first.content
    assert [row["outcome"] for row in rows] == ["shown"]
    other, rows = log.ask(post, "/locations", body | {"name": "Two"}, idempotency_key="k-1")
    assert [row["outcome"] for row in rows] == [other.json()["code"]] == ["idempotency-mismatch"]
    assert [row["outcome"] for row in log.ask(patch, patient, {})[1]] == ["shown"]
    stale, rows = log.ask(patch, patient, {"phone": "1"}, if_match='"1-0"')
    assert [row["outcome"] for row in rows] == [stale.json()["code"]] == ["stale-version"]
    tag = log.ask(show, patient, None)[0].headers["etag"]
    answer, rows = log.ask(show, patient, None, if_none_match=tag)
    assert answer.status_code == 304
    assert [(row["outcome"], named(row)) for row in rows] == [
        ("shown", {house.ours.ids["patients"][0]})
    ]


def test_the_log_says_from_where(house: House) -> None:
    client = AppClient(house.clinic.app, "https://x", client=("203.0.113.9", 4711))
    headers = {"authorization": f"Bearer {house.clinic.key}"}
    assert client.get("/v1/me", headers=headers).status_code == 200
    assert client.get("/v1/patients/x", headers=headers).status_code == 404
    assert [row["address"] for row in house.clinic.audit()[-2:]] == ["203.0.113.9"] * 2


# --- no row, no answer ----------------------------------------------------------------------------

REFUSING = "CREATE TRIGGER no_log BEFORE INSERT ON audit_event BEGIN SELECT RAISE(ABORT, 'no'); END"
BREAK = {"sqlite": REFUSING, "postgresql": "REVOKE INSERT ON audit_event FROM twelveweeks_app"}
MEND = {
    "sqlite": "DROP TRIGGER no_log",
    "postgresql": "GRANT INSERT ON audit_event TO twelveweeks_app",
}


def owner(database: Database, sql: str) -> None:
    with database.write(OWNER) as db:
        db.execute(text(sql))


def test_without_its_row_nothing_is_shown_and_nothing_done(seeded: Seeded) -> None:
    clinic = seeded.clinic
    patients = [clinic.get(f"/patients/{id}") for id in seeded.ids["patients"]]
    before = seeded.everything()
    owner(clinic.database, BREAK[clinic.database.dialect])
    try:
        house = House(seeded, seeded, [one["mrn"] for one in patients])
        for route in ROUTES:
            answer = house.send(route, seeded, clinic.key)
            # What it cannot save it does not refuse in peace either.
            assert answer.status_code in (500, 503), (route.name, answer.text)
            refused = (
                house.ask(route, house.foreign(route)[1], None, clinic.key)
                if ("{" in route.path)
                else answer
            )
            assert refused.status_code in (500, 503), (route.name, refused.text)
    finally:
        owner(clinic.database, MEND[clinic.database.dialect])
    assert seeded.everything() == before
    assert clinic.get(f"/patients/{patients[0]['id']}") == patients[0]


def test_a_database_that_is_busy_writing_answers_no_read(sqlite: Database) -> None:
    with another(sqlite, busy_timeout=0.2, spare=3) as hurried, a_clinic(hurried) as clinic:
        patient = clinic.a_patient(phone="555-0100")
        with sqlite.write(OWNER):
            refused = clinic.refusal("GET", f"/patients/{patient['id']}")
        assert (refused["status"], refused["code"]) == (503, "database-busy")
        assert "555-0100" not in json.dumps(refused)
        assert clinic.get(f"/patients/{patient['id']}") == patient


def test_each_piece_of_a_table_is_told_before_it_is_sent(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worklist_csv, "_BATCH_SIZE", 2)
    with a_clinic(database) as clinic:
        patients = {clinic.a_course("2025-12-15")["patient_id"] for _ in range(7)}
        pieces: list[set[str]] = []

        def logged() -> set[str]:
            return {
                id
                for row in clinic.audit()
                if row["action"] == "worklist.as_csv" and row["outcome"] == "shown"
                for id in named(row)
            }

        async def watched(scope: Any, receive: Any, send: Any) -> None:
            async def sent(message: Any) -> None:
                body = message.get("body", b"").decode()
                pieces.append({one for one in patients if one in body})
                assert pieces[-1] <= logged()
                await send(message)

            await clinic.app(scope, receive, sent)

        headers = {"authorization": f"Bearer {clinic.key}"}
        answer = AppClient(watched).get("/v1/worklist.csv", headers=headers)
        assert answer.status_code == 200
        assert len([piece for piece in pieces if piece]) >= 3
        assert set().union(*pieces) == patients == logged()


# --- the glass ------------------------------------------------------------------------------------

REASON = "unconscious, no one else here"
OPENED = (
    *("/patients/{p}", "/patients/{p}/courses", "/courses/{c}", "/courses/{c}/schedule"),
    *("/courses/{c}/sessions", "/courses/{c}/holds", "/courses/{c}/outside-sessions"),
    *("/sessions/{s}", "/sessions"),
)
SHUT = ("/patients", "/worklist", "/worklist.csv", "/demand", "/imports/{i}")


def paths(seeded: Seeded, *templates: str) -> list[str]:
    ids = seeded.ids
    named = {"p": ids["patients"][0], "c": ids["courses"][0], "s": ids["sessions"][0]}
    return [one.format(i=ids["imports"][0], **named) for one in templates]


def test_the_glass_opens_records_to_a_person_with_a_reason(seeded: Seeded) -> None:
    clinic = seeded.clinic
    owner_key, clinic.key = (
        clinic.key,
        staff_key(clinic, "coordinator", scopes=["emergencies:create"]),
    )
    for path in paths(seeded, *OPENED):
        assert clinic.refusal("GET", path)["status"] == 403
        answer = clinic.call("GET", path, break_glass=REASON, x_request_id="glass")
        assert answer.status_code == 200, (path, answer.text)
        row = clinic.audit()[-1]
        assert (row["outcome"], row["reason"], row["by_type"]) == ("shown", REASON, "staff")
        assert row["request_id"] == "glass"
    for path in paths(seeded, *SHUT):
        assert clinic.refusal("GET", path, break_glass=REASON)["status"] == 403
    patient = paths(seeded, "/patients/{p}")[0]
    for method, body in (("PATCH", {"phone": "1"}), ("POST", {"on": "2026-03-19"})):
        path = patient + ("/deceased" if method == "POST" else "")
        refused = clinic.refusal(method, path, body, break_glass=REASON, if_match="*")
        assert refused["status"] == 403
    for reason in ("", "ab", "  ", "x" * 201, "a\tb", f"{REASON} "):
        refused = clinic.call("GET", patient, break_glass=reason)
        assert refused.status_code == 422 or (refused.status_code, reason.strip()) == (200, REASON)
        assert clinic.audit()[-1]["outcome"] in ("invalid", "shown")
    clinic.key = owner_key


@pytest.mark.parametrize("roles", [("front_desk",), ("read_only",), ("auditor",), ()])
def test_the_glass_stays_shut_for_others(seeded: Seeded, roles: tuple[str, ...]) -> None:
    clinic = seeded.clinic
    clinic.key = staff_key(clinic, *roles, scopes=["emergencies:create", "practice:read"])
    for path in paths(seeded, *OPENED):
        refused = clinic.refusal("GET", path, break_glass=REASON)
        assert refused["status"] == 403
        assert clinic.audit()[-1]["outcome"] == "forbidden"


# --- commits --------------------------------------------------------------------------------------


def events(clinic: Clinic, count: int) -> list[AuditEventRow]:
    now = clinic.clock()
    return [
        audit.event(by=clinic.by, now=now, action="t", kind="patients", id=None, outcome="shown")
        for _ in range(count)
    ]


def test_rows_of_one_moment_share_a_commit(seeded: Seeded, monkeypatch: pytest.MonkeyPatch) -> None:
    clinic, commits = seeded.clinic, []
    kind: Any = type(clinic.database._kind)
    commit = kind.commit

    def counted(self: Any, raw: Any, info: Any) -> None:
        commits.append(1)
        commit(self, raw, info)

    log, made = AuditLog(clinic.database), events(clinic, 17)
    with clinic.database.write(OWNER) as db:
        if clinic.database.dialect == "postgresql":
            db.execute(text("LOCK TABLE audit_event IN EXCLUSIVE MODE"))
        waiting = [threading.Thread(target=log.keep, args=(one,)) for one in made]
        for one in waiting:
            one.start()
        # The first is under way alone or with some; all others wait behind it.
        until = time.monotonic() + 2
        while log._queue.qsize() < 16 and time.monotonic() < until:
            time.sleep(0.01)
        monkeypatch.setattr(kind, "commit", counted)
    for one in waiting:
        one.join(30)
    log.close()
    # Those under way, those that waited for them, and the one of the block itself.
    assert len(commits) <= 3
    kept = {row["id"] for row in clinic.audit()}
    assert {one["id"] for one in made} <= kept


def test_a_row_that_cannot_be_saved_takes_no_other_with_it(seeded: Seeded) -> None:
    clinic = seeded.clinic
    log, made = AuditLog(clinic.database), events(clinic, 16)
    made[5]["practice_id"] = new_id(clinic.clock())  # of nobody
    cast("dict[str, Any]", made[11])["action"] = None

    def keep(number: int) -> bool:
        try:
            log.keep(made[number])
        except Exception:
            return False
        return True

    kept = at_once(16, keep)
    log.close()
    assert [n for n in range(16) if not kept[n]] == [5, 11]
    there = {row["id"] for row in clinic.audit()}
    assert {one["id"] for n, one in enumerate(made) if kept[n]} <= there
    assert not {made[5]["id"], made[11]["id"]} & there
