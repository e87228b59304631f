"""Problems in the OpenAPI document: one schema, and the answers each operation names."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI

from app.edge.problems.problem_kinds import PROBLEMS

_MEDIA_TYPE = "application/problem+json"
SCHEME = "key"
_KEY_SCHEME = {"type": "http", "scheme": "bearer", "description": "An API key of the practice."}
_REF = {"$ref": "#/components/schemas/Problem"}

PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "description": "Why a request was not carried out (RFC 9457). May hold further members.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code"],
    "properties": {
        "type": {"type": "string", "description": "Page that explains the problem."},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "Stable; more may be added."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "JSON pointer into the body, or ?name in the query string.",
                    },
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


def responses_for(*codes: str) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that can end in these problems; codes of one status share it."""
    responses: dict[int | str, dict[str, Any]] = {}
    for code in codes:
        kind = PROBLEMS[code]
        line = f"`{code}`: {kind.title}"
        if kind.status in responses:
            responses[kind.status]["description"] += f"; {line}"
        else:
            responses[kind.status] = {
                "description": line,
                "content": {_MEDIA_TYPE: {"schema": _REF}},
            }
    return responses


_RETRY_AFTER = {
    "Retry-After": {"description": "Whole seconds to wait.", "schema": {"type": "integer"}}
}
_PARAMETERS = {
    "on": "The day asked about, applied to the record as it stands; today by default.",
    "as_of": "Read the record as it stood on that day; today by default.",
    "limit": "Items on a page.",
    "cursor": "`next_cursor` of the page before; it pins the day and the filters.",
    "status": "One or more, separated by commas.",
    "booking": "One or more booking states, separated by commas.",
    "flag": "One or more flags, separated by commas; a row with any of them is listed.",
    "action": "One or more actions, separated by commas; a row with any of them is listed.",
    "act_by": "Only rows with something to do by that day.",
    "due_from": "First due date, inclusive.",
    "due_to": "Last due date, inclusive.",
    "given_from": "First treatment day, inclusive.",
    "given_to": "Last treatment day, inclusive.",
    "starts_from": "First booked day, inclusive.",
    "starts_to": "Last booked day, inclusive.",
    "location_id": "Of the booking, else of the latest session.",
    "practitioner_id": "Of the booking, else of the latest session.",
    "q": "Part of a name or MRN; every word must match.",
    "mrn": "The whole MRN, whatever its case.",
    "birth_date": "The date of birth.",
    "from": "First day of the first week; today by default.",
    "weeks": "How many weeks.",
    "count": "How many sessions.",
    "dry_run": "Check everything, save nothing.",
}


def _describe(parameter: dict[str, Any]) -> None:
    told = _PARAMETERS.get(parameter["name"])
    if parameter["in"] == "query" and told:
        parameter.setdefault("description", told)
        # No filter is an empty list to us and no text at all to a client.
        if parameter["schema"].get("default") == []:
            del parameter["schema"]["default"]


def _tidy(schema: dict[str, Any]) -> dict[str, Any]:
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    components["Problem"] = PROBLEM_SCHEMA
    schema["components"]["securitySchemes"] = {SCHEME: _KEY_SCHEME}
    # The framework adds its own shape of a 422, which is never sent here.
    components.pop("HTTPValidationError", None)
    components.pop("ValidationError", None)
    invalid = responses_for("invalid")[422]
    for path in schema.get("paths", {}).values():
        for operation in path.values():
            for parameter in operation.get("parameters", ()):
                _describe(parameter)
            answers = operation.get("responses", {}) if isinstance(operation, dict) else {}
            if "application/json" in answers.get("422", {}).get("content", {}):
                answers["422"] = invalid
            if isinstance(operation, dict) and operation.get("security"):
                _may_be_too_much(answers)
    return schema


def _may_be_too_much(answers: dict[str, Any]) -> None:
    """Any request with a key can come too often, or when too much is waiting."""
    for status, told in responses_for("too-many-requests", "overloaded").items():
        if str(status) in answers:
            other = answers[str(status)]["description"]
            told = {**told, "description": f"{other}; {told['description']}"}
        answers[str(status)] = told | {"headers": _RETRY_AFTER}


def document(app: FastAPI) -> None:
    """Make the app's OpenAPI document speak of problems instead of the framework's errors."""
    original = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _tidy(original())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
