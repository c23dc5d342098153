"""Publishing: nothing twice, small changes together, and an Event when readiness turned."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from modelway.cluster.cache import Cache
from modelway.cluster.client import Client
from modelway.cluster.publish import COUNTS_SECONDS, MINOR_SECONDS, Publisher
from modelway.errors import RetryLater
from modelway.metrics import Metrics
from modelway.rollout.notices import Notice
from support.operator.fake_api import Answer, FakeApi, fake_api
from support.operator.observed import KEY, owner

NOW = datetime(2026, 1, 2, tzinfo=UTC)
STORED = {"metadata": {"name": "fraud", "namespace": "risk", "uid": "u", "resourceVersion": "2"}}


class _Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def _status(status: str, reason: str, **more: Any) -> dict[str, Any]:
    ready = {"type": "Ready", "status": status, "reason": reason, "message": "m"}
    return {"observedGeneration": 1, "conditions": [ready], **more}


def _play(tell: Callable[[Publisher, _Clock], Awaitable[Any]], *codes: int) -> tuple[Any, FakeApi]:
    async def scenario() -> tuple[Any, FakeApi]:
        clock = _Clock()
        answers: list[Answer] = [(code, {}, STORED) for code in codes or (200, 201)]
        async with fake_api(*answers) as fake, Client(fake.connection, Metrics()) as client:
            return await tell(Publisher(client, Cache(), "operator-1", clock), clock), fake

    return asyncio.run(scenario())


def test_an_unchanged_status_is_not_written() -> None:
    status = _status("True", "Serving")
    _, fake = _play(lambda publisher, _: publisher.publish(owner(status=status), status, now=NOW))
    assert fake.requests == []


def test_a_changed_condition_is_written_at_once_with_an_event() -> None:
    before, after = _status("False", "Progressing"), _status("True", "Serving")
    _, fake = _play(lambda publisher, _: publisher.publish(owner(status=before), after, now=NOW))
    status, event = fake.requests
    assert status.body["status"]["conditions"] == after["conditions"]
    assert (event.body["type"], event.body["reason"]) == ("Normal", "Serving")
    assert event.body["involvedObject"]["uid"] == owner().uid


def test_acceptance_of_one_of_several_models_is_an_event() -> None:
    entry = {"revision": "r1", "verdict": "Accepted", "choice": "small", "message": "small serves: it is the best."}
    before, after = _status("False", "Proving"), _status("False", "Progressing", revisions=[entry])
    _, fake = _play(lambda publisher, _: publisher.publish(owner(status=before), after, now=NOW))
    _, event = fake.requests
    assert (event.body["type"], event.body["reason"]) == ("Normal", "Proved")
    assert event.body["message"] == "Revision r1 is accepted: small serves: it is the best."


def test_a_rollout_in_progress_makes_no_event() -> None:
    _, fake = _play(lambda publisher, _: publisher.publish(owner(), _status("False", "Progressing"), now=NOW))
    assert [request.method for request in fake.requests] == ["PATCH"]


def test_changed_counts_are_written_together() -> None:
    async def tell(publisher: Publisher, clock: _Clock) -> list[float | None]:
        before = owner(status=_status("False", "Progressing", replicas=0))
        due = [await publisher.publish(before, _status("False", "Progressing", replicas=1), now=NOW)]
        clock.now = MINOR_SECONDS - 1
        due.append(await publisher.publish(before, _status("False", "Progressing", replicas=2), now=NOW))
        clock.now = MINOR_SECONDS
        due.append(await publisher.publish(before, _status("False", "Progressing", replicas=3), now=NOW))
        return due

    due, fake = _play(tell)
    assert due == [MINOR_SECONDS, 1.0, None]
    assert [request.body["status"] for request in fake.requests] == [{"replicas": 3}]


def test_an_overwritten_status_is_restored_slowly() -> None:
    status = _status("True", "Serving")

    async def tell(publisher: Publisher, clock: _Clock) -> list[float | None]:
        due = []
        for clock.now in (0.0, 1.0, 1.0 + MINOR_SECONDS):
            due.append(await publisher.publish(owner(status=_status("False", "Hacked")), status, now=NOW))
        return due

    due, fake = _play(tell, 200, 201, 200, 201)
    assert due == [None, MINOR_SECONDS, None]
    assert [request.method for request in fake.requests] == ["PATCH", "POST", "PATCH", "POST"]


def test_a_field_that_the_definition_drops_is_written_once() -> None:
    status = _status("True", "Serving", novelty="x")
    stored = {"metadata": STORED["metadata"], "status": _status("True", "Serving")}

    async def scenario() -> int:
        async with fake_api((200, {}, stored)) as fake, Client(fake.connection, Metrics()) as client:
            publisher = Publisher(client, Cache(), "operator-1", _Clock())
            await publisher.publish(owner(status=_status("False", "Progressing")), status, now=NOW)
            written = len(fake.requests)
            assert await publisher.publish(owner(status=stored["status"]), status, now=NOW) is None
            return len(fake.requests) - written

    assert asyncio.run(scenario()) == 0


def test_a_status_of_a_deleted_model_is_dropped() -> None:
    _play(lambda publisher, _: publisher.publish(owner(), _status("True", "Serving"), now=NOW), 404)


def test_a_model_that_changed_meanwhile_is_judged_again() -> None:
    async def scenario() -> str | None:
        now = {"metadata": {**STORED["metadata"], "uid": "another", "resourceVersion": "9"}}
        async with fake_api((409, {}, {}), (200, {}, now)) as fake, Client(fake.connection, Metrics()) as client:
            cache = Cache()
            with pytest.raises(RetryLater):
                await Publisher(client, cache, "o", _Clock()).publish(owner(), _status("True", "Serving"), now=NOW)
        observed = cache.observe(KEY)
        return observed.owner.uid if observed else None

    assert asyncio.run(scenario()) == "another"


def test_a_refused_event_fails_no_pass() -> None:
    _play(lambda publisher, _: publisher.publish(owner(), _status("True", "Serving"), now=NOW), 200, 403)


def _course(**more: Any) -> dict[str, Any]:
    return _status("False", "RolloutProgressing", rollout={"id": "a-1", "phase": "Progressing", "step": 0, **more})


@pytest.mark.parametrize(
    "change",
    [
        {"phase": "Paused"},
        {"step": 1},
        {"weight": 25},
        {"since": "2026-01-02T00:00:00Z"},
        {"unserved": "2026-01-02T00:00:00Z"},
        {"replay": {"phase": "Done"}},
        {"measures": [{"name": "queue", "bad": 1, "trials": 5, "source": "a"}]},
    ],
)
def test_turn_of_a_rollout_is_written_at_once_and_told(change: dict[str, Any]) -> None:
    notices = (Notice("RolloutStep", "step 2 of 3"), Notice("RolloutOrderRefused", "no", is_warning=True))
    before, after = _course(), _course(**change)
    answers = (200, 201, 201)
    _, fake = _play(
        lambda publisher, _: publisher.publish(owner(status=before), after, now=NOW, notices=notices), *answers
    )
    _, *events = fake.requests
    assert [(one.body["type"], one.body["reason"]) for one in events] == [
        ("Normal", "RolloutStep"),
        ("Warning", "RolloutOrderRefused"),
    ]


@pytest.mark.parametrize(
    ("phase", "replicas", "expected_seconds"),
    [("Progressing", 3, COUNTS_SECONDS), ("Progressing", 2, MINOR_SECONDS), ("Promoting", 3, MINOR_SECONDS)],
)
def test_counts_of_a_rollout_wait_for_a_while(phase: str, replicas: int, expected_seconds: float) -> None:
    identity = {"strategy": "Canary", "revision": "b", "stable": "a", "attempt": 1, "steps": 3, "weight": 5}
    state = {**identity, "mirror": 0, "phase": phase, "started": "2026-01-02T00:00:00Z"}
    before = {**_course(**state, message="1 request"), "replicas": 3}
    after = {**_course(**state, message="2 requests", pods="2/3"), "replicas": replicas}
    due, fake = _play(lambda publisher, _: publisher.publish(owner(status=before), after, now=NOW))
    assert (due, fake.requests) == (expected_seconds, [])


def test_rollback_is_told_once() -> None:
    after = _status("False", "RolledBack", rollout={"id": "a-1", "phase": "RolledBack", "step": 0})
    notices = (Notice("RolledBack", "worse", is_warning=True),)
    _, fake = _play(
        lambda publisher, _: publisher.publish(owner(status=_course()), after, now=NOW, notices=notices), 200, 201
    )
    _, event = fake.requests
    assert (event.body["reason"], event.body["message"]) == ("RolledBack", "worse")
