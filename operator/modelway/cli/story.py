"""Explain a ModelDeployment to a person: what it wants, what exists, what is wrong, what to do. Pure: a snapshot in, text out."""

import json
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from modelway.api.meta import KIND, refresh_of
from modelway.api.status import NOT_SEEN
from modelway.cli.evidence_text import describe_evidence
from modelway.cli.inventory import inventory, is_done, is_ready
from modelway.cli.output import WIDTH, align_pairs
from modelway.cli.rollout_text import describe_rollout, is_told_by_ready, remedies, rollout_of
from modelway.cli.summary import Summary, age, condition, is_observed, remedy_of, summary_of
from modelway.cluster.snapshot import Object, Snapshot, find_failure, time_of
from modelway.printable import printable
from modelway.status.reasons import Reason, Topic

_MOST_EVENTS = 6
_LONGEST_LINE = 400
_MARGIN = "  "
_BESIDE_READY = ("AutoscalingActive", "Exposed")
"""Conditions that tell of what a model may be ready without."""
_NAMESPACES = "MODELWAY_WATCH_NAMESPACES"
"""Where the chart tells the operator which namespaces to serve."""


def story(snapshot: Snapshot, *, now: datetime, program: str = "modelway") -> str:
    """The whole story as text.

    Args:
        snapshot: what was read from the cluster.
        now: the time to count ages from, with a time zone.
        program: how the command line is called.
    """
    summary = summary_of(snapshot.resource)
    sections: list[tuple[str, Iterable[str]]] = [
        ("Wanted", _describe_spec(snapshot.resource)),
        ("There is", align_pairs(inventory(snapshot, now))),
        ("Evidence", align_pairs(describe_evidence(snapshot.resource))),
        ("Rollout", align_pairs(_rollout(snapshot.resource, now))),
        ("Why not", _why(snapshot, summary)),
        ("Last words", _last_words(snapshot)),
        ("What happened lately", _events(snapshot, now)),
        ("Not to be seen", _wrap(snapshot.withheld)),
        ("What to do", _number(_remedies(snapshot, summary, program))),
        ("Ask it", _calls(snapshot, summary)),
    ]
    paragraphs = [f"{_headline(snapshot.resource, summary)}\n"]
    for title, lines in sections:
        body = [f"{_MARGIN}{line}".rstrip() for line in lines]
        if body:
            paragraphs.append("\n".join([title, *body, ""]))
    return printable("\n".join(paragraphs).rstrip())


def _headline(resource: Object, summary: Summary) -> str:
    state = "ready" if summary.ready == "True" else f"not ready ({summary.reason})"
    if "deletionTimestamp" in resource["metadata"]:
        state = "is being deleted"
    others = (
        "" if summary.ready == "True" else ", but pods answer requests" if summary.available else ", nothing answers"
    )
    return f"{summary.name} in namespace {summary.namespace}: {state}{others}."


# What is wanted ---------------------------------------------------------------------------------------------------------------------------


def _describe_spec(resource: Object) -> Iterator[str]:
    spec, metadata = resource.get("spec") or {}, resource["metadata"]
    model, refresh = spec.get("model") or {}, refresh_of(metadata.get("annotations"))
    note = "" if is_observed(resource) else ", which the operator has not looked at yet"
    secret = ((model.get("storage") or {}).get("secretRef") or {}).get("name")
    parts = [
        ("model", model.get("uri", "")),
        ("version", model.get("version", "")),
        ("credentials", f"Secret {secret}" if secret else ""),
        ("pods", _describe_size(spec.get("scaling") or {})),
        ("memory", _amounts(spec, "memory")),
        ("cpu", _amounts(spec, "cpu")),
        ("suspended", "yes: changes wait" if spec.get("suspend") else ""),
        ("object", f"as it was at {refresh}" if refresh else ""),
        ("generation", f"{metadata.get('generation', 0)}{note}"),
    ]
    yield from align_pairs([(name, text) for name, text in parts if text])


def _describe_size(scaling: Mapping[str, Any]) -> str:
    if "max" not in scaling:
        return str(scaling.get("replicas", 1))
    aims = [f"{scaling[name]}% {name}" for name in ("cpu", "memory") if name in scaling] or ["70% cpu"]
    return f"{scaling.get('min', 1)} to {scaling['max']}, as many as keep {' and '.join(aims)}"


def _amounts(spec: Mapping[str, Any], name: str) -> str:
    resources = (spec.get("runtime") or {}).get("resources") or {}
    sides = [(side, (resources.get(side) or {}).get(name)) for side in ("requests", "limits")]
    return ", ".join(f"{side} {amount}" for side, amount in sides if amount is not None)


def _rollout(resource: Object, now: datetime) -> Iterator[tuple[str, str]]:
    return describe_rollout(rollout_of(resource), now, with_message=not is_told_by_ready(resource))


# Why not ----------------------------------------------------------------------------------------------------------------------------------


def _why(snapshot: Snapshot, summary: Summary) -> Iterator[str]:
    """The cause first, then what else is wrong, then whether waiting helps."""
    if summary.ready != "True":
        yield from _wrap([f"{summary.reason}: {summary.message}"])
    elif summary.caution:
        yield from _wrap([f"It is ready, but: {summary.caution}"])
    reasons = {summary.reason}
    for one in (snapshot.resource.get("status") or {}).get("conditions") or ():
        if (
            one["type"] in {"ModelAccepted", "Available", *_BESIDE_READY}
            and one["reason"] != Reason.NO_POD_SERVES
            and (one["status"] == "False" or one["reason"] == Reason.ROUTE_PENDING)
            and one["reason"] not in reasons
        ):
            reasons.add(one["reason"])
            yield from _wrap([f"{one['type']}: {one['reason']}: {one['message']}"])
    if summary.ready != "True" and summary.reason not in {NOT_SEEN, Reason.SUSPENDED}:
        yield "Waiting will not help." if summary.stalled else "Waiting may help: it is being tried."


def _last_words(snapshot: Snapshot) -> Iterator[str]:
    for place, text in snapshot.last_words.items():
        lines = [line for line in text.splitlines() if line.strip()]
        if lines:
            yield f"of container {place.container} of pod {place.pod}:"
            yield from (f"{_MARGIN}| {_quote(line)[:_LONGEST_LINE]}" for line in lines)


def _quote(line: str) -> str:
    """What a line of a log says: the server writes JSON, other programs write text."""
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    if not isinstance(entry, dict) or "message" not in entry:
        return line
    return f"{entry.get('level', '')}: {entry['message']}".removeprefix(": ")


def _events(snapshot: Snapshot, now: datetime) -> Iterator[str]:
    """The latest warnings and the latest words about the resource itself, but for what is over or has been said already."""
    messages = {condition(snapshot.resource, kind).get("message") for kind in ("Ready", *_BESIDE_READY)}
    over = {("Pod", pod["metadata"]["name"]) for pod in snapshot.pods if is_ready(pod) or is_done(pod)}
    if condition(snapshot.resource, "AutoscalingActive").get("status") == "False":
        over.add(("HorizontalPodAutoscaler", snapshot.resource["metadata"]["name"]))
    worth = [
        one
        for one in snapshot.events
        if (one.get("type") == "Warning" or _subject(one)[0] == KIND)
        and _subject(one) not in over
        and one.get("message") not in messages
    ]
    for one in worth[-_MOST_EVENTS:]:
        count = (one.get("series") or {}).get("count") or one.get("count") or 1
        times = f" ({count} times)" if count > 1 else ""
        event = f"{' '.join(_subject(one))}: {one.get('reason')}: {one.get('message')}"
        yield from _wrap([f"{age(time_of(one), now)} ago, {event}{times}"])


def _subject(event: Object) -> tuple[str, str]:
    about = event.get("involvedObject") or {}
    return about.get("kind", ""), about.get("name", "")


# What to do -------------------------------------------------------------------------------------------------------------------------------


def _remedies(snapshot: Snapshot, summary: Summary, program: str) -> Iterator[str]:
    if summary.ready != "True":
        own = list(remedies(snapshot.resource, program)) if is_told_by_ready(snapshot.resource) else []
        yield from own or filter(None, [remedy_of(summary.reason)])
        yield from _commands(snapshot, summary, program)
    for kind in _BESIDE_READY:
        beside = condition(snapshot.resource, kind)
        is_wrong = beside.get("status") == "False" or beside.get("reason") == Reason.ROUTE_PENDING
        if is_wrong and (remedy := remedy_of(beside["reason"])):
            yield remedy


def _commands(snapshot: Snapshot, summary: Summary, program: str) -> Iterator[str]:
    """Where to look further, with everything filled in."""
    kubectl = f"kubectl -n {summary.namespace}"
    topic = next((one.topic for one in Reason if one == summary.reason), None)
    if summary.reason == NOT_SEEN:
        yield "See whether the operator runs: kubectl get pods -A -l app.kubernetes.io/name=modelway"
        yield (
            f"See whether it serves namespace {summary.namespace} (no value: it serves all): kubectl get deployments -A "
            f"-l app.kubernetes.io/name=modelway -o yaml | grep -A1 {_NAMESPACES}"
        )
        yield (
            f"If it does not, have {summary.namespace} added to watch.namespaces in the chart's values, or apply the model in a "
            "namespace that is served."
        )
    if summary.reason == Reason.INVALID_SPEC:
        yield f"See all that is wrong before you apply it: {program} validate -f FILE"
    if summary.reason == Reason.SUSPENDED:
        yield f"""{kubectl} patch mdep {summary.name} --type merge -p '{{"spec": {{"suspend": false}}}}'"""
    if topic is Topic.MODEL:
        yield f"Try it on your machine, without a cluster: {program} serve -f FILE"
    faults = [(pod, fault) for pod in snapshot.pods if (fault := find_failure(pod)) is not None]
    if faults:
        pod, (container, previous) = faults[0]
        flag = " --previous" if previous else ""
        yield f"Read the log: {kubectl} logs {pod['metadata']['name']} -c {container}{flag}"
    waiting = next((pod for pod in snapshot.pods if not is_ready(pod) and not is_done(pod)), None)
    if waiting is not None and not faults:
        yield f"Look at the pod: {kubectl} describe pod {waiting['metadata']['name']}"


def _calls(snapshot: Snapshot, summary: Summary) -> Iterator[str]:
    """How to get a prediction, as soon as anything answers."""
    if not summary.url or not (summary.ready == "True" or summary.available):
        return
    path = f"/v2/models/{summary.name}"
    service = next((child for child in snapshot.children if child["kind"] == "Service"), None)
    ports = (service["spec"].get("ports") or [{}]) if service is not None else [{}]
    port = ports[0].get("port", 80)
    yield f"in the cluster:  curl {summary.url}{path}"
    yield f"from here:       kubectl -n {summary.namespace} port-forward service/{summary.name} 8080:{port}"
    yield f"                 curl http://127.0.0.1:8080{path}"


# Text -------------------------------------------------------------------------------------------------------------------------------------


def _number(orders: Iterable[str]) -> Iterator[str]:
    return (f"{number}. {order}" for number, order in enumerate(dict.fromkeys(orders), 1))


def _wrap(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        yield from textwrap.wrap(
            " ".join(text.split()), WIDTH, subsequent_indent=_MARGIN, break_long_words=False, break_on_hyphens=False
        )
