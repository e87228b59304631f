"""The lines that need no comparison: the schedule engine by itself, and a worker's memory."""

from __future__ import annotations

from datetime import date, timedelta
from time import process_time

from app.domain.dates import Interval
from app.domain.scheduling import schedule, worklist
from app.domain.scheduling.schedule import History, Hold, Plan, Treatment
from benchmarks import processes
from benchmarks.lines_http import writes
from benchmarks.load import burst, get
from benchmarks.report import Line
from benchmarks.stage import Stage

_MEGABYTES = 150.0
_GROWTH = 1.03


def engine(stage: Stage, schedules: int) -> None:
    """Dates and status of courses with six sessions, one in ten with a hold, on one core."""
    today, plan = date(2026, 3, 30), Plan(Interval(84, "day"))
    histories = []
    for number in range(1000):
        last = today - timedelta(number % 200)
        given = [Treatment(last - timedelta(84 * n), f"{5 - n}") for n in reversed(range(6))]
        held = [Hold("h", last + timedelta(60), last + timedelta(100))] if number % 10 == 0 else []
        histories.append(History(given, held))
    rates = []
    for _ in range(stage.rounds):
        began = process_time()
        for _ in range(schedules // len(histories)):
            for history in histories:
                found = schedule.compute(history, plan)
                worklist.status_on(
                    today,
                    closed=False,
                    started=found.anchor_on is not None,
                    due_on=found.due_on,
                    holds=history.holds,
                    plan=plan,
                )
        rates.append(schedules / (process_time() - began))
    stage.report.lines.append(
        Line("schedule engine alone, dates and status", rates, "a second", 100_000.0, True)
    )


def memory(stage: Stage, requests: int) -> None:
    """Resident memory of one worker: pages, schedules and writes, 16 connections."""
    practice = stage.copy(stage.medium)
    half = requests // 2
    written = writes(practice, requests // 5 + 1, 0, 1)
    page = get("/v1/worklist?limit=50", practice.key)
    asked = []
    for number in range(half):
        course = practice.courses[number % len(practice.courses)]
        kinds = (page, page, page, get(f"/v1/courses/{course}/schedule", practice.key))
        asked.append(kinds[number % 4])
    with processes.twelveweeks(practice.url, stage.log) as server:
        burst(server, asked[: half // 2], 16)
        burst(server, written[: requests // 10], 16, expected=201)
        burst(server, asked[half // 2 :], 16)
        middle = server.memory()
        burst(server, written[requests // 10 :], 16, expected=201)
        burst(server, asked, 16)
        after = server.memory()
    lines = stage.report.lines
    what = f"memory of one worker after {requests:,} requests"
    lines.append(Line(what, [after], "MB", _MEGABYTES))
    lines.append(Line("the same against half as many", [after / middle], limit=_GROWTH))
