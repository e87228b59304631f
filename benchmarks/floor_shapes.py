"""Request bodies of the floors: what the benchmark sends, checked by Pydantic."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import BaseModel


class ChartIn(BaseModel):
    plan: Literal["as_protocol"]


class SessionIn(BaseModel):
    status: Literal["given"]
    given_at: datetime
    location_id: str | None = None
    practitioner_id: str | None = None
    chart: ChartIn
