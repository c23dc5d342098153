"""What is measured of each server, and what is to be reached; pure."""

from dataclasses import dataclass

from bench.server.models import FOREST, LINEAR


@dataclass(frozen=True)
class Case:
    """One kind of load: every client asks again as soon as it is answered.

    Attributes:
        name: in tables.
        rows: of one request.
        connections: one client each.
        instead: for rows as binary tensors, the same load in JSON: that of servers that take no binary tensors.
    """

    name: str
    rows: int
    connections: int
    instead: "Case | None" = None

    @property
    def binary(self) -> bool:
        """Whether rows are binary tensors."""
        return self.instead is not None

    @property
    def common(self) -> "Case":
        """The load that every server can take."""
        return self.instead or self


ALONE = Case("1 row, 1 connection", 1, 1)
CROWD = Case("1 row, 32 connections", 1, 32)
BULK = Case("1000 rows, JSON, 4 connections", 1000, 4)
BULK_BINARY = Case("1000 rows, V2 binary, 4 connections", 1000, 4, instead=BULK)

CASES = {FOREST: (ALONE, CROWD), LINEAR: (ALONE, CROWD, BULK, BULK_BINARY)}
"""By model; a server that does not speak binary tensors is not asked in them."""


@dataclass(frozen=True)
class Goal:
    """A figure that one of our servers is held to.

    Attributes:
        model: the one that is served.
        server: ours, by its name.
        case: the load; None for what does not depend on it.
        measure: throughput (ratio to the best peer of the round, at least), latency (the median's ratio to the
            naive application's, at most), ready (seconds, at most) or memory (bytes, at most).
        limit: what it is held to.
    """

    model: str
    server: str
    case: Case | None
    measure: str
    limit: float


MEGA = 1e6
NATIVE, ONNX = "modelway, native", "modelway, ONNX"
NATIVE_PAIR, ONNX_PAIR = f"{NATIVE}, 2 workers", f"{ONNX}, 2 workers"
GOALS = (
    Goal(FOREST, NATIVE, CROWD, "throughput", 10),
    Goal(FOREST, NATIVE_PAIR, CROWD, "throughput", 10),
    Goal(FOREST, ONNX, CROWD, "throughput", 15),
    Goal(FOREST, ONNX_PAIR, CROWD, "throughput", 15),
    Goal(LINEAR, NATIVE, CROWD, "throughput", 6),
    Goal(LINEAR, NATIVE, BULK, "throughput", 2.5),
    Goal(LINEAR, NATIVE_PAIR, BULK, "throughput", 2.5),
    Goal(LINEAR, NATIVE, BULK_BINARY, "throughput", 7),
    Goal(FOREST, NATIVE, ALONE, "latency", 0.1),
    Goal(FOREST, ONNX, ALONE, "latency", 0.1),
    Goal(FOREST, ONNX, None, "ready", 0.6),
    Goal(FOREST, NATIVE, None, "ready", 2.0),
    Goal(FOREST, ONNX, None, "memory", 110 * MEGA),
    Goal(FOREST, NATIVE, None, "memory", 180 * MEGA),
)
