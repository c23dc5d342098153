"""A revision comes by a rollout: it runs beside the one that serves, which stays as it is; what runs follows from status alone."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.api.labels import CANARY
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.evidence import Evidence
from modelway.desired.plan import Plan
from modelway.desired.pod import pod_template
from modelway.desired.revision import revision_of
from modelway.observed import Child, RevisionView
from modelway.planning import plan_of, records_to_read
from modelway.settings import Settings
from support.operator.observed import canary_service, container, deployment, observed, owner, pod, revision

OFF = Settings(preflight_enabled=False)
PHASES = ("Starting", "Progressing", "Paused", "Promoting", "Promoted", "RolledBack")
CANDIDATE = {"Deployment fraud-canary", "Service fraud-canary"}
BESIDE = {*CANDIDATE, "ConfigMap fraud-traffic"}


def _spec(name: str, strategy: str = "Canary", **more: Any) -> dict[str, Any]:
    return {"model": {"uri": f"s3://models/{name}.joblib"}, "rollout": {"strategy": strategy}, **more}


def _model(name: str) -> ModelDeployment:
    return ModelDeployment.parse(owner(_spec(name)).document)


OLD, NEW = (revision_of(_model(name)).hash for name in ("old", "new"))


def _record(name: str, number: int, **more: Any) -> RevisionView:
    model = _model(name)
    template = pod_template(model, revision_of(model), OFF)
    return revision(revision_of(model).hash, number, template=template, model=_spec(name)["model"], **more)


def _rollout(phase: str, *, strategy: str = "Canary", weight: int = 0, mirror: int = 0) -> dict[str, Any]:
    identity = {"id": f"{NEW}-1", "strategy": strategy, "revision": NEW, "stable": OLD, "attempt": 1}
    course = {"phase": phase, "step": 0, "steps": 3, "weight": weight, "mirror": mirror}
    return {**identity, **course, "started": "2026-01-01T00:00:00Z"}


def _plan(
    *children: Child,
    spec: dict[str, Any] | None = None,
    rollout: dict[str, Any] | None = None,
    running: str = OLD,
    size: int = 4,
    **more: Any,
) -> Plan:
    main = deployment(revision=running, size=size)
    status = {"stable": {"revision": OLD}, **({"rollout": rollout} if rollout else {})}
    by = owner(spec or _spec("new"), status=status)
    around = observed(main, _record("old", 1, served=True), *children, by=by, **more)
    return plan_of(ModelDeployment.parse(by.document), around, OFF)


def _bodies(plan: Plan) -> dict[str, Any]:
    return {str(step.id): step.body for step in plan.steps if not step.handover}


def _revision_in(body: dict[str, Any]) -> str:
    return str(body["spec"]["template"]["metadata"]["labels"]["modelway.dev/revision"])


def _traffic(plan: Plan) -> dict[str, Any]:
    return dict(json.loads(_bodies(plan)["ConfigMap fraud-traffic"]["data"]["traffic.json"]))


def test_new_revision_waits_beside_until_a_rollout_begins() -> None:
    plan = _plan()
    bodies = _bodies(plan)
    assert plan.beside == OLD
    assert _revision_in(bodies["Deployment fraud"]) == OLD
    assert f"ControllerRevision fraud-{NEW}" in bodies
    assert not BESIDE & bodies.keys()


def test_rolling_strategy_replaces_pods_as_ever() -> None:
    plan = _plan(spec=_spec("new", "Rolling"))
    assert plan.beside is None
    assert _revision_in(_bodies(plan)["Deployment fraud"]) == NEW


def test_first_revision_needs_no_rollout() -> None:
    by = owner(_spec("new"))
    plan = plan_of(ModelDeployment.parse(by.document), observed(by=by), OFF)
    assert plan.beside is None
    assert _revision_in(_bodies(plan)["Deployment fraud"]) == NEW


def test_revision_that_never_served_is_replaced_at_once() -> None:
    by = owner(_spec("new"))
    broken = deployment(revision=OLD, available=0)
    plan = plan_of(ModelDeployment.parse(by.document), observed(broken, _record("old", 1), by=by), OFF)
    assert _revision_in(_bodies(plan)["Deployment fraud"]) == NEW


def test_candidate_runs_on_its_own_track() -> None:
    plan = _plan(canary_service(), rollout=_rollout("Starting"))
    bodies = _bodies(plan)
    assert bodies.keys() >= BESIDE
    canary = bodies["Deployment fraud-canary"]["spec"]
    labels = canary["template"]["metadata"]["labels"]
    assert canary["selector"]["matchLabels"].items() <= labels.items()
    assert (labels["modelway.dev/track"], _revision_in(bodies["Deployment fraud-canary"])) == (CANARY, NEW)
    [spread] = canary["template"]["spec"]["topologySpreadConstraints"]
    assert spread["labelSelector"]["matchLabels"].items() <= labels.items()
    assert bodies["Service fraud-canary"]["spec"]["selector"] == canary["selector"]["matchLabels"]
    stable = bodies["Deployment fraud"]["spec"]["template"]["metadata"]["labels"]
    assert (stable["modelway.dev/track"], stable["modelway.dev/revision"]) == ("stable", OLD)


def test_traffic_waits_for_the_address_of_the_candidate() -> None:
    assert "ConfigMap fraud-traffic" not in _bodies(_plan(rollout=_rollout("Starting")))
    assert "ConfigMap fraud-traffic" not in _bodies(_plan(canary_service(""), rollout=_rollout("Starting")))


def test_candidate_fetches_the_bytes_of_its_evidence() -> None:
    evidence = Evidence(accepted=True, reason="Proved", digest="sha256:" + "a" * 64)
    plan = _plan(_record("new", 2, evidence=evidence.to_text()), rollout=_rollout("Starting"))
    fetch = _bodies(plan)["Deployment fraud-canary"]["spec"]["template"]["spec"]["initContainers"][0]
    assert f"--digest={evidence.digest}" in fetch["args"]


@pytest.mark.parametrize(
    ("strategy", "step", "expected_size"),
    [("Canary", 0, 1), ("Canary", 1, 2), ("Canary", 2, 4), ("BlueGreen", 0, 4), ("Shadow", 0, 4)],
)
def test_candidate_has_the_size_of_its_step(strategy: str, step: int, expected_size: int) -> None:
    rollout = {**_rollout("Progressing", strategy=strategy), "step": step}
    bodies = _bodies(_plan(spec=_spec("new", strategy), rollout=rollout))
    assert bodies["Deployment fraud-canary"]["spec"]["replicas"] == expected_size


def test_traffic_tells_address_share_and_limits() -> None:
    spec = _spec("new", rollout={"strategy": "Canary", "sticky": {"header": "x-user"}, "analysis": {"maxFailed": "1%"}})
    canary = deployment(revision=NEW, size=1, track=CANARY)
    plan = _plan(canary, canary_service("10.96.0.7"), spec=spec, rollout=_rollout("Progressing", weight=5))
    traffic = _traffic(plan)
    assert len(traffic.pop("key")) == 32
    assert traffic == {
        "id": f"{NEW}-1",
        "stable": OLD,
        "candidate": NEW,
        "mode": "handover",
        "weight": 5,
        "paceAhead": False,
        "http": "10.96.0.7:8083",
        "sticky": "x-user",
        "maxFailed": 0.01,
        "numericTolerance": 0.1,
    }


def test_traffic_mirrors_in_a_shadow() -> None:
    rollout = _rollout("Progressing", strategy="Shadow", mirror=30)
    traffic = _traffic(_plan(canary_service("fd00::7"), spec=_spec("new", "Shadow"), rollout=rollout))
    assert (traffic["mode"], traffic["weight"], traffic["http"]) == ("mirror", 30, "[fd00::7]:8083")


def test_promotion_keeps_the_candidate_until_its_end() -> None:
    bodies = _bodies(_plan(canary_service(), rollout=_rollout("Promoting", weight=50)))
    assert _revision_in(bodies["Deployment fraud"]) == NEW
    assert bodies.keys() >= BESIDE


@pytest.mark.parametrize("running", [OLD, NEW])
def test_rollback_leaves_the_stable_revision_alone(running: str) -> None:
    canary = deployment(revision=NEW, size=1, track=CANARY)
    plan = _plan(canary, canary_service(), running=running, rollout=_rollout("RolledBack"))
    assert _revision_in(_bodies(plan)["Deployment fraud"]) == OLD
    assert not BESIDE & _bodies(plan).keys()
    assert {str(one.id) for one in plan.prune} == CANDIDATE


def test_main_deployment_of_the_candidate_is_never_taken_back() -> None:
    bodies = _bodies(_plan(running=NEW, rollout=_rollout("Progressing", weight=50)))
    assert _revision_in(bodies["Deployment fraud"]) == NEW


def test_autoscaler_does_not_shrink_while_others_answer() -> None:
    spec = _spec("new", scaling={"min": 2, "max": 6, "behavior": {"scaleDown": {"stabilizationWindowSeconds": 9}}})
    for phase, weight, expected_policy in (
        ("Starting", 0, None),
        ("Progressing", 50, "Disabled"),
        ("RolledBack", 0, None),
    ):
        bodies = _bodies(_plan(spec=spec, rollout=_rollout(phase, weight=weight)))
        down = bodies["HorizontalPodAutoscaler fraud"]["spec"]["behavior"]["scaleDown"]
        assert down.get("selectPolicy") == expected_policy
        assert down["stabilizationWindowSeconds"] == 9
        assert "replicas" not in bodies["Deployment fraud"]["spec"]


def test_lost_record_of_what_serves_leaves_it_as_it_is() -> None:
    by = owner(_spec("new"), status={"stable": {"revision": OLD}, "rollout": _rollout("Progressing", weight=5)})
    around = observed(deployment(revision=OLD), by=by)
    plan = plan_of(ModelDeployment.parse(by.document), around, OFF)
    assert "Deployment fraud" not in _bodies(plan)
    assert "Deployment fraud-canary" in _bodies(plan)
    assert not plan.prune


def _without_data(record: RevisionView) -> RevisionView:
    return replace(record, data=None)


def test_record_of_what_serves_is_read_for_a_rollout_alone() -> None:
    unread = _without_data(_record("old", 1))
    by = owner(_spec("new"), status={"stable": {"revision": OLD}})
    for spec, expected_records in ((_spec("new"), [unread]), (_spec("new", "Rolling"), [])):
        wanted = ModelDeployment.parse({**by.document, "spec": spec})
        assert records_to_read(wanted, observed(deployment(revision=OLD), unread, by=by), OFF) == expected_records


def test_record_of_the_stable_revision_is_read_after_an_abort() -> None:
    """An abort of a promotion may come when status, and all pods, already name the candidate."""
    unread = _without_data(_record("old", 1, served=True))
    status = {"stable": {"revision": NEW}, "rollout": _rollout("RolledBack")}
    by = owner(_spec("new"), status=status)
    around = observed(deployment(revision=NEW, size=3, available=2), unread, _record("new", 2), by=by)
    assert unread in records_to_read(ModelDeployment.parse(by.document), around, OFF)


@pytest.mark.parametrize(
    ("phase", "expected_kept"),
    [("Progressing", {OLD, NEW}), ("Promoting", {OLD, NEW}), ("RolledBack", {OLD, NEW}), ("Promoted", {NEW})],
)
def test_records_of_a_rollout_outlive_newer_ones(phase: str, expected_kept: set[str]) -> None:
    others = [revision(f"bad{number}", 10 + number) for number in range(OFF.revision_history_limit + 1)]
    status = {"stable": {"revision": NEW if phase == "Promoted" else OLD}, "rollout": _rollout(phase)}
    by = owner(_spec("new"), status=status)
    main = deployment(revision=OLD if phase == "Progressing" else NEW)
    around = observed(main, _record("old", 1, served=True), _record("new", 2), *others, by=by)
    gone = {str(one.id) for one in plan_of(ModelDeployment.parse(by.document), around, OFF).prune}
    names = {one: f"ControllerRevision fraud-{one}" for one in (OLD, NEW)}
    assert {one for one, name in names.items() if name not in gone} == expected_kept


def test_stable_revision_of_a_trial_stays_whatever_status_names() -> None:
    by = owner(_spec("new"), status={"stable": {"revision": "another"}, "rollout": _rollout("Progressing")})
    around = observed(deployment(revision=OLD), _record("old", 1, served=True), by=by)
    assert plan_of(ModelDeployment.parse(by.document), around, OFF).beside == OLD


@pytest.mark.parametrize(("present", "expected_size"), [(1, 1), (None, None)])
def test_rolling_strategy_never_enlarges_the_candidate(present: int | None, expected_size: int | None) -> None:
    canary = [deployment(revision=NEW, size=present, track=CANARY)] if present else []
    plan = _plan(*canary, spec=_spec("new", "Rolling"), rollout=_rollout("Progressing", weight=5))
    body = _bodies(plan).get("Deployment fraud-canary")
    assert (body["spec"]["replicas"] if body else None) == expected_size


@pytest.mark.parametrize("running", [None, NEW])
def test_candidate_serves_once_the_stable_revision_is_lost(running: str | None) -> None:
    """Neither a Deployment nor a record tells what the stable revision was: nobody can bring it back."""
    by = owner(_spec("new"), status={"stable": {"revision": OLD}, "rollout": _rollout("RolledBack")})
    main = [deployment(revision=running)] if running else []
    plan = plan_of(ModelDeployment.parse(by.document), observed(*main, by=by), OFF)
    assert plan.beside is None
    assert _revision_in(_bodies(plan)["Deployment fraud"]) == NEW


def test_next_revision_on_trial_ends_the_rollout_before_it() -> None:
    by = owner(_spec("third"), status={"stable": {"revision": OLD}, "rollout": _rollout("Progressing", weight=50)})
    canary = deployment(revision=NEW, track=CANARY)
    around = observed(deployment(revision=OLD), _record("old", 1, served=True), canary, canary_service(), by=by)
    plan = plan_of(ModelDeployment.parse(by.document), around, Settings(preflight_enabled=True))
    assert plan.closed
    assert _revision_in(_bodies(plan)["Deployment fraud"]) == OLD
    assert {str(one.id) for one in plan.prune} == CANDIDATE


WORLDS = st.fixed_dictionaries(
    {
        "phase": st.none() | st.sampled_from(PHASES),
        "strategy": st.sampled_from(["Rolling", "Canary", "BlueGreen", "Shadow"]),
        "weight": st.integers(0, 100),
        "running": st.none() | st.sampled_from([OLD, NEW]),
        "wanted": st.sampled_from(["old", "new", "third"]),
        "canary": st.none() | st.sampled_from([OLD, NEW]),
        "up": st.booleans(),
    }
)


@given(world=WORLDS)
def test_nothing_that_serves_goes_and_nothing_idle_stays(world: dict[str, Any]) -> None:
    strategy, running, canary = world["strategy"], world["running"], world["canary"]
    tried = "Canary" if strategy == "Rolling" else strategy
    rollout = _rollout(world["phase"], strategy=tried, weight=world["weight"]) if world["phase"] else None
    children: list[Child] = [_record("old", 1, served=True), _record("new", 2)]
    children += [deployment(revision=running, size=4)] if running else []
    children += [canary_service(), deployment(revision=canary, track=CANARY)] if canary else []
    status = {"stable": {"revision": OLD}, **({"rollout": rollout} if rollout else {})}
    by = owner(_spec(world["wanted"], strategy), status=status)
    pods = (pod(container(), revision=canary, ready=world["up"]),) if canary else ()
    plan = plan_of(ModelDeployment.parse(by.document), observed(*children, by=by, canary_pods=pods), OFF)
    bodies, gone = _bodies(plan), {str(one.id) for one in plan.prune}
    assert {"Deployment fraud", "Service fraud"} <= bodies.keys()
    assert not gone & bodies.keys()
    assert not canary or all((one in bodies) != (one in gone) for one in CANDIDATE)
    assert f"ControllerRevision fraud-{OLD}" not in gone
