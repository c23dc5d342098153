"""`spec.scaling`."""

from collections.abc import Mapping
from typing import Any

from support.cases.case import Case
from support.operator.specs import Object


def _scaling(question: str, accepted: Mapping[str, Any], refused: Mapping[str, Any], field: str, message: str) -> Case:
    return Case(question, {"scaling": accepted}, {"scaling": refused}, f"spec.scaling{field}", message)


def _behavior(**rules: Any) -> Object:
    return {"max": 3, "behavior": {"scaleDown": rules}}


def _policy(**fields: Any) -> Object:
    return {"type": "Pods", "value": 1, "periodSeconds": 60, **fields}


SCALINGS = (
    _scaling("either replicas or a range", {"replicas": 3}, {"replicas": 3, "max": 5}, "", "write one of them"),
    _scaling("either replicas or min", {"min": 3, "max": 5}, {"replicas": 3, "min": 3}, "", "write one of them"),
    _scaling("min needs max", {"max": 4}, {"min": 4}, ".min", "add max, for example {min: 4, max: 10}"),
    _scaling("min within max", {"min": 4, "max": 4}, {"min": 5, "max": 4}, ".min", "min is 5 and max is 4"),
    _scaling("cpu needs max", {"max": 4, "cpu": 50}, {"replicas": 4, "cpu": 50}, "", "turn it on with max"),
    _scaling("memory needs max", {"max": 4, "memory": 50}, {"memory": 50}, "", "turn it on with max"),
    _scaling("behavior needs max", {"max": 4, "behavior": {}}, {"behavior": {}}, "", "turn it on with max"),
    _scaling("at least one replica", {"replicas": 1}, {"replicas": 0}, ".replicas", "greater than or equal to 1"),
    _scaling(
        "at most 1000 replicas", {"replicas": 1000}, {"replicas": 1001}, ".replicas", "less than or equal to 1000"
    ),
    _scaling("least of min", {"min": 1, "max": 1}, {"min": 0, "max": 1}, ".min", "greater than or equal to 1"),
    _scaling("most of max", {"max": 1000}, {"max": 1001}, ".max", "less than or equal to 1000"),
    _scaling("least of cpu", {"max": 2, "cpu": 1}, {"max": 2, "cpu": 0}, ".cpu", "greater than or equal to 1"),
    _scaling(
        "most of memory", {"max": 2, "memory": 1000}, {"max": 2, "memory": 1001}, ".memory", "less than or equal to"
    ),
    _scaling(
        "stabilization window",
        _behavior(stabilizationWindowSeconds=3600),
        _behavior(stabilizationWindowSeconds=3601),
        ".behavior.scaleDown.stabilizationWindowSeconds",
        "less than or equal to 3600",
    ),
    _scaling(
        "select policy",
        _behavior(selectPolicy="Disabled"),
        _behavior(selectPolicy="Off"),
        ".behavior.scaleDown.selectPolicy",
        "Unsupported value",
    ),
    _scaling(
        "policies are not empty",
        _behavior(policies=[_policy()]),
        _behavior(policies=[]),
        ".behavior.scaleDown.policies",
        "at least 1 items",
    ),
    _scaling(
        "at most 8 policies",
        _behavior(policies=[_policy()] * 8),
        _behavior(policies=[_policy()] * 9),
        ".behavior.scaleDown.policies",
        "Too many",
    ),
    _scaling(
        "policy type",
        _behavior(policies=[_policy(type="Percent")]),
        _behavior(policies=[_policy(type="percent")]),
        ".behavior.scaleDown.policies[0].type",
        "Unsupported value",
    ),
    _scaling(
        "policy value",
        _behavior(policies=[_policy(value=1000)]),
        _behavior(policies=[_policy(value=0)]),
        ".behavior.scaleDown.policies[0].value",
        "greater than or equal to 1",
    ),
    _scaling(
        "policy period",
        _behavior(policies=[_policy(periodSeconds=1800)]),
        _behavior(policies=[_policy(periodSeconds=1801)]),
        ".behavior.scaleDown.policies[0].periodSeconds",
        "less than or equal to 1800",
    ),
)
