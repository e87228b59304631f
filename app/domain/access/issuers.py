"""What is agreed with an outside issuer of tokens."""

from __future__ import annotations

from enum import StrEnum


class TokenForm(StrEnum):
    """Whether an issuer marks its access tokens as such (RFC 9068), or cannot."""

    MARKED = "at+jwt"
    UNMARKED = "jwt"
