"""Sets of public keys (JWKS), read strictly: what clients register and issuers publish."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

from app.db.rows.base import JsonObject, JsonValue
from app.lazy import LazyModule

if TYPE_CHECKING:
    from joserfc import errors, jwk, util
else:
    errors, jwk = LazyModule("joserfc.errors"), LazyModule("joserfc.jwk")
    util = LazyModule("joserfc.util")

PublicKey: TypeAlias = "jwk.ECKey | jwk.RSAKey"
# Two keys of one name are told apart by their type, "EC" or "RSA".
KeySet: TypeAlias = "Mapping[tuple[str, str], PublicKey]"

MOST_KEYS = 50
LONGEST_KID = 200
_CURVES = ("P-256", "P-384")
_MEMBERS = {"EC": ("crv", "x", "y"), "RSA": ("n", "e")}
_SECRET = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_LONGEST_NUMBER = 1366  # 8192 bits


class BadKeySet(ValueError):
    """Not a set of public keys that can be used; the text is safe to show."""


def read(value: JsonValue, *, some: bool = True) -> KeySet:
    """Return the signature keys of a set by (kid, type); keys of other kinds are left out.

    Raises `BadKeySet` for anything that is no set, holds a secret, a weak key or two keys that
    cannot be told apart, or, where there are to be `some`, leaves no key to use.
    """
    keys = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise BadKeySet("must be an object with a list named keys")
    if len(keys) > MOST_KEYS:
        raise BadKeySet(f"has more than {MOST_KEYS} keys")
    # Before anything else: a secret that was published is to be replaced, not passed over.
    if not all(map(_SECRET.isdisjoint, keys)):
        raise BadKeySet("holds a secret or private key")
    usable: dict[tuple[str, str], PublicKey] = {}
    for key in keys:
        kid, kty = key.get("kid"), key.get("kty")
        if not isinstance(kty, str):
            raise BadKeySet("has a key without a type (kty)")
        if kty not in _MEMBERS or key.get("use", "sig") != "sig":
            continue
        if not isinstance(kid, str) or not 0 < len(kid) <= LONGEST_KID:
            raise BadKeySet("has a key without an id (kid)")
        if (kid, kty) in usable:
            raise BadKeySet("has two keys with the same kid")
        usable[kid, kty] = _public(key)
    if some and not usable:
        raise BadKeySet("has no key for signatures")
    return usable


def _public(key: JsonObject) -> PublicKey:
    """The key from its public members alone: certificates and addresses in it are not used."""
    kty = key["kty"]
    members = {name: key.get(name) for name in _MEMBERS[kty]}
    if not all(isinstance(text, str) and len(text) <= _LONGEST_NUMBER for text in members.values()):
        raise BadKeySet("has a key with missing or wrong members")
    kept: JsonObject = {"kty": kty, "kid": key["kid"], **members}
    if isinstance(key.get("alg"), str):
        kept["alg"] = key["alg"]
    try:
        if kty == "EC":
            if kept["crv"] not in _CURVES:
                raise BadKeySet("has a key on a curve other than P-256 and P-384")
            return jwk.ECKey.import_key(kept)
        if util.base64_to_int(kept["n"]).bit_length() < 2048:
            raise BadKeySet("has an RSA key of less than 2048 bits")
        if util.base64_to_int(kept["e"]).bit_length() > 33:
            raise BadKeySet("has an RSA key with an exponent that is too large")
        return jwk.RSAKey.import_key(kept)
    except BadKeySet:
        raise
    except (errors.JoseError, ValueError):
        raise BadKeySet("has a key that is not valid") from None
