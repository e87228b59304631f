"""Write the bill of materials: what the run lock holds, with hashes and licences, as CycloneDX.

It names the public index, so it is made where it is wanted and never committed.
"""

import json
import subprocess
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import licences
from install import BIN, ROOT


def main(target: Path) -> int:
    """Write it to `target`; 1 when a package's licence is not an allowed one."""
    made = subprocess.run(
        [
            *(BIN / "python", "-W", "ignore", "-m", "cyclonedx_py", "requirements"),
            *("--output-reproducible", "--pyproject", ROOT / "pyproject.toml"),
            ROOT / "requirements" / "run.txt",
        ],
        stdout=subprocess.PIPE,
        check=True,
    )
    bill = json.loads(made.stdout)
    refused: list[str] = []
    for component in bill["components"]:
        # The line of the lock: the hashes are told in a field of their own.
        component.pop("description", None)
        try:
            licence = licences.of(component["name"])
        except PackageNotFoundError:
            continue  # another platform's
        if licence:
            component["licenses"] = [{"expression": licence}]
        if not licences.allows(licence):
            refused.append(f"{component['name']}: {licence}")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(bill, indent=2) + "\n", encoding="utf-8")
    print(f"{len(bill['components'])} packages in {target.name}")
    for told in refused:
        print(f"licence not allowed: {told}", file=sys.stderr)
    return 1 if refused else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
