"""The real Argo CD runs the chart and every example from git, by the files of `examples/argocd`."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from modelway.cluster.publish import MINOR_SECONDS
from support.cluster.application import Application
from support.cluster.gitops import APPLICATIONS, MODELS, GitOps
from support.cluster.statuses import read_recorded
from support.operator.specs import Object, every_field, manifest
from support.pages.examples import EXAMPLES, MANIFESTS, trainable
from support.waiting import eventually

# The first test waits for everything to start.
pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(900)]

SECONDS = 120.0
SYNCS = 20
STORE = "http://models.model-store.svc:8080"
GOOD, BETTER, ABSENT = (f"{STORE}/fraud/{version}/model.joblib" for version in ("v1", "v2", "v0"))


def model(name: str, uri: str = GOOD, **spec: Any) -> Object:
    return manifest(name, model={"uri": uri}, **spec)


@pytest.fixture
def models(gitops: GitOps) -> Iterator[Application]:
    """The Application of the models, with every example well, and what the test adds to git taken away afterwards."""
    before, fraud = set(_folders(gitops)), _fraud(gitops)
    yield gitops.application()
    gitops.change(fraud=fraud, **dict.fromkeys(set(_folders(gitops)) - before))
    eventually(lambda: gitops.application().verdict() == ("Synced", "Healthy"), deadline=SECONDS)


def _fraud(gitops: GitOps) -> Object:
    return dict(yaml.safe_load((gitops.repository.folder / "examples/fraud/modeldeployment.yaml").read_text()))


def _folders(gitops: GitOps) -> list[str]:
    return [path.parent.name for path in (gitops.repository.folder / "examples").glob("*/modeldeployment.yaml")]


def becomes(application: Application, name: str, health: str) -> str:
    """Wait until Argo CD says so of a ModelDeployment; its message."""

    def find_message() -> str:
        status, message = application.health("ModelDeployment", name)
        assert status == health, (name, status, message)
        return message

    return eventually(find_message, deadline=SECONDS)


def _included() -> list[str]:
    """The patterns of the files that the application of the examples takes."""
    application = yaml.safe_load((EXAMPLES / "argocd" / "models.yaml").read_text())
    include: str = application["spec"]["source"]["directory"]["include"]
    return include.strip("{}").split(",")


def test_the_chart_and_every_example_are_synced_and_healthy(gitops: GitOps) -> None:
    applications = [gitops.application(name) for name in APPLICATIONS]
    assert [application.verdict() for application in applications] == [("Synced", "Healthy")] * len(applications)
    assert [application.differences() for application in applications] == [[]] * len(applications)
    resources = {one["name"] for application in applications for one in application.resources()}
    manifests = [path for path in MANIFESTS if trainable(path.parent) and any(map(path.match, _included()))]
    examples = {yaml.safe_load(path.read_text())["metadata"]["name"] for path in manifests}
    assert {"modeldeployments.modelway.dev", "modelway", *examples} <= resources


def test_its_children_are_shown_below_a_model(gitops: GitOps) -> None:
    assert {"Deployment", "Service", "PodDisruptionBudget", "ControllerRevision"} <= _children(gitops, "fraud")
    assert {"ReplicaSet", "Pod"} <= {one["kind"] for one in gitops.argo.tree(MODELS)}


def _children(gitops: GitOps, name: str) -> set[str]:
    parent = ("ModelDeployment", name)
    tree = gitops.argo.tree(MODELS)
    return {one["kind"] for one in tree for of in one.get("parentRefs", ()) if (of["kind"], of["name"]) == parent}


def test_each_model_has_the_health_that_it_should(gitops: GitOps, models: Application) -> None:
    room = {"nodeSelector": {"example.com/room": "argo"}}
    gitops.change(
        broken=model("broken", ABSENT), paused=model("paused", suspend=True), waiting=model("waiting", scheduling=room)
    )
    assert ABSENT in becomes(models, "broken", "Degraded")
    assert "spec.suspend" in becomes(models, "paused", "Suspended")
    assert "node" in becomes(models, "waiting", "Progressing")
    eventually(lambda: models.verdict() == ("Synced", "Degraded"), describe=models.verdict)

    gitops.kubectl("label", "node", "--all", "example.com/room=argo")
    gitops.change(broken=model("broken"), paused=model("paused"))
    for name in ("broken", "paused", "waiting"):
        becomes(models, name, "Healthy")


def test_a_new_version_is_progressing_until_it_serves(gitops: GitOps, models: Application) -> None:
    fraud = _fraud(gitops)
    fraud["spec"]["model"] |= {"uri": BETTER, "version": "v2"}
    gitops.change(fraud=fraud)
    states = []

    def serves() -> bool:
        states.append(models.health("ModelDeployment", "fraud")[0])
        served = gitops.kubectl.get("mdep", "fraud")["status"]["stable"]["version"]
        return bool(served == "v2" and states[-1] == "Healthy" and "Progressing" in states)

    eventually(serves, deadline=SECONDS, describe=lambda: states)
    assert set(states) == {"Healthy", "Progressing"}


@pytest.fixture
def server_side(gitops: GitOps) -> Iterator[None]:
    """Argo CD compares by a dry run on the API server, in place of its own three-way comparison."""
    for name in APPLICATIONS:
        gitops.argo.kubectl(
            "annotate", "application", name, "argocd.argoproj.io/compare-options=ServerSideDiff=true", "--overwrite"
        )
    yield
    for name in APPLICATIONS:
        gitops.argo.kubectl("annotate", "application", name, "argocd.argoproj.io/compare-options-")


def _all_spellings() -> dict[str, Object]:
    """A model of every field, one of a single field, one that is autoscaled."""
    return {
        "full": {**manifest("full"), "spec": every_field()},
        "bare": model("bare"),
        "scaled": model("scaled", scaling={"min": 1, "max": 3}),
    }


def test_defaults_and_autoscaler_leave_no_difference_from_git(
    gitops: GitOps, models: Application, request: pytest.FixtureRequest
) -> None:
    gitops.change(**_all_spellings())
    becomes(models, "scaled", "Healthy")
    assert models.differences() == []
    eventually(lambda: "HorizontalPodAutoscaler" in _children(gitops, "scaled"))

    before = models.status["operationState"]
    gitops.kubectl("scale", "deployment", "scaled", "--replicas=2")
    eventually(lambda: gitops.kubectl.get("mdep", "scaled")["status"].get("readyReplicas") == 2, deadline=SECONDS)
    request.getfixturevalue("server_side")
    for name in APPLICATIONS:
        gitops.application(name).refresh("hard")
        assert gitops.application(name).differences() == []
    assert models.status["operationState"] == before
    assert gitops.kubectl.get("deployment", "scaled")["spec"]["replicas"] == 2


def test_what_was_changed_by_hand_is_put_back(gitops: GitOps, models: Application) -> None:
    wanted = _fraud(gitops)["spec"]
    patch = {"spec": {"model": {"uri": BETTER}, "scaling": {"replicas": 3}}}
    gitops.kubectl("patch", "mdep", "fraud", "--type=merge", "-p", json.dumps(patch))

    def healed() -> bool:
        spec = gitops.kubectl.get("mdep", "fraud")["spec"]
        return bool(spec["model"]["uri"] == wanted["model"]["uri"] and spec["scaling"] == wanted["scaling"])

    eventually(healed, deadline=SECONDS)
    becomes(models, "fraud", "Healthy")


def test_twenty_syncs_make_the_operator_write_nothing(gitops: GitOps, models: Application) -> None:
    _nothing_left_to_say(gitops)
    audit, chart = gitops.audit(), gitops.application("modelway")
    for number in range(SYNCS):
        models.sync()
        if number % 5 == 0:
            chart.sync()
    assert audit.writes() == []


def _nothing_left_to_say(gitops: GitOps) -> None:
    """Wait until even the small changes of status, which the operator gathers for some seconds, are written."""
    audit, since = gitops.audit(), time.monotonic()

    def quiet() -> bool:
        nonlocal since
        if audit.writes():
            audit.restart()
            since = time.monotonic()
        return time.monotonic() - since > MINOR_SECONDS + 1

    eventually(quiet, deadline=SECONDS)


def test_a_model_removed_from_git_goes_with_its_children(gitops: GitOps, models: Application) -> None:
    gitops.change(gone=model("gone", scaling={"min": 1, "max": 2}))
    becomes(models, "gone", "Healthy")
    gitops.change(gone=None)
    kinds = "mdep,deployment,service,hpa,poddisruptionbudget,controllerrevision,replicaset,pod"

    def remains() -> list[str]:
        names = gitops.kubectl("get", kinds, "-o", "name").split()
        return [name for name in names if name.partition("/")[2].startswith("gone")]

    eventually(lambda: not remains(), deadline=SECONDS, describe=remains)


def test_the_definition_stays_when_the_chart_no_longer_brings_it(gitops: GitOps, models: Application) -> None:
    """With it would go every model."""
    chart = gitops.application("modelway")
    chart.patch({"spec": {"source": {"helm": {"valuesObject": {"crds": {"install": False}}}}}})
    try:
        chart.refresh()
        chart.sync()
        assert "CustomResourceDefinition" not in {one["kind"] for one in chart.resources()}
        assert "deletionTimestamp" not in gitops.kubectl.get("crd", "modeldeployments.modelway.dev")["metadata"]
    finally:
        chart.patch({"spec": {"source": {"helm": {"valuesObject": {"crds": None}}}}})


@pytest.mark.parametrize(
    "state",
    [
        "healthy-autoscaled",
        "progressing-never-seen",
        "progressing-rollout",
        "degraded-beside-the-old",
        "degraded-rolled-back",
        "suspended",
        "suspended-rollout",
    ],
)
def test_argo_cd_itself_reads_a_recorded_status_alike(gitops: GitOps, tmp_path: Path, state: str) -> None:
    file = tmp_path / "object.yaml"
    file.write_text(yaml.safe_dump(read_recorded()[state]))
    settings = ["--argocd-cm-path", str(EXAMPLES / "argocd/argocd-cm.yaml")]
    output = gitops.argo.command("admin", "settings", "resource-overrides", "health", str(file), *settings)
    assert f"STATUS: {state.partition('-')[0].capitalize()}" in output
