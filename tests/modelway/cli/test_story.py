"""`modelway explain` and `modelway status` over what was read from a sandbox: the whole text, as a person sees it."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from modelway.api.status import NOT_SEEN, UNSEEN_STATUS
from modelway.cli.status import table
from modelway.cli.story import story
from modelway.cli.summary import age, summary_of
from modelway.cluster.snapshot import Place, Snapshot
from modelway.status.reasons import Reason
from support.operator import snapshots

NOW = datetime(2026, 11, 22, 6, 26, tzinfo=UTC)
STORIES = ("ready", "failed-update", "nothing-answers", "suspended", "unschedulable")


@pytest.mark.parametrize("name", STORIES)
def test_explain_tells_a_recorded_model(name: str) -> None:
    text = story(snapshots.read_snapshot(name), now=NOW)
    assert f"{text}\n" == (snapshots.FOLDER / f"{name}.txt").read_text()


def test_status_lists_all_models() -> None:
    summaries = [summary_of(snapshots.read_snapshot(name).resource) for name in STORIES]
    assert f"{table(summaries, everywhere=True, now=NOW)}\n" == (snapshots.FOLDER / "table.txt").read_text()


def test_forbidden_objects_are_not_called_missing() -> None:
    forbidden = 'deployments: deployments.apps is forbidden: User "ada" cannot list resource'
    snapshot = snapshots.read_snapshot("failed-update")
    text = story(replace(snapshot, children=(), pods=(), events=(), last_words={}, withheld=(forbidden,)), now=NOW)
    assert "Not to be seen\n  deployments: deployments.apps is forbidden" in text
    assert "Deployment churn" not in text
    assert "Service churn              is not there" in text
    assert "ModelNotFound: There is nothing at" in text


@pytest.mark.parametrize("status", [None, {}, UNSEEN_STATUS, {"observedGeneration": 1}])
def test_an_unobserved_spec_is_not_called_ready(status: Any) -> None:
    resource: dict[str, Any] = {**snapshots.read_snapshot("ready").resource, "status": status}
    resource["metadata"] = {**resource["metadata"], "generation": 2}
    text = story(Snapshot(resource), now=NOW)
    assert text.startswith(f"fraud in namespace risk: not ready ({NOT_SEEN}), nothing answers.")
    assert "which the operator has not looked at yet" in text
    assert "kubectl get pods -A -l app.kubernetes.io/name=modelway" in text
    assert "is namespace risk in its watch.namespaces?" in " ".join(text.split())
    assert "have risk added to watch.namespaces" in text
    assert "is namespace risk in its watch.namespaces?" in table([summary_of(resource)], everywhere=False, now=NOW)


def _with(snapshot: Snapshot, kind: str, **changes: str) -> Snapshot:
    """The snapshot with one condition told otherwise."""
    status = snapshot.resource["status"]
    conditions = [{**one, **changes} if one["type"] == kind else one for one in status["conditions"]]
    return replace(
        snapshot, resource={**snapshot.resource, "status": {**status, "conditions": conditions, "pods": "2/10"}}
    )


def test_problems_beside_ready_are_shown() -> None:
    message = "Revision r serves all requests with 2 of 10 pods. 8 cannot be started (AccessDenied): No keys."
    snapshot = _with(snapshots.read_snapshot("ready"), "Ready", message=message)
    assert "It is ready, but: 8 cannot be started (AccessDenied): No keys." in story(snapshot, now=NOW)
    text = table([summary_of(snapshot.resource)], everywhere=False, now=NOW)
    assert "2/10" in text
    assert text.endswith(message)


@pytest.mark.parametrize(("reason", "holds"), [("Progressing", False), ("QuotaExceeded", True)])
def test_a_refusal_is_shown_only_while_it_is_the_reason(reason: str, *, holds: bool) -> None:
    snapshot = _with(snapshots.read_snapshot("failed-update"), "Ready", reason=reason)
    refused = {"type": "ReplicaFailure", "status": "True", "message": "exceeded quota: team"}
    children = [
        {**one, "status": {**one["status"], "conditions": [refused]}} if one["kind"] == "Deployment" else one
        for one in snapshot.children
    ]
    assert ("pods are refused" in story(replace(snapshot, children=tuple(children)), now=NOW)) is holds


def test_a_model_without_a_service_is_called_unreachable() -> None:
    snapshot = _with(
        snapshots.read_snapshot("suspended"), "Available", status="False", reason="NoService", message="No Service."
    )
    assert "Available: NoService: No Service." in story(snapshot, now=NOW)


@pytest.mark.parametrize("reason", list(Reason))
def test_every_reason_can_be_shown(reason: Reason) -> None:
    resource: dict[str, Any] = dict(snapshots.read_snapshot("failed-update").resource)
    ready = {"type": "Ready", "status": "False", "reason": str(reason), "message": reason.meaning}
    resource["status"] = {**resource["status"], "conditions": [ready]}
    text = story(Snapshot(resource), now=NOW)
    assert f"{reason}: " in text
    assert reason.remedy.replace("`", "") in text


def test_container_output_cannot_steer_the_terminal() -> None:
    snapshot = snapshots.read_snapshot("failed-update")
    words = {Place("pod", "serve"): "\x1b]0;owned\x07\n\x1b[2J \u202eready"}
    text = story(replace(snapshot, last_words=words), now=NOW)
    assert r"| \x1b]0;owned\x07" in text
    assert r"\u202eready" in text
    assert all(one.isprintable() or one == "\n" for one in text)


def test_the_plugin_shows_its_own_commands() -> None:
    text = story(snapshots.read_snapshot("failed-update"), now=NOW, program="kubectl modelway")
    assert "kubectl modelway serve -f FILE" in text


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0s"), (119, "119s"), (120, "2m"), (7200, "2h"), (172800, "2d"), (-5, "0s")]
)
def test_ages_read_as_those_of_kubectl(seconds: int, text: str) -> None:
    assert age(datetime.fromtimestamp(NOW.timestamp() - seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), NOW) == text


def test_a_cluster_without_models_says_where_to_look() -> None:
    assert "-A" in table([], everywhere=False, now=NOW)
