"""The limit on requests at work or waiting for a thread: more are refused at once."""

from __future__ import annotations

from types import TracebackType

from app.domain.errors import Overloaded


class ConcurrencyLimit:
    """Counts requests, each inside a `with`; raises `Overloaded` when there are `most`.

    Only requests that take a thread count: slow senders, slow readers of finished answers and
    health checks take none, a streamed answer takes one until its last piece. Entered and left on
    the event loop only, so it needs no lock.
    """

    __slots__ = ("inside", "most")

    def __init__(self, most: int) -> None:
        self.most = most
        self.inside = 0

    def __enter__(self) -> None:
        if self.inside >= self.most:
            raise Overloaded()
        self.inside += 1

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.inside -= 1
