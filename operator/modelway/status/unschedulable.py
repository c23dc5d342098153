"""Why the scheduler places a pod on no node, and which field to change. Pure.

The scheduler reports in prose how many nodes each of its filters refused: `0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated
taint {dedicated: ml}. preemption: ...`. The words of its filters have been stable for years; unknown words are quoted.
"""

import re
from typing import NamedTuple

_LONGEST_QUOTE = 400


class _Filter(NamedTuple):
    """One reason for which nodes do not fit."""

    pattern: re.Pattern[str]
    cause: str
    """What the nodes are like; holds {what}, the pattern's group."""
    remedy: str


def _filter(pattern: str, cause: str, remedy: str) -> _Filter:
    return _Filter(re.compile(rf"(?:(?P<nodes>\d+) )?(?:node\(s\) )?{pattern}", re.IGNORECASE), cause, remedy)


_FILTERS = (
    _filter(
        r"insufficient (?P<what>[\w.-]+/[\w.-]+)",
        "with too few free {what}",
        "ask for fewer in spec.runtime.resources.limits, add nodes that have them, or, where no new pod fits beside those that serve, set "
        "spec.rollout to {maxSurge: 0, maxUnavailable: 1} (kubectl describe nodes shows what each has and what is taken)",
    ),
    _filter(
        r"insufficient (?P<what>[\w.-]+)(?![\w./-])",
        "with too little free {what}",
        "lower spec.runtime.resources.requests, or add larger nodes",
    ),
    _filter(r"too many pods", "full of pods", "add nodes"),
    _filter(
        r"didn't match (?:pod's node affinity|node selector)(?:/selector)?",
        "without the labels that spec.scheduling asks for",
        "correct spec.scheduling.nodeSelector or affinity (kubectl get nodes --show-labels)",
    ),
    _filter(
        r"had untolerated taint(?:\(s\)| \{(?P<what>[^}]*)\})?",
        "with a taint that the pod does not tolerate {what}",
        "add a toleration to spec.scheduling.tolerations (kubectl describe nodes shows the taints)",
    ),
    _filter(r"were unschedulable", "closed to new pods", "open them with kubectl uncordon, or add nodes"),
    _filter(
        r"(?:didn't match pod (?:anti-)?affinity rules|didn't satisfy existing pods anti-affinity rules)",
        "with or without pods that it must, or must not, be near",
        "correct spec.scheduling.affinity",
    ),
    _filter(
        r"didn't match pod topology spread constraints",
        "where it would be spread too unevenly",
        "correct spec.scheduling.topologySpread",
    ),
)


def explain(message: str) -> str:
    """Explain the scheduler's message by a cause and a remedy, and quote it.

    Args:
        message: of the pod's condition PodScheduled.
    """
    words = message.partition(". ")[0].strip().rstrip(".")  # what follows is about preemption
    matches = [(one, match) for one in _FILTERS for match in one.pattern.finditer(words)]
    causes = list(dict.fromkeys(_cause(one, match) for one, match in matches)) or ["none fits"]
    remedies = list(dict.fromkeys(one.remedy for one, _ in matches)) or ["correct spec.scheduling, or add nodes"]
    remedy = "; or ".join(remedies)
    quote = f" ({words[:_LONGEST_QUOTE]})" if words else ""
    return f"{', '.join(causes)}{quote}. {remedy[0].upper()}{remedy[1:]}."


def _cause(one: _Filter, match: re.Match[str]) -> str:
    parts = match.groupdict()
    what = parts.get("what") or ""
    return f"{parts['nodes'] or ''} {one.cause.format(what=what)}".strip()
