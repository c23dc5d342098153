"""`server.imagePolicy: Follow`: an image that the platform changes reaches every model, so many at once, and a bad one stops early."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sandbox import Sandbox
from support.cluster.contenders import Contender
from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl, Object
from support.cluster.witness import Watched
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.usefixtures("operator_away")]

AT_ONCE = 2
MODELS = 6
OLD, BROKEN, NEW = "sandbox/hollow:1", "nowhere/server:2", "sandbox/hollow:3"
"""Hollow pods are ready without a process; there is no image of the second name."""

STANDS_SECONDS = 4.0
"""Beyond the time in which a model that need not wait is rolled out."""


@contextmanager
def _operator(sandbox: Sandbox, namespace: str, image: str) -> Iterator[Contender]:
    """An operator of a platform with this server image, until the block ends."""
    decided = {"server_image": image, "image_policy": "Follow", "follow_at_once": str(AT_ONCE), "drain_seconds": "0"}
    operator = Contender.start(f"{namespace}-{image.rpartition(':')[2]}", sandbox, namespace, settings=decided)
    try:
        yield operator
        operator.stop()
    finally:
        operator.end()


def test_an_image_of_the_platform_is_followed_by_turns(sandbox: Sandbox, kubectl: Kubectl, namespace: str) -> None:
    models = [Deployed(kubectl, f"model-{number}") for number in range(MODELS)]
    with _operator(sandbox, namespace, OLD):
        for model in models:
            model.apply()
        for model in models:
            model.is_ready()
    with Watched(kubectl, "deployments") as watched:
        with _operator(sandbox, namespace, BROKEN) as operator:
            waiting = f"modelway_operator_waiting_rollouts {MODELS - AT_ONCE:.1f}"
            eventually(lambda: waiting in operator.metrics().splitlines(), deadline=60)
            _stands(lambda: len(_with(kubectl, BROKEN)) == AT_ONCE and len(_serving(kubectl)) == MODELS)
            [first, *_] = _with(kubectl, OLD)
            waits = Deployed(kubectl, first)
            eventually(lambda: "When its turn comes" in waits.condition()["message"], describe=waits.condition)
            assert waits.condition()["status"] == "True"
        with _operator(sandbox, namespace, NEW):
            eventually(lambda: len(_with(kubectl, NEW)) == MODELS, deadline=90, describe=lambda: _with(kubectl, NEW))
            for model in models:
                model.is_ready()
    assert _most_at_once(watched.states) == AT_ONCE


def _stands(holds: Callable[[], bool]) -> None:
    """Something holds, and still does after a while."""
    end = time.monotonic() + STANDS_SECONDS
    eventually(lambda: holds() and time.monotonic() > end, deadline=60)


def _with(kubectl: Kubectl, image: str) -> list[str]:
    """The models whose Deployment asks for an image."""
    return [one["metadata"]["name"] for one in kubectl.list("deployments") if _image(one) == image]


def _serving(kubectl: Kubectl) -> list[str]:
    """The models of which a pod serves."""
    return [one["metadata"]["name"] for one in kubectl.list("deployments") if one["status"].get("availableReplicas")]


def _image(deployment: Object) -> str:
    [serve] = deployment["spec"]["template"]["spec"]["containers"]
    return str(serve["image"])


def _most_at_once(states: list[Object]) -> int:
    """How many Deployments were being rolled out at the same time."""
    rolling: set[str] = set()
    most = 0
    for one in states:
        (rolling.add if _is_rolling(one) else rolling.discard)(one["metadata"]["name"])
        most = max(most, len(rolling))
    return most


def _is_rolling(deployment: Object) -> bool:
    """Whether `kubectl rollout status` would wait."""
    status, size = deployment.get("status", {}), deployment["spec"]["replicas"]
    return bool(
        status.get("observedGeneration", 0) < deployment["metadata"]["generation"]
        or status.get("updatedReplicas", 0) < size
        or status.get("replicas", 0) > status.get("updatedReplicas", 0)
        or status.get("availableReplicas", 0) < size
    )
