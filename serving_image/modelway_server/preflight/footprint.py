"""What a prepared model costs: the time of one row, and the memory of the process that answers it."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from modelway_server.artifacts.record import ArtifactRecord, locate_model
from modelway_server.engines.folder import PREPARED
from modelway_server.engines.prepared import Prepared
from modelway_server.preflight.child import PreparedModel, Task
from modelway_server.settings import INT8

if TYPE_CHECKING:
    from modelway_server.dataplane.plane import DataPlane

_SECONDS: Final = 1.0
"""For which one row is asked again and again."""
_MOST_CALLS: Final = 2000
_MOST: Final = 1e18
"""More than any footprint, in seconds or bytes."""
_STATM: Final = Path("/proc/self/statm")


@dataclass(frozen=True, kw_only=True)
class Footprint:
    """What a model costs.

    Attributes:
        seconds: the median of a call of the default method with one row.
        memory: bytes by which the process grew when it loaded the model and its libraries, and answered.
    """

    seconds: float
    memory: int

    @property
    def cost(self) -> float:
        """The product, which orders models."""
        return self.seconds * self.memory

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> "Footprint":
        """The footprint in the result of the task.

        Raises:
            ValueError: it holds no such numbers.
        """
        seconds, memory = float(result["seconds"]), int(result["memory"])
        if not (0 < seconds < _MOST and 0 < memory < _MOST):
            raise ValueError(f"{seconds} s and {memory} bytes are no footprint")
        return cls(seconds=seconds, memory=memory)


def footprint_task() -> Task:
    """The task to measure a model that is warm."""
    meter = _Meter()
    return Task(work=meter.measure, prepare=meter.start)


class _Meter:
    """Measures in the child process, where it starts before the model is loaded."""

    def __init__(self) -> None:
        self._before = 0

    def start(self) -> None:
        """Note the memory of the process without a model."""
        self._before = _resident_bytes()

    def measure(self, plane: "DataPlane") -> dict[str, Any]:
        """Measure the memory, then the time."""
        grown = _resident_bytes() - self._before
        runtime = plane.runtime
        method, row = runtime.methods[0], runtime.example()
        times: list[float] = []
        end = time.monotonic() + _SECONDS
        while not times or (time.monotonic() < end and len(times) < _MOST_CALLS):
            start = time.perf_counter()
            runtime.call(method, row.values, row.count)
            times.append(time.perf_counter() - start)
        return {"seconds": median(times), "memory": max(grown, 1)}


def _resident_bytes() -> int:
    return int(_STATM.read_text(encoding="ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


def size_of(model: PreparedModel, prepared: Prepared) -> int:
    """Bytes of the model's artifact; of one with 8-bit weights, those of what `prepare` made of it."""
    if prepared.engine_state.get("precision") == INT8:
        return sum(file.stat().st_size for file in model.prepared_dir.iterdir() if file.name != PREPARED)
    record = ArtifactRecord.read(model.model_dir)
    if record is not None:
        return record.bytes
    path = locate_model(model.model_dir)
    return sum(file.stat().st_size for file in ([path] if path.is_file() else path.rglob("*")))
