"""Answers that are NaN or infinite: the model's fault, and none of the dataset."""

from collections.abc import Collection

import numpy as np

from modelway_server.errors import EvaluationFailed
from modelway_server.evaluation.answers import Answers


def refuse_numberless(candidate: Answers, methods: Collection[str]) -> None:
    """Refuse a candidate that answers NaN or infinity.

    Args:
        candidate: its answers.
        methods: those that metrics look at.

    Raises:
        EvaluationFailed: it does; the first such row is named.
    """
    if (answer := numberless_row(candidate, methods)) is not None:
        raise EvaluationFailed(
            f"the model answers {answer} of the dataset",
            remedy="Train the model again, or clean its inputs, so that it answers each row with a number.",
        )


def numberless_row(answers: Answers, methods: Collection[str]) -> str | None:
    """The first answer that is no number, and its row, in words; None where all are numbers.

    Args:
        answers: of a model.
        methods: those to look at.
    """
    for method, arrays in answers.outputs.items():
        for array in arrays if method in methods else ():
            if array.dtype.kind != "f":
                continue
            wrong = ~np.isfinite(array)
            if wrong.any():
                place = tuple(np.argwhere(wrong)[0])
                return f"{array[place]:g} ({method}) to row {int(place[0]):,}"
    return None
