"""Where pods run: a typed part of what Kubernetes offers, without any reference to another namespace."""

import re
from typing import Annotated, Literal

from pydantic import Field

from modelway.api.base import ApiModel, Rule
from modelway.api.fields import (
    LabelKey,
    LabelValue,
    MapKey,
    ObjectName,
    atomic_list,
    keyed_list,
    unique_by,
    well_formed_keys,
)

Labels = Annotated[dict[MapKey, LabelValue], Field(max_length=32)]
AnnotationValue = Annotated[str, Field(max_length=4096)]
Annotations = Annotated[dict[MapKey, AnnotationValue], Field(max_length=32)]
Weight = Annotated[int, Field(ge=1, le=100)]
ExpressionValues = Annotated[tuple[LabelValue, ...], atomic_list(64)]

_VALUES_FIT_THE_OPERATOR = "has(self.values) && size(self.values) > 0 ? self.operator in ['In', 'NotIn'] : self.operator in ['Exists', 'DoesNotExist']"


class Toleration(ApiModel):
    """A taint of nodes that the pods put up with."""

    key: LabelKey | None = None
    """The key of the taint; left out with operator Exists, every taint is tolerated."""
    operator: Literal["Exists", "Equal"] | None = None
    """Exists: the value of the taint does not matter. Equal (when left out): it must be `value`."""
    value: LabelValue | None = None
    """The value of the taint; only with operator Equal."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """The effect that is tolerated; every effect when left out."""
    toleration_seconds: Annotated[int, Field(ge=0, le=86400)] | None = None
    """For how many seconds a NoExecute taint is tolerated; for ever when left out."""

    rules = (
        Rule(
            cel="has(self.key) || (has(self.operator) && self.operator == 'Exists')",
            holds=lambda it: it.key is not None or it.operator == "Exists",
            message="a toleration needs the key of a taint, for example {key: nvidia.com/gpu, operator: Exists}, "
            "or operator Exists without a key to tolerate every taint",
        ),
        Rule(
            cel="!(has(self.operator) && self.operator == 'Exists' && has(self.value) && self.value != '')",
            holds=lambda it: it.operator != "Exists" or not it.value,
            message="operator Exists does not look at the value {value}: leave value out, or write operator: Equal",
            field="value",
        ),
        Rule(
            cel="!has(self.tolerationSeconds) || (has(self.effect) && self.effect == 'NoExecute')",
            holds=lambda it: it.toleration_seconds is None or it.effect == "NoExecute",
            message="tolerationSeconds counts only for the effect NoExecute: write effect: NoExecute, or leave it out",
            field="tolerationSeconds",
        ),
    )


class LabelRequirement(ApiModel):
    """One demand on the labels of pods."""

    key: LabelKey
    """The key of the label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    """How the label is compared with `values`."""
    values: ExpressionValues | None = None
    """The values for In and NotIn; left out for Exists and DoesNotExist."""

    rules = (
        Rule(
            cel=_VALUES_FIT_THE_OPERATOR,
            holds=lambda it: (it.operator in {"In", "NotIn"}) == bool(it.values),
            message="operator {operator} of {key} and its values do not go together: In and NotIn need values, "
            "Exists and DoesNotExist have none",
            field="values",
        ),
    )


class NodeRequirement(ApiModel):
    """One demand on the labels of a node."""

    key: LabelKey
    """The key of the label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How the label is compared with `values`."""
    values: ExpressionValues | None = None
    """The values for In and NotIn, one whole number for Gt and Lt; left out for Exists and DoesNotExist."""

    rules = (
        Rule(
            cel="self.operator in ['Gt', 'Lt'] ? (has(self.values) && size(self.values) == 1 && self.values[0].matches('^[0-9]{1,18}$')) : ("
            + _VALUES_FIT_THE_OPERATOR
            + ")",
            holds=lambda it: (
                (
                    it.values is not None
                    and len(it.values) == 1
                    and re.fullmatch(r"[0-9]{1,18}", it.values[0]) is not None
                )
                if it.operator in {"Gt", "Lt"}
                else (it.operator in {"In", "NotIn"}) == bool(it.values)
            ),
            message="operator {operator} of {key} and its values do not go together: In and NotIn need values, "
            'Gt and Lt need one whole number such as ["16"], Exists and DoesNotExist have none',
            field="values",
        ),
    )


class NodeSelectorTerm(ApiModel):
    """Demands on a node that must all be met."""

    match_expressions: Annotated[tuple[NodeRequirement, ...], atomic_list(16, least=1)]
    """The demands."""


class NodeSelector(ApiModel):
    """Nodes that meet at least one of the terms."""

    node_selector_terms: Annotated[tuple[NodeSelectorTerm, ...], atomic_list(8, least=1)]
    """The terms, of which one must be met."""


class PreferredNode(ApiModel):
    """A wish for certain nodes."""

    weight: Weight
    """How much the wish counts beside others, 1 to 100."""
    preference: NodeSelectorTerm
    """The nodes wished for."""


class NodeAffinity(ApiModel):
    """Which nodes the pods must or should run on."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """The nodes that pods must run on."""
    preferred_during_scheduling_ignored_during_execution: Annotated[tuple[PreferredNode, ...], atomic_list(8)] = ()
    """The nodes that pods should run on."""


class LabelSelector(ApiModel):
    """Pods chosen by their labels, within the namespace of the ModelDeployment."""

    match_labels: Labels | None = None
    """Labels that the pods have."""
    match_expressions: Annotated[tuple[LabelRequirement, ...], atomic_list(16)] = ()
    """Further demands on the labels."""

    rules = (
        well_formed_keys("matchLabels"),
        Rule(
            cel="(has(self.matchLabels) && size(self.matchLabels) > 0) || (has(self.matchExpressions) && size(self.matchExpressions) > 0)",
            holds=lambda it: bool(it.match_labels) or bool(it.match_expressions),
            message="an empty selector would choose every pod: name labels, for example {matchLabels: {app: cache}}",
        ),
    )


class PodAffinityTerm(ApiModel):
    """Pods to be near to, or away from."""

    label_selector: LabelSelector
    """Which pods."""
    topology_key: LabelKey
    """What counts as near: the same value of this node label, for example kubernetes.io/hostname."""


class PreferredPodAffinity(ApiModel):
    """A wish to be near to, or away from, certain pods."""

    weight: Weight
    """How much the wish counts beside others, 1 to 100."""
    pod_affinity_term: PodAffinityTerm
    """The pods."""


class PodAffinity(ApiModel):
    """Which pods to be near to, or away from."""

    required_during_scheduling_ignored_during_execution: Annotated[tuple[PodAffinityTerm, ...], atomic_list(8)] = ()
    """What must hold."""
    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[PreferredPodAffinity, ...], atomic_list(8)
    ] = ()
    """What should hold."""


class Affinity(ApiModel):
    """Nearness to nodes and pods, as in Kubernetes, within the namespace of the ModelDeployment."""

    node_affinity: NodeAffinity | None = None
    """Which nodes to run on."""
    pod_affinity: PodAffinity | None = None
    """Which pods to be near to."""
    pod_anti_affinity: PodAffinity | None = None
    """Which pods to stay away from."""


class TopologySpreadConstraint(ApiModel):
    """How evenly the pods of this model are spread over nodes, zones or other parts of the cluster."""

    max_skew: Annotated[int, Field(ge=1, le=1000)]
    """By how many pods two parts may differ."""
    topology_key: LabelKey
    """The node label that divides the cluster into parts, for example topology.kubernetes.io/zone."""
    when_unsatisfiable: Literal["DoNotSchedule", "ScheduleAnyway"]
    """What to do with a pod that would break the limit: leave it Pending, or place it all the same."""
    min_domains: Annotated[int, Field(ge=1, le=1000)] | None = None
    """The fewest parts to spread over; only with DoNotSchedule."""

    rules = (
        Rule(
            cel="!has(self.minDomains) || self.whenUnsatisfiable == 'DoNotSchedule'",
            holds=lambda it: it.min_domains is None or it.when_unsatisfiable == "DoNotSchedule",
            message="minDomains counts only with whenUnsatisfiable: DoNotSchedule: write that, or leave minDomains out",
            field="minDomains",
        ),
    )


_RESERVED_DOMAINS = ("modelway.dev", "kubernetes.io", "k8s.io")
_CLUSTER_AUTOSCALER = "cluster-autoscaler.kubernetes.io/"


def _is_reserved(key: str) -> bool:
    domain, slash, _ = key.rpartition("/")
    return bool(slash) and any(domain == reserved or domain.endswith(f".{reserved}") for reserved in _RESERVED_DOMAINS)


def _reserved_in_cel(key: str) -> str:
    return " || ".join(f"{key}.startsWith('{it}/') || {key}.contains('.{it}/')" for it in _RESERVED_DOMAINS)


class Scheduling(ApiModel):
    """Where the pods run and what they are labelled with."""

    node_selector: Labels | None = None
    """Labels that a node must have to run the pods, for example {disktype: ssd}."""
    tolerations: Annotated[tuple[Toleration, ...], atomic_list(32)] = ()
    """Taints of nodes that the pods put up with."""
    affinity: Affinity | None = None
    """Nearness to nodes and pods."""
    topology_spread: Annotated[
        tuple[TopologySpreadConstraint, ...],
        keyed_list(8, "topologyKey", "whenUnsatisfiable"),
        unique_by("topologyKey", "whenUnsatisfiable"),
    ] = ()
    """How evenly the pods are spread; over nodes, where possible, when left out."""
    priority_class_name: ObjectName | None = None
    """The PriorityClass of the pods; it must exist in the cluster."""
    runtime_class_name: ObjectName | None = None
    """The RuntimeClass of the pods; it must exist in the cluster."""
    labels: Labels | None = None
    """Further labels of the pods, for example {team: risk}."""
    annotations: Annotations | None = None
    """Further annotations of the pods."""

    rules = (
        *map(well_formed_keys, ("nodeSelector", "labels", "annotations")),
        Rule(
            cel=f"!has(self.labels) || self.labels.all(key, !({_reserved_in_cel('key')}))",
            holds=lambda it: not any(map(_is_reserved, it.labels or ())),
            message="labels of modelway.dev, kubernetes.io and k8s.io are not a user's to set: choose a key of your own, "
            "for example {team: risk}",
            field="labels",
        ),
        Rule(
            cel="!has(self.annotations) || self.annotations.all(key, "
            f"key.startsWith('{_CLUSTER_AUTOSCALER}') || !({_reserved_in_cel('key')}))",
            holds=lambda it: all(
                key.startswith(_CLUSTER_AUTOSCALER) or not _is_reserved(key) for key in it.annotations or ()
            ),
            message="annotations of modelway.dev, kubernetes.io and k8s.io are not a user's to set (but for those of "
            "cluster-autoscaler.kubernetes.io): choose a key of your own, for example {ticket: RISK-7}",
            field="annotations",
        ),
    )
