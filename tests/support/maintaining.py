"""A round of what a server does between requests, on a clinic of the tests."""

from __future__ import annotations

from datetime import timedelta

from app.jobs.maintenance import Maintenance, once
from tests.support.clinic import Clinic


def go_round(clinic: Clinic) -> None:
    """Run maintenance once; what would be tried again is raised."""
    app = clinic.app
    once(
        Maintenance(
            clinic.database,
            clinic.clock,
            claims_kept=timedelta(hours=24),
            take_used=app.state.app_context.callers.take_used,
            sealed=lambda practice_id, seal: None,
            failed=_fail,
        )
    )


def _fail(failure: Exception) -> None:
    raise failure
