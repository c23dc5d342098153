"""Unschedulable: what the scheduler says becomes a cause and a field to change, and its own words stay."""

import pytest

from modelway.status.unschedulable import explain


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("1 Insufficient cpu", ["1 with too little free cpu", "Lower spec.runtime.resources.requests"]),
        (
            "1 Insufficient ephemeral-storage",
            ["1 with too little free ephemeral-storage", "Lower spec.runtime.resources"],
        ),
        ("2 Insufficient nvidia.com/gpu", ["2 with too few free nvidia.com/gpu", "Ask for fewer in", "maxSurge: 0"]),
        ("1 Too many pods", ["1 full of pods", "Add nodes"]),
        (
            "1 node(s) didn't match Pod's node affinity/selector",
            ["1 without the labels", "Correct spec.scheduling.nodeSelector"],
        ),
        ("1 node(s) had untolerated taint {dedicated: ml}", ["does not tolerate dedicated: ml", "Add a toleration"]),
        ("1 node(s) had untolerated taint(s)", ["1 with a taint that the pod does not tolerate (", "Add a toleration"]),
        ("1 node(s) were unschedulable", ["1 closed to new pods", "uncordon"]),
        ("1 node(s) didn't match pod anti-affinity rules", ["Correct spec.scheduling.affinity"]),
        ("1 node(s) didn't match pod topology spread constraints", ["spec.scheduling.topologySpread"]),
        ("1 node(s) had an unheard-of objection", ["none fits", "unheard-of objection", "spec.scheduling"]),
    ],
)
def test_each_filter_has_its_cause_and_its_field(words: str, says: list[str]) -> None:
    explanation = explain(
        f"0/1 nodes are available: {words}. no new claims to deallocate, preemption: 0/1 nodes are available."
    )
    assert [part for part in (*says, words) if part not in explanation] == []
    assert "claims" not in explanation


def test_several_filters_are_all_named() -> None:
    explanation = explain(
        "0/3 nodes are available: 1 Insufficient cpu, 1 Insufficient memory, 1 node(s) had untolerated taint {a: b}."
    )
    assert explanation.startswith("1 with too little free cpu, 1 with too little free memory, 1 with a taint")
    assert explanation.endswith(
        "Lower spec.runtime.resources.requests, or add larger nodes; or add a toleration to spec.scheduling.tolerations (kubectl describe nodes shows the taints)."
    )


@pytest.mark.parametrize("words", ["", "."])
def test_silent_scheduler_is_no_failure(words: str) -> None:
    assert explain(words) == "none fits. Correct spec.scheduling, or add nodes."
