"""The operator dies right after any write while a revision is proved: the next one ends in the same state, by one proof."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import pytest

from modelway.api.labels import EVIDENCE_ANNOTATION
from modelway.observed import Key
from sandbox import Sandbox
from support.cluster.deployed import NOWHERE
from support.cluster.fake_proofs import end_proof, jobs, preflight_pods
from support.cluster.sandbox import Kubectl, Object
from support.operator.parts import SETTINGS, life
from support.operator.specs import manifest
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("operator_away")]

PROVING = SETTINGS.model_copy(update={"preflight_enabled": True, "preflight_max_concurrent": 100})
"""No model waits for the proof of another."""
KINDS = ("deployment", "service", "controllerrevision", "job")

_PROOF = r"\b[0-9a-f]{16}\b"
"""The hash of what a Job tries, which holds the model's name."""

Event = Callable[[Kubectl, str], object]


def _wants(version: str) -> Event:
    return lambda kubectl, name: kubectl.apply(manifest(name, scheduling=NOWHERE, model={"version": version}))


def _wants_several(kubectl: Kubectl, name: str) -> None:
    candidates = [{"name": "small", "uri": "s3://models/fraud/small.joblib"}]
    metrics = [{"name": "accuracy", "min": 0.5}]
    evaluation = {"dataset": {"uri": "s3://models/rows.csv"}, "target": "y", "metrics": metrics}
    spec: Object = {"model": {"candidates": candidates}, "preflight": {"evaluation": evaluation}}
    kubectl.apply(manifest(name, scheduling=NOWHERE, **spec))


def _chooses(choice: str) -> Event:
    return lambda kubectl, name: end_proof(kubectl, name, "Proved", choice)


def _ends(reason: str) -> Event:
    return lambda kubectl, name: end_proof(kubectl, name, reason)


def _delete(kubectl: Kubectl, name: str) -> None:
    kubectl.discard("mdep", name)


ACCEPTED = (_wants("one"), _ends("Proved"))


class Story(NamedTuple):
    """What happens to a model."""

    before: Sequence[Event]
    """What no crash interrupts."""
    events: Sequence[Event]


STORIES = {
    "first accepted": Story((), ACCEPTED),
    "accepted": Story(ACCEPTED, (_wants("two"), _ends("Proved"))),
    "refused": Story(ACCEPTED, (_wants("two"), _ends("SmokeTestFailed"))),
    "reverted while the Job runs": Story(ACCEPTED, (_wants("two"), _wants("one"))),
    "changed while the Job runs": Story((), (_wants("one"), _wants("two"), _ends("Proved"))),
    "one of several accepted": Story(ACCEPTED, (_wants_several, _chooses("small"))),
    "deleted while the Job runs": Story(ACCEPTED, (_wants("two"), _delete)),
}


@pytest.mark.parametrize("story", STORIES.values(), ids=STORIES)
def test_a_crash_after_any_write_changes_no_proof(
    story: Story, sandbox: Sandbox, kubectl: Kubectl, namespace: str
) -> None:
    whole = _Worlds(sandbox, kubectl, namespace, {"whole": None})
    asyncio.run(whole.live(story))
    wanted = _world(kubectl, "whole")
    cuts = {
        f"cut-{event}-{write}": (event, write)
        for event, writes in enumerate(whole.writes)
        for write in range(1, writes + 1)
    }
    assert cuts
    asyncio.run(_Worlds(sandbox, kubectl, namespace, cuts).live(story))
    for name in cuts:
        eventually(lambda: _world(kubectl, name) == wanted, describe=lambda: _difference(_world(kubectl, name), wanted))  # noqa: B023
        assert _ran(kubectl, name) <= _accepted(kubectl, name)


class _Worlds:
    """Models to which the same happens side by side. One life of the operator looks after all of them, but for those at whose writes it dies.

    Args:
        sandbox: the cluster.
        kubectl: in `namespace`.
        namespace: of the models.
        crashes: by the name of a model, the number of an event and of the write to a child after it at which the operator dies; None for never.
    """

    def __init__(
        self, sandbox: Sandbox, kubectl: Kubectl, namespace: str, crashes: Mapping[str, tuple[int, int] | None]
    ) -> None:
        self._kubeconfig, self._kubectl, self._namespace = sandbox.kubeconfig, kubectl, namespace
        self._settings = PROVING.model_copy(update={"watch_namespaces": (namespace,)})
        self._crashes = crashes
        self.writes: list[int] = []
        """To children in lives without a crash, for each event."""

    async def live(self, story: Story) -> None:
        """Let everything happen."""
        for event in story.before:
            await self._happen(event, {})
        for number, event in enumerate(story.events):
            last_writes = {name: crash[1] for name, crash in self._crashes.items() if crash and crash[0] == number}
            self.writes.append(await self._happen(event, last_writes))

    async def _happen(self, event: Event, last_writes: Mapping[str, int]) -> int:
        """Let an event happen to every model, with the operator's death after the last write to a child of those that are named, and a life that goes on; its writes to children."""
        for name in self._crashes:
            event(self._kubectl, name)
        for name, write in last_writes.items():
            async with life(self._kubeconfig, crash_after=write, settings=self._settings) as parts:
                await parts.converge(Key(self._namespace, name))
            assert parts.client.has_crashed
        async with life(self._kubeconfig, settings=self._settings) as parts:
            await parts.converge(*(Key(self._namespace, name) for name in self._crashes))
        return parts.client.of_children


def _world(kubectl: Kubectl, name: str) -> dict[str, Any]:
    """What became of a model's children, without names and what the cluster decides."""
    objects = [one for kind in KINDS for one in kubectl.list(kind, f"modelway.dev/name={name}")]
    assert not any("deletionTimestamp" in one["metadata"] for one in objects)
    contents = {f"{one['kind']}{one['metadata']['name'].removeprefix(name)}": _content(one) for one in objects}
    return dict(json.loads(re.sub(_PROOF, "PROOF", json.dumps(contents).replace(name, "NAME"))))


def _difference(one: Object, other: Object) -> Object:
    return {name: (one.get(name), other.get(name)) for name in {*one, *other} if one.get(name) != other.get(name)}


def _content(obj: Object) -> list[Any]:
    metadata, spec = obj["metadata"], obj.get("spec", {})
    template = spec.get("template", {}).get("spec") if obj["kind"] == "Deployment" else None
    evidence = (metadata.get("annotations") or {}).get(EVIDENCE_ANNOTATION)
    return [metadata["labels"], template, evidence, obj.get("revision")]


def _ran(kubectl: Kubectl, name: str) -> set[str]:
    """The revisions of which a Deployment ever made pods."""
    sets = kubectl.list("replicasets", f"modelway.dev/name={name}")
    return {one["metadata"]["labels"]["modelway.dev/revision"] for one in sets}


def _accepted(kubectl: Kubectl, name: str) -> set[str]:
    """The revisions that were proved, as their records say."""
    records = kubectl.list("controllerrevision", f"modelway.dev/name={name}")
    evidence = ((one["metadata"]["labels"]["modelway.dev/revision"], _evidence(one)) for one in records)
    return {revision for revision, verdict in evidence if verdict.get("accepted")}


def _evidence(record: Object) -> Object:
    return dict(json.loads((record["metadata"].get("annotations") or {}).get(EVIDENCE_ANNOTATION, "{}")))


def test_deleted_model_takes_its_job_and_pods_along(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    key = Key(namespace, "gone")
    _job_in_proof(sandbox, kubectl, key)
    eventually(lambda: preflight_pods(kubectl, key.name))
    _delete(kubectl, key.name)
    eventually(lambda: not jobs(kubectl, key.name) and not preflight_pods(kubectl, key.name))


def test_job_whose_report_was_lost_runs_again(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    key = Key(namespace, "lost")
    first = _job_in_proof(sandbox, kubectl, key)
    end_proof(kubectl, key.name, "Proved")
    eventually(lambda: "Complete" in str(jobs(kubectl, key.name)[0]["status"]))
    kubectl("delete", "pods", "-l", f"modelway.dev/name={key.name}")
    asyncio.run(_converge(sandbox, key))
    assert _uids(kubectl, key.name) != first
    end_proof(kubectl, key.name, "Proved")
    asyncio.run(_converge(sandbox, key))
    assert kubectl.exists("deployment", key.name)


def test_deleted_job_is_made_again(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    key = Key(namespace, "deleted")
    first = _job_in_proof(sandbox, kubectl, key)
    kubectl("delete", "job", "--all")
    asyncio.run(_converge(sandbox, key))
    assert not first & _uids(kubectl, key.name)
    assert _uids(kubectl, key.name)


def test_evicted_pod_of_a_job_is_replaced_and_proves(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    key = Key(namespace, "evicted")
    _job_in_proof(sandbox, kubectl, key)
    [pod] = eventually(lambda: preflight_pods(kubectl, key.name))
    status = json.dumps({"status": {"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."}})
    kubectl("patch", "pod", pod["metadata"]["name"], "--subresource=status", "--type=merge", "-p", status)
    end_proof(kubectl, key.name, "Proved")
    asyncio.run(_converge(sandbox, key))
    assert kubectl.exists("deployment", key.name)


def _job_in_proof(sandbox: Sandbox, kubectl: Kubectl, key: Key) -> set[str]:
    """The UIDs of the Jobs of a new model."""
    _wants("one")(kubectl, key.name)
    asyncio.run(_converge(sandbox, key))
    return _uids(kubectl, key.name)


async def _converge(sandbox: Sandbox, key: Key) -> None:
    async with life(sandbox.kubeconfig, settings=PROVING) as parts:
        await parts.converge(key)


def _uids(kubectl: Kubectl, name: str) -> set[str]:
    return {one["metadata"]["uid"] for one in jobs(kubectl, name)}


def test_restarted_operator_writes_nothing_about_a_proof(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    key = Key(namespace, "calm")
    _job_in_proof(sandbox, kubectl, key)
    eventually(lambda: asyncio.run(_writes(sandbox, key)) == 0)
    end_proof(kubectl, key.name, "Proved")
    eventually(lambda: asyncio.run(_writes(sandbox, key)) == 0)
    assert _accepted(kubectl, key.name)


async def _writes(sandbox: Sandbox, key: Key) -> int:
    """How many writes a new life makes until it rests."""
    async with life(sandbox.kubeconfig, settings=PROVING) as parts:
        await parts.converge(key)
    return parts.client.count
