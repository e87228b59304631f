"""Query strings: each parameter known and given once, UTF-8, no control characters."""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from app.domain.errors import Invalid

MOST_PARAMETERS = 50

# A name is only given back when it can be nothing but a name.
_NAME = re.compile(r"[a-z][a-z_]{0,39}")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")


def check_query(raw: bytes, known: frozenset[str]) -> dict[str, str]:
    """The parameters of a raw query string, each exactly once.

    Raises `Invalid` with pointers such as `?due_from`: unknown or repeated names, text that is
    not UTF-8 or holds control characters, more than 50 parameters.
    """
    if not raw:
        return {}
    parts = raw.split(b"&", MOST_PARAMETERS)
    if len(parts) > MOST_PARAMETERS:
        raise Invalid(("?", f"has more than {MOST_PARAMETERS} parameters"))
    parameters: dict[str, str] = {}
    errors: list[tuple[str, str]] = []
    for part in filter(None, parts):
        raw_name, _, raw_value = part.replace(b"+", b" ").partition(b"=")
        try:
            name, value = unquote_to_bytes(raw_name).decode(), unquote_to_bytes(raw_value).decode()
        except UnicodeDecodeError:
            errors.append(("?", "must be UTF-8"))
            continue
        pointer = f"?{name}" if name in known or _NAME.fullmatch(name) else "?"
        if name not in known:
            errors.append((pointer, "is not a parameter of this address"))
        elif name in parameters:
            errors.append((pointer, "is given more than once"))
        elif _CONTROL.search(value):
            errors.append((pointer, "must not hold control characters"))
        else:
            parameters[name] = value
    if errors:
        raise Invalid(*dict.fromkeys(errors))
    return parameters
