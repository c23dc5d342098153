"""XGBoost models saved by `save_model`: JSON (.json) or its binary form (.ubj).

The booster itself answers, in place, as XGBoost's own scikit-learn classes would: a label or probabilities where the
objective is a classification, else the number that it gives. Source: XGBoost's "Introduction to Model IO" and
"Categorical Data".
"""

import json
import logging
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from modelway_server.errors import InvalidArtifact, LoadFailure, RuntimeVersionMismatch
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.file_checks.xgboost_document import check, loadable, read, version_of
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
)
from modelway_server.runtimes.threads import threads
from modelway_server.runtimes.xgboost_categories import categories_of, caution_of, with_codes

_LOGGER = logging.getLogger(__name__)
_CLASSES = {
    xgboost.XGBClassifier,
    xgboost.XGBRegressor,
    xgboost.XGBRFClassifier,
    xgboost.XGBRFRegressor,
    xgboost.XGBRanker,
}
_FLOAT32_MAX = float(np.finfo(np.float32).max)
_HEAD_OF_MESSAGE = re.compile(r"^\[[\d:]+\] \S+: ")


def load(path: Path, options: Options) -> Runtime:
    """The booster in a file.

    Raises:
        LoadFailure: the file is no model, or not one that can be served.
    """
    booster, saved_with = _load(path)
    booster.set_param({"nthread": threads()})
    learner = json.loads(booster.save_config())["learner"]
    objective = learner["learner_train_param"]["objective"]
    description = {
        "estimator": f"xgboost.Booster ({objective})",
        "xgboost": xgboost.__version__,
        "saved_with_xgboost": saved_with,
    }
    if _is_newer(saved_with):
        _LOGGER.warning("saved with XGBoost %s, served with %s", saved_with, xgboost.__version__)
    rounds, of_class = _saved_rounds(booster), booster.attr("scikit_learn") is not None
    layout = _layout(booster, learner, objective, rounds, of_class=of_class)
    return MatrixRuntime("xgboost", layout, options.method, description)


def _load(path: Path) -> tuple[xgboost.Booster, str]:
    """The booster, and the version that saved it.

    Raises:
        LoadFailure: the parts of the file do not agree, or XGBoost does not read it.
    """
    saved_with = ""
    try:
        content = path.read_bytes()
        document = read(content)
        saved_with = version_of(document)
        check(document)
        content = loadable(content, document)
        del document  # of a large model it takes as much memory as XGBoost's own reading
        booster = xgboost.Booster()
        booster.load_model(bytearray(content))  # from a file it would go by the name
    except (xgboost.core.XGBoostError, ValueError) as error:
        raise _failure(path, str(error), saved_with) from error
    return booster, saved_with


def booster_of(model: Any) -> xgboost.Booster | None:
    """The booster that answers in the place of an object: itself, or that of a class that was trained on categories.

    A class is one of XGBoost's own that answers by an objective of its own; None for all else.
    """
    if isinstance(model, xgboost.Booster):
        return model
    if type(model) not in _CLASSES or callable(model.objective) or not hasattr(model, "_Booster"):
        return None
    booster = model.get_booster()
    return booster if "c" in (booster.feature_types or ()) else None


def layout_of(model: Any, booster: xgboost.Booster) -> tuple[MatrixLayout, str]:
    """What an object answers by its booster, and its objective; a booster answers as its own `predict`."""
    booster.set_param({"nthread": threads()})
    learner = json.loads(booster.save_config())["learner"]
    objective = learner["learner_train_param"]["objective"]
    if booster is model:
        layout = _layout(booster, learner, objective, (0, 0))
        return replace(layout, methods={"predict": _answers(booster, (0, 0), float("nan"))}, classes=None), objective
    layout = _layout(booster, learner, objective, _best_rounds(model), missing=model.missing, of_class=True)
    return layout, objective


def _best_rounds(model: Any) -> tuple[int, int]:
    """The rounds that a scikit-learn class takes: those up to its best where training stopped early, else all."""
    try:
        return 0, int(model.best_iteration) + 1
    except AttributeError:
        return 0, 0


def _layout(
    booster: xgboost.Booster,
    learner: dict[str, Any],
    objective: str,
    rounds: tuple[int, int],
    *,
    missing: float = float("nan"),
    of_class: bool = False,
) -> MatrixLayout:
    """What a booster takes and gives.

    Args:
        booster: that answers.
        learner: its configuration.
        objective: it was trained for.
        rounds: it answers with, (0, 0) for all.
        missing: the number that stands for a missing value.
        of_class: whether one of XGBoost's scikit-learn classes would answer by it.
    """
    categories = categories_of(booster)
    columns = with_codes(columns_of(booster.feature_names, booster.num_features(), categories), booster, categories)
    answer = _answers(booster, rounds, missing)
    count = int(learner["learner_model_param"]["num_class"])
    single = int(learner["learner_model_param"]["num_target"]) <= 1
    classes: tuple[Any, ...] | None = None
    if objective in {"binary:logistic", "binary:hinge", "binary:logitraw"} and single:
        methods, classes = _binary(objective, answer, of_class=of_class), (0, 1)
    elif objective == "binary:logistic":
        methods = {"predict": lambda rows: (answer(rows) > 0.5).astype(np.int64), "predict_proba": answer}
    elif objective in {"multi:softprob", "multi:softmax"}:
        margin = _answers(booster, rounds, missing, margin=True)
        methods, classes = several(_probabilities(objective, answer, margin)), tuple(range(count))
    else:
        methods = {"predict": answer}
    return MatrixLayout(
        columns,
        bool(booster.feature_names),
        codes_of(columns, categories),
        methods,
        classes,
        max_magnitude=_FLOAT32_MAX,
        breakpoints=lambda: splits(booster),
        caution=caution_of(categories),
    )


def splits(booster: xgboost.Booster) -> dict[int, list[float]]:
    """The thresholds of the first trees, by column; none of columns of categories."""
    first = booster[: min(BREAKPOINT_ROUNDS, booster.num_boosted_rounds())]
    learner = json.loads(bytes(first.save_raw("json")))["learner"]["gradient_booster"]
    kinds = booster.feature_types or [""] * booster.num_features()
    by_column: dict[int, list[float]] = {}
    for tree in learner.get("gbtree", learner).get("model", {}).get("trees", ()):
        nodes = zip(tree["left_children"], tree["split_indices"], tree["split_conditions"], strict=True)
        for child, column, threshold in nodes:
            if child >= 0 and kinds[column] != "c":
                by_column.setdefault(column, []).append(threshold)
    return by_column


def _saved_rounds(booster: xgboost.Booster) -> tuple[int, int]:
    """The rounds that XGBoost's scikit-learn classes take, when one of them saved the file; else all."""
    linear = _kind(booster) == "gblinear"
    best = booster.attr("best_iteration") if booster.attr("scikit_learn") and not linear else None
    return (0, 0) if best is None else (0, int(best) + 1)


def _answers(booster: xgboost.Booster, rounds: tuple[int, int], missing: float, *, margin: bool = False) -> Evaluate:
    """What the booster gives of so many rounds, (0, 0) for all; a value that is `missing` is none."""

    def of_linear(rows: NDArray[np.float64]) -> NDArray[Any]:
        data = xgboost.DMatrix(rows, missing=missing, nthread=threads())
        return booster.predict(data, output_margin=margin, iteration_range=rounds, validate_features=False)

    def answer(rows: NDArray[np.float64]) -> NDArray[Any]:
        scores = booster.inplace_predict(
            rows,
            iteration_range=rounds,
            predict_type="margin" if margin else "value",
            missing=missing,
            validate_features=False,
        )
        return np.asarray(scores)

    # which linear boosters cannot
    return of_linear if _kind(booster) == "gblinear" else answer


def _kind(booster: xgboost.Booster) -> str:
    """gbtree, dart or gblinear."""
    return str(json.loads(booster.save_config())["learner"]["learner_train_param"]["booster"])


def _binary(objective: str, answer: Evaluate, *, of_class: bool) -> dict[str, Evaluate]:
    if objective == "binary:logistic":
        return binary(answer)
    if objective == "binary:hinge":
        return {"predict": lambda rows: answer(rows).astype(np.int64)}
    bound = 0.5 if of_class else 0.0  # XGBClassifier holds these scores against 0.5, as if they were probabilities
    return {"predict": lambda rows: (answer(rows) > bound).astype(np.int64), "decision_function": answer}


def _probabilities(objective: str, answer: Evaluate, margin: Evaluate) -> Evaluate:
    """Those of each class, which multi:softmax itself turns into the label."""
    if objective == "multi:softprob":
        return answer

    def probabilities(rows: NDArray[np.float64]) -> NDArray[Any]:
        scores = margin(rows)
        powers = np.exp(scores - scores.max(axis=1, keepdims=True))
        return np.asarray(powers / powers.sum(axis=1, keepdims=True))

    return probabilities


def _is_newer(version: str) -> bool:
    ours = [int(part) for part in xgboost.__version__.split(".")[:2]]
    return [int(part) for part in version.split(".")[:2]] > ours


def _failure(path: Path, message: str, saved_with: str) -> LoadFailure:
    what = _HEAD_OF_MESSAGE.sub("", message).partition("\n")[0][:300]
    if saved_with and _is_newer(saved_with):
        return RuntimeVersionMismatch(
            f"saved with XGBoost {saved_with}, served with {xgboost.__version__}: {what}",
            remedy=f"Run a server image with XGBoost {saved_with}, or save the model with {xgboost.__version__}.",
        )
    return InvalidArtifact(
        f"{path.name} is an XGBoost model that is truncated or damaged ({what})",
        remedy="Compare its size and checksum with the file that was saved by model.save_model, and upload it again.",
    )
