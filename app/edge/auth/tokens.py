"""JSON Web Tokens: access tokens and clients' assertions, taken apart and then checked.

`opened` takes a token apart and refuses a wrong form. What it claims says which key and which
expectations to look up; `access_token` and `client_assertion` then check signature and claims.
Keys and addresses inside a token are never used.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from app.domain.access.issuers import TokenForm
from app.domain.errors import Unauthenticated
from app.edge.input.json_body import BadJson, parse
from app.lazy import LazyModule
from app.services.access.jwk_sets import LONGEST_KID, PublicKey

if TYPE_CHECKING:
    from joserfc import errors, jws, util
else:
    errors, jws = LazyModule("joserfc.errors"), LazyModule("joserfc.jws")
    util = LazyModule("joserfc.util")

MOST_BYTES = 8 * 1024
LEEWAY = 60
ASSERTION_SECONDS = 300
# What an outside issuer may be registered with; a client's assertion has what SMART names.
ALGORITHMS = frozenset({"RS256", "RS384", "PS256", "ES256", "ES384"})
ASSERTION_ALGORITHMS = frozenset({"RS384", "ES384"})
OWN_ALGORITHM = "ES256"

_SEGMENTS = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
_KEY_TYPES = {"RS": "RSA", "PS": "RSA", "ES": "EC"}
_LONGEST_TEXT = 255
_MOST_AUDIENCES = 20
_LAST_SECOND = 2**40
# Claims of ID tokens, refresh tokens and logout tokens, which give no access.
_FOREIGN = frozenset({"nonce", "at_hash", "c_hash", "s_hash", "events"})


class BadToken(Unauthenticated):
    """The token is not accepted; `reason` is one word for a log, never for the answer."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__()


@dataclass(frozen=True, slots=True)
class Opened:
    """A token taken apart; nothing in it is verified yet."""

    text: str
    algorithm: str
    kid: str
    typ: str | None
    claims: Mapping[str, Any]

    @property
    def kty(self) -> str:
        """The type of key its algorithm takes: "EC" or "RSA"."""
        return _KEY_TYPES[self.algorithm[:2]]


@dataclass(frozen=True, slots=True)
class Trust:
    """What a registered issuer's access tokens must be.

    `most_seconds` is the longest time a token may still be good for.
    """

    issuer: str
    audience: str
    algorithms: frozenset[str]
    form: TokenForm = TokenForm.MARKED
    most_seconds: int = 24 * 3600


@dataclass(frozen=True, slots=True)
class Assertion:
    """A client's assertion that was accepted: it is good once, and forgotten after `expires`."""

    jti: str
    expires: int
    """Seconds since 1970, leeway included."""


def opened(token: str) -> Opened:
    """Return the parts of a token; `BadToken` for one of a wrong form."""
    if len(token) > MOST_BYTES:
        raise BadToken("size")
    segments = _SEGMENTS.fullmatch(token)
    if segments is None:
        raise BadToken("form")
    header, claims = _object(segments[1]), _object(segments[2])
    algorithm, kid, typ = header.get("alg"), header.get("kid"), header.get("typ")
    if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
        raise BadToken("algorithm")
    # No extension is understood here, so none can be critical; `b64` would change what is signed.
    if "crit" in header or "b64" in header:
        raise BadToken("header")
    if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID:
        raise BadToken("kid")
    if typ is not None and not isinstance(typ, str):
        raise BadToken("type")
    return Opened(token, algorithm, kid, typ, claims)


def audiences(token: Opened) -> tuple[str, ...]:
    """Return whom a token says it is for: one text, or a list of at most 20."""
    claimed = token.claims.get("aud")
    several = claimed if isinstance(claimed, list) else [claimed]
    if not 0 < len(several) <= _MOST_AUDIENCES or not all(map(_is_text, several)):
        raise BadToken("audience")
    return tuple(several)


def access_token(
    token: Opened, key: PublicKey | None, trust: Trust, now: datetime
) -> Mapping[str, Any]:
    """Return the claims of an access token that this issuer made for us; `sub` is a text."""
    if token.algorithm not in trust.algorithms:
        raise BadToken("algorithm")
    _check_signature(token, key)
    claims = token.claims
    if claims.get("iss") != trust.issuer:
        raise BadToken("issuer")
    if trust.audience not in audiences(token):
        raise BadToken("audience")
    _check_type(token, trust)
    _check_times(claims, now, trust.most_seconds)
    if not _is_text(claims.get("sub")):
        raise BadToken("subject")
    return claims


def client_assertion(
    token: Opened, key: PublicKey | None, *, client_id: str, audience: str, now: datetime
) -> Assertion:
    """Return what is to be remembered of an assertion in which the client signs in (RFC 7523).

    `audience` is the address of our token endpoint and must be the only one named: an assertion
    for other services too could be replayed here by whoever received it there.
    """
    if token.algorithm not in ASSERTION_ALGORITHMS:
        raise BadToken("algorithm")
    _check_signature(token, key)
    claims = token.claims
    if claims.get("iss") != client_id or claims.get("sub") != client_id:
        raise BadToken("issuer")
    if audiences(token) != (audience,):
        raise BadToken("audience")
    if _typ(token) not in (None, "jwt", "client-authentication+jwt"):
        raise BadToken("type")
    expires = _check_times(claims, now, ASSERTION_SECONDS + LEEWAY)
    jti = claims.get("jti")
    if not _is_text(jti):
        raise BadToken("jti")
    return Assertion(str(jti), expires + LEEWAY)


def scopes(claims: Mapping[str, Any]) -> str:
    """Return the scopes of a token, separated by blanks; some issuers write `scp`, or a list."""
    claimed = claims.get("scope", claims.get("scp", ""))
    several = claimed if isinstance(claimed, list) else [claimed]
    if not all(isinstance(scope, str) for scope in several):
        raise BadToken("scope")
    return " ".join(several)


def _object(segment: str) -> dict[str, Any]:
    try:
        value = parse(util.urlsafe_b64decode(segment.encode()))
    except (BadJson, ValueError):
        raise BadToken("form") from None
    if not isinstance(value, dict):
        raise BadToken("form")
    return value


@cache
def _registry(algorithm: str) -> jws.JWSRegistry:
    """What the library may take: this algorithm alone, and no text longer than ours are."""
    taken = jws.JWSRegistry(algorithms=[algorithm], strict_check_header=False)
    taken.max_header_length = taken.max_payload_length = MOST_BYTES
    taken.max_signature_length = MOST_BYTES
    return taken


def _check_signature(token: Opened, key: PublicKey | None) -> None:
    if key is None:
        raise BadToken("kid")
    try:
        jws.deserialize_compact(token.text, key, registry=_registry(token.algorithm))
    except (errors.JoseError, ValueError):
        raise BadToken("signature") from None


def _check_type(token: Opened, trust: Trust) -> None:
    """An ID token is signed by the same keys and is no access token."""
    typ = _typ(token)
    if trust.form is TokenForm.MARKED:
        if typ != "at+jwt":
            raise BadToken("type")
    elif (
        typ not in (None, "jwt", "at+jwt")
        or not _FOREIGN.isdisjoint(token.claims)
        or token.claims.get("typ", "Bearer") != "Bearer"
        or not scopes(token.claims)
    ):
        raise BadToken("type")


def _typ(token: Opened) -> str | None:
    return token.typ and token.typ.lower().removeprefix("application/")


def _check_times(claims: Mapping[str, Any], now: datetime, most_seconds: int) -> int:
    at = now.timestamp()
    expires = _second(claims, "exp")
    if expires is None:
        raise BadToken("lifetime")
    if expires <= at:
        raise BadToken("expired")
    issued, begins = _second(claims, "iat"), _second(claims, "nbf")
    if max(issued or 0, begins or 0) > at + LEEWAY:
        raise BadToken("early")
    if expires - at > most_seconds:
        raise BadToken("lifetime")
    return expires


def _second(claims: Mapping[str, Any], name: str) -> int | None:
    """A time of the token, None if it has none. `true` is an int in Python and no time."""
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if type(value) is not int or not 0 < value < _LAST_SECOND:
        raise BadToken("time")
    return value


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_TEXT
