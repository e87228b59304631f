"""The worklist: who is due, since when, why, and who has no appointment."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any, NamedTuple

from app.db.aggregate import instant
from app.db.engine.engine import Connection
from app.db.queries.practice import practices as practice_rows
from app.db.queries.scheduling import worklist as rows
from app.db.queries.scheduling.facts import read_holds
from app.db.queries.scheduling.worklist import Filters, Order, Stored, Thresholds
from app.db.rows.practice import PracticeRow
from app.domain.dates import Interval
from app.domain.scheduling import worklist
from app.domain.scheduling.schedule import BY_FIRST_DAY, Booking, Plan, Rule
from app.domain.scheduling.wording import interval_text, rule_text
from app.domain.scheduling.worklist import Closure, CourseState, StateFacts
from app.services.scheduling.schedules import ShownAction, shown_actions

# Rows looked at in one statement while a filter is applied that only the rules can judge.
_BATCH_SIZE = 200


class DecisiveReason(NamedTuple):
    """What set a course's due date, in words too; the source is named by its id."""

    rule: str
    on: date | None
    source_type: str | None
    source_id: str | None
    text: str


@dataclass(frozen=True, slots=True)
class WorklistRow:
    """A course of the list with its patient, and where it stands on the day asked about."""

    stored: Stored
    state: CourseState
    practice_id: str

    @property
    def actions(self) -> list[ShownAction]:
        """What someone has to do, the most urgent first."""
        return shown_actions(self.state.actions, self.stored.id)

    @property
    def decisive_reason(self) -> DecisiveReason | None:
        """Why the course is due when it is; None without a due date."""
        stored = self.stored
        if stored.due_rule is None:
            return None
        kind, source_id = stored.due_source_type, stored.due_source_id
        if kind in ("course", "practice"):
            source_id = stored.id if kind == "course" else self.practice_id
        return DecisiveReason(stored.due_rule, stored.due_on, kind, source_id, self.why)

    @property
    def why(self) -> str:
        """What set the due date, in words; empty without one."""
        stored = self.stored
        if stored.due_rule is None:
            return ""
        if stored.due_rule == Rule.INTERVAL and stored.due_on and stored.anchor_on:
            days = (stored.due_on - stored.anchor_on).days
            cycle = stored.cycle - 1 if stored.anchor_on == stored.last_treated_on else None
            return interval_text(days, stored.due_source_type, stored.anchor_on, cycle)
        return rule_text(stored.due_rule)


@dataclass(frozen=True, slots=True)
class WorklistQuery:
    """A question to the list; the last three are judged by the rules, row by row."""

    filters: Filters = field(default_factory=Filters)
    flags: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    act_by: date | None = None

    @property
    def plain(self) -> bool:
        return not (self.flags or self.actions or self.act_by)

    @property
    def reachable(self) -> Filters | None:
        """The filters as narrow as the database can make them; None when nothing can fit."""
        # Every flag of this list is about a booking ahead.
        return rows.only_booked(self.filters) if self.flags else self.filters

    def takes(self, state: CourseState) -> bool:
        """Return whether a row's flags and actions are among those asked for."""
        if self.flags and not any(flag in self.flags for flag in state.flags):
            return False
        if not (self.actions or self.act_by):
            return True
        return any(
            (not self.actions or action.code in self.actions)
            and (self.act_by is None or (action.act_by or date.max) <= self.act_by)
            for action in state.actions
        )


@dataclass(slots=True)
class WorklistContext:
    """The day, the practice's numbers and its closed days: one statement's worth."""

    on: date
    practice: PracticeRow
    closures: list[Closure]

    @property
    def at(self) -> Thresholds:
        p = self.practice
        return Thresholds(self.on, p["lead_days"], p["overdue_after_days"], p["lapsed_after_days"])

    @property
    def plan(self) -> Plan:
        """The practice's numbers; intervals are in the stored dates already."""
        p = self.practice
        return Plan(
            Interval(84, "day"),
            p["min_interval_days"],
            p["early_tolerance_days"],
            p["lead_days"],
            p["overdue_after_days"],
            p["lapsed_after_days"],
        )


def load_context(db: Connection, *, practice_id: str, on: date) -> WorklistContext:
    """Return what the rows of a day are judged by."""
    practice, closures = practice_rows.with_closures(db, practice_id=practice_id)
    return WorklistContext(on, practice, closures)


def listed(
    db: Connection,
    *,
    setting: WorklistContext,
    asked: WorklistQuery,
    after: Order | None = None,
    limit: int,
) -> tuple[list[WorklistRow], Order | None]:
    """Return up to `limit` rows in order of due date, and where the next page begins after.

    None as that place says that there is no further row.
    """
    plan, taken = setting.plan, list[WorklistRow]()
    wanted, filters = limit + 1, asked.reachable
    while filters is not None:
        piece = wanted if asked.plain else max(_BATCH_SIZE, wanted)
        found = rows.page(
            db,
            practice_id=setting.practice["id"],
            filters=filters,
            at=setting.at,
            after=after,
            limit=piece,
        )
        for stored in found:
            row = _row(stored, setting, plan)
            if asked.plain or asked.takes(row.state):
                taken.append(row)
                if len(taken) == wanted:
                    last = taken[limit - 1].stored
                    return taken[:limit], (last.sort_on, last.id)
        if len(found) < piece:
            break
        after = (found[-1].sort_on, found[-1].id)
    return taken, None


def stream(
    db: Connection, *, setting: WorklistContext, asked: WorklistQuery
) -> Iterator[WorklistRow]:
    """Yield all rows in order of due date."""
    plan, filters = setting.plan, asked.reachable
    if filters is None:
        return
    for stored in rows.stream(
        db, practice_id=setting.practice["id"], filters=filters, at=setting.at
    ):
        row = _row(stored, setting, plan)
        if asked.plain or asked.takes(row.state):
            yield row


@dataclass(frozen=True, slots=True)
class Summary:
    """How many rows have each status, booking state and flag, those with none of them as 0."""

    on: date
    total: int
    statuses: dict[str, int]
    bookings: dict[str, int]
    flags: dict[str, int]


def summary(db: Connection, *, setting: WorklistContext, asked: WorklistQuery) -> Summary:
    """Return how many rows have each status, booking state and flag: always equal to the rows."""
    statuses = dict.fromkeys(worklist.STATUSES, 0)
    bookings = dict.fromkeys(worklist.BOOKINGS, 0)
    flags: Counter[str] = Counter(dict.fromkeys(worklist.FLAGS, 0))
    if asked.plain:
        counted = rows.counts(
            db, practice_id=setting.practice["id"], filters=asked.filters, at=setting.at
        )
        for (status, booking), number in counted.items():
            statuses[status] += number
            bookings[booking] += number
        for row in stream(db, setting=setting, asked=WorklistQuery(asked.filters, worklist.FLAGS)):
            flags.update(row.state.flags)
    else:
        for row in stream(db, setting=setting, asked=asked):
            statuses[row.state.status] += 1
            bookings[row.state.booking] += 1
            flags.update(row.state.flags)
    total = sum(statuses.values())
    return Summary(setting.on, total, statuses, bookings, dict(flags))


def state_of(stored: Stored, setting: WorklistContext) -> CourseState:
    """Return where a stored course stands on the setting's day."""
    return _row(stored, setting, setting.plan).state


def _row(stored: Stored, setting: WorklistContext, plan: Plan) -> WorklistRow:
    bookings = [_booking(b) for b in stored.bookings] if stored.bookings else ()
    facts = StateFacts(
        stored.state != "active",
        stored.last_treated_on is not None,
        stored.earliest_on,
        stored.due_on,
        sorted(read_holds(stored.holds), key=BY_FIRST_DAY) if stored.holds else (),
        worklist.bookings_in_order(bookings) if bookings else (),
        stored.missed_session_id,
        stored.location_id,
        stored.practitioner_id,
    )
    state = worklist.state_on(setting.on, facts, plan, setting.closures)
    return WorklistRow(stored, state, setting.practice["id"])


def _booking(row: list[Any]) -> Booking:
    on, starts_at = date.fromisoformat(row[1]), instant(row[2])
    return Booking(row[0], on, starts_at, on, row[3], row[4], row[5] is not None)
