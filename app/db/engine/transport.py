"""How a connection to PostgreSQL is kept private: TLS with a verified host, unless it is local."""

from __future__ import annotations

import ssl
from ipaddress import ip_address

import psycopg
from sqlalchemy import URL

_VERIFYING = ("verify-ca", "verify-full")
# Either may hold a host that the rest of the address does not show.
_OPAQUE = ("conninfo", "service")
# What the driver says -> what the operator has to know. The driver's own text names the user.
_REFUSED = {
    "does not support SSL": "it does not offer TLS",
    "certificate verify failed": "its certificate is not signed by an authority trusted here",
    "does not match host name": "its certificate is for another host",
    "root certificate": "the trusted authorities cannot be read",
}


def arguments(url: URL) -> dict[str, str]:
    """Return the driver's arguments beside the URL; none for a server on this machine.

    What the URL says itself is kept. The environment's sslmode is not: weaker than verified must
    be written where it is seen.
    """
    named = _named(url)
    if _local(named):
        return {}
    mode = _mode(url)
    # Kerberos could take the place of TLS without a word; whoever wants that says so.
    told = {"sslmode": mode, "gssencmode": _given(url).get("gssencmode", "disable")}
    if mode in _VERIFYING:
        told["sslrootcert"] = named.get("sslrootcert") or _authorities()
    return told


def weakness(url: URL) -> str | None:
    """Return a warning when others could read or change what goes to the server, else None."""
    mode = _mode(url)
    if mode == "verify-full" or _local(_named(url)):
        return None
    return (
        f"sslmode={mode} does not prove which PostgreSQL server answers: whoever stands between "
        "could read and change records; without it the server's certificate is verified"
    )


def refusal(error: psycopg.Error) -> str | None:
    """Return why no private connection could be made; None when the cause is another."""
    told = str(error)
    return next((meaning for said, meaning in _REFUSED.items() if said in told), None)


def _mode(url: URL) -> str:
    return _given(url).get("sslmode", "verify-full")


def _given(url: URL) -> dict[str, str]:
    """The URL as the driver's parameters; those of several hosts are joined by commas."""
    _, given = url.set(drivername="postgresql+psycopg").get_dialect()().create_connect_args(url)
    return {name: str(value) for name, value in given.items() if value}


def _named(url: URL) -> dict[str, str]:
    """The URL's parameters, and the environment's where the URL has none."""
    defaults = {
        option.keyword.decode(): option.val.decode()
        for option in psycopg.pq.Conninfo.get_defaults()
        if option.val
    }
    return defaults | _given(url)


def _local(named: dict[str, str]) -> bool:
    """Whether what is sent stays on this machine; without any host it is the local socket."""
    if any(name in named for name in _OPAQUE):
        return False
    places = (place for name in ("host", "hostaddr") for place in named.get(name, "").split(","))
    return all(map(_is_here, places))


def _is_here(place: str) -> bool:
    if place.startswith(("/", "@")) or place.lower() in ("", "localhost"):
        return True
    try:
        return ip_address(place).is_loopback
    except ValueError:
        return False


def _authorities() -> str:
    """The file of the authorities that this machine trusts.

    The driver's wheel brings an OpenSSL that looks for them in a folder that does not exist, so
    its `system` trusts no authority. Python knows where they are.
    """
    return ssl.get_default_verify_paths().cafile or "system"
