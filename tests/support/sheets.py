"""A practice to load spreadsheets into, and rows in the clinic's own form."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from app.data.import_mapping import builtin_mapping
from app.db.base import metadata
from app.db.engine.engine import Database
from app.db.engine.scope import OWNER
from app.domain.access.access import Actor, ActorType
from app.domain.ids import new_id
from app.services.imports import imports
from app.services.imports.imports import Report
from app.services.practice import practices

NOW = datetime(2026, 11, 16, 18, 0, tzinfo=UTC)  # a Monday, 13:00 in New York

HEAD = "MRN,Last name,First name,DOB,Sex,Phone,Injector,Site,Dx,Payer,Treated on,Units,Lot"


class Load:
    """Loads files into one practice and looks at what came of it."""

    def __init__(self, database: Database, zone: str = "America/New_York") -> None:
        self.database = database
        with database.write(OWNER) as db:
            made = practices.create(
                db, id=new_id(NOW), name="Test", time_zone=zone, by_name="tests", now=NOW
            )
        self.practice_id: str = made["id"]
        self.by = Actor(self.practice_id, ActorType.SYSTEM, None, "tests")

    def __call__(self, content: bytes | str, **said: Any) -> Report:
        said = {"now": NOW, "by": self.by, "mapping": builtin_mapping(), **said}
        with self.database.write(OWNER) as db:
            return imports.load_history(db, content=content, **said)

    def write(self, act: Callable[..., Any], **said: Any) -> Any:
        with self.database.write(OWNER) as db:
            return act(db, **{"by": self.by, "now": NOW, **said})

    def rows(self, statement: str) -> list[Any]:
        with self.database.read(OWNER) as db:
            return [tuple(row) for row in db.exec_driver_sql(statement).all()]

    def contents(self, *left_out: str) -> dict[str, list[Any]]:
        with self.database.read(OWNER) as db:
            return contents(db, left_out)


def contents(db: Connection, left_out: Sequence[str] = ()) -> dict[str, list[Any]]:
    """Every row of every table, in an order of its own."""
    return {
        table.name: sorted(map(repr, db.execute(table.select())))
        for table in metadata.sorted_tables
        if table.name not in left_out
    }


def a_row(**said: str) -> str:
    """One line of the sheet; what is not said is as on any day at the clinic."""
    cells = {
        "mrn": "M1",
        "last": "Rivera",
        "first": "Ana",
        "dob": "5/17/1980",
        "sex": "F",
        "phone": "555-010-0100",
        "injector": "Dr. Vale",
        "site": "Main St",
        "dx": "G43.709",
        "payer": "Self-pay",
        "on": "1/5/2026",
        "units": "155",
        "lot": "C1",
        **said,
    }
    return ",".join(f'"{c}"' if "," in c or "\n" in c else c for c in cells.values())


def a_sheet(*rows: str, head: str = HEAD) -> str:
    return "\r\n".join([head, *rows, ""])
