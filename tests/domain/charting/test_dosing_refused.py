"""Charts that cannot be true, each with the pointer to what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from app.data import builtin_protocols
from app.domain.charting.dosing import (
    Base,
    Chart,
    Dose,
    Injection,
    Omit,
    by_exception,
    in_full,
    total,
)
from app.domain.charting.protocol import Protocol
from app.domain.errors import InvalidChart

PREEMPT: Protocol = next(p for p in builtin_protocols() if p.code == "preempt")


def as_protocol(
    omit: Sequence[Omit] = (), change: Sequence[Dose] = (), add: Sequence[Dose] = ()
) -> Chart:
    return by_exception(PREEMPT, base=Base.AS_PROTOCOL, omit=omit, change=change, add=add)


def as_last(last: Chart, omit: Sequence[Omit] = ()) -> Chart:
    return by_exception(PREEMPT, base=Base.AS_LAST, last=last.injections, omit=omit)


def extra(*codes: str) -> list[Dose]:
    return [Dose(code, 500) for code in codes]


@pytest.mark.parametrize(
    ("chart", "expected", "why"),
    [
        (lambda: as_protocol(omit=[Omit("XXX")]), ["/omit/0/site"], "an unknown site left out"),
        (
            lambda: as_protocol(change=[Dose("cor-l1", 500)]),
            ["/change/0/site"],
            "codes are written as in the version",
        ),
        (lambda: as_protocol(add=extra("TEM-L7")), ["/add/0/site"], "an unknown site added"),
        (
            lambda: in_full(PREEMPT, [Dose("COR-L1", 500), Dose("XXX", 500)]),
            ["/injections/1/site"],
            "an unknown site",
        ),
        (
            lambda: in_full(PREEMPT, [Dose("COR-L1", 500), Dose("COR-L1", 500)]),
            ["/injections/1/site"],
            "the same site twice",
        ),
        (
            lambda: as_protocol(omit=[Omit("COR-L1"), Omit("COR-L1")]),
            ["/omit/1/site"],
            "left out twice",
        ),
        (
            lambda: as_protocol(omit=[Omit("COR-L1")], change=[Dose("COR-L1", 500)]),
            ["/change/0/site"],
            "left out and changed",
        ),
        (
            lambda: as_protocol(omit=[Omit("COR-L1")], add=[Dose("COR-L1", 500)]),
            ["/add/0/site"],
            "left out and added",
        ),
        (lambda: as_protocol(add=extra("TEM-L5", "TEM-L5")), ["/add/1/site"], "added twice"),
        (lambda: as_protocol(add=extra("COR-L1")), ["/add/0/site"], "there already"),
        (lambda: as_protocol(omit=[Omit("TEM-L5")]), ["/omit/0/site"], "not in the plan"),
        (
            lambda: as_protocol(change=[Dose("TEM-L5", 250)]),
            ["/change/0/site"],
            "a change of what is not in the plan",
        ),
        (
            lambda: as_protocol(change=[Dose("TEM-L5", 250)], add=extra("TEM-L5")),
            ["/change/0/site", "/add/0/site"],
            "added and changed: say it once",
        ),
        (
            lambda: as_last(as_protocol(omit=[Omit("COR-L1")]), omit=[Omit("COR-L1")]),
            ["/omit/0/site"],
            "left out last time already",
        ),
        (lambda: as_protocol(change=[Dose("COR-L1", 0)]), ["/change/0/units"], "no units"),
        (lambda: as_protocol(add=[Dose("TEM-L5", -1)]), ["/add/0/units"], "below 0"),
        (
            lambda: in_full(PREEMPT, [Dose("COR-L1", 500), Dose("COR-R1", 0)]),
            ["/injections/1/units"],
            "no units",
        ),
        (
            lambda: in_full(PREEMPT, [Dose("XXX", 0)]),
            ["/injections/0/units", "/injections/0/site"],
            "every fault is named",
        ),
        (
            lambda: in_full(PREEMPT, [Dose("COR-L1", 100_001)]),
            ["/injections/0/units"],
            "one site over 1,000 units",
        ),
        (
            lambda: in_full(PREEMPT, [Dose("COR-L1", 50_000), Dose("COR-R1", 50_001)]),
            ["/injections"],
            "together over 1,000 units",
        ),
        (
            lambda: as_protocol(change=[Dose("COR-L1", 90_000)]),
            [""],
            "by exception over 1,000 units",
        ),
        (lambda: in_full(PREEMPT, []), ["/injections"], "nothing was injected"),
        (
            lambda: as_protocol(omit=[Omit(site.code) for site in PREEMPT.sites]),
            ["/omit"],
            "everything was left out",
        ),
        (lambda: total(PREEMPT, 0), ["/total_units"], "no units"),
        (lambda: total(PREEMPT, -1), ["/total_units"], "below 0"),
        (lambda: total(PREEMPT, 100_001), ["/total_units"], "over 1,000 units"),
        (lambda: by_exception(PREEMPT, base=Base.AS_LAST), ["/plan"], "no session to repeat"),
        (
            lambda: as_last(total(PREEMPT, 15_500)),
            ["/plan"],
            "the last session was charted as a total",
        ),
        (
            lambda: by_exception(PREEMPT, base=Base.AS_LAST, last=[Injection(48, 500)]),
            ["/plan"],
            "the last session has a site unknown here",
        ),
    ],
)
def test_refused(chart: Callable[[], Chart], expected: list[str], why: str) -> None:
    with pytest.raises(InvalidChart) as refused:
        chart()
    assert [pointer for pointer, _ in refused.value.errors] == expected, why


def test_1000_units_are_the_most_and_are_taken() -> None:
    assert total(PREEMPT, 100_000).administered_hundredths == 100_000
    assert in_full(PREEMPT, [Dose("COR-L1", 100_000)]).administered_hundredths == 100_000


def test_a_refusal_does_not_repeat_an_unknown_code() -> None:
    with pytest.raises(InvalidChart) as refused:
        as_protocol(omit=[Omit("Jane Doe")])
    assert refused.value.errors == (("/omit/0/site", "no such site in this protocol version"),)
