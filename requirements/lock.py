"""Resolve every *.in again: hashes, every platform from Python 3.11 on, no registry address."""

import re
import subprocess
import sys

from install import BIN, ROOT, like_pip

FOLDER = ROOT / "requirements"
OPTIONS = (
    "--quiet", "--upgrade", "--universal", "--python-version", "3.11", "--generate-hashes",
    "--no-header", "--no-emit-index-url",
)  # fmt: skip


# A side index or a folder of wheels may hold one platform's file of a version, and the lock would
# then know the hash of that one only.
SIDE = ("UV_INDEX", "UV_FIND_LINKS")


def main() -> int:
    """Write the locks; 1 when one would name an address."""
    environment = {name: value for name, value in like_pip().items() if name not in SIDE}
    # run before dev: dev takes run's versions as its constraint.
    for name in ("uv", "build", "run", "dev"):
        lock = FOLDER / f"{name}.txt"
        subprocess.run(
            [BIN / "uv", "pip", "compile", *OPTIONS, f"{name}.in", "-o", lock.name],
            cwd=FOLDER,
            env=environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        if re.search("https?://", lock.read_text(encoding="utf-8")):
            print(f"{lock.name} names an address", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
