"""Ask the public advisory services about every locked package.

0: all were asked about and nothing is known. 1: something is known. 2: nobody could be asked, or
not about all of them; that is no good news and is told as such.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from install import BIN, ROOT

LOCKS = ("run", "dev", "build", "uv")
SERVICES = ("pypi", "osv")
SECONDS = "15"

Asked = dict[str, list[Any]]  # "name version" -> its advisories


def ask(service: str, *files: Path) -> tuple[Asked, list[str]]:
    """Return what is known about the packages of the files, and which could not be asked about."""
    wanted = [part for file in files for part in ("--requirement", file)]
    done = subprocess.run(
        [
            *(BIN / "python", "-m", "pip_audit", "--vulnerability-service", service),
            *("--timeout", SECONDS, "--progress-spinner", "off", "--format", "json"),
            *("--require-hashes", "--disable-pip", *wanted),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        answer = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        return {}, ["nothing"]
    known = {f"{p['name']} {p['version']}": p["vulns"] for p in answer if "vulns" in p}
    return known, [p["name"] for p in answer if "vulns" not in p]


def answers(service: str) -> bool:
    """Whether the service answers, tried with the shortest lock; an index's mirror does not."""
    known, unasked = ask(service, _file("build"))
    return bool(known) and not unasked


def main(*services: str) -> int:
    """Ask the first service that answers, and tell."""
    service = next(filter(answers, services), None)
    if service is None:
        return _told("NOT AUDITED: no advisory service can be reached from here", 2)
    known, unasked = ask(service, *map(_file, LOCKS))
    for package, advisories in known.items():
        for advisory in advisories:
            fixed = ", ".join(advisory["fix_versions"]) or "nothing yet"
            print(f"{package}: {advisory['id']}, mended in {fixed}", file=sys.stderr)
    if any(known.values()):
        return _told("KNOWN VULNERABILITIES in what is locked", 1)
    if unasked or not known:
        return _told(f"NOT AUDITED: {service} says nothing about {', '.join(unasked)}", 2)
    print(f"nothing known about {len(known)} packages, says {service}")
    return 0


def _file(lock: str) -> Path:
    return ROOT / "requirements" / f"{lock}.txt"


def _told(what: str, status: int) -> int:
    print(what, file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main(*(sys.argv[1:] or SERVICES)))
