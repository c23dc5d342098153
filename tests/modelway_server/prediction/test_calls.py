"""The life of a call: what observers see of it, and what it leaves behind."""

import asyncio
import itertools
import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest

from modelway_server.contract.rows import Rows
from modelway_server.dataplane.query import Answer, Body, Query
from modelway_server.errors import TooSlow
from modelway_server.prediction import predictor
from modelway_server.prediction.batching import Deadline
from modelway_server.prediction.calls import CALLER_GONE, Answered, Call, Calls
from modelway_server.protocol.trace_context import TRACE_ID, TraceContext
from modelway_server.telemetry.observers import Finished
from support.server.doubling import Callers, settle_loop


def query(number: float) -> Query:
    return Query({"predict": 0}, Rows(np.array([[number]]), 1), lambda outputs: Body(outputs["predict"].tobytes()))


def begin(calls: Calls, trace: TraceContext | None = None, timeout: float | None = None) -> Call:
    return calls.begin("infer", "http", time.monotonic(), timeout=timeout, trace=trace)


def test_observer_sees_the_rows_and_outputs_of_each_call() -> None:
    """Also where the model answered several in one call."""

    async def ask() -> list[Finished]:
        callers = await Callers("linear").ready()
        finished: list[Finished] = []
        callers.metrics.observers = (finished.append,)
        calls = Calls(callers.predictor, callers.metrics)

        async def one(number: float) -> None:
            call = begin(calls)
            await calls.answer(call, lambda: query(number))
            calls.finish(call, 200)

        await asyncio.gather(one(1.0), one(2.0))
        assert len(callers.runtime.calls) == 1
        return finished

    for number, each in enumerate(asyncio.run(ask()), start=1):
        assert each.query is not None
        assert each.answer is not None
        assert each.query.rows.values.tolist() == [[number]]
        assert each.answer.outputs["predict"]["predict"].tolist() == [2 * number]


def test_answer_is_kept_for_no_one_where_no_one_observes() -> None:
    async def ask() -> Call:
        callers = await Callers("linear").ready()
        calls = Calls(callers.predictor, callers.metrics)
        call = begin(calls)
        await calls.answer(call, lambda: query(1.0))
        return call

    assert asyncio.run(ask()).answer is None


def test_abandoned_call_counts_as_given_up_and_gets_no_answer() -> None:
    async def leave() -> list[Finished]:
        callers = await Callers().ready()
        finished: list[Finished] = []
        callers.metrics.observers = (finished.append,)
        calls = Calls(callers.predictor, callers.metrics)
        call = begin(calls)
        calls.ask(call, lambda: query(1.0), lambda _: finished.clear())
        await settle_loop()
        calls.abandon(call)
        callers.thread.step()
        return finished

    [each] = asyncio.run(leave())
    assert (each.code, each.answer) == (CALLER_GONE, None)


def test_answers_of_one_call_leave_once_all_are_counted() -> None:
    """Another worker may be asked for the metrics as soon as a client has its answer."""

    async def ask() -> list[float | None]:
        callers = await Callers("linear").ready()
        calls = Calls(callers.predictor, callers.metrics)
        counts: list[float | None] = []

        def finishing(call: Call) -> Answered:
            def answered(_: object) -> None:
                calls.finish(call, 200)
                calls.once_published(lambda: counts.append(callers.rows_total))

            return answered

        for number in range(3):
            call = begin(calls)
            calls.ask(call, partial(query, float(number)), finishing(call))
        await settle_loop()
        return counts

    assert asyncio.run(ask()) == [3.0, 3.0, 3.0]


@pytest.mark.parametrize("engine", ["linear", "estimator"])
@pytest.mark.parametrize("timeout", [None, 0.01])
def test_answer_comes_in_the_trace_of_its_own_call(engine: str, timeout: float | None) -> None:
    async def ask() -> list[str]:
        callers = await Callers(engine).ready()
        calls = Calls(callers.predictor, callers.metrics)
        traces: list[str] = []
        done = asyncio.Event()

        def answered(_: object) -> None:
            traces.append(TRACE_ID.get())
            if len(traces) == 3:
                done.set()

        for trace in (TraceContext("a" * 32, "b" * 16, sampled=True), None, None):
            calls.ask(begin(calls, trace, timeout), partial(query, 1.0), answered)
        await settle_loop()
        if timeout is None:
            callers.thread.step()
            await settle_loop()
            callers.thread.step()
        await asyncio.wait_for(done.wait(), 10)
        return traces

    assert sorted(asyncio.run(ask())) == ["", "", "a" * 32]


def test_delivery_that_fails_keeps_no_other_from_its_refusal() -> None:
    async def ask() -> list[Exception]:
        callers = await Callers("linear").ready()
        refusals: list[Exception] = []

        def fail(_: object) -> None:
            raise ValueError("a fault")

        def keep(outcome: object) -> None:
            assert isinstance(outcome, Exception)
            refusals.append(outcome)

        deliveries = [fail, keep]
        for deliver in deliveries:
            callers.predictor.submit(query(1.0), Deadline(0.0, callers=True), deliver)
        await settle_loop()
        return refusals

    [refusal] = asyncio.run(ask())
    assert isinstance(refusal, TooSlow)


def test_request_behind_a_late_one_waits_from_when_it_came(monkeypatch: pytest.MonkeyPatch) -> None:
    async def ask() -> float | None:
        callers = await Callers("linear").ready()
        ticks = itertools.count(1000.0)
        monkeypatch.setattr(predictor, "time", SimpleNamespace(monotonic=lambda: next(ticks)))

        def follow(_: object) -> None:
            callers.predictor.submit(query(2.0), Deadline(1e9), lambda _: None)

        callers.predictor.submit(query(1.0), Deadline(0.0), follow)
        await settle_loop()
        return callers.queue_seconds_total

    assert (asyncio.run(ask()) or -1.0) > 0.0


def test_request_that_came_back_waits_for_room_after_it_was_read() -> None:
    """Two of them saw the last room; reading took so long that the other got it."""

    async def ask() -> list[object]:
        callers = await Callers(max_queue=1, max_rows=1).ready()
        calls = Calls(callers.predictor, callers.metrics)
        outcomes: list[object] = []
        for number in range(4):
            call = begin(calls)
            call.is_own = False
            calls.ask(call, partial(query, float(number)), outcomes.append, apart=True)
        for _ in range(1000):
            await asyncio.sleep(0.001)
            callers.thread.step()
            if len(outcomes) == 4:
                break
        return [type(outcome) for outcome in outcomes]

    assert asyncio.run(ask()) == [Answer] * 4


@pytest.mark.parametrize("is_clients", [True, False])
def test_pace_is_that_of_requests_of_clients(is_clients: bool) -> None:  # noqa: FBT001
    async def ask() -> int:
        callers = await Callers("linear").ready()
        calls = Calls(callers.predictor, callers.metrics)
        call = calls.begin("infer", "http", time.monotonic(), timeout=None, trace=None, is_clients=is_clients)
        await calls.answer(call, lambda: query(1.0))
        return len(callers.metrics.recent_seconds)

    assert asyncio.run(ask()) == int(is_clients)
