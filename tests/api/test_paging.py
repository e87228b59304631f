"""Lists in pages: nothing twice and nothing left out, also while others write."""

from __future__ import annotations

import pytest

from tests.support.clinic import Clinic


def test_every_row_exactly_once_while_others_write(clinic: Clinic) -> None:
    courses = [clinic.a_course(f"2026-01-{5 + n % 3:02}")["id"] for n in range(9)]
    moved, closed = courses[1], courses[8]
    seen: list[str] = []
    page = clinic.get("/worklist?limit=2")
    while True:
        seen += [row["course_id"] for row in page["items"]]
        if page["next_cursor"] is None:
            break
        if len(seen) == 4:
            clinic.a_session(moved, "2026-03-01")  # now due after the place we are at
            clinic.a_course("2025-12-01")  # before it: not seen any more
            clinic.post(f"/courses/{closed}/stop", {"outcome": "stopped"})
        page = clinic.get(f"/worklist?limit=2&cursor={page['next_cursor']}")
    unchanged = set(courses) - {moved, closed}
    assert all(seen.count(id) == 1 for id in unchanged)
    assert closed not in seen
    assert len(seen) <= len(unchanged) + 2


def test_the_cursor_pins_the_day(clinic: Clinic) -> None:
    for _ in range(3):
        clinic.a_course("2026-01-05")
    first = clinic.get("/worklist?limit=1")
    clinic.clock.now = clinic.clock.now.replace(month=7)
    second = clinic.get(f"/worklist?limit=1&cursor={first['next_cursor']}")
    assert second["items"][0]["status"] == "due_soon"  # as on the first page's day
    assert clinic.get("/worklist?limit=1")["items"][0]["status"] == "lapsed"
    third = clinic.get(f"/worklist?limit=1&on=2026-03-20&cursor={second['next_cursor']}")
    assert third["next_cursor"] is None
    ids = {p["items"][0]["course_id"] for p in (first, second, third)}
    assert len(ids) == 3


def test_a_cursor_is_good_for_its_own_list_only(clinic: Clinic) -> None:
    for _ in range(3):
        clinic.a_course("2026-01-05")
        clinic.a_patient()
    query = "/worklist?limit=1&status=due_soon"
    cursor = clinic.get(query)["next_cursor"]
    other = clinic.neighbour()
    other.a_course("2026-01-05")
    swapped = "B" if cursor[5] == "A" else "A"
    for asked, path in {
        "other filters": f"/worklist?limit=1&status=due&cursor={cursor}",
        "no filters": f"/worklist?limit=1&cursor={cursor}",
        "another day": f"{query}&on=2026-03-21&cursor={cursor}",
        "forged": f"{query}&cursor={cursor[:5]}{swapped}{cursor[6:]}",
        "cut short": f"{query}&cursor={cursor[:-4]}",
        "made up": f"{query}&cursor=bm90IGEgY3Vyc29y",
        "empty": f"{query}&cursor=",
        "another list": f"/patients?limit=1&cursor={cursor}",
    }.items():
        refusal = clinic.refusal("GET", path)
        assert (refusal["status"], refusal["code"]) == (422, "bad-cursor"), asked
    foreign = other.refusal("GET", f"{query}&cursor={cursor}")
    assert (foreign["status"], foreign["code"]) == (422, "bad-cursor")


def test_the_link_leads_to_the_next_page(clinic: Clinic) -> None:
    for _ in range(2):
        clinic.a_course("2026-01-05")
    first = clinic.call("GET", "/worklist?limit=1&status=due_soon")
    link = first.headers["link"]
    assert link.endswith('; rel="next"')
    target = link[1 : link.index(">")]
    assert target.startswith("/v1/worklist?limit=1&status=due_soon&cursor=")
    last = clinic.call("GET", target.removeprefix("/v1"))
    assert last.json()["next_cursor"] is None
    assert "link" not in last.headers


@pytest.mark.parametrize("noun", ["patients", "locations", "practitioners", "closures", "sessions"])
def test_plain_lists_page_too(clinic: Clinic, noun: str) -> None:
    for number in range(5):
        if noun == "locations":
            clinic.a_location()
        elif noun == "practitioners":
            clinic.a_practitioner()
        elif noun == "closures":
            clinic.post("/closures", {"from": "2026-03-30", "until": "2026-03-31"})
        elif noun == "patients":
            clinic.a_patient(family_name="Ng" if number % 2 else "garcia")
        else:
            clinic.a_course("2026-01-05")
    whole = clinic.get(f"/{noun}")["items"]
    assert len(whole) == 5
    walked: list[object] = []
    cursor: str | None = ""
    while cursor is not None:
        page = clinic.get(f"/{noun}?limit=2" + (f"&cursor={cursor}" if cursor else ""))
        walked += page["items"]
        cursor = page["next_cursor"]
    assert walked == whole


@pytest.mark.parametrize("limit", ["0", "201", "two", "-1", "1.5"])
def test_limits_of_a_page(clinic: Clinic, limit: str) -> None:
    refusal = clinic.refusal("GET", f"/worklist?limit={limit}")
    assert refusal["errors"][0]["pointer"] == "?limit"
