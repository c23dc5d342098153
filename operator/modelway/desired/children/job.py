"""The Job that proves a revision before any pod serves it: fetch, prepare, then smoke tests and evaluation."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelway.api.labels import PREFLIGHT, PROOF_LABEL, REVISION_LABEL, TRACK_LABEL
from modelway.api.model import INT8
from modelway.api.preflight import Preflight
from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired import credentials, pod
from modelway.desired.contestants import Contestant, contestants_of, with_choice
from modelway.desired.evidence import Evidence, with_pin
from modelway.desired.metadata import child
from modelway.desired.places import MODEL, PREPARED, Place, model_volume
from modelway.desired.revision import Revision
from modelway.settings import Settings

PROVE, FETCH_DATASET, FETCH_STABLE, PREPARE_STABLE = "prove", "fetch-dataset", "fetch-stable", "prepare-stable"
"""Containers of the Job, beside those of every pod."""
CANDIDATES = "--candidates"
"""The option of `prove` that tells of the models beside the first one."""
NOTE_FAILURE = "--note-failure"
"""By this option a model that cannot be served leaves a note, and the Job goes on with the others."""
_DATASET = Place("dataset", "/mnt/dataset")
_STABLE_MODEL = Place("stable-model", "/mnt/stable/model")
_STABLE_PREPARED = Place("stable-prepared", "/mnt/stable/prepared")
_RETRIES = (1 << 31) - 1
"""The kubelet starts failed containers again, later each time, as it does for pods that serve; the Job never gives up by itself."""
_KEPT_SECONDS = 3600
"""For how long a finished Job and its log stay."""
_TEMPORARY_SPACE = "2Gi"
_PROOF_LENGTH = 16
Contestants = tuple[Contestant, ...]
_SPREADING = "topologySpreadConstraints"


@dataclass(frozen=True, slots=True)
class StableModel:
    """The revision that serves meanwhile, with what is known of its bytes."""

    deployment: ModelDeployment
    revision: str
    evidence: Evidence = field(repr=False)

    @property
    def serving(self) -> ModelDeployment:
        """What asks for the model that its pods serve, where several competed."""
        return with_choice(self.deployment, self.evidence)


def build(
    deployment: ModelDeployment, revision: Revision, settings: Settings, stable: StableModel | None = None
) -> dict[str, Any]:
    """The Job `<name>-<revision>-preflight`.

    Args:
        deployment: whose revision is tried.
        revision: what is tried.
        settings: what the platform decides.
        stable: whom it is compared with; None where there is none.
    """
    built = child("batch/v1", "Job", deployment, name=job_name(deployment, revision.hash))
    template = _template(deployment, revision, settings, stable)
    labels = {REVISION_LABEL: revision.hash, PROOF_LABEL: _hash_of(template)}
    built["metadata"]["labels"] |= labels
    template["metadata"]["labels"] |= labels
    built["spec"] = {
        "backoffLimit": _RETRIES,
        "activeDeadlineSeconds": _deadline_seconds(deployment),
        "ttlSecondsAfterFinished": _KEPT_SECONDS,
        "template": template,
    }
    return built


def _deadline_seconds(deployment: ModelDeployment) -> int:
    """Seconds after which the Job ends, and another one takes its place: far more than it needs.

    A container that a mesh adds to its pod never ends by itself.
    """
    limits = deployment.spec.runtime.limits
    models = len(contestants_of(deployment)) + 2  # and the one that serves, and a dataset
    each = limits.fetch_timeout_seconds + limits.startup_timeout_seconds
    return models * each + _wanted(deployment).timeout_seconds + _KEPT_SECONDS


def job_name(deployment: ModelDeployment, revision: str) -> str:
    """The name of the Job of a revision."""
    return f"{deployment.metadata.name}-{revision}-preflight"


def proof_of(job: Mapping[str, Any]) -> str:
    """The hash of what a Job tries."""
    return str(job["metadata"]["labels"][PROOF_LABEL])


def _hash_of(template: Mapping[str, Any]) -> str:
    text = json.dumps(template, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_PROOF_LENGTH]


def compares(deployment: ModelDeployment) -> bool:
    """Whether a Job needs the revision that serves, too."""
    wanted = _wanted(deployment)
    return wanted.evaluation is not None or wanted.contract == "Compatible"


def _wanted(deployment: ModelDeployment) -> Preflight:
    return deployment.spec.preflight or Preflight()


def _template(
    deployment: ModelDeployment, revision: Revision, settings: Settings, stable: StableModel | None
) -> dict[str, Any]:
    contestants = contestants_of(deployment)
    template = pod.pod_template(contestants[0].deployment, revision, settings)
    labels = {**template["metadata"]["labels"], TRACK_LABEL: PREFLIGHT}
    spec = {name: value for name, value in template["spec"].items() if name != _SPREADING}
    spec |= {
        "restartPolicy": "OnFailure",
        "initContainers": [
            *_fetches(contestants, settings, stable),
            *_preparations(contestants, settings, stable),
        ],
        "containers": [_prove_container(contestants, settings, stable)],
        "volumes": [*map(_roomy, _without_traffic(spec["volumes"])), *_more_volumes(contestants, stable)],
    }
    names = [one["name"] for one in (*spec["initContainers"], *spec["containers"])]
    annotations = {**template["metadata"]["annotations"], **credentials.annotations(deployment, names)}
    return {"metadata": {**template["metadata"], "labels": labels, "annotations": annotations}, "spec": spec}


def _without_traffic(volumes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in volumes if one["name"] != "traffic"]


def _roomy(volume: dict[str, Any]) -> dict[str, Any]:
    """The volume, with room for the rows of a dataset and all answers to them where it is that of temporary files."""
    return {**volume, "emptyDir": {"sizeLimit": _TEMPORARY_SPACE}} if volume["name"] == "tmp" else volume


def _fetches(contestants: Contestants, settings: Settings, stable: StableModel | None) -> list[dict[str, Any]]:
    fetches = [
        pod.fetch_container(one.deployment, settings, name=one.fetch, place=one.model)
        for one in contestants
        if one.name != INT8  # which is made of the file of another
    ]
    deployment = contestants[0].deployment
    evaluation = deployment.spec.evaluation
    if evaluation is not None:
        uri = evaluation.dataset.uri
        fetches.append(pod.fetch_container(deployment, settings, name=FETCH_DATASET, uri=uri, place=_DATASET))
    if stable is not None:
        fetch = pod.fetch_container(stable.serving, settings, name=FETCH_STABLE, place=_STABLE_MODEL)
        fetches.append(with_pin(fetch, stable.evidence))
    return fetches


def _preparations(contestants: Contestants, settings: Settings, stable: StableModel | None) -> list[dict[str, Any]]:
    """The containers that load models. Where several compete, one that cannot be served leaves a note, and the others go on."""
    note = [NOTE_FAILURE] if len(contestants) > 1 else []
    preparations = []
    for one in contestants:
        places = {"model_place": one.model, "prepared_place": one.prepared}
        prepare = pod.prepare_container(one.deployment, settings, name=one.prepare, **places)
        preparations.append({**prepare, "args": [*prepare["args"], *note]})
    if stable is not None:
        places = {"model_place": _STABLE_MODEL, "prepared_place": _STABLE_PREPARED}
        preparations.append(pod.prepare_container(stable.serving, settings, name=PREPARE_STABLE, **places))
    return preparations


def _prove_container(contestants: Contestants, settings: Settings, stable: StableModel | None) -> dict[str, Any]:
    deployment, others = contestants[0].deployment, contestants[1:]
    wanted, prepare = _wanted(deployment), pod.prepare_container(deployment, settings, name=PROVE)
    places = [MODEL, PREPARED]
    arguments = [
        PROVE,
        f"--model-dir={MODEL.directory}",
        f"--prepared-dir={PREPARED.directory}",
        f"--spec={pod.literal(_as_text(wanted))}",
        *pod.trust_arguments(deployment),
        f"--timeout={wanted.timeout_seconds}",
        "--exit-zero",
    ]
    if others:
        places += [place for one in others for place in (one.model, one.prepared)]
        arguments.append(f"{CANDIDATES}={pod.literal(_text_of(list(map(_for_prove, others))))}")
    if wanted.evaluation is not None:
        places.append(_DATASET)
        arguments.append(f"--dataset-dir={_DATASET.directory}")
    if stable is not None:
        places += [_STABLE_MODEL, _STABLE_PREPARED]
        arguments += [
            f"--stable-model-dir={_STABLE_MODEL.directory}",
            f"--stable-prepared-dir={_STABLE_PREPARED.directory}",
            f"--stable-revision={stable.revision}",
            *pod.trust_arguments(stable.serving, "--stable-trusted-types"),
        ]
    temporary = [one for one in prepare["volumeMounts"] if one["name"] == "tmp"]
    mounts = [*(place.mount(read_only=True) for place in dict.fromkeys(places)), *temporary]
    return {**prepare, "args": arguments, "volumeMounts": mounts}


def _for_prove(contestant: Contestant) -> dict[str, Any]:
    """A model that competes with that of `spec.model.uri`, as `prove` takes it."""
    return {
        "name": contestant.name,
        "modelDir": contestant.model.directory,
        "preparedDir": contestant.prepared.directory,
        "trustedTypes": list(contestant.deployment.spec.model.trusted_types),
    }


def _as_text(wanted: Preflight) -> str:
    """What is to be proved, as JSON in the words of the spec."""
    return _text_of(wanted.model_dump(mode="json", by_alias=True, exclude_none=True, exclude={"enabled"}))


def _text_of(document: Any) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"))


def _more_volumes(contestants: Contestants, stable: StableModel | None) -> list[dict[str, Any]]:
    deployment = contestants[0].deployment
    places = [place for one in contestants for place in (one.model, one.prepared)]
    places += [] if deployment.spec.evaluation is None else [_DATASET]
    own = [one for one in dict.fromkeys(places) if one not in {MODEL, PREPARED}]
    volumes = [model_volume(deployment, place) for place in own]
    if stable is None:
        return volumes
    return volumes + [model_volume(stable.deployment, place) for place in (_STABLE_MODEL, _STABLE_PREPARED)]
