"""Clients that ask one model all the time, over HTTP and gRPC, and count by whom they were answered."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import grpc
import numpy as np

from modelway_server.grpc import inference_pb2 as pb
from support.cluster.candidates import requests
from support.server.grpc_calls import SERVICE, question, values_of

SECONDS = 30.0
"""The longest that a client waits."""
HEADER = "modelway-revision"
_CHANNEL = (("grpc.use_local_subchannel_pool", 1),)


@dataclass
class Tally:
    """What clients got.

    Attributes:
        answers: those of status 200 or OK, by the revision that gave them.
        wrong: those of them that are not what the stable model answers, by revision.
        failures: all else, by what happened.
    """

    answers: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        """How many ended."""
        return self.answers.total() + self.failures.total()

    @property
    def failed(self) -> int:
        """How many got no answer."""
        return self.failures.total()

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(self.answers + other.answers, self.wrong + other.wrong, self.failures + other.failures)

    def since(self, earlier: "Tally") -> "Tally":
        """What was counted since an earlier look."""
        return Tally(self.answers - earlier.answers, self.wrong - earlier.wrong, self.failures - earlier.failures)


Ask = Callable[[int], tuple[str, list[float]]]
"""Asks for the double of a number: the revision that answered, and all numbers of its answer."""


class Refused(Exception):
    """An answer that is none; the text says what it was."""


class Clients:
    """Clients of one model, each with a connection of its own, which it keeps.

    Args:
        name: of the model.
        http: host and port of its Service.
        grpc_target: the same for gRPC.
        pause: seconds that each waits between an answer and its next request.
    """

    def __init__(self, name: str, http: tuple[str, int], grpc_target: str, pause: float) -> None:
        self._name = name
        self._http = http
        self._grpc_target = grpc_target
        self._pause = pause
        self._over = threading.Event()
        self._tallies: list[Tally] = []
        self._lock = threading.Lock()
        self._numbers = requests()

    def run(self, over_http: int, over_grpc: int) -> "list[threading.Thread]":
        """Start so many clients of each protocol."""
        ways = [self._ask_by_http] * over_http + [self._ask_by_grpc] * over_grpc
        self._tallies = [Tally() for _ in ways]
        threads = [
            threading.Thread(target=self._client, args=(way, tally), daemon=True)
            for way, tally in zip(ways, self._tallies, strict=True)
        ]
        for thread in threads:
            thread.start()
        return threads

    def stop(self) -> None:
        """Let every client end after its present request."""
        self._over.set()

    def tally(self) -> Tally:
        """All that was counted so far."""
        with self._lock:
            return sum(self._tallies, Tally())

    def _client(self, connect: Callable[[], "Iterator[Ask]"], tally: Tally) -> None:
        with contextmanager(connect)() as ask:
            while not self._over.wait(self._pause):
                with self._lock:
                    number = next(self._numbers)
                try:
                    revision, answer = ask(number)
                except (OSError, http.client.HTTPException, Refused, grpc.RpcError, ValueError, LookupError) as error:
                    with self._lock:
                        tally.failures[_describe(error)] += 1
                    continue
                with self._lock:
                    tally.answers[revision] += 1
                    tally.wrong[revision] += answer != [2.0 * number]

    def _ask_by_http(self) -> Iterator[Ask]:
        connection = http.client.HTTPConnection(*self._http, timeout=SECONDS)

        def ask(number: int) -> tuple[str, list[float]]:
            tensor = {"name": "input", "shape": [1, 1], "datatype": "FP64", "data": [float(number)]}
            body = json.dumps({"inputs": [tensor]})
            try:
                connection.request("POST", f"/v2/models/{self._name}/infer", body, {"Content-Type": "application/json"})
                response = connection.getresponse()
                content = response.read()
            except BaseException:
                connection.close()
                raise
            if response.status != 200:
                raise Refused(f"status {response.status}: {content[:200].decode(errors='replace')}")
            return response.headers.get(HEADER, ""), json.loads(content)["outputs"][0]["data"]

        yield ask
        connection.close()

    def _ask_by_grpc(self) -> Iterator[Ask]:
        with grpc.insecure_channel(self._grpc_target, options=_CHANNEL) as channel:
            infer = channel.unary_unary(
                f"{SERVICE}/ModelInfer",
                request_serializer=pb.ModelInferRequest.SerializeToString,
                response_deserializer=pb.ModelInferResponse.FromString,
            )

            def ask(number: int) -> tuple[str, list[float]]:
                message = question({"input": np.array([[float(number)]])}, model=self._name)
                answer, call = infer.with_call(message, timeout=SECONDS)
                metadata = dict(call.initial_metadata() or ())
                return str(metadata.get(HEADER, "")), values_of(answer).ravel().tolist()

            yield ask


def _describe(error: Exception) -> str:
    if isinstance(error, grpc.RpcError):
        return f"gRPC {error.code().name}: {error.details()}"
    return str(error) if isinstance(error, Refused) else f"{type(error).__name__}: {error}"


@contextmanager
def asking(
    name: str, http_address: tuple[str, int], grpc_target: str, *, over_http: int, over_grpc: int, pause: float
) -> Iterator[Clients]:
    """Clients that ask until the end of the block."""
    clients = Clients(name, http_address, grpc_target, pause)
    threads = clients.run(over_http, over_grpc)
    try:
        yield clients
    finally:
        clients.stop()
        for thread in threads:
            thread.join(SECONDS)


def wait_for_requests(clients: Clients, number: int, *, seconds: float) -> None:
    """Wait until so many requests ended, or the time is over."""
    end = time.monotonic() + seconds
    while clients.tally().requests < number and time.monotonic() < end:
        time.sleep(0.2)
