"""What served stays as it was recorded; what never served follows the platform, and how images are pulled always does."""

from dataclasses import replace
from typing import Any

import pytest

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.pinning import record_to_read
from modelway.desired.plan import Plan, make_plan
from modelway.desired.pod import pod_template
from modelway.desired.revision import digest_of, revision_of
from modelway.observed import Observed, RevisionView
from modelway.settings import Settings
from support.operator.observed import container, observed, owner, pod, revision

DEPLOYMENT = ModelDeployment.parse(owner().document)
REVISION = revision_of(DEPLOYMENT)
HASH = REVISION.hash
BEFORE = Settings(server_image="registry.wrong/server:1", image_pull_secrets=("wrong",))
NOW = Settings(server_image="registry.right/server:2", image_pull_secrets=("right",), image_pull_policy="Always")
STABLE = {"stable": {"revision": HASH}}


def _record(**more: Any) -> RevisionView:
    """Of the time before the platform was corrected."""
    return revision(HASH, 3, template=pod_template(DEPLOYMENT, REVISION, BEFORE), **more)


def _plan(record: RevisionView, settings: Settings = NOW, **around: Any) -> Plan:
    observation = observed(record, by=owner(status=around.pop("status", None)), **around)
    return make_plan(DEPLOYMENT, observation, settings)


def _body(plan: Plan, kind: str) -> dict[str, Any]:
    return next(step.body for step in plan.steps if step.id.kind == kind)


def _pods(plan: Plan) -> dict[str, Any]:
    return dict(_body(plan, "Deployment")["spec"]["template"]["spec"])


def test_revision_that_never_served_is_rendered_anew() -> None:
    plan = _plan(_record(), pods=(pod(container(), revision=HASH),))
    rendered = pod_template(DEPLOYMENT, REVISION, NOW)
    assert [one.id.name for one in plan.prune] == [f"fraud-{HASH}"], "its data cannot be changed"
    assert _body(plan, "Deployment")["spec"]["template"] == rendered
    assert _body(plan, "ControllerRevision")["data"]["template"] == rendered
    assert _body(plan, "ControllerRevision")["revision"] == 3


@pytest.mark.parametrize(
    "world",
    [
        {"record": _record(served=True)},
        {"record": _record(), "status": STABLE},
        {"record": _record(), "pods": (pod(container(), revision=HASH, ready=True),)},
    ],
    ids=["marked", "told by status", "serving now"],
)
def test_served_revision_stays_pinned_except_image_pulls(world: dict[str, Any]) -> None:
    plan = _plan(**world)
    spec = _pods(plan)
    containers = [*spec["initContainers"], *spec["containers"]]
    assert plan.prune == ()
    assert {one["image"] for one in containers} == {"registry.wrong/server:1"}
    assert {one["imagePullPolicy"] for one in containers} == {"Always"}
    assert spec["imagePullSecrets"] == [{"name": "right"}]
    assert _body(plan, "ControllerRevision")["data"] == world["record"].data, "what is recorded cannot be changed"


def test_pull_secrets_that_the_platform_drops_are_dropped() -> None:
    assert "imagePullSecrets" not in _pods(_plan(_record(served=True), Settings()))


def test_changed_image_pulls_keep_the_record() -> None:
    pulled_otherwise = BEFORE.model_copy(update={"image_pull_secrets": ("right",), "image_pull_policy": "Never"})
    plan = _plan(_record(), pulled_otherwise)
    assert plan.prune == ()
    assert _pods(plan)["imagePullSecrets"] == [{"name": "right"}]


def test_serving_revision_is_marked_before_it_is_replaced() -> None:
    stable, status = revision("a" * 10, 1), {"stable": {"revision": "a" * 10}}
    assert _plan(stable, status=status).record_to_mark == stable
    assert _plan(replace(stable, served=True), status=status).record_to_mark is None, "once"
    assert _plan(_record(), status=STABLE).record_to_mark is None, "while it is wanted, status tells"


def test_record_is_read_only_if_it_differs_from_today() -> None:
    def find_unread(settings: Settings) -> RevisionView | None:
        observation: Observed = observed(unread)
        return record_to_read(DEPLOYMENT, observation, settings)

    unread = replace(_record(), data=None)
    same = replace(unread, digest=_digest(BEFORE))
    assert find_unread(NOW) == unread
    assert record_to_read(DEPLOYMENT, observed(same), BEFORE) is None
    assert _pods(_plan(same, BEFORE)) == pod_template(DEPLOYMENT, REVISION, BEFORE)["spec"]
    assert record_to_read(DEPLOYMENT, observed(_record()), NOW) is None, "read already"


def _digest(settings: Settings) -> str:
    plan = make_plan(DEPLOYMENT, observed(), settings)
    return digest_of(_body(plan, "ControllerRevision")["data"])
