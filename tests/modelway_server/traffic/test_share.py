"""A pod's share of requests, over all of its workers and both transports at once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from http.client import HTTPConnection
from typing import NamedTuple

import numpy as np
import psutil

from support.models import WINE
from support.server.grpc_calls import Caller, calling, question
from support.server.rollouts import count
from support.server.served import Served, SharedModel
from support.waiting import eventually

from .conftest import Pair
from .test_grpc_handover import ask
from .test_handover import ask_kept

WEIGHTS = (1, 5, 20, 50, 99)
WORKERS = 2
GRPC_CLIENTS = 5
REQUESTS = 13
"""Of each client; no weight above gives a whole number of all of them."""
MESSAGE = question({"rows": WINE[:2].astype(np.float64)})

Client = Callable[[], object]


class Turns(NamedTuple):
    """What a pod counted.

    Attributes:
        answers: that clients got.
        judged: turns of the candidate of which something came.
        skipped: those of which nothing is said, and answers that nobody had room to compare.
    """

    answers: float
    judged: float
    skipped: float

    @classmethod
    def of(cls, server: Served) -> "Turns":
        """So far."""
        judged = count(server, "trials_total", measure="failed")
        return cls(count(server, "requests_total"), judged, count(server, "skipped_total"))

    def since(self, earlier: "Turns") -> "Turns":
        """Since an earlier look."""
        return Turns(*(now - before for now, before in zip(self, earlier, strict=True)))

    def are_within_one(self, share: float) -> bool:
        """Whether the candidate got so many turns: on a busy machine some are late, and may be of those that are skipped."""
        return self.judged <= share + 1 and self.judged + self.skipped >= share - 1


def test_candidates_count_is_within_one_of_weight_x_requests(pair: Pair, forest_model: SharedModel) -> None:
    pair.start_stable(f"--workers={WORKERS}", "--grpc-port=0", **forest_model).started()
    pair.start_candidate("--grpc-port=0", **forest_model).started()
    requests = (WORKERS + GRPC_CLIENTS) * REQUESTS
    assert all(weight * requests % 100 for weight in WEIGHTS)
    turns = {}
    with _clients(pair.stable) as clients, ThreadPoolExecutor(len(clients)) as pool:
        for weight in WEIGHTS:
            pair.order(weight=weight)
            before = Turns.of(pair.stable)
            for one in [pool.submit(_ask_all, client) for client in clients]:
                one.result()
            turns[weight] = Turns.of(pair.stable).since(before)
    assert all(one.are_within_one(weight / 100 * requests) for weight, one in turns.items()), turns
    assert {weight: one.answers for weight, one in turns.items()} == dict.fromkeys(WEIGHTS, requests)


@contextmanager
def _clients(server: Served) -> Iterator[list[Client]]:
    """One over HTTP for each worker, and some over gRPC."""
    with ExitStack() as stack:
        connections = _connection_of_each_worker(server, stack)
        callers: list[Caller] = [stack.enter_context(calling(server.addresses["grpc"])) for _ in range(GRPC_CLIENTS)]
        yield [
            *(partial(ask_kept, server, connection) for connection in connections),
            *(partial(ask, caller, MESSAGE) for caller in callers),
        ]


def _ask_all(client: Client) -> None:
    for _ in range(REQUESTS):
        client()


def _connection_of_each_worker(server: Served, stack: ExitStack) -> list[HTTPConnection]:
    """Connections that stay open, one to each worker: the kernel chooses, until each has been chosen."""
    connections: dict[int, HTTPConnection] = {}

    def have_all() -> bool:
        connection = stack.enter_context(closing(server.connect()))
        ask_kept(server, connection)
        connections.setdefault(_worker_of(server, connection), connection)
        return len(connections) == WORKERS

    eventually(have_all)
    return list(connections.values())


def _worker_of(server: Served, connection: HTTPConnection) -> int:
    """The process that has the other end of a connection."""
    port = connection.sock.getsockname()[1]
    [worker] = [
        child.pid
        for child in psutil.Process(server.process.pid).children(recursive=True)
        if any(one.raddr[1:] == (port,) for one in child.net_connections("tcp"))
    ]
    return worker
