"""How fast the stable revision answers, as the servers count it."""

import socket
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import numpy as np
import pytest

from modelway_server.traffic.pace import LEAST_ANSWERS
from support.models import WINE
from support.server.grpc_calls import calling, question
from support.server.rollouts import count
from support.server.served import Served, SharedModel
from support.server.sockets import connect
from support.waiting import eventually

from .conftest import Pair

PAUSES = [0.5 + 0.05 * number for number in range(20)]
"""Seconds before the last part of each request, so that no two end together."""
MANY_ROWS = 5_000
"""Of those requests whose answers take longest, so that other work of the machine does not make a small one slow."""
BODY = b'{"instances": [%s]}' % str(WINE[0].tolist()).encode()
INFER = "/inference.GRPCInferenceService/ModelInfer"


def upload(server: Served, pause: float) -> None:
    """Send a request of which the last part comes late."""
    head = (
        f"POST /v1/models/model:predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {len(BODY)}\r\n\r\n"
    )
    with connect(server) as connection:
        connection.sendall(head.encode() + BODY[:1])
        time.sleep(pause)
        connection.sendall(BODY[1:])
        assert connection.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 200"


def upload_message(server: Served, pause: float) -> None:
    """Begin a call of which the message comes late."""
    message = question({"rows": WINE[:1].astype(np.float64)}).SerializeToString()

    def messages() -> Iterator[bytes]:
        time.sleep(pause)
        yield message

    with calling(server.addresses["grpc"]) as caller:
        call: Any = caller.channel.stream_unary(INFER)
        assert call(messages(), timeout=30)


@pytest.mark.parametrize("mode", ["handover", "mirror"])
@pytest.mark.parametrize("send", [upload, upload_message])
def test_slow_upload_is_no_slow_answer(
    pair: Pair, forest_model: SharedModel, mode: str, send: Callable[[Served, float], None]
) -> None:
    server = pair.start_stable("--grpc-port=0", **forest_model)
    server.started()
    if mode == "mirror":  # a stable answer counts beside the candidate's to its copy
        pair.start_candidate("--grpc-port=0", **forest_model).started()
    pair.order(weight=100 if mode == "mirror" else 0.01, mode=mode)
    for rows in (MANY_ROWS,) * (LEAST_ANSWERS // 4) + (1,) * LEAST_ANSWERS:
        assert server.predict({"instances": np.resize(WINE, (rows, WINE.shape[1])).tolist()}).status == 200

    def answers() -> float:
        assert server.predict({"instances": WINE[:1].tolist()}).status == 200
        return count(server, "trials_total", arm="stable", measure="slow")

    before = eventually(answers, deadline=30)
    with ThreadPoolExecutor(len(PAUSES)) as pool:
        list(pool.map(partial(send, server), PAUSES))
    eventually(lambda: answers() >= before + len(PAUSES), deadline=30)
    assert count(server, "bad_total", arm="stable", measure="slow") < len(PAUSES) / 2


def test_pace_counts_before_any_share_only_if_asked(pair: Pair, forest_model: SharedModel) -> None:
    server = pair.start_stable(**forest_model)
    server.started()

    def answers(rollout: str, name: str, **labels: str) -> float:
        for _ in range(LEAST_ANSWERS):
            assert server.predict({"instances": WINE[:1].tolist()}).status == 200
        return count(server, name, rollout=rollout, arm="stable", **labels)

    pair.order(weight=0, id="a-1")
    eventually(lambda: answers("a-1", "trials_total", measure="slow"), deadline=30)
    pair.order(weight=0, id="b-1", paceAhead=False)
    eventually(lambda: answers("b-1", "requests_total"), deadline=30)
    assert answers("b-1", "trials_total", measure="slow") == 0


def test_pace_is_judged_anew_once_another_weight_has_settled(pair: Pair, forest_model: SharedModel) -> None:
    seconds = 4.0
    server = pair.start_stable(**forest_model, constants={"modelway_server.traffic.tally.SETTLE_SECONDS": seconds})
    candidate = pair.start_candidate(**forest_model)
    server.started()
    candidate.started()

    def judged() -> float:
        """Answers of both revisions that count, after some more."""
        for _ in range(10):
            assert server.predict({"instances": WINE[:1].tolist()}).status == 200
        return count(server, "trials_total", measure="slow")

    for weight in (50, 60):
        begun = time.monotonic()
        pair.order(weight=weight)
        eventually(lambda: count(server, "weight") == weight, deadline=30)  # noqa: B023
        before, after = judged(), judged()
        assert after == before or time.monotonic() - begun > seconds, "it settles"
        eventually(lambda: judged() > before, deadline=30)  # noqa: B023
