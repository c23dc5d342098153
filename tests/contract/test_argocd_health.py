"""`health.lua`, run as Argo CD runs it, says what is so of statuses that a real operator wrote."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from lupa import lua51

from modelway.desired.evidence import Evidence
from modelway.desired.plan import Plan
from modelway.status.report import Finding, status_of
from support.cluster.statuses import read_recorded
from support.operator.observed import deployment, observed

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "argocd"
SCRIPT = (FOLDER / "health.lua").read_text()
KEY = "resource.customizations.health.modelway.dev_ModelDeployment"
OFFERED = ("assert", "error", "ipairs", "next", "pairs", "pcall", "select", "table", "tonumber", "tostring", "type")
"""What Argo CD lets a script use, unless it is told to open more libraries."""


def health(resource: dict[str, Any]) -> dict[str, str]:
    lua = lua51.LuaRuntime(register_eval=False, register_builtins=False)
    names = lua.globals()
    for name in set(names) - set(OFFERED):
        names[name] = None
    names.obj = lua.table_from(resource, recursive=True)
    return dict(lua.execute(SCRIPT))


@pytest.mark.parametrize("state", read_recorded())
def test_health_of_a_recorded_status(state: str) -> None:
    verdict = health(read_recorded()[state])
    assert verdict["status"] == state.partition("-")[0].capitalize()
    assert verdict["message"]


def test_every_health_is_recorded() -> None:
    assert {state.partition("-")[0] for state in read_recorded()} == {"healthy", "progressing", "degraded", "suspended"}


def test_refused_update_is_degraded_while_the_old_one_serves() -> None:
    refused = read_recorded()["degraded-beside-the-old"]
    assert refused["status"]["readyReplicas"] == 1
    assert "absent.joblib" in health(refused)["message"]


PROVING = Plan(revision="new", available=1, autoscaled=False, prune=(), steps=(), closed=True)
REFUSED = replace(PROVING, evidence=Evidence(accepted=False, reason="EvaluationFailed", message="recall is 0.7"))


@pytest.mark.parametrize(("plan", "verdict"), [(PROVING, "Progressing"), (REFUSED, "Degraded")])
def test_revision_in_proof_is_awaited_and_a_refusal_is_not(plan: Plan, verdict: str) -> None:
    observation = observed(deployment(revision="old"))
    status = status_of(observation, Finding(plan), service_port=80, now=datetime(2026, 1, 1, tzinfo=UTC))
    assert health({**observation.owner.document, "status": status})["status"] == verdict


@pytest.mark.parametrize(
    ("reason", "stalled", "verdict"),
    [
        ("RolloutProgressing", "False", "Progressing"),
        ("RolloutSuspended", "False", "Suspended"),
        ("RolledBack", "True", "Degraded"),
    ],
)
def test_health_follows_a_rollout(reason: str, stalled: str, verdict: str) -> None:
    resource = dict(read_recorded()["degraded-beside-the-old"])
    now = {"observedGeneration": resource["metadata"]["generation"], "message": "37 of about 240 requests"}
    ready = {"type": "Ready", "status": "False", "reason": reason, **now}
    conditions = [ready, {**ready, "type": "Stalled", "status": stalled}]
    shown = health({**resource, "status": {**resource["status"], "conditions": conditions}})
    assert shown == {"status": verdict, "message": "37 of about 240 requests"}


def test_no_status_at_all_is_progressing() -> None:
    resource = dict(read_recorded()["progressing-never-seen"])
    assert health({**resource, "status": None}) == health({**resource, "status": {}}) == health(resource)


def test_the_config_map_holds_the_script_as_it_is() -> None:
    shipped = yaml.safe_load((FOLDER / "argocd-cm.yaml").read_text())
    assert shipped["data"] == {KEY: SCRIPT}, (
        "copy examples/argocd/health.lua into examples/argocd/argocd-cm.yaml, indented by four"
    )
