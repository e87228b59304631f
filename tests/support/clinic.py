"""A clinic for tests: an application on a real database, a key, and plain builders over REST."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from datetime import UTC, datetime
from itertools import count
from typing import Any, cast

import httpx2
from httpx2 import Response

from app.db.engine.engine import Database
from app.db.models import AuditEvent
from app.db.queries import table_rows
from app.domain.access.access import Actor, ActorType
from app.domain.ids import new_id
from app.main import create_app
from app.services.access import keys
from app.services.practice import practices
from app.services.scheduling import verification
from app.settings import Settings
from tests.support.app_client import AppClient

NOW = datetime(2026, 3, 20, 15, 0, tzinfo=UTC)  # a Friday, 11:00 in New York
# A test asks faster than any person; what limits do is shown in tests of their own.
UNLIMITED: dict[str, Any] = {"rate_per_key": 0, "rate_per_address": 0, "failures_per_address": 0}
_numbers = count(1)


class Moment:
    """The clock of a test: stands still until it is set."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


class Clinic:
    """One practice and its client; answers are JSON, refusals are returned and not raised."""

    def __init__(self, client: httpx2.Client, database: Database, clock: Moment, zone: str) -> None:
        self.client, self.database, self.clock = client, database, clock
        id = new_id(clock())
        with database.write(id) as db:
            made = practices.create(
                db,
                id=id,
                name="Test Clinic",
                time_zone=zone,
                by_name="tests",
                now=clock(),
            )
            self.practice_id: str = made["id"]
            self.by = Actor(self.practice_id, ActorType.SYSTEM, None, "tests")
            _, self.key = keys.create(db, name="tests", by=self.by, now=clock())

    @property
    def app(self) -> Any:
        """The application, which a client in this process has at hand."""
        return cast("AppClient", self.client).app

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        allowed = {"authorization": f"Bearer {self.key}", **names}
        content = {} if body is None else {"json": body}
        return self.client.request(method, f"/v1{path}", headers=allowed, **content)

    def get(self, path: str) -> Any:
        return ok(self.call("GET", path))

    def post(self, path: str, body: Any = None, **headers: str) -> Any:
        return ok(self.call("POST", path, body, **headers))

    def patch(self, path: str, body: Any) -> Any:
        """Change a resource on the version it has now."""
        tag = self.call("GET", path).headers["etag"]
        return ok(self.call("PATCH", path, body, if_match=tag))

    def refusal(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        answer = self.call(method, path, body, **headers)
        assert answer.status_code >= 400, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.json()

    def a_patient(self, **particulars: Any) -> Any:
        number = next(_numbers)
        body = {
            "mrn": f"T{number:05d}",
            "family_name": "Example",
            "given_name": f"Pat {number}",
            "birth_date": "1980-05-17",
            **particulars,
        }
        return self.post("/patients", body)

    def a_course(self, *given_on: str, **plan: Any) -> Any:
        """A course of a new patient with sessions given on those days; the course as it is now."""
        patient_id = plan.pop("patient_id", None) or self.a_patient()["id"]
        body = {"protocol": "preempt", "indication": "G43.709", **plan}
        course = self.post(f"/patients/{patient_id}/courses", body)
        for day in given_on:
            self.a_session(course["id"], day)
        return self.get(f"/courses/{course['id']}")

    def a_session(self, course_id: str, given_on: str, **said: Any) -> Any:
        body = {"status": "given", "given_on": given_on, "chart": {"plan": "as_protocol"}, **said}
        return self.post(f"/courses/{course_id}/sessions", body)

    def a_booking(self, course_id: str, starts_at: str, **said: Any) -> Any:
        body = {"status": "booked", "starts_at": starts_at, **said}
        return self.post(f"/courses/{course_id}/sessions", body)

    def schedule(self, course_id: str, as_of: str | None = None) -> Any:
        return self.get(f"/courses/{course_id}/schedule" + (f"?as_of={as_of}" if as_of else ""))

    def a_location(self, time_zone: str = "America/New_York", **said: Any) -> Any:
        return self.post("/locations", {"name": "Main Street", "time_zone": time_zone, **said})

    def a_practitioner(self, **said: Any) -> Any:
        return self.post("/practitioners", {"name": "Dr. Renner", **said})

    def a_member(self, *roles: str, **said: Any) -> Any:
        return self.post("/staff", {"name": "Kim Lund", "roles": list(roles), **said})

    def key_for(self, *roles: str, **said: Any) -> str:
        """A key that acts as a new member of staff with those roles."""
        id = self.a_member(*roles)["id"]
        key: str = self.post("/keys", {"name": "theirs", "staff_id": id, **said})["key"]
        return key

    def acting(self, key: str) -> Clinic:
        """The same clinic for whoever holds that key."""
        other = copy(self)
        other.key = key
        return other

    def forget(self) -> None:
        """As if the time for which callers are remembered had passed."""
        self.app.state.app_context.callers.forget(self.practice_id)

    def settings(self, **values: Any) -> Any:
        return self.patch("/practice", values)

    def verb(self, session_id: str, verb: str, body: Any = None) -> Any:
        return self.post(f"/sessions/{session_id}/{verb}", body)

    def rows(self, query: str = "", limit: int = 50) -> list[Any]:
        """All rows of the worklist, walked page by page."""
        found: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            page = self.get(f"/worklist?limit={limit}&{query}{more}")
            found += page["items"]
            cursor = page["next_cursor"]
        return found

    def row(self, course_id: str, query: str = "") -> Any:
        """The course's row of the worklist, None where it has none."""
        return next((r for r in self.rows(query) if r["course_id"] == course_id), None)

    def table(self, query: str = "") -> list[dict[str, str]]:
        """The rows of the CSV worklist."""
        answer = self.call("GET", f"/worklist.csv?{query}")
        assert answer.status_code == 200, answer.text
        return list(csv.DictReader(io.StringIO(answer.text)))

    def neighbour(self, zone: str = "America/New_York") -> Clinic:
        """Another practice in the same house."""
        return Clinic(self.client, self.database, self.clock, zone)

    def wrong_dates(self) -> list[Any]:
        """Courses whose stored dates are not what follows from their history, or still wait."""
        checked = verification.check(self.database, practice_id=self.practice_id)
        return [c for c in checked if c.differences or c.waiting]

    def audit(self) -> list[Any]:
        """Every audit row of the practice, oldest first."""
        with self.database.read(self.practice_id) as db:
            return table_rows.page(db, AuditEvent, practice_id=self.practice_id, limit=10_000)

    def changes(self) -> list[Any]:
        """Those of the rows that tell of a change."""
        return [row for row in self.audit() if row["outcome"] == "done"]


def ok(answer: Response) -> Any:
    assert answer.status_code < 300, answer.text
    return answer.json()


@contextmanager
def a_clinic(
    database: Database, *, now: datetime = NOW, zone: str = "America/New_York"
) -> Iterator[Clinic]:
    """An application serving one practice from `database`, with a clock that stands still."""
    clock = Moment(now)
    app = create_app(Settings(**UNLIMITED), clock=clock, database=database)
    with AppClient(app, raise_failures=False) as client:
        yield Clinic(client, database, clock, zone)
