"""What a request may be: size, headers, encoding."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.edge.http.limits import MIB
from tests.support.edge_app import client, post

AT = client()


def code(answer: Any) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    return answer.status_code, answer.json()["code"]


def pieces(size: int) -> Iterator[bytes]:
    for _ in range(size // 65536):
        yield b"x" * 65536
    yield b"x" * (size % 65536)


@pytest.mark.parametrize(
    ("path", "size", "taken"),
    [
        ("/v1/raw", MIB, True),
        ("/v1/raw", MIB + 1, False),
        ("/v1/imports/history", MIB + 1, True),
        ("/v1/imports/history", 10 * MIB, True),
        ("/v1/imports/history", 10 * MIB + 1, False),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_bodies(path: str, size: int, taken: bool, streamed: bool) -> None:
    answer = AT.post(path, content=pieces(size) if streamed else b"x" * size)
    if taken:
        assert answer.json() == {"bytes": size}
    else:
        assert code(answer) == (413, "content-too-large")
        assert answer.headers["connection"] == "close"


def test_a_body_where_a_schema_reads_it() -> None:
    assert code(post(AT, b" " * (MIB + 1))) == (413, "content-too-large")
    answer = AT.post(
        "/v1/things", content=pieces(2 * MIB), headers={"content-type": "application/json"}
    )
    assert code(answer) == (413, "content-too-large")


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({"content-encoding": "gzip"}, (415, "unsupported-media-type")),
        ({"content-encoding": "identity, br"}, (415, "unsupported-media-type")),
        ({"content-length": "-1"}, (400, "bad-request")),
        ({"content-length": "1e3"}, (400, "bad-request")),
        ({"content-length": "9" * 30}, (400, "bad-request")),
        ({"x-long": "x" * 40_000}, (431, "headers-too-large")),
        ({f"x-{n}": "1" for n in range(120)}, (431, "headers-too-large")),
    ],
    ids=lambda value: str(value)[:30],
)
def test_headers(headers: dict[str, str], verdict: tuple[int, str]) -> None:
    assert code(AT.post("/v1/raw", content=b"x", headers=headers)) == verdict


def test_identity_is_no_encoding() -> None:
    answer = AT.post("/v1/raw", content=b"x", headers={"content-encoding": "identity"})
    assert answer.json() == {"bytes": 1}
