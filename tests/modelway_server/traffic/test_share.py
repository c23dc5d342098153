"""A pod's share of requests, over all of its workers and both transports at once."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import numpy as np

from support.models import WINE
from support.server.grpc_calls import calling, question
from support.server.rollouts import CANDIDATE
from support.server.served import Served, SharedModel

from .conftest import Pair
from .test_grpc_handover import ask
from .test_handover import ask_kept

WEIGHTS = (1, 5, 20, 50, 99)
CLIENTS = 3
"""Of each transport."""
REQUESTS = 17
"""Of each client; no weight above gives a whole number of all of them."""
MESSAGE = question({"rows": WINE[:2].astype(np.float64)})


def test_candidates_count_is_within_one_of_weight_x_requests(pair: Pair, forest_model: SharedModel) -> None:
    pair.start_stable("--workers=2", "--grpc-port=0", **forest_model).started()
    pair.start_candidate("--grpc-port=0", **forest_model).started()
    counts = {}
    for weight in WEIGHTS:
        pair.order(weight=weight)
        counts[weight] = _ask_side_by_side(pair.stable)
    requests = 2 * CLIENTS * REQUESTS
    beside = {weight: answers[CANDIDATE] - weight / 100 * requests for weight, answers in counts.items()}
    assert all(abs(number) <= 1 for number in beside.values()), beside
    assert {weight: answers.total() for weight, answers in counts.items()} == dict.fromkeys(WEIGHTS, requests)


def _ask_side_by_side(server: Served) -> Counter[str]:
    """How many requests of all clients each revision answered."""
    with ThreadPoolExecutor(2 * CLIENTS) as pool:
        clients = [pool.submit(client, server) for client in (_ask_by_http, _ask_by_grpc) for _ in range(CLIENTS)]
        return sum((one.result() for one in clients), Counter[str]())


def _ask_by_http(server: Served) -> Counter[str]:
    with closing(server.connect()) as connection:
        return Counter(ask_kept(server, connection).headers["modelway-revision"] for _ in range(REQUESTS))


def _ask_by_grpc(server: Served) -> Counter[str]:
    with calling(server.addresses["grpc"]) as caller:
        return Counter(ask(caller, MESSAGE)[0] for _ in range(REQUESTS))
