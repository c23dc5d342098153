"""Prometheus and webhooks are asked at the addresses that the platform names, and whatever comes back is bounded."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from modelway.api.analysis import AnalysisMetric
from modelway.cluster import metric_sources
from modelway.cluster.metric_answers import NoReading
from modelway.cluster.metric_reader import MetricReader
from modelway.cluster.metric_sources import MOST_BYTES, Sources, session
from modelway.observed import Key
from modelway.rollout.judge import Counts
from modelway.rollout.metrics import Reading
from modelway.rollout.questions import Subject
from modelway.settings import Settings
from support.operator.prometheus import Answer, number, serving

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SUBJECT = Subject(
    namespace="risk",
    name="fraud",
    rollout="abc-1",
    strategy="Canary",
    revision="abc",
    stable="old",
    candidate_deployment="fraud-canary",
    step=1,
    weight=5,
    started=NOW - timedelta(seconds=60),
)
KEY = Key("risk", "fraud")


def metric(**fields: Any) -> AnalysisMetric:
    return AnalysisMetric.model_validate({"name": "app", **fields})


VALUE = metric(prometheus={"query": 'max(queue{d="$(deployment)"})'}, max=1.0)
COUNTS = metric(prometheus={"bad": "bad$(revision)", "trials": "all$(revision)"}, maxBad="1%", besideStable=True)


def ask(answer: Answer, one: AnalysisMetric, **settings: Any) -> Reading:
    """What a metric says where the Prometheus of the platform answers so."""

    async def run() -> Reading:
        async with serving(answer) as address, session() as connections:
            sources = Sources(Settings(rollouts_prometheus_url=address, **settings))
            return await sources.ask(connections, one, SUBJECT, NOW)

    return asyncio.run(run())


def webhook(answer: Answer, allowed: str = "{}", path: str = "/check", **limits: Any) -> Reading:
    """What a webhook says; `{}` in what is allowed is its address."""

    async def run() -> Reading:
        async with serving(answer) as address, session() as connections:
            sources = Sources(Settings(rollouts_webhooks_allowed=(allowed.format(address),)))
            one = metric(webhook={"url": f"{address}{path}"}, **(limits or {"max": 1.0}))
            return await sources.ask(connections, one, SUBJECT, NOW)

    return asyncio.run(run())


async def answered(reader: MetricReader, one: AnalysisMetric) -> Mapping[str, Reading]:
    """What is read once the round of questions is over."""
    reader.read(KEY, SUBJECT, [one])
    task = reader._rounds[KEY].task
    assert task is not None
    await task
    return reader.read(KEY, SUBJECT, [one])


def test_query_is_asked_as_of_one_moment() -> None:
    forms: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        assert (request.method, request.path) == ("POST", "/api/v1/query")
        forms.append(dict(await request.post()))
        return number(0.5)

    assert ask(answer, VALUE) == Reading(NOW, value=0.5)
    [form] = forms
    assert (form["query"], form["time"]) == ('max(queue{d="fraud-canary"})', f"{NOW.timestamp():.3f}")


def test_counts_of_both_revisions_are_asked() -> None:
    answers = {"badabc": 1, "allabc": 10, "badold": 20, "allold": 300}

    async def answer(request: web.Request) -> web.Response:
        return number(answers[str((await request.post())["query"])])

    assert ask(answer, COUNTS) == Reading(NOW, Counts(1, 10), Counts(20, 300))


def test_query_that_tells_nothing_is_named() -> None:
    async def answer(request: web.Request) -> web.Response:
        return number() if (await request.post())["query"] == "badold" else number(1)

    with pytest.raises(NoReading, match="bad of the stable revision: the query gives nothing"):
        ask(answer, COUNTS)


def test_secret_of_the_platform_is_sent(tmp_path: Path) -> None:
    (tmp_path / "Authorization").write_text("Bearer abc\n")
    (tmp_path / "..data").mkdir()

    def answer(request: web.Request) -> web.Response:
        return number(1 if request.headers["Authorization"] == "Bearer abc" else 0)

    assert ask(answer, VALUE, rollouts_prometheus_secret=str(tmp_path)).value == 1


async def _never(_: web.Request) -> None:
    await asyncio.Event().wait()


def _refusal(_: web.Request) -> web.Response:
    return web.json_response({"status": "error", "error": "1:5: parse error"}, status=400)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (_never, "did not answer within"),
        (_refusal, "refuses the query: 1:5: parse error"),
        (lambda _: web.Response(status=503), "answers 503"),
        (lambda _: web.Response(status=302, headers={"Location": "http://169.254.169.254/"}), "answers 302"),
        (lambda _: web.Response(body=b" " * (MOST_BYTES + 1)), "more than"),
        (lambda _: web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), "no JSON"),
    ],
    ids=["late", "bad query", "failing", "redirect", "long", "packed"],
)
def test_source_that_does_not_answer_is_told(answer: Answer, why: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metric_sources, "SECONDS", 0.5)
    with pytest.raises(NoReading, match=why):
        ask(answer, VALUE)


def test_prometheus_out_of_reach_is_told() -> None:
    async def run() -> None:
        async with session() as connections:
            await Sources(Settings(rollouts_prometheus_url="http://127.0.0.1:1")).ask(connections, VALUE, SUBJECT, NOW)

    with pytest.raises(NoReading, match="cannot be reached"):
        asyncio.run(run())


def test_webhook_is_told_what_it_is_about() -> None:
    bodies: list[Any] = []

    async def answer(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.json_response({"bad": 2, "trials": 40, "message": "two shops"})

    assert webhook(answer, maxBad="1%") == Reading(NOW, Counts(2, 40), message="two shops")
    assert (bodies[0]["namespace"], bodies[0]["revision"], bodies[0]["since"]) == ("risk", "abc", "60s")


@pytest.mark.parametrize("allowed", ["{}/other", "{}/chec", "https://127.0.0.1", "http://127.0.0.1:1"])
def test_address_that_is_not_allowed_is_never_asked(allowed: str) -> None:
    def answer(_: web.Request) -> web.Response:
        pytest.fail("it was asked")

    with pytest.raises(NoReading, match=r"rollouts\.webhooks\.allowed") as refusal:
        webhook(answer, allowed)
    assert refusal.value.kind == "refused"


def test_redirect_of_a_webhook_is_not_followed() -> None:
    def answer(request: web.Request) -> web.Response:
        assert request.path == "/check"
        return web.Response(status=307, headers={"Location": "/secret"})

    with pytest.raises(NoReading, match="answers 307"):
        webhook(answer)


def test_slow_source_holds_up_nobody() -> None:
    async def run() -> None:
        begun, counted = asyncio.Event(), list[tuple[str, str]]()

        async def answer(_: web.Request) -> web.Response:
            begun.set()
            await asyncio.Event().wait()
            raise AssertionError

        async with serving(answer) as address:
            reader = MetricReader(Sources(Settings(rollouts_prometheus_url=address)), lambda *it: counted.append(it))
            assert reader.read(KEY, SUBJECT, [VALUE]) == {}
            await asyncio.wait_for(begun.wait(), 30)
            assert reader.read(KEY, SUBJECT, [VALUE]) == {}
            reader.forget(KEY)
            refused = metric(webhook={"url": "https://a/b"}, max=1.0)
            answers = await answered(reader, refused)
            assert "rollouts.webhooks.allowed" in answers["app"].problem
            assert counted == [("webhook", "refused")]
            reader.forget(KEY)

    asyncio.run(run())


def test_another_question_forgets_the_answers_before() -> None:
    async def run() -> None:
        async with serving(lambda _: number(1)) as address:
            reader = MetricReader(Sources(Settings(rollouts_prometheus_url=address)))
            answers = await answered(reader, VALUE)
            assert answers["app"].value == 1
            assert reader.read(KEY, SUBJECT, [metric(prometheus={"query": "other"}, max=1.0)]) == {}
            reader.forget(KEY)

    asyncio.run(run())


def test_body_of_a_webhook_is_json() -> None:
    async def answer(request: web.Request) -> web.Response:
        json.loads(await request.text())
        return web.json_response({"value": 0.25})

    assert webhook(answer).value == 0.25
