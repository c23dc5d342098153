"""Read the revisions of a ModelDeployment from its records, and restore one of them. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from modelway.api.labels import EVIDENCE_ANNOTATION, REVISION_LABEL
from modelway.api.meta import refresh_of
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cluster.snapshot import Object
from modelway.desired.evidence import Evidence
from modelway.desired.revision import REFRESH, revision_of, with_refresh
from modelway.errors import InvalidSpec, ModelwayError

BLOCKS = ("model", "runtime", "scheduling")
"""The blocks of the spec that make a revision, and that come back with it."""

LOSS = "maxQualityLoss"
"""The field of the evaluation that chooses among several models; with one it is refused."""


class NoWayBack(ModelwayError):
    """There is no such revision, or none but the present one."""


@dataclass(frozen=True)
class Record:
    """One revision, as its ControllerRevision keeps it."""

    number: int
    hash: str
    created: str
    """As the API writes times."""
    inputs: Mapping[str, Any]
    """What the spec said of `BLOCKS`, defaults left out; and what the annotation of `modelway refresh` said."""
    evidence: Evidence | None = None
    """What its preflight found out; None where there was none, or it has not ended."""

    @property
    def version(self) -> str:
        """The user's own name for the model; empty where it has none."""
        return str(self.inputs.get("model", {}).get("version", ""))

    @property
    def has_contest(self) -> bool:
        """Whether several models competed in it."""
        return bool(self.inputs.get("model", {}).get("candidates")) or "precision" in self.inputs.get("runtime", {})

    def __str__(self) -> str:
        return f"revision {self.number} ({self.hash}{f', version {self.version}' if self.version else ''})"


def records_of(resource: Object, controller_revisions: Iterable[Object]) -> list[Record]:
    """The records of a ModelDeployment, newest first; those of an earlier one of the same name are left out."""
    uid = resource["metadata"]["uid"]
    ours = [one for one in controller_revisions if uid in {owner["uid"] for owner in _owners(one)}]
    return sorted(map(_record, ours), key=lambda one: (one.number, one.created), reverse=True)


def _owners(controller_revision: Object) -> Sequence[Object]:
    return controller_revision["metadata"].get("ownerReferences") or ()


def _record(controller_revision: Object) -> Record:
    metadata = controller_revision["metadata"]
    return Record(
        number=controller_revision.get("revision", 0),
        hash=(metadata.get("labels") or {}).get(REVISION_LABEL) or metadata["name"].rpartition("-")[2],
        created=metadata.get("creationTimestamp") or "",
        inputs=(controller_revision.get("data") or {}).get("inputs") or {},
        evidence=Evidence.parse((metadata.get("annotations") or {}).get(EVIDENCE_ANNOTATION, "")),
    )


def wanted_of(resource: Object) -> tuple[str, Mapping[str, Any]]:
    """The revision that the present spec asks for: its hash and its inputs; an empty hash where the spec cannot be followed."""
    try:
        deployment, _ = ModelDeployment.parse_stored(resource)
    except InvalidSpec:
        refresh = refresh_of(resource["metadata"].get("annotations"))
        inputs = {block: resource["spec"][block] for block in BLOCKS if block in resource["spec"]}
        return "", {**inputs, **({REFRESH: refresh} if refresh else {})}
    wanted = revision_of(deployment)
    return wanted.hash, wanted.inputs


def serving_of(resource: Object) -> str:
    """The hash of the revision that answers requests; empty where none is known to."""
    return str(((resource.get("status") or {}).get("stable") or {}).get("revision", ""))


def target_of(resource: Object, records: Sequence[Record], requested: str | None) -> Record:
    """The revision to go back to.

    Args:
        resource: the ModelDeployment.
        records: its revisions, newest first.
        requested: the number or hash of one of them; None for the one before: the one that serves where the present spec asks for another one,
            else the newest of the others.

    Raises:
        NoWayBack: there is none; the text says which there are.
    """
    name, wanted = resource["metadata"]["name"], wanted_of(resource)[0]
    if requested is not None:
        candidates = [one for one in records if requested in {str(one.number), one.hash}]
        there = ", ".join(str(one) for one in records) or "none"
        missing = f"there is no revision {requested} of {name}; there is: {there}"
    else:
        others = [one for one in records if one.hash != wanted]
        candidates = sorted(others, key=lambda one: one.hash != serving_of(resource))
        missing = f"there is no revision of {name} to go back to: its history holds none but the present one"
    if not candidates:
        raise NoWayBack(missing)
    return candidates[0]


def restore(resource: Object, record: Record) -> dict[str, Any]:
    """The ModelDeployment as it was in what makes a revision, and as it is now in all else: scaling, rollout, suspend.

    Raises:
        NoWayBack: several models competed in it, and the present spec has nothing to compare them by.
    """
    before = {block: record.inputs[block] for block in BLOCKS if block in record.inputs}
    others = {block: value for block, value in resource["spec"].items() if block not in BLOCKS}
    if "preflight" in others:
        others["preflight"] = _preflight_of(others["preflight"], record)
    if record.has_contest and "evaluation" not in (others.get("preflight") or {}):
        raise NoWayBack(
            f"several models competed in {record}, and spec.preflight.evaluation, which compares them, is gone: write it again first"
        )
    annotations = with_refresh(resource["metadata"].get("annotations") or {}, record.inputs)
    return {**resource, "metadata": {**resource["metadata"], "annotations": annotations}, "spec": {**before, **others}}


def _preflight_of(preflight: Mapping[str, Any], record: Record) -> dict[str, Any]:
    """The present preflight, without what chooses among several models where the record has one."""
    evaluation = preflight.get("evaluation") or {}
    if record.has_contest or LOSS not in evaluation:
        return dict(preflight)
    return {**preflight, "evaluation": {name: value for name, value in evaluation.items() if name != LOSS}}


def document_of(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """The inputs of a revision in the places where a ModelDeployment has them."""
    annotations = with_refresh({}, inputs)
    metadata = {"metadata": {"annotations": annotations}} if annotations else {}
    return {**metadata, "spec": {name: value for name, value in inputs.items() if name != REFRESH}}


def differences(before: Any, after: Any, path: str = "") -> Iterator[str]:
    """The fields in which the inputs of two revisions differ."""
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name in sorted({*before, *after}):
            yield from differences(before.get(name), after.get(name), f"{path}.{name}".lstrip("."))
    elif before != after:
        yield path


def keepers(resource: Object) -> list[str]:
    """Who puts the spec back to what a repository says, when it is changed here."""
    metadata = resource["metadata"]
    labels, annotations = metadata.get("labels") or {}, metadata.get("annotations") or {}
    managers = {str(one.get("manager")) for one in metadata.get("managedFields") or ()}
    marks = {
        "Argo CD": any("argocd.argoproj.io/" in key for key in (*labels, *annotations))
        or bool({"argocd-controller", "argocd-application-controller"} & managers),
        "Flux": any(".toolkit.fluxcd.io/" in key for key in labels)
        or bool({"kustomize-controller", "helm-controller"} & managers),
        "a release of Helm": "meta.helm.sh/release-name" in annotations,
    }
    return [keeper for keeper, mark in marks.items() if mark]
