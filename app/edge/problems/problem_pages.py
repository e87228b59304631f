"""The pages under `/problems/`: what each problem means, for people. No script, no data."""

from __future__ import annotations

from base64 import b64encode
from hashlib import sha256
from html import escape

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from app.domain.errors import NotFound
from app.edge.input.lazy_route import LazyRoute
from app.edge.problems.problem_kinds import PROBLEMS, ProblemKind

_STYLE = """
:root { color-scheme: light dark; }
body { font: 1.05rem/1.6 system-ui, sans-serif; max-width: 42rem; margin: 3rem auto;
  padding: 0 1.25rem; color: #1d2733; background: #fbfcfd; }
h1 { line-height: 1.25; margin: .25rem 0 1rem; }
h2 { font-size: 1.1rem; margin: 2rem 0 .25rem; }
a { color: #0b5cad; }
a:focus-visible { outline: 3px solid #e08a00; outline-offset: 2px; }
code { font: .95em ui-monospace, monospace; background: #e9eef3; padding: .1em .35em;
  border-radius: .25em; overflow-wrap: anywhere; }
ul { padding-left: 1.2rem; }
li { margin: .4rem 0; }
.status { color: #52606d; margin: 0; }
@media (prefers-color-scheme: dark) {
  body { color: #e6ebf0; background: #14191f; }
  a { color: #7fbcff; }
  code { background: #252d36; }
  .status { color: #a9b6c2; }
}
"""
_HASH = b64encode(sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "Content-Security-Policy": (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cache-Control": "public, max-age=3600",
}
_FAMILIES = {4: "The request can be corrected", 5: "The service could not answer"}


def _page(title: str, content: str) -> str:
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)} - Twelveweeks</title>\n<style>{_STYLE}</style>\n</head>\n"
        f"<body>\n<main>\n{content}\n</main>\n</body>\n</html>\n"
    )


def _one(kind: ProblemKind) -> str:
    return _page(
        kind.title,
        f'<p class="status">Status {kind.status}</p>\n<h1>{escape(kind.title)}</h1>\n'
        f"<p>{escape(kind.explanation)}</p>\n"
        f"<p>In answers: <code>&quot;code&quot;: &quot;{escape(kind.code)}&quot;</code></p>\n"
        '<p><a href="/problems/">All problems</a></p>',
    )


def _all() -> str:
    parts = [
        "<h1>Problems this service answers with</h1>",
        "<p>Every refusal is <code>application/problem+json</code> and carries one of these "
        "codes. Codes are stable; more may be added.</p>",
    ]
    for family, heading in _FAMILIES.items():
        kinds = sorted(
            (kind for kind in PROBLEMS.values() if kind.status // 100 == family),
            key=lambda kind: (kind.status, kind.code),
        )
        items = "\n".join(
            f'<li><a href="/problems/{kind.code}">{escape(kind.title)}</a> '
            f"<code>{kind.status} {kind.code}</code></li>"
            for kind in kinds
        )
        parts.append(f"<h2>{heading}</h2>\n<ul>\n{items}\n</ul>")
    return _page("Problems", "\n".join(parts))


_LIST = _all()
_PAGES = {code: _one(kind) for code, kind in PROBLEMS.items()}

router = APIRouter(prefix="/problems", route_class=LazyRoute, include_in_schema=False)


@router.api_route("/", methods=["GET", "HEAD"])
async def problem_list() -> HTMLResponse:
    """The list of all problems."""
    return HTMLResponse(_LIST, headers=_HEADERS)


@router.api_route("/{code}", methods=["GET", "HEAD"])
async def problem(code: str) -> HTMLResponse:
    """The page of one problem."""
    page = _PAGES.get(code)
    if page is None:
        raise NotFound
    return HTMLResponse(page, headers=_HEADERS)
