"""Rates: what is counted, when there is room again, and what a caller is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from app.db.engine.engine import Database, open_database
from app.db.engine.scope import OWNER
from app.domain.errors import TooManyRequests
from app.edge.http import rates
from app.edge.http.rates import Rate
from app.main import create_app
from app.services.access.keys import checksum, hashed
from app.settings import Settings
from tests.support.app_client import AppClient
from tests.support.clinic import NOW, Clinic, Moment
from tests.support.issuer import ec_key
from tests.support.signing import a_signing_clinic


class Watch:
    """A stop watch that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


def refused(rate: Rate, name: str = "a") -> int:
    """The seconds a refused hit is told to wait."""
    with pytest.raises(TooManyRequests) as caught:
        rate.hit(name)
    return caught.value.retry_after


def test_so_many_and_no_more(watch: Watch) -> None:
    rate = Rate(5, seconds=watch)
    for _ in range(5):
        rate.hit("a")
    assert refused(rate) > 0
    rate.hit("b")


@pytest.mark.parametrize("passed", [0.0, 13.7, 59.9, 61.0, 100.0])
def test_who_waits_as_told_is_let_in(watch: Watch, passed: float) -> None:
    rate = Rate(10, seconds=watch)
    for _ in range(7):
        rate.hit("a")
    watch.seconds += passed
    wait = 0
    for _ in range(11):
        try:
            rate.hit("a")
        except TooManyRequests as refusal:
            wait = refusal.retry_after
            break
    assert 1 <= wait <= 61
    if wait > 2:
        watch.seconds += wait - 1.01
        refused(rate)
        watch.seconds += 1.01
    else:
        watch.seconds += wait
    rate.hit("a")


def test_refused_ones_are_not_counted(watch: Watch) -> None:
    rate = Rate(3, seconds=watch)
    for _ in range(3):
        rate.hit("a")
    for _ in range(60):
        refused(rate)
        watch.seconds += 1
    watch.seconds += 0.1
    rate.hit("a")


def test_no_minute_holds_many_more_than_the_most(watch: Watch) -> None:
    """Asking ten times as often as allowed: what any 60 seconds let through."""
    rate = Rate(60, seconds=watch)
    passed: list[float] = []
    for _ in range(3000):
        watch.seconds += 0.1
        try:
            rate.hit("a")
        except TooManyRequests:
            continue
        passed.append(watch.seconds)
    worst = max(sum(t <= u < t + 60 for u in passed) for t in passed)
    assert worst <= 90
    assert len(passed) >= 290


def test_a_long_silence_forgets(watch: Watch) -> None:
    rate = Rate(2, seconds=watch)
    rate.hit("a")
    rate.hit("a")
    watch.seconds += 1000
    rate.hit("a")
    rate.hit("a")
    refused(rate)


def test_none_is_any_number(watch: Watch) -> None:
    rate = Rate(0, seconds=watch)
    for _ in range(1000):
        rate.hit("a")
    rate.forgive("a")


def test_names_beyond_the_most_share_a_count(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MOST_NAMES", 3)
    rate = Rate(2, seconds=watch)
    for name in ("a", "b", "c", "d", "e"):
        rate.hit(name)
    refused(rate, "f")
    rate.hit("a")


@contextmanager
def limited(database: Database, **values: Any) -> Iterator[Clinic]:
    app = create_app(Settings(**values), clock=Moment(NOW), database=database)
    with AppClient(app, raise_failures=False) as client:
        yield Clinic(client, database, Moment(NOW), "UTC")


def told(answer: Any) -> tuple[int, str]:
    body = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    if answer.status_code == 429:
        assert 1 <= int(answer.headers["retry-after"]) <= 61
        assert body["retry_after"] == int(answer.headers["retry-after"])
    return answer.status_code, body["code"]


def test_a_key_beyond_its_rate(sqlite: Database) -> None:
    with limited(sqlite, rate_per_key=5) as clinic:
        assert [clinic.call("GET", "/me").status_code for _ in range(5)] == [200] * 5
        assert told(clinic.call("GET", "/me")) == (429, "too-many-requests")
        other = clinic.neighbour()
        assert other.call("GET", "/me").status_code == 200


def test_an_address_beyond_its_rate_on_any_route_but_health(sqlite: Database) -> None:
    with limited(sqlite, rate_per_address=5) as clinic:
        http = clinic.client
        for path in ("/docs", "/openapi.json", "/nowhere", "/v1/me", "/problems/"):
            assert http.get(path).status_code != 429
        for path in ("/docs", "/nowhere", "/v1/me", "/metrics"):
            assert told(http.get(path)) == (429, "too-many-requests")
        for _ in range(20):
            assert http.get("/healthz").status_code == 200
            assert http.get("/readyz").status_code == 200


def test_guessing_is_slow_and_disturbs_no_known_key(
    sqlite: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with limited(sqlite, failures_per_address=4) as clinic:
        assert clinic.call("GET", "/me").status_code == 200
        looked: list[bytes] = []
        callers = clinic.app.state.app_context.callers
        look_up = callers._look_up

        def counted(digest: bytes, now: datetime) -> Any:
            looked.append(digest)
            return look_up(digest, now)

        monkeypatch.setattr(callers, "_look_up", counted)
        keys = [a_wrong_key(number) for number in range(8)]
        answers = [clinic.call("GET", "/me", authorization=f"Bearer {key}") for key in keys]
        assert [a.status_code for a in answers] == [401] * 4 + [429] * 4
        assert told(answers[-1]) == (429, "too-many-requests")
        assert looked == [hashed(key) for key in keys[:4]]
        # Texts that can be no key, and other schemes, are guesses as well.
        assert clinic.call("GET", "/me", authorization="Basic eDp5").status_code == 429
        # A request without any key is not.
        assert clinic.client.get("/v1/me").status_code == 401
        assert clinic.call("GET", "/me").status_code == 200


def test_good_keys_are_no_failures(sqlite: Database) -> None:
    with limited(sqlite, failures_per_address=2, key_cache_seconds=0) as clinic:
        assert [clinic.call("GET", "/me").status_code for _ in range(6)] == [200] * 6


def a_wrong_key(number: int) -> str:
    bare = f"tw_{number:08d}_{'0' * 43}"
    return bare + checksum(bare)


@contextmanager
def taken(database: Database) -> Iterator[None]:
    """Every connection is in use: whoever needs one is told so."""
    with ExitStack() as held:
        for _ in range(2):
            held.enter_context(database.read(OWNER))
        yield


@pytest.fixture
def small(sqlite: Database) -> Iterator[Database]:
    url = sqlite.engine.url.render_as_string(hide_password=False)
    database = open_database(url, pool_size=1, spare=1, busy_timeout=0.02)
    yield database
    database.dispose()


def test_a_database_that_is_busy_makes_no_key_wrong(small: Database) -> None:
    with limited(small, failures_per_address=2) as clinic:
        with taken(small):
            answers = [clinic.call("GET", "/me") for _ in range(5)]
        assert {told(answer) for answer in answers} == {(503, "database-busy")}
        assert clinic.call("GET", "/me").status_code == 200
        wrong = [
            clinic.call("GET", "/me", authorization=f"Bearer {a_wrong_key(number)}")
            for number in range(3)
        ]
        assert [answer.status_code for answer in wrong] == [401, 401, 429]


def test_nor_does_it_make_an_assertion_wrong(small: Database, tmp_path: Path) -> None:
    with a_signing_clinic(small, tmp_path, failures_per_address=2) as signing:
        key = ec_key("c1", "P-384")
        id = signing.a_client(key, ["patients:read"])["id"]
        with taken(small):
            answers = [
                signing.ask(signing.assertion(key, id), "system/Patient.r") for _ in range(5)
            ]
        assert [answer.status_code for answer in answers] == [503] * 5
        assert signing.token(key, id, "system/Patient.r")
        other = ec_key("c1", "P-384")
        wrong = [signing.ask(signing.assertion(other, id), "system/Patient.r") for _ in range(3)]
        assert [answer.status_code for answer in wrong] == [401, 401, 429]
