"""Request bodies as JSON, read strictly: what one parser would bend, this one refuses.

Two readers of the same bytes must never understand different things, so duplicate keys,
NaN, numbers that no machine holds and half characters are not JSON here.
"""

from __future__ import annotations

import json
import re
from math import isinf
from typing import Any, NoReturn

from app.domain.errors import Refusal

DEEPEST = 64

_STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
_NOT_BRACKETS = bytes(sorted(set(range(256)) - set(b"[]{}")))
_ONE_KIND = bytes.maketrans(b"{}", b"[]")
_JSON = ("application/json",)
_PATCH = ("application/json", "application/merge-patch+json")


class BadJson(Refusal):
    code = "bad-json"
    default = "The body cannot be read as JSON."


class UnsupportedMediaType(Refusal):
    code = "unsupported-media-type"
    default = "Send the body as application/json in UTF-8."


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise BadJson("An object names the same key twice.")
    return result


def _integer(digits: str) -> int:
    # 19 digits and a sign at most: int() of a very long text is slow, and refused by Python.
    if len(digits) <= 20:
        number = int(digits)
        if -(2**63) <= number < 2**63:
            return number
    raise BadJson("A whole number needs more than 64 bits.")


def _fraction(digits: str) -> float:
    number = float(digits)
    if isinf(number):
        raise BadJson("A number is too large.")
    return number


def _constant(name: str) -> NoReturn:
    raise BadJson("NaN and Infinity are not JSON.")


_decoder = json.JSONDecoder(
    object_pairs_hook=_pairs,
    parse_int=_integer,
    parse_float=_fraction,
    parse_constant=_constant,
)


def _too_deep(body: bytes) -> bool:
    """Whether brackets nest deeper than allowed, found without recursion and in linear time."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return False
    brackets = _STRINGS.sub(b"", body).translate(_ONE_KIND, _NOT_BRACKETS)
    # Every round takes the innermost level away; unmatched brackets stay and are no JSON anyway.
    for _ in range(DEEPEST):
        if not brackets:
            return False
        brackets = brackets.replace(b"[]", b"")
    return bool(brackets)


def parse(body: bytes) -> Any:
    """The value a body holds. Raises `BadJson`, whose text says where but never what."""
    if not body:
        raise BadJson("Send a JSON body.")
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise BadJson("The body is not UTF-8.") from None
    if _too_deep(body):
        raise BadJson(f"The body nests deeper than {DEEPEST} levels, or its brackets do not match.")
    try:
        value = _decoder.decode(text)
    except json.JSONDecodeError as error:
        raise BadJson(f"Not JSON at line {error.lineno}, column {error.colno}.") from None
    except RecursionError:  # pragma: no cover - the depth is checked above
        raise BadJson("The body nests too deep.") from None
    if b"\\u" in body:
        # An escape can name half a character, which no database and no answer can hold.
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError:
            raise BadJson("A text holds half a character (a lone surrogate).") from None
    return value


def check_content_type(content_type: str | None, *, patch: bool = False) -> None:
    """Nothing when the header names JSON in UTF-8 (or a merge patch); else a refusal (415)."""
    if content_type == "application/json":
        return
    kind, _, parameters = (content_type or "").partition(";")
    if kind.strip().lower() not in (_PATCH if patch else _JSON):
        raise UnsupportedMediaType
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(' "').lower() not in ("utf-8", "utf8"):
            raise UnsupportedMediaType
