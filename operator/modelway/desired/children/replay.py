"""The Job that asks both revisions of a rollout known rows: fetch them, then ask. It loads no model."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from modelway.api.duration import share_of
from modelway.api.labels import PROOF_LABEL, REPLAY, REVISION_LABEL, TRACK_LABEL
from modelway.api.ports import HANDOVER_PORT
from modelway.api.quantity import byte_count, cores
from modelway.api.replay import Replay
from modelway.api.rollout import Rollout
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired import credentials, pod
from modelway.desired.container_resources import resource_requirements, without_devices
from modelway.desired.contestants import with_choice
from modelway.desired.evidence import Evidence, with_pin
from modelway.desired.metadata import child
from modelway.desired.places import TEMPORARY, Place, model_volume
from modelway.desired.revision import Revision
from modelway.rollout.state import RolloutState
from modelway.rollout.traffic import key_of
from modelway.settings import Settings

ASK, FETCH_ROWS = "replay", "fetch-rows"
"""Containers of the Job."""
SECONDS = 600
"""For how long rows are asked at most."""
_ROWS = Place("rows", "/mnt/rows")
_CPU, _MEMORY, _MOST_MEMORY = "100m", "256Mi", "1Gi"
"""What the pod asks for at most, and may use."""
_RETRIES = (1 << 31) - 1
"""The kubelet starts failed containers again, as it does for pods that serve."""
_KEPT_SECONDS = 3600
_PROOF_LENGTH = 16
_GRACE_SECONDS = 5
_LEFT_OUT = ("initContainers", "containers", "volumes", "topologySpreadConstraints")


def build(
    deployment: ModelDeployment,
    revision: Revision,
    settings: Settings,
    *,
    state: RolloutState,
    addresses: tuple[str, str],
    evidence: Evidence | None,
) -> dict[str, Any]:
    """The Job `<name>-<revision>-replay`.

    Args:
        deployment: whose candidate is asked.
        revision: the candidate.
        settings: what the platform decides.
        state: the rollout.
        addresses: the cluster IPs of the Services of the stable revision and of the candidate.
        evidence: what is known of the candidate's bytes.
    """
    built = child("batch/v1", "Job", deployment, name=job_name(deployment, revision.hash))
    fetch = _fetch_container(deployment, settings, evidence)
    ask = _ask_container(deployment, settings, state, addresses)
    template = _template(deployment, revision, settings, [fetch, ask])
    labels = {REVISION_LABEL: revision.hash, TRACK_LABEL: REPLAY, PROOF_LABEL: _hash_of(template)}
    built["metadata"]["labels"] |= labels
    template["metadata"]["labels"] |= labels
    built["spec"] = {
        "backoffLimit": _RETRIES,
        "activeDeadlineSeconds": deployment.spec.runtime.limits.fetch_timeout_seconds + SECONDS + _KEPT_SECONDS,
        "ttlSecondsAfterFinished": _KEPT_SECONDS,
        "template": template,
    }
    return built


def job_name(deployment: ModelDeployment, revision: str) -> str:
    """The name of the Job of a candidate."""
    return f"{deployment.metadata.name}-{revision}-replay"


def field_of_rows(deployment: ModelDeployment) -> str:
    """The field of the spec that says where the rows lie."""
    replay = (deployment.spec.rollout or Rollout()).replay
    if replay is not None and replay.dataset is not None:
        return "spec.rollout.replay.dataset.uri"
    return "spec.preflight.evaluation.dataset.uri" if deployment.spec.evaluation is not None else "spec.model.uri"


def _hash_of(template: Mapping[str, Any]) -> str:
    text = json.dumps(template, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_PROOF_LENGTH]


def _template(
    deployment: ModelDeployment, revision: Revision, settings: Settings, containers: list[dict[str, Any]]
) -> dict[str, Any]:
    template = pod.pod_template(deployment, revision, settings)
    fetch, ask = containers
    temporary = [one for one in template["spec"]["volumes"] if one["name"] == TEMPORARY.volume]
    spec = {
        **{name: value for name, value in template["spec"].items() if name not in _LEFT_OUT},
        "restartPolicy": "OnFailure",
        "terminationGracePeriodSeconds": _GRACE_SECONDS,
        "initContainers": [fetch],
        "containers": [ask],
        "volumes": [
            model_volume(deployment, _ROWS),
            *temporary,
            *credentials.volumes(deployment, settings),
        ],
    }
    annotations = {
        **template["metadata"]["annotations"],
        **credentials.annotations(deployment, [FETCH_ROWS, ASK]),
    }
    return {"metadata": {**template["metadata"], "annotations": annotations}, "spec": spec}


def _fetch_container(deployment: ModelDeployment, settings: Settings, evidence: Evidence | None) -> dict[str, Any]:
    """The container that fetches the dataset, or the model's very bytes with the rows that its folder brings along."""
    replay, evaluation = _replay_of(deployment), deployment.spec.evaluation
    dataset = replay.dataset or (evaluation.dataset if evaluation is not None else None)
    if dataset is not None:
        fetch = pod.fetch_container(deployment, settings, name=FETCH_ROWS, uri=dataset.uri, place=_ROWS)
    else:
        serving = with_choice(deployment, evidence)
        fetch = pod.fetch_container(serving, settings, name=FETCH_ROWS, place=_ROWS)
        fetch = with_pin(fetch, evidence) if evidence is not None else fetch
    return {**fetch, "resources": _resources(deployment, settings)}


def _ask_container(
    deployment: ModelDeployment, settings: Settings, state: RolloutState, addresses: tuple[str, str]
) -> dict[str, Any]:
    """The container that asks, of the platform's own image: it runs nobody's code."""
    common = pod.prepare_container(deployment, settings, name=ASK)
    replay, limits = _replay_of(deployment), (deployment.spec.rollout or Rollout()).limits
    stable, candidate = addresses
    arguments = [
        "replay",
        f"--name={deployment.metadata.name}",
        f"--rollout={state.id}",
        f"--key={key_of(deployment.metadata.uid, state.id)}",
        f"--stable={_host(stable)}:{settings.service_port}",
        f"--stable-revision={state.stable}",
        f"--candidate={_host(candidate)}:{HANDOVER_PORT}",
        f"--candidate-revision={state.revision}",
        *_rows_arguments(deployment),
        f"--requests={replay.requests}",
        f"--rows-per-request={replay.rows_per_request}",
        f"--max-failed={share_of(limits.max_failed)}",
        f"--numeric-tolerance={share_of(limits.numeric_tolerance)}",
        f"--timeout={SECONDS}",
    ]
    return {
        **{name: value for name, value in common.items() if name != "env"},
        "image": settings.server_image,
        "args": arguments,
        "resources": _resources(deployment, settings),
        "volumeMounts": [_ROWS.mount(read_only=True), TEMPORARY.mount()],
    }


def _rows_arguments(deployment: ModelDeployment) -> list[str]:
    replay, evaluation = _replay_of(deployment), deployment.spec.evaluation
    dataset = replay.dataset or (evaluation.dataset if evaluation is not None else None)
    if dataset is None:
        return [f"--model-dir={_ROWS.directory}"]
    arguments = [f"--dataset-dir={_ROWS.directory}", f"--format={dataset.format}"]
    if evaluation is not None:
        hidden = [evaluation.target, *([evaluation.weight] if evaluation.weight is not None else [])]
        arguments += [f"--hidden={_literal_list(hidden)}", f"--groups={_literal_list(evaluation.slices)}"]
    return arguments


def _literal_list(names: list[str] | tuple[str, ...]) -> str:
    return pod.literal(json.dumps(list(names), separators=(",", ":")))


def _replay_of(deployment: ModelDeployment) -> Replay:
    return (deployment.spec.rollout or Rollout()).replay or Replay()


def _host(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def _resources(deployment: ModelDeployment, settings: Settings) -> dict[str, dict[str, str]]:
    """What the model's containers have, and no more than asking takes."""
    amounts = without_devices(resource_requirements(deployment.spec.runtime.resources, settings))
    requests, limits = amounts["requests"], amounts["limits"]
    small = {
        "cpu": min(requests["cpu"], _CPU, key=cores),
        "memory": min(requests["memory"], _MEMORY, key=byte_count),
    }
    return {
        "requests": {**requests, **small},
        "limits": {**limits, "memory": min(limits["memory"], _MOST_MEMORY, key=byte_count)},
    }
