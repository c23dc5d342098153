"""The block `rollout`: how pods of a new revision take the place of those before, and what they must show on the way."""

import re
from datetime import timedelta
from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, StringConstraints, WithJsonSchema
from pydantic_core import PydanticCustomError

from modelway.api.analysis import Analysis
from modelway.api.base import ApiModel, Rule
from modelway.api.duration import Duration, time_of
from modelway.api.fields import HEADER_PATTERN, atomic_list
from modelway.api.replay import Replay
from modelway.api.schema import INT_OR_STRING, VALIDATIONS

Strategy = Literal["Rolling", "Canary", "BlueGreen", "Shadow"]
ROLLING: Strategy = "Rolling"
CANARY: Strategy = "Canary"
BLUE_GREEN: Strategy = "BlueGreen"
SHADOW: Strategy = "Shadow"
Routing = Literal["Server", "Gateway"]
SERVER: Routing = "Server"
GATEWAY: Routing = "Gateway"
JUDGED = (CANARY, BLUE_GREEN, SHADOW)
"""The strategies with a candidate that is judged before it takes over."""

SHARE_PATTERN = r"^(0|[1-9][0-9]{0,2}|1000|(0|[1-9][0-9]?|100)%)$"
MOST_SURGE, MOST_UNAVAILABLE = 1, 0
"""What holds where the spec says nothing: a pod goes when its successor is ready."""
TIMEOUT = "24h"
SCALE_DOWN_DELAY = "10m"
MIRROR = 100
"""What holds where the spec says nothing."""
MOST_STEPS = 20
_UNREADABLE = "must be a number of pods up to 1000, such as 1, or a share of all of them, such as 25%"


def _read_share(value: object) -> int | str:
    is_known = isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool))
    if not is_known or not re.fullmatch(SHARE_PATTERN, str(value)):
        raise PydanticCustomError("share", _UNREADABLE)
    return str(value) if str(value).endswith("%") else int(str(value))


_RULE = {"rule": f"string(self).matches(r'{SHARE_PATTERN}')", "message": _UNREADABLE}
Share = Annotated[
    int | str,
    PlainValidator(_read_share),
    WithJsonSchema({INT_OR_STRING: True, "maxLength": 4, VALIDATIONS: [_RULE]}),
]
"""A number of pods, or a share of all of them in percent."""

Weight = Annotated[int, Field(ge=1, le=100)]
"""A share of the requests in percent."""


def _is_nothing(share: int | str | None) -> bool:
    return share in (0, "0%")


class RolloutStep(ApiModel):
    """A share of the requests that the candidate answers, and for how long at least."""

    weight: Weight
    """The percent of requests that the candidate answers."""
    hold: Duration | None = None
    """The least time at this weight, such as 2m. The step then ends if a request came and nothing is worse. Left out, evidence alone ends
    it."""


class Sticky(ApiModel):
    """What keeps a client with the same revision."""

    header: Annotated[str, StringConstraints(min_length=1, max_length=63, pattern=HEADER_PATTERN)]
    """The request header whose value decides, such as x-user-id; in gRPC, the metadata of that name. A request without it goes by weight."""


def _belongs(field: str, attribute: str, *strategies: Strategy) -> Rule:
    """The rule that a field is not set under other strategies, which would ignore it."""
    names = ", ".join(strategies[:-1]) + (" or " if strategies[1:] else "") + strategies[-1]
    return Rule(
        cel=f"!has(self.{field}) || self.strategy in {list(strategies)}",
        holds=lambda it: getattr(it, attribute) is None or it.strategy in strategies,
        message=f"{field} belongs to strategy {names}, and strategy is {{strategy}}: leave {field} out",
        field=field,
    )


_RISE = f"{list(range(MOST_STEPS - 1))}.all(i, i + 1 >= size(self.steps) || self.steps[i].weight < self.steps[i + 1].weight)"
_HOLDS = "(has(self.steps) ? self.steps.map(step, has(step.hold) ? duration(step.hold).getSeconds() : 0).sum() : 0)"
_DELAY = (
    f"(self.strategy == '{BLUE_GREEN}' ? duration(has(self.scaleDownDelay) ? self.scaleDownDelay : '{SCALE_DOWN_DELAY}')"
    ".getSeconds() : 0)"
)
_TIMEOUT = f"duration(has(self.timeout) ? self.timeout : '{TIMEOUT}').getSeconds()"


class Rollout(ApiModel):
    """How pods of a new revision take the place of those before, and what the revision must show on the way."""

    strategy: Strategy = ROLLING
    """Rolling replaces pod by pod. The others try the new revision as a candidate beside the stable one: Canary answers a rising share of the
    requests; BlueGreen all at once, at full size; Shadow gets copies. It takes over once evidence shows that it is not worse."""
    max_surge: Share | None = None
    """How many pods more than wanted there may be meanwhile, as a number or a share such as 25%, rounded up; 1 when left out. With 0, as where
    the pods hold all GPUs, maxUnavailable must be more than 0."""
    max_unavailable: Share | None = None
    """How many of the wanted pods need not serve meanwhile, as a number or a share, rounded down; 0 when left out."""
    steps: Annotated[tuple[RolloutStep, ...], atomic_list(MOST_STEPS, least=1)] | None = None
    """Canary: the shares of requests, each larger than the one before; 5, 25 and 50 percent when left out. After the last one the candidate
    takes over, once evidence suffices."""
    mirror: Weight | None = None
    """Shadow: the percent of requests that are copied to the candidate; 100 when left out."""
    scale_down_delay: Duration | None = None
    """BlueGreen: how long the stable pods stay in reserve after the switch; 10m when left out."""
    sticky: Sticky | None = None
    """Canary: what keeps a client with the same revision."""
    traffic_routing: Routing = SERVER
    """Canary, BlueGreen: what divides the requests: Server, the stable pods, which answer what the candidate fails; or the Gateway of
    exposure."""
    analysis: Analysis | None = None
    """How much worse than the stable revision the candidate may be."""
    replay: Replay | None = None
    """Rows that both revisions are asked before any client's request, for a verdict without traffic."""
    timeout: Duration | None = None
    """How long a rollout may take from when its candidate is ready; 24h when left out. A pause does not count."""
    on_timeout: Literal["RollBack", "Promote", "Pause"] | None = None
    """What then becomes of a candidate of which evidence says nothing: it goes (also when left out), takes over, or waits."""
    paused: bool = False
    """Hold the rollout where it is. Worse answers still roll it back."""

    rules = (
        Rule(
            cel="!has(self.maxSurge) || !(string(self.maxSurge) in ['0', '0%']) "
            "|| (has(self.maxUnavailable) && !(string(self.maxUnavailable) in ['0', '0%']))",
            holds=lambda it: (
                not _is_nothing(it.max_surge) or not (it.max_unavailable is None or _is_nothing(it.max_unavailable))
            ),
            message="maxSurge is 0, so that no pod may be added, and maxUnavailable is 0 or left out, so that none may go: "
            "no pod could ever be replaced; write {maxSurge: 0, maxUnavailable: 1}",
            field="maxSurge",
        ),
        _belongs("steps", "steps", CANARY),
        _belongs("sticky", "sticky", CANARY),
        _belongs("mirror", "mirror", SHADOW),
        Rule(
            cel=f"self.trafficRouting != '{GATEWAY}' || self.strategy in {[CANARY, BLUE_GREEN]}",
            holds=lambda it: it.traffic_routing != GATEWAY or it.strategy in {CANARY, BLUE_GREEN},
            message="trafficRouting Gateway belongs to strategy Canary or BlueGreen, and strategy is {strategy}: leave trafficRouting out",
            field="trafficRouting",
        ),
        Rule(
            cel=f"self.trafficRouting != '{GATEWAY}' || !has(self.sticky)",
            holds=lambda it: it.traffic_routing != GATEWAY or it.sticky is None,
            message="sticky needs trafficRouting Server: write that, or leave sticky out",
            field="sticky",
        ),
        Rule(
            cel=f"self.trafficRouting != '{GATEWAY}' || !has(self.steps) || self.steps.all(step, step.weight < 100)",
            holds=lambda it: it.traffic_routing != GATEWAY or all(one.weight < 100 for one in it.steps or ()),
            message="steps must stay below 100 with trafficRouting Gateway: at 100 nothing is left to compare",
            field="steps",
        ),
        _belongs("scaleDownDelay", "scale_down_delay", BLUE_GREEN),
        _belongs("analysis", "analysis", *JUDGED),
        _belongs("replay", "replay", *JUDGED),
        _belongs("timeout", "timeout", *JUDGED),
        _belongs("onTimeout", "on_timeout", *JUDGED),
        Rule(
            cel=f"self.strategy != '{BLUE_GREEN}' || !has(self.analysis) || !has(self.analysis.metrics) "
            "|| !self.analysis.metrics.exists(it, has(it.besideStable) && it.besideStable)",
            holds=lambda it: it.strategy != BLUE_GREEN or not any(one.beside_stable for one in it.limits.metrics),
            message="strategy BlueGreen leaves the stable revision no requests to count: leave besideStable out of analysis.metrics",
            field="analysis",
        ),
        Rule(
            cel=f"!self.paused || self.strategy != '{ROLLING}'",
            holds=lambda it: not it.paused or it.is_judged,
            message="paused holds a candidate, and strategy Rolling has none: leave paused out, or write strategy: Canary",
            field="paused",
        ),
        Rule(
            cel=f"!has(self.steps) || {_RISE}",
            holds=lambda it: _rises([step.weight for step in it.steps or ()]),
            message="steps must rise: each weight must be above the one before, for example [{weight: 5}, {weight: 25}, {weight: 50}]",
            field="steps",
        ),
        Rule(
            cel=f"{_HOLDS} + {_DELAY} < {_TIMEOUT}",
            holds=lambda it: it.least_time < it.most_time,
            message="timeout ends the rollout before its holds do: it must be longer than every hold of steps together, "
            "or than scaleDownDelay, for example 24h",
            field="timeout",
        ),
    )

    @property
    def is_judged(self) -> bool:
        """Whether a candidate is judged before it takes over."""
        return self.strategy in JUDGED

    @property
    def by_gateway(self) -> bool:
        """Whether a Gateway divides the requests."""
        return self.traffic_routing == GATEWAY

    @property
    def limits(self) -> Analysis:
        """How much worse the candidate may be, defaults filled in."""
        return self.analysis or Analysis()

    @property
    def most_time(self) -> timedelta:
        """How long a rollout may take from when its candidate is ready."""
        return time_of(self.timeout or TIMEOUT)

    @property
    def least_time(self) -> timedelta:
        """How long a rollout takes at least, by what the spec says of its steps."""
        holds = sum((time_of(step.hold) for step in self.steps or () if step.hold), timedelta())
        reserve = time_of(self.scale_down_delay or SCALE_DOWN_DELAY) if self.strategy == BLUE_GREEN else timedelta()
        return holds + reserve


def _rises(weights: list[int]) -> bool:
    return all(one < next_one for one, next_one in pairwise(weights))
