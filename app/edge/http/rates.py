"""How often a credential and an address may ask in a minute; each worker counts for itself.

Two fixed windows make a sliding one: what came in the last window counts by the part of it that
still lies within the past minute. Refused requests are not counted, so that whoever waits for
Retry-After is let in.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from time import monotonic

from app.domain.errors import TooManyRequests

WINDOW_SECONDS = 60.0
# Names kept in one window; more share one count, so that memory ends before the names do.
MOST_NAMES = 100_000
_OTHERS = ""


class Rate:
    """How many hits each name has had in the past minute, of `most` that it may have; 0 for any."""

    def __init__(self, most: int, *, seconds: Callable[[], float] = monotonic) -> None:
        self._most = most
        self._seconds = seconds
        self._began = seconds()
        self._now: dict[str, int] = {}
        self._before: dict[str, int] = {}

    def hit(self, name: str) -> None:
        """Count one hit; raises `TooManyRequests` with the seconds until there is room again."""
        if not self._most:
            return
        passed = self._seconds() - self._began
        if passed >= WINDOW_SECONDS:
            passed = self._turn(passed)
        now = self._now
        if name not in now and len(now) >= MOST_NAMES:
            name = _OTHERS
        count, before = now.get(name, 0), self._before.get(name, 0)
        if count + before * (1 - passed / WINDOW_SECONDS) >= self._most:
            raise TooManyRequests(retry_after=self._wait(count, before, passed))
        now[name] = count + 1

    def forgive(self, name: str) -> None:
        """Take one hit back."""
        if self._now.get(name):
            self._now[name] -= 1

    def _turn(self, passed: float) -> float:
        """Begin a new window; the seconds that have passed in it."""
        self._before = self._now if passed < 2 * WINDOW_SECONDS else {}
        self._now = {}
        into = passed % WINDOW_SECONDS
        self._began += passed - into
        return into

    def _wait(self, count: int, before: int, passed: float) -> int:
        """The whole seconds until fewer than the most are within the past minute."""
        until_next = WINDOW_SECONDS - passed
        if count < self._most:
            wait = until_next - WINDOW_SECONDS * (self._most - count) / before
        else:
            wait = until_next + WINDOW_SECONDS * (1 - self._most / count)
        return max(1, ceil(wait + 0.001))


class Rates:
    """The limits a minute: requests of a credential and of an address, keys tried by an address."""

    def __init__(self, *, credential: int, address: int, failures: int) -> None:
        self._credential = Rate(credential)
        self._address = Rate(address)
        self._failures = Rate(failures)

    def credential(self, id: str) -> None:
        """Count a request of a credential; raises `TooManyRequests`."""
        self._credential.hit(id)

    def address(self, address: str) -> None:
        """Count a request from an address; raises `TooManyRequests`."""
        self._address.hit(address)

    def trying(self, address: str) -> None:
        """Count a key that has to be looked up, before it is; raises `TooManyRequests`.

        Counted as a failure until `accepted` says otherwise: so many at once find no gap.
        """
        self._failures.hit(address)

    def accepted(self, address: str) -> None:
        """Take back what `trying` counted: the key was good, or could not be judged."""
        self._failures.forgive(address)
