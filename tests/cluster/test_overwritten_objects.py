"""Somebody overwrites and deletes an object at every moment of rollouts, scale-ups and losses: no pod serves bytes that were not proved."""

import hashlib
import io
import json
import random
import urllib.request
from collections.abc import Callable, Iterator
from http.client import HTTPException

import joblib
import pytest
from sklearn.dummy import DummyRegressor

from support.cluster.deployed import Deployed
from support.cluster.sandbox import Kubectl, Object
from support.stores.versioned_store import VersionedStore, versioned_store
from support.waiting import eventually

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

URI, KEY = "s3://models/fraud/model.joblib", "fraud/model.joblib"
FIT = {"request": {"instances": [[0.0]]}, "expect": {"predictions": [5.0]}, "tolerance": 0.2}
"""Models that answer about 5 pass; those that answer 100 and more do not."""
SETTLED = {"Serving", "ArtifactReplaced", "SmokeTestFailed", "ModelNotFound"}
STEPS, MOST_CHANGES, SETTLE_SECONDS = 8, 6, 150.0


class Overwritten:
    """A model whose object changes while pods fetch it, and all that its pods were seen to answer.

    Args:
        model: yet to be applied.
        store: where its object lies.
        draw: decides what happens.
    """

    def __init__(self, model: Deployed, store: VersionedStore, draw: random.Random) -> None:
        self.model, self.store, self.draw = model, store, draw
        self.digests: dict[float, str] = {}
        """Of every content, by what it answers."""
        self.proved: dict[str, str] = {}
        """The digest of each accepted revision."""
        self.answers: dict[str, tuple[str, float]] = {}
        """Revision and answer of each pod."""
        self.version, self.replicas = 0, 1

    def overwrite(self, *, fit: bool) -> None:
        """Store a model that was never there before."""
        answer = (5.0 if fit else 100.0) + len(self.digests) / 100
        file = io.BytesIO()
        joblib.dump(DummyRegressor(strategy="constant", constant=answer).fit([[0.0]], [0.0]), file)
        self.digests[answer] = f"sha256:{hashlib.sha256(file.getvalue()).hexdigest()}"
        self.store.put(KEY, file.getvalue())

    def change(self) -> None:
        """Do what somebody may do to an object."""
        kind = self.draw.choice(("fit", "fit", "unfit", "delete"))
        self.store.delete(KEY) if kind == "delete" else self.overwrite(fit=kind == "fit")

    def change_at_moments(self) -> None:
        """Let changes come at the next moments of the store, each after some quiet ones."""
        for _ in range(self.draw.randint(1, MOST_CHANGES)):
            self.store.changes += [_stay_quiet] * self.draw.randint(0, 3) + [self.change]

    def roll_out(self) -> None:
        """Ask for the object as it is now."""
        self.version += 1
        self._apply()

    def scale(self) -> None:
        """Ask for another number of pods."""
        self.replicas = 4 - self.replicas
        self._apply()

    def lose_pods(self) -> None:
        """Take all pods at once and without their end, as those of a node that is lost."""
        lost = {pod["metadata"]["uid"] for pod in self._pods()}
        names = [pod["metadata"]["name"] for pod in self._pods()]
        if names:
            self.model.kubectl("delete", "pods", *names, "--force", "--grace-period=0", "--ignore-not-found")
        eventually(lambda: not lost & {pod["metadata"]["uid"] for pod in self._pods()})

    def settle(self) -> str:
        """Ask every pod until status says what has become of the last step; the reason."""
        return eventually(self._reason, deadline=SETTLE_SECONDS, describe=lambda: self.model.status)

    def _reason(self) -> str:
        self._look()
        reason = str(self.model.condition().get("reason"))
        if reason == "Serving" and not self._all_are_asked():
            return ""  # of before a loss of pods, which makes no generation
        return reason if reason in SETTLED else ""

    def _all_are_asked(self) -> bool:
        pods = self._pods()
        return len(pods) == self.replicas and all(pod["metadata"]["name"] in self.answers for pod in pods)

    def _look(self) -> None:
        for entry in self.model.status.get("revisions") or ():
            if entry["verdict"] == "Accepted":
                assert self.proved.setdefault(entry["revision"], entry["digest"]) == entry["digest"]
        for pod in self._pods():
            name, revision = pod["metadata"]["name"], pod["metadata"]["labels"]["modelway.dev/revision"]
            if name not in self.answers and _is_ready(pod):
                self.answers[name] = (revision, _answer(pod["status"]["podIP"]))

    def _pods(self) -> list[Object]:
        selector = f"modelway.dev/name={self.model.name},modelway.dev/track=stable"
        return [pod for pod in self.model.kubectl.list("pods", selector) if "deletionTimestamp" not in pod["metadata"]]

    def _apply(self) -> None:
        source = {"uri": URI, "version": f"v{self.version}", "storage": {"secretRef": {"name": "store"}}}
        scaling = {"replicas": self.replicas}
        self.model.apply(
            model=source, scaling=scaling, preflight={"enabled": True, "smokeTests": [{"name": "fit", **FIT}]}
        )


def _stay_quiet() -> None:
    """Nothing happens at a moment."""


def _is_ready(pod: Object) -> bool:
    conditions = pod["status"].get("conditions") or ()
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _answer(address: str) -> float:
    """What a pod answers; an AssertionError where it has just gone."""
    body = json.dumps({"instances": [[0.0]]}).encode()
    url = f"http://{address}:8080/v1/models/fraud:predict"
    request = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return float(json.load(answer)["predictions"][0])
    except (OSError, HTTPException) as error:
        raise AssertionError(str(error) or type(error).__name__) from error


@pytest.fixture
def store(kubectl: Kubectl) -> Iterator[VersionedStore]:
    with versioned_store() as running:
        kubectl.create(
            {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "store"}, "stringData": running.environ}
        )
        yield running


@pytest.mark.parametrize(("versioned", "seed"), [(True, 1), (False, 2)], ids=["versions are kept", "none are kept"])
def test_no_pod_serves_bytes_that_were_not_proved(
    deployed: Deployed, store: VersionedStore, seed: int, *, versioned: bool
) -> None:
    store.reset(versioned=versioned)
    world = Overwritten(deployed, store, random.Random(seed))
    world.overwrite(fit=True)
    world.roll_out()
    assert world.settle() == "Serving"
    world.overwrite(fit=False)
    world.lose_pods()
    assert world.settle() == ("Serving" if versioned else "ArtifactReplaced")
    steps: list[Callable[[], None]] = [world.roll_out, world.roll_out, world.scale, world.lose_pods]
    for _ in range(STEPS):
        world.change_at_moments()
        world.draw.choice(steps)()
        world.settle()
    store.changes.clear()
    world.overwrite(fit=True)
    world.roll_out()
    assert world.settle() == "Serving"
    wrong = {pod: (revision, answer) for pod, (revision, answer) in world.answers.items() if _is_wrong(world, pod)}
    assert wrong == {}
    assert len({revision for revision, _ in world.answers.values()}) > 1, "several revisions served"


def _is_wrong(world: Overwritten, pod: str) -> bool:
    revision, answer = world.answers[pod]
    return world.proved[revision] != world.digests[answer]
