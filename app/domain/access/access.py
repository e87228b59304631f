"""Who acts, for which practice, and what each role may do.

A permission is `noun:action`. The actions are the four interactions that a health-record API
has: read one, search many, create, update (nothing is deleted here). A role is a row of letters
in the table below; whoever has several roles may do what any of them may.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import NamedTuple

from app.domain.errors import Forbidden


class Role(StrEnum):
    """What someone is in the practice; the table below says what each may do."""

    ADMINISTRATOR = "administrator"
    CLINICIAN = "clinician"
    INJECTOR = "injector"
    COORDINATOR = "coordinator"
    FRONT_DESK = "front_desk"
    READ_ONLY = "read_only"
    AUDITOR = "auditor"


class ActorType(StrEnum):
    STAFF = "staff"
    SYSTEM = "system"


class CredentialKind(StrEnum):
    """What the directory of credentials can hold."""

    KEY = "key"
    CLIENT = "client"
    ISSUER = "issuer"


class KeyState(StrEnum):
    """Why a key can no longer be used."""

    REVOKED = "revoked"
    EXPIRED = "expired"


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


def _parsed(table: str) -> tuple[Mapping[str, frozenset[str]], frozenset[str]]:
    heads, *lines = [line.split() for line in table.strip().splitlines()]
    roles: dict[str, set[str]] = {Role(role): set() for role in heads}
    for noun, *cells in lines:
        for role, letters in zip(heads, cells, strict=True):
            roles[role] |= {f"{noun}:{ACTIONS[letter]}" for letter in letters.strip("-")}
    everything = frozenset().union(*roles.values())
    return {role: frozenset(held) for role, held in roles.items()}, everything


ROLES, PERMISSIONS = _parsed(_TABLE)
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


class Giver(NamedTuple):
    """Whoever hands on access: what they may do, whether scopes narrow it, which person they are.

    Roles, keys, clients, issuers and their subjects are all given by the one rule of `check`.
    """

    may: frozenset[str]
    scoped: bool
    staff_id: str | None = None

    @property
    def administers(self) -> bool:
        """Whether they have the whole of the administrator's role, and no scopes narrow it."""
        return not self.scoped and ROLES[Role.ADMINISTRATOR] <= self.may

    @property
    def gives(self) -> frozenset[str]:
        """The rights they can hand on.

        Handing out access is an administrator's work, also the rights that no administrator
        uses. Anybody else hands on what they have and nothing more.
        """
        return PERMISSIONS if self.administers else self.may

    def check(self, given: Iterable[str], *, acts_as: str | None = None) -> None:
        """Refuse (`Forbidden`) to hand on `given` beyond what they can.

        `acts_as` is the member of staff whom the access will act as, where it is a person: what
        is done with it stands in the log under that name, whatever the rights.
        """
        if acts_as not in (None, self.staff_id) and not self.administers:
            raise Forbidden(
                "Only an unrestricted administrator may create access for another person."
            )
        beyond = frozenset(given) - self.gives
        if beyond:
            raise Forbidden(
                "You can give only rights that you have; needs names those you lack.",
                needs=sorted(beyond),
            )


# Commands on the machine itself are the operator's, who is bound by no role.
OPERATOR = Giver(PERMISSIONS, scoped=False)


class Actor(NamedTuple):
    """The person (`staff`) or named system (`system`) behind an action.

    The credential decides the practice; it and the address say how the actor came.
    """

    practice_id: str
    type: ActorType
    id: str | None
    name: str
    request_id: str | None = None
    credential_id: str | None = None
    address: str | None = None
