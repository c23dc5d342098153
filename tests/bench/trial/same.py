"""Rollouts to the same bytes, divided among models side by side: none of them may be rolled back."""

import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count, cycle
from threading import Lock

from bench.trial.clients import Tally
from bench.trial.results import Same
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


def try_same(here: World, wanted: int, models: int, minutes: float, say: Callable[[str], None]) -> Same:
    """So many rollouts, in all strategies by turns; fewer where the time does not suffice.

    Args:
        here: where.
        wanted: how many rollouts.
        models: that they are divided among.
        minutes: after which none begins any more.
        say: tells how it goes.
    """
    start, lock, numbers = time.monotonic(), Lock(), count(1)
    end = start + 60 * minutes
    ends: Counter[str] = Counter()
    messages: list[str] = []

    def go_on() -> int:
        with lock:
            return next(numbers)

    def note(number: int, end: str, message: str) -> None:
        with lock:
            ends[end] += 1
            if message:
                messages.append(message)
        say(f"same bytes, {number} of {wanted}: {end} {message}".rstrip())

    def lane(index: int) -> Tally:
        strategies = cycle(ROLLOUTS[index % len(ROLLOUTS) :] + ROLLOUTS[: index % len(ROLLOUTS)])
        load = here.model(f"same-{index}", size=1, over_http=HTTP_CLIENTS, over_grpc=GRPC_CLIENTS, pause=PAUSE)
        with load as model:
            while time.monotonic() < end and (number := go_on()) <= wanted:
                note(number, *_roll_out(model, f"v{number}", next(strategies)))
        return model.clients.tally()

    with ThreadPoolExecutor(models) as pool:
        total = sum(pool.map(lane, range(models)), Tally())
    return Same(
        ends=dict(ends),
        requests=total.requests,
        failures=dict(total.failures),
        seconds=time.monotonic() - start,
        wanted=wanted,
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
        model.deployed.is_ready()
    except AssertionError as error:
        return "no end", f"{rollout['strategy']} {version}: {str(error)[:2000]}"
    if state["phase"] == "Promoted":
        return "promoted", ""
    return f"rolled back ({state.get('cause')})", f"{rollout['strategy']} {version}: {state.get('message')}"
