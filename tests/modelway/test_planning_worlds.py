"""Whatever is observed: only what was accepted, has served, or runs already is deployed, and nothing that serves is pruned."""

from dataclasses import replace
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.contestants import with_choice
from modelway.desired.evidence import Evidence
from modelway.desired.pod import pod_template
from modelway.desired.revision import digest_of, record_data, revision_of
from modelway.observed import Child, Observed, RevisionView
from modelway.planning import plan_of
from modelway.settings import Settings
from support.operator.observed import container, deployment, job, observed, owner, pod, revision

ON = Settings(preflight_enabled=True)
NAMES = ("a", "b", "c")
RUNNING_KINDS = {"Deployment", "HorizontalPodAutoscaler", "Service", "PodDisruptionBudget"}


CONTEST = "c"
"""The name of the one that has a candidate, which its preflight chose if it accepted it."""
CHOICE = ("--uri=s3://models/small.joblib", "--digest=sha256:" + "0" * 64)


def _spec(name: str) -> dict[str, Any]:
    spec: dict[str, Any] = {"model": {"uri": f"s3://models/{name}.joblib"}}
    if name == CONTEST:
        metrics = [{"name": "accuracy", "min": 0.5}]
        evaluation = {"dataset": {"uri": "s3://models/rows.csv"}, "target": "y", "metrics": metrics}
        spec["model"]["candidates"] = [{"name": "small", "uri": "s3://models/small.joblib"}]
        spec["preflight"] = {"evaluation": evaluation}
    return spec


MODELS = {name: ModelDeployment.parse(owner(_spec(name)).document) for name in NAMES}
HASHES = {name: revision_of(model).hash for name, model in MODELS.items()}
EVIDENCE = {
    "none": "",
    "accepted": Evidence(accepted=True, reason="Proved", digest="sha256:" + "0" * 64, choice="small").to_text(),
    "refused": Evidence(accepted=False, reason="EvaluationFailed", proof="another").to_text(),
    "foreign": "nonsense",
}
HISTORY = st.fixed_dictionaries(
    {
        "evidence": st.sampled_from([*EVIDENCE]),
        "served": st.booleans(),
        "read": st.booleans(),
        "outdated": st.booleans(),
        "recorded": st.booleans(),
    }
)
WORLDS = st.fixed_dictionaries(
    {
        "wanted": st.sampled_from(NAMES),
        "running": st.none() | st.sampled_from(NAMES),
        "available": st.booleans(),
        "stable": st.none() | st.sampled_from(NAMES),
        "job": st.none() | st.sampled_from(NAMES),
        "job_finished": st.booleans(),
        "pod": st.none() | st.sampled_from(NAMES),
        **dict.fromkeys(NAMES, HISTORY),
    }
)


def _record(name: str, number: int, history: dict[str, Any]) -> RevisionView:
    model = MODELS[name]
    image = "modelway/server:0" if history["outdated"] else ON.server_image
    evidence = EVIDENCE[history["evidence"]]
    subject = with_choice(model, Evidence.parse(evidence))
    template = pod_template(subject, revision_of(model), ON.model_copy(update={"server_image": image}))
    record = revision(
        HASHES[name],
        number,
        template=template,
        model=_spec(name)["model"],
        served=history["served"],
        evidence=evidence,
    )
    data = record_data(revision_of(model), template)
    return replace(record, digest=digest_of(data), data=data if history["read"] else None)


def _observe(world: dict[str, Any]) -> Observed:
    children: list[Child] = [
        _record(name, number, world[name]) for number, name in enumerate(NAMES, 1) if world[name]["recorded"]
    ]
    if world["running"]:
        children.append(deployment(revision=HASHES[world["running"]], available=int(world["available"])))
    if world["job"]:
        children.append(job(HASHES[world["job"]], proof="some", finished=world["job_finished"]))
    pods = (pod(container(), revision=HASHES[world["pod"]], ready=True),) if world["pod"] else ()
    status = {"stable": {"revision": HASHES[world["stable"]]}} if world["stable"] else {}
    return observed(*children, pods=pods, by=owner(_spec(world["wanted"]), status=status))


def _may_run(world: dict[str, Any]) -> set[str]:
    proved = {name for name in NAMES if world[name]["recorded"] and world[name]["evidence"] == "accepted"}
    served = {name for name in NAMES if world[name]["recorded"] and world[name]["served"]}
    return {HASHES[name] for name in {*proved, *served, world["running"], world["stable"], world["pod"]} - {None}}


FRESH = {"evidence": "none", "served": False, "read": True, "outdated": False, "recorded": True}
ACCEPTED = {**FRESH, "evidence": "accepted"}
NOTHING = {"running": None, "available": True, "stable": None, "job": None, "job_finished": False, "pod": None}


@given(world=WORLDS)
@example(world={"wanted": "a", **NOTHING, **dict.fromkeys(NAMES, FRESH)})
@example(world={"wanted": "a", **NOTHING, "running": "b", **dict.fromkeys(NAMES, FRESH)})
def test_only_what_may_run_is_deployed(world: dict[str, Any]) -> None:
    plan = plan_of(MODELS[world["wanted"]], _observe(world), ON)
    deployed = {
        step.body["spec"]["template"]["metadata"]["labels"]["modelway.dev/revision"]
        for step in plan.steps
        if step.id.kind == "Deployment" and not step.handover
    }
    assert deployed <= _may_run(world)


@given(world=WORLDS)
def test_nothing_that_serves_is_pruned(world: dict[str, Any]) -> None:
    plan = plan_of(MODELS[world["wanted"]], _observe(world), ON)
    steps = {step.id for step in plan.steps}
    assert not [one.id for one in plan.prune if one.id.kind in RUNNING_KINDS]
    again = [one.id for one in plan.prune if one.id in steps]
    assert {one.kind for one in again} <= {"ControllerRevision"}, "whose data cannot be changed"


@given(world=WORLDS)
def test_closed_revision_is_tried_or_refused(world: dict[str, Any]) -> None:
    plan = plan_of(MODELS[world["wanted"]], _observe(world), ON)
    tries = any(step.id.kind == "Job" for step in plan.steps)
    makes_room = any(one.id.kind == "Job" for one in plan.prune)
    assert not plan.closed or tries or makes_room or plan.evidence is not None or plan.misses_stable
    assert plan.closed or not tries


@given(world=WORLDS)
@example(world={"wanted": CONTEST, **NOTHING, "running": CONTEST, **dict.fromkeys(NAMES, FRESH)})
@example(world={"wanted": "a", **NOTHING, "running": CONTEST, **dict.fromkeys(NAMES, FRESH)})
@example(world={"wanted": "a", **NOTHING, "running": CONTEST, **dict.fromkeys(NAMES, ACCEPTED)})
def test_pods_of_a_contest_serve_the_choice_alone(world: dict[str, Any]) -> None:
    plan = plan_of(MODELS[world["wanted"]], _observe(world), ON)
    templates = [step.body["spec"]["template"] for step in plan.steps if step.id.kind == "Deployment"]
    for template in templates:
        if template["metadata"]["labels"]["modelway.dev/revision"] == HASHES[CONTEST]:
            assert set(CHOICE) <= set(template["spec"]["initContainers"][0]["args"])
