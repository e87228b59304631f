"""The README's first five minutes work as written."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README's commands use curl")
def test_first_five_minutes_as_written(tmp_path: Path) -> None:
    part = README.split("## The first five minutes")[1].split("\n## ")[0]
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", part, re.DOTALL))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {
        **os.environ,
        "XDG_DATA_HOME": str(tmp_path),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
        "HOME": str(tmp_path),
        "TWELVEWEEKS_PORT": port,
    }
    commands = commands.replace("/tmp/", f"{tmp_path}/")
    # Last, because the checkout itself may lie in the temporary folder.
    commands = commands.replace(".venv/bin/", f"{Path(sys.executable).parent}/")
    twelveweeks = Path(sys.executable).parent / "twelveweeks"
    server = subprocess.Popen(
        [twelveweeks, "demo", "--serve"],
        env=environment,
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        _wait_for(int(port))
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    finally:
        server.terminate()
        server.wait(20)
    assert done.returncode == 0, done.stderr
    assert '"due_on": "2026-03-30"' in done.stdout
    assert '"status": "due_soon"' in done.stdout
    assert "84 days after the session given on 2026-01-05 (cycle 1)" in done.stdout
    assert '"overdue"' in done.stdout


def _wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("the server did not start within 30 s")
