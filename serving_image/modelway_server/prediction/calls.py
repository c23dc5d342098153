"""The life of one request, whatever its transport: begun, asked, and then either answered or abandoned.

A transport frames bytes. All else that happens to a request happens here once, so that every transport counts alike: a
caller that gives up counts as 499, whatever its request had come to.
"""

import asyncio
import time
from collections.abc import Callable
from contextvars import copy_context
from functools import partial
from typing import Protocol, TypeVar

from modelway_server.contract.row_batches import bytes_of
from modelway_server.dataplane.query import Answer, Query
from modelway_server.prediction.batching import Deadline, Work
from modelway_server.prediction.held_bytes import Held, HeldBytes
from modelway_server.prediction.line import Begin, Turn
from modelway_server.prediction.predictor import Predictor, QueryJob
from modelway_server.protocol.trace_context import TRACE_ID, TraceContext
from modelway_server.telemetry.metrics import Metrics
from modelway_server.telemetry.observers import Finished

T = TypeVar("T")

CALLER_GONE = 499
"""The status that metrics give a request whose caller gave up."""

Answered = Callable[[Answer | Exception], None]
"""Takes the answer, or why there is none."""


class Cancellable(Protocol):
    """What can be given up."""

    def cancel(self) -> object:
        """Give it up."""


class Call:
    """One request for the model.

    Attributes:
        method: the metrics' word for its route.
        protocol: `http` or `grpc`.
        started: when its head had arrived, on the monotonic clock.
        arrival: when it had arrived whole: before that its caller is slow, and no model.
        timeout: seconds in which its caller wants the answer; None where it does not say.
        trace: that it belongs to, or None.
        held: the account of its bytes.
        query: once it was read.
        answer: once the model gave it, where there are observers.
        is_counted: whether it is a client's; else a server that counts it has handed it over.
        is_clients: whether no server says that it sends it; what merely says so is counted, and is no measure of pace.
        is_own: whether the model here is the first that is asked.
        elsewhere: what asks another server for its answer, or waits for room; None where nothing does.
        abandoned: called once where its caller gives up; None where nobody must know.
    """

    __slots__ = (
        "abandoned",
        "answer",
        "arrival",
        "elsewhere",
        "ended",
        "held",
        "is_clients",
        "is_counted",
        "is_own",
        "job",
        "method",
        "protocol",
        "query",
        "reading",
        "started",
        "timeout",
        "trace",
    )

    def __init__(
        self,
        method: str,
        protocol: str,
        started: float,
        *,
        timeout: float | None,
        trace: TraceContext | None,
        held: Held,
        is_clients: bool = True,
        is_counted: bool = True,
    ) -> None:
        self.method = method
        self.protocol = protocol
        self.started = self.arrival = started
        self.timeout = timeout
        self.trace = trace
        self.held = held
        self.query: Query | None = None
        self.answer: Answer | None = None
        self.reading: asyncio.Future[Query] | None = None
        self.job: QueryJob | None = None
        self.is_clients = is_clients
        self.is_counted = is_counted
        self.is_own = True
        self.elsewhere: Cancellable | None = None
        self.abandoned: Callable[[], None] | None = None
        self.ended = False

    @property
    def trace_id(self) -> str:
        """Of its trace; empty where it belongs to none."""
        return "" if self.trace is None else self.trace.trace_id

    @property
    def age(self) -> float:
        """Seconds since it had arrived whole."""
        return time.monotonic() - self.arrival


class Calls:
    """The way of all requests of one worker.

    Args:
        predictor: answers them.
        metrics: counts them.
    """

    def __init__(self, predictor: Predictor, metrics: Metrics) -> None:
        self._predictor = predictor
        self._metrics = metrics

    def begin(
        self,
        method: str,
        protocol: str,
        started: float,
        *,
        timeout: float | None,
        trace: TraceContext | None,
        is_clients: bool = True,
        is_counted: bool = True,
    ) -> Call:
        """A request whose head has arrived; `finish` or `abandon` ends it."""
        self._metrics.begin()
        held = self._predictor.hold()
        return Call(
            method,
            protocol,
            started,
            timeout=timeout,
            trace=trace,
            held=held,
            is_clients=is_clients,
            is_counted=is_counted,
        )

    def admit(self) -> None:
        """Refuse a request before it is read.

        Raises:
            QueueFull: as many wait for the model as may.
        """
        self._predictor.check_room()

    def deadline(self, call: Call, *timeouts: float | None) -> Deadline:
        """When a request must be answered.

        Args:
            call: of it.
            timeouts: seconds in which its caller wants the answer, beside what its head says.
        """
        return self._predictor.deadline(call.started, call.timeout, *timeouts)

    def ask(self, call: Call, read: Callable[[], Query], answered: Answered, *, apart: bool = False) -> None:
        """Read a request that has arrived, and have the model answer it.

        Args:
            call: of the request.
            read: gives the query; may raise.
            answered: called once, now or later; not at all for a request that is abandoned.
            apart: whether reading takes so long that the event loop shall not do it.
        """
        token = TRACE_ID.set(call.trace_id)
        try:
            self._ask(call, read, answered, apart=apart)
        finally:
            TRACE_ID.reset(token)

    async def answer(self, call: Call, read: Callable[[], Query], *, apart: bool = False) -> Answer:
        """The answer to a request, for a transport that waits for it in a task; the arguments are those of `ask`.

        Raises:
            Exception: why there is none.
        """
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.ask(call, read, partial(settle, answer), apart=apart)
        return await answer

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits for the model."""
        return self._predictor.is_idle

    @property
    def gives_amounts(self) -> bool:
        """Whether integers in the model's answers are amounts, and no labels."""
        return self._predictor.gives_amounts

    @property
    def has_room(self) -> bool:
        """Whether one more request may wait for the model, before which nobody waits for that."""
        return self._predictor.has_room and not len(self._predictor.for_room)

    @property
    def held_bytes(self) -> HeldBytes:
        """The bytes of all requests. Where they are scarce, none should be held for longer than it must."""
        return self._predictor.held_bytes

    def when_room(self, at: float, begin: Begin) -> Turn:
        """Wait until one more request may wait for the model; see `Line.wait`."""
        return self._predictor.for_room.wait(at, begin)

    def when_idle(self, at: float, begin: Begin) -> Turn:
        """Wait until nobody waits for the model; see `Line.wait`."""
        return self._predictor.for_idle.wait(at, begin)

    def read_apart(self, read: Callable[[], Query]) -> asyncio.Future[Query]:
        """The query that `read` gives in a thread, so that reading it holds up nobody."""
        return self._predictor.read_apart(read)

    async def answer_aside(self, read: Callable[[], Query], *, apart: bool) -> Answer:
        """The model's answer to a request whose client has one already; predictions go first.

        Args:
            read: as in `ask`.
            apart: likewise.

        Raises:
            Exception: why there is none.
        """
        query = await self._predictor.read_apart(read) if apart else read()
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        deadline = self._predictor.deadline(time.monotonic())
        job = self._predictor.submit(query, deadline, partial(settle, answer), Work.EXPLANATION)
        try:
            return await answer
        except asyncio.CancelledError:
            self._predictor.forget(job)
            raise

    def finish(self, call: Call, code: int) -> None:
        """Count a request once its answer is on its way, and notify the observers.

        Args:
            call: of the request; a second time nothing happens.
            code: HTTP status, whatever the transport.
        """
        if call.ended:
            return
        call.ended = True
        call.held.release()
        metrics, ended = self._metrics, time.monotonic()
        if call.is_counted:
            metrics.observe(call.method, code, ended - call.started)
        else:
            metrics.end()
        if not self._predictor.is_settling:
            metrics.publish()
        if metrics.observers:
            stages, rows = (call.query.stages, call.query.rows.count) if call.query else (None, 0)
            what = (call.method, code, call.started, ended, stages, rows, call.trace, call.protocol)
            metrics.notify(Finished(*what, query=call.query, answer=call.answer))
        call.query = call.answer = call.abandoned = None

    def once_published(self, leave: Callable[[], None]) -> None:
        """Have an answer leave once its count is published."""
        self._predictor.once_published(leave)

    def abandon(self, call: Call) -> None:
        """Drop a request whose caller has gone."""
        abandoned, call.abandoned = call.abandoned, None
        if call.elsewhere is not None:
            call.elsewhere.cancel()
            call.elsewhere = None
        if call.reading is not None:
            call.reading.cancel()
        if call.job is not None:
            self._predictor.forget(call.job)
        self.finish(call, CALLER_GONE)
        if abandoned is not None:
            abandoned()

    def _ask(self, call: Call, read: Callable[[], Query], answered: Answered, *, apart: bool) -> None:
        try:
            self.admit()
            if not apart:
                self._submit(call, read(), answered)
                return
        except Exception as error:  # noqa: BLE001  (each has its status)
            answered(error)
            return
        call.reading = self._predictor.read_apart(partial(copy_context().run, read))
        call.reading.add_done_callback(partial(self._submit_read, call, answered))

    def _submit_read(self, call: Call, answered: Answered, reading: asyncio.Future[Query]) -> None:
        call.reading = None
        if reading.cancelled():
            return
        try:
            query = reading.result()
            call.held.resize(bytes_of(query.rows))
            if call.is_own or self.has_room:
                self._submit(call, query, answered)
            else:
                self._submit_later(call, query, answered)
        except Exception as error:  # noqa: BLE001  (as above)
            answered(error)

    def _submit_later(self, call: Call, query: Query, answered: Answered) -> None:
        """Submit a request that was taken on once there is room: others came back while it was read."""

        def begin(_: bool) -> None:  # noqa: FBT001  (without room it is refused as any other)
            call.elsewhere = None
            try:
                self._submit(call, query, answered)
            except Exception as error:  # noqa: BLE001  (as above)
                answered(error)

        deadline = self._predictor.deadline(call.started, call.timeout, query.timeout)
        run = copy_context().run
        call.elsewhere = self.when_room(deadline.at, lambda is_free: run(begin, is_free))

    def _submit(self, call: Call, query: Query, answered: Answered) -> None:
        call.query = query
        deadline = self._predictor.deadline(call.started, call.timeout, query.timeout)
        call.job = self._predictor.submit(query, deadline, partial(self._hand_over, call, answered))

    def _hand_over(self, call: Call, answered: Answered, answer: Answer | Exception) -> None:
        """Give the answer to the transport; log lines then name the trace of the call."""
        call.job = None
        if not isinstance(answer, Exception):
            assert call.query is not None
            self._metrics.add_rows(call.query.rows.count)
            if call.is_own and call.is_clients:
                self._metrics.recent_seconds.append(call.age)
            call.answer = answer if self._metrics.observers else None
        token = TRACE_ID.set(call.trace_id)
        try:
            answered(answer)
        finally:
            TRACE_ID.reset(token)


def settle(answer: asyncio.Future[T], outcome: T | Exception) -> None:
    """Set what an answer came to, unless nobody waits for it any more."""
    if answer.done():
        return
    if isinstance(outcome, Exception):
        answer.set_exception(outcome)
    else:
        answer.set_result(outcome)
