"""The whole benchmark: every server with every model, one at a time, in rounds of alternating order."""

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from bench.errors import BenchError
from bench.server import wrk
from bench.server.cases import CASES, Case
from bench.server.contenders import Contender, Place
from bench.server.dialects import Dialect
from bench.server.figures import Figures, Load, Trial
from bench.server.models import Array, Trained
from bench.server.process import HOST, Server, free_ports

BODIES = 64
"""Different requests that take turns in a load of single rows."""
BULK_BODIES = 1
COMPARED = 200
"""Rows that each server is asked about before it is measured."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """What to measure.

    Attributes:
        contenders: the servers.
        rounds: how often each.
        seconds: that one load lasts.
        warm_up: seconds of the same load before it that do not count.
    """

    contenders: Sequence[Contender]
    rounds: int
    seconds: float
    warm_up: float


def measure(plan: Plan, models: Mapping[str, Trained], machine: Mapping[str, str], say: Say) -> Figures:
    """Everything that the plan asks for.

    Raises:
        BenchError: a server did not start, failed under load, or answers otherwise than scikit-learn.
    """
    begun, load_average = time.monotonic(), os.getloadavg()[0]
    trials: list[Trial] = []
    for number in range(plan.rounds):
        for model, trained in models.items():
            here = [contender for contender in plan.contenders if model in contender.models]
            for contender in here if number % 2 == 0 else reversed(here):
                trials.append(_trial(plan, contender, model, trained, number))
                say(f"round {number + 1}, {_summary(trials[-1])}")
    return Figures(machine, plan.rounds, plan.seconds, trials, load_average, time.monotonic() - begun)


def _summary(trial: Trial) -> str:
    loads = "; ".join(f"{name}: {load.per_second:.0f}/s" for name, load in trial.loads.items())
    return f"{trial.model}, {trial.server}: ready {trial.ready:.2f} s; {loads}"


def _trial(plan: Plan, contender: Contender, model: str, trained: Trained, number: int) -> Trial:
    with tempfile.TemporaryDirectory(prefix="modelway-bench-") as name:
        port, *spare = free_ports(3)
        place = Place(trained.path, Path(name), port, (spare[0], spare[1]))
        prepared = prepare(contender, place)
        command, environment = contender.start(place), contender.environment(place)
        probe = contender.json.ask(trained.rows[:1])
        with Server.start(command, environment, port, place.folder / "log", probe) as server:
            for dialect in _dialects(contender):
                compare(contender, dialect, server, trained)
            loads = {
                case.name: _load(plan, _dialect(contender, case), server, case, trained.rows)
                for case in CASES[model]
                if contender.takes(case)
            }
            return Trial(model, contender.name, number, contender.peer, server.ready, prepared, server.memory(), loads)


def prepare(contender: Contender, place: Place) -> float | None:
    """Do what comes before a server's start; the seconds that it took, None where there is nothing to do.

    Raises:
        BenchError: it failed.
    """
    if contender.prepare is None:
        return None
    begun = time.monotonic()
    result = subprocess.run(contender.prepare(place), check=False, capture_output=True, text=True)
    if result.returncode:
        raise BenchError(f"{contender.name} could not be prepared: {result.stderr[-2000:]}")
    return time.monotonic() - begun


def _dialects(contender: Contender) -> list[Dialect]:
    return [contender.json, *([contender.binary] if contender.binary else [])]


def _dialect(contender: Contender, case: Case) -> Dialect:
    return contender.binary if case.binary and contender.binary else contender.json


def compare(contender: Contender, dialect: Dialect, server: Server, trained: Trained) -> None:
    """Ask about many rows at once and about single ones: a figure of a server that errs is none.

    Raises:
        BenchError: an answer is not scikit-learn's.
    """
    slices = [slice(0, COMPARED), *(slice(row, row + 1) for row in range(5))]
    for rows in slices:
        status, body, headers = server.ask(dialect.ask(trained.rows[rows]))
        if status != 200:
            raise BenchError(f"{contender.name} answers {status}: {body[:500]!r}")
        difference = distance(dialect.read(body, headers), trained.expected[rows])
        if not difference <= contender.tolerance:
            raise BenchError(
                f"{contender.name} answers {difference:g} away from scikit-learn (allowed {contender.tolerance:g}); nothing is measured"
            )


def distance(answer: Array, expected: Array) -> float:
    """The largest difference between probabilities; infinite where the shapes differ."""
    return float(np.max(np.abs(answer - expected))) if answer.shape == expected.shape else float("inf")


def _load(plan: Plan, dialect: Dialect, server: Server, case: Case, rows: Array) -> Load:
    address = f"http://{HOST}:{server.port}"
    count = BODIES if case.rows == 1 else BULK_BODIES
    requests = [dialect.ask(rows[number * case.rows : (number + 1) * case.rows]) for number in range(count)]
    wrk.ask(address, requests, connections=case.connections, seconds=plan.warm_up)
    busy, used = _busy(), server.cpu_seconds()
    reading = wrk.ask(address, requests, connections=case.connections, seconds=plan.seconds)
    used, busy = server.cpu_seconds() - used, _busy() - busy
    others = max(0.0, busy - used - reading.cpu)
    return Load(
        reading.answers / reading.seconds,
        reading.p50,
        reading.p99,
        used / reading.answers,
        reading.cpu / reading.seconds,
        others / reading.seconds,
    )


def _busy() -> float:
    """CPU seconds that all processes of the machine have taken."""
    times = psutil.cpu_times()
    return float(times.user + times.system + times.nice + times.irq + times.softirq)
