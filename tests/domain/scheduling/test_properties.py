"""What holds for any course: properties of the dates, the statuses, the cycles, the projection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from hypothesis import given as for_any
from hypothesis import settings
from hypothesis import strategies as st

from app.domain.dates import Interval, add_months, local_day, zone
from app.domain.scheduling.cycles import cycles, days_short, next_cycle, root
from app.domain.scheduling.schedule import (
    Booking,
    History,
    Hold,
    Limit,
    Plan,
    Treatment,
    compute,
    projection,
)
from app.domain.scheduling.worklist import STATUSES, Closure, CourseStatus, status_on, suggested_on
from tests.support.builders import DAY, in_order, only_if

Course = tuple[History, Plan]
Allowed = list[tuple[str, Callable[[date], bool]]]

rules = settings(max_examples=150, deadline=None)

START = date(2024, 1, 1)
HORIZON = 1200  # days the brute-force search looks ahead; every limit below yields before that

days = st.integers(0, 1500).map(lambda n: START + timedelta(n))
intervals = st.one_of(
    st.builds(Interval, st.integers(28, 180), st.just("day")),
    st.builds(Interval, st.integers(4, 26), st.just("week")),
    st.builds(Interval, st.integers(1, 6), st.just("month")),
)
plans = st.builds(
    Plan,
    intervals,
    min_interval_days=st.integers(1, 366),
    early_tolerance_days=st.integers(0, 14),
    lead_days=st.integers(0, 60),
    overdue_after_days=st.integers(0, 60),
    lapsed_after_days=st.integers(61, 200),
)


@st.composite
def treatments(draw: st.DrawFn, at_least: int = 0) -> list[Treatment]:
    """Sessions here and elsewhere in order, some completing the session just before them."""
    made: list[Treatment] = []
    for n, on in enumerate(sorted(draw(st.lists(days, min_size=at_least, max_size=8)))):
        key = f"t{n:02d}"
        if draw(st.integers(0, 4)) == 0:
            made.append(Treatment(on, key, "outside_session"))
            continue
        before = [t.id for t in made if t.source == "session"]
        rest_of = before[-1] if before and draw(st.integers(0, 3)) == 0 else None
        made.append(Treatment(on, key, "session", rest_of))
    return made


@st.composite
def holds_near(draw: st.DrawFn, anchor: date, plan: Plan) -> list[Hold]:
    """Holds where they matter: around the first day on which the next session may be given."""
    first = anchor + timedelta(plan.min_interval_days)
    holds = []
    for n in range(draw(st.integers(0, 5))):
        since = first + timedelta(draw(st.integers(-60, 90)))
        length = draw(st.one_of(st.integers(0, 60), st.none() if n == 0 else st.just(3)))
        until = None if length is None else since + timedelta(length)
        holds.append(Hold(f"h{n}", since, until))
    return holds


# Each limit is the set of days it allows, so that a plain search can ask day by day.
allowed_days = st.lists(
    st.sampled_from(
        [
            ("weekdays", lambda on: on.weekday() < 5),
            ("second_half", lambda on: on.day > 15),
            ("odd_months", lambda on: on.month % 2 == 1),
            ("thirteenths", lambda on: on.toordinal() % 13 == 0),
            ("never", lambda on: False),
        ]
    ),
    max_size=3,
    unique_by=lambda each: each[0],
)


@st.composite
def courses(draw: st.DrawFn) -> tuple[History, Plan]:
    given = draw(treatments(at_least=1))
    plan = draw(plans)
    return History(given, draw(holds_near(given[-1].on, plan))), plan


@rules
@for_any(courses(), allowed_days)
def test_the_earliest_day_is_the_first_that_nothing_forbids(
    course: Course, allowed: Allowed
) -> None:
    history, plan = course
    limits = [only_if(name, allows) for name, allows in allowed]
    found = compute(history, plan, limits)

    def by_search() -> date | None:
        on = history.treatments[-1].on + timedelta(plan.min_interval_days)
        for _ in range(HORIZON):
            covering = [hold for hold in history.holds if hold.covers(on)]
            if any(hold.until is None for hold in covering):
                return None
            if not covering and all(allows(on) for _, allows in allowed):
                return on
            on += DAY
        return None

    assert found.earliest_on == by_search()


@rules
@for_any(courses())
def test_the_due_date_is_the_later_of_interval_and_earliest_day(course: Course) -> None:
    history, plan = course
    found = compute(history, plan)
    assert found.due_on
    assert found.clinical_due_on == plan.interval.after(history.treatments[-1].on)
    assert found.due_on == max(found.clinical_due_on, found.earliest_on or date.min)
    if found.earliest_on:
        assert not any(hold.covers(found.earliest_on) for hold in history.holds)
        assert (found.earliest_on - history.treatments[-1].on).days >= plan.min_interval_days


@rules
@for_any(courses(), allowed_days, st.booleans())
def test_each_date_has_one_decisive_reason_and_it_says_that_date(
    course: Course, allowed: Allowed, started: bool
) -> None:
    history, plan = course
    if not started:
        planned = history.treatments[-1].on
        history = history._replace(treatments=[], planned_start_on=planned)
    limits = [only_if(name, allows) for name, allows in allowed]
    found = compute(history, plan, limits)
    told = compute(history, plan, limits).reasons()
    decisive = {reason.date: reason for reason in told if reason.decisive}
    assert len(decisive) == sum(reason.decisive for reason in told)
    assert set(decisive) == {reason.date for reason in told}
    known = {name: on for name, on in found._asdict().items() if name.endswith(("_on", "_from"))}
    assert known["treatable_from"] == found.earliest_on
    for name, reason in decisive.items():
        assert reason.on == known[name]
    unexplained = {name for name, value in known.items() if value and not name.startswith("due_")}
    assert unexplained <= set(decisive)
    due = decisive["due_on"]
    assert found.due
    assert due.rule == found.due.rule
    assert (due.source_type, due.source_id) == (found.due.source_type, found.due.source_id)


@rules
@for_any(courses())
def test_without_holds_every_day_has_one_status_in_order_without_a_gap(course: Course) -> None:
    history, plan = course
    due_on = compute(history._replace(holds=()), plan).due_on
    assert due_on
    ladder = [
        status_on(
            due_on + timedelta(n), closed=False, started=True, due_on=due_on, holds=(), plan=plan
        )
        for n in range(-120, 240)
    ]
    ranks = [STATUSES.index(status) for status in ladder]
    assert ranks == sorted(ranks, reverse=True), "from upcoming down to lapsed, never back"
    assert ladder[0] == "upcoming"
    assert ladder[-1] == "lapsed"
    lengths = [ladder.count(CourseStatus(status)) for status in ("due_soon", "due", "overdue")]
    wanted = [plan.lead_days, plan.overdue_after_days]
    assert lengths == [*wanted, plan.lapsed_after_days - plan.overdue_after_days]


@rules
@for_any(courses(), days)
def test_on_hold_exactly_while_a_hold_covers_the_day(course: Course, on: date) -> None:
    history, plan = course
    found = compute(history, plan)
    status = status_on(
        on, closed=False, started=True, due_on=found.due_on, holds=history.holds, plan=plan
    )
    assert status in STATUSES
    assert (status == "on_hold") == any(hold.covers(on) for hold in history.holds)


@rules
@for_any(courses())
def test_twelve_sessions_one_by_one_or_at_once(course: Course) -> None:
    history, plan = course
    at_once = projection(history, plan, 12)
    one_by_one: list[date] = []
    walked = history
    for n in range(12):
        [due] = projection(walked, plan, 1)
        one_by_one.append(due)
        walked = walked._replace(treatments=[*walked.treatments, Treatment(due, f"x{n:02d}")])
    assert at_once == one_by_one
    assert at_once == sorted(set(at_once))
    first = next_cycle(history.treatments, 0)
    assert next_cycle(walked.treatments, 0) == first + 12


@rules
@for_any(courses(), st.integers(0, 400))
def test_as_of_the_latest_fact_or_later_is_now(course: Course, later: int) -> None:
    history, _ = course
    booking = Booking("b", START, datetime(2024, 1, 1, tzinfo=UTC), history.treatments[-1].on)
    history = history._replace(bookings=[booking], endings=[], closed_on=history.treatments[-1].on)
    facts = [t.on for t in history.treatments] + [hold.since for hold in history.holds]
    assert history.as_of(max(facts) + timedelta(later)) == history


@rules
@for_any(courses(), days)
def test_as_of_knows_nothing_that_came_after(course: Course, on: date) -> None:
    history, plan = course
    seen = history.as_of(on)
    assert seen.as_of(on) == seen
    assert all(t.on <= on for t in seen.treatments)
    assert all(hold.since <= on for hold in seen.holds)
    last = [t.on for t in history.treatments if t.on <= on]
    assert compute(seen, plan).anchor_on == (last[-1] if last else None)


@rules
@for_any(courses(), st.integers(1, 2000), st.booleans())
def test_an_older_treatment_changes_no_date(course: Course, before: int, here: bool) -> None:
    history, plan = course
    latest = history.treatments[-1].on
    older = Treatment(latest - timedelta(before), "older", "session" if here else "outside_session")
    added = history._replace(treatments=in_order(*history.treatments, older))
    assert compute(added, plan) == compute(history, plan)


@rules
@for_any(courses(), st.integers(1, 500))
def test_voided_is_as_if_it_had_never_been(course: Course, after: int) -> None:
    history, plan = course
    latest = Treatment(history.treatments[-1].on + timedelta(after), "latest")
    added = history._replace(treatments=[*history.treatments, latest])
    assert compute(added, plan).anchor_on == latest.on
    voided = added._replace(treatments=[t for t in added.treatments if t.id != "latest"])
    assert compute(voided, plan) == compute(history, plan)
    assert cycles(voided.treatments, 0) == cycles(history.treatments, 0)


@rules
@for_any(courses(), st.integers(-30, 30))
def test_a_date_corrected_and_back(course: Course, moved: int) -> None:
    history, plan = course
    *earlier, last = history.treatments
    later = last._replace(on=last.on + timedelta(moved))
    corrected = history._replace(treatments=in_order(*earlier, later))
    assert compute(corrected, plan).anchor_on == max(t.on for t in corrected.treatments)
    back = history._replace(treatments=in_order(*earlier, later._replace(on=last.on)))
    assert compute(back, plan) == compute(history, plan)


@rules
@for_any(treatments(), st.integers(0, 30))
def test_cycles_count_on_and_continuations_share(given: list[Treatment], prior: int) -> None:
    numbers = cycles(given, prior)
    here = [t for t in given if t.source == "session"]
    assert set(numbers) == {t.id for t in here}
    begun = [numbers[t.id] for t in here if t.continues is None]
    assert begun == list(range(prior + 1, prior + 1 + len(begun)))
    for treatment in here:
        assert numbers[treatment.id] == numbers[root(treatment, here).id]
    assert next_cycle(given, prior) == prior + len(begun) + 1


@rules
@for_any(treatments(), plans)
def test_early_means_short_of_the_minimum_by_more_than_the_tolerance(
    given: list[Treatment], plan: Plan
) -> None:
    short = days_short(given, plan)
    for position, treatment in enumerate(given):
        judged = position > 0 and treatment.source == "session" and treatment.continues is None
        gap = (treatment.on - given[position - 1].on).days
        missing = plan.min_interval_days - gap
        early = judged and missing > plan.early_tolerance_days
        assert short.get(treatment.id) == (missing if early else None)


@rules
@for_any(courses())
def test_given_on_its_due_date_is_never_early(course: Course) -> None:
    history, plan = course
    found = compute(history, plan)
    assert found.due_on
    planned = Treatment(found.due_on, "planned")
    short = days_short([*history.treatments, planned], plan)
    # An open-ended hold gives no earliest day; the due date is then the interval's alone.
    assert found.earliest_on is None or "planned" not in short


@rules
@for_any(days, st.lists(st.tuples(days, st.integers(0, 40)), max_size=12))
def test_the_suggested_day_is_the_first_open_one(
    due_on: date, spans: list[tuple[date, int]]
) -> None:
    closures = [Closure(since, since + timedelta(length)) for since, length in spans]
    suggested = suggested_on(due_on, closures, None, None)
    shut = {since + timedelta(n) for since, length in spans for n in range(length + 1)}
    open_days = (due_on + timedelta(n) for n in range(366))
    assert suggested == next((on for on in open_days if on not in shut), None)


@rules
@for_any(days, st.integers(0, 60))
def test_months_keep_the_day_number_or_go_to_the_first(start: date, months: int) -> None:
    later = add_months(start, months)
    apart = (later.year - start.year) * 12 + later.month - start.month
    assert (apart, later.day) in ((months, start.day), (months + 1, 1))
    if apart == months + 1:
        assert (later - DAY).day < start.day


zone_names = st.sampled_from(
    ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Kiritimati", "Australia/Lord_Howe"]
)


@rules
@for_any(st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1)), zone_names, zone_names)
def test_a_local_day_depends_on_the_instant_not_on_how_it_was_written(
    at: datetime, here: str, there: str
) -> None:
    instant = at.replace(tzinfo=UTC)
    assert local_day(instant.astimezone(zone(there)), here) == local_day(instant, here)
    assert abs((local_day(instant, here) - instant.date()).days) <= 1


@rules
@for_any(courses(), st.integers(1, 400))
def test_a_limit_can_only_move_the_dates_later(course: Course, wait: int) -> None:
    history, plan = course
    first = history.treatments[-1].on + timedelta(wait)
    limit = Limit("payer_minimum", "payer_policy", "p", lambda on: max(on, first))
    free, bound = compute(history, plan), compute(history, plan, [limit])
    assert free.due_on
    assert bound.due_on
    if bound.earliest_on is None:
        assert any(hold.until is None for hold in history.holds)
    else:
        assert free.earliest_on
        assert bound.earliest_on >= max(free.earliest_on, first)
        assert bound.due_on >= free.due_on
