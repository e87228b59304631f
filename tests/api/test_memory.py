"""What a request made is freed with it, and not only when the collector comes by."""

from __future__ import annotations

import gc
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from starlette.requests import Request

from app.edge.requests.request_context import RequestContext
from tests.support.clinic import Clinic

FULL = {"plan": "as_protocol"}


@contextmanager
def uncollected() -> Iterator[None]:
    """Only what nobody refers to any more is freed in here."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def left() -> list[str]:
    """What is left once the request has ended, which may be a moment after its answer."""
    kinds = (Request, RequestContext)
    for _ in range(200):
        found = [type(one).__name__ for one in gc.get_objects() if isinstance(one, kinds)]
        if not found:
            break
        time.sleep(0.01)
    return found


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/worklist", 200),
        ("/worklist.csv", 200),
        ("/patients?limit=0", 422),
        ("/courses/018f2f64-5c3a-7b1e-9d2f-0123456789ab", 404),
        ("/nothing", 404),
    ],
)
def test_a_read_leaves_nothing_behind(clinic: Clinic, path: str, status: int) -> None:
    clinic.a_course("2025-12-15")
    with uncollected():
        assert clinic.call("GET", path).status_code == status
        assert left() == []


def test_a_write_leaves_nothing_behind(clinic: Clinic) -> None:
    course = clinic.a_course("2025-12-15")["id"]
    with uncollected():
        body = {"status": "given", "given_on": "2026-03-19", "chart": FULL}
        clinic.post(f"/courses/{course}/sessions", body)
        assert left() == []
