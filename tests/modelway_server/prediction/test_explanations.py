"""The predictor lets explanations wait behind predictions, each with its own answer, bound and deadline."""

import asyncio
from contextlib import suppress

import pytest

from modelway_server.dataplane.query import Answer
from modelway_server.errors import QueueFull, TooSlow
from modelway_server.prediction.batching import Work
from support.server.doubling import Callers, numbers_of, settle_loop

PREDICTION, EXPLANATION = Work


def test_predictor_answers_predictions_before_explanations() -> None:
    async def crowd() -> tuple[list[list[float]], list[list[float]]]:
        callers = await Callers().ready()
        for number in range(1, 7):
            callers.ask([float(number)], work=EXPLANATION if number % 2 else PREDICTION)
        await settle_loop()
        while callers.thread.due:
            callers.thread.step()
        answers = await asyncio.gather(*callers.tasks)
        return callers.runtime.calls, list(map(numbers_of, answers))

    calls, answers = asyncio.run(crowd())
    assert calls == [[2.0, 4.0, 6.0], [1.0, 3.0, 5.0]]
    assert answers == [[2.0 * number] for number in range(1, 7)]


@pytest.mark.parametrize("engine", ["estimator", "linear"])
def test_prediction_goes_next_whatever_explanations_wait(engine: str) -> None:
    async def flood() -> list[list[float]]:
        callers = await Callers(engine, max_rows=1).ready()
        for number in range(1, 4):
            callers.ask([float(number)], work=EXPLANATION)
        await asyncio.sleep(0)
        await asyncio.sleep(0)  # the model has the first explanation, or has answered it
        callers.ask([9.0])
        await settle_loop()
        while callers.thread.due:
            callers.thread.step()
        await asyncio.gather(*callers.tasks)
        return callers.runtime.calls

    assert asyncio.run(flood()).index([9.0]) <= 2


def test_full_queue_of_explanations_refuses_them_alone() -> None:
    async def flood() -> list[BaseException | Answer]:
        callers = await Callers(max_explanations=1, max_queue=1).ready()
        callers.ask([1.0])
        await settle_loop()
        for number in range(2, 4):
            callers.ask([float(number)], work=EXPLANATION)
        callers.ask([4.0])
        await settle_loop()
        while callers.thread.due:
            callers.thread.step()
        return list(await asyncio.gather(*callers.tasks, return_exceptions=True))

    refused = [outcome for outcome in asyncio.run(flood()) if isinstance(outcome, BaseException)]
    assert [(type(error), str(error)) for error in refused] == [
        (QueueFull, "too many explanations wait for the model; try again, or add replicas")
    ]


def test_explanation_that_waits_keeps_its_deadline() -> None:
    async def hurry() -> None:
        callers = await Callers().ready()
        callers.ask([1.0])
        await settle_loop()
        late = callers.ask([2.0], timeout=0.05, work=EXPLANATION)
        await asyncio.wait([late], timeout=1.0)
        assert isinstance(late.exception(), TooSlow)
        callers.thread.step()

    asyncio.run(hurry())


def test_explanation_of_a_gone_caller_does_not_reach_the_model() -> None:
    async def leave() -> tuple[list[list[float]], list[float | None]]:
        callers = await Callers().ready()
        callers.ask([1.0])
        await settle_loop()
        caller = callers.ask([2.0], work=EXPLANATION)
        await settle_loop()
        depths = [callers.queue_depth]
        caller.cancel()
        with suppress(asyncio.CancelledError):
            await caller
        while callers.thread.due:
            callers.thread.step()
        return callers.runtime.calls, depths

    assert asyncio.run(leave()) == ([[1.0]], [0.0])
