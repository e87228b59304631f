"""Locations, practitioners and closures: the same verbs for each."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.clinic import Clinic

NOUNS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("locations", {"name": "Main St", "time_zone": "America/New_York"}, {"name": "Harbor"}),
    ("practitioners", {"name": "Dr. Renner", "npi": "1234567890"}, {"npi": None}),
    ("closures", {"from": "2026-03-30", "until": "2026-03-31"}, {"until": "2026-04-02"}),
]


@pytest.mark.parametrize(("noun", "body", "change"), NOUNS)
def test_added_shown_changed_listed(
    clinic: Clinic, noun: str, body: dict[str, Any], change: dict[str, Any]
) -> None:
    made = clinic.post(f"/{noun}", body)
    assert body.items() <= made.items()
    assert clinic.get(f"/{noun}/{made['id']}") == made
    changed = clinic.patch(f"/{noun}/{made['id']}", change)
    assert (body | change).items() <= changed.items()
    assert clinic.get(f"/{noun}")["items"] == [changed]


@pytest.mark.parametrize(("noun", "body", "change"), NOUNS)
def test_another_systems_identifier_finds_it_again(
    clinic: Clinic, noun: str, body: dict[str, Any], change: dict[str, Any]
) -> None:
    named = {"identifiers": [{"system": "ehr", "value": "7"}]}
    made = clinic.post(f"/{noun}/upsert", body | named)
    again = clinic.post(f"/{noun}/upsert", body | change | named)
    assert again["id"] == made["id"]
    assert again["identifiers"] == named["identifiers"]
    assert change.items() <= again.items()
    refusal = clinic.refusal("POST", f"/{noun}", body | named)
    assert (refusal["status"], refusal["existing_id"]) == (409, made["id"])


def test_a_closure_ends_after_it_begins(clinic: Clinic) -> None:
    refusal = clinic.refusal("POST", "/closures", {"from": "2026-03-31", "until": "2026-03-30"})
    assert refusal["errors"] == [{"pointer": "/until", "detail": "lies before the closure begins"}]
