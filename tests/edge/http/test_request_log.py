"""Request ids, headers, metrics, and logs that hold nothing of a patient."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from app.edge.observability import logs
from tests.support.edge_app import UUID, client, post

AT = client()

CANARY = "Canary"


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


@pytest.mark.parametrize("sent", ["a", "A.b_c-9", "x" * 64])
def test_a_well_formed_request_id_is_kept(sent: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = AT.get("/v1/things", headers={"x-request-id": sent})
    assert answer.headers["x-request-id"] == sent
    assert lines(capsys)[0]["request_id"] == sent


@pytest.mark.parametrize("sent", ["", "x" * 65, "a b", 'a"b', "a\tb", "a/b"])
def test_any_other_is_replaced(sent: str, capsys: pytest.CaptureFixture[str]) -> None:
    answer = AT.get("/v1/things", headers={"x-request-id": sent})
    made = answer.headers["x-request-id"]
    assert re.fullmatch(r"[0-9a-f]{12}-[0-9a-f]+", made)
    assert lines(capsys)[0]["request_id"] == made


def test_made_ids_differ() -> None:
    assert len({AT.get("/v1/things").headers["x-request-id"] for _ in range(50)}) == 50


def test_the_line_of_a_request(capsys: pytest.CaptureFixture[str]) -> None:
    AT.get(f"/v1/things/{UUID}", headers={"authorization": f"Bearer {CANARY}"})
    (line,) = lines(capsys)
    assert list(line)[:2] == ["ts", "level"]
    assert line["event"] == "request"
    assert line["route"] == "/v1/things/{thing_id}"
    assert (line["method"], line["status"]) == ("GET", 200)
    assert line["bytes"] > 0
    assert line["ms"] >= 0
    assert UUID not in json.dumps(line)


def test_nothing_that_was_sent_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    for path in (f"/v1/things?q={CANARY}", f"/{CANARY}", f"/v1/fail/{CANARY}", "/v1/fail/crash"):
        AT.get(path, headers={"user-agent": CANARY, "referer": CANARY})
    post(AT, {"name": CANARY, CANARY: CANARY})
    written = lines(capsys)
    assert CANARY not in json.dumps(written)
    assert [line["route"] for line in written if line["event"] == "request"] == [
        "/v1/things", "unmatched", "/v1/fail/{how}", "/v1/fail/{how}", "/v1/things",
    ]  # fmt: skip
    assert all(set(line) <= logs.ALLOWED for line in written)


def test_a_fault_is_logged_by_type_and_place(capsys: pytest.CaptureFixture[str]) -> None:
    answer = AT.get("/v1/fail/crash")
    fault, line = lines(capsys)
    assert fault["error"] == "RuntimeError"
    assert fault["frames"][-1].startswith("support/edge_app.py:")
    assert fault["frames"][-1].endswith(" fail")
    assert fault["request_id"] == line["request_id"] == answer.headers["x-request-id"]
    assert line["status"] == 500


def test_security_headers() -> None:
    answer = AT.get("/v1/things")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"].startswith("default-src 'none'")
    page = AT.get("/problems/")
    assert "max-age" in page.headers["cache-control"]
    assert len(page.headers.get_list("content-security-policy")) == 1


def test_metrics_count_by_template(capsys: pytest.CaptureFixture[str]) -> None:
    at = client()
    for n in range(3):
        at.get(f"/v1/things/{UUID[:-1]}{n}")
        at.get(f"/{CANARY}{n}")
    at.request("BREW", "/v1/things")
    at.get("/v1/fail/crash")
    at.get("/v1/fail/limited")
    answer = at.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = answer.text

    def counted(route: str, method: str, status: str) -> str:
        labels = f'{{method="{method}",route="{route}",status="{status}"}}'
        return f"twelveweeks_requests_total{labels}"

    assert f"{counted('/v1/things/{thing_id}', 'GET', '2xx')} 3.0" in text
    assert f"{counted('unmatched', 'GET', '4xx')} 3.0" in text
    assert counted("/v1/things", "other", "4xx") in text
    assert f"{counted('/v1/fail/{how}', 'GET', '5xx')} 1.0" in text
    assert "twelveweeks_request_seconds_bucket" in text
    assert "twelveweeks_requests_limited_total 1.0" in text
    assert "twelveweeks_requests_in_flight 1.0" in text
    assert UUID[:8] not in text
    assert CANARY not in text


@pytest.fixture
def foreign() -> Iterator[None]:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.raiseExceptions
    logs.configure("INFO")
    yield
    root.handlers[:], logging.raiseExceptions = before[0], before[2]
    root.setLevel(before[1])


@pytest.mark.usefixtures("foreign")
def test_other_libraries_say_only_their_own_words(capsys: pytest.CaptureFixture[str]) -> None:
    log = logging.getLogger("uvicorn.error")
    log.info("Started server process [%d]", 42)
    log.warning("GET %s failed", f"/patients?q={CANARY}")
    try:
        raise ValueError(CANARY)
    except ValueError:
        log.exception("Exception in ASGI application")
    logging.getLogger("uvicorn.access").info("%s", CANARY)
    started, warned, failed = lines(capsys)
    assert started["event"] == "Started server process [42]"
    assert warned["event"] == "GET %s failed"
    assert failed["error"] == "ValueError"
    assert CANARY not in json.dumps([started, warned, failed])


def test_the_allow_list_drops_and_cuts(capsys: pytest.CaptureFixture[str]) -> None:
    logs.info("x" * 500, patient=CANARY, mrn=CANARY, status={"name": CANARY}, count=3)
    (line,) = lines(capsys)
    assert len(line["event"]) == logs.LONGEST
    assert line["count"] == 3
    assert line["status"] == "dict"
    assert CANARY not in json.dumps(line)
