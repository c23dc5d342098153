"""What every model format gives the data plane."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, cast

from numpy.typing import NDArray

from modelway_server.contract.rows import Rows
from modelway_server.contract.signature import Column, Signature

Breakpoints = Mapping[int, Sequence[Any]]
"""Values at which a model may change its answers, by the position of the column."""


class Runtime(Protocol):
    """One loaded model.

    Attributes:
        platform: its format, as V2 metadata calls it.
        engine: what evaluates it: `onnx`, `trees`, `linear`, `estimator`, `xgboost`...
        methods: what it can be asked for, the default first.
        signature: what it takes and gives; complete after `warm_up`.
        description: what clients may know of it: estimator, library versions, why this engine (`engine_reason`).
    """

    platform: str
    engine: str
    methods: tuple[str, ...]
    signature: Signature
    description: dict[str, str]

    def warm_up(self) -> None:
        """Predict once on a made-up row, and learn what the model takes and gives.

        Raises:
            LoadFailure: the model cannot answer.
        """

    def call(self, method: str, values: Any, count: int) -> dict[str, NDArray[Any]]:
        """The outputs of one method on checked rows, by name, each of `count` rows.

        Raises:
            InvalidInput: the model refuses these rows.
            PredictionFailed: the model fails on any row.
        """

    def example(self) -> Rows:
        """One row that it answers, as `call` takes it, to warm it up with and to measure what a call costs.

        There is none before `warm_up`.
        """


class Restorable(Protocol):
    """A runtime that takes over what another process learned, and so need not try the model again."""

    def restore(self, signature: Signature, methods: tuple[str, ...], example: Rows) -> None:
        """Take over what `warm_up` of another process learned; the next `warm_up` only calls each method once."""


class BreakpointSource(Protocol):
    """A runtime that knows values at which its model may change its answers: a row of these says more than zeros."""

    def breakpoints(self) -> Breakpoints:
        """Splits of trees, means and the like, for the columns of which any is known."""


class Declarable(Protocol):
    """A runtime that accepts types of columns which its model does not know, from the artifact."""

    def declare(self, columns: Sequence[Column]) -> None:
        """Take the columns' types from what stands beside the model; before `warm_up`."""


class EstimatorHolder(Protocol):
    """A runtime that calls the methods of an object of scikit-learn's kind.

    Attributes:
        estimator: the object.
    """

    estimator: Any

    def evaluate_by(self, estimator: Any, engine: str) -> None:
        """Let another object with the same answers take the estimator's place.

        It is a call, so that a runtime around this one hands it on.

        Args:
            estimator: that object.
            engine: what it is, as `Runtime.engine` says.
        """


# A runtime that wraps another has these by `__getattr__`; from Python 3.12 on `isinstance` does not see them.


def as_restorable(runtime: Runtime) -> Restorable | None:
    """The runtime, if it takes over what another process learned."""
    return cast("Restorable", runtime) if hasattr(runtime, "restore") else None


def as_breakpoint_source(runtime: Runtime) -> BreakpointSource | None:
    """The runtime, if it knows values at which its model may change its answers."""
    return cast("BreakpointSource", runtime) if hasattr(runtime, "breakpoints") else None


def as_declarable(runtime: Runtime) -> Declarable | None:
    """The runtime, if it accepts types of columns."""
    return cast("Declarable", runtime) if hasattr(runtime, "declare") else None


def as_estimator_holder(runtime: Runtime) -> EstimatorHolder | None:
    """The runtime, if it calls the methods of an object of scikit-learn's kind."""
    return cast("EstimatorHolder", runtime) if hasattr(runtime, "evaluate_by") else None
