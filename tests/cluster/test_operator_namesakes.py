"""A ModelDeployment takes the name of another one: nothing of that one is told of it, sized by it, or lost with it."""

import asyncio
import contextlib
import json
from datetime import UTC, datetime

import pytest

from modelway.errors import ModelwayError, RetryLater
from modelway.observed import Key
from sandbox import Sandbox
from support.cluster.deployed import NOWHERE
from support.cluster.sandbox import Kubectl, Object
from support.operator.parts import life
from support.operator.specs import manifest
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("operator_away")]

KINDS = ("deployment", "service", "hpa", "poddisruptionbudget", "controllerrevision")
RANGE = {"scaling": {"min": 2, "max": 8}}


def test_a_status_is_refused_for_a_namesake(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    async def scenario() -> None:
        key = Key(namespace, "fraud")
        async with life(sandbox.kubeconfig) as parts:
            await parts.look()
            before = parts.cache.observe(key)
            assert before is not None
            kubectl("delete", "mdep", "fraud")
            kubectl.apply(manifest("fraud"))
            with pytest.raises(RetryLater):
                await parts.publisher.publish(before.owner, {"url": "http://dead"}, now=datetime.now(UTC))

    kubectl.apply(manifest("fraud"))
    asyncio.run(scenario())
    assert "url" not in kubectl.get("mdep", "fraud").get("status", {})


def test_a_size_outlives_its_deployment_and_its_operator(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    """The Deployment cannot be made anew at first, so status counts no pods when the next operator comes."""
    key = Key(namespace, "fraud")
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "none"}}

    async def losing() -> None:
        async with life(sandbox.kubeconfig) as parts:
            await parts.look()
            kubectl.apply({**quota, "spec": {"hard": {"count/deployments.apps": "0"}}})
            eventually(lambda: kubectl.get("resourcequota", "none").get("status", {}).get("used"))
            kubectl("delete", "deployment", "fraud")
            await parts.look()
            with pytest.raises(ModelwayError):
                await parts.converge(key)

    async def passes() -> None:
        async with life(sandbox.kubeconfig) as parts:
            await parts.converge(key)

    kubectl.apply(manifest("fraud", scheduling=NOWHERE, **RANGE))
    asyncio.run(passes())
    kubectl("scale", "deployment", "fraud", "--replicas=5")
    eventually(lambda: kubectl.get("hpa", "fraud")["status"].get("currentReplicas") == 5)
    asyncio.run(losing())
    kubectl("delete", "resourcequota", "none")
    asyncio.run(passes())
    assert kubectl.get("deployment", "fraud")["spec"]["replicas"] == 5


def test_orphans_are_taken_over_with_all_they_have(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    async def passes() -> None:
        async with life(sandbox.kubeconfig) as parts:
            await parts.converge(Key(namespace, "fraud"))

    def applied(version: str) -> None:
        kubectl.apply(manifest("fraud", model={"version": version}, scheduling=NOWHERE, **RANGE))
        asyncio.run(passes())

    applied("one")
    applied("two")
    kubectl("scale", "deployment", "fraud", "--replicas=5")
    before = _uids_of_children(kubectl)
    assert len(before) == 6, "two records among them"
    kubectl("delete", "mdep", "fraud", "--cascade=orphan")
    applied("two")
    assert _uids_of_children(kubectl) == before
    assert kubectl.get("deployment", "fraud")["spec"]["replicas"] == 5
    assert kubectl.get("mdep", "fraud")["status"]["conditions"][0]["reason"] != "NameConflict"


@pytest.mark.parametrize("owners", [True, False], ids=["with dead owners", "without owners"])
def test_a_backup_by_kubectl_is_taken_over_whole(
    sandbox: Sandbox, kubectl: Kubectl, namespace: str, *, owners: bool
) -> None:
    async def passes() -> None:
        async with life(sandbox.kubeconfig) as parts:
            await parts.converge(Key(namespace, "fraud"))

    def applied(*variables: str) -> list[str]:
        """Apply a spec with these variables; those that the server then has of it."""
        env = [{"name": name, "value": "x"} for name in variables]
        spec = manifest("fraud", runtime={"env": env}, scheduling=NOWHERE, **RANGE)
        # kubectl itself, since it also takes over what `kubectl apply` of a backup owns
        kubectl("apply", "--server-side", "-f", "-", input=json.dumps(spec))
        asyncio.run(passes())
        [serve] = kubectl.get("deployment", "fraud")["spec"]["template"]["spec"]["containers"]
        return [one["name"] for one in serve["env"] if one["name"] in {"STAYS", "GOES"}]

    def restored() -> bool:
        """Passes until all is owned: the garbage collector takes its time over what names a dead owner."""
        with contextlib.suppress(ModelwayError):
            asyncio.run(passes())
        return len(_uids_of_children(kubectl)) == len(KINDS)

    applied("STAYS", "GOES")
    kubectl("scale", "deployment", "fraud", "--replicas=5")
    saved = [_as_people_keep_it(one, owners=owners) for kind in ("mdep", *KINDS) for one in kubectl.list(kind)]
    kubectl("delete", "mdep", "fraud")
    eventually(lambda: not [one for kind in KINDS for one in kubectl.list(kind)])
    kubectl("apply", "-f", "-", input=json.dumps({"apiVersion": "v1", "kind": "List", "items": saved}))
    eventually(restored, deadline=90)
    assert owners or kubectl.get("deployment", "fraud")["spec"]["replicas"] == 5
    assert applied("STAYS") == ["STAYS"], "nothing is kept because it was restored"
    reasons = {one["reason"] for one in kubectl.get("mdep", "fraud")["status"]["conditions"]}
    assert "NameConflict" not in reasons


def _uids_of_children(kubectl: Kubectl) -> dict[str, str]:
    """The UID of each child; all of them belong to the ModelDeployment of now."""
    listed = [one for kind in KINDS for one in kubectl.list(kind)]
    owners = [reference["uid"] for one in listed for reference in one["metadata"].get("ownerReferences", ())]
    assert owners == [kubectl.get("mdep", "fraud")["metadata"]["uid"]] * len(listed)
    return {f"{one['kind']} {one['metadata']['name']}": one["metadata"]["uid"] for one in listed}


def _as_people_keep_it(one: Object, *, owners: bool) -> Object:
    """An object as people keep it: what the API server and its controllers wrote is left out."""
    names = {"name", "namespace", "labels", "annotations", *(("ownerReferences",) if owners else ())}
    metadata = {name: value for name, value in one["metadata"].items() if name in names}
    return {**{name: value for name, value in one.items() if name != "status"}, "metadata": metadata}
