"""Where clients fetch tokens: client credentials with a signed assertion (RFC 6749, RFC 7523)."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request

from app.db.engine.scope import NONE
from app.db.queries.access import keys as directory
from app.db.queries.access import tokens as rows
from app.db.rows.access import ClientHolderRow
from app.db.rows.audit import AuditEventRow
from app.domain.access import smart
from app.domain.access.access import Actor
from app.domain.errors import Contended, IssuerUnreachable
from app.domain.ids import is_id
from app.edge.auth import tokens
from app.edge.auth.bearers import client_actor
from app.edge.auth.jwks import KeySets
from app.edge.auth.own_tokens import NoSigningKey, OwnTokens
from app.edge.auth.tokens import Assertion, BadToken, Opened
from app.edge.http.rates import Rates
from app.edge.observability import logs
from app.edge.requests.request_context import AppContext
from app.services.access import clients, jwk_sets
from app.services.access.jwk_sets import PublicKey
from app.services.access.signing_keys import TOKEN_SECONDS
from app.services.audit import audit

_GRANT = "client_credentials"
_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_MOST_BYTES = 16 * 1024
_LONGEST_SCOPE = 4000


class Denied(Exception):
    """No token; `error` is a code of RFC 6749, which says as much as the client is to know."""

    def __init__(self, error: str, status: int = 400) -> None:
        self.error, self.status = error, status
        super().__init__(error)


@dataclass(frozen=True, slots=True)
class TokenEndpoint:
    """Signs clients in; an assertion is good for one token."""

    app_context: AppContext
    own: OwnTokens
    key_sets: KeySets
    rates: Rates

    async def answer(self, request: Request, now: datetime) -> dict[str, Any]:
        """Return the answer to a token request. `Denied` for one that gets none.

        Raises `TooManyRequests` for an address that has tried too many, and for a client beyond
        its rate; `Overloaded` when too many are waiting.
        """
        form = _form(request.headers.get("content-type"), await request.body())
        if "authorization" in request.headers or "client_secret" in form:
            raise Denied("invalid_client", 401)
        if "grant_type" not in form:
            raise Denied("invalid_request")
        if form["grant_type"] != _GRANT:
            raise Denied("unsupported_grant_type")
        if form.get("client_assertion_type") != _ASSERTION:
            raise Denied("invalid_client", 401)
        peer = request.scope["state"]["peer"]
        self.rates.trying(peer.rate_key)
        try:
            answer = await self._answered(form, request.scope["state"], now)
        except Exception as failure:
            # A failure of the database or of the client's keys does not count as a guess.
            if not isinstance(failure, Denied) or failure.status != 401:
                self.rates.accepted(peer.rate_key)
            raise
        self.rates.accepted(peer.rate_key)
        return answer

    async def _answered(
        self, form: dict[str, str], state: dict[str, Any], now: datetime
    ) -> dict[str, Any]:
        try:
            token = tokens.opened(form.get("client_assertion", ""))
            client = await self._run(self._client, token)
        except BadToken:
            raise Denied("invalid_client", 401) from None
        by = client_actor(client)._replace(
            request_id=state.get("request_id"), address=state["peer"].address
        )
        try:
            return await self._granted(form, token, client, by, now)
        except Denied as denied:
            await self.app_context.log.kept(_refusal(by, denied.error, now))
            raise

    async def _granted(
        self, form: dict[str, str], token: Opened, client: ClientHolderRow, by: Actor, now: datetime
    ) -> dict[str, Any]:
        if form.get("client_id", client["id"]) != client["id"]:
            raise Denied("invalid_client", 401)
        try:
            key = await self._key(client, token)
            assertion = tokens.client_assertion(
                token, key, client_id=client["id"], audience=self.own.endpoint, now=now
            )
        except BadToken:
            raise Denied("invalid_client", 401) from None
        except IssuerUnreachable:
            raise Denied("temporarily_unavailable", 503) from None
        # From here on the client is known.
        self.rates.credential(client["id"])
        asked = form.get("scope", "")
        rights = clients.rights(client["scopes"])
        scope = (
            smart.granted(asked, smart.Acting.SYSTEM, rights)
            if len(asked) <= _LONGEST_SCOPE
            else ""
        )
        if not client["active"]:
            raise Denied("invalid_client", 401)
        if not scope:
            raise Denied("invalid_scope")
        try:
            # Signed first: an assertion is not used up by a service that cannot sign.
            text = await self.own.signed(
                practice_id=client["practice_id"], client_id=client["id"], scope=scope
            )
        except NoSigningKey as failure:
            logs.failure(failure, request_id=by.request_id)
            raise Denied("temporarily_unavailable", 503) from None
        if not await self._run(self._use, assertion, client, scope, by, now):
            raise Denied("invalid_client", 401)
        return {
            "access_token": text,
            "token_type": "bearer",
            "expires_in": TOKEN_SECONDS,
            "scope": scope,
        }

    async def _run(self, do: Any, *given: Any) -> Any:
        loop, threads = asyncio.get_running_loop(), self.app_context.threads
        # Waiting for a client's keys takes no thread, so it does not count as concurrency.
        with self.app_context.concurrency:
            return await loop.run_in_executor(threads, do, *given)

    def _client(self, token: Opened) -> ClientHolderRow:
        """The client that the assertion names, which its signature has yet to prove."""
        named = token.claims.get("iss")
        if not isinstance(named, str) or not is_id(named):
            raise BadToken("issuer")
        with self.app_context.database.read(NONE) as db:
            known = directory.credential(db, digest=clients.digest(named))
        if known is None or known["holder_id"] != named:
            raise BadToken("client")
        with self.app_context.database.read(known["practice_id"]) as db:
            client = rows.client(db, practice_id=known["practice_id"], id=named)
        if client is None:
            raise BadToken("client")
        return client

    async def _key(self, client: ClientHolderRow, token: Opened) -> PublicKey | None:
        if client["jwks_url"]:
            return await self.key_sets.key(client["jwks_url"], token.kid, token.kty)
        return jwk_sets.read(client["jwks"]).get((token.kid, token.kty))

    def _use(
        self, assertion: Assertion, client: ClientHolderRow, scope: str, by: Actor, now: datetime
    ) -> bool:
        try:
            with self.app_context.database.write(client["practice_id"]) as db:
                return clients.use_once(
                    db,
                    client_id=client["id"],
                    jti=assertion.jti,
                    expires=assertion.expires,
                    scope=scope,
                    by=by,
                    now=now,
                )
        except Contended:
            # The same assertion was sent twice at once; the other request has the token.
            return False


def _form(content_type: str | None, body: bytes) -> dict[str, str]:
    """The fields of a form; one that is sent twice could be read in two ways."""
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded" or len(body) > _MOST_BYTES:
        raise Denied("invalid_request")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=20,
        )
    except ValueError:
        raise Denied("invalid_request") from None
    form = dict(pairs)
    if len(form) < len(pairs):
        raise Denied("invalid_request")
    return form


def _refusal(by: Actor, error: str, now: datetime) -> AuditEventRow:
    return audit.event(by=by, now=now, action="oauth.token", kind="client", id=by.id, outcome=error)
