"""`spec.scheduling`."""

from collections.abc import Mapping
from typing import Any

from support.cases.case import Case
from support.operator.specs import Object


def _scheduling(
    question: str, accepted: Mapping[str, Any], refused: Mapping[str, Any], field: str, message: str
) -> Case:
    return Case(question, {"scheduling": accepted}, {"scheduling": refused}, f"spec.scheduling.{field}", message)


def _node_affinity(**expression: Any) -> Object:
    term = {"matchExpressions": [{"key": "cores", **expression}]}
    required = {"nodeSelectorTerms": [term]}
    return {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": required}}}


def _preferred_node(weight: int) -> Object:
    preference = {"matchExpressions": [{"key": "gpu", "operator": "Exists"}]}
    preferred = [{"weight": weight, "preference": preference}]
    return {"affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": preferred}}}


def _pod_affinity(**selector: Any) -> Object:
    term = {"labelSelector": selector, "topologyKey": "kubernetes.io/hostname"}
    return {"affinity": {"podAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": [term]}}}


def _spread(**fields: Any) -> Object:
    constraint = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule", **fields}
    return {"topologySpread": [constraint]}


_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_PREFERRED = "preferredDuringSchedulingIgnoredDuringExecution"
_NODE_TERM = f"affinity.nodeAffinity.{_REQUIRED}.nodeSelectorTerms[0].matchExpressions[0]"
_POD_TERM = f"affinity.podAffinity.{_REQUIRED}[0].labelSelector"

SCHEDULINGS = (
    _scheduling(
        "labels' domain", {"labels": {"team": "a"}}, {"labels": {"modelway.dev/x": "a"}}, "labels", "of your own"
    ),
    _scheduling(
        "labels' subdomain",
        {"labels": {"k8s.io.example.com/a": "a"}},
        {"labels": {"app.kubernetes.io/name": "a"}},
        "labels",
        "choose a key of your own",
    ),
    _scheduling(
        "annotations' domain",
        {"annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "false"}},
        {"annotations": {"kubernetes.io/config.seen": "x"}},
        "annotations",
        "choose a key of your own",
    ),
    _scheduling(
        "annotations' subdomain",
        {"annotations": {"karpenter.sh/do-not-disrupt": "true"}},
        {"annotations": {"node.k8s.io/x": "x"}},
        "annotations",
        "choose a key of your own",
    ),
    _scheduling("label key", {"labels": {"a.b/c_d": ""}}, {"labels": {"a/b/c": "d"}}, "labels", "each key of labels"),
    _scheduling(
        "annotation key",
        {"annotations": {"example.com/ticket": "RISK 7"}},
        {"annotations": {"ticket no": "RISK 7"}},
        "annotations",
        "each key of annotations",
    ),
    _scheduling(
        "node label key",
        {"nodeSelector": {"k" * 63: "v"}},
        {"nodeSelector": {"k" * 64: "v"}},
        "nodeSelector",
        "each key of nodeSelector",
    ),
    _scheduling("label value", {"labels": {"a": "b"}}, {"labels": {"a": "b c"}}, "labels.a", "should match"),
    _scheduling(
        "label value's length", {"labels": {"a": "b" * 63}}, {"labels": {"a": "b" * 64}}, "labels.a", "Too long"
    ),
    _scheduling(
        "annotation value's length",
        {"annotations": {"a": "b" * 4096}},
        {"annotations": {"a": "b" * 4097}},
        "annotations.a",
        "Too long",
    ),
    _scheduling(
        "at most 32 labels",
        {"labels": {f"l{n}": "" for n in range(32)}},
        {"labels": {f"l{n}": "" for n in range(33)}},
        "labels",
        "Too many",
    ),
    _scheduling(
        "toleration needs a key",
        {"tolerations": [{"operator": "Exists"}]},
        {"tolerations": [{"operator": "Equal", "value": "x"}]},
        "tolerations[0]",
        "needs the key of a taint",
    ),
    _scheduling(
        "Exists has no value",
        {"tolerations": [{"key": "gpu", "operator": "Exists", "effect": "NoSchedule"}]},
        {"tolerations": [{"key": "gpu", "operator": "Exists", "value": "a100"}]},
        "tolerations[0].value",
        "does not look at the value a100",
    ),
    _scheduling(
        "toleration seconds",
        {"tolerations": [{"key": "gpu", "value": "x", "effect": "NoExecute", "tolerationSeconds": 0}]},
        {"tolerations": [{"key": "gpu", "value": "x", "tolerationSeconds": 60}]},
        "tolerations[0].tolerationSeconds",
        "only for the effect NoExecute",
    ),
    _scheduling(
        "toleration effect",
        {"tolerations": [{"key": "gpu", "effect": "PreferNoSchedule"}]},
        {"tolerations": [{"key": "gpu", "effect": "Never"}]},
        "tolerations[0].effect",
        "Unsupported value",
    ),
    _scheduling(
        "at most 32 tolerations",
        {"tolerations": [{"operator": "Exists"}] * 32},
        {"tolerations": [{"operator": "Exists"}] * 33},
        "tolerations",
        "Too many",
    ),
    _scheduling(
        "node In needs values",
        _node_affinity(operator="In", values=["16", "32"]),
        _node_affinity(operator="In"),
        f"{_NODE_TERM}.values",
        "In and NotIn need values",
    ),
    _scheduling(
        "node Exists has no values",
        _node_affinity(operator="DoesNotExist"),
        _node_affinity(operator="Exists", values=["16"]),
        f"{_NODE_TERM}.values",
        "Exists and DoesNotExist have none",
    ),
    _scheduling(
        "node Gt needs one number",
        _node_affinity(operator="Gt", values=["16"]),
        _node_affinity(operator="Gt", values=["16Gi"]),
        f"{_NODE_TERM}.values",
        "Gt and Lt need one whole number",
    ),
    _scheduling(
        "weight",
        _preferred_node(100),
        _preferred_node(101),
        f"affinity.nodeAffinity.{_PREFERRED}[0].weight",
        "less than or equal to 100",
    ),
    _scheduling(
        "pod selector is not empty",
        _pod_affinity(matchLabels={"app": "cache"}),
        _pod_affinity(),
        _POD_TERM,
        "an empty selector would choose every pod",
    ),
    _scheduling(
        "pod label key",
        _pod_affinity(matchLabels={"example.com/app": "cache"}),
        _pod_affinity(matchLabels={"example.com/": "cache"}),
        f"{_POD_TERM}.matchLabels",
        "each key of matchLabels",
    ),
    _scheduling(
        "pod NotIn needs values",
        _pod_affinity(matchExpressions=[{"key": "app", "operator": "NotIn", "values": ["a"]}]),
        _pod_affinity(matchExpressions=[{"key": "app", "operator": "NotIn", "values": []}]),
        f"{_POD_TERM}.matchExpressions[0].values",
        "In and NotIn need values",
    ),
    _scheduling(
        "no other namespace",
        _pod_affinity(matchLabels={"app": "cache"}),
        {"affinity": {"podAffinity": {_REQUIRED: [{"namespaces": ["other"]}]}}},
        f"affinity.podAffinity.{_REQUIRED}[0].namespaces",
        "unknown field",
    ),
    _scheduling("skew", _spread(), _spread(maxSkew=0), "topologySpread[0].maxSkew", "greater than or equal to 1"),
    _scheduling(
        "min domains only with DoNotSchedule",
        _spread(minDomains=3),
        _spread(minDomains=3, whenUnsatisfiable="ScheduleAnyway"),
        "topologySpread[0].minDomains",
        "only with whenUnsatisfiable: DoNotSchedule",
    ),
    _scheduling(
        "spreads differ",
        {"topologySpread": [*_spread()["topologySpread"], *_spread(topologyKey="rack")["topologySpread"]]},
        {"topologySpread": _spread()["topologySpread"] * 2},
        "topologySpread",
        "Duplicate value",
    ),
    _scheduling(
        "priority class's name",
        {"priorityClassName": "high"},
        {"priorityClassName": "High"},
        "priorityClassName",
        "should match",
    ),
    _scheduling(
        "runtime class's name",
        {"runtimeClassName": "gvisor"},
        {"runtimeClassName": ""},
        "runtimeClassName",
        "at least 1 chars",
    ),
)
