"""What can be set from outside, and to what it is set. Read by main and cli only."""

import os
import re
import sys
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

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


def config_folder() -> Path:
    """The folder where this user's programs keep their settings; never that of the data."""
    home = Path.home()
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", home / "AppData" / "Roaming")) / "twelveweeks"
    if sys.platform == "darwin":
        return home / "Library" / "Preferences" / "twelveweeks"
    named = os.environ.get("XDG_CONFIG_HOME", "")
    base = Path(named) if Path(named).is_absolute() else home / ".config"
    return base / "twelveweeks"


def default_key_file() -> Path:
    """The file of the master keys: apart from what they open."""
    return config_folder() / "master.key"


def default_database_url() -> str:
    """An SQLite file in the user's data folder."""
    return f"sqlite:///{(data_folder() / 'twelveweeks.db').as_posix()}"


def _parts(value: object) -> object:
    """The parts of a text with commas."""
    if isinstance(value, str):
        return tuple(part for part in (p.strip() for p in value.split(",")) if part)
    return value


List = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_parts)]

_ORIGIN = re.compile(r"(https://[a-z0-9.-]+|http://(localhost|127\.0\.0\.1|\[::1\]))(:[0-9]{1,5})?")


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
    encryption: bool = Field(
        True, description="Encrypt new database files. One that is there is opened as it is."
    )
    key_file: Path = Field(
        default_factory=default_key_file,
        description="The master keys, one `id key` a line, newest first; for its owner's eyes "
        "alone (mode 600), and apart from the data. Unset: in the user's folder of settings.",
    )
    master_key: SecretStr | None = Field(
        None,
        repr=False,
        description="The same lines, parted by commas, where they come from the environment.",
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
    rate_per_key: int = Field(
        6000, ge=0, description="Requests a minute of one key, in each worker; 0 for any number."
    )
    rate_per_address: int = Field(
        12_000,
        ge=0,
        description="Requests a minute from one address (an IPv6 network of 64 bits), in each "
        "worker; 0 for any number.",
    )
    failures_per_address: int = Field(
        60,
        ge=0,
        description="Keys that are not valid a minute from one address, in each worker; 0 for any "
        "number.",
    )
    most_waiting: int = Field(
        # Pages take about 1.5 ms of the one thread that runs Python: half a second of them.
        256,
        ge=1,
        description="Requests at work or waiting in each worker; more are answered 503 at once.",
    )
    most_connections: int = Field(
        10_000,
        ge=10,
        description="Open connections of each worker. Beyond them the one that is idle longest "
        "is closed.",
    )
    trusted_proxies: List = Field(
        (),
        description="Addresses and networks of proxies, with commas, whose X-Forwarded-For and "
        "X-Forwarded-Proto are believed.",
    )
    plain_http: Literal["refuse", "allow"] = Field(
        "refuse",
        description="Whether other machines may ask without TLS. `allow` only where the network "
        "itself is private.",
    )
    tls_certificate: Path | None = Field(
        None, description="File with the certificate and its chain (PEM): serve HTTPS."
    )
    tls_key: Path | None = Field(None, description="File with the certificate's private key (PEM).")
    cors_origins: List = Field(
        (), description="Origins, with commas, whose scripts may ask; none unless set."
    )
    metrics_from: List = Field(
        (),
        description="Addresses and networks that may read /metrics besides this machine.",
    )

    public_url: str | None = Field(
        None,
        pattern=r"^https?://[a-z0-9.:\[\]-]+(/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-])?$",
        description="The address clients reach this service under, without a slash at the end. "
        "Tokens are made and taken under this name; unset, no tokens are made.",
    )
    outgoing_hosts: List = Field(
        (),
        description="Hosts inside your network that requests may be sent to, with commas, as "
        "`host` or `host:port`. Others must be on the public internet, on port 443.",
    )

    @field_validator("trusted_proxies", "metrics_from")
    @classmethod
    def _networks(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        for text in given:
            try:
                ip_network(text, strict=False)
            except ValueError:
                raise ValueError("must be addresses or networks such as 10.0.0.0/8") from None
        return given

    @field_validator("cors_origins")
    @classmethod
    def _origins(cls, given: tuple[str, ...]) -> tuple[str, ...]:
        if not all(_ORIGIN.fullmatch(text) for text in given):
            raise ValueError("must be exact origins such as https://app.example")
        return given

    @model_validator(mode="after")
    def _both_files(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("set both TWELVEWEEKS_TLS_CERTIFICATE and TWELVEWEEKS_TLS_KEY")
        return self

    @property
    def allowed_hosts(self) -> frozenset[str]:
        """The hosts of `outgoing_hosts`."""
        return frozenset(host.lower() for host in self.outgoing_hosts)
