"""What every table is made of: naming of constraints, column types, the columns all share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Generic

from sqlalchemy import (
    JSON,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Integer,
    MetaData,
    String,
)
from sqlalchemy.dialects.postgresql import UUID
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

from app.db.rows.base import OwnRow, Row, Values

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
    }
)

# Ids are text in Python on both databases: 16 bytes on PostgreSQL, 36 characters on SQLite.
Key = String(36).with_variant(UUID(as_uuid=False), "postgresql")

# PostgreSQL's text-based `json`, not `jsonb`: a chart of 31 injections takes 250 bytes as text
# and over 1,200 as jsonb, and nothing searches inside.
Json = JSON(none_as_null=True)


# `mapped_column(LargeBinary, info=ENCRYPTED)`: holds what `Keyring.encrypt` returns, and is
# encrypted again when the keys are rotated.
ENCRYPTED = {"encrypted": True}


class PracticeKey(TypeDecorator[str]):
    """Whose a row is: the id of its practice.

    Marks what must be the practice of the unit of work wherever it is sent: see `engine.guard`.
    """

    impl = Key
    cache_ok = True


class At(TypeDecorator[datetime]):
    """An instant, aware in Python; SQLite keeps UTC without saying so."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Any:
        inner = self.impl_instance.bind_processor(dialect)
        if dialect.name != "sqlite":
            return inner

        def to_text(value: datetime | None) -> Any:
            utc = value.astimezone(UTC).replace(tzinfo=None) if value is not None else None
            return inner(utc) if inner else utc

        return to_text

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        inner = self.impl_instance.result_processor(dialect, coltype)
        if dialect.name != "sqlite":
            return inner

        def to_instant(value: Any) -> datetime | None:
            read = inner(value) if inner else value
            return read.replace(tzinfo=UTC) if read is not None else None

        return to_instant


# `mapped_column(..., info=SECRET)`: never leaves the database, whoever exports the rest.
SECRET = {"secret": True}


class Base(DeclarativeBase, Generic[Row]):
    """A table, and of what type its rows are: queries return them as plain dictionaries."""

    metadata = metadata


class Stamped:
    """Every resource says when it was made and last changed, and counts its changes (ETag)."""

    created_at: Mapped[datetime] = mapped_column(At)
    updated_at: Mapped[datetime] = mapped_column(At)
    version: Mapped[int] = mapped_column(Integer, default=1, server_default="1")


class OfPractice(Stamped, Base[OwnRow], Generic[OwnRow, Values]):
    """Clinic data: the practice leads the key, so rows can never refer across practices.

    `Values` is what a service may write of such a row.
    """

    __abstract__ = True

    practice_id: Mapped[str] = mapped_column(PracticeKey, primary_key=True)
    id: Mapped[str] = mapped_column(Key, primary_key=True)


def refers(column: str, table: str, *, name: str | None = None) -> ForeignKeyConstraint:
    """Return a foreign key to a row of the same practice."""
    return ForeignKeyConstraint(
        ["practice_id", column], [f"{table}.practice_id", f"{table}.id"], name=name
    )


def of_practice() -> ForeignKeyConstraint:
    """Return the foreign key of clinic data to its practice."""
    return ForeignKeyConstraint(["practice_id"], ["practice.id"])


def one_of(column: str, *values: str) -> CheckConstraint:
    """Return a check that a text column holds one of `values`."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


__all__ = [
    "ENCRYPTED",
    "SECRET",
    "At",
    "Base",
    "Json",
    "Key",
    "OfPractice",
    "PracticeKey",
    "Stamped",
    "metadata",
    "of_practice",
    "one_of",
    "refers",
]
