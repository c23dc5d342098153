"""The life of a call: what observers see of it, and what it leaves behind."""

import asyncio
import time

import numpy as np

from modelway_server.contract.rows import Rows
from modelway_server.dataplane.query import Body, Query
from modelway_server.prediction.calls import CALLER_GONE, Call, Calls
from modelway_server.telemetry.observers import Finished
from support.server.doubling import Callers, settle_loop


def query(number: float) -> Query:
    return Query({"predict": 0}, Rows(np.array([[number]]), 1), lambda outputs: Body(outputs["predict"].tobytes()))


def begin(calls: Calls) -> Call:
    return calls.begin("infer", "http", time.monotonic(), timeout=None, trace=None)


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
