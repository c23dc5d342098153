"""The operator dies right after any write of a rollout, to a child or to status: the next one ends in the same state."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import pytest

from modelway.cluster.scrape import Scraper
from modelway.errors import RetryLater
from modelway.observed import Key, PodView
from modelway.rollout.counts import PodSample
from modelway.rollout.judge import DISAGREEMENT, FAILED, SLOW, Counts
from modelway.rollout.measures import CANDIDATE, STABLE, Series
from sandbox import Sandbox
from support.cluster.fake_proofs import end_replays
from support.cluster.sandbox import Kubectl, Object, namespace_manifest
from support.operator.parts import SETTINGS, Parts, life
from support.operator.specs import manifest
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("operator_away")]

NAME = "fraud"
HOLLOW = SETTINGS.model_copy(update={"server_image": "sandbox/hollow:1"})
"""Pods that are ready without a process."""
LOOKS = 200
REQUESTS = 20_000
"""Of each look; enough for any verdict."""
KINDS = ("deployment", "service", "configmap", "controllerrevision", "poddisruptionbudget", "job")


class _Pods(Scraper):
    """Stable pods that do what their ConfigMap says, and have counted more requests at each look."""

    def __init__(self, kubectl: Kubectl, bad: int) -> None:
        super().__init__()
        self._kubectl = kubectl
        self._bad = bad
        self._requests: Counter[str] = Counter()
        self._answers: Counter[str] = Counter()

    async def read(self, key: Key, pods: Iterable[PodView], rollout: str) -> dict[str, PodSample]:
        maps = self._kubectl.list("configmap", f"modelway.dev/name={key.name}")
        [traffic] = [json.loads(one["data"]["traffic.json"]) for one in maps] or [{"id": ""}]
        if traffic["id"] != rollout:
            return {}
        candidates = REQUESTS * traffic["weight"] // 100
        self._requests[rollout] += candidates
        self._answers[rollout] += REQUESTS if traffic["mode"] == "mirror" else REQUESTS - candidates
        share = self._requests[rollout]
        failed, wrong = Counts(0, share), Counts(self._bad * share // 100, share)
        counts = {
            Series(FAILED, CANDIDATE): failed,
            Series(DISAGREEMENT, CANDIDATE): wrong,
            Series(SLOW, STABLE): Counts(0, self._answers[rollout]),
        }
        return {pod.name: PodSample(traffic["id"], traffic["weight"], evidence=counts) for pod in pods}


class Story(NamedTuple):
    """A rollout, and how it ends."""

    rollout: Object
    bad: int
    """The percent of answers that are wrong."""
    phase: str


CANARY = {"strategy": "Canary", "steps": [{"weight": 20}, {"weight": 50}]}
BLUE_GREEN = {"strategy": "BlueGreen", "scaleDownDelay": "1s"}
SHADOW = {"strategy": "Shadow"}
STORIES = {
    "canary takes over": Story(CANARY, 0, "Promoted"),
    "canary goes back": Story(CANARY, 50, "RolledBack"),
    "blue-green takes over": Story(BLUE_GREEN, 0, "Promoted"),
    "blue-green goes back": Story(BLUE_GREEN, 50, "RolledBack"),
    "shadow takes over": Story(SHADOW, 0, "Promoted"),
    "shadow goes back": Story(SHADOW, 50, "RolledBack"),
    "known rows promote": Story({**CANARY, "replay": {}}, 0, "Promoted"),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_crash_after_any_write_of_a_rollout_changes_no_end(
    story: Story, sandbox: Sandbox, cluster_kubectl: Kubectl, namespace: str
) -> None:
    asyncio.run(_try_crashes(story, sandbox, cluster_kubectl, namespace))


async def _try_crashes(story: Story, sandbox: Sandbox, cluster_kubectl: Kubectl, namespace: str) -> None:
    """A world without a crash, then one for each write after which the operator dies: each in a namespace of its own."""
    try:
        writes, wanted = await _live(story, sandbox, cluster_kubectl, f"{namespace}-whole", 0)
        assert (writes > 10, wanted["phase"]) == (True, story.phase)
        cuts = {number: f"{namespace}-{number}" for number in range(1, writes + 1)}
        lives = [_live(story, sandbox, cluster_kubectl, place, number) for number, place in cuts.items()]
        assert [world for _, world in await asyncio.gather(*lives)] == [wanted] * writes
    finally:
        for one in cluster_kubectl.list("namespaces"):
            if one["metadata"]["name"].startswith(f"{namespace}-"):
                cluster_kubectl.discard("namespace", one["metadata"]["name"])


async def _live(
    story: Story, sandbox: Sandbox, cluster_kubectl: Kubectl, namespace: str, last_write: int
) -> tuple[int, Object]:
    """A model that serves gets another version; the operator dies once on the way. How many writes its last life had, and its end."""
    key, kubectl = Key(namespace, NAME), cluster_kubectl.in_namespace(namespace)
    settings = HOLLOW.model_copy(update={"watch_namespaces": (namespace,)})
    scraper, end = _Pods(kubectl, story.bad), "RolledBack" if story.phase == "RolledBack" else "Serving"
    await asyncio.to_thread(cluster_kubectl.create, namespace_manifest(namespace))
    await asyncio.to_thread(eventually, lambda: kubectl.exists("serviceaccount", "default"))
    await asyncio.to_thread(kubectl.apply, manifest(NAME, model={"version": "one"}, rollout=story.rollout))
    async with life(sandbox.kubeconfig, settings=settings) as parts:
        await _pass_until(parts, kubectl, key, "Serving")
    await asyncio.to_thread(kubectl.apply, manifest(NAME, model={"version": "two"}, rollout=story.rollout))
    for crash in [last_write, 0] if last_write else [0]:
        async with life(sandbox.kubeconfig, crash_after_any=crash, settings=settings, scraper=scraper) as parts:
            await _pass_until(parts, kubectl, key, end, bad=story.bad if "replay" in story.rollout else None)
    return parts.client.count, await asyncio.to_thread(_world, kubectl)


async def _pass_until(parts: Parts, kubectl: Kubectl, key: Key, reason: str, *, bad: int | None = None) -> None:
    """Run passes until the model has come to this end and nothing of a candidate is left.

    Args:
        parts: a life of the operator.
        kubectl: in the model's namespace.
        key: of the model.
        reason: of its end.
        bad: the percent of known rows that its candidate answers otherwise; None where none are asked.
    """
    for _ in range(LOOKS):
        await parts.look()
        with contextlib.suppress(RetryLater):
            await parts.reconciler.reconcile(key)
        if await asyncio.to_thread(_has_ended, kubectl, key.name, reason):
            return
        if bad is not None:
            await asyncio.to_thread(end_replays, kubectl, key.name, bad)
        await asyncio.sleep(0.1)
    raise AssertionError(f"{key} did not become {reason}: {kubectl.get('mdep', key.name).get('status')}")


def _has_ended(kubectl: Kubectl, name: str, reason: str) -> bool:
    resource = kubectl.get("mdep", name)
    stated = (resource.get("status") or {}).get("conditions") or ()
    ready: Object = next((one for one in stated if one["type"] == "Ready"), {})
    is_so = (ready.get("reason"), ready.get("observedGeneration")) == (reason, resource["metadata"]["generation"])
    return is_so and not kubectl.exists("deployment", f"{name}-canary")


def _world(kubectl: Kubectl) -> Object:
    """What became of a model, without times."""
    main = kubectl.get("deployment", NAME)["spec"]["template"]["metadata"]["labels"]
    status = kubectl.get("mdep", NAME)["status"]
    rollout = {
        part: status["rollout"].get(part) for part in ("phase", "revision", "stable", "cause", "attempt", "step")
    }
    if "replay" in status["rollout"]:  # known rows alone were counted, and once
        rollout["counts"] = [(one["name"], one["bad"], one["trials"]) for one in status["rollout"]["measures"]]
    serving = {"main": main["modelway.dev/revision"], "stable": status["stable"]["revision"]}
    return {"children": _children(kubectl, NAME), **serving, **rollout}


def test_rollout_survives_an_operator_that_finds_its_children_gone(
    sandbox: Sandbox, kubectl: Kubectl, namespace: str
) -> None:
    asyncio.run(_lose_children(sandbox, kubectl, Key(namespace, "fraud")))


async def _lose_children(sandbox: Sandbox, kubectl: Kubectl, key: Key) -> None:
    waits = {"strategy": "Canary", "steps": [{"weight": 20, "hold": "1h"}]}
    kubectl.apply(manifest(key.name, model={"version": "one"}, rollout=waits))
    async with life(sandbox.kubeconfig, settings=HOLLOW, scraper=_Pods(kubectl, 0)) as parts:
        await _pass_until(parts, kubectl, key, "Serving")
        kubectl.apply(manifest(key.name, model={"version": "two"}, rollout=waits))
        for _ in range(LOOKS):
            await _pass(parts, key)
            state = kubectl.get("mdep", key.name)["status"].get("rollout") or {}
            if state.get("since"):
                break
            await asyncio.sleep(0.1)
        before = _children(kubectl, key.name)
        for kind in ("deployment", "service", "configmap"):
            kubectl("delete", kind, "-l", f"modelway.dev/name={key.name}")
        for _ in range(5):
            await _pass(parts, key)
        assert _children(kubectl, key.name) == before
    address = kubectl.get("service", f"{key.name}-canary")["spec"]["clusterIP"]
    content = json.loads(kubectl.get("configmap", f"{key.name}-traffic")["data"]["traffic.json"])
    assert content["http"] == f"{address}:8083"
    assert kubectl.get("mdep", key.name)["status"]["rollout"]["phase"] == "Progressing"
    eventually(lambda: kubectl.get("deployment", key.name)["status"].get("readyReplicas"))


async def _pass(parts: Parts, key: Key) -> None:
    await parts.look()
    with contextlib.suppress(RetryLater):
        await parts.reconciler.reconcile(key)


def _children(kubectl: Kubectl, name: str) -> set[str]:
    return {
        f"{one['kind']} {one['metadata']['name']}"
        for kind in KINDS
        for one in kubectl.list(kind, f"modelway.dev/name={name}")
    }
