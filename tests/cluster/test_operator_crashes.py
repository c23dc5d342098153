"""The operator dies right after any write to a child: the next one ends in the same state. And it finds what no watch told."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from modelway.cluster.managed_fields import owns
from modelway.errors import RetryLater
from modelway.observed import Key
from sandbox import Sandbox
from support.cluster.deployed import NOWHERE
from support.cluster.sandbox import Kubectl
from support.operator.parts import SETTINGS, life
from support.operator.specs import manifest
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("operator_away")]

KINDS = ("deployment", "service", "hpa", "poddisruptionbudget", "controllerrevision")
RANGE = {"scaling": {"min": 2, "max": 8}}
FIXED = {"scaling": {"replicas": 4}}


@dataclass(frozen=True)
class Change:
    """Something that happens to a ModelDeployment."""

    before: dict[str, Any] | None
    """The spec that it has come to rest with; None when it is new."""
    happens: Callable[[Kubectl, str], object]


def _apply(**spec: Any) -> Callable[[Kubectl, str], object]:
    return lambda kubectl, name: kubectl.apply(manifest(name, scheduling=NOWHERE, **spec))


def _lose_five(kubectl: Kubectl, name: str) -> None:
    kubectl("delete", "deployment", name)


CHANGES = {
    "created": Change(None, _apply(**RANGE)),
    "another model": Change(RANGE, _apply(model={"version": "two"}, **RANGE)),
    "autoscaling off": Change(RANGE, _apply(**FIXED)),
    "autoscaling on": Change(FIXED, _apply(**RANGE)),
    "deployment lost at five": Change(RANGE, _lose_five),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_crash_after_any_write_changes_nothing_in_the_end(
    change: Change, sandbox: Sandbox, kubectl: Kubectl, namespace: str
) -> None:
    settings = SETTINGS.model_copy(update={"watch_namespaces": (namespace,)})

    async def live_through(crashes: Mapping[str, int]) -> list[int]:
        """The change of several models, each with a crash after so many writes to children, then one life that finishes all; the writes that each life made."""
        keys = [Key(namespace, name) for name in crashes]
        if change.before is not None:
            for name in crashes:
                _apply(**change.before)(kubectl, name)
            async with life(sandbox.kubeconfig, settings=settings) as parts:
                await parts.converge(*keys)
            for name in crashes:
                _grow_to_five(kubectl, name, change.before)
        writes = [await change_beside(key, crash) for key, crash in zip(keys, crashes.values(), strict=True)]
        async with life(sandbox.kubeconfig, settings=settings) as parts:
            await parts.converge(*keys)
        return writes

    async def change_beside(key: Key, crash_after: int) -> int:
        """The change of a model while the operator looks on; how many writes to children there were."""
        async with life(sandbox.kubeconfig, crash_after=crash_after, settings=settings) as parts:
            await parts.look()
            change.happens(kubectl, key.name)
            await parts.look()
            await parts.converge(key)
        return parts.client.of_children

    [whole] = asyncio.run(live_through({"whole": 0}))
    assert whole > 0
    cuts = {f"cut-{number}": number for number in range(1, whole + 1)}
    writes = asyncio.run(live_through(cuts))
    assert all(number >= cut for number, cut in zip(writes, cuts.values(), strict=True)), "each has crashed"
    wanted = _world(kubectl, "whole")
    assert {name: _world(kubectl, name) for name in cuts} == dict.fromkeys(cuts, wanted)


def test_a_deletion_that_no_watch_told_is_found_by_the_next_list(
    sandbox: Sandbox, kubectl: Kubectl, namespace: str
) -> None:
    async def scenario() -> set[Key]:
        key = Key(namespace, "fraud")
        _apply()(kubectl, key.name)
        async with life(sandbox.kubeconfig) as parts:
            await parts.converge(key)
            kubectl("delete", "service", key.name)
            state = await parts.look()
            await parts.reconciler.reconcile(key)
        return state

    assert Key(namespace, "fraud") in asyncio.run(scenario())
    assert kubectl.exists("service", "fraud")


def test_another_server_image_restarts_nothing(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    async def scenario(image: str, policy: Any) -> int:
        settings = SETTINGS.model_copy(update={"server_image": image, "image_policy": policy})
        async with life(sandbox.kubeconfig, settings=settings) as parts:
            await parts.converge(Key(namespace, "fraud"))
        return parts.client.count

    _apply()(kubectl, "fraud")
    assert asyncio.run(scenario("modelway/server:1", "Pinned")) > 0
    [record] = kubectl.list("controllerrevision")
    revision = record["metadata"]["labels"]["modelway.dev/revision"]
    served = json.dumps({"status": {"stable": {"revision": revision}}})
    kubectl("patch", "mdep", "fraud", "--subresource=status", "--type=merge", "-p", served)
    generation = kubectl.get("deployment", "fraud")["metadata"]["generation"]
    assert asyncio.run(scenario("modelway/server:2", "Pinned")) == 0
    assert kubectl.get("deployment", "fraud")["metadata"]["generation"] == generation
    assert asyncio.run(scenario("modelway/server:2", "Follow")) > 0
    containers = kubectl.get("deployment", "fraud")["spec"]["template"]["spec"]["containers"]
    assert [one["image"] for one in containers] == ["modelway/server:2"]
    assert asyncio.run(scenario("modelway/server:3", "Pinned")) == 0, "what runs is what is pinned"


def test_what_never_served_follows_the_platform(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    def passes(**change: Any) -> tuple[int, dict[str, Any]]:
        """How many writes there were, and what pods are made of."""

        async def scenario() -> int:
            async with life(sandbox.kubeconfig, settings=SETTINGS.model_copy(update=change)) as parts:
                await parts.converge(Key(namespace, "fraud"))
            return parts.client.of_children

        writes = asyncio.run(scenario())
        return writes, kubectl.get("deployment", "fraud")["spec"]["template"]["spec"]

    _apply()(kubectl, "fraud")
    passes(server_image="wrong:1", image_pull_secrets=("wrong",))
    right = {"server_image": "right:1", "image_pull_secrets": ("right",)}
    _, pods = passes(**right)
    assert {one["image"] for one in (*pods["initContainers"], *pods["containers"])} == {"right:1"}
    assert pods["imagePullSecrets"] == [{"name": "right"}]
    [record] = kubectl.list("controllerrevision")
    assert "wrong" not in json.dumps(record["data"])
    assert passes(**right) == (0, pods)


def test_a_record_that_another_operator_made_is_followed(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    """Two images make two templates of one revision; the record of it cannot be changed."""
    key = Key(namespace, "fraud")
    one, two = (SETTINGS.model_copy(update={"server_image": f"modelway/server:{n}"}) for n in "12")

    async def scenario() -> None:
        async with (
            life(sandbox.kubeconfig, settings=one) as first,
            life(sandbox.kubeconfig, settings=two) as second,
        ):
            await second.look()
            await first.converge(key)
            with pytest.raises(RetryLater):
                await second.reconciler.reconcile(key)
            await second.converge(key)

    _apply()(kubectl, "fraud")
    asyncio.run(scenario())
    [record] = kubectl.list("controllerrevision")
    template = kubectl.get("deployment", "fraud")["spec"]["template"]
    assert [one["image"] for one in template["spec"]["containers"]] == [
        one["image"] for one in record["data"]["template"]["spec"]["containers"]
    ]
    reasons = {one["reason"] for one in kubectl.get("mdep", "fraud")["status"]["conditions"]}
    assert "ChildInvalid" not in reasons


def test_old_records_go_and_the_newest_stay(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    settings = SETTINGS.model_copy(update={"revision_history_limit": 2})

    async def passes() -> None:
        async with life(sandbox.kubeconfig, settings=settings) as parts:
            await parts.converge(Key(namespace, "fraud"))

    def versions() -> set[str]:
        asyncio.run(passes())
        return {one["data"]["inputs"]["model"]["version"] for one in kubectl.list("controllerrevision")}

    for version in "abcde":
        _apply(model={"version": version})(kubectl, "fraud")
        assert version in versions()
    # A record stays as long as a pod of its revision does.
    eventually(lambda: "a" not in versions())
    assert "e" in versions()


def _grow_to_five(kubectl: Kubectl, name: str, spec: dict[str, Any]) -> None:
    if spec is RANGE:
        kubectl("scale", "deployment", name, "--replicas=5")


def _world(kubectl: Kubectl, name: str) -> dict[str, Any]:
    """Every child without what the server and its controllers decide, and without names; who holds the size."""
    text = kubectl("get", ",".join(KINDS), "-l", f"modelway.dev/name={name}", "-o", "json", "--show-managed-fields")
    contents = {}
    for obj in json.loads(text)["items"]:
        metadata = obj["metadata"]
        size_holders = [
            manager for manager in ("modelway", "modelway-handover") if owns(obj, manager, "spec", "replicas")
        ]
        spec = {
            field: value for field, value in obj.get("spec", {}).items() if field not in {"clusterIP", "clusterIPs"}
        }
        content = {"labels": metadata["labels"], "spec": spec, "data": obj.get("data"), "order": obj.get("revision")}
        identity = metadata["name"].removeprefix(name)
        contents[f"{obj['kind']}{identity}"] = json.loads(json.dumps([content, size_holders]).replace(name, "NAME"))
        assert not metadata.get("finalizers")
        assert len(metadata["ownerReferences"]) == 1
    return contents
