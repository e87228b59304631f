"""Under which licences the run set is used, and which ones are allowed.

Read from what is installed, so packages of other platforms are not seen. Standard library only.
"""

import re
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

ALLOWED = {
    "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "MIT", "MIT-0", "PSF-2.0", "Zlib",
    # psycopg: imported as it is and never changed, which asks nothing of the program around it.
    "LGPL-3.0-only",
}  # fmt: skip

# Packages that say it in other words, or in their licence file only.
_WORDS = {
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "ISC License (ISCL)": "ISC",
    "MIT License": "MIT",
}
_READ = {"sqlcipher3": "Zlib"}


def pins(lock: str = "run") -> dict[str, set[str]]:
    """Return the packages of a lock with their versions; a few have one for each Python."""
    text = (ROOT / "requirements" / f"{lock}.txt").read_text(encoding="utf-8")
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s;]+)", text, re.MULTILINE):
        found.setdefault(name, set()).add(version)
    return found


def of(name: str) -> str | None:
    """Return the licence of an installed package in SPDX's words, None when it tells none.

    Raises PackageNotFoundError for one that is not installed.
    """
    told = metadata.metadata(name)
    classified = [
        line.rpartition(" :: ")[2]
        for line in told.get_all("Classifier", [])
        if line.startswith("License ::")
    ]
    named = [*told.get_all("License-Expression", []), *told.get_all("License", [])]
    said = next(filter(None, named), " AND ".join(classified))
    return _READ.get(name) or _WORDS.get(said, said) or None


def allows(expression: str | None) -> bool:
    """Whether one of the choices that an expression gives consists of allowed licences."""
    return expression is not None and any(
        all(part.strip(" ()") in ALLOWED for part in choice.split(" AND "))
        for choice in expression.split(" OR ")
    )
