"""What a client signs in with at the token endpoint: once, soon, and for us alone."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc.jwk import ECKey

from app.edge.auth import tokens
from app.edge.auth.tokens import BadToken
from tests.support.issuer import ec_key, rsa_key, signed

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
RSA, EC, EC384 = rsa_key("r1"), ec_key("e1"), ec_key("e384", "P-384")
CLIENT = "018f2f64-5c3a-7b1e-9d2f-0123456789ab"
ENDPOINT = "https://twelveweeks.example.org/oauth/token"
ASSERTION = {"iss": CLIENT, "sub": CLIENT, "aud": ENDPOINT, "exp": AT + 300, "jti": "once"}


def present(key: Any = EC384, header: dict[str, Any] | None = None, **claims: Any) -> Any:
    algorithm = "ES384" if isinstance(key, ECKey) else "RS384"
    full = {name: value for name, value in {**ASSERTION, **claims}.items() if value is not None}
    opened = tokens.opened(
        signed(key, full, **{"alg": algorithm, "typ": "JWT", "kid": key.kid, **(header or {})})
    )
    return tokens.client_assertion(opened, key, client_id=CLIENT, audience=ENDPOINT, now=NOW)


def test_assertions_of_both_algorithms_of_smart() -> None:
    for key in (EC384, RSA):
        assert present(key) == tokens.Assertion("once", AT + 360)
    assert present(header={"typ": None})
    assert present(header={"typ": "client-authentication+jwt"})
    assert present(aud=[ENDPOINT])


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"iss": "another"}, "issuer"),
        ({"sub": "another"}, "issuer"),
        ({"sub": None}, "issuer"),
        ({"aud": "https://twelveweeks.example.org"}, "audience"),
        ({"aud": [ENDPOINT, "https://elsewhere.example.org"]}, "audience"),
        ({"aud": ENDPOINT + "/"}, "audience"),
        ({"exp": AT}, "expired"),
        ({"exp": None}, "lifetime"),
        ({"exp": AT + 361}, "lifetime"),
        ({"nbf": AT + 61}, "early"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": 7}, "jti"),
        ({"jti": "x" * 256}, "jti"),
    ],
)
def test_assertions_that_are_not_accepted(claims: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadToken) as caught:
        present(**claims)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("key", "header", "reason"),
    [
        (RSA, {"alg": "RS256"}, "algorithm"),
        (EC, {"alg": "ES256"}, "algorithm"),
    ],
)
def test_assertions_of_another_form(key: Any, header: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadToken) as caught:
        present(key, header)
    assert caught.value.reason == reason


def test_an_access_token_is_no_assertion() -> None:
    with pytest.raises(BadToken) as caught:
        present(header={"typ": "at+jwt"}, client_id=CLIENT, scope="system/*.rs")
    assert caught.value.reason == "type"
