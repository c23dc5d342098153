"""LightGBM models saved as text by `save_model`.

The booster itself answers, as LightGBM's own scikit-learn classes would: a label or probabilities where the objective is
a classification, else the number that it gives. LightGBM's reader believes whatever a file says of its trees, so they are
held against each other first.
"""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
from numpy.typing import NDArray

from modelway_server.errors import InvalidArtifact, RuntimeVersionMismatch, UnsupportedModel
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.file_checks.clauses import Disagreement
from modelway_server.runtimes.file_checks.lightgbm_text import NewerLayout, check, header
from modelway_server.runtimes.formats import Options
from modelway_server.runtimes.numeric_matrix import (
    BREAKPOINT_ROUNDS,
    Evaluate,
    MatrixLayout,
    MatrixRuntime,
    binary,
    codes_of,
    columns_of,
    several,
    with_labels,
)
from modelway_server.runtimes.threads import threads

_CLASSES = {lightgbm.LGBMClassifier, lightgbm.LGBMRegressor, lightgbm.LGBMRanker}
_REMEDY = "Compare its size and checksum with the file that was saved by booster.save_model, and upload it again."
_SPLITS = re.compile(r"\nsplit_feature=(.*)\n(?:split_gain=.*\n)?threshold=(.*)\ndecision_type=(.*)\n")
_OF_CATEGORIES = 1
"""The bit of a split's `decision_type` that says so."""


def load(path: Path, options: Options) -> Runtime:
    """The booster in a file.

    Raises:
        LoadFailure: the file is no model, or not one that can be served.
    """
    head = _check_header(path)
    try:
        booster = lightgbm.Booster(model_file=str(path))
    except (lightgbm.basic.LightGBMError, ValueError) as error:
        raise _refusal(path, str(error)) from error
    objective = head.get("objective", "").partition(" ")[0]
    description = {
        "estimator": f"lightgbm.Booster ({objective or 'custom objective'})",
        "lightgbm": lightgbm.__version__,
        "saved_with_lightgbm": f"text {head['version']}",
    }
    return MatrixRuntime("lightgbm", _layout(booster, head, objective), options.method, description)


def booster_of(model: Any) -> lightgbm.Booster | None:
    """The booster that answers in the place of an object: itself, or that of a class that was trained on categories.

    A class is one of LightGBM's own that answers by an objective of its own; None for all else.
    """
    if isinstance(model, lightgbm.Booster):
        return model
    booster = getattr(model, "_Booster", None)
    if type(model) not in _CLASSES or callable(model.objective) or booster is None:
        return None
    return booster if booster.pandas_categorical else None


def layout_of(model: Any, booster: lightgbm.Booster) -> tuple[MatrixLayout, str]:
    """What an object answers by its booster, and its objective; a booster answers as its own `predict`."""
    head = header(booster.model_to_string().encode())
    objective = head.get("objective", "").partition(" ")[0]
    layout = _layout(booster, head, objective)
    if booster is model:
        layout = replace(layout, methods={"predict": _answers(booster)}, classes=None)
    elif isinstance(model, lightgbm.LGBMClassifier):
        layout = with_labels(layout, np.asarray(model.classes_))
        if hasattr(model, "decision_function"):  # since LightGBM 4.7
            layout = replace(layout, methods={**layout.methods, "decision_function": _answers(booster, raw_score=True)})
    return layout, objective or "custom objective"


def _layout(booster: lightgbm.Booster, head: dict[str, str], objective: str) -> MatrixLayout:
    categories = _categories(booster, head)
    names = head.get("feature_names", "").split(" ")
    named = names != [f"Column_{index}" for index in range(len(names))]
    columns = columns_of(names if named else None, booster.num_feature(), categories)
    methods, classes = _methods(objective, int(head.get("num_class", "1")), _answers(booster))
    return MatrixLayout(
        columns,
        named,
        codes_of(columns, categories),
        methods,
        classes,
        spaced=named,
        breakpoints=lambda: splits(booster),
    )


def splits(booster: lightgbm.Booster) -> dict[int, list[float]]:
    """The thresholds of the first trees, by column; none of columns of categories."""
    text = booster.model_to_string(num_iteration=BREAKPOINT_ROUNDS)
    by_column: dict[int, list[float]] = {}
    for columns, thresholds, kinds in _SPLITS.findall(text):
        for column, threshold, kind in zip(columns.split(), thresholds.split(), kinds.split(), strict=False):
            if not int(kind) & _OF_CATEGORIES:
                by_column.setdefault(int(column), []).append(float(threshold))
    return by_column


def _answers(booster: lightgbm.Booster, *, raw_score: bool = False) -> Evaluate:
    count = threads()

    def answer(rows: NDArray[np.float64]) -> NDArray[Any]:
        return np.asarray(booster.predict(rows, raw_score=raw_score, num_threads=count))

    return answer


def _methods(objective: str, count: int, answer: Evaluate) -> tuple[dict[str, Evaluate], tuple[Any, ...] | None]:
    if objective == "binary":
        return binary(answer), (0, 1)
    if objective in {"multiclass", "multiclassova"}:
        return several(answer), tuple(range(count))
    return {"predict": answer}, None


def _categories(booster: lightgbm.Booster, head: dict[str, str]) -> dict[int, Sequence[Any]]:
    """The values of each column that was a category of pandas, in the order of their codes.

    Raises:
        UnsupportedModel: the file does not tell which columns they are.
    """
    known: Any = booster.pandas_categorical or []
    if not isinstance(known, list) or not all(isinstance(values, list | tuple | np.ndarray) for values in known):
        raise UnsupportedModel(
            "pandas_categorical, the last line of the model, is no list of categories for each such column",
            remedy="Save the model again with booster.save_model, and upload the file as it is.",
        )
    if not known:
        return {}
    infos = head.get("feature_infos", "").split(" ")
    coded = [index for index, info in enumerate(infos) if ":" in info and not info.startswith("[")]
    if len(coded) != len(known):
        raise UnsupportedModel(
            f"{len(known)} columns of the training data were categories, and the file shows {len(coded)} of them",
            remedy="Give the model unordered categories with two values or more, or numbers in their place.",
        )
    return {index: _plain(values) for index, values in zip(coded, known, strict=True)}


def _plain(values: Sequence[Any]) -> list[Any]:
    """Categories as requests hold them; a pickle holds those of numpy and pandas.

    Raises:
        UnsupportedModel: they are intervals, times or others that no request holds.
    """
    plain = [value.item() if isinstance(value, np.generic) else value for value in values]
    strange = next((value for value in plain if not isinstance(value, str | bool | int | float)), None)
    if strange is not None:
        raise UnsupportedModel(
            f"a column's categories are of type {type(strange).__name__}, which no request holds",
            remedy="Train it on their text: frame[column].astype(str).astype('category').",
        )
    return plain


def _check_header(path: Path) -> dict[str, str]:
    """The head of a text whose parts agree.

    Raises:
        InvalidArtifact: they do not.
        RuntimeVersionMismatch: it has another layout.
    """
    try:
        return check(path.read_bytes())
    except NewerLayout as error:
        raise RuntimeVersionMismatch(
            f"saved in LightGBM's text layout {error.args[0]}, served with {lightgbm.__version__}, which reads up to v4",
            remedy="Run a server image with the LightGBM that saved the model, or save it with that of the image.",
        ) from error
    except Disagreement as error:
        raise _refusal(path, str(error)) from error


def _refusal(path: Path, what: str) -> InvalidArtifact:
    text = " ".join(what.split())[:300]
    return InvalidArtifact(f"{path.name} is a LightGBM model that is truncated or damaged ({text})", remedy=_REMEDY)
