"""The benchmark runs through, and its floor does the same work as the service."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.postgres import binaries
from tests.support.skips import MISSING

ROOT = Path(__file__).resolve().parents[2]


def test_a_small_run_measures_and_saves_nothing() -> None:
    if binaries() is None:
        pytest.skip(MISSING)
    results = ROOT / "benchmarks" / "RESULTS.md"
    before = results.read_bytes() if results.exists() else b""
    lines = ("session", "space", "engine")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--only", *lines],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for measured in ("session of 31 injections", "on disk, SQLite", "engine alone"):
        assert measured in done.stdout
    assert before == (results.read_bytes() if results.exists() else b"")
