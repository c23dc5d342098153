"""The classification extension of V2: the best classes of each row as `score:index:label`, instead of all scores.

Source: Triton Inference Server, "Classification Extension". A request asks for it with the parameter `classification`
of an output: how many classes a row.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.errors import MalformedRequest

EXTENSION = "classification"


def read_classification(parameters: Any, field: str) -> int:
    """The number of classes that an output's parameters ask for; 0 for the scores.

    Raises:
        MalformedRequest: not an integer of 1 or more.
    """
    count = (parameters or {}).get(EXTENSION, 0)
    if type(count) is not int or (count < 1 and EXTENSION in (parameters or {})):
        raise MalformedRequest("classification is the number of classes a row, 1 or more", field=f"{field}.{EXTENSION}")
    return count


def best_classes(name: str, scores: NDArray[Any], count: int, labels: Sequence[Any] | None) -> NDArray[Any]:
    """Strings of `score:index:label`, the best first; of equal scores the first class counts.

    Args:
        name: of the output, for messages.
        scores: one column for each class.
        count: how many a row; fewer where there are fewer classes.
        labels: of the classes.

    Raises:
        MalformedRequest: the output has no column for each class.
    """
    if labels is None or scores.ndim != 2 or scores.dtype.kind != "f" or isinstance(labels[0], tuple):
        raise MalformedRequest(
            f"{name} has no score for each class; ask for classification of predict_proba, where the model has it",
            field="outputs",
        )
    best = np.argsort(-scores, axis=1, kind="stable")[:, :count]
    rows = [
        [f"{float(row[index])!r}:{index}:{labels[index]}" for index in order]
        for row, order in zip(scores, best.tolist(), strict=True)
    ]
    return np.array(rows, dtype=object)
