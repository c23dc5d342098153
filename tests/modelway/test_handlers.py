"""kopf watches the optional kinds that are served, and no others."""

import asyncio
import logging

import aiohttp
import pytest
from kopf._cogs.structs.references import Insights, Selector
from kopf._core.reactor.observation import _disable_mismatched_selectors
from kubernetes.aio import client
from yarl import URL

from modelway.cluster.cache import Cache
from modelway.cluster.connection import Connection
from modelway.cluster.kinds import AUTOSCALER, BUDGET, OWNER, SERVICE, WATCHED, Kind
from modelway.cluster.resync import Resync
from modelway.cluster.served_kinds import ServedKinds
from modelway.cluster.watches import DEAF_SECONDS, Watch, Watches
from modelway.handlers import _AbsentKinds, _follow_served_kinds, _observe, _resource_of, watch
from modelway.metrics import Metrics


def test_watches_follow_the_kinds_that_are_served() -> None:
    served, insights = ServedKinds(), Insights()
    # Of those that are required, kopf has found one: the others are watched as well.
    insights.watched_resources.update(map(_resource_of, (SERVICE, BUDGET)))

    async def revised() -> set[str]:
        async with insights.revised:
            await asyncio.wait_for(insights.revised.wait(), 10)
        return {one.plural for one in insights.watched_resources}

    async def scenario() -> list[set[str]]:
        follower = asyncio.create_task(_follow_served_kinds(served, insights))
        served.note_absent(BUDGET)
        insights.ready_resources.set()
        versions = [await revised()]
        for change in (served.note_present, served.note_absent):
            change(BUDGET)
            versions.append(await revised())
        follower.cancel()
        return versions

    present = {kind.plural for kind in WATCHED}
    absent = present - {BUDGET.plural}
    assert asyncio.run(scenario()) == [absent, present, absent]


def test_a_stop_waits_for_kopf_and_cancels_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kopf that is cancelled twice never ends."""
    begun, noted = asyncio.Event(), []

    async def stay(**_: object) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.05)
            noted.append("kopf has ended")

    async def scenario() -> None:
        served, server = ServedKinds(), _Server()
        watches = Watches(lambda _: None, lambda: 0.0)
        connection = Connection(client.Configuration())
        watching = asyncio.create_task(
            watch(connection, (), lambda *_: None, server, watches=watches, served=served, started=asyncio.Event())
        )
        await begun.wait()
        watching.cancel()
        await asyncio.wait([watching])
        noted.append("the watches have ended")

    monkeypatch.setattr("kopf.operator", stay)
    asyncio.run(scenario())
    assert noted == ["kopf has ended", "the watches have ended"]


class _Server:
    """An API server that is well."""

    away = None

    def doubt(self) -> None:
        raise AssertionError


class _Answer:
    """What the API server answers."""

    def __init__(self, status: int) -> None:
        self.status = status
        self.reason = "because"
        self.closed = False

    def close(self) -> None:
        self.closed = True


class _Request:
    """A request of kopf's for a collection."""

    def __init__(self, kind: Kind) -> None:
        self.url = URL(f"http://host{kind.path(None)}")


@pytest.mark.parametrize(("kind", "absent"), [(BUDGET, (BUDGET,)), (SERVICE, ())])
def test_a_404_on_the_watch_of_an_optional_kind_is_held(kind: Kind, absent: tuple[Kind, ...]) -> None:
    """Whatever is left to kopf ends all watches."""
    served, answer = ServedKinds(), _Answer(404)
    watches = Watches(lambda _: None, lambda: 0.0)
    places = {one.path(None): (one, Watch(one.name, "")) for one in served.watched}

    async def send(_: aiohttp.ClientRequest) -> aiohttp.ClientResponse:
        return answer  # type: ignore[return-value]

    async def scenario() -> bool:
        task = asyncio.create_task(_observe(served, places, watches, _Request(kind), send))  # type: ignore[arg-type]
        done, _ = await asyncio.wait([task], timeout=0.05)
        task.cancel()
        return not done

    assert asyncio.run(scenario()) == answer.closed == kind.optional
    assert served.absent == absent


class _Watched:
    """An API server that answers 404 to the watch of an optional kind, and what is known of that watch."""

    def __init__(self) -> None:
        self.now = 0.0
        self.served = ServedKinds()
        self.watches = Watches(lambda _: None, lambda: self.now, self.served.serves_named)
        self.resync = Resync(None, Cache(), Metrics(), served=self.served, watches=self.watches)  # type: ignore[arg-type]
        self.others_note_it = False
        """Whether others find out that the kind has gone while the request is on its way."""

    async def send(self, _: aiohttp.ClientRequest) -> aiohttp.ClientResponse:
        if self.others_note_it:
            self.served.note_absent(BUDGET)
        return _Answer(404)  # type: ignore[return-value]

    def ask(self) -> asyncio.Task[object]:
        """Send the request."""
        places = {BUDGET.path(None): (BUDGET, Watch(BUDGET.name, ""))}
        return asyncio.create_task(_observe(self.served, places, self.watches, _Request(BUDGET), self.send))  # type: ignore[arg-type]


@pytest.mark.parametrize("is_on_its_way", [True, False])
def test_an_absent_kind_makes_no_watch_deaf(*, is_on_its_way: bool) -> None:
    """Others may find out first that the kind has gone: a pass, a LIST, the watch on another namespace."""
    world = _Watched()
    world.others_note_it = is_on_its_way
    if not is_on_its_way:
        world.served.note_absent(BUDGET)

    async def scenario() -> None:
        task = world.ask()
        await asyncio.wait([task], timeout=0.05)
        task.cancel()

    asyncio.run(scenario())
    world.now += DEAF_SECONDS + 1
    world.watches.look()
    assert not world.watches.deaf


def test_a_held_watch_asks_anew_once_its_kind_is_back() -> None:
    """For kopf, the kind may never have been away."""
    world = _Watched()

    async def scenario() -> None:
        kind_gone = asyncio.Event()
        world.served.subscribe(lambda _: kind_gone.set())
        task = world.ask()
        await asyncio.wait_for(kind_gone.wait(), 10)
        world.served.note_present(BUDGET)
        with pytest.raises(aiohttp.ClientConnectionError):
            await asyncio.wait_for(task, 10)

    asyncio.run(scenario())


@pytest.mark.parametrize(
    ("missing", "is_told"),
    [([BUDGET], False), ([BUDGET, AUTOSCALER], False), ([BUDGET, SERVICE], True), ([OWNER], True)],
)
def test_a_required_kind_that_kopf_misses_is_told(
    caplog: pytest.LogCaptureFixture, missing: list[Kind], *, is_told: bool
) -> None:
    logger = logging.getLogger("kopf._core.reactor.observation")
    selectors = frozenset(Selector(kind.group, kind.version, kind.plural) for kind in missing)
    filter_ = _AbsentKinds(kind for kind in WATCHED if kind.optional)
    logger.addFilter(filter_)
    try:
        _disable_mismatched_selectors(resources=set(), selectors=selectors)
    finally:
        logger.removeFilter(filter_)
    assert bool(caplog.records) == is_told
