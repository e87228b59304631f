"""Requests take the words that the rules know, all of them and no others."""

from enum import StrEnum
from typing import Any, get_args

import pytest

from app.api.access.issuers import IssuerIn
from app.api.patients.patients import PatientIn
from app.api.scheduling.session_shapes import GivenIn
from app.domain.access.access import ROLES, Role
from app.domain.access.issuers import TokenForm
from app.domain.charting.dosing import Completeness
from app.domain.patients.patients import Sex
from app.edge.input.fields import Body


def words(hint: Any) -> set[str]:
    """The words of a Literal, or of the Literal among the members of a union."""
    found = [word for word in get_args(hint) if isinstance(word, str)]
    return set(found).union(*(words(member) for member in get_args(hint) if member not in found))


@pytest.mark.parametrize(
    ("body", "field", "vocabulary"),
    [
        (PatientIn, "sex", Sex),
        (IssuerIn, "form", TokenForm),
        (GivenIn, "completeness", Completeness),
    ],
)
def test_a_field_takes_its_vocabulary(
    body: type[Body], field: str, vocabulary: type[StrEnum]
) -> None:
    assert words(body.model_fields[field].annotation) == {word.value for word in vocabulary}


def test_every_role_has_its_column() -> None:
    assert list(ROLES) == list(Role)
