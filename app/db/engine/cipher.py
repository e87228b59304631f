"""Opening a database file that is encrypted, with the first key that fits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from app.db.keys.keyring import DATABASE, Keyring, KeyringUnusable, MasterKey

_NOT_A_DATABASE = 26  # SQLITE_NOTADB: what a wrong key looks like
Connect = Callable[[], Any]


class NoKeyFits(KeyringUnusable):
    """The file is encrypted with a key that is not in the ring, or is no database at all."""


class CannotEncrypt(KeyringUnusable):
    """The driver on this platform knows no encryption."""


class Unlocking:
    """How one database file is opened; remembers which key fitted.

    `keyring` None: plain, whatever is there. `encrypt` decides about a file that is yet to be
    made; one that is there is opened as it is.
    """

    def __init__(
        self, file: Path, keyring: Keyring | None, *, encrypt: bool = True, label: str = DATABASE
    ) -> None:
        self.file = file
        self.keyring = keyring
        self._encrypt = encrypt
        self._label = label
        self._fitted: list[MasterKey | None] = []

    @property
    def matched_key(self) -> MasterKey | None:
        """The key that the file was last opened with; None for a plain one."""
        return self._fitted[0] if self._fitted else None

    def open(self, connect: Connect, driver: ModuleType) -> Any:
        """Return a connection from `connect` that can read the file.

        Raises `NoKeyFits`, and `CannotEncrypt` where the driver knows no encryption.
        """
        if self.keyring is None:
            return connect()
        if is_new(self.file):
            key = self._key_of_new(driver)
            return self._unlocked(connect(), key)
        for _ in range(2):
            for key in (*self._fitted, *self.keyring.keys, None):
                raw = self._tried(connect, driver, key)
                if raw is not None:
                    self._fitted = [key]
                    return raw
            if not self.keyring.refresh():
                break
        demand(driver)
        wrong = "no key opens it in" if self.keyring.keys else "there is no key in"
        raise NoKeyFits(
            f"{self.file.name} is encrypted, or not a database, and {wrong} {self.keyring.place}"
        )

    def _tried(self, connect: Connect, driver: ModuleType, key: MasterKey | None) -> Any:
        if key is not None and not can_encrypt(driver):
            return None
        raw = connect()
        try:
            self._unlocked(raw, key).execute("SELECT count(*) FROM sqlite_schema").fetchone()
        except BaseException as failure:
            raw.close()
            if getattr(failure, "sqlite_errorcode", 0) == _NOT_A_DATABASE:
                return None
            raise
        return raw

    def _unlocked(self, raw: Any, key: MasterKey | None) -> Any:
        if key is not None:
            # It writes to stderr by itself, also about a key that is only being tried.
            raw.execute("PRAGMA cipher_log_level = NONE").fetchall()
            raw.execute(f'PRAGMA key = "{pragma(key.derived(self._label))}"').fetchall()
        return raw

    def _key_of_new(self, driver: ModuleType) -> MasterKey | None:
        assert self.keyring is not None  # noqa: S101 - `open` has looked
        if not self._encrypt:
            return None
        demand(driver)
        return self.keyring.newest


_NO_CIPHER = (
    "the database needs encryption and sqlcipher3 is not installed on this platform: "
    "set TWELVEWEEKS_ENCRYPTION=false to make new databases without it"
)


def can_encrypt(driver: ModuleType) -> bool:
    """Whether the driver is one with encryption."""
    return driver.__name__.startswith("sqlcipher3")


def pragma(key: bytes) -> str:
    """Return the key as SQLCipher takes a raw one: without the cost of stretching a password."""
    return f"x'{key.hex()}'"


def demand(driver: ModuleType) -> None:
    """Raise `CannotEncrypt` when the driver knows no encryption."""
    if not can_encrypt(driver):
        raise CannotEncrypt(_NO_CIPHER)


def is_new(file: Path) -> bool:
    """Whether the database is yet to be made."""
    try:
        return file.stat().st_size == 0
    except FileNotFoundError:
        return True
