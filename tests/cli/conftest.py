"""Commands as the tests run them: in this process where that will do, else in one of their own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from app.cli import run
from tests.support.commands import Cli, Ran, Served


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, and data folders and settings of nobody."""
    folder = tmp_path / "somewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in [name for name in os.environ if name.startswith("TWELVEWEEKS_")]:
        if name != "TWELVEWEEKS_TEST_RUN":
            monkeypatch.delenv(name)
    return folder


@pytest.fixture
def bare(home: Path, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command without any database set."""

    def call(*arguments: object) -> Ran:
        capsys.readouterr()
        status = run([str(argument) for argument in arguments])
        said = capsys.readouterr()
        return Ran(status, said.out, said.err)

    return call


@pytest.fixture
def cli(bare: Cli, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run a command on the test's database."""
    monkeypatch.setenv("TWELVEWEEKS_DATABASE_URL", database_url)
    return bare


@pytest.fixture
def serving(home: Path) -> Iterator[Callable[..., Served]]:
    """Start servers; what still runs in the end is killed."""
    started: list[Served] = []

    def start(*arguments: str) -> Served:
        started.append(Served(home, *arguments))
        return started[-1]

    yield start
    for served in started:
        if served.process.poll() is None:
            served.process.kill()
            served.process.wait()
        if served.process.stdout:
            served.process.stdout.close()
