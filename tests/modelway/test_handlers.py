"""kopf watches the optional kinds that are served, and no others."""

import asyncio

import aiohttp
import pytest
from kopf._cogs.structs.references import Insights
from yarl import URL

from modelway.cluster.kinds import AUTOSCALER, BUDGET, SERVICE, Kind
from modelway.cluster.served_kinds import ServedKinds
from modelway.cluster.watches import Watch, Watches
from modelway.handlers import _follow_served_kinds, _observe, _resource_of


def test_watches_follow_the_kinds_that_are_served() -> None:
    served, insights = ServedKinds(), Insights()
    insights.watched_resources.update(map(_resource_of, (SERVICE, BUDGET)))

    async def revised() -> set[str]:
        async with insights.revised:
            await asyncio.wait_for(insights.revised.wait(), 10)
        return {one.plural for one in insights.watched_resources}

    async def scenario() -> list[set[str]]:
        follower = asyncio.create_task(_follow_served_kinds(served, insights))
        served.note_absent(BUDGET)
        insights.ready_resources.set()
        seen = [await revised()]
        for change in (served.note_present, served.note_absent):
            change(BUDGET)
            seen.append(await revised())
        follower.cancel()
        return seen

    absent, present = {"services", AUTOSCALER.plural}, {"services", AUTOSCALER.plural, BUDGET.plural}
    assert asyncio.run(scenario()) == [absent, present, absent]


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
