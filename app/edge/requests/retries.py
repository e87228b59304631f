"""When a request is run again by itself after a failure of the database.

Only with an `Idempotency-Key`: a connection that was cut during COMMIT does not say whether the
change is saved. With a key the next attempt finds out, because the claim of the key is saved with
the change; without one a second attempt could make the change twice. A record that another request
changed first is `Contended` instead: see `writes` in `edge.requests.request_context`.
"""

from __future__ import annotations

import random
import time

from app.db.engine.failures import DatabaseAway, DatabaseBusy

MOST = 5
# Seconds before the first new attempt, at the most; each further wait may be twice as long.
_FIRST = 0.05
# After this many seconds an answer of 503 with Retry-After is better than more waiting.
_PATIENCE = 5.0


class Retries:
    """The further attempts of one request; `keyed` when it may have any."""

    def __init__(self, *, keyed: bool) -> None:
        self._left = MOST if keyed else 0
        self._until = time.monotonic() + _PATIENCE

    def wait(self, failure: DatabaseAway | DatabaseBusy) -> None:
        """Wait until it is worth another attempt; raise the failure when there is none left."""
        longest = _FIRST * 2 ** (MOST - self._left)
        if not (self._left and failure.passing) or time.monotonic() + longest > self._until:
            raise failure
        self._left -= 1
        # For a random time, or requests that failed together would collide again.
        time.sleep(random.uniform(longest / 2, longest))  # noqa: S311
