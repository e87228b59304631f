"""Bearer tokens: whose they are, what they permit, and whether that still holds.

Our own tokens stand for a client; those of an outside issuer for a person or system that the
practice has registered. A token permits what both its scopes and its holder's rights allow.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Executor
from datetime import UTC, datetime
from functools import partial
from typing import Any

from app.db.engine.engine import Database
from app.db.engine.scope import NONE
from app.db.queries.access import keys as directory
from app.db.queries.access import tokens as rows
from app.db.rows.access import ClientHolderRow, CredentialRow, IssuerRow, SubjectHolderRow
from app.domain.access import access, smart
from app.domain.access.access import Actor, ActorType
from app.domain.access.issuers import TokenForm
from app.domain.access.smart import Acting
from app.domain.ids import is_id
from app.edge.auth import tokens
from app.edge.auth.auth import Caller, Refused
from app.edge.auth.jwks import KeySets
from app.edge.auth.own_tokens import OwnTokens
from app.edge.auth.tokens import BadToken, Opened, Trust
from app.services.access import clients, issuers


class Bearers:
    """Judges tokens; the key sets of issuers are fetched while no transaction is open."""

    def __init__(
        self, database: Database, key_sets: KeySets, own: OwnTokens | None, threads: Executor
    ) -> None:
        self._database, self._key_sets, self._own = database, key_sets, own
        self._threads = threads

    async def caller(self, text: str, now: datetime) -> tuple[Caller, datetime | None]:
        """Return who sends this token, and until when that holds.

        `BadToken` for a token that is not accepted, `Refused` for a known holder whose access
        has ended, `IssuerUnreachable` when the issuer's keys cannot be fetched.
        """
        token = tokens.opened(text)
        run = partial(asyncio.get_running_loop().run_in_executor, self._threads)
        if self._own and token.claims.get("iss") == self._own.url:
            key = await self._own.key(token.kid)
            claims = tokens.access_token(token, key, self._own.trust, now)
            caller = await run(self._client, claims)
        else:
            issuer = await run(self._issuer, token)
            key = await self._key_sets.key(issuer["jwks_url"], token.kid, token.kty)
            claims = tokens.access_token(token, key, _trust(issuer), now)
            caller = await run(self._subject, issuer, claims)
        return caller, datetime.fromtimestamp(claims["exp"], UTC)

    def _client(self, claims: Mapping[str, Any]) -> Caller:
        practice_id, client_id = claims.get("practice"), claims["sub"]
        if not isinstance(practice_id, str) or not is_id(practice_id) or not is_id(client_id):
            raise BadToken("claims")
        with self._database.read(practice_id) as db:
            client = rows.client(db, practice_id=practice_id, id=client_id)
        if client is None:
            raise BadToken("client")
        by = client_actor(client)
        if not client["active"]:
            raise Refused(by)
        scopes = smart.permissions(tokens.scopes(claims), Acting.SYSTEM)
        return _caller(client, by, (), scopes & clients.rights(client["scopes"]))

    def _issuer(self, token: Opened) -> IssuerRow:
        """The issuer that the token names, which its signature has yet to prove."""
        url = token.claims.get("iss")
        if not isinstance(url, str):
            raise BadToken("issuer")
        with self._database.read(NONE) as db:
            known = [
                entry
                for audience in dict.fromkeys(tokens.audiences(token))
                if (entry := directory.credential(db, digest=issuers.digest(url, audience)))
            ]
        if len(known) > 1:
            # Another practice may have registered an audience that these tokens carry as well.
            known = [entry for entry in known if self._has(entry, token.claims.get("sub"))]
        # When two practices fit, the token does not say whose records it opens: refuse it.
        if len(known) != 1:
            raise BadToken("audience" if known else "issuer")
        practice_id, id = known[0]["practice_id"], known[0]["holder_id"]
        with self._database.read(practice_id) as db:
            issuer = rows.issuer(db, practice_id=practice_id, id=id)
        if issuer is None or not issuer["active"]:
            raise BadToken("issuer")
        return issuer

    def _has(self, entry: CredentialRow, subject: Any) -> bool:
        """Whether that practice has named whom this subject of the issuer acts as."""
        if not isinstance(subject, str):
            return False
        practice_id = entry["practice_id"]
        with self._database.read(practice_id) as db:
            acting = rows.acting(
                db, practice_id=practice_id, issuer_id=entry["holder_id"], subject=subject
            )
        return bool(acting)

    def _subject(self, issuer: IssuerRow, claims: Mapping[str, Any]) -> Caller:
        practice_id = issuer["practice_id"]
        with self._database.read(practice_id) as db:
            subject = rows.subject(
                db, practice_id=practice_id, issuer_id=issuer["id"], subject=claims["sub"]
            )
        if subject is None:
            raise BadToken("subject")
        by, roles = _subject_actor(subject), tuple(subject["roles"] or ())
        person = subject["staff_id"] is not None
        if not subject["active"] or (person and not subject["staff_active"]):
            raise Refused(by)
        if not self._names(claims.get("fhirUser"), subject["fhir_user"]):
            raise Refused(by)
        scopes = tokens.scopes(claims)
        if person:
            may = access.granted(roles, smart.permissions(scopes, Acting.USER))
        else:
            may = smart.permissions(scopes, Acting.SYSTEM) & clients.rights(subject["scopes"] or ())
        return _caller(subject, by, roles, may)

    def _names(self, claimed: Any, wanted: str | None) -> bool:
        """Whether the record that a token names as its user is the one that was registered.

        Where none was, the issuer may name one in its own system, but none in ours.
        """
        if wanted is not None:
            return bool(claimed == wanted)
        own = self._own.url if self._own else None
        return not (isinstance(claimed, str) and own and claimed.startswith(own))


def client_actor(client: ClientHolderRow) -> Actor:
    """Return the client as the system it is named for."""
    return Actor(
        client["practice_id"],
        ActorType.SYSTEM,
        client["id"],
        client["name"],
        credential_id=client["id"],
    )


def _subject_actor(subject: SubjectHolderRow) -> Actor:
    person = subject["staff_id"] is not None
    return Actor(
        subject["practice_id"],
        ActorType.STAFF if person else ActorType.SYSTEM,
        subject["staff_id"] if person else subject["id"],
        subject["staff_name"] or subject["name"],
        credential_id=subject["id"],
    )


def _trust(issuer: IssuerRow) -> Trust:
    algorithms, form = frozenset(issuer["algorithms"]), TokenForm(issuer["form"])
    return Trust(issuer["url"], issuer["audience"], algorithms, form)


def _caller(
    holder: ClientHolderRow | SubjectHolderRow,
    by: Actor,
    roles: tuple[str, ...],
    may: frozenset[str],
) -> Caller:
    return Caller(
        practice_id=holder["practice_id"],
        practice_name=holder["practice_name"],
        time_zone=holder["time_zone"],
        credential_id=holder["id"],
        credential_name=holder["name"],
        prefix="",
        by=by,
        roles=roles,
        permissions=may,
    )
