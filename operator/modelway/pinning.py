"""Which pod template a revision runs with. Pure.

A revision that served goes on with the template it was recorded with, so that an upgrade of the platform restarts no model. One that never
served is rendered anew from the settings of today: they may be what keeps it from serving. How images are pulled is never pinned, since pods
that are made tomorrow need the credentials of tomorrow.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from modelway.api.v1alpha1 import ModelDeployment
from modelway.pod import FETCH, pod_template
from modelway.readiness import rolled_out
from modelway.revision import Revision, digest_of, revision_of
from modelway.settings import Settings
from modelway.state import ChildId, Observed, RevisionView

Template = Mapping[str, Any]

_CONTAINERS = ("initContainers", "containers")


def record_of(observed: Observed, revision: Revision) -> RevisionView | None:
    """The record of a revision; None where it has none yet."""
    found = observed.owned(ChildId("ControllerRevision", f"{observed.owner.key.name}-{revision.hash}"))
    return found if isinstance(found, RevisionView) else None


def data_of(revision: Revision, template: Template) -> dict[str, Any]:
    """What the record of a revision holds."""
    return {"inputs": revision.inputs, "template": dict(template)}


def record_to_read(deployment: ModelDeployment, observed: Observed, settings: Settings) -> RevisionView | None:
    """The record without whose data nothing can be planned; None where it was read, or holds what would be recorded today."""
    revision = revision_of(deployment)
    record = record_of(observed, revision)
    if record is None or record.data is not None:
        return None
    return (
        record if record.digest != digest_of(data_of(revision, pod_template(deployment, revision, settings))) else None
    )


class Pinning(NamedTuple):
    """What a revision runs with."""

    template: Template
    recorded: Mapping[str, Any]
    """The data of its record."""
    outdated: bool
    """Whether the record that there is holds something else, and must be made anew: its data cannot be changed."""
    follows: bool
    """Whether it is made anew for no other reason than that what serves is to follow the platform."""


def pinning_of(
    deployment: ModelDeployment, revision: Revision, record: RevisionView | None, observed: Observed, settings: Settings
) -> Pinning:
    """What a revision runs with, given its record, which `record_to_read` no longer asks for."""
    rendered = pod_template(deployment, revision, settings)
    today = data_of(revision, rendered)
    recorded = today if record is None or record.data is None else record.data
    template = recorded.get("template") or rendered
    stays = settings.image_policy == "Pinned" or _run_alike(template, rendered)
    served = record is not None and has_served(observed, record)
    if record is None or (stays and served):
        return Pinning(_pulled_as(rendered, template), recorded, outdated=False, follows=False)
    outdated = _without_pulling(template) != _without_pulling(rendered)
    # The record is made anew with the template that runs: else whoever pins images later would go back to the old one.
    return Pinning(rendered, today if outdated else recorded, outdated, follows=outdated and served)


def has_served(observed: Observed, record: RevisionView) -> bool:
    """Whether pods of a revision have answered requests, as far as the cluster still tells."""
    deployment = observed.deployment
    return (
        record.served
        or _stable(observed) == record.revision
        or (deployment is not None and rolled_out(deployment, record.revision) and deployment.available > 0)
        or any(pod.ready for pod in observed.pods if pod.revision == record.revision)
    )


def to_be_marked(observed: Observed, revision: Revision) -> RevisionView | None:
    """The record of the revision that serves while another one is wanted, unless it is marked: soon only the mark tells that it served."""
    stable = _stable(observed)
    records = (one for one in observed.revisions if one.revision == stable and not one.served and not one.deleting)
    return next(records, None) if stable != revision.hash else None


def _stable(observed: Observed) -> str | None:
    stable: Mapping[str, Any] = observed.owner.status.get("stable") or {}
    return stable.get("revision")


def _run_alike(one: Template, other: Template) -> bool:
    """Whether pods of both do the same: another image that would only fetch is no reason to run a model anew."""
    return _without_fetch_image(_without_pulling(one)) == _without_fetch_image(_without_pulling(other))


def _without_fetch_image(template: Template) -> Template:
    return _with_containers(template, lambda one: {**one, "image": ""} if one.get("name") == FETCH else one)


def _without_pulling(template: Template) -> Template:
    spec = {name: value for name, value in (template.get("spec") or {}).items() if name != "imagePullSecrets"}
    without = {**template, "spec": spec}
    return _with_containers(without, lambda one: {k: v for k, v in one.items() if k != "imagePullPolicy"})


def _pulled_as(rendered: Template, template: Template) -> Template:
    """A template that pulls its images as another one does."""
    spec = rendered.get("spec") or {}
    policies = {one["name"]: one.get("imagePullPolicy") for kind in _CONTAINERS for one in spec.get(kind) or ()}
    pulled = _with_containers(
        _without_pulling(template),
        lambda one: {**one, "imagePullPolicy": policies[one["name"]]} if policies.get(one.get("name")) else one,
    )
    secrets = {name: spec[name] for name in ("imagePullSecrets",) if name in spec}
    return {**pulled, "spec": {**pulled["spec"], **secrets}}


def _with_containers(template: Template, change: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> Template:
    spec = template.get("spec") or {}
    changed = {kind: [change(one) for one in spec[kind]] for kind in _CONTAINERS if kind in spec}
    return {**template, "spec": {**spec, **changed}}
