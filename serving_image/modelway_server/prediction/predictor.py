"""Queries to answers, with the model as the one thing that all of them share; used by every transport.

The model answers one call after the other. What arrives while it works waits, within bounds, and goes together in the
next call. Short calls of engines whose time depends on nothing but the number of rows are made by the event loop
itself; all others in the model's thread, so that the loop stays free for probes and for reading requests. What waits
longer than its deadline is dropped before the model sees it, and so is what nobody waits for any more.
"""

import asyncio
import logging
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from modelway_server.contract.row_batches import bytes_of
from modelway_server.contract.rows import Rows
from modelway_server.dataplane import Arrays, Body, DataPlane, Query
from modelway_server.errors import Overloaded, PredictionFailed, QueueFull, TooSlow
from modelway_server.prediction.batching import Deadline, Job, Waiting, total_rows
from modelway_server.prediction.call_probe import Cost, measure
from modelway_server.prediction.model_thread import ModelThread
from modelway_server.process.worker_state import WorkerStates
from modelway_server.runtimes.base import Runtime
from modelway_server.telemetry.metrics import Metrics

MAX_HELD_BODIES = 8
"""Bytes of requests that may be in memory, in multiples of the cap on one body."""
LARGE_BODY_BYTES = 256 * 1024
"""A body from which on reading it would hold up the event loop for milliseconds."""
INLINE_SECONDS = 0.0005
"""A call that is expected to take longer is not made by the event loop."""
STEADY_ENGINES = frozenset({"onnx", "trees", "linear", "xgboost", "lightgbm"})
"""Engines that run no code of a model's author: how long they take is known from the number of rows."""

Answered = Job[Query, Body]
_LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What one worker holds its requests to; see ServeSettings."""

    request_timeout: float
    max_request_bytes: int
    max_queue: int
    max_batch_rows: int
    """Rows of several requests in one call; 1 where the answer to a row may depend on the rows beside it."""


class Held:
    """Bytes of one request that are in memory; `release` must be called when it is answered."""

    def __init__(self, predictor: "Predictor") -> None:
        self._predictor = predictor
        self._size = 0

    def add(self, size: int) -> None:
        """So many more.

        Raises:
            QueueFull: there is no room for them.
        """
        self._predictor.take_bytes(size)
        self._size += size

    def release(self) -> None:
        """None any more."""
        self._predictor.take_bytes(-self._size)
        self._size = 0


class Predictor:
    """Answers queries.

    Args:
        plane: whose model it is.
        lifecycle: told when the model's thread works, so that a call that never comes back is found.
        metrics: what counts.
        limits: what requests are held to.
        model: the thread in which the model works.
    """

    def __init__(
        self,
        plane: DataPlane,
        lifecycle: WorkerStates,
        metrics: Metrics,
        limits: Limits,
        model: ModelThread | None = None,
    ) -> None:
        self._plane = plane
        self._lifecycle = lifecycle
        self._metrics = metrics
        self._limits = limits
        self._model = model or ModelThread()
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")
        self._waiting: Waiting[Query, Body] = Waiting(limits.max_batch_rows, plane.kind_of)
        self._inline: Callable[[int], bool] = lambda _: False
        self._in_model: Sequence[Answered] = ()
        self._bytes = 0
        self._told_depth = 0
        self._turn: asyncio.Handle | None = None
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = float("inf")

    async def warm_up(self) -> None:
        """Let the model predict once, and learn what its calls cost.

        Raises:
            LoadFailure: it cannot.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Cost | Exception] = loop.create_future()
        self._model.submit(self._warmed_up, done.set_result)
        cost = await done
        if isinstance(cost, Exception):
            raise cost
        engine = self._plane.runtime.engine
        self._waiting.max_rows = cost.worthwhile_rows(self._limits.max_batch_rows)
        if engine in STEADY_ENGINES:
            self._inline = lambda rows: cost.of(rows) < INLINE_SECONDS
        measured = {
            "call_microseconds": round(cost.fixed * 1e6, 1),
            "row_microseconds": round(cost.per_row * 1e6, 2),
            "batch_rows": self._waiting.max_rows,
        }
        _LOGGER.info("measured", extra={"engine": engine, **measured})

    def deadline(self, started: float, *timeouts: float | None) -> Deadline:
        """The deadline of a request.

        Args:
            started: monotonic time of its header.
            timeouts: seconds in which its caller wants the answer, None where it does not say: the shortest counts, and
                none that is longer than the server's own.
        """
        shortest = min((timeout for timeout in timeouts if timeout is not None), default=self._limits.request_timeout)
        if shortest >= self._limits.request_timeout:
            return Deadline(started + self._limits.request_timeout)
        return Deadline(started + shortest, callers=True)

    def check_room(self) -> None:
        """Refuse a request before its body is read.

        Raises:
            QueueFull: as many wait as may.
        """
        if len(self._waiting) >= self._limits.max_queue:
            raise _queue_full()

    def hold(self) -> Held:
        """An account of a request's bytes, of which there are none yet."""
        return Held(self)

    def take_bytes(self, size: int) -> None:
        """Count bytes of requests that are in memory; negative for such as are not any more.

        Raises:
            QueueFull: there is no room for them.
        """
        most = self._limits.max_request_bytes * MAX_HELD_BODIES
        if size > 0 and self._bytes and self._bytes + size > most:
            raise _queue_full()
        self._bytes += size

    async def read(self, reader: Callable[[bytes], Query], body: bytes, held: Held) -> Query:
        """The query in a body, read where it holds nobody up.

        Args:
            reader: of the data plane.
            body: of the request.
            held: its account, to which what it becomes is added.

        Raises:
            InputError: the request is at fault; the field is named.
            QueueFull: there is no room for what it becomes.
        """
        if len(body) < LARGE_BODY_BYTES:
            return reader(body)
        query = await asyncio.get_running_loop().run_in_executor(self._reader, reader, body)
        held.add(max(bytes_of(query.rows) - len(body), 0))
        return query

    def submit(self, query: Query, deadline: Deadline) -> Answered:
        """Let a query wait for its turn; `answer` of the job is settled with its answer.

        Raises:
            QueueFull: as many wait as may.
        """
        if len(self._waiting) >= self._limits.max_queue:
            self._take_turn()
            self.check_room()
        loop = asyncio.get_running_loop()
        job: Answered = Job(query, query.rows.count, deadline, time.monotonic(), loop.create_future())
        self._waiting.push(job)
        if self._in_model:
            self._tell_depth()
            self._watch(deadline.at)
        elif self._turn is None:
            # others of this turn of the loop go in the same call
            self._turn = loop.call_soon(self._take_turn)
        return job

    def forget(self, job: Answered) -> None:
        """Nobody waits for this job any more."""
        self._waiting.remove(job)
        self._tell_depth()

    async def run(self, query: Query, deadline: Deadline) -> Body:
        """The answer to a query.

        Raises:
            InvalidInput: the model refuses the rows.
            PredictionFailed: the model is at fault.
            QueueFull: as many wait as may.
            Overloaded: its turn did not come in time.
            TooSlow: its deadline passed.
        """
        job = self.submit(query, deadline)
        try:
            return await job.answer
        except asyncio.CancelledError:
            self.forget(job)
            raise

    def close(self) -> None:
        """Take no more calls; do not wait for the one that runs."""
        self._model.close()
        self._reader.shutdown(wait=False, cancel_futures=True)

    def _take_turn(self) -> None:
        """Have the next batch answered, unless the model is busy."""
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        if self._in_model:
            return
        now = time.monotonic()
        self._settle_late(self._waiting.expired(now))
        batch = self._waiting.take()
        self._tell_depth()
        if not batch:
            return
        rows = total_rows(batch)
        self._metrics.batch_rows.observe(rows)
        for job in batch:
            self._metrics.queue_seconds.observe(now - job.since)
        if self._inline(rows):
            _settle(batch, self._answers(batch))
            if len(self._waiting):
                self._turn = asyncio.get_running_loop().call_soon(self._take_turn)
            return
        self._in_model = batch
        self._watch(min(self._waiting.next_deadline(), *(job.deadline.at for job in batch)))
        self._model.submit(partial(self._work, batch), self._worked)

    def _work(self, batch: Sequence[Answered]) -> list[Body | Exception]:
        """In the model's thread."""
        self._lifecycle.begin_prediction()
        try:
            return self._answers(batch)
        finally:
            self._lifecycle.end_prediction()

    def _answers(self, batch: Sequence[Answered]) -> list[Body | Exception]:
        try:
            return self._plane.answer_all([job.query for job in batch])
        except BaseException as error:
            _LOGGER.exception("the model's code ends the program")
            return [PredictionFailed(f"the model's code raised {type(error).__name__}") for _ in batch]

    def _worked(self, answers: list[Body | Exception]) -> None:
        batch, self._in_model = self._in_model, ()
        _settle(batch, answers)
        self._take_turn()

    def _tell_depth(self) -> None:
        """Publish how many wait, where that has changed."""
        depth = len(self._waiting)
        if depth != self._told_depth:
            self._told_depth = depth
            self._metrics.queue_depth.set(depth)

    def _watch(self, deadline: float) -> None:
        """Look for late requests at that time, if not earlier."""
        if deadline >= self._alarm_at:
            return
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm_at = deadline
        self._alarm = asyncio.get_running_loop().call_later(max(deadline - time.monotonic(), 0.0), self._ring)

    def _ring(self) -> None:
        self._alarm, self._alarm_at = None, float("inf")
        now = time.monotonic()
        self._settle_late(self._waiting.expired(now))
        self._tell_depth()
        in_model = [job for job in self._in_model if not job.answer.done()]
        for job in in_model:
            if job.deadline.at <= now:
                job.settle(self._late(job, tried=True))
        left = [job.deadline.at for job in in_model if job.deadline.at > now]
        self._watch(min([*left, self._waiting.next_deadline()]))

    def _settle_late(self, jobs: Sequence[Answered]) -> None:
        for job in jobs:
            job.settle(self._late(job, tried=False))

    def _late(self, job: Answered, *, tried: bool) -> Overloaded | TooSlow:
        if job.deadline.callers:
            return TooSlow("there was no answer within the timeout that the request asks for")
        seconds = self._limits.request_timeout
        if tried:
            return TooSlow(
                f"the model took longer than {seconds:g} s; send fewer rows, or raise runtime.limits.requestTimeoutSeconds"
            )
        return Overloaded(f"the model was busy for {seconds:g} s; try again, or add replicas")

    def _warmed_up(self) -> Cost | Exception:
        """In the model's thread."""
        runtime = self._plane.runtime
        try:
            runtime.warm_up()
            example = runtime.example()
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # made-up rows are odd on purpose
                return measure(partial(_call, runtime, runtime.methods[0]), example)
        except Exception as error:  # noqa: BLE001  (it ends the process, with its reason, in another thread)
            return error


def _call(runtime: Runtime, method: str, rows: Rows) -> Arrays:
    return runtime.call(method, rows.values, rows.count)


def _settle(batch: Sequence[Answered], answers: Sequence[Body | Exception]) -> None:
    for job, answer in zip(batch, answers, strict=True):
        job.settle(answer)


def _queue_full() -> QueueFull:
    return QueueFull("too many requests wait for the model; try again, or add replicas")
