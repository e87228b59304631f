"""What the audit log says of an event in words of a closed list."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """How an act ended that was not refused; a refusal has the refusal's code."""

    DONE = "done"
    SHOWN = "shown"


class Disclosed(StrEnum):
    """What was done with a patient's record, in their report."""

    CHANGED = "changed"
    SHOWN = "shown"
