"""The answers of a model to all rows of a dataset, and how to ask a model for them."""

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from modelway_server.contract.frames import rows_of_frame
from modelway_server.contract.names import named_as_trained
from modelway_server.contract.rows import Rows
from modelway_server.contract.signature import Signature
from modelway_server.errors import InputError, InvalidDataset, PredictionFailed
from modelway_server.evaluation.dataset import Dataset
from modelway_server.evaluation.responses import methods_taken
from modelway_server.runtimes.base import Runtime

METHODS = ("predict", "predict_proba", "decision_function", "score_samples")
"""The methods whose answers scorers take."""
BATCH = 1000
"""Rows of one call of the model."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What a model answered, row by row.

    Attributes:
        outputs: of each method its arrays of [count, ...]; several where the model gives several targets.
        classes: the labels, in the model's order; one tuple of them for each target of several; None without labels.
        count: of rows.
    """

    outputs: Mapping[str, tuple[NDArray[Any], ...]]
    classes: tuple[Any, ...] | None
    count: int


def answers_of(runtime: Runtime, dataset: Dataset, scorers: Collection[str] = ()) -> Answers:
    """Ask a warm model for its answers to all rows.

    Args:
        runtime: as `engines.load.load_prepared` gives it, after `warm_up`.
        dataset: the rows.
        scorers: names of those that take the answers; without names every method is asked.

    Raises:
        InvalidDataset: the model does not take these rows.
    """
    methods = [method for method in METHODS if method in runtime.methods]
    if not methods:
        raise InvalidDataset(f"the model has {', '.join(runtime.methods)}, of which no metric takes the answers")
    classes = _classes(runtime.signature, methods)
    wanted = methods if classes is None else methods_taken(scorers, methods)
    try:
        rows = rows_of(runtime.signature, dataset)
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # what a model warns of is no fault of the dataset
            outputs = {method: _call(runtime, method, rows) for method in wanted}
    except InputError as error:
        place = f" ({error.field})" if error.field else ""
        raise InvalidDataset(f"the model does not take the rows of the dataset: {error.message}{place}") from error
    except PredictionFailed as error:
        raise InvalidDataset(f"the model fails on the rows of the dataset: {error.message}") from error
    return Answers(outputs=outputs, classes=classes, count=rows.count)


def rows_of(signature: Signature, dataset: Dataset) -> Rows:
    """The rows as the model takes them; columns that it does not know are left out.

    Raises:
        InputError: they are not what the model was trained on.
    """
    columns = dataset.columns
    names = {column.name for column in signature.columns} | {each.name for each in signature.inputs}
    if signature.named or signature.inputs:
        columns = {
            name: values for name, values in named_as_trained(signature, columns, "dataset").items() if name in names
        }
    elif not names >= columns.keys() and len(columns) - len(dataset.slices) in {
        signature.width,
        1 if not signature.columns else None,
    }:
        columns = {name: values for name, values in columns.items() if name not in dataset.slices}
    return rows_of_frame(signature, columns, "dataset", ordered=True, textual=dataset.textual)


def _call(runtime: Runtime, method: str, rows: Rows) -> tuple[NDArray[Any], ...]:
    parts = [
        runtime.call(method, _slice(rows.values, begin, begin + BATCH), min(BATCH, rows.count - begin))
        for begin in range(0, rows.count, BATCH)
    ]
    return tuple(np.concatenate([part[name] for part in parts]) for name in parts[0])


def _slice(values: Any, begin: int, end: int) -> Any:
    if isinstance(values, dict):
        return {name: column[begin:end] for name, column in values.items()}
    return values.iloc[begin:end] if hasattr(values, "iloc") else values[begin:end]


def _classes(signature: Signature, methods: Sequence[str]) -> tuple[Any, ...] | None:
    for method in methods:
        known = [output.classes for output in signature.outputs[method] if output.classes is not None]
        if known:
            return known[0] if len(known) == 1 else tuple(known)
    return None
