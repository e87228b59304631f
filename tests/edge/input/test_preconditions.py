"""If-Match and If-None-Match."""

from __future__ import annotations

import pytest

from app.domain.errors import PreconditionRequired, StaleVersion
from app.edge.input.preconditions import etag, not_modified, require_match

TAG = etag(5)


@pytest.mark.parametrize(
    ("header", "same"),
    [
        ('"5"', True),
        ('W/"5"', True),
        ("*", True),
        (' "5" ', True),
        ('"4", "5"', True),
        ('"4",W/"5"', True),
        ('"4"', False),
        ('"55"', False),
        ("5", False),
        ("", False),
        ('"5', False),
        ('"4, 5"', False),
        ("'5'", False),
        ('"*"', False),
    ],
)
def test_tags(header: str, same: bool) -> None:
    assert not_modified(header, TAG) is same
    if same:
        require_match(header, TAG)
    else:
        with pytest.raises(StaleVersion):
            require_match(header, TAG)


def test_no_header() -> None:
    assert not not_modified(None, TAG)
    with pytest.raises(PreconditionRequired):
        require_match(None, TAG)
