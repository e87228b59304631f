"""Key sets of a real server: fetched once, rotated, and what holds when the server is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from app.domain.errors import IssuerUnreachable
from app.edge.auth import jwks
from app.edge.auth.jwks import KeySets
from app.edge.auth.outgoing import Outgoing
from app.services.access.jwk_sets import BadKeySet, PublicKey, read
from tests.support.issuer import Issuer, certificate, ec_key, public, rsa_key, to_loopback

ONE, TWO, THREE = (ec_key(kid) for kid in ("one", "two", "three"))


class Sets:
    """Key sets with a stop watch that the test moves."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.at = 1000.0
        outgoing = Outgoing([issuer.allowed], resolve=to_loopback, tls=certificate()[1])
        self.sets = KeySets(outgoing, timer=lambda: self.at)

    async def key(self, kid: str, kty: str = "EC") -> PublicKey | None:
        return await self.sets.key(self.issuer.url, kid, kty)

    async def settled(self, kid: str) -> PublicKey | None:
        """The key, and the fetch that it may have started is over."""
        key = await self.key(kid)
        await asyncio.gather(*self.sets._flights.values())
        return key


@pytest.fixture
def sets() -> Iterator[Sets]:
    issuer = Issuer(ONE)
    yield Sets(issuer)
    issuer.close()


def test_a_hundred_requests_make_one_fetch(sets: Sets) -> None:
    sets.issuer.mode = "late"

    async def crowd() -> list[PublicKey | None]:
        return await asyncio.gather(*(sets.key("one") for _ in range(100)))

    assert all(key and key.kid == "one" for key in asyncio.run(crowd()))
    assert sets.issuer.fetches == 1


def test_one_who_gives_up_takes_nobody_along(sets: Sets) -> None:
    sets.issuer.mode = "late"

    async def two() -> PublicKey | None:
        first = asyncio.create_task(sets.key("one"))
        second = asyncio.create_task(sets.key("one"))
        await asyncio.sleep(0.05)
        first.cancel()
        return await second

    key = asyncio.run(two())
    assert key is not None
    assert sets.issuer.fetches == 1


def test_an_unknown_key_asks_again_but_not_all_the_time(sets: Sets) -> None:
    async def story() -> None:
        assert await sets.key("one")
        for _ in range(20):
            assert await sets.key("two") is None
        assert sets.issuer.fetches == 1
        sets.issuer.keys = [ONE, TWO]
        sets.at += 29
        assert await sets.key("two") is None
        sets.at += 1
        assert await sets.key("two")
        assert sets.issuer.fetches == 2

    asyncio.run(story())


def test_a_key_that_left_is_believed_for_ten_minutes(sets: Sets) -> None:
    async def story() -> None:
        assert await sets.key("one")
        sets.issuer.keys = [TWO]
        sets.at += 60
        assert await sets.key("two")
        sets.at += 599
        assert await sets.settled("one")
        sets.at += 1
        assert await sets.settled("one") is None
        assert await sets.key("two")

    asyncio.run(story())


def test_each_key_that_left_has_its_own_ten_minutes(sets: Sets) -> None:
    async def story() -> None:
        assert await sets.key("one")
        for key in (TWO, THREE):
            sets.issuer.keys = [key]
            sets.at += 60
            assert await sets.key(str(key.kid))
        assert await sets.key("one")
        sets.at += 540
        assert await sets.settled("one") is None
        assert await sets.settled("two")

    asyncio.run(story())


def test_a_set_is_looked_at_again_without_being_asked_for(sets: Sets) -> None:
    async def story() -> None:
        assert await sets.key("one")
        sets.at += 299
        assert await sets.settled("one")
        assert sets.issuer.fetches == 1
        sets.at += 1
        assert await sets.settled("one")
        assert sets.issuer.fetches == 2
        # After a long quiet the answer waits for the look, so a key that left begins to leave.
        sets.issuer.keys = [TWO]
        sets.at += 3000
        assert await sets.key("one")
        assert sets.issuer.fetches == 3
        sets.at += 600
        assert await sets.settled("one") is None

    asyncio.run(story())


def test_an_hour_without_the_issuer(sets: Sets) -> None:
    async def story() -> None:
        assert await sets.key("one")
        sets.issuer.mode = "down"
        for _ in range(11):
            sets.at += 300
            assert await sets.settled("one")
        # A key that is not known cannot be said to be wrong while nobody can be asked.
        with pytest.raises(IssuerUnreachable):
            await sets.key("two")
        sets.at += 299
        assert await sets.settled("one")
        sets.at += 1
        with pytest.raises(IssuerUnreachable):
            await sets.key("one")
        fetches = sets.issuer.fetches
        with pytest.raises(IssuerUnreachable):
            await sets.key("one")
        assert sets.issuer.fetches == fetches
        sets.issuer.mode = "well"
        sets.at += 30
        assert await sets.key("one")

    asyncio.run(story())


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"keys": [], "keys": []}', b"[" * 40_000, b"\xff", b'{"keys": 1e999}'],
)
def test_what_is_no_key_set_changes_nothing(sets: Sets, body: bytes) -> None:
    async def story() -> None:
        assert await sets.key("one")
        sets.issuer.body = body
        sets.at += 400
        assert await sets.settled("one")
        assert sets.issuer.fetches == 2

    asyncio.run(story())


def test_the_set_that_is_idle_the_longest_makes_room(
    sets: Sets, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jwks, "_MOST_SETS", 2)
    first, second, third = (f"{sets.issuer.url}/{number}" for number in range(3))

    async def fetched(url: str) -> int:
        before = sets.issuer.fetches
        assert await sets.sets.key(url, "one", "EC")
        return sets.issuer.fetches - before

    async def story() -> None:
        assert [await fetched(url) for url in (first, second, first)] == [1, 1, 0]
        assert [await fetched(url) for url in (third, first)] == [1, 0]
        assert await fetched(second) == 1
        # One that is just being fetched stays, however many come.
        sets.issuer.mode = "late"
        crowd = [sets.sets.key(f"{sets.issuer.url}/c{n}", "one", "EC") for n in range(5)]
        before = sets.issuer.fetches
        assert all(await asyncio.gather(*crowd))
        assert sets.issuer.fetches - before == 5

    asyncio.run(story())


def test_two_types_of_one_name() -> None:
    keys = read(public([ec_key("same"), rsa_key("same")]))
    assert sorted(keys) == [("same", "EC"), ("same", "RSA")]
    assert not any(key.is_private for key in keys.values())


def test_keys_for_other_uses_are_left_out() -> None:
    other = {"kty": "OKP", "crv": "Ed25519", "x": "a", "kid": "okp"}
    sealing = {**ONE.as_dict(private=False), "use": "enc", "kid": "sealing"}
    assert list(read({"keys": [other, sealing, ONE.as_dict(private=False)]})) == [("one", "EC")]


def _with(**members: Any) -> dict[str, Any]:
    return {"keys": [{**TWO.as_dict(private=False), **members}]}


SMALL = {"kty": "RSA", "kid": "small", "e": "AQAB", "n": "x" * 171}


@pytest.mark.parametrize(
    "value",
    [
        None, [], "keys", {}, {"keys": {}}, {"keys": []}, {"keys": ["one"]}, {"keys": [None]},
        {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "one"}]},
        {"keys": [ONE.as_dict(private=True)]},
        {"keys": [rsa_key("one").as_dict(private=True)]},
        {"keys": [ONE.as_dict(private=False), TWO.as_dict(private=True)]},
        {"keys": [ONE.as_dict(private=False)] * 2},
        {"keys": [ONE.as_dict(private=False)] * 51},
        _with(kid=None), _with(kid=""), _with(kid=7), _with(kid="x" * 201),
        _with(crv="P-521"), _with(crv="secp256k1"), _with(crv=["P-256"]), _with(x="AAAA"),
        _with(x=None), _with(x="!!"), _with(y=7), _with(x="A" * 5000),
        {"keys": [SMALL]}, {"keys": [{**SMALL, "n": "A" * 342}]},
        {"keys": [{**rsa_key("one").as_dict(private=False), "e": "AQ"}]},
        {"keys": [{**rsa_key("one").as_dict(private=False), "e": "_" * 342}]},
        _with(kty=["EC"]), _with(use=["sig"]),
    ],
    # Keys are made anew by every process, so they make no names.
    ids=lambda value: "set",
)  # fmt: skip
def test_sets_that_are_not_taken(value: Any) -> None:
    with pytest.raises(BadKeySet) as caught:
        read(value)
    assert str(caught.value).split()[0] in ("must", "has", "holds")


def test_certificates_and_addresses_in_a_key_are_not_kept() -> None:
    key = read(_with(x5u="https://127.0.0.1/", x5c=["AAAA"], jku="x"))[("two", "EC")]
    assert sorted(key.as_dict()) == ["crv", "kid", "kty", "x", "y"]
