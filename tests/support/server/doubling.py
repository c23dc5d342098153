"""A model that doubles numbers, and a predictor of it whose model works when a test says so."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeVar

import numpy as np

from modelway_server.contract.rows import Rows
from modelway_server.contract.signature import Column, Form, Output, Signature
from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Answer, Body, Query
from modelway_server.errors import InvalidInput
from modelway_server.prediction.batching import Deadline, Work
from modelway_server.prediction.calls import settle
from modelway_server.prediction.limits import Limits
from modelway_server.prediction.model_thread import ModelThread
from modelway_server.prediction.predictor import Predictor
from modelway_server.process.worker_state import WorkerStates
from modelway_server.telemetry.metrics import Metrics

T = TypeVar("T")


class Doubling:
    """Doubles the first number of each row, and refuses all rows of a call when one is negative.

    Attributes:
        calls: the rows of each call, after the warm-up.
    """

    platform = "test"
    methods: tuple[str, ...] = ("predict",)
    description: dict[str, str] = {"estimator": "Doubling"}  # noqa: RUF012  (as the protocol has it)
    signature = Signature(Form.MATRIX, (Column("x"),), outputs={"predict": (Output("predict", "FP64", (-1,)),)})

    def __init__(self, engine: str = "estimator") -> None:
        self.engine = engine
        self.calls: list[list[float]] = []

    def warm_up(self) -> None:
        """Nothing to learn."""

    def call(self, _method: str, values: Any, _count: int) -> dict[str, Any]:
        """Two of each."""
        self.calls.append(values[:, 0].tolist())
        if (values < 0).any():
            raise InvalidInput("a number is negative")
        return {"predict": values[:, 0] * 2}

    def example(self) -> Rows:
        """One row."""
        return Rows(np.ones((1, 1)), 1)


class Stepwise(ModelThread):
    """Works when it is told to, in the event loop."""

    def __init__(self) -> None:
        super().__init__()
        self.due: deque[Callable[[], None]] = deque()

    def submit(self, work: Callable[[], T], deliver: Callable[[T], None]) -> None:
        """Remember the work."""
        self.due.append(lambda: deliver(work()))

    def step(self) -> None:
        """Do what was submitted first, if anything was."""
        if self.due:
            self.due.popleft()()


class Callers:
    """A predictor of `Doubling` in an event loop, and the callers that ask it.

    Args:
        model: or its engine; `linear` lets the event loop make the calls.
        max_rows: of one call.
        max_queue: requests that may wait.
        max_explanations: explanations that may wait.
    """

    def __init__(
        self,
        model: str | Doubling = "estimator",
        *,
        max_rows: int = 8,
        max_queue: int = 100,
        max_explanations: int = 100,
    ) -> None:
        self.runtime, self.thread = Doubling(model) if isinstance(model, str) else model, Stepwise()
        self.plane = DataPlane(self.runtime, Identity(name="m"))
        limits = Limits(
            request_timeout=30.0,
            max_request_bytes=1000,
            max_queue=max_queue,
            max_batch_rows=max_rows,
            max_explanations=max_explanations,
        )
        self.metrics = Metrics(model="m", model_version="", revision="")
        self.predictor = Predictor(self.plane, WorkerStates(1, stuck_after=60), self.metrics, limits, self.thread)
        self.tasks: list[asyncio.Task[Answer]] = []

    @property
    def queue_depth(self) -> float | None:
        """What the metric says."""
        return self._sample("modelway_queue_depth")

    @property
    def rows_total(self) -> float | None:
        """Likewise."""
        return self._sample("modelway_rows_total")

    @property
    def queue_seconds_total(self) -> float | None:
        """Likewise."""
        return self._sample("modelway_queue_duration_seconds_sum")

    def _sample(self, name: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, {"model": "m", "version": "", "revision": ""})

    async def ready(self) -> "Callers":
        """Warm it up."""
        warm_up = asyncio.create_task(self.predictor.warm_up())
        await settle_loop()
        self.thread.step()
        await warm_up
        self.runtime.calls.clear()
        return self

    def ask(
        self,
        rows: Sequence[float],
        width: int = 1,
        timeout: float | None = None,
        work: Work = Work.PREDICTION,
    ) -> asyncio.Task[Answer]:
        """Ask for the doubles of numbers, each the first of a row."""
        values = np.zeros((len(rows), width))
        values[:, 0] = rows
        query = Query({"predict": 0}, Rows(values, len(rows)), lambda outputs: Body(outputs["predict"].tobytes()))
        deadline = self.predictor.deadline(asyncio.get_running_loop().time(), timeout)
        self.tasks.append(asyncio.create_task(self._answer(query, deadline, work)))
        return self.tasks[-1]

    async def _answer(self, query: Query, deadline: Deadline, work: Work) -> Answer:
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        job = self.predictor.submit(query, deadline, partial(settle, answer), work)
        try:
            return await answer
        except asyncio.CancelledError:
            self.predictor.forget(job)
            raise


def numbers_of(answer: Answer) -> list[float]:
    """What an answer holds."""
    return list(np.frombuffer(answer.body.content))


async def settle_loop() -> None:
    """Let the event loop do what is due."""
    for _ in range(5):
        await asyncio.sleep(0)
