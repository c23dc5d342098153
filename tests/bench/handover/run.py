"""The benchmark: one stable server is asked without a rollout, with half of its requests handed over, and with copies of all.

The arms of a round get the same requests at the same moments, one after the other, in an order that turns from round to round.

In a cluster the candidate's pod has processors of its own, and here it shares two with the stable one. Nobody waits for its answers to copies, so it gives way to all others (SCHED_IDLE)
in the arm with copies, and in those that this arm is compared with. Where clients wait for its answers, it has the priority of all others.
"""

import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from sklearn.ensemble import RandomForestClassifier

from bench.errors import BenchError
from bench.handover.copies import require_judged
from bench.handover.figures import ARMS, BARE, HANDOVER, MIRROR, Figures, Trial
from bench.handover.load import ask, moments
from support.models import WINE, WINE_KINDS
from support.server.rollouts import CANDIDATE, PORT, ROLLOUT, STABLE, count, free_host, order, withdraw
from support.server.served import Served, SharedModel, launch, prepare_shared
from support.waiting import eventually

TREES = 100
SWITCH_SECONDS = 15.0
WARM_REQUESTS = 100
"""Of each arm before it counts."""
CONNECTIONS = 16
ORDERS: Mapping[str, Mapping[str, object]] = {
    HANDOVER: {"mode": "handover", "weight": 50},
    MIRROR: {"mode": "mirror", "weight": 100},
}

Say = Callable[[str], None]


@dataclass(frozen=True)
class Servers:
    """What is asked.

    Attributes:
        bare: is never told of rollouts.
        stable: is told.
        candidate: answers the stable one.
        folder: of what the stable one is told.
        host: of the candidate.
    """

    bare: Served
    stable: Served
    candidate: Served
    folder: Path
    host: str

    def switch(self, arm: str) -> None:
        """Have the stable server obey what the arm asks for."""
        wanted = ORDERS.get(arm)
        if wanted is not None:
            weight = float(order(self.folder, self.host, **wanted)["weight"])
            eventually(lambda: count(self.stable, "weight", rollout=ROLLOUT) == weight, deadline=SWITCH_SECONDS)
        elif (self.folder / "traffic.json").exists():
            withdraw(self.folder)
            eventually(
                lambda: "modelway_rollout_weight" not in self.stable.probe("/metrics").body, deadline=SWITCH_SECONDS
            )


@contextmanager
def _servers() -> Iterator[Servers]:
    with tempfile.TemporaryDirectory(prefix="modelway-bench-") as name, ExitStack() as stack:
        folder, host = Path(name), free_host()
        (folder / "traffic").mkdir()
        model = prepare_shared(folder / "model", RandomForestClassifier(TREES, random_state=0).fit(WINE, WINE_KINDS))
        rollouts = f"--traffic-dir={folder / 'traffic'}"
        options = {
            "bare": (f"--revision={STABLE}", f"--traffic-dir={folder / 'none'}"),
            "stable": (f"--revision={STABLE}", rollouts),
            "candidate": (f"--revision={CANDIDATE}", rollouts, f"--host={host}", f"--http-port={PORT}"),
        }
        started = {each: _start(folder / each, model, *words) for each, words in options.items()}
        for server in started.values():
            stack.callback(server.stop)
        for server in started.values():
            server.started()
        yield Servers(**started, folder=folder / "traffic", host=host)


def _start(folder: Path, model: SharedModel, *options: str) -> Served:
    return launch(folder, *options, path=model["path"], prepared=model["prepared"], cold=True)


def measure(rounds: int, rate: float, seconds: float, machine: Mapping[str, str], say: Say) -> Figures:
    """All figures.

    Args:
        rounds: of all arms.
        rate: requests a second.
        seconds: of each arm in a round.
        machine: what this runs on.
        say: tells how far it is.

    Raises:
        BenchError: an answer was none, the candidate had no part, or too few copies were judged.
    """
    begin, load = time.monotonic(), os.getloadavg()[0]
    trials_of_rounds = []
    with _servers() as servers:
        for number in range(rounds):
            first = number % len(ARMS)
            due = moments(rate, seconds, number)
            trials = {arm: _trial(servers, arm, due) for arm in (*ARMS[first:], *ARMS[:first])}
            trials_of_rounds.append({arm: trials[arm] for arm in ARMS})
            say(f"round {number + 1} of {rounds}")
    loads = (load, os.getloadavg()[0])
    return Figures(
        machine=machine, load=loads, rate=rate, span=seconds, rounds=trials_of_rounds, seconds=time.monotonic() - begin
    )


def _trial(servers: Servers, arm: str, due: list[float]) -> Trial:
    servers.switch(arm)
    _give_way(servers.candidate, gives_way=arm != HANDOVER)
    server = servers.bare if arm == BARE else servers.stable
    address = urlsplit(server.addresses["http"])
    place = (address.hostname or "", address.port or 0)
    mark = b"modelway-revision: " + CANDIDATE.encode()
    warm_up = [number / 200 for number in range(WARM_REQUESTS)]
    judged = _judged(server)
    ask(place, REQUEST, warm_up, mark, connections=CONNECTIONS)
    before = [_cpu(server), _cpu(servers.candidate)]
    answers = ask(place, REQUEST, due, mark, connections=CONNECTIONS)
    stable, candidate = _since(before[0], _cpu(server)), _since(before[1], _cpu(servers.candidate))
    foreign = sum(answers.foreign)
    if abs(foreign - (len(due) / 2 if arm == HANDOVER else 0)) > len(due) / 10:
        raise BenchError(f"{arm}: the candidate gave {foreign} of {len(due)} answers")
    copies = len(warm_up) + len(due) if arm == MIRROR else 0
    share = require_judged(lambda: _judged(server) - judged, copies) if copies else 1.0
    return Trial(
        seconds=answers.seconds, foreign=answers.foreign, stable=stable, candidate=candidate, judged_share=share
    )


def _judged(server: Served) -> float:
    """How many requests of the rollout a server has judged."""
    return count(server, "trials_total", rollout=ROLLOUT, measure="failed")


def _threads(server: Served) -> list[Path]:
    """All threads of a server and of the processes beside it, in /proc."""
    first = psutil.Process(server.process.pid)
    return [
        task for one in (first, *first.children(recursive=True)) for task in Path(f"/proc/{one.pid}/task").iterdir()
    ]


def _cpu(server: Served) -> dict[Path, float]:
    """CPU seconds of each thread of a server and of the processes beside it, as the scheduler counts them."""
    return {task: int((task / "schedstat").read_text().split()[0]) / 1e9 for task in _threads(server)}


def _since(before: dict[Path, float], now: dict[Path, float]) -> float:
    """CPU seconds of the threads that are still there."""
    return sum(seconds - before.get(task, 0.0) for task, seconds in now.items())


def _give_way(server: Served, *, gives_way: bool) -> None:
    """Have a server work only while nobody else wants its processor, or as all others do."""
    for task in _threads(server):
        os.sched_setscheduler(int(task.name), os.SCHED_IDLE if gives_way else os.SCHED_OTHER, os.sched_param(0))


BODY = json.dumps({"instances": WINE[:1].tolist()}).encode()
REQUEST = (
    b"POST /v1/models/model:predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b"
    % (
        len(BODY),
        BODY,
    )
)
