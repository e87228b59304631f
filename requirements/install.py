"""Fill .venv with the hash-locked requirements and the project itself.

Run by make with any Python from 3.11. Standard library only. uv does the work where it can be had,
with the index, certificate and proxy that this machine's pip is configured for; otherwise pip does.
"""

import ast
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
BIN = VENV / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / "python"

# pip's setting -> the variable by which uv takes the same thing.
FOR_UV = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "trusted-host": "UV_INSECURE_HOST",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "cert": "SSL_CERT_FILE",
    "proxy": "ALL_PROXY",
}


def works(python: Path) -> bool:
    """Whether this interpreter starts and is new enough."""
    check = "import sys; sys.exit(sys.version_info < (3, 11))"
    try:
        return subprocess.run([python, "-c", check], check=False).returncode == 0
    except OSError:
        return False


def like_pip() -> dict[str, str]:
    """The environment for uv: this one, plus what pip's configuration says."""
    listed = subprocess.run(
        [PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False
    )
    # pip lists what it found in no order of rank: the environment beats the command's own section,
    # which beats the global one.
    found: dict[str, tuple[int, str]] = {}
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        section, _, key = name.rpartition(".")
        rank = {":env:": 2, "install": 1, "global": 0}.get(section)
        if rank is None or key not in FOR_UV or rank < found.get(key, (-1, ""))[0]:
            continue
        found[key] = (rank, " ".join(str(ast.literal_eval(value)).split()))
    environment = dict(os.environ)
    for key, (_, value) in found.items():
        environment.setdefault(FOR_UV[key], value)
    # pip looks at every index; uv stops at the first that knows the name. The hashes make it safe.
    environment.setdefault("UV_INDEX_STRATEGY", "unsafe-best-match")
    environment.setdefault("UV_LINK_MODE", "copy")
    # pip compiles what it installs; without it every start would be a second slower.
    environment.setdefault("UV_COMPILE_BYTECODE", "1")
    return environment


def install(*arguments: str | Path, uv: bool, quiet: bool = False) -> bool:
    """Install with uv or with pip; whether it went well."""
    if uv:
        command = [BIN / "uv", "pip", "install", "--quiet", "--python", PYTHON]
    else:
        command = [PYTHON, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    done = subprocess.run(
        [*command, *arguments],
        env=like_pip() if uv else None,
        stderr=subprocess.DEVNULL if quiet else None,
        check=False,
    )
    return done.returncode == 0


def compiled() -> int:
    """Compile the project as the packages are, where Python itself is told to write nothing."""
    folders = [ROOT / "app", ROOT / "migrations"]
    subprocess.run([PYTHON, "-m", "compileall", "-q", *folders], check=False)
    return 0


def main() -> int:
    """Create, install, report; 0 when all is in place."""
    if not works(PYTHON):
        print("Creating .venv ...", file=sys.stderr)
        venv.create(VENV, clear=True, with_pip=True)
    requirements = ROOT / "requirements"
    locked = ("--require-hashes", "-r")
    print("Installing the locked requirements (once) ...", file=sys.stderr)
    uv = install(*locked, requirements / "uv.txt", uv=False, quiet=True)
    wanted = (*locked, requirements / "build.txt", "-r", requirements / "dev.txt")
    project = ("--no-deps", "--no-build-isolation", "-e", ROOT)
    if uv:
        if install(*wanted, uv=True) and install(*project, uv=True):
            return compiled()
        # Not the end: pip knows proxies and indexes that uv does not.
        print("uv could not do it; trying pip, which takes a minute ...", file=sys.stderr)
    if install(*wanted, uv=False) and install(*project, uv=False):
        return compiled()
    return 1


if __name__ == "__main__":
    sys.exit(main())
