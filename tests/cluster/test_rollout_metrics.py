"""A metric of the spec on a real API server: while it tells nothing the rollout holds, and once its counts are bad it goes back."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Iterable

import pytest
from aiohttp import web

from modelway.cluster import metric_reader
from modelway.cluster.scrape import Scraper
from modelway.errors import RetryLater
from modelway.observed import Key, PodView
from modelway.rollout.counts import PodSample
from modelway.rollout.judge import DISAGREEMENT, FAILED, Counts
from modelway.rollout.measures import CANDIDATE, Series
from sandbox import Sandbox
from support.cluster.sandbox import Kubectl, Object
from support.operator.parts import SETTINGS, Parts, life
from support.operator.prometheus import number, serving
from support.operator.specs import manifest

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("operator_away")]

LOOKS = 200
METRIC = {
    "name": "app",
    "prometheus": {"bad": 'bad{r="$(revision)"}', "trials": 'all{r="$(revision)"}'},
    "maxBad": "1%",
}
CANARY = {"strategy": "Canary", "steps": [{"weight": 20}, {"weight": 50}], "analysis": {"metrics": [METRIC]}}


class _Pods(Scraper):
    """Stable pods that keep to their ConfigMap, and find nothing wrong with the candidate."""

    def __init__(self, kubectl: Kubectl) -> None:
        super().__init__()
        self._kubectl = kubectl

    async def read(self, key: Key, pods: Iterable[PodView], rollout: str) -> dict[str, PodSample]:
        maps = self._kubectl.list("configmap", f"modelway.dev/name={key.name}")
        traffic: Object = json.loads(maps[0]["data"]["traffic.json"]) if maps else {"id": "", "weight": 0}
        if traffic["id"] != rollout:
            return {}
        good = Counts(0, 10_000)
        counts = {Series(FAILED, CANDIDATE): good, Series(DISAGREEMENT, CANDIDATE): good}
        return {pod.name: PodSample(traffic["id"], traffic["weight"], evidence=counts) for pod in pods}


def test_metric_holds_a_rollout_and_then_rolls_it_back(
    sandbox: Sandbox, kubectl: Kubectl, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metric_reader, "ASK_SECONDS", 0.2)
    asyncio.run(_hold_and_roll_back(sandbox, kubectl, Key(namespace, "fraud")))


async def _hold_and_roll_back(sandbox: Sandbox, kubectl: Kubectl, key: Key) -> None:
    says: dict[str, tuple[int, ...]] = {"bad": (), "all": ()}

    async def answer(request: web.Request) -> web.Response:
        query = str((await request.post())["query"])
        revision = kubectl.get("mdep", key.name)["status"]["rollout"]["revision"]
        assert f'r="{revision}"' in query
        return number(*says[query[:3]])

    def rollout() -> Object:
        return dict((kubectl.get("mdep", key.name).get("status") or {}).get("rollout") or {})

    def named() -> bool:
        return any(one["name"] == "app" and one.get("problem") for one in rollout().get("measures", ()))

    async with serving(answer) as address:
        settings = SETTINGS.model_copy(update={"server_image": "sandbox/hollow:1", "rollouts_prometheus_url": address})

        async def live(end: Callable[[], bool]) -> None:
            async with life(sandbox.kubeconfig, settings=settings, scraper=_Pods(kubectl)) as parts:
                for _ in range(LOOKS):
                    await _pass(parts, key)
                    if end():
                        return
                    await asyncio.sleep(0.1)
            raise AssertionError(rollout())

        await asyncio.to_thread(kubectl.apply, manifest(key.name, model={"version": "one"}, rollout=CANARY))
        await live(lambda: bool((kubectl.get("mdep", key.name).get("status") or {}).get("stable")))
        await asyncio.to_thread(kubectl.apply, manifest(key.name, model={"version": "two"}, rollout=CANARY))
        await live(lambda: bool(rollout().get("since")) and named())
        state = rollout()
        assert (state["phase"], state["step"]) == ("Progressing", 0)
        says.update(bad=(900,), all=(10_000,))
        await live(lambda: rollout()["phase"] == "RolledBack")
    state = rollout()
    assert state["cause"] == "Analysis"
    assert "is worse by metric app: bad are 900 of 10000 trials" in state["message"]


async def _pass(parts: Parts, key: Key) -> None:
    await parts.look()
    with contextlib.suppress(RetryLater):
        await parts.reconciler.reconcile(key)
