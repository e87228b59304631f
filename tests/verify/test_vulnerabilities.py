"""T-33: no known vulnerability in what is locked, as far as there is somebody to ask."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.skips import UNCHECKED

pytestmark = pytest.mark.verify

AUDIT = Path(__file__).resolve().parents[2] / "requirements" / "audit.py"


def test_nothing_is_known_about_what_is_locked() -> None:
    done = subprocess.run([sys.executable, AUDIT], capture_output=True, text=True)
    if done.returncode == 2:
        pytest.skip(f"{UNCHECKED}: known vulnerabilities ({done.stderr.strip()})")
    assert done.returncode == 0, done.stderr
