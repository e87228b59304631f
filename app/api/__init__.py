"""The REST surface: one module a noun, each a `ResourceRouter` with its routes."""

from fastapi import APIRouter
from starlette.routing import BaseRoute

from app.api import health
from app.api.access import clients, issuers, keys, me, oauth, staff
from app.api.audit import audit_events, disclosures
from app.api.charting import protocols
from app.api.imports import imports
from app.api.patients import patient_export, patients
from app.api.practice import locations, practices, practitioners, sandbox
from app.api.scheduling import (
    closures,
    courses,
    day_sheets,
    holds,
    outside_sessions,
    sessions,
    worklist,
)


def routers() -> list[APIRouter]:
    """Return the routers that live under `/v1`, all of them behind a key."""
    # Routes are tried one by one in this order: what is asked most comes first.
    nouns = (
        worklist,
        sessions,
        courses,
        day_sheets,
        holds,
        outside_sessions,
        patients,
        me,
        practices,
        locations,
        practitioners,
        closures,
        protocols,
        imports,
        staff,
        keys,
        disclosures,
        patient_export,
        audit_events,
        sandbox,
        clients,
        issuers,
    )
    return [noun.router for noun in nouns]


# Without a key: health checks, and where a system gets a token.
PUBLIC = (health.router, oauth.router)


def routes() -> list[BaseRoute]:
    """Return every route of the surface; they hold nothing of an application."""
    return [route for router in (*routers(), *PUBLIC) for route in router.routes]
