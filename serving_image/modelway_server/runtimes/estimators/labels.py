"""Name an estimator's numbers: the classes of a classifier, the columns of a transformer."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy as np

from modelway_server.contract.signature import MAX_NAMES, Output
from modelway_server.runtimes.estimators.sub_estimators import sub_estimators
from modelway_server.runtimes.outputs import plain

_LABELLED = {"predict", "predict_proba", "decision_function"}


def name_labels(estimator: Any, method: str, outputs: tuple[Output, ...]) -> tuple[Output, ...]:
    """Add to the outputs of one method the classes or columns that they stand for."""
    if method == "transform":
        return tuple(replace(output, columns=_columns(estimator, output)) for output in outputs)
    classes = _classes(estimator) if method in _LABELLED else None
    if classes is None or (method == "decision_function" and _between_pairs(estimator)):
        return outputs
    if len(outputs) == 1:
        return (replace(outputs[0], classes=_classes_of_output(classes, outputs[0])),)
    classes_of_outputs = classes if len(classes) == len(outputs) else [None] * len(outputs)
    return tuple(replace(output, classes=known) for output, known in zip(outputs, classes_of_outputs, strict=True))


def _classes(estimator: Any) -> tuple[Any, ...] | None:
    """Return `classes_` as JSON values: a tuple, or a tuple of tuples if the estimator gives several labels per row."""
    try:
        known = estimator.classes_
    except Exception:  # noqa: BLE001  (a property of the model's own code)
        return None
    if isinstance(known, list | tuple):
        return tuple(_values(member) for member in known) if all(map(_is_list, known)) else _values(known)
    return _values(known) if isinstance(known, np.ndarray) else None


def _values(labels: Any) -> tuple[Any, ...]:
    return tuple(plain(labels).tolist())


def _is_list(member: Any) -> bool:
    return isinstance(member, Sequence | np.ndarray) and not isinstance(member, str | bytes)


def _classes_of_output(classes: tuple[Any, ...], output: Output) -> tuple[Any, ...] | None:
    """Return the classes if the output has as many columns; else None."""
    width = output.shape[1] if len(output.shape) == 2 else None
    nested = bool(classes) and isinstance(classes[0], tuple)
    if width is None:
        return classes[0] if nested and len(classes) == 1 else None if nested else classes
    return classes if width == len(classes) else None


def _between_pairs(estimator: Any) -> bool:
    """Whether the columns of decision_function stand for pairs of classes."""
    return any(getattr(part, "decision_function_shape", "ovr") == "ovo" for part in sub_estimators(estimator))


def _columns(estimator: Any, output: Output) -> tuple[str, ...]:
    if len(output.shape) != 2 or output.shape[1] > MAX_NAMES:
        return ()
    with suppress(Exception):  # many cannot tell, each in its own way
        names = tuple(str(name) for name in estimator.get_feature_names_out())
        return names if len(names) == output.shape[1] else ()
    return ()
