"""The lines about encryption: the same service on an encrypted file and on a plain one."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from time import perf_counter

from app import clock
from app.db.engine.engine import open_database
from app.db.engine.scope import OWNER
from app.db.keys.keyring import Keyring
from app.db.maintenance import copying
from benchmarks import processes
from benchmarks.lines_http import writes
from benchmarks.load import get
from benchmarks.practice import Practice
from benchmarks.report import Detail, Line
from benchmarks.stage import Stage

_CONNECTS = 50


def encrypted(stage: Stage) -> None:
    """One request at a time: a page whose rows are in memory, rows all over the file, commits."""
    plain = stage.sqlite(stage.medium)
    ring = Keyring.from_file(Path(os.environ["TWELVEWEEKS_KEY_FILE"]))
    secret = _under_key(plain, ring)
    many = stage.many
    kinds = {
        "worklist page of 50": ([get("/v1/worklist?limit=50", plain.key)] * many, 200),
        "schedule of any course": (_anywhere(plain, many), 200),
        "session write": (writes(plain, many, 0, 1), 201),
    }
    with ExitStack() as open_:
        servers = [
            open_.enter_context(processes.twelveweeks(practice.url, stage.log))
            for practice in (secret, plain)
        ]
        for what, (requests, expected) in kinds.items():
            asked = [(server, requests) for server in servers]
            ours, floor = stage.take_turns(asked, 1, expected=expected)
            times = [a.percentile(50) / b.percentile(50) for a, b in zip(ours, floor, strict=True)]
            cpu = [a.cpu_per_request / b.cpu_per_request for a, b in zip(ours, floor, strict=True)]
            stage.report.lines += [
                Line(f"encrypted SQLite against plain, {what}: p50", times),
                Line(f"encrypted SQLite against plain, {what}: CPU", cpu),
            ]
            for name, samples in (("encrypted", ours), ("plain", floor)):
                stage.report.details.append(Detail(f"(a) {what}, {name} SQLite", 1, samples))
    _connecting(stage, plain, secret, ring)


def _under_key(plain: Practice, ring: Keyring) -> Practice:
    """Return the same practice in an encrypted copy of its file."""
    file = Path(plain.url.removeprefix("sqlite:///"))
    copy = file.with_name(f"encrypted_{file.name}")
    for old in file.parent.glob(f"{copy.name}*"):
        old.unlink()
    shutil.copyfile(file, copy)
    copying.recipher(copy, ring, lambda: ring.first(made_on=clock.now().date().isoformat()))
    return replace(plain, url=f"sqlite:///{copy}")


def _anywhere(practice: Practice, many: int) -> list[bytes]:
    courses = practice.courses
    return [
        get(f"/v1/courses/{courses[n % len(courses)]}/schedule", practice.key) for n in range(many)
    ]


def _connecting(stage: Stage, plain: Practice, secret: Practice, ring: Keyring) -> None:
    """What a new connection costs: with a raw key no password is stretched."""
    for name, practice in (("plain", plain), ("encrypted", secret)):
        values = []
        for _ in range(stage.rounds):
            database = open_database(practice.url, pool_size=1, keyring=ring)
            began = perf_counter()
            for _ in range(_CONNECTS):
                with database.read(OWNER):
                    pass
                database.dispose()
            values.append((perf_counter() - began) / _CONNECTS * 1e3)
        stage.report.lines.append(Line(f"a new connection to {name} SQLite", values, "ms"))
