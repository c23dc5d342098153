"""Which pod template a revision runs with. Pure.

A revision that has served keeps its recorded template, so that an upgrade of the platform restarts no model. A revision that never served
is rendered from today's settings, because older settings may be what keeps it from serving. How images are pulled is never pinned. A change
of the platform that replaces serving pods can wait for the model's turn.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from modelway.api.v1alpha1 import ModelDeployment
from modelway.desired.contestants import with_choice
from modelway.desired.credentials import DEFAULT_ACCOUNT
from modelway.desired.evidence import Evidence
from modelway.desired.image_pulls import (
    Template,
    pull_alike,
    pulling_of,
    with_containers,
    with_pulling,
    without_pulling,
)
from modelway.desired.pod import FETCH, pod_template
from modelway.desired.revision import Revision, digest_of, record_data, revision_of
from modelway.observed import DeploymentView, Observed, RevisionView
from modelway.settings import Settings


def record_of(observed: Observed, revision: Revision) -> RevisionView | None:
    """The record of a revision; None before it has one."""
    return observed.record(revision.hash)


def record_to_read(
    deployment: ModelDeployment, observed: Observed, settings: Settings, evidence: Evidence | None = None
) -> RevisionView | None:
    """The record whose data must be read before a plan is made; None if it was read, or holds what would be recorded today."""
    revision, subject = revision_of(deployment), with_choice(deployment, evidence)
    record = record_of(observed, revision)
    if record is None or record.data is not None:
        return None
    if deployment.spec.has_contest and evidence is None:
        return record  # the Job may have chosen another model than the record was made for
    return (
        record if record.digest != digest_of(record_data(revision, pod_template(subject, revision, settings))) else None
    )


class Pinning(NamedTuple):
    """What a revision runs with."""

    template: Template
    data: Mapping[str, Any]
    """The data of its record."""
    outdated: bool
    """Whether the present record holds something else. Its data is immutable, so it must be deleted and made again."""
    follows: bool
    """Whether only a change of the platform's settings replaces serving pods, now or at the model's turn."""


def pinning_of(
    deployment: ModelDeployment,
    revision: Revision,
    record: RevisionView | None,
    observed: Observed,
    settings: Settings,
    *,
    may_follow: bool,
    evidence: Evidence | None = None,
) -> Pinning:
    """What a revision runs with, once `record_to_read` asks for nothing more.

    Args:
        deployment: what is asked for.
        revision: its revision.
        record: the record of that; None where there is none.
        observed: what exists.
        settings: what the platform decides.
        may_follow: whether pods that serve may be replaced because the platform's settings changed.
        evidence: what the preflight of the revision found out; it may have chosen among several models.
    """
    rendered = pod_template(with_choice(deployment, evidence), revision, settings)
    today = record_data(revision, rendered)
    recorded = today if record is None or record.data is None else record.data
    template = recorded.get("template") or rendered
    was_served = record is not None and has_served(observed, record)
    running = _serving(observed, revision) if was_served else None
    pulling = pulling_of(rendered)
    if running is not None and pull_alike(running.pulling, pulling):
        pulling = running.pulling  # in another order, which would make new pods
    is_outdated = _is_outdated(template, rendered, was_served=was_served, settings=settings)
    follows = running is not None and (is_outdated or running.pulling != pulling)
    if running is not None and follows and not may_follow:
        return Pinning(with_pulling(template, running.pulling), recorded, outdated=False, follows=True)
    # The record is made anew with the template that runs: else whoever pins images later would go back to the old one.
    return Pinning(
        with_pulling(rendered if is_outdated else template, pulling),
        today if is_outdated else recorded,
        is_outdated,
        follows,
    )


def _is_outdated(template: Template, rendered: Template, *, was_served: bool, settings: Settings) -> bool:
    """Whether another template must run than the recorded one."""
    if was_served and (settings.image_policy == "Pinned" or _run_alike(template, rendered)):
        return False
    return without_pulling(template) != without_pulling(rendered)


def _run_alike(one: Template, other: Template) -> bool:
    """Whether pods of both templates do the same; another image for `fetch` alone is no reason to restart a model."""
    return _effective_part(one) == _effective_part(other)


def _effective_part(template: Template) -> Template:
    stripped = without_pulling(template)
    named = {**stripped, "spec": {"serviceAccountName": DEFAULT_ACCOUNT, **stripped["spec"]}}
    return with_containers(named, lambda one: {**one, "image": ""} if one.get("name") == FETCH else one)


# What served ------------------------------------------------------------------------------------------------------------------------------


def has_served(observed: Observed, record: RevisionView) -> bool:
    """Whether pods of a revision have answered requests, as far as the cluster still shows."""
    deployment = observed.deployment
    return (
        record.served
        or observed.stable_revision == record.revision
        or (deployment is not None and deployment.is_rolled_out(record.revision) and deployment.available > 0)
        or any(pod.ready for pod in (*observed.pods, *observed.canary_pods) if pod.revision == record.revision)
    )


def record_to_mark(observed: Observed, revision: Revision) -> RevisionView | None:
    """The unmarked record of a revision that serves while another one is wanted. Soon only the mark shows that it served."""
    stable = observed.stable_revision
    records = (one for one in observed.revisions if one.revision == stable and not one.served and not one.deleting)
    return next(records, None) if stable != revision.hash else None


def _serving(observed: Observed, revision: Revision) -> DeploymentView | None:
    """The Deployment, while it runs this revision with pods that are up."""
    deployment = observed.deployment
    runs = deployment is not None and deployment.revision == revision.hash and deployment.available > 0
    return deployment if runs else None
