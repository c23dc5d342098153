"""`spec.rollout`."""

from collections.abc import Mapping
from typing import Any

from support.cases.case import Case


def _rollout(question: str, accepted: Mapping[str, Any], refused: Mapping[str, Any], field: str, message: str) -> Case:
    return Case(question, {"rollout": accepted}, {"rollout": refused}, f"spec.rollout.{field}", message)


def _canary(*steps: Mapping[str, Any], **fields: Any) -> Mapping[str, Any]:
    return {"strategy": "Canary", **({"steps": [*steps]} if steps else {}), **fields}


def _by_gateway(
    question: str, accepted: Mapping[str, Any], refused: Mapping[str, Any], field: str, message: str
) -> Case:
    exposure = {"gateway": {"name": "shared"}}
    one, other = (
        {"rollout": _canary(trafficRouting="Gateway", **fields), "exposure": exposure} for fields in (accepted, refused)
    )
    return Case(question, one, other, f"spec.rollout.{field}", message)


def _judged(**limits: Any) -> Mapping[str, Any]:
    return {"strategy": "Shadow", "analysis": limits}


_SHARE = "must be a number of pods up to 1000"

ROLLOUTS = (
    _rollout("surge in percent", {"maxSurge": "100%"}, {"maxSurge": "101%"}, "maxSurge", _SHARE),
    _rollout("surge in pods", {"maxSurge": 1000}, {"maxSurge": 1001}, "maxSurge", _SHARE),
    _rollout("surge is not negative", {"maxSurge": "3"}, {"maxSurge": -1}, "maxSurge", _SHARE),
    _rollout("missing in percent", {"maxUnavailable": "25%"}, {"maxUnavailable": "25 %"}, "maxUnavailable", _SHARE),
    _rollout("missing in pods", {"maxUnavailable": 0}, {"maxUnavailable": "some"}, "maxUnavailable", _SHARE),
    _rollout(
        "something may come or go",
        {"maxSurge": 0, "maxUnavailable": 1},
        {"maxSurge": 0, "maxUnavailable": "0%"},
        "maxSurge",
        "no pod could ever be replaced",
    ),
    _rollout(
        "what may go is said", {"maxUnavailable": "0%"}, {"maxSurge": "0%"}, "maxSurge", "no pod could ever be replaced"
    ),
    _rollout("strategy", {"strategy": "Shadow"}, {"strategy": "Mirror"}, "strategy", "Unsupported value"),
    _rollout(
        "steps of a canary",
        _canary({"weight": 5}),
        {"strategy": "BlueGreen", "steps": [{"weight": 5}]},
        "steps",
        "steps belongs to strategy Canary, and strategy is BlueGreen: leave steps out",
    ),
    _rollout(
        "clients that stay with a canary",
        _canary(sticky={"header": "x-user-id"}),
        {"sticky": {"header": "x-user-id"}},
        "sticky",
        "sticky belongs to strategy Canary, and strategy is Rolling",
    ),
    _rollout(
        "a gateway divides no copies",
        {"strategy": "Shadow", "trafficRouting": "Server"},
        {"strategy": "Shadow", "trafficRouting": "Gateway"},
        "trafficRouting",
        "trafficRouting Gateway belongs to strategy Canary or BlueGreen, and strategy is Shadow",
    ),
    _by_gateway("a gateway keeps no client", {}, {"sticky": {"header": "x-user-id"}}, "sticky", "leave sticky out"),
    _by_gateway(
        "a gateway leaves requests to compare",
        {"steps": [{"weight": 99}]},
        {"steps": [{"weight": 50}, {"weight": 100}]},
        "steps",
        "steps must stay below 100 with trafficRouting Gateway",
    ),
    Case(
        "a gateway that divides is named",
        {"rollout": {"strategy": "Canary", "trafficRouting": "Gateway"}, "exposure": {"gateway": {"name": "shared"}}},
        {"rollout": {"strategy": "BlueGreen", "trafficRouting": "Gateway"}},
        "spec.rollout.trafficRouting",
        "name it in exposure.gateway",
    ),
    _rollout(
        "copies for a shadow",
        {"strategy": "Shadow", "mirror": 1},
        _canary(mirror=1),
        "mirror",
        "belongs to strategy Shadow",
    ),
    _rollout(
        "reserve of blue and green",
        {"strategy": "BlueGreen", "scaleDownDelay": "0s"},
        _canary(scaleDownDelay="1m"),
        "scaleDownDelay",
        "belongs to strategy BlueGreen",
    ),
    _rollout(
        "limits of a candidate",
        _canary(analysis={}),
        {"analysis": {}},
        "analysis",
        "belongs to strategy Canary, BlueGreen or Shadow",
    ),
    _rollout(
        "rows of a candidate",
        _canary(replay={}),
        {"replay": {}},
        "replay",
        "belongs to strategy Canary, BlueGreen or Shadow",
    ),
    _rollout(
        "most requests of a replay",
        _canary(replay={"requests": 10_000, "rowsPerRequest": 1000}),
        _canary(replay={"requests": 10_001}),
        "replay.requests",
        "less than or equal to 10000",
    ),
    _rollout("time of a candidate", _canary(timeout="1h"), {"timeout": "1h"}, "timeout", "and strategy is Rolling"),
    _rollout(
        "end of the time of a candidate",
        _canary(onTimeout="Pause"),
        {"onTimeout": "Pause"},
        "onTimeout",
        "and strategy is Rolling",
    ),
    _rollout(
        "what time may end in", _canary(onTimeout="Promote"), _canary(onTimeout="Stop"), "onTimeout", "Unsupported"
    ),
    _rollout("a pause needs a candidate", _canary(paused=True), {"paused": True}, "paused", "paused holds a candidate"),
    _rollout(
        "least weight", _canary({"weight": 1}), _canary({"weight": 0}), "steps[0].weight", "greater than or equal to 1"
    ),
    _rollout(
        "most weight",
        _canary({"weight": 100}),
        _canary({"weight": 101}),
        "steps[0].weight",
        "less than or equal to 100",
    ),
    _rollout(
        "weights rise",
        _canary({"weight": 5}, {"weight": 6}, {"weight": 7}),
        _canary({"weight": 5}, {"weight": 7}, {"weight": 7}),
        "steps",
        "each weight must be above the one before",
    ),
    _rollout(
        "at least one step", _canary(), {"strategy": "Canary", "steps": []}, "steps", "should have at least 1 items"
    ),
    _rollout(
        "at most 20 steps",
        _canary(*({"weight": weight} for weight in range(1, 21))),
        _canary(*({"weight": weight} for weight in range(1, 22))),
        "steps",
        "Too many",
    ),
    _rollout(
        "hold",
        _canary({"weight": 5, "hold": "1h30m"}),
        _canary({"weight": 5, "hold": "1.5h"}),
        "steps[0].hold",
        "should match",
    ),
    _rollout("a length of time has a unit", _canary(timeout="90s"), _canary(timeout="90"), "timeout", "should match"),
    _rollout(
        "holds end before the timeout",
        _canary({"weight": 5, "hold": "30m"}, {"weight": 50, "hold": "29m59s"}, timeout="1h"),
        _canary({"weight": 5, "hold": "30m"}, {"weight": 50, "hold": "30m"}, timeout="1h"),
        "timeout",
        "timeout ends the rollout before its holds do",
    ),
    _rollout(
        "the reserve ends before the timeout",
        {"strategy": "BlueGreen", "timeout": "11m"},
        {"strategy": "BlueGreen", "timeout": "10m"},
        "timeout",
        "or than scaleDownDelay",
    ),
    _rollout(
        "header that clients stay by",
        _canary(sticky={"header": "X_User"}),
        _canary(sticky={"header": "x user"}),
        "sticky.header",
        "should match",
    ),
    _rollout(
        "length of a header",
        _canary(sticky={"header": "x" * 63}),
        _canary(sticky={"header": "x" * 64}),
        "sticky.header",
        "may not be more than 63",
    ),
    _rollout(
        "failed at most", _judged(maxFailed="0.001%"), _judged(maxFailed="0%"), "analysis.maxFailed", "should match"
    ),
    _rollout(
        "disagreement at most",
        _judged(maxDisagreement="100%"),
        _judged(maxDisagreement="101%"),
        "analysis.maxDisagreement",
        "should match",
    ),
    _rollout(
        "numbers that agree",
        _judged(numericTolerance="1.5%"),
        _judged(numericTolerance="1.5"),
        "analysis.numericTolerance",
        "should match",
    ),
    _rollout(
        "how much worse",
        _judged(tolerance="99.999%"),
        _judged(tolerance="0.0001%"),
        "analysis.tolerance",
        "should match",
    ),
)
