"""What every model format gives the data plane."""

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

from numpy.typing import NDArray

from modelway_server.contract.rows import Rows
from modelway_server.contract.signature import Column, Signature


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


@runtime_checkable
class Restorable(Protocol):
    """A runtime that need not try the model again to learn what a trial before has shown."""

    def restore(self, signature: Signature, methods: tuple[str, ...], example: Rows) -> None:
        """Take over what `warm_up` of another process learned; the next `warm_up` only calls each method once."""


@runtime_checkable
class Declarable(Protocol):
    """A runtime that an artifact may tell the types of columns which the model itself does not know."""

    def declare(self, columns: Sequence[Column]) -> None:
        """Take the columns' types from what stands beside the model; before `warm_up`."""


@runtime_checkable
class Estimating(Protocol):
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
