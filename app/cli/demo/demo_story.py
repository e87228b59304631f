"""One demo patient's story as dated events, each an ordinary call of a service."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from app.cli.demo import demo_charts
from app.data.demo import Story
from app.db.engine.engine import Connection
from app.db.rows.patients import PatientValues
from app.db.rows.scheduling import OutsideSessionValues, SessionValues
from app.domain.access.access import Actor
from app.domain.charting.dosing import Completeness
from app.services.patients import patients
from app.services.scheduling import bookings, courses, outside_sessions, treatments
from app.services.scheduling.bookings import Slot
from app.services.scheduling.treatments import Given

Call = Callable[[Connection, Actor, datetime], Any]
Event = tuple[datetime, Call]

_INDICATIONS = ("G43.709", "G43.719", "G43.701")
_INTERVAL = 84
# A session is booked this long before its day, in the stories.
_AHEAD = 21
_CONTINUED_AFTER = 3
_OUTSIDE_HUNDREDTHS = 15_500


@dataclass(slots=True)
class Places:
    """The clinic as the stories see it: ids of places and people, and its days."""

    time_zone: str
    today: date
    elsewhere: str
    locations: list[tuple[str, str]]
    practitioners: list[str]

    def day(self, from_today: int) -> date:
        """Return the working day nearest to the one so many days from today."""
        day = self.today + timedelta(from_today)
        return day + timedelta({5: -1, 6: 1}.get(day.weekday(), 0))


@dataclass(slots=True)
class Patient:
    """One patient while the story unfolds; ids appear as events make them."""

    number: int
    family_name: str
    given_name: str
    story: Story
    places: Places
    ids: dict[str, str] = field(default_factory=dict)

    def events(self) -> Iterator[Event]:
        """Yield everything that happened, in no order."""
        story = self.story
        yield self._on(self._first_day(), 9), self._register
        for number in range(story.outside):
            yield self._on(self._first_day(), 10), self._outside(number)
        days = self._session_days()
        for index, day in enumerate(days):
            yield from self._session(index, day, len(days))
        if story.book is not None:
            booked_on, day = self._made(), self.places.day(story.book)
            yield self._on(booked_on, 15), self._book("next", day, story.override)
            if story.confirmed:
                yield self._on(-1, 16), self._call(bookings.confirm, "next")
        yield from self._came_to_nothing()
        yield from self._paused_or_over()

    # --- what happened

    def _session(self, index: int, day: date, count: int) -> Iterator[Event]:
        story, recent = self.story, index >= count - 2
        when, name = self._slot(day), f"session {index}"
        partial = story.partial if index == count - 1 else None
        order = demo_charts.order(story.chart, index, paper=story.paper, first_part=bool(partial))
        on_paper = index < story.paper
        given = Given(
            order,
            given_at=None if on_paper else when,
            given_on=day if on_paper else None,
            location_id=self._place()[0],
            practitioner_id=self._person(),
            completeness=Completeness.PARTIAL if partial else Completeness.COMPLETE,
            reason=partial,
        )
        late = when + timedelta(minutes=20)
        if recent and index and not (story.early and index == count - 1):
            yield self._on(day - timedelta(_AHEAD), 14), self._book(name, day, None)
            yield when - timedelta(minutes=6), self._call(bookings.arrive, name)
            yield late, self._give(name, given)
        else:
            yield late, self._record(name, given)
        if partial:
            rest_day = self.places.day((day - self.places.today).days + _CONTINUED_AFTER)
            rest = Given(
                demo_charts.second_part(),
                given_at=self._slot(rest_day),
                location_id=self._place()[0],
                practitioner_id=self._person(),
            )
            yield self._slot(rest_day) + timedelta(minutes=20), self._continue(name, rest)

    def _came_to_nothing(self) -> Iterator[Event]:
        story = self.story
        for ago, end in (
            (story.missed, "missed"),
            (story.given_up, "patient"),
            (story.withdrawn, "clinic"),
        ):
            if ago is None:
                continue
            ended = self.places.day(-ago)
            slot = ended if end == "missed" else self.places.day(story.slot)
            yield self._on(ended - timedelta(_AHEAD), 15), self._book("lost", slot, None)
            if end == "missed":
                yield self._on(ended, 18), self._call(bookings.no_show, "lost", reason=None)
            else:
                why = "Ill" if end == "patient" else "The practitioner is away"
                call = self._call(bookings.cancel, "lost", side=end, reason=why)
                yield self._on(ended, 11), call

    def _paused_or_over(self) -> Iterator[Event]:
        story, today = self.story, self.places.today
        if story.hold:
            hold = {"reason": story.hold["reason"], "since": today + timedelta(story.hold["since"])}
            for name, key in (("until", "until"), ("review_on", "review")):
                days = story.hold.get(key)
                hold[name] = None if days is None else today + timedelta(days)
            yield self._on(story.hold["since"], 12), self._of_course(courses.hold, **hold)
        if story.closed is None:
            return
        when = self._on(-story.closed, 17)
        if story.outcome == "deceased":
            yield when, self._die
        else:
            end = {"on": None, "outcome": story.outcome, "reason": story.reason}
            yield when, self._of_course(courses.stop, **end)

    # --- calls of the services

    def _register(self, db: Connection, by: Actor, now: datetime) -> None:
        number = self.number
        values: PatientValues = {
            "mrn": f"DEMO-{number:04}",
            "family_name": self.family_name,
            "given_name": self.given_name,
            "birth_date": date(1956 + number * 7 % 48, 1 + number * 5 % 12, 1 + number * 11 % 28),
            "sex": "male" if number % 5 == 0 else "female",
            # 555-0100 to 555-0199 are kept free for fiction.
            "phone": f"+1 212 555 01{number:02}",
        }
        patient = patients.register(db, values=values, identified=(), by=by, now=now)
        planned = self.story.planned
        course = courses.open_course(
            db,
            patient_id=patient["id"],
            values={
                "protocol": "preempt",
                "indication": _INDICATIONS[number % 3],
                "planned_start_on": None if planned is None else self.places.day(planned),
                "prior_cycles": self.story.outside,
                "baseline_headache_days": 16 + number * 3 % 13,
            },
            identified=(),
            by=by,
            now=now,
        )
        self.ids |= {"patient": patient["id"], "course": course["id"]}

    def _outside(self, number: int) -> Call:
        def call(db: Connection, by: Actor, now: datetime) -> None:
            first = self._session_days()[0] if self.story.sessions else self._first_day()
            values: OutsideSessionValues = {
                "given_on": first - timedelta(_INTERVAL * (number + 1) + 3),
                "administered": _OUTSIDE_HUNDREDTHS,
                "product": demo_charts.protocol().product,
                "place": self.places.elsewhere,
            }
            outside_sessions.add(db, course_id=self.ids["course"], values=values, by=by, now=now)

        return call

    def _book(self, name: str, day: date, override: str | None) -> Call:
        def call(db: Connection, by: Actor, now: datetime) -> None:
            place: SessionValues = {
                "location_id": self._place()[0],
                "practitioner_id": self._person(),
            }
            slot = Slot(self._slot(day), place, override)
            course_id = self.ids["course"]
            saved = bookings.book(db, course_id=course_id, slot=slot, identified=(), by=by, now=now)
            self.ids[name] = saved.session["id"]

        return call

    def _record(self, name: str, given: Given) -> Call:
        def call(db: Connection, by: Actor, now: datetime) -> None:
            saved = treatments.record(db, course_id=self.ids["course"], given=given, by=by, now=now)
            self.ids[name] = saved.session["id"]

        return call

    def _continue(self, name: str, rest: Given) -> Call:
        def call(db: Connection, by: Actor, now: datetime) -> None:
            whole = replace(rest, continues_session_id=self.ids[name])
            treatments.record(db, course_id=self.ids["course"], given=whole, by=by, now=now)

        return call

    def _give(self, name: str, given: Given) -> Call:
        return self._call(treatments.give, name, given=given)

    def _die(self, db: Connection, by: Actor, now: datetime) -> None:
        on = now.astimezone(ZoneInfo(self.places.time_zone)).date()
        patients.deceased(
            db,
            patient_id=self.ids["patient"],
            on=on,
            time_zone=self.places.time_zone,
            by=by,
            now=now,
        )

    def _call(self, verb: Callable[..., Any], name: str, **facts: Any) -> Call:
        return lambda db, by, now: verb(db, session_id=self.ids[name], by=by, now=now, **facts)

    def _of_course(self, verb: Callable[..., Any], **facts: Any) -> Call:
        return lambda db, by, now: verb(db, course_id=self.ids["course"], by=by, now=now, **facts)

    # --- when and where

    def _session_days(self) -> list[date]:
        story, ago, days = self.story, self.story.last, []
        for index in range(story.sessions):
            days.append(self.places.day(-ago))
            # Whole weeks, so that a patient keeps the day of the week.
            gap = _INTERVAL + (7 if (self.number + index) % 3 == 0 else 0)
            ago += gap - (story.early if index == 0 else 0)
        return days[::-1]

    def _first_day(self) -> date:
        if self.story.registered is not None:
            return self.places.today - timedelta(self.story.registered)
        return self._session_days()[0] - timedelta(28)

    def _made(self) -> date:
        newest = self.story.last or self.story.registered or 0
        ago = min(self.story.made, newest - 1)
        if self.story.book is not None and self.story.book < 0:
            ago = min(newest - 1, _AHEAD - self.story.book)
        if self.story.closed is not None:
            ago = self.story.closed + 5
        return self.places.today - timedelta(ago)

    def _place(self) -> tuple[str, str]:
        at = self.story.at
        return self.places.locations[self.number % 2 if at is None else at]

    def _person(self) -> str:
        return self.places.practitioners[self.number % 3]

    def _slot(self, day: date) -> datetime:
        """Return the patient's usual time on that day: every twenty minutes from nine."""
        minutes = 9 * 60 + self.number % 20 * 20
        at = datetime.combine(day, time(minutes // 60, minutes % 60), ZoneInfo(self._place()[1]))
        return at.astimezone(UTC)

    def _on(self, day: date | int, hour: int) -> datetime:
        """Return an office hour of a day, which may be given in days from today."""
        found = self.places.today + timedelta(day) if isinstance(day, int) else day
        clock = time(hour, self.number)
        return datetime.combine(found, clock, ZoneInfo(self.places.time_zone)).astimezone(UTC)
