"""Pods tell what they counted of a rollout; one that is silent, slow, endless or talks nonsense gives nothing and delays nobody."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from modelway.cluster import scrape
from modelway.cluster.scrape import Scraper, Unreadable, parse
from modelway.rollout.counts import PodSample
from modelway.rollout.judge import Counts
from modelway.rollout.measures import Series
from support.operator.observed import KEY, pod

ID = "abc-1"
TEXT = f"""# HELP modelway_rollout_trials_total Trials.
# TYPE modelway_rollout_trials_total counter
modelway_rollout_trials_total{{model="m",rollout="{ID}",measure="failed",arm="candidate"}} 20.0
modelway_rollout_trials_total{{model="m",rollout="older-1",measure="failed",arm="candidate"}} 99.0
modelway_rollout_bad_total{{model="m",rollout="{ID}",measure="failed",arm="candidate"}} 2.0
modelway_rollout_trials_total{{model="m",rollout="{ID}",measure="slow",arm="stable"}} 380.0
modelway_rollout_requests_total{{model="m",rollout="{ID}",arm="stable"}} 380.0
modelway_rollout_requests_total{{model="m",rollout="{ID}",arm="candidate"}} 20.0
modelway_rollout_weight{{model="m",rollout="{ID}"}} 5.0
modelway_rollout_stopped{{model="m",rollout="{ID}"}} 0.0
modelway_rollout_skipped_total{{model="m",rollout="{ID}",cause="busy"}} 3.0
modelway_rollout_skipped_total{{model="m",rollout="{ID}",cause="unreachable"}} 4.0
process_cpu_seconds_total 1.5
"""
QUOTE = '\\"'
SAMPLE = PodSample(
    ID,
    weight=5.0,
    evidence={Series("failed", "candidate"): Counts(2, 20), Series("slow", "stable"): Counts(0, 380)},
    unreachable=4,
)


def test_metrics_of_one_rollout_are_read() -> None:
    assert parse(TEXT, ID) == SAMPLE


def test_pod_that_knows_of_no_rollout_honours_no_weight() -> None:
    assert parse("process_cpu_seconds_total 1.5\n", ID) == PodSample("")


@pytest.mark.parametrize("value", ["NaN", "-1", "+Inf", "1e300"])
def test_numbers_that_no_counter_has_are_refused(value: str) -> None:
    with pytest.raises(Unreadable, match="modelway_rollout"):
        parse(f'modelway_rollout_trials_total{{rollout="{ID}",measure="failed",arm="candidate"}} {value}\n', ID)


@pytest.mark.parametrize(
    "text",
    [
        "modelway_rollout_x{" + ",".join(f'a{number}="b"' for number in range(8000)) + "} 1\n",
        'modelway_rollout_x{a="' + QUOTE * 20_000 + '"} 1\n',
        "".join(f'modelway_rollout_x{number}{{rollout="{ID}"}} 1\n' for number in range(scrape.MOST_LINES + 1)),
        "".join(f'modelway_rollout_x{number}{{a="{400 * QUOTE}"}} 1\n' for number in range(400)),
    ],
    ids=["labels", "quotes", "lines", "long lines"],
)
def test_text_that_takes_long_to_parse_is_refused(text: str) -> None:
    begin = time.process_time()
    with pytest.raises(Unreadable, match="about rollouts"):
        parse(text, ID)
    assert time.process_time() - begin < 0.2


def test_sum_of_several_lines_stays_a_count() -> None:
    lines = (
        f'modelway_rollout_{kind}_total{{rollout="{ID}",measure="failed",arm="candidate",model="{model}"}} 1e12\n'
        for kind in ("bad", "trials")
        for model in ("a", "b")
    )
    counts = parse("".join(lines), ID).evidence[Series("failed", "candidate")]
    assert counts == Counts(scrape.GREATEST, scrape.GREATEST)


@given(text=st.text().map(lambda text: f'modelway_rollout_{text}\nmodelway_rollout_weight{{rollout="{ID}"{text}'))
def test_no_text_breaks_the_reader(text: str) -> None:
    try:
        parse(text, ID)
    except Unreadable:
        return


@asynccontextmanager
async def _server(answer: web.Response | str) -> AsyncIterator[int]:
    async def metrics(request: web.Request) -> web.StreamResponse:
        if answer == "late":
            await asyncio.Event().wait()
        if answer == "endless":
            response = web.StreamResponse()
            await response.prepare(request)
            while True:
                await response.write(b"# nothing\n" * 10_000)
        return answer if isinstance(answer, web.Response) else web.Response()

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield runner.addresses[0][1]
    finally:
        await runner.cleanup()


async def _read(answer: web.Response | str, times: int = 1) -> dict[str, PodSample]:
    async with _server(answer) as port:
        scraper, pods = Scraper(port), [replace(pod(), address="127.0.0.1"), pod(name="not-yet-addressed")]
        for _ in range(times - 1):
            await scraper.read(KEY, pods, ID)
        return await scraper.read(KEY, pods, ID)


def test_pods_with_an_address_are_asked() -> None:
    assert asyncio.run(_read(web.Response(text=TEXT))) == {"fraud-1": SAMPLE}


@pytest.mark.parametrize(
    "answer",
    [
        "late",
        "endless",
        web.Response(status=500),
        web.Response(status=302, headers={"Location": "http://169.254.169.254/"}),
        web.Response(text='modelway_rollout_weight{rollout="'),
        web.Response(body=b"\x1f\x8b" + b"\0" * 100, headers={"Content-Encoding": "gzip"}),
    ],
    ids=["late", "endless", "failing", "redirect", "cut off", "packed"],
)
def test_answer_that_cannot_be_read_is_none(
    answer: web.Response | str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scrape, "SECONDS", 0.3)
    begin = time.monotonic()
    readings = asyncio.run(_read(answer))
    assert time.monotonic() - begin < 5
    assert readings in ({}, {"fraud-1": PodSample("")})


def test_lasting_fault_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        asyncio.run(_read(web.Response(status=503), times=3))
    assert [record.getMessage() for record in caplog.records] == [
        "Pod fraud-1 does not tell what it counted: its metrics port answers 503"
    ]


def test_refused_connection_is_no_reading() -> None:
    pods = [replace(pod(), address="127.0.0.1")]
    assert asyncio.run(Scraper(port=1).read(KEY, pods, ID)) == {}
