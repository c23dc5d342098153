"""Rollouts to the same bytes, divided among models side by side: none of them may be rolled back."""

import os
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle
from threading import Lock

from bench.trial.clients import Tally
from bench.trial.results import Same, Span
from bench.trial.world import Model, World
from support.cluster.sandbox import Object

HTTP_CLIENTS, GRPC_CLIENTS = 2, 1
PAUSE = 0.1
ANALYSIS = {"tolerance": "10%"}
"""What makes verdicts come after a hundred requests in place of two thousand. Budgets, against which a candidate is worse, are the defaults."""
ROLLOUTS: tuple[Object, ...] = (
    {"strategy": "Canary", "steps": [{"weight": 20}, {"weight": 50}], "analysis": ANALYSIS},
    {"strategy": "BlueGreen", "scaleDownDelay": "10s", "analysis": ANALYSIS},
    {"strategy": "Shadow", "analysis": ANALYSIS},
)


class Turns:
    """Numbers of rollouts that begin, as long as there is time.

    Args:
        wanted: how many rollouts.
        seconds: after which none begins any more.
    """

    def __init__(self, wanted: int, seconds: float) -> None:
        self._wanted = wanted
        self._end = time.monotonic() + seconds
        self._begun = 0
        self._lock = Lock()

    def __iter__(self) -> Iterator[int]:
        """Numbers that nobody else gets."""
        while number := self._next():
            yield number

    @property
    def unbegun(self) -> int:
        """How many did not begin so far."""
        return self._wanted - self._begun

    def _next(self) -> int:
        with self._lock:
            if not self.unbegun or time.monotonic() >= self._end:
                return 0
            self._begun += 1
            return self._begun


def try_same(here: World, wanted: int, models: int, minutes: float, say: Callable[[str], None]) -> Same:
    """So many rollouts, in all strategies by turns; fewer begin where the time does not suffice.

    Args:
        here: where.
        wanted: how many rollouts.
        models: that they are divided among.
        minutes: after which none begins any more.
        say: tells how it goes.
    """
    start, load, lock = time.monotonic(), os.getloadavg()[0], Lock()
    turns = Turns(wanted, 60 * minutes)
    ends: Counter[str] = Counter()
    messages: list[str] = []

    def note(number: int, end: str, message: str) -> None:
        with lock:
            ends[end] += 1
            if message:
                messages.append(message)
        say(f"same bytes, {number} of {wanted}: {end} {message}".rstrip())

    def lane(index: int) -> Tally:
        strategies = cycle(ROLLOUTS[index % len(ROLLOUTS) :] + ROLLOUTS[: index % len(ROLLOUTS)])
        name = f"same-{index}"
        with here.model(name, size=1, over_http=HTTP_CLIENTS, over_grpc=GRPC_CLIENTS, pause=PAUSE) as model:
            for number in turns:
                note(number, *_roll_out(model, f"v{number}", next(strategies)))
        return model.clients.tally()

    with ThreadPoolExecutor(models) as pool:
        total = sum(pool.map(lane, range(models)), Tally())
    return Same(
        ends=dict(ends),
        requests=total.requests,
        failures=dict(total.failures),
        wanted=wanted,
        unbegun=turns.unbegun,
        span=Span(seconds=time.monotonic() - start, loads=(load, os.getloadavg()[0])),
        messages=tuple(messages),
    )


def _roll_out(model: Model, version: str, rollout: Object) -> tuple[str, str]:
    """How a rollout to the same bytes ended, and what it said where that is no promotion."""
    previous = model.rollout.get("id", "")
    model.wants("good", version, rollout)
    try:
        model.begins_after(previous)
        state = model.ends()
        model.is_clean()
        if state["phase"] != "Promoted":
            return f"rolled back ({state.get('cause')})", f"{rollout['strategy']} {version}: {state.get('message')}"
        model.deployed.is_ready()
    except AssertionError as error:
        return "no end", f"{rollout['strategy']} {version}: {str(error)[:2000]}"
    return "promoted", ""
