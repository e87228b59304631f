"""Counts and times of requests, by route template and never by address.

Each worker process counts for itself; with several, a scrape shows the one that answers it.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request
from starlette.responses import Response

_METHODS = frozenset({"GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


class Metrics:
    """What one app counts; its own registry, so that several apps can live in one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.in_flight = 0
        self._requests = Counter(
            "twelveweeks_requests",
            "Requests answered.",
            ("route", "method", "status"),
            registry=self.registry,
        )
        self._seconds = Histogram(
            "twelveweeks_request_seconds",
            "Time until the answer was sent.",
            ("route", "method"),
            buckets=_BUCKETS,
            registry=self.registry,
        )
        self._limited = Counter(
            "twelveweeks_requests_limited",
            "Requests refused because there were too many.",
            registry=self.registry,
        )
        gauge = Gauge(
            "twelveweeks_requests_in_flight", "Requests at work now.", registry=self.registry
        )
        # Read at the scrape; counting up and down is then one addition on the event loop.
        gauge.set_function(lambda: self.in_flight)
        self._children: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, route: str, method: str, status: int, seconds: float) -> None:
        """Count one answer; `route` is a template, `status` is counted by its class."""
        key = (route, method, status // 100)
        children = self._children.get(key)
        if children is None:
            known = method if method in _METHODS else "other"
            children = (
                self._requests.labels(route, known, f"{key[2]}xx"),
                self._seconds.labels(route, known),
            )
            # Methods are the sender's text; only known ones may grow the table.
            if known is method:
                self._children[key] = children
        children[0].inc()
        children[1].observe(seconds)
        if status == 429:
            self._limited.inc()

    def answer(self, request: Request) -> Response:
        """The text a scraper reads."""
        return Response(
            generate_latest(self.registry), headers={"Content-Type": CONTENT_TYPE_PLAIN_0_0_4}
        )
