"""What can be set from outside, and to what it is set. Read by main and cli only."""

import os
import sys
from pathlib import Path
from typing import Literal

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1024 * 1024


def data_folder() -> Path:
    """The folder where this user's programs keep their data on this platform."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local")) / "twelveweeks"
    if sys.platform == "darwin":
        return home / "Library" / "Application Support" / "twelveweeks"
    named = os.environ.get("XDG_DATA_HOME", "")
    # A relative path there is invalid and to be ignored, says the convention.
    base = Path(named) if Path(named).is_absolute() else home / ".local" / "share"
    return base / "twelveweeks"


def default_database_url() -> str:
    """An SQLite file in the user's data folder."""
    return f"sqlite:///{(data_folder() / 'twelveweeks.db').as_posix()}"


class Settings(BaseSettings):
    """Each is an environment variable with the prefix `TWELVEWEEKS_`, or a line of `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="TWELVEWEEKS_", env_file=".env", extra="ignore", frozen=True
    )

    database_url: str = Field(
        default_factory=default_database_url,
        repr=False,  # it may hold a password
        description="Where the data is: `sqlite:///path/to/file.db` or "
        "`postgresql://user:password@host/name`. Unset: a file in the user's data folder.",
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: int = Field(8000, ge=0, le=65535, description="Port to listen on.")
    workers: int = Field(1, ge=1, le=64, description="Server processes. SQLite is served by one.")
    pool_size: int = Field(
        # Python runs one thread at a time: with 8 the slowest hundredth of pages waited 4.7 times
        # the median at 64 connections, with 4 it waits 1.9 times, and each costs less.
        4,
        ge=1,
        le=100,
        description="Database connections of each worker, and requests it works on at once.",
    )
    busy_timeout_seconds: float = Field(
        5.0,
        gt=0,
        le=60,
        description="How long a request waits for a connection or, on SQLite, for its turn to "
        "write, before it is told to come back later.",
    )
    prepared_statements: bool = Field(
        True, description="Set to `false` behind a PgBouncer older than 1.21."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="The least important log lines to show."
    )
    max_body_bytes: int = Field(
        MIB, ge=1024, description="Largest request body, except for imports."
    )
    import_max_bytes: int = Field(
        10 * MIB, ge=1024, description="Largest spreadsheet taken by an import over HTTP."
    )
    idempotency_hours: int = Field(
        24, ge=1, le=24 * 30, description="How long the answer to an `Idempotency-Key` is kept."
    )
    key_cache_seconds: int = Field(
        60,
        ge=0,
        le=60,
        description="How long a checked API key is believed; a revoked key works that much longer.",
    )
