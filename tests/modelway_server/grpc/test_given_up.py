"""A client of gRPC that gives up is counted as 499, whatever its call was waiting for, and however it gave up."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import pytest

from support.server import http2
from support.server.grpc_calls import SERVICE, calling, question
from support.server.http2 import Http2
from support.server.served import Served, SharedModel
from support.waiting import eventually

Launch = Callable[..., Served]
INFER = f"{SERVICE}/ModelInfer"
LABELS = 'method="grpc_infer",model="model",protocol="grpc",revision="",version=""'

REACHED = {"queue": "modelway_queue_depth{", "model": "modelway_batch_rows_count{", "answer": "modelway_rows_total{"}
"""The metric that shows that a call has come to a stage."""


@pytest.fixture
def server(launched: Launch, sleeping_model: SharedModel) -> Served:
    return launched("--grpc-port=0", **sleeping_model).started()


def cancel(client: Http2, stream: int) -> None:
    client.send(http2.RST_STREAM, stream=stream, payload=(8).to_bytes(4, "big"))


def drop(client: Http2, _: int) -> None:
    client.socket.close()


def let_pass(_: Http2, __: int) -> None:
    """Do nothing until the deadline."""


WAYS = {"cancel": (cancel, ""), "drop": (drop, ""), "deadline": (let_pass, "1S")}


@pytest.fixture(params=WAYS)
def give_up(request: pytest.FixtureRequest) -> tuple[Callable[[Http2, int], None], str]:
    """How a client gives up, and the timeout of its call."""
    return WAYS[request.param]


@pytest.mark.parametrize("stage", ["queue", "model", "answer"])
def test_client_that_gives_up_is_counted_as_499(server: Served, stage: str, give_up: Any) -> None:
    way, timeout = give_up
    with ExitStack() as stack:
        if stage == "queue":
            stack.enter_context(busy(server))
        client = stack.enter_context(http2.connect(server.addresses["grpc"], window=0 if stage == "answer" else 65535))
        content = order(2.0 if stage == "model" else 0.0)
        stream = client.open(INFER, http2.message(content), end=True, timeout=timeout)
        eventually(lambda: server.sample(REACHED[stage]) == 1, deadline=10)
        way(client, stream)
        eventually(lambda: count_of(server, 499) == 1, deadline=10)
        eventually(lambda: server.in_flight == (1 if stage == "queue" else 0), deadline=10)
    eventually(lambda: count_of(server, 200) == (1 if stage == "queue" else 0), deadline=10)
    assert count_of(server, 504) == count_of(server, 500) == 0


def test_deadline_before_the_message_is_counted_as_499(server: Served) -> None:
    with http2.connect(server.addresses["grpc"]) as client:
        client.open(INFER, http2.message(order(0.0))[:10], timeout="500m")
        eventually(lambda: count_of(server, 499) == 1, deadline=10)


def test_answer_that_was_sent_is_counted_once(server: Served) -> None:
    with calling(server.addresses["grpc"]) as caller:
        for _ in range(5):
            assert caller.bytes(INFER, order(0.0))
    eventually(lambda: count_of(server, 200) == 5, deadline=10)
    assert count_of(server, 499) == 0


@contextmanager
def busy(server: Served) -> Iterator[None]:
    """Keep the model busy; at the end of the block wait for its answer."""
    with calling(server.addresses["grpc"]) as caller:
        infer: Any = caller.channel.unary_unary(INFER)
        call = infer.future(order(3.0), timeout=30)
        eventually(lambda: server.sample(REACHED["model"]) == 1, deadline=10)
        yield
        assert call.result()


def order(seconds: float) -> bytes:
    """A request that the model takes so long for."""
    return question({"rows": np.array([[seconds]])}).SerializeToString()


def count_of(server: Served, code: int) -> float:
    """Calls with that code."""
    return server.sample(f'modelway_requests_total{{code="{code}",{LABELS}')
