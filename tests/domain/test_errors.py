"""Refusals in words: what is so, and what can be done next."""

from __future__ import annotations

import pytest

from app.domain import errors
from app.domain.errors import Refusal, WrongState

# Every state that a session, a closed course or a key can be in when a step is refused, with what
# its text must name: the state in words, and a step that is possible.
STATES = [
    ("booked", "is booked", "cancelled"),
    ("given", "was given", "voided"),
    ("cancelled", "was cancelled", "new booking"),
    ("no_show", "no-show", "new booking"),
    ("voided", "was voided", "Record it again"),
    ("completed", "was completed", "Resume"),
    ("stopped", "was stopped", "Resume"),
    ("revoked", "was revoked", "new key"),
    ("expired", "has expired", "new key"),
]


@pytest.mark.parametrize(("state", "named", "possible"), STATES, ids=[s for s, *_ in STATES])
def test_a_wrong_state_is_named_with_what_is_possible(
    state: str, named: str, possible: str
) -> None:
    refusal = WrongState(state=state)
    assert refusal.facts == {"state": state}
    assert named in refusal.detail
    assert possible in refusal.detail


def test_a_text_of_its_own_comes_first() -> None:
    refusal = WrongState("This import was reverted already.", state="reverted")
    assert (refusal.detail, refusal.facts) == (
        "This import was reverted already.", {"state": "reverted"},
    )  # fmt: skip


def test_a_state_without_a_text_is_still_named() -> None:
    assert "while the record is on hold" in WrongState(state="on_hold").detail


DEFAULTS = {
    name: error.default
    for name, error in vars(errors).items()
    if isinstance(error, type) and issubclass(error, Refusal) and error is not WrongState
}


@pytest.mark.parametrize("text", DEFAULTS.values(), ids=DEFAULTS)
def test_every_text_is_a_sentence(text: str) -> None:
    assert text[0].isupper()
    assert text.endswith(".")
    assert len(text) <= 130
