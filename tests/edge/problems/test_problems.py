"""Every failure as problem+json, each with a page that explains it."""

from __future__ import annotations

import inspect
import json
from html.parser import HTMLParser

import pytest

from app.domain import errors
from app.edge.problems.problem_kinds import OF_ERROR, PROBLEMS
from app.edge.problems.problem_openapi import responses_for
from app.edge.problems.problems import answer, of_refusal
from tests.support.edge_app import UUID, build, client

AT = client()


def every_refusal() -> list[type[errors.Refusal]]:
    return [
        cls
        for _, cls in inspect.getmembers(errors, inspect.isclass)
        if issubclass(cls, errors.Refusal) and cls is not errors.Refusal
    ]


@pytest.mark.parametrize("error", every_refusal(), ids=lambda cls: cls.__name__)
def test_every_domain_error_has_a_row(error: type[errors.Refusal]) -> None:
    assert error in OF_ERROR
    assert OF_ERROR[error].code == error.code
    assert PROBLEMS[error.code] is OF_ERROR[error]


def test_codes_are_unique_and_statuses_are_of_the_contract() -> None:
    codes = [error.code for error in OF_ERROR]
    assert len(codes) == len(set(codes))
    allowed = {400, 401, 403, 404, 405, 406, 409, 412, 413, 415, 422, 428, 429, 431, 500, 503}
    assert {kind.status for kind in PROBLEMS.values()} <= allowed


# (address, status, code, headers that must be there, members that must be there)
FAILURES = [
    ("crash", 500, "internal-error", {}, {}),
    ("busy", 503, "database-busy", {"retry-after": "1"}, {}),
    ("away", 503, "database-away", {"retry-after": "5"}, {}),
    ("duplicate", 409, "duplicate", {}, {"existing_id": UUID}),
    (
        "early",
        409,
        "booked-too-early",
        {},
        {"earliest_on": None, "rule": "interval", "override_allowed": True},
    ),
    ("unauthenticated", 401, "unauthenticated", {"www-authenticate": "Bearer"}, {}),
    ("unlisted", 500, "internal-error", {}, {}),
    ("cursor", 422, "bad-cursor", {}, {}),
    ("forbidden", 403, "forbidden", {}, {}),
    ("teapot", 400, "bad-request", {}, {}),
    ("limited", 429, "too-many-requests", {"retry-after": "7"}, {}),
    ("no-such-failure", 500, "internal-error", {}, {}),
]


@pytest.mark.parametrize(
    ("how", "status", "code", "headers", "members"), FAILURES, ids=[row[0] for row in FAILURES]
)
def test_failures(
    how: str, status: int, code: str, headers: dict[str, str], members: dict[str, object]
) -> None:
    got = AT.get(f"/v1/fail/{how}")
    problem = got.json()
    assert (got.status_code, problem["status"], problem["code"]) == (status, status, code)
    assert got.headers["content-type"] == "application/problem+json"
    assert "Canary" not in got.text
    assert headers.items() <= dict(got.headers).items()
    assert members.items() <= problem.items()


def test_addresses_and_methods() -> None:
    assert AT.get("/nothing").json()["code"] == "not-found"
    assert AT.get("/v1/things/").json()["code"] == "not-found"
    wrong = AT.delete("/v1/things")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method-not-allowed")
    assert wrong.headers["allow"]


def test_extension_members_cannot_replace_the_fixed_ones() -> None:
    refusal = errors.WrongState(status="given", code="x", state="given")
    problem = json.loads(bytes(of_refusal(refusal).body))
    assert (problem["status"], problem["code"], problem["state"]) == (409, "wrong-state", "given")


@pytest.mark.parametrize("code", sorted(PROBLEMS))
def test_every_code_can_be_answered_and_has_a_page(code: str) -> None:
    problem = json.loads(bytes(answer(code).body))
    page = AT.get(problem["type"])
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert_well_formed(page.text)
    assert PROBLEMS[code].title.replace("'", "&#x27;") in page.text
    assert code in page.text


def test_the_list_names_every_problem() -> None:
    page = AT.get("/problems/")
    assert_well_formed(page.text)
    assert all(f'href="/problems/{code}"' in page.text for code in PROBLEMS)
    assert AT.head("/problems/").status_code == 200
    assert AT.get("/problems/no-such-problem").json()["code"] == "not-found"


class _Pages(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)
        if tag == "html":
            assert dict(attrs)["lang"] == "en"
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def assert_well_formed(text: str) -> None:
    page = _Pages()
    page.feed(text)
    assert page.open == []
    assert page.seen.count("h1") == page.seen.count("main") == page.seen.count("title") == 1
    assert "script" not in page.seen


def test_openapi_speaks_of_problems() -> None:
    schema = build().openapi()
    assert "HTTPValidationError" not in json.dumps(schema)
    invalid = schema["paths"]["/v1/things"]["post"]["responses"]["422"]
    assert invalid == responses_for("invalid")[422]
    answers = responses_for("not-found", "duplicate", "wrong-state")
    assert sorted(answers) == [404, 409]
    assert "duplicate" in answers[409]["description"]
    assert "wrong-state" in answers[409]["description"]
    thing = schema["components"]["schemas"]["Everything"]["properties"]
    assert thing["name"]["maxLength"] == 200
    assert thing["day"]["anyOf"][0] == {"type": "string", "format": "date"}
