"""How many pods serve: a fixed number, or a range that an autoscaler moves in."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field

from modelway.api.base import ApiModel, Rule
from modelway.api.fields import atomic_list

Replicas = Annotated[int, Field(ge=1, le=1000)]
Percent = Annotated[int, Field(ge=1, le=1000)]


class ScalingPolicy(ApiModel):
    """One limit on how fast the number of pods changes."""

    type: Literal["Pods", "Percent"]
    """What `value` counts: Pods, or Percent of the present number."""
    value: Annotated[int, Field(ge=1, le=1000)]
    """The most that may be added or removed within `periodSeconds`."""
    period_seconds: Annotated[int, Field(ge=1, le=1800)]
    """The length of the period in seconds."""


class ScalingRules(ApiModel):
    """How fast the number of pods changes in one direction."""

    stabilization_window_seconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    """How many seconds of past recommendations are looked at before acting; the steadiest of them wins."""
    select_policy: Literal["Max", "Min", "Disabled"] | None = None
    """Which policy counts when several do: the one that changes most (Max) or least (Min); Disabled never scales this way."""
    policies: Annotated[tuple[ScalingPolicy, ...], atomic_list(8, least=1)] | None = None
    """The limits; left out, those of Kubernetes apply."""


class ScalingBehavior(ApiModel):
    """How fast the autoscaler may act, as in the HorizontalPodAutoscaler of Kubernetes."""

    scale_up: ScalingRules | None = None
    """How fast pods are added."""
    scale_down: ScalingRules | None = None
    """How fast pods are taken away."""


class Scaling(ApiModel):
    """How many pods serve the model: `replicas` for a fixed number, or `min` and `max` for autoscaling. One pod when left out."""

    replicas: Replicas | None = None
    """A fixed number of pods."""
    min: Replicas | None = None
    """The fewest pods the autoscaler keeps; 1 when left out. Goes with `max`."""
    max: Replicas | None = None
    """The most pods the autoscaler starts; setting it turns autoscaling on."""
    cpu: Percent | None = None
    """The CPU use to aim at, in percent of `runtime.resources.requests.cpu`; 70 when `max` is set and neither `cpu` nor `memory` is."""
    memory: Percent | None = None
    """The memory use to aim at, in percent of `runtime.resources.requests.memory`."""
    behavior: ScalingBehavior | None = None
    """How fast the autoscaler may act; left out, as Kubernetes does."""

    rules = (
        Rule(
            cel="!(has(self.replicas) && (has(self.min) || has(self.max)))",
            holds=lambda it: it.replicas is None or (it.min is None and it.max is None),
            message="replicas is a fixed number, min and max are a range: write one of them, "
            "for example {replicas: 3} or {min: 2, max: 10}",
        ),
        Rule(
            cel="!has(self.min) || has(self.max) || has(self.replicas)",
            holds=lambda it: it.min is None or it.max is not None or it.replicas is not None,
            message="min alone does not say how far to scale: add max, for example {min: {min}, max: 10}, "
            "or write {replicas: {min}} for a fixed number",
            field="min",
        ),
        Rule(
            cel="!(has(self.min) && has(self.max)) || self.min <= self.max",
            holds=lambda it: it.min is None or it.max is None or it.min <= it.max,
            message="min is {min} and max is {max}: min must not be above max, for example {min: 2, max: 10}",
            field="min",
        ),
        Rule(
            cel="has(self.max) || !(has(self.cpu) || has(self.memory) || has(self.behavior))",
            holds=lambda it: it.max is not None or (it.cpu is None and it.memory is None and it.behavior is None),
            message="cpu, memory and behavior tell an autoscaler what to do: turn it on with max, "
            "for example {min: 2, max: 10, cpu: 70}, or leave them out",
        ),
    )

    @classmethod
    def of_stored(cls, block: Mapping[str, Any] | None) -> "Scaling":
        """The sizes in a stored `spec.scaling`, which the API server has validated; the rest of it is not read."""
        return cls.model_construct(**{name: (block or {}).get(name) for name in ("replicas", "min", "max")})

    @property
    def autoscaled(self) -> bool:
        """Whether an autoscaler sets the number of pods."""
        return self.max is not None

    @property
    def fixed_size(self) -> int | None:
        """The number of pods; None under an autoscaler."""
        return None if self.autoscaled else self.replicas or 1

    @property
    def bounds(self) -> tuple[int, int]:
        """The fewest and the most pods; both are the fixed size where there is one."""
        if self.max is None:
            return self.replicas or 1, self.replicas or 1
        return self.min or 1, self.max
