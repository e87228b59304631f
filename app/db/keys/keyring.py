"""The master keys, and the encryption of single values with them."""

from __future__ import annotations

import os
import re
import secrets
import stat
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.db.keys import file_lock

# What a sub-key is for. Another purpose gets another label, never another use of the same key.
DATABASE, SECRET, BACKUP = "database", "secret", "backup"

_LINE = re.compile(r"([a-z0-9]{4,16})\s+([0-9a-fA-F]{64})(?:\s+(\d{4}-\d\d-\d\d))?")
_FORMAT = b"\x01"
_NONCE = 12
_HEAD = (
    "# Master keys of Twelveweeks, newest first: id, key, day it was made.\n"
    "# Without them neither the database nor its backups can be read. Keep a copy elsewhere.\n"
)


class SecretText(Protocol):
    """A text that is not printed by accident, as settings hold it."""

    def get_secret_value(self) -> str: ...


class KeyringUnusable(Exception):
    """The master keys are missing, misread or open to others; the text says which and where."""


class DecryptionFailed(Exception):
    """An encrypted value was changed, moved to another place, or its key is not here."""


@dataclass(frozen=True)
class MasterKey:
    """32 bytes of randomness with a short id; `made_on` is for people, and may be missing."""

    id: str
    secret: bytes = field(repr=False)
    made_on: str | None = None

    def derived(self, label: str) -> bytes:
        """Return the 32-byte sub-key for one purpose."""
        known = self._derived.get(label)
        if known is None:
            info = f"twelveweeks {label}".encode()
            known = HKDF(SHA256(), length=32, salt=None, info=info).derive(self.secret)
            self._derived[label] = known
        return known

    @cached_property
    def _derived(self) -> dict[str, bytes]:
        return {}

    @cached_property
    def aead(self) -> AESGCM:
        """The cipher of encrypted values."""
        return AESGCM(self.derived(SECRET))

    @property
    def line(self) -> str:
        """How it is written down."""
        return " ".join(filter(None, (self.id, self.secret.hex(), self.made_on)))


class Keyring:
    """An ordered list of master keys, newest first; safe to share between threads.

    From a file it is read again when a key is asked for that is not there: whoever rotates the
    keys need not restart what runs.
    """

    def __init__(self, keys: Iterable[MasterKey], *, file: Path | None = None) -> None:
        self._keys = tuple(keys)
        self.file = file
        self._guard = threading.Lock()

    @classmethod
    def chosen(cls, file: Path, text: SecretText | None) -> Keyring:
        """Return the ring of the setting where it is set, else the file's."""
        return cls.from_text(text.get_secret_value()) if text else cls.from_file(file)

    @classmethod
    def from_text(cls, text: str) -> Keyring:
        """Return the ring of a setting: lines of `id key`, parted by line breaks or commas."""
        keys = parsed(text.replace(",", "\n"), "TWELVEWEEKS_MASTER_KEY")
        if not keys:
            raise KeyringUnusable("TWELVEWEEKS_MASTER_KEY holds no key")
        return cls(keys)

    @classmethod
    def from_file(cls, file: Path) -> Keyring:
        """Return the ring of a file; empty when there is none.

        Raises `KeyringUnusable` when others can read the file or it cannot be understood.
        """
        file = file.expanduser()
        return cls(_read(file), file=file)

    @property
    def keys(self) -> tuple[MasterKey, ...]:
        """Every key, newest first."""
        return self._keys

    @property
    def newest(self) -> MasterKey:
        """The key for what is written from now on; `KeyringUnusable` when there is none."""
        if not self._keys and not self.refresh():
            raise KeyringUnusable(f"there is no master key in {self.place}")
        return self._keys[0]

    @property
    def place(self) -> str:
        """Where its keys are, for messages."""
        return f"{self.file} (TWELVEWEEKS_KEY_FILE)" if self.file else "TWELVEWEEKS_MASTER_KEY"

    def find(self, id: str) -> MasterKey | None:
        """Return the key of that id; the file is read again once when it is not known."""
        for _ in range(2):
            for key in self._keys:
                if key.id == id:
                    return key
            if not self.refresh():
                return None
        return None

    def refresh(self) -> bool:
        """Read the file again; whether the keys are others than before."""
        if self.file is None:
            return False
        with self._guard:
            before, self._keys = self._keys, _read(self.file) or self._keys
            return before != self._keys

    def add(self, *, made_on: str, only_first: bool = False) -> MasterKey:
        """Make a new key, the newest from now on, and write the file with all of them.

        Raises `KeyringUnusable` for a ring that did not come from a file.
        """
        if self.file is None:
            raise KeyringUnusable(
                "the keys come from TWELVEWEEKS_MASTER_KEY: add the new one there, as the first"
            )
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with self._guard, file_lock.alone(self.file, wait=True):
            known = _read(self.file)
            if known and only_first:
                self._keys = known
                return known[0]
            made = MasterKey(_new_id({key.id for key in known}), secrets.token_bytes(32), made_on)
            _write(self.file, (made, *known))
            self._keys = (made, *known)
            return made

    def first(self, *, made_on: str) -> MasterKey:
        """Return the newest key, made now when there is none; two callers get the same one."""
        if not self._keys and not self.refresh():
            return self.add(made_on=made_on, only_first=True)
        return self.newest

    def encrypt(
        self, plain: bytes, *, table: str, column: str, practice_id: str, row_id: str
    ) -> bytes:
        """Return `plain` encrypted with the newest key and bound to its place in the database."""
        key = self.newest
        head = _FORMAT + bytes([len(key.id)]) + key.id.encode()
        nonce = secrets.token_bytes(_NONCE)
        bound = _bound(head, table, column, practice_id, row_id)
        return head + nonce + key.aead.encrypt(nonce, plain, bound)

    def decrypt(
        self, encrypted: bytes, *, table: str, column: str, practice_id: str, row_id: str
    ) -> bytes:
        """Return what was encrypted for this place; `DecryptionFailed` for anything else."""
        id = encrypted_with(encrypted)
        key = self.find(id)
        if key is None:
            raise DecryptionFailed(
                f"a value in {table}.{column} is encrypted with a key that is not here"
            )
        start = 2 + len(id)
        nonce, rest = encrypted[start : start + _NONCE], encrypted[start + _NONCE :]
        bound = _bound(encrypted[:start], table, column, practice_id, row_id)
        try:
            return key.aead.decrypt(nonce, rest, bound)
        except (InvalidTag, ValueError):
            raise DecryptionFailed(f"a value in {table}.{column} was changed or moved") from None


def encrypted_with(encrypted: bytes) -> str:
    """Return the id of the key of an encrypted value; `DecryptionFailed` when it is none."""
    try:
        if encrypted[:1] == _FORMAT and 1 <= encrypted[1] <= 16:
            id = encrypted[2 : 2 + encrypted[1]]
            if len(id) == encrypted[1]:
                return id.decode("ascii")
    except (IndexError, UnicodeDecodeError):
        pass
    raise DecryptionFailed("this is not an encrypted value")


def parsed(text: str, where: str) -> tuple[MasterKey, ...]:
    """Return the keys written down in `text`; `KeyringUnusable` names the line, never its key."""
    keys: list[MasterKey] = []
    for number, line in enumerate(text.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        match = _LINE.fullmatch(line)
        if match is None:
            raise KeyringUnusable(f"{where}: line {number} is not `id key`, 64 hexadecimal digits")
        keys.append(MasterKey(match[1], bytes.fromhex(match[2]), match[3]))
    if len({key.id for key in keys}) < len(keys):
        raise KeyringUnusable(f"{where}: two keys have the same id")
    return tuple(keys)


def _bound(head: bytes, *place: str) -> bytes:
    """Return the parts so joined that no two places give the same bytes."""
    parts = [part.encode() for part in place]
    return head + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _new_id(taken: set[str]) -> str:
    while (id := secrets.token_hex(4)) in taken:
        pass
    return id


def _read(file: Path) -> tuple[MasterKey, ...]:
    where = f"{file} (TWELVEWEEKS_KEY_FILE)"
    try:
        with file.open(encoding="ascii") as stream:
            mode = stat.S_IMODE(os.fstat(stream.fileno()).st_mode)
            if os.name == "posix" and mode & 0o077:
                raise KeyringUnusable(
                    f"{where} can be read by others (mode {mode:o}): run chmod 600 on it"
                )
            text = stream.read()
    except FileNotFoundError:
        return ()
    except UnicodeDecodeError:
        raise KeyringUnusable(f"{where} is not a key file") from None
    except OSError as error:
        raise KeyringUnusable(f"{where} cannot be read: {error.strerror}") from None
    keys = parsed(text, where)
    if not keys:
        raise KeyringUnusable(f"{where} holds no key")
    return keys


def _write(file: Path, keys: Iterable[MasterKey]) -> None:
    """Write the whole file or none of it, readable by its owner alone."""
    text = _HEAD + "".join(f"{key.line}\n" for key in keys)
    written = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    try:
        opened = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="ascii") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        written.replace(file)
        file_lock.sync_folder(file.parent)
    except OSError as error:
        written.unlink(missing_ok=True)
        raise OSError(error.errno, error.strerror, str(file)) from None
