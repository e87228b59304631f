"""What the database failed is begun again under an `Idempotency-Key`, and never without one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
from httpx2 import Response
from sqlalchemy import text

from app.db.engine import sqlite as sqlite_backend
from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from app.edge.requests.retries import MOST
from tests.support.clinic import Clinic, a_clinic
from tests.support.notes import another

PLACE = {"name": "Room 1", "time_zone": "America/New_York"}
CUT = "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(10)"
NOW, AT_COMMIT = "NOT DEFERRABLE", "DEFERRABLE INITIALLY DEFERRED"
FAILURES = {
    "cut before the commit": (CUT, NOW, "database-away"),
    "cut at the commit": (CUT, AT_COMMIT, "database-away"),
    "a deadlock": ("RAISE EXCEPTION USING ERRCODE = '40P01'", NOW, "database-busy"),
    "not serializable": ("RAISE EXCEPTION USING ERRCODE = '40001'", AT_COMMIT, "database-busy"),
}
# Another attempt would meet it again, or everyone else has waited for it long enough.
LASTING = {
    "a full disk": ("RAISE EXCEPTION USING ERRCODE = '53100'", NOW, "database-away"),
    "a lock not had in time": ("RAISE EXCEPTION USING ERRCODE = '55P03'", NOW, "database-busy"),
}


@pytest.fixture
def clinic(postgresql: Database) -> Iterator[Clinic]:
    with a_clinic(postgresql) as clinic:
        yield clinic


@contextmanager
def failing(database: Database, times: int, act: str, when: str) -> Iterator[None]:
    """Let the first saves of a location fail on the server itself."""
    body = f"BEGIN IF nextval('attempt') <= {times} THEN {act}; END IF; RETURN NULL; END"
    with database.write(OWNER) as db:
        db.exec_driver_sql("CREATE SEQUENCE attempt")
        db.exec_driver_sql(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER "
            f"AS $${body}$$"
        )
        db.exec_driver_sql(
            f"CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON location {when} "
            "FOR EACH ROW EXECUTE FUNCTION fail()"
        )
    try:
        yield
    finally:
        with database.write(OWNER) as db:
            db.exec_driver_sql("DROP FUNCTION fail CASCADE")
            db.exec_driver_sql("DROP SEQUENCE attempt")


def one(database: Database, statement: str) -> int:
    with database.read(OWNER) as db:
        return int(db.execute(text(statement)).scalar_one())


def attempts(clinic: Clinic) -> int:
    return one(clinic.database, "SELECT last_value FROM attempt")


def rows(clinic: Clinic) -> tuple[int, int]:
    """How many locations there are, and how many audit rows of them."""
    return one(clinic.database, "SELECT count(*) FROM location"), one(
        clinic.database, "SELECT count(*) FROM audit_event WHERE resource_type = 'location'"
    )


def post(clinic: Clinic, **headers: str) -> Response:
    return clinic.call("POST", "/locations", PLACE, **headers)


def told(answer: Response) -> tuple[int, Any]:
    return answer.status_code, answer.json().get("code")


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("times", [1, MOST])
def test_with_a_key_it_is_begun_again(clinic: Clinic, failure: str, times: int) -> None:
    act, when, _ = FAILURES[failure]
    with failing(clinic.database, times, act, when):
        assert told(post(clinic, idempotency_key="k")) == (201, None)
        assert attempts(clinic) == times + 1
        assert post(clinic, idempotency_key="k").headers["idempotency-replayed"] == "true"
    assert rows(clinic) == (1, 1)


@pytest.mark.parametrize("failure", FAILURES)
def test_not_for_ever(clinic: Clinic, failure: str) -> None:
    act, when, code = FAILURES[failure]
    with failing(clinic.database, MOST + 1, act, when):
        answer = post(clinic, idempotency_key="k")
        assert told(answer) == (503, code)
        assert answer.headers["retry-after"]
        assert attempts(clinic) == MOST + 1
        assert rows(clinic) == (0, 0)
        assert told(post(clinic, idempotency_key="k")) == (201, None)
    assert rows(clinic) == (1, 1)


@pytest.mark.parametrize("failure", FAILURES)
def test_without_a_key_it_is_told_at_once(clinic: Clinic, failure: str) -> None:
    act, when, code = FAILURES[failure]
    with failing(clinic.database, 1, act, when):
        assert told(post(clinic)) == (503, code)
        assert attempts(clinic) == 1
    assert rows(clinic) == (0, 0)


@pytest.mark.parametrize("failure", LASTING)
def test_what_lasts_is_told_at_once_even_with_a_key(clinic: Clinic, failure: str) -> None:
    act, when, code = LASTING[failure]
    with failing(clinic.database, 1, act, when):
        assert told(post(clinic, idempotency_key="k")) == (503, code)
        assert attempts(clinic) == 1
    assert rows(clinic) == (0, 0)


def test_a_file_held_from_outside_is_asked_for_again_with_a_key(sqlite: Database) -> None:
    path = sqlite.engine.url.database
    assert path
    connect = sqlite_backend.driver().connect
    with (
        another(sqlite, busy_timeout=0.05) as impatient,
        a_clinic(impatient) as clinic,
        closing(connect(path, isolation_level=None, check_same_thread=False)) as other,
    ):
        other.execute("BEGIN IMMEDIATE")
        assert told(post(clinic)) == (503, "database-busy")
        release = threading.Timer(0.2, other.rollback)
        release.start()
        assert told(post(clinic, idempotency_key="k")) == (201, None)
        release.join()
        assert rows(clinic) == (1, 1)
