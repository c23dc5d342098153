"""Ask a model the requests of its smoke tests, and compare the answers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from modelway_server.errors import InputError, ModelwayServerError, SmokeTestFailed, UnsupportedMediaType, describe
from modelway_server.preflight.child import PreparedModel, Task
from modelway_server.preflight.mismatch import find_mismatch
from modelway_server.preflight.spec import SmokeTest

if TYPE_CHECKING:
    from modelway_server.dataplane.plane import DataPlane

MAX_ANSWER_BYTES: Final = 1 << 18
"""Bytes of one answer; those of all tests come back in one document."""
EXAMPLE: Final = "the model's own example"
"""What is asked where there are no smoke tests."""


@dataclass(frozen=True)
class Outcome:
    """How one smoke test ended.

    Attributes:
        name: of the test.
        problem: why it failed; empty where it passed.
    """

    name: str
    problem: str = ""


def smoke_task(model: PreparedModel, tests: Sequence[SmokeTest]) -> Task:
    """The task to answer each test in their order; without tests, the example that the model is known by."""
    return Task(work=lambda plane: _replies(plane, model, tests))


def outcomes_of(tests: Sequence[SmokeTest], result: Mapping[str, Any]) -> list[Outcome]:
    """The outcome of each test, by the result of the task."""
    replies = result["replies"]
    if not tests:
        return [Outcome(EXAMPLE, str(replies[0].get("refused", "")))]
    return [judge(test, reply) for test, reply in zip(tests, replies, strict=True)]


def check_outcomes(outcomes: Sequence[Outcome]) -> None:
    """Refuse a model by the outcomes of its smoke tests.

    Raises:
        SmokeTestFailed: one failed; the first is explained, others are counted.
    """
    failed = [outcome for outcome in outcomes if outcome.problem]
    if not failed:
        return
    first, more = failed[0], len(failed) - 1
    others = f"; {more} more smoke test{'s fail' if more > 1 else ' fails'}" if more else ""
    raise SmokeTestFailed(f"smoke test {first.name!r}: {first.problem}{others}")


def judge(test: SmokeTest, reply: dict[str, Any]) -> Outcome:
    """The outcome of a test.

    Args:
        test: what was asked.
        reply: the text of the answer as `answer`, or why there is none as `refused`.
    """
    if "answer" not in reply:
        return Outcome(test.name, str(reply.get("refused", "there is no answer")))
    try:
        got = json.loads(reply["answer"])
    except (ValueError, TypeError, RecursionError):
        return Outcome(test.name, "the answer is no JSON")
    mismatch = find_mismatch(test.expect, got, test.tolerance)
    return Outcome(test.name, "" if mismatch is None else str(mismatch))


def _replies(plane: "DataPlane", model: PreparedModel, tests: Sequence[SmokeTest]) -> dict[str, Any]:
    """In the child: what the data plane says to each request."""
    from modelway_server.preflight import requests  # noqa: PLC0415  (libraries of models: in the child alone)

    if not tests:
        return {"replies": [_reply(lambda: requests.answer_example(plane, model.prepared_dir))]}
    return {"replies": [_reply(lambda test=test: requests.answer(plane, test.request)) for test in tests]}


def _reply(answer: Any) -> dict[str, str]:
    try:
        content: bytes = answer()
    except UnsupportedMediaType as refusal:
        return {"refused": refusal.message}
    except InputError as refusal:
        place = f"{refusal.field}: " if refusal.field else ""
        return {"refused": f"the request is refused: {place}{refusal.message}"}
    except ModelwayServerError as error:
        return {"refused": f"there is no answer: {error.message}"}
    except Exception as error:  # noqa: BLE001  (the model's code may raise anything)
        return {"refused": f"there is no answer: {describe(error)}"}
    if len(content) > MAX_ANSWER_BYTES:
        return {"refused": f"the answer has {len(content)} bytes; that of a smoke test has at most {MAX_ANSWER_BYTES}"}
    return {"answer": content.decode()}
