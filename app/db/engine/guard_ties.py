"""Find out whether every table of a statement is tied to a practice, select by select.

A select, an update and a delete are each a frame: its tables are tied by what must hold for its
rows to count, which is its WHERE and the ON of its inner joins. The ON of an outer join confines
the side that may be missing and not the other; what stands under OR or NOT confines nothing; a
subquery confines its own tables only, and may lean on the tables around it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import (
    CTE,
    BindParameter,
    Column,
    CompoundSelect,
    Delete,
    Insert,
    Lateral,
    Select,
    Subquery,
    TextClause,
    TextualSelect,
    Update,
    ValuesBase,
)
from sqlalchemy.sql import operators
from sqlalchemy.sql.elements import (
    BinaryExpression,
    BooleanClauseList,
    ClauseElement,
    ColumnClause,
    Grouping,
)
from sqlalchemy.sql.operators import custom_op
from sqlalchemy.sql.selectable import (
    Alias,
    FromClause,
    FromGrouping,
    Join,
    ReturnsRows,
    TableClause,
    TableValuedAlias,
)

from app.db.base import metadata

# Tables of no practice: what is looked up before one is known, or after it is gone.
SHARED = frozenset({"credential", "erasure", "signing_key"})
# Anyone may look into the directory; what is entered or ended there is a practice's own.
WRITTEN_BY_ONE = frozenset({"credential"})
# What reads tables of practice data under a name of its own.
_VIEWS = frozenset({"injection"})
_OPERATOR = re.compile(r"[-+*/%<>=~!@#&|]{1,4}|[A-Za-z]{1,16}")


class Unscoped(RuntimeError):
    """A fault of the program: its statement could have reached another practice's rows."""


class _Around(NamedTuple):
    """The tables a subquery may lean on: of the frame it stands in, and of all around that."""

    near: frozenset[Any] = frozenset()
    all: frozenset[Any] = frozenset()


class _Equation(NamedTuple):
    """A column of a practice's id equals a parameter or another such column.

    It must hold for every row of `confined`; None: for every row of the frame.
    """

    left: Any
    right: Any
    confined: frozenset[Any] | None


def table_of(table: Any) -> str:
    """Return the name of the table that stands here, under whatever alias; '' for none."""
    while isinstance(table, Alias):
        table = table.element
    return str(table.name).lower() if isinstance(table, TableClause) else ""


def holds_data(table: Any) -> bool:
    """Return whether rows of the table belong to a practice."""
    name = table_of(table)
    if name in _VIEWS:
        return True
    known = metadata.tables.get(name)
    return known is not None and name not in SHARED and _key(name) in known.c


class Ties:
    """What one statement reaches: `tables` of practice data, and the `binds` that tie them.

    Not `strict`, it only collects tables.
    """

    def __init__(self, *, strict: bool = True) -> None:
        self.tables: set[Any] = set()
        self.binds: set[str] = set()
        self._strict = strict
        self._common: set[int] = set()

    def walk(self, part: Any, around: _Around = _Around()) -> None:
        """Go through a statement or a part of one. Raises `Unscoped`."""
        match part:
            case Select():
                self._select(part, around, within_from=False, lateral=False)
            case Insert():
                self._insert(part, around)
            case Update() | Delete():
                self._change(part, around)
            case CTE():
                if id(part) not in self._common:
                    self._common.add(id(part))
                    self._source(part.element, around, lateral=False)
            case Subquery():
                self._source(part.element, around, lateral=isinstance(part, Lateral))
            case Alias() | TableClause():
                if not isinstance(part, TableValuedAlias):
                    return
                self._children(part, around)
            case _:
                self._refuse_text(part)
                self._children(part, around)

    def _children(self, part: Any, around: _Around) -> None:
        for child in part.get_children():
            self.walk(child, around)

    def _source(self, part: Any, around: _Around, *, lateral: bool) -> None:
        if isinstance(part, Select):
            self._select(part, around, within_from=True, lateral=lateral)
        elif isinstance(part, CompoundSelect):
            for one in part.selects:
                self._source(one, around, lateral=lateral)
            self._further(part, around)
        elif isinstance(part, ReturnsRows) and not isinstance(part, ValuesBase | Delete):
            for child in part.get_children():
                self._source(child, around, lateral=lateral)
            self._refuse_text(part)
        else:
            self.walk(part, around)

    def _further(self, part: Any, around: _Around) -> None:
        for common in part._independent_ctes:
            self.walk(common, around)

    def _select(
        self, part: Select[Any], around: _Around, *, within_from: bool, lateral: bool
    ) -> None:
        state: Any = part._compile_state_factory(part, part._default_compiler())
        if within_from and not lateral:
            sources = state._get_display_froms(around.all - around.near, ())
        else:
            sources = state._get_display_froms(around.all, around.near)
        self._refuse_hints(part)
        tables: set[Any] = set()
        equations: list[_Equation] = []
        for source in sources:
            tables |= self._joined(source, equations)
        equations += _equations(part.whereclause, None)
        self._frame(tables, equations, around)
        self._inside(part, frozenset(tables), around)

    def _change(self, part: Any, around: _Around) -> None:
        self._refuse_hints(part)
        equations = list(_equations(part.whereclause, None))
        tables = {part.table, *_mentioned(part)}
        if not isinstance(part.table, TableClause | Alias):
            raise Unscoped("only a single table is changed at a time")
        for name, value in _values(part):
            if name == _key(table_of(part.table)) and holds_data(part.table):
                self._tie(value)
        if table_of(part.table) in WRITTEN_BY_ONE:
            self.tables.add(part.table)
        self._frame(tables, equations, around)
        self._inside(part, frozenset(tables), around)

    def _insert(self, part: Insert, around: _Around) -> None:
        self._refuse_hints(part)
        table, name = part.table, table_of(part.table)
        if holds_data(table) or name in WRITTEN_BY_ONE:
            if part.select is not None:
                raise Unscoped(f"rows are copied into {name} by the database")
            self.tables.add(table)
            said = dict(_values(part))
            if _key(name) in said:
                self._tie(said[_key(name)])
            else:
                # Many rows in one statement are known by `key_m0`, which no row of parameters has.
                self.binds.add(_key(name))
            self._on_conflict(part._post_values_clause, name)
        self._inside(part, frozenset(), around)

    def _on_conflict(self, clause: Any, name: str) -> None:
        changes: dict[Any, Any] | None = getattr(clause, "update_values_to_set", None)
        if changes is None:
            return
        targets = [getattr(one, "name", one) for one in clause.inferred_target_elements or ()]
        if _key(name) not in targets:
            raise Unscoped(f"another practice's row in {name} could be in the way, and be changed")
        if any(getattr(column, "name", column) == _key(name) for column in changes):
            raise Unscoped(f"a row of {name} would change its practice")
        for part in (*changes.values(), clause.update_whereclause):
            if isinstance(part, ClauseElement):
                self.walk(part)

    def _inside(self, part: Any, tables: frozenset[Any], around: _Around) -> None:
        """Walk through the subqueries, which may lean on the frame they stand in."""
        inner = _Around(tables, tables | around.all)
        for child in part.get_children():
            self.walk(child, inner)
        self._further(part, inner)

    def _frame(self, tables: set[Any], equations: list[_Equation], around: _Around) -> None:
        data = {table for table in tables if holds_data(table)}
        self.tables |= data
        wanted = data | {table for table in tables if table in self.tables}
        tied = {table for table in around.all if holds_data(table)}
        if wanted:
            for one in equations:
                if isinstance(one.right, BindParameter):
                    self._tie(one.right)
        going_on = True
        while going_on:
            going_on = False
            for table in wanted - tied:
                if _reaches(table, equations, tied):
                    tied.add(table)
                    going_on = True
        if self._strict:
            for table in wanted - tied:
                raise Unscoped(f"{table_of(table)} is reached without its practice")

    def _joined(self, source: Any, equations: list[_Equation]) -> set[Any]:
        """Return the tables of a FROM, and add what its joins say."""
        if isinstance(source, FromGrouping):
            return self._joined(source.element, equations)
        if isinstance(source, Join):
            left = self._joined(source.left, equations)
            right = self._joined(source.right, equations)
            if not source.full:
                confined = right if source.isouter else left | right
                equations += _equations(source.onclause, frozenset(confined))
            return left | right
        known = TableClause | Alias | Subquery | CTE | TableValuedAlias
        if not isinstance(source, known) or (
            isinstance(source, Alias)
            and not isinstance(source, TableValuedAlias)
            and not table_of(source)
        ):
            raise Unscoped("a source of rows that cannot be checked")
        return {source}

    def _tie(self, value: Any) -> None:
        if not isinstance(value, BindParameter):
            raise Unscoped("a row's practice is a parameter and nothing else")
        self.binds.add(value.key)

    def _refuse_text(self, part: Any) -> None:
        if isinstance(part, TextClause | TextualSelect):
            raise Unscoped("a statement holds text, which cannot be checked")
        # The star of count(*) is such a text.
        if isinstance(part, ColumnClause) and part.is_literal and part.name != "*":
            raise Unscoped("a statement holds text, which cannot be checked")
        operator = getattr(part, "operator", None)
        if isinstance(operator, custom_op) and not _OPERATOR.fullmatch(operator.opstring):
            raise Unscoped("a statement holds text, which cannot be checked")

    def _refuse_hints(self, part: Any) -> None:
        for name in ("_prefixes", "_suffixes", "_hints", "_statement_hints"):
            if getattr(part, name, None):
                raise Unscoped("a statement holds text, which cannot be checked")


def _reaches(table: Any, equations: list[_Equation], tied: set[Any]) -> bool:
    """Whether a row of the table can only appear with its practice known."""
    holding = [one for one in equations if one.confined is None or table in one.confined]
    reached, going_on = {table}, True
    while going_on:
        going_on = False
        for one in holding:
            for here, there in ((one.left, one.right), (one.right, one.left)):
                if getattr(here, "table", None) not in reached:
                    continue
                if isinstance(there, BindParameter) or there.table in tied:
                    return True
                if there.table not in reached:
                    reached.add(there.table)
                    going_on = True
    return False


def _equations(clause: Any, confined: frozenset[Any] | None) -> Iterator[_Equation]:
    """Yield the equations that hold wherever the clause does."""
    if isinstance(clause, Grouping):
        yield from _equations(clause.element, confined)
    elif isinstance(clause, BooleanClauseList):
        if clause.operator is operators.and_:
            for part in clause.clauses:
                yield from _equations(part, confined)
    elif isinstance(clause, BinaryExpression) and clause.operator is operators.eq:
        left, right = clause.left, clause.right
        if isinstance(left, BindParameter):
            left, right = right, left
        if _is_key(left) and (isinstance(right, BindParameter) or _is_key(right)):
            yield _Equation(left, right, confined)


def _is_key(part: Any) -> bool:
    """Whether it is the column of a real table that says whose a row is."""
    return isinstance(part, Column) and part.name == _key(table_of(part.table))


def _key(name: str) -> str:
    return "id" if name == "practice" else "practice_id"


def _mentioned(part: Any) -> Iterator[Any]:
    """Yield the tables whose columns a change names outside its subqueries."""
    for child in part.get_children():
        if isinstance(child, ColumnClause) and isinstance(child.table, FromClause):
            yield child.table
        if not isinstance(child, ReturnsRows) and not hasattr(child, "scalar_subquery"):
            yield from _mentioned(child)


def _values(part: Any) -> Iterator[tuple[str, Any]]:
    """Yield the columns a statement gives values to by itself, with those values."""
    given = list((getattr(part, "_values", None) or {}).items())
    given += list(getattr(part, "_ordered_values", None) or ())
    for column, value in given:
        yield getattr(column, "name", str(column)), value
