"""What was measured, and what is to be reached; pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from bench.operator.rounds import Cost, Round
from bench.operator.upkeep import Flood, Repairs, Restart

RATIO, WRITES, STATUSES, REPAIR_SECONDS, FLOOD_SECONDS = 1.5, 1.2, 2.0, 0.2, 1.0
BASE_BYTES, MODEL_BYTES = 120_000_000, 120 * 1024


@dataclass(frozen=True)
class Size:
    """One number of ModelDeployments."""

    count: int
    operator: Sequence[Round]
    bare: Sequence[Round]
    cost: Cost
    memory: int
    """Resident bytes of the operator with so many models at rest."""
    cpu: float
    """CPU seconds of the operator for the first round until all were ready."""

    @property
    def applied(self) -> float:
        """How many times as long as the bare client the operator took until all was applied: the median of the rounds."""
        return median(ours.applied / bare.applied for ours, bare in zip(self.operator, self.bare, strict=True))

    @property
    def ready(self) -> float:
        """The same until all were ready."""
        return median(ours.ready / bare.ready for ours, bare in zip(self.operator, self.bare, strict=True))

    @property
    def memory_limit(self) -> int:
        """What the operator may take with so many models."""
        return BASE_BYTES + MODEL_BYTES * self.count


@dataclass(frozen=True)
class Figures:
    """Everything that one run found."""

    machine: Mapping[str, str]
    sizes: Sequence[Size]
    empty_memory: int
    """Resident bytes of the operator without a model."""
    idle_seconds: float
    idle_writes: int
    restart: Restart
    repairs: Mapping[str, Repairs]
    flooded: int
    flood: Flood
    history: int = 0
    """Earlier revisions of each model when `memory_with_history` was measured."""
    memory_with_history: int = 0
    """Resident bytes of an operator that was started with the largest size and all these revisions."""
    proved: Size | None = None
    """The same with a preflight of each model; None where that was not measured."""
    seconds: float = field(default=0.0)
    """What the whole run took."""

    @property
    def memory_per_model(self) -> float:
        """Bytes for each model of the largest size, beyond those of an operator without one."""
        return (self.sizes[-1].memory - self.empty_memory) / self.sizes[-1].count


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]
