"""Who acts, for which practice, and what each role may do.

A permission is `noun:action`. The actions are the four interactions that a health-record API
has: read one, search many, create, update (nothing is deleted here). A role is a row of letters
in the table below; whoever has several roles may do what any of them may.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

ACTIONS = {"r": "read", "s": "search", "c": "create", "u": "update"}

# `sessions` are bookings and their outcomes; `treatments` is recording what was injected.
# An auditor sees who did what, and no patient's record; only an administrator hands out access.
_TABLE = """
               administrator clinician injector coordinator front_desk read_only auditor
patients       rscu          rscu      rs       rscu        rscu       rs        -
courses        rscu          rscu      rs       rscu        rs         rs        -
sessions       rscu          rscu      rscu     rscu        rscu       rs        -
treatments     -             cu        cu       -           -          -         -
worklist       s             s         s        s           s          s         -
practice       ru            r         r        r           r          r         r
locations      rscu          rs        rs       rs          rs         rs        rs
practitioners  rscu          rs        rs       rs          rs         rs        rs
closures       rscu          rscu      rs       rscu        rs         rs        rs
protocols      rscu          rscu      rs       rs          rs         rs        rs
imports        rcu           -         -        rcu         -          -         r
staff          rscu          -         -        -           -          -         rs
keys           rscu          -         -        -           -          -         rs
clients        rscu          -         -        -           -          -         rs
issuers        rscu          -         -        -           -          -         rs
sandbox        rcu           -         -        -           -          -         -
audit          rs            -         -        -           -          -         rs
emergencies    c             c         c        c           -          -         -
"""


def _parsed(table: str) -> tuple[dict[str, frozenset[str]], frozenset[str]]:
    heads, *lines = [line.split() for line in table.strip().splitlines()]
    roles: dict[str, set[str]] = {role: set() for role in heads}
    for noun, *cells in lines:
        for role, letters in zip(heads, cells, strict=True):
            roles[role] |= {f"{noun}:{ACTIONS[letter]}" for letter in letters.strip("-")}
    everything = frozenset().union(*roles.values())
    return {role: frozenset(held) for role, held in roles.items()}, everything


ROLES, PERMISSIONS = _parsed(_TABLE)
ADMINISTRATOR = "administrator"
NOUNS = tuple(dict.fromkeys(line.split()[0] for line in _TABLE.strip().splitlines()[1:]))

# What an emergency opens to someone whose role does not: reading, and nothing else.
EMERGENCY = frozenset(
    {"patients:read", "courses:read", "courses:search", "sessions:read", "sessions:search"}
)
BREAK_GLASS = "emergencies:create"

# Asked for by what some bodies of a route hold, beyond what the route itself asks for.
BY_BODY = frozenset({"treatments:create", "treatments:update"})


def granted(roles: Iterable[str], scopes: Iterable[str] | None = None) -> frozenset[str]:
    """Return what someone with these roles may do, narrowed to `scopes` where there are any.

    A role or scope that nobody knows gives nothing.
    """
    held = frozenset[str]().union(*(ROLES.get(role, frozenset()) for role in roles))
    return held if scopes is None else held & frozenset(scopes)


def of_system(scopes: Iterable[str] | None) -> frozenset[str]:
    """Return what a system may do: the practice's full rights, or its scopes alone."""
    return PERMISSIONS if scopes is None else PERMISSIONS & frozenset(scopes)


def may_give(may: frozenset[str], *, scoped: bool) -> frozenset[str]:
    """Return what whoever may do this can hand on to others.

    Handing out access is an administrator's work, also the rights that no administrator uses.
    A credential that scopes narrow hands on what it has and nothing else.
    """
    return PERMISSIONS if not scoped and ROLES[ADMINISTRATOR] <= may else may


class Actor(NamedTuple):
    """The person (`staff`) or named system (`system`) behind an action.

    The credential decides the practice; it and the address say how the actor came.
    """

    practice_id: str
    type: str
    id: str | None
    name: str
    request_id: str | None = None
    credential_id: str | None = None
    address: str | None = None
