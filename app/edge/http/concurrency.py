"""How many requests may be at work or waiting for a thread: the rest is told so at once."""

from __future__ import annotations

from types import TracebackType

from app.domain.errors import Overloaded


class ConcurrencyLimit:
    """A count of who is inside, entered by `with`; raises `Overloaded` when it is full.

    Only what takes threads counts: slow senders, slow readers of what is made and health checks
    take none; a table that is made while it is read does until it is through. Entered and left on
    the event loop alone, so it needs no lock.
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
