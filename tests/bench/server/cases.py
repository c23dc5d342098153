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
        measure: what is held to the limit. Three are to be at least so much: throughput is the ratio to the best peer of
            the round, limit that to the server `to`, and scaling that to twice this server. Three are to be at most so
            much: latency is the median's ratio to the naive application's, ready is in seconds, and memory in bytes.
        limit: what it is held to.
        to: the server that it is held against; empty for the best peer.
    """

    model: str
    server: str
    case: Case | None
    measure: str
    limit: float
    to: str = ""

    @property
    def is_floor(self) -> bool:
        """Whether the limit is the least that is to be reached, and not the most."""
        return self.measure in {"throughput", "limit", "scaling"}


MEGA = 1e6
NATIVE, ONNX = "modelway, native", "modelway, ONNX"
NATIVE_PAIR, ONNX_PAIR = f"{NATIVE}, 2 workers", f"{ONNX}, 2 workers"
BARE_NATIVE, BARE_ONNX = "bare protocol, native", "bare protocol, ONNX"
BARE = {NATIVE: BARE_NATIVE, NATIVE_PAIR: BARE_NATIVE, ONNX: BARE_ONNX, ONNX_PAIR: BARE_ONNX}
"""What our servers are held against as the most that one process could do: the same engine without a server around it."""
GOALS = (
    Goal(FOREST, NATIVE, CROWD, "throughput", 10),
    Goal(FOREST, NATIVE_PAIR, CROWD, "throughput", 10),
    Goal(FOREST, ONNX, CROWD, "throughput", 15),
    Goal(FOREST, ONNX_PAIR, CROWD, "throughput", 15),
    Goal(LINEAR, NATIVE, CROWD, "throughput", 6),
    Goal(LINEAR, NATIVE, BULK, "throughput", 3),
    Goal(LINEAR, NATIVE_PAIR, BULK, "throughput", 3),
    Goal(LINEAR, NATIVE, BULK_BINARY, "throughput", 10),
    Goal(LINEAR, NATIVE, CROWD, "limit", 0.4, BARE_NATIVE),
    Goal(FOREST, ONNX, CROWD, "limit", 0.4, BARE_ONNX),
    Goal(LINEAR, NATIVE_PAIR, CROWD, "scaling", 0.75, NATIVE),
    Goal(FOREST, ONNX_PAIR, CROWD, "scaling", 0.75, ONNX),
    Goal(FOREST, NATIVE, ALONE, "latency", 0.1),
    Goal(FOREST, ONNX, ALONE, "latency", 0.1),
    Goal(FOREST, ONNX, None, "ready", 0.6),
    Goal(FOREST, NATIVE, None, "ready", 2.0),
    Goal(FOREST, ONNX, None, "memory", 110 * MEGA),
    Goal(FOREST, NATIVE, None, "memory", 180 * MEGA),
)
