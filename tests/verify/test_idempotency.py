"""T-06: a request sent again, or many times at once, happens once and is answered alike."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from app.domain.access.access import Actor, ActorType
from app.domain.ids import new_id
from app.services.access import keys
from app.services.practice import practices
from tests.support.serving import Reply, Served, at_once, served

pytestmark = pytest.mark.verify

KEYS = 200
TWINS = 16
REPLAYED = "idempotency-replayed"


@pytest.fixture
def there(database: Database) -> Iterator[Served]:
    with served(database) as there:
        yield there


def place(name: str) -> dict[str, Any]:
    return {"name": name, "time_zone": "America/New_York"}


def rows(there: Served, table: str) -> int:
    with there.clinic.database.read(OWNER) as db:
        return int(db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def post(there: Served, path: str, body: Any, key: str, caller: str | None = None) -> Reply:
    with there.client(caller) as client:
        return client.call("POST", path, body, idempotency_key=key)


def told(reply: Reply) -> tuple[int, bytes, str | None, str | None]:
    """What both twins must be told."""
    return reply.status, reply.body, reply.headers.get("etag"), reply.headers.get("location")


def test_200_keys_by_16_at_once_make_200_rows(there: Served) -> None:
    audited = rows(there, "audit_event")

    def twin(number: int) -> list[Reply]:
        # Each has its own order in every block of sixteen, so that new keys and old ones mix.
        chance = random.Random(number)
        blocks = [range(start, min(start + TWINS, KEYS)) for start in range(0, KEYS, TWINS)]
        order = [n for block in blocks for n in chance.sample(block, len(block))]
        with there.client() as client:
            return [
                client.call("POST", "/locations", place(f"Room {n}"), idempotency_key=f"key-{n}")
                for n in order
            ]

    answers = at_once(TWINS, twin)
    by_name: dict[str, list[Reply]] = {}
    for reply in (reply for replies in answers for reply in replies):
        assert reply.status == 201, reply.body
        by_name.setdefault(reply.json["name"], []).append(reply)
    assert len(by_name) == KEYS
    for replies in by_name.values():
        assert len(replies) == TWINS
        assert len({told(reply) for reply in replies}) == 1
        assert [REPLAYED in reply.headers for reply in replies].count(False) == 1
        first = replies[0]
        assert first.headers["etag"]
        assert first.headers["location"] == f"/v1/locations/{first.json['id']}"
    assert rows(there, "location") == KEYS
    # One row for each change, and one for each who was told of it again.
    assert rows(there, "audit_event") == audited + KEYS * TWINS


def test_the_same_session_posted_16_times_at_once_is_given_once(there: Served) -> None:
    course = there.clinic.a_course()
    body = {"status": "given", "given_on": "2026-01-05", "chart": {"plan": "as_protocol"}}
    path = f"/courses/{course['id']}/sessions"
    replies = at_once(TWINS, lambda _: post(there, path, body, "once"))
    assert {told(reply)[0] for reply in replies} == {201}
    assert len({told(reply) for reply in replies}) == 1
    assert rows(there, "session") == 1
    assert there.clinic.schedule(course["id"])["cycle"] == 2


def test_a_key_belongs_to_one_request(there: Served) -> None:
    assert post(there, "/locations", place("A"), "k").status == 201
    for path, body in (("/locations", place("B")), ("/practitioners", {"name": "A"})):
        other = post(there, path, body, "k")
        assert (other.status, other.json["code"]) == (422, "idempotency-mismatch")
        assert b'"A"' not in other.body
    again = post(there, "/locations", place("A"), "k")
    assert again.status == 201
    assert again.headers[REPLAYED] == "true"
    assert (rows(there, "location"), rows(there, "practitioner")) == (1, 0)


def test_another_practice_never_meets_a_key(there: Served) -> None:
    clinic = there.clinic
    with clinic.database.write(OWNER) as db:
        other = practices.create(
            db,
            id=new_id(clinic.clock()),
            name="Other",
            time_zone="UTC",
            by_name="tests",
            now=clinic.clock(),
        )
        by = Actor(other["id"], ActorType.SYSTEM, None, "tests")
        _, foreign = keys.create(db, name="tests", by=by, now=clinic.clock())
    ours = post(there, "/locations", place("A"), "k")
    theirs = post(there, "/locations", place("A"), "k", foreign)
    assert (ours.status, theirs.status) == (201, 201)
    assert REPLAYED not in theirs.headers
    assert ours.json["id"] != theirs.json["id"]
    assert post(there, "/locations", place("A"), "k", foreign).json == theirs.json


def test_two_keys_of_one_practice_share_its_claims(there: Served) -> None:
    clinic = there.clinic
    with clinic.database.write(OWNER) as db:
        _, colleague = keys.create(db, name="second", by=clinic.by, now=clinic.clock())
    first = post(there, "/locations", place("A"), "k")
    assert told(post(there, "/locations", place("A"), "k", colleague)) == told(first)


def test_a_key_with_fewer_rights_is_not_told_what_it_might_not_do(there: Served) -> None:
    clinic = there.clinic
    with clinic.database.write(OWNER) as db:
        desk = ["sessions:create"]
        _, front = keys.create(db, name="desk", scopes=desk, by=clinic.by, now=clinic.clock())
    path = f"/courses/{clinic.a_course()['id']}/sessions"
    body = {"status": "given", "given_on": "2026-01-05", "chart": {"plan": "as_protocol"}}
    assert post(there, path, body, "k").status == 201
    assert post(there, path, body, "k", front).status == 422
    assert post(there, path, body, "other", front).status == 403


def test_after_a_day_the_key_is_new(there: Served) -> None:
    first = post(there, "/locations", place("A"), "k")
    there.clinic.clock.now += timedelta(hours=23, minutes=59)
    assert told(post(there, "/locations", place("A"), "k")) == told(first)
    there.clinic.clock.now += timedelta(hours=1, minutes=1)
    # Sixteen at once find it expired: one of them takes it over.
    fresh = at_once(TWINS, lambda _: post(there, "/locations", place("A"), "k"))
    assert len({told(reply) for reply in fresh}) == 1
    assert [REPLAYED in reply.headers for reply in fresh].count(False) == 1
    assert fresh[0].json["id"] != first.json["id"]
    assert rows(there, "location") == 2
    there.clinic.clock.now += timedelta(hours=25)
    assert post(there, "/locations", place("B"), "k").status == 201


def test_a_failed_request_is_not_kept(there: Served) -> None:
    course = there.clinic.a_course()
    wrong: list[tuple[str, Any, int]] = [
        ("/locations", {"name": "A"}, 422),
        ("/locations", place(""), 422),
        (f"/courses/{there.clinic.practice_id}/hold", {"from": "2026-04-01", "reason": "x"}, 404),
        (f"/courses/{course['id']}/resume", {}, 409),
    ]
    for path, body, status in wrong:
        for _ in range(2):
            refused = post(there, path, body, "k")
            assert refused.status == status, refused.body
            assert REPLAYED not in refused.headers
    assert rows(there, "idempotency") == 0
    assert post(there, "/locations", place("A"), "k").status == 201


@pytest.mark.parametrize("key", ["", "a b", "x" * 201, "caf\u00e9"])
def test_a_key_that_cannot_be_kept_is_refused(there: Served, key: str) -> None:
    refused = post(there, "/locations", place("A"), key)
    assert (refused.status, refused.json["code"]) == (422, "invalid")
    assert rows(there, "location") == 0
