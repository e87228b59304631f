"""What a schema refused, in our own words: a pointer and a reason, never the value.

The texts of the validating library can quote what was sent (a wrong tag, a malformed date), so
only the kinds listed here are worded and everything else is "is not valid".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from app.edge.input.fields import OWN_MESSAGE

_MOST = 50
# An unknown key is the sender's text; it is given back only when it can be nothing but a name.
_NAME = re.compile(r"[a-z][a-z_]{0,39}")

_WORDS: dict[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is not a known field",
    "string_type": "must be text",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a number",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "set_type": "must be a list",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "union_tag_not_found": "must say which kind it is",
    "none_required": "must be null",
    "too_long": "has too many entries",
    "too_short": "has too few entries",
    "string_too_long": "is too long",
    "string_too_short": "is too short",
    "string_pattern_mismatch": "does not have the form required",
    "greater_than": "is too small",
    "greater_than_equal": "is too small",
    "less_than": "is too large",
    "less_than_equal": "is too large",
}


def _detail(error: Mapping[str, Any]) -> str:
    kind, context = error["type"], error.get("ctx") or {}
    if kind == OWN_MESSAGE:
        return str(context["message"])
    if kind == "union_tag_invalid":
        return f"must be one of {context['expected_tags']}"
    if kind in ("literal_error", "enum"):
        # The expected words are the schema's own.
        return f"must be {context['expected']}"
    return _WORDS.get(kind, "is not valid")


def _escape(part: object) -> str:
    return str(part).replace("~", "~0").replace("/", "~1")


def _body_pointer(path: Sequence[object], kind: str, body: Any) -> str:
    """The JSON pointer of a location; names of union branches in it are no part of the body."""
    pointer = ""
    here = body
    for place, part in enumerate(path):
        last = place == len(path) - 1
        if isinstance(here, dict) and part in here:
            if last and kind == "extra_forbidden" and not _NAME.fullmatch(str(part)):
                break
            here = here[part]
        elif isinstance(here, list) and isinstance(part, int) and 0 <= part < len(here):
            here = here[part]
        elif not (last and kind == "missing"):
            continue
        pointer += f"/{_escape(part)}"
    return pointer


def explain(errors: Iterable[Mapping[str, Any]], body: Any) -> list[tuple[str, str]]:
    """(pointer, detail) of each error, at most 50: `/chart/omit/0/site`, `?due_from`, or the
    name of a header or path part."""
    faults: dict[tuple[str, str], None] = {}
    for error in errors:
        source, *path = error["loc"] or ("body",)
        kind = error["type"]
        if not path and kind in ("union_tag_not_found", "union_tag_invalid"):
            # The whole body is of one kind or another: the field that says of which is wrong.
            path = [error["ctx"]["discriminator"].strip("'")]
            error = {**error, "type": "missing"} if kind == "union_tag_not_found" else error
            kind = "missing"
        if source == "body":
            pointer = _body_pointer(path, kind, body)
        elif not path or (kind == "extra_forbidden" and not _NAME.fullmatch(str(path[0]))):
            pointer = "?" if source == "query" else ""
        else:
            pointer = f"?{path[0]}" if source == "query" else str(path[0])
        faults[(pointer, _detail(error))] = None
        if len(faults) == _MOST:
            break
    return list(faults)
