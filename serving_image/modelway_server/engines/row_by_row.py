"""Answer each row of a call on its own.

With 8-bit weights, onnxruntime rounds the numbers of all rows of a call to 256 steps between the least and the largest
of them. The answer to a row would depend on the rows beside it.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.rows import Rows
from modelway_server.runtimes.base import Runtime


class RowByRow:
    """A runtime whose model gets one row a call; see `Runtime`.

    Attributes:
        wrapped: the model.
    """

    def __init__(self, runtime: Runtime) -> None:
        self.wrapped = runtime
        self.platform, self.engine, self.methods = runtime.platform, runtime.engine, runtime.methods
        self.signature, self.description = runtime.signature, runtime.description

    def warm_up(self) -> None:
        """As the model's own.

        Raises:
            LoadFailure: the model cannot answer.
        """
        self.wrapped.warm_up()

    def call(self, method: str, values: Any, count: int) -> dict[str, NDArray[Any]]:
        """The outputs of one method, as if each row had come alone.

        Raises:
            InvalidInput: the model refuses one of these rows.
            PredictionFailed: the model fails on any row.
        """
        if count <= 1:
            return self.wrapped.call(method, values, count)
        answers = [self.wrapped.call(method, _row(values, place), 1) for place in range(count)]
        return {name: np.concatenate([answer[name] for answer in answers]) for name in answers[0]}

    def example(self) -> Rows:
        """As the model's own."""
        return self.wrapped.example()


def _row(values: Any, place: int) -> Any:
    if isinstance(values, dict):
        return {name: column[place : place + 1] for name, column in values.items()}
    return values.iloc[place : place + 1] if hasattr(values, "iloc") else values[place : place + 1]
