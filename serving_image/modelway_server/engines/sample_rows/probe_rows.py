"""Make rows to probe a model with, as requests send them: columns, texts or tensors, as its contract says."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.rows import Rows, rows_of_instances
from modelway_server.contract.signature import Form, Signature
from modelway_server.errors import InputError
from modelway_server.runtimes.estimators.sub_estimators import sub_estimators

WORDS = ("a", "few", "words", "of", "text", "good", "bad", "very", "never", "2024")
MOST_WORDS = 500
"""Words of the model's vocabulary that texts use at most."""
SCALES = (0.01, 1.0, 1.0, 30.0, 1000.0)


def probe_rows(
    signature: Signature, example: Rows, *, draw: Callable[[], Sequence[Any]], estimator: Any, seed: int, count: int
) -> list[Rows]:
    """Return batches of one row.

    Args:
        signature: the contract.
        example: a row that the model answers.
        draw: returns rows as requests send them, where the contract has columns.
        estimator: has the vocabulary for texts; None if the model is no estimator.
        seed: the seed of the random numbers.
        count: the number of rows that are made here.
    """
    random = np.random.default_rng(seed)
    if signature.form is Form.TEXT:
        words = _vocabulary(estimator)
        texts = (" ".join(random.choice(words, size=random.integers(1, 8))) for _ in range(count))
        return [Rows([text], 1) for text in texts]
    if signature.columns and signature.form is not Form.TENSORS:
        return [rows for row in draw() if (rows := _accept(signature, row)) is not None]
    return [example, *(_vary(example, random) for _ in range(count - 1))]


def _accept(signature: Signature, row: Any) -> Rows | None:
    try:
        return rows_of_instances(signature, [row], "rows")
    except InputError:
        return None


def _vocabulary(estimator: Any) -> list[str]:
    known = [
        str(word)
        for part in sub_estimators(estimator)
        if isinstance(vocabulary := getattr(part, "vocabulary_", None), dict)
        for word in vocabulary
    ]
    return [*WORDS, *known[:: max(len(known) // MOST_WORDS, 1)]]


def _vary(example: Rows, random: np.random.Generator) -> Rows:
    values = example.values
    if isinstance(values, dict):
        return Rows({name: _vary_numbers(array, random) for name, array in values.items()}, example.count)
    return Rows(_vary_numbers(values, random), example.count) if isinstance(values, np.ndarray) else example


def _vary_numbers(values: NDArray[Any], random: np.random.Generator) -> NDArray[Any]:
    """Make up numbers of the same type and shape. Values that are no numbers stay."""
    match values.dtype.kind:
        case "f":
            scale = SCALES[random.integers(len(SCALES))]
            return (random.normal(size=values.shape) * scale).astype(values.dtype)
        case "i" | "u":
            return random.integers(0, 3, size=values.shape).astype(values.dtype)
        case "b":
            return random.integers(0, 2, size=values.shape).astype(bool)
        case _:
            return values
