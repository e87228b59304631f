"""Refusals as programs read them: the code of each class, and the facts that go with it."""

from __future__ import annotations

import re
from datetime import date

import pytest

from app.domain import errors
from app.domain.errors import Refusal

CLASSES = [
    error
    for error in vars(errors).values()
    if isinstance(error, type) and issubclass(error, Refusal) and error is not Refusal
]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_a_code_is_the_name_of_its_class(error: type[Refusal]) -> None:
    """`NotBookingMaster` is `not-booking-master`: a client's program goes by it."""
    assert error.code == "-".join(re.findall("[A-Z][a-z]*", error.__name__)).lower()


def test_no_two_share_a_code() -> None:
    codes = [Refusal.code, *(error.code for error in CLASSES)]
    assert Refusal.code == "refused"
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("refusal", "facts"),
    [
        (Refusal(), {}),
        (Refusal("No.", state="odd"), {"state": "odd"}),
        (errors.TooManyRequests(retry_after=7), {"retry_after": 7}),
        (errors.Duplicate(existing_id="id-1"), {"existing_id": "id-1"}),
        (
            errors.BookedTooEarly("No.", earliest_on=date(2026, 3, 30), rule="hold", override=True),
            {"earliest_on": "2026-03-30", "rule": "hold", "override_allowed": True},
        ),
        (
            errors.BookedTooEarly("No.", earliest_on=None, rule="hold", override=False),
            {"earliest_on": None, "rule": "hold", "override_allowed": False},
        ),
        (errors.BadCursor(), {}),
    ],
)
def test_facts_are_told_apart_from_the_text(refusal: Refusal, facts: dict[str, object]) -> None:
    assert refusal.facts == facts


@pytest.mark.parametrize(
    ("refusal", "text"),
    [
        (Refusal(), "This was not done."),
        (Refusal("No."), "No."),
        (errors.NotFound(), errors.NotFound.default),
        (errors.Duplicate(existing_id="id-1"), errors.Duplicate.default),
        (errors.Duplicate("Twice.", existing_id="id-1"), "Twice."),
        (errors.Invalid(("/a", "is wrong")), errors.Invalid.default),
        (errors.TooManyRequests(retry_after=7), errors.TooManyRequests.default),
        (errors.BookedTooEarly("No.", earliest_on=None, rule="hold", override=True), "No."),
    ],
)
def test_a_text_of_its_own_or_that_of_its_class(refusal: Refusal, text: str) -> None:
    assert refusal.detail == str(refusal) == text


def test_what_cannot_be_right_is_pointed_to() -> None:
    refused = errors.InvalidChart(("/a", "is wrong"), ("/b", "is wrong too"))
    assert refused.errors == (("/a", "is wrong"), ("/b", "is wrong too"))
    assert errors.BadCursor().errors == (
        ("?cursor", "is not a cursor of this list with these filters"),
    )
    assert errors.TooManyRequests(retry_after=7).retry_after == 7
