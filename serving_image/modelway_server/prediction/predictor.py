"""Queries to answers, with the model as the one thing that all of them share; used by every transport.

The model answers one call after the other. Queries that arrive during a call wait, within bounds, and go together in the
next call. The event loop itself makes short calls of engines whose time depends on the number of rows alone. The
model's thread makes all others, so that the loop stays free for probes and for reading requests. A query that waits
longer than its deadline is dropped before the model sees it, and so is one whose caller has gone. Explanations wait
behind predictions, within a budget. The metrics of the queue tell of predictions alone.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.query import Answer, Query
from modelway_server.errors import PredictionFailed
from modelway_server.prediction.alarm import Alarm
from modelway_server.prediction.batching import Deadline, Job, Waiting, Work, total_rows
from modelway_server.prediction.call_probe import CallCost, warm_up
from modelway_server.prediction.held_bytes import MAX_HELD_BODIES, Held, HeldBytes
from modelway_server.prediction.limits import Limits, queue_full
from modelway_server.prediction.line import Line
from modelway_server.prediction.model_thread import ModelThread
from modelway_server.process.worker_state import WorkerStates
from modelway_server.telemetry.metrics import Metrics

LARGE_BODY_BYTES = 512 * 1024
"""A body from which on reading it would hold up the event loop for more than a millisecond."""

QueryJob = Job[Query, Answer]
_LOGGER = logging.getLogger(__name__)


class Predictor:
    """Answers queries.

    Args:
        plane: whose model it is.
        worker_states: records when the model's thread works, so that a call that never comes back is found.
        metrics: what counts.
        limits: bounds of requests.
        model: the thread in which the model works.

    Attributes:
        held_bytes: of all requests, and of answers that nobody has read yet.
        for_room: those who wait until one more prediction may wait.
        for_idle: those who wait until nobody else waits for the model.
        is_settling: whether answers of one call are delivered; their counts are published after the last.
    """

    def __init__(
        self,
        plane: DataPlane,
        worker_states: WorkerStates,
        metrics: Metrics,
        limits: Limits,
        model: ModelThread | None = None,
    ) -> None:
        self._plane = plane
        self._worker_states = worker_states
        self._metrics = metrics
        self._limits = limits
        self._model = model or ModelThread()
        self._reader = ThreadPoolExecutor(max_workers=1, thread_name_prefix="reader")
        self._waiting: Waiting[Query, Answer] = Waiting(
            limits.max_batch_rows, plane.kind_of, max_waiting=(limits.max_queue, limits.max_explanations)
        )
        self.held_bytes = HeldBytes(limits.max_request_bytes * MAX_HELD_BODIES)
        self._alarm = Alarm(self._settle_deadlines)
        self._is_inline: Callable[[int], bool] = lambda _: False
        self._in_model: Sequence[QueryJob] = ()
        self._published_depth = 0
        self._turn: asyncio.Handle | None = None
        self.is_settling = False
        self._leaving: list[Callable[[], None]] = []
        self.for_room, self.for_idle = Line(lambda: self.has_room), Line(lambda: self.is_idle)

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for the model."""
        return not self._in_model and self._turn is None and not len(self._waiting)

    @property
    def gives_amounts(self) -> bool:
        """Whether integers in the model's answers are amounts, and no labels."""
        return self._plane.gives_amounts

    @property
    def has_room(self) -> bool:
        """Whether one more prediction may wait."""
        return not self._waiting.is_full(Work.PREDICTION)

    async def warm_up(self) -> None:
        """Let the model predict once, and measure the cost of its calls.

        Raises:
            LoadFailure: the model cannot predict.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[CallCost | Exception] = loop.create_future()
        self._model.submit(partial(warm_up, self._plane.runtime), done.set_result)
        cost = await done
        if isinstance(cost, Exception):
            raise cost
        engine = self._plane.runtime.engine
        self._waiting.max_rows = cost.worthwhile_rows(self._limits.max_batch_rows)
        self._is_inline = cost.inline_rule(engine)
        measured = {
            "call_microseconds": round(cost.fixed * 1e6, 1),
            "row_microseconds": round(cost.per_row * 1e6, 2),
            "batch_rows": self._waiting.max_rows,
        }
        _LOGGER.info("measured", extra={"engine": engine, **measured})

    def deadline(self, started: float, *timeouts: float | None) -> Deadline:
        """The deadline of a request; see `Limits.deadline`."""
        return self._limits.deadline(started, *timeouts)

    def check_room(self, work: Work = Work.PREDICTION) -> None:
        """Refuse a request before its body is read.

        Raises:
            QueueFull: as many of its class wait as may.
        """
        if self._waiting.is_full(work):
            raise queue_full(work)

    def hold(self) -> Held:
        """An account of a request's bytes, of which there are none yet."""
        return Held(self.held_bytes)

    def read_apart(self, read: Callable[[], Query]) -> asyncio.Future[Query]:
        """The query that `read` gives in a thread, so that reading it holds up nobody."""
        return asyncio.get_running_loop().run_in_executor(self._reader, read)

    def submit(
        self,
        query: Query,
        deadline: Deadline,
        deliver: Callable[[Answer | Exception], None],
        work: Work = Work.PREDICTION,
    ) -> QueryJob:
        """Let a query wait for its turn.

        Args:
            query: that was read.
            deadline: by which it must be answered.
            deliver: takes the answer, or why there is none; not called for a job that is forgotten.
            work: its class.

        Raises:
            QueueFull: as many of its class wait as may.
        """
        if self._waiting.is_full(work):
            self._take_turn()
            self.check_room(work)
        job: QueryJob = Job(query, query.rows.count, deadline, time.monotonic(), deliver, work)
        self._waiting.push(job)
        if self._in_model:
            self._publish_depth()
            self._alarm.set(deadline.at)
        elif self._turn is None:
            # others of this turn of the loop go in the same call
            self._turn = asyncio.get_running_loop().call_soon(self._take_turn)
        return job

    def once_published(self, leave: Callable[[], None]) -> None:
        """Have a counted answer leave: now, or with the others of its call once their counts are published."""
        if self.is_settling:
            self._leaving.append(leave)
        else:
            leave()

    def forget(self, job: QueryJob) -> None:
        """Drop a job that nobody waits for any more."""
        self._waiting.remove(job)
        self._publish_depth()
        self._serve_lines()

    def close(self) -> None:
        """Take no more calls; do not wait for the one that runs."""
        self._model.close()
        self._reader.shutdown(wait=False, cancel_futures=True)

    def _serve_lines(self) -> None:
        """Give those who wait outside the queue their turn: for room first, since clients wait for these."""
        if len(self.for_room):
            self.for_room.serve()
        if len(self.for_idle):
            self.for_idle.serve()

    def _take_turn(self) -> None:
        """Have the next batch answered, unless the model is busy, and let others take the place of what it held."""
        self._take_batch()
        self._serve_lines()

    def _take_batch(self) -> None:
        if self._turn is not None:
            self._turn.cancel()
            self._turn = None
        if self._in_model:
            return
        self._settle_expired(time.monotonic())
        now = time.monotonic()  # those that were answered may have asked again
        batch = self._waiting.take(now)
        self._publish_depth()
        if not batch:
            return
        rows = total_rows(batch)
        if batch[0].work is Work.PREDICTION:
            self._metrics.batch_rows.observe(rows)
            self._metrics.queue_seconds.observe_all([now - job.since for job in batch])
        if self._is_inline(rows):
            answers = self._answers(batch)
            self._waiting.end(time.monotonic())
            self._settle(batch, answers)
            if len(self._waiting) and self._turn is None:
                self._turn = asyncio.get_running_loop().call_soon(self._take_turn)
            return
        self._in_model = batch
        self._metrics.publish()
        self._alarm.set(min(self._waiting.next_deadline(), *(job.deadline.at for job in batch)))
        self._model.submit(partial(self._work, batch), self._finish)

    def _work(self, batch: Sequence[QueryJob]) -> list[Answer | Exception]:
        """In the model's thread."""
        self._worker_states.begin_prediction()
        try:
            return self._answers(batch)
        finally:
            self._worker_states.end_prediction()

    def _answers(self, batch: Sequence[QueryJob]) -> list[Answer | Exception]:
        try:
            return self._plane.answer_all([job.query for job in batch])
        except BaseException as error:
            _LOGGER.exception("the model's code ends the program")
            return [PredictionFailed(f"the model's code raised {type(error).__name__}") for _ in batch]

    def _finish(self, answers: list[Answer | Exception]) -> None:
        batch, self._in_model = self._in_model, ()
        self._waiting.end(time.monotonic())
        self._settle(batch, answers)
        self._take_turn()

    def _publish_depth(self) -> None:
        """Publish how many predictions wait, where that has changed."""
        depth = self._waiting.count(Work.PREDICTION)
        if depth != self._published_depth:
            self._published_depth = depth
            self._metrics.queue_depth.set(depth)

    def _settle_deadlines(self) -> None:
        """Answer the requests whose deadline has passed, also those in the model."""
        now = time.monotonic()
        self._settle_expired(now)
        self._publish_depth()
        in_model = [job for job in self._in_model if not job.is_done]
        for job in in_model:
            if job.deadline.at <= now:
                _deliver(job, self._limits.refuse_late(job.deadline, called=True))
        left = [job.deadline.at for job in in_model if job.deadline.at > now]
        self._alarm.set(min([*left, self._waiting.next_deadline()]))
        self._serve_lines()

    def _settle_expired(self, now: float) -> None:
        for job in self._waiting.expired(now):
            _deliver(job, self._limits.refuse_late(job.deadline, called=False))

    def _settle(self, batch: Sequence[QueryJob], answers: Sequence[Answer | Exception]) -> None:
        """Deliver the answers of a call. All are counted, then that is published, and then they leave."""
        self.is_settling = True
        for job, answer in zip(batch, answers, strict=True):
            _deliver(job, answer)
        self.is_settling = False
        self._metrics.publish()
        leaving, self._leaving = self._leaving, []
        for leave in leaving:
            try:
                leave()
            except Exception:
                _LOGGER.exception("an answer could not be sent")


def _deliver(job: QueryJob, outcome: Answer | Exception) -> None:
    """Give a job its outcome; what goes wrong there is nobody else's."""
    try:
        job.settle(outcome)
    except Exception:
        _LOGGER.exception("an answer could not be delivered")
