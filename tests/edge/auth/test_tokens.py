"""T-16: tokens that are accepted, and all the ways in which one is not, against a real issuer.

The rows that need a client, a person or a practice in the database are in `tests/api`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from app.domain.access import smart
from app.domain.access.issuers import TokenForm
from app.domain.access.smart import Acting
from app.domain.errors import IssuerUnreachable, Unauthenticated
from app.edge.auth import tokens
from app.edge.auth.jwks import KeySets
from app.edge.auth.outgoing import Outgoing
from app.edge.auth.tokens import BadToken, Trust
from tests.support.issuer import Issuer, Trap, certificate, ec_key, rsa_key, signed, to_loopback

NOW = datetime(2027, 3, 1, 12, tzinfo=UTC)
AT = int(NOW.timestamp())
ISS = "https://login.example.org/realms/clinic"
AUD = "https://twelveweeks.example.org"
RSA, EC, EC384 = rsa_key("r1"), ec_key("e1"), ec_key("e384", "P-384")
OTHER = ec_key("e1")
CLAIMS = {"iss": ISS, "aud": AUD, "sub": "someone", "iat": AT, "exp": AT + 300,
          "scope": "user/Patient.rs", "jti": "1", "client_id": "app"}  # fmt: skip
HEADER = {"alg": "ES256", "typ": "at+jwt", "kid": "e1"}
TRUST = Trust(ISS, AUD, frozenset({"RS256", "ES256", "ES384", "PS256"}))


class World:
    """An issuer with three keys, and what this service keeps of it; `at` is its stop watch."""

    def __init__(self) -> None:
        self.issuer = Issuer(RSA, EC, EC384)
        self.trap = Trap()
        self.at = 1000.0
        outgoing = Outgoing([self.issuer.allowed], resolve=to_loopback, tls=certificate()[1])
        self.sets = KeySets(outgoing, timer=lambda: self.at)

    def judge(self, token: str, trust: Trust = TRUST) -> Any:
        return asyncio.run(self._judge(token, trust))

    async def _judge(self, token: str, trust: Trust) -> Any:
        opened = tokens.opened(token)
        key = await self.sets.key(self.issuer.url, opened.kid, opened.kty)
        await asyncio.gather(*self.sets._flights.values())
        return tokens.access_token(opened, key, trust, NOW)

    def close(self) -> None:
        self.issuer.close()
        self.trap.close()


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def pieces(header: str, payload: bytes) -> str:
    return f"{b64(header.encode())}.{b64(payload)}.{b64(b'x')}"


def by_hand(header: dict[str, Any], claims: Any, sign: Callable[[bytes], bytes]) -> str:
    """A token that no library would make."""
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    text = f"{b64(json.dumps(header).encode())}.{b64(payload.encode())}"
    return f"{text}.{b64(sign(text.encode()))}"


def token(key: Any = EC, header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A good token but for what is given; a claim or header given as None is left out."""
    full = {name: value for name, value in {**CLAIMS, **claims}.items() if value is not None}
    return signed(key, full, **{**HEADER, **(header or {})})


def raw(pair: str) -> str:
    """A token whose payload holds one more pair, written out."""
    return signed(EC, json.dumps(CLAIMS)[:-1] + f",{pair}}}", **HEADER)


def hmac_with_the_public_key() -> str:
    secret = EC.as_pem(private=False)
    header = {**HEADER, "alg": "HS256"}
    return by_hand(header, CLAIMS, lambda text: hmac.digest(secret, text, hashlib.sha256))


def flipped() -> str:
    head, _, signature = token().split(".")
    return f"{head}.{b64(json.dumps({**CLAIMS, 'sub': 'another'}).encode())}.{signature}"


def with_own_key(**header: Any) -> str:
    return token(OTHER, {"kid": "mine", "jwk": OTHER.as_dict(private=False), **header})


# name, token, the reason for which it is refused; the names are those of the test plan.
REFUSED: list[tuple[str, Callable[[World], str], str]] = [
    ("alg none", lambda w: by_hand({**HEADER, "alg": "none"}, CLAIMS, lambda _: b""), "form"),
    ("alg NoNe", lambda w: by_hand({**HEADER, "alg": "NoNe"}, CLAIMS, lambda _: b"x"), "algorithm"),
    ("HS256 with the public key", lambda w: hmac_with_the_public_key(), "algorithm"),
    ("wrong key", lambda w: token(OTHER), "signature"),
    ("embedded jwk", lambda w: with_own_key(), "kid"),
    ("embedded jwk of 1 MB", lambda w: with_own_key(pad="x" * 4000) + "x" * 10**6, "size"),
    ("expired", lambda w: token(exp=AT), "expired"),
    ("no exp", lambda w: token(exp=None), "lifetime"),
    ("nbf in the future", lambda w: token(nbf=AT + 61), "early"),
    ("wrong aud", lambda w: token(aud="https://elsewhere.example.org"), "audience"),
    ("no aud", lambda w: token(aud=None), "audience"),
    ("wrong iss", lambda w: token(iss=ISS + "/"), "issuer"),
    ("RS384 where RS256 is allowed", lambda w: token(RSA, {"alg": "RS384", "kid": "r1"}),
     "algorithm"),
    ("unknown crit", lambda w: by_hand({**HEADER, "crit": ["x"], "x": 1}, CLAIMS, lambda _: b"x"),
     "header"),
    ("truncated signature", lambda w: token()[:-6], "signature"),
    ("flipped payload", lambda w: flipped(), "signature"),
    ("a token of 5 MB", lambda w: token() + "x" * 5_000_000, "size"),
    ("empty", lambda w: "", "form"),
    ("two dots", lambda w: "..", "form"),
    ("unknown kid", lambda w: token(header={"kid": "e9"}), "kid"),
    ("no kid", lambda w: token(header={"kid": None}), "kid"),
    ("psychic signature", lambda w: by_hand(HEADER, CLAIMS, lambda _: bytes(64)), "signature"),
    ("duplicate claims", lambda w: raw(f'"exp": {AT + 9}'), "form"),
    ("exp as a text", lambda w: token(exp=str(AT + 300)), "time"),
    ("exp as a fraction", lambda w: token(exp=AT + 300.0), "time"),
    ("exp below nought", lambda w: token(exp=-1), "time"),
    ("exp of 2^63", lambda w: token(exp=2**63), "form"),
    ("another audience of the same realm", lambda w: token(aud=["account", "billing"]), "audience"),
    ("ID token", lambda w: token(header={"typ": "JWT"}, nonce="n", at_hash="h"), "type"),
]  # fmt: skip

# Beyond the plan's list.
MORE: list[tuple[str, Callable[[World], str], str]] = [
    ("exp of 2^62", lambda w: token(exp=2**62), "time"),
    ("exp as true", lambda w: token(exp=True), "time"),
    ("exp as null", lambda w: raw('"nbf": null'), "time"),
    ("exp as infinity", lambda w: raw('"nbf": 1e999'), "form"),
    ("iat in the future", lambda w: token(iat=AT + 61), "early"),
    ("iat as a text", lambda w: token(iat="now"), "time"),
    ("good for two days", lambda w: token(exp=AT + 2 * 86_400), "lifetime"),
    ("no sub", lambda w: token(sub=None), "subject"),
    ("sub as a number", lambda w: token(sub=7), "subject"),
    ("sub without end", lambda w: token(sub="x" * 256), "subject"),
    ("aud as an object", lambda w: token(aud={"a": AUD}), "audience"),
    ("aud holds a number", lambda w: token(aud=[AUD, 7]), "audience"),
    ("aud without end", lambda w: token(aud=[AUD] * 21), "audience"),
    ("no aud in the list", lambda w: token(aud=[]), "audience"),
    ("aud that begins like ours", lambda w: token(aud=AUD + ".evil.example"), "audience"),
    ("iss in capitals", lambda w: token(iss=ISS.upper()), "issuer"),
    ("iss as a list", lambda w: token(iss=[ISS]), "issuer"),
    ("no typ", lambda w: token(header={"typ": None}), "type"),
    ("typ of a logout token", lambda w: token(header={"typ": "logout+jwt"}), "type"),
    ("crit that is known", lambda w: token(header={"crit": ["kid"]}), "header"),
    ("empty crit", lambda w: by_hand({**HEADER, "crit": []}, CLAIMS, lambda _: b"x"), "header"),
    ("payload not encoded", lambda w: by_hand({**HEADER, "b64": False}, CLAIMS, lambda _: b"x"),
     "header"),
    ("two algs", lambda w: pieces(json.dumps(HEADER)[:-1] + ',"alg":"none"}', b"{}"), "form"),
    ("alg as a list", lambda w: by_hand({**HEADER, "alg": ["ES256"]}, CLAIMS, lambda _: b"x"),
     "algorithm"),
    ("kid as a number", lambda w: by_hand({**HEADER, "kid": 1}, CLAIMS, lambda _: b"x"), "kid"),
    ("kid without end", lambda w: token(header={"kid": "x" * 201}), "kid"),
    ("ES256 by the key of RSA", lambda w: token(header={"kid": "r1"}), "kid"),
    ("ES256 by a key of P-384", lambda w: token(header={"kid": "e384"}), "signature"),
    ("signature with trailing bits", lambda w: token()[:-1] + "-", "signature"),
    ("padded", lambda w: token() + "==", "form"),
    ("with a line feed", lambda w: token() + "\n", "form"),
    ("with a blank", lambda w: token().replace(".", ". ", 1), "form"),
    ("four parts", lambda w: token() + ".x", "form"),
    ("five parts", lambda w: token() + ".x.x", "form"),
    ("JSON serialization", lambda w: json.dumps({"payload": "e30", "signatures": []}), "form"),
    ("header is a list", lambda w: pieces("[]", b"{}"), "form"),
    ("payload is a text", lambda w: signed(EC, '"text"', **HEADER), "form"),
    ("payload is no UTF-8", lambda w: pieces(json.dumps(HEADER), b"\xff"), "form"),
    ("nested deep", lambda w: signed(EC, "[" * 100 + "]" * 100, **HEADER), "form"),
]  # fmt: skip


def _accepted(world: World) -> None:
    for key, algorithm in ((RSA, "RS256"), (RSA, "PS256"), (EC, "ES256"), (EC384, "ES384")):
        claims = world.judge(token(key, {"alg": algorithm, "kid": key.kid}))
        assert claims["sub"] == "someone"
    assert world.judge(token(aud=["account", AUD]))
    assert world.judge(token(nbf=AT + 60, iat=AT + 60))
    assert world.judge(token(header={"typ": "application/AT+JWT"}))
    assert world.judge(token(header={"kid": "e1", "x5t": "x", "unknown": 1}))


def _kid_is_a_name_only(world: World) -> None:
    trap = f"https://127.0.0.1:{world.trap.port}/e1"
    for kid in ("../../../../etc/passwd", "/dev/null", "e1' OR '1'='1", "e1\x00", trap, "e1 ",
                "file:///e1", "' UNION SELECT 'x", "%65%31", "E1"):  # fmt: skip
        with pytest.raises(BadToken, match="valid API key or token") as caught:
            world.judge(token(header={"kid": kid}))
        assert caught.value.reason == "kid"
    assert (world.issuer.fetches, world.trap.connections) == (1, 0)


def _addresses_in_a_token_are_not_fetched(world: World) -> None:
    address = f"https://127.0.0.1:{world.trap.port}/jwks.json"
    for header in ({"jku": address}, {"x5u": address}, {"jku": address, "x5u": address}):
        with pytest.raises(BadToken):
            world.judge(token(OTHER, header))
        # They do no harm to a token that is good without them.
        assert world.judge(token(header=header))
    assert world.trap.connections == 0


def _rotation(world: World) -> None:
    assert world.judge(token())
    new = ec_key("e2")
    world.issuer.keys = [new]
    world.at += 30
    assert world.judge(token(new, {"kid": "e2"}))
    world.at += 599
    assert world.judge(token())
    world.at += 1
    with pytest.raises(BadToken):
        world.judge(token())
    assert world.judge(token(new, {"kid": "e2"}))


def _issuer_down(world: World) -> None:
    assert world.judge(token())
    world.issuer.mode = "down"
    for _ in range(11):
        world.at += 300
        assert world.judge(token())
    world.at += 300
    with pytest.raises(IssuerUnreachable):
        world.judge(token())
    world.issuer.mode = "well"
    world.at += 30
    assert world.judge(token())


def _scopes_do_not_widen(world: World) -> None:
    may = {"patients:read", "worklist:search"}
    for scope in ("user/*.*", "system/*.*", "user/Patient.cruds keys:create", "*", "patient/*.*"):
        claims = world.judge(token(scope=scope))
        held = smart.permissions(tokens.scopes(claims), Acting.USER) & may
        assert held <= may
        assert smart.permissions(smart.granted(scope, Acting.USER, may), Acting.USER) == held
    assert (
        smart.permissions("system/*.* patient/*.* * user/Patient.rs?name=x", Acting.USER) == set()
    )


SCENARIOS: list[tuple[str, Callable[[World], None]]] = [
    ("good", _accepted),
    ("kid with a path, SQL, an address", _kid_is_a_name_only),
    ("jku and x5u", _addresses_in_a_token_are_not_fetched),
    ("rotation", _rotation),
    ("issuer down", _issuer_down),
    ("scope widening", _scopes_do_not_widen),
]
# Shown through HTTP, with a database.
ELSEWHERE = ("jti twice", "fhirUser of another practice", "revoked user with a live token")


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    world = World()
    yield world
    world.close()


@pytest.mark.parametrize(
    ("make", "reason"), [row[1:] for row in REFUSED + MORE], ids=[row[0] for row in REFUSED + MORE]
)
def test_refused(world: World, make: Callable[[World], str], reason: str) -> None:
    with pytest.raises(Unauthenticated) as caught:
        world.judge(make(world))
    assert isinstance(caught.value, BadToken)
    assert caught.value.reason == reason
    assert caught.value.facts == {}


@pytest.mark.parametrize(
    "scenario", [row[1] for row in SCENARIOS], ids=[row[0] for row in SCENARIOS]
)
def test_scenarios(scenario: Callable[[World], None]) -> None:
    world = World()
    try:
        scenario(world)
    finally:
        world.close()


def test_the_plan_is_covered() -> None:
    here = len(REFUSED) + len(SCENARIOS)
    print(f"T-16: {here} of 38 here, {len(ELSEWHERE)} through HTTP, and {len(MORE)} more")
    assert here + len(ELSEWHERE) == 38


# --- issuers that do not mark their access tokens -------------------------------------------------

PLAIN = Trust(ISS, AUD, frozenset({"ES256"}), form=TokenForm.UNMARKED)


@pytest.mark.parametrize("typ", [None, "JWT", "at+jwt"])
def test_unmarked_access_tokens_of_an_issuer_registered_so(world: World, typ: str | None) -> None:
    assert world.judge(token(header={"typ": typ}), PLAIN)
    assert world.judge(token(header={"typ": typ}, typ="Bearer"), PLAIN)


@pytest.mark.parametrize(
    "claims",
    [{"nonce": "n"}, {"at_hash": "h"}, {"c_hash": "h"}, {"events": {}}, {"typ": "ID"},
     {"typ": "Refresh"}, {"scope": None}, {"scope": ""}],
)  # fmt: skip
def test_other_tokens_of_such_an_issuer(world: World, claims: dict[str, Any]) -> None:
    with pytest.raises(BadToken) as caught:
        world.judge(token(header={"typ": "JWT"}, **claims), PLAIN)
    assert caught.value.reason == "type"


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [({"scope": "a b"}, "a b"), ({"scp": "a b"}, "a b"), ({"scp": ["a", "b"]}, "a b"), ({}, "")],
)
def test_how_issuers_write_scopes(claims: dict[str, Any], scopes: str) -> None:
    assert tokens.scopes(claims) == scopes


@pytest.mark.parametrize("claims", [{"scope": 7}, {"scope": [7]}, {"scp": {"a": 1}}])
def test_scopes_that_are_none(claims: dict[str, Any]) -> None:
    with pytest.raises(BadToken):
        tokens.scopes(claims)
