"""Requests refused before they are read: too many, unencrypted, or a secret in the address."""

from __future__ import annotations

import re

from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.domain.errors import TooManyRequests
from app.edge.http.client_address import ClientAddress, Networks, read
from app.edge.http.rates import Rates
from app.edge.problems.problems import answer, of_refusal

# Asked by whatever supervises the service: from inside, often, and without encryption.
HEALTH = frozenset({"/healthz", "/readyz"})
_SECRET = re.compile(
    rb"(?:^|[&;?])(?:access_?token|id_?token|refresh_?token|token|api_?-?key|key|secret|password"
    rb"|passwd|authorization|bearer|client_?secret|client_?assertion)="
    rb"|=(?:bearer(?:\+|%20))?(?:tw_[0-9a-z_]{8}|eyj[0-9a-z_-]+(?:\.|%2e)eyj)",
    re.IGNORECASE,
)


class Gate:
    """Middleware behind the request log, which has put the `ClientAddress` into `scope["state"]`.

    429 for an address beyond its rate, 403 for plain HTTP from another machine unless `plain`, 400
    for a key or token in the address, 403 for `/metrics` asked by anyone but this machine and
    `metrics_from`. Health checks pass uncounted.
    """

    def __init__(
        self, app: ASGIApp, *, rates: Rates, plain: bool = False, metrics_from: tuple[str, ...] = ()
    ) -> None:
        self.app = app
        self._rates = rates
        self._plain = plain
        self._metrics_from = Networks(metrics_from)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in HEALTH:
            await self.app(scope, receive, send)
            return
        refused = self._refusal(scope, scope["state"]["peer"])
        await (refused or self.app)(scope, receive, send)

    def _refusal(self, scope: Scope, peer: ClientAddress) -> Response | None:
        try:
            self._rates.address(peer.rate_key)
        except TooManyRequests as refusal:
            return of_refusal(refusal)
        if not (peer.secure or self._plain or peer.loopback):
            return answer("https-required")
        if scope["query_string"] and _SECRET.search(scope["query_string"]):
            return answer("secret-in-address")
        if scope["path"] == "/metrics" and not self._may_measure(peer):
            return answer(
                "forbidden", "Metrics are for this machine and TWELVEWEEKS_METRICS_FROM only."
            )
        return None

    def _may_measure(self, peer: ClientAddress) -> bool:
        # Behind a proxy that is not trusted, every client seems to be this machine.
        here = peer.loopback and not peer.forwarded
        return here or self._metrics_from.hold(read(peer.address))
