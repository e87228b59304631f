"""After any series of changes the stored dates are what follows from the history."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.support.clinic import NOW, Clinic

PAST, NEAR = st.integers(-260, 0), st.integers(-30, 120)
REASON = "as the story goes"
WHICH = st.integers(0, 9)


class Cycle(RuleBasedStateMachine):
    """Two courses of one patient, and all that can happen to them."""

    base: Clinic

    @initialize(tolerance=st.integers(0, 14))
    def begin(self, tolerance: int) -> None:
        self.base.clock.now = NOW
        self.clinic = self.base.neighbour()
        self.clinic.settings(early_booking="warn", early_tolerance_days=tolerance)
        patient = self.clinic.a_patient()["id"]
        self.courses = [
            self.clinic.a_course(patient_id=patient, planned_start_on=start)["id"]
            for start in (None, "2026-03-02")
        ]
        self.places = [None, self.clinic.a_location("Pacific/Kiritimati")["id"]]

    # --- what is sent; a refusal is an answer like any other, a failure is not -----------------

    def send(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"if_match": "*"} if method == "PATCH" else {}
        answer = self.clinic.call(method, path, body, **headers)
        assert answer.status_code in (200, 201, 409, 422), answer.text
        return answer.json()

    def day(self, offset: int) -> str:
        return (self.clinic.clock.now.date() + timedelta(offset)).isoformat()

    def course(self, which: int) -> str:
        return f"/courses/{self.courses[which % 2]}"

    def session(self, which: int, *states: str) -> str | None:
        found = [s for s in self.sessions() if s["status"] in states]
        return f"/sessions/{found[which % len(found)]['id']}" if found else None

    def sessions(self) -> list[Any]:
        items: list[Any] = self.clinic.get("/sessions?limit=200")["items"]
        return items

    def to_session(self, which: int, states: tuple[str, ...], verb: str, body: Any = None) -> None:
        path = self.session(which, *states)
        if path:
            self.send("POST", f"{path}/{verb}", body)

    # --- what happens ----------------------------------------------------------------------

    @rule(which=WHICH, ahead=NEAR, hour=st.integers(0, 23), place=st.integers(0, 1))
    def book(self, which: int, ahead: int, hour: int, place: int) -> None:
        starts_at = f"{self.day(ahead)}T{hour:02}:30:00Z"
        body = {"status": "booked", "starts_at": starts_at, "location_id": self.places[place]}
        self.send("POST", f"{self.course(which)}/sessions", body)

    @rule(which=WHICH, ago=PAST, place=st.integers(0, 1), partial=st.booleans())
    def record(self, which: int, ago: int, place: int, partial: bool) -> None:
        body = {
            "status": "given",
            "given_at": f"{self.day(ago)}T12:00:00Z",
            "location_id": self.places[place],
            "chart": {"total_units": 100},
        }
        if partial:
            body |= {"completeness": "partial", "reason": REASON}
        made = self.send("POST", f"{self.course(which)}/sessions", body)
        if partial and "id" in made:
            rest = body | {"completeness": "complete", "continues_session_id": made["id"]}
            rest["given_at"] = f"{self.day(min(0, ago + which))}T12:00:00Z"
            del rest["reason"]
            self.send("POST", f"{self.course(which)}/sessions", rest)

    @rule(which=WHICH, ago=PAST)
    def give(self, which: int, ago: int) -> None:
        body = {"chart": {"total_units": 155}, "given_on": self.day(ago)}
        self.to_session(which, ("booked", "no_show"), "give", body)

    @rule(which=WHICH, by=st.sampled_from(["patient", "clinic"]))
    def cancel(self, which: int, by: str) -> None:
        self.to_session(which, ("booked",), "cancel", {"by": by})

    @rule(which=WHICH)
    def no_show(self, which: int) -> None:
        self.to_session(which, ("booked",), "no-show")

    @rule(which=WHICH, ahead=NEAR)
    def reschedule(self, which: int, ahead: int) -> None:
        body = {"starts_at": f"{self.day(ahead)}T15:00:00Z"}
        self.to_session(which, ("booked",), "reschedule", body)

    @rule(which=WHICH)
    def void(self, which: int) -> None:
        self.to_session(which, ("given",), "void", {"reason": REASON})

    @rule(which=WHICH, ago=PAST)
    def correct_the_day(self, which: int, ago: int) -> None:
        path = self.session(which, "given")
        if path:
            self.send("PATCH", path, {"given_on": self.day(ago)})

    @rule(which=WHICH, place=st.integers(0, 1))
    def correct_the_place(self, which: int, place: int) -> None:
        path = self.session(which, "given", "booked")
        if path:
            self.send("PATCH", path, {"location_id": self.places[place]})

    @rule(which=WHICH, first=st.integers(-120, 120), days=st.none() | st.integers(0, 90))
    def hold(self, which: int, first: int, days: int | None) -> None:
        until = None if days is None else self.day(first + days)
        body = {"from": self.day(first), "until": until, "review_on": self.day(0)}
        self.send("POST", f"{self.course(which)}/hold", body | {"reason": REASON})

    @rule(which=WHICH, on=st.none() | st.integers(-60, 60))
    def resume(self, which: int, on: int | None) -> None:
        body = None if on is None else {"on": self.day(on)}
        self.send("POST", f"{self.course(which)}/resume", body)

    @rule(which=WHICH, ago=st.integers(-30, 0))
    def stop(self, which: int, ago: int) -> None:
        body = {"outcome": "stopped", "on": self.day(ago)}
        self.send("POST", f"{self.course(which)}/stop", body)

    @rule(which=WHICH, ago=PAST, keep=st.booleans())
    def treated_elsewhere(self, which: int, ago: int, keep: bool) -> None:
        path = f"{self.course(which)}/outside-sessions"
        made = self.send("POST", path, {"given_on": self.day(ago)})
        if not keep:
            self.send("POST", f"/outside-sessions/{made['id']}/void", {"reason": REASON})

    @rule(which=WHICH, interval=st.none() | st.integers(60, 120), minimum=st.integers(60, 100))
    def change_the_plan(self, which: int, interval: int | None, minimum: int) -> None:
        own = {"min_interval_days": minimum, "override_reason": REASON} if which % 2 else {}
        body = {"interval_days": interval, "prior_cycles": which, **own}
        self.send("PATCH", self.course(which), body)

    @rule(which=WHICH, indication=st.sampled_from(["G43.709", "G43.719", "G24.3"]))
    def treat_for_something_else(self, which: int, indication: str) -> None:
        self.send("PATCH", self.course(which), {"indication": indication})

    @rule(minimum=st.integers(70, 100))
    def change_the_settings(self, minimum: int) -> None:
        self.send("PATCH", "/practice", {"min_interval_days": minimum})

    @precondition(lambda self: self.clinic.clock.now.year < 2027)
    @rule(days=st.integers(1, 60))
    def time_passes(self, days: int) -> None:
        self.clinic.clock.now += timedelta(days)

    # --- what holds ------------------------------------------------------------------------

    @invariant()
    def stored_dates_equal_recomputed_ones(self) -> None:
        assert self.clinic.wrong_dates() == []

    def treated(self, sessions: list[Any], id: str) -> list[str]:
        """The days on which the course was treated, here and elsewhere."""
        outside = self.clinic.get(f"/courses/{id}/outside-sessions")["items"]
        days = [o["given_on"] for o in outside if not o["voided_at"]]
        own = [s for s in sessions if s["course_id"] == id and s["status"] == "given"]
        return days + [s["given_on"] for s in own]

    @invariant()
    def the_patients_latest_treatment_is_the_anchor(self) -> None:
        sessions = self.sessions()
        rows = {r["course_id"]: r for r in self.clinic.rows(EVERY)}
        assert rows.keys() == set(self.courses)
        courses = {id: self.clinic.get(f"/courses/{id}") for id in self.courses}
        days = {id: self.treated(sessions, id) for id in self.courses}
        one, other = courses.values()
        shared = one["indication"].partition(".")[0] == other["indication"].partition(".")[0]
        for id, course in courses.items():
            follows = shared and course["state"] == "active"
            counted = [day for whose in days if whose == id or follows for day in days[whose]]
            assert rows[id]["anchor_on"] == max(counted, default=None)
            schedule = self.clinic.schedule(id)
            for name in ("status", "due_on", "earliest_on", "booking", "flags", "cycle"):
                assert schedule[name] == rows[id][name], name
            if counted:
                planned = None if days[id] else course["planned_start_on"]
                assert schedule["due_on"] == max(
                    schedule["clinical_due_on"], schedule["earliest_on"] or "", planned or ""
                )
            if not days[id]:
                assert schedule["status"] in ("closed", "on_hold", "not_started")
            own = [s for s in sessions if s["course_id"] == id]
            numbers = sorted({s["cycle"] for s in own if s["status"] == "given"})
            first = numbers[0] if numbers else 0
            assert numbers == list(range(first, first + len(numbers)))


EVERY = "status=closed,on_hold,not_started,lapsed,overdue,due,due_soon,upcoming"


def test_any_series_of_changes(clinic: Clinic) -> None:
    machine = type("CycleOfThisClinic", (Cycle,), {"base": clinic})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=12,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
