"""Prove of an SQL text that each table of practice data in it is confined to one practice.

Confined is a table whose key (`practice_id`; of `practice` itself: `id`) equals a parameter of
type `PracticeKey`, in what must hold for every row of its own SELECT, UPDATE or DELETE: the
conditions of WHERE that are joined by AND, and those of the ON of inner joins. An outer join has
it in its own ON. Another table's column is not enough: a distributed database asks one place only
when it sees the value itself. A row that is inserted has such a parameter for its key.

What this does not understand it takes for a fault.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from functools import cache
from typing import Any, NamedTuple

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from app.db.engine import guard

# What parameters are called in the text that is parsed: their own names may be words of SQL.
_PRACTICE, _OTHER = "the_practice", "some_value"
_PARAMETER = re.compile(
    r"""(?P<quoted>'(?:[^']|'')*'|"(?:[^"]|"")*")"""
    r"|(?P<listed>__\[POSTCOMPILE_\w+(?:~~.*?~~)?\])"
    r"|%\((?P<named>\w+)\)s|(?P<placed>\?)|(?P<percent>%%)|(?P<hidden>--|/\*|\$)"
)
_BRACKETS = re.compile(r"""([()]|'(?:[^']|'')*'|"(?:[^"]|"")*")""")
_SUBQUERY = re.compile(r"\s*SELECT\b", re.IGNORECASE)
_DIALECTS = {"sqlite": "sqlite", "postgresql": "postgres"}
_ROOTS = (exp.Select, exp.SetOperation, exp.Insert, exp.Update, exp.Delete)


class Text(NamedTuple):
    """A statement as it is compiled for a database."""

    dialect: str
    sql: str
    places: tuple[str, ...]
    """The names of parameters in order, where they have none in the text."""
    practices: frozenset[str]
    """The names of those that are of type `PracticeKey`."""


def faults(text: Text) -> list[str]:
    """Return why the statement may reach another practice's rows; empty when it cannot."""
    try:
        parts = list(_parts(_marked(text)))
    except (StopIteration, ValueError) as error:
        return [f"cannot be read: {error}"]
    return [fault for part in parts for fault in _faults(part, text.dialect)]


@cache
def _faults(part: str, dialect: str) -> tuple[str, ...]:
    try:
        found = sqlglot.parse(part, dialect=_DIALECTS[dialect])
    except SqlglotError as error:
        return (f"cannot be read: {error}",)
    if len(found) != 1 or not isinstance(found[0], _ROOTS):
        return ("is no single statement that reads or writes rows",)
    proof = _Proof()
    proof.look(found[0])
    return tuple(proof.faults)


def _parts(marked: str) -> Iterator[str]:
    """Yield each subquery, and the statement, with `(SELECT 1)` for the subqueries inside.

    Each confines its own tables, whatever stands around it, and most stand in many statements.
    """
    open_brackets: list[list[str]] = []
    here: list[str] = []
    for word in _BRACKETS.split(marked):
        if word == "(":
            open_brackets.append(here)
            here = []
        elif word == ")":
            inner = "".join(here)
            if _SUBQUERY.match(inner):
                yield inner
                inner = "SELECT 1"
            if not open_brackets:
                raise ValueError("a bracket is closed that was not open")
            here = [*open_brackets.pop(), "(", inner, ")"]
        else:
            here.append(word)
    if open_brackets:
        raise ValueError("a bracket is not closed")
    yield "".join(here)


def _marked(text: Text) -> str:
    """The text with each parameter called by what it is."""
    places = iter(text.places)

    def mark(found: re.Match[str]) -> str:
        if found["hidden"] or (found["quoted"] and "\\" in found["quoted"]):
            raise ValueError("a comment or another way of quoting, which is none of ours")
        if found["quoted"]:
            return found[0]
        if found["percent"]:
            return "%"
        if found["listed"]:
            if text.places:
                next(places)
            return f"(:{_OTHER})"
        name = found["named"] or next(places)
        return f":{_PRACTICE if name in text.practices else _OTHER}"

    marked = _PARAMETER.sub(mark, text.sql)
    if list(places):
        raise ValueError("its parameters are not where they should be")
    return marked


class _Proof:
    def __init__(self) -> None:
        self.faults: list[str] = []
        self._tables = guard.tables_of_practice_data()
        self._seen: set[int] = set()

    def look(self, statement: exp.Expression) -> None:
        for part in statement.walk():
            match part:
                case exp.Select():
                    self._sources(part, _from(part), {*_own(part.args.get("where"))})
                case exp.Update() | exp.Delete():
                    self._change(part)
                case exp.Insert():
                    self._insert(part)
                case exp.Command():
                    self.faults.append("holds what cannot be read")
                case exp.In() if part.args.get("field"):
                    self.faults.append("takes a table for a list")
                case exp.EQ() if part.find(exp.Column) is None:
                    self.faults.append("compares what is of no table: text put into it")
        for table in statement.find_all(exp.Table):
            if self._holds_data(table) and id(table) not in self._seen:
                self.faults.append(f"{table.name} stands where it cannot be judged")

    def _holds_data(self, table: Any, *, written: bool = False) -> bool:
        name = table.name.lower() if isinstance(table, exp.Table) else ""
        return name in self._tables or (written and name in guard.WRITTEN_BY_ONE)

    def _sources(self, part: Any, first: list[Any], confined: set[str]) -> None:
        """Judge the tables of one FROM; `confined` are those that its WHERE confines."""
        tables, joins = list(first), list(part.args.get("joins") or ())
        for source in first:
            joins += source.args.get("joins") or ()
        for join in joins:
            on = {*_own(join.args.get("on"))}
            if join.side == "LEFT":
                self._judge(join.this, on)
                continue
            if join.side or join.args.get("using") or join.method:
                self.faults.append(f"joins by {join.side or join.method or 'USING'}")
            confined |= on
            tables.append(join.this)
        for table in tables:
            self._judge(table, confined)

    def _judge(self, table: Any, confined: Collection[str], *, written: bool = False) -> None:
        if self._holds_data(table, written=written):
            self._seen.add(id(table))
            if f"{table.alias_or_name}.{_key(table)}".lower() not in confined:
                self.faults.append(f"{table.alias_or_name} is reached without its practice")

    def _change(self, part: Any) -> None:
        confined = {*_own(part.args.get("where"))}
        self._judge(part.this, confined, written=True)
        self._sources(part, [*_from(part), *(part.args.get("using") or ())], confined)
        for given in part.expressions:
            if isinstance(given, exp.EQ) and given.this.name.lower() == _key(part.this):
                self._give(part.this, given.expression)

    def _insert(self, part: Any) -> None:
        table = part.this.this if isinstance(part.this, exp.Schema) else part.this
        if not self._holds_data(table, written=True):
            return
        self._seen.add(id(table))
        columns = [column.name.lower() for column in part.this.expressions]
        rows = part.expression.expressions if isinstance(part.expression, exp.Values) else []
        if not rows or _key(table) not in columns or part.args.get("alternative"):
            self.faults.append(f"rows of {table.name} are not simply inserted")
            return
        for row in rows:
            self._give(table, row.expressions[columns.index(_key(table))])
        conflict = part.args.get("conflict")
        if conflict is None or "NOTHING" in str(conflict.args.get("action")):
            return
        targets = {target.name.lower() for target in conflict.args.get("conflict_keys") or ()}
        changed = {given.this.name.lower() for given in conflict.expressions}
        if _key(table) not in targets or _key(table) in changed:
            self.faults.append(f"another practice's row in {table.name} could be changed")

    def _give(self, table: Any, value: Any) -> None:
        if not _is_practice(value):
            self.faults.append(f"a row of {table.name} is given a practice that is no parameter")


def _from(part: Any) -> list[Any]:
    source = part.args.get("from_")
    return [source.this] if source else []


def _own(condition: Any) -> Iterator[str]:
    """Yield `table.column` of each column that must equal the practice for this to hold."""
    match condition:
        case exp.Where() | exp.Paren():
            yield from _own(condition.this)
        case exp.And():
            yield from _own(condition.left)
            yield from _own(condition.right)
        case exp.EQ():
            for here, there in (
                (condition.left, condition.right),
                (condition.right, condition.left),
            ):
                if isinstance(here, exp.Column) and _is_practice(there):
                    yield f"{here.table}.{here.name}".lower()


def _is_practice(value: Any) -> bool:
    if isinstance(value, exp.Cast) and value.is_type("uuid"):
        value = value.this
    return isinstance(value, exp.Placeholder) and value.name == _PRACTICE


def _key(table: Any) -> str:
    return "id" if table.name.lower() == "practice" else "practice_id"
