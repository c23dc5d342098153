"""Serve boosters of XGBoost and LightGBM inside a pickle like files that their libraries save."""

from importlib import import_module
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from modelway_server.errors import describe
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.numeric_matrix import MatrixRuntime

_LIBRARIES = frozenset({"lightgbm", "xgboost"})
"""Packages of boosters. Each has a module of `runtimes` that finds the booster of an object."""


def booster_runtime(content: Any, method: str) -> Runtime | None:
    """Make the runtime of a booster, or of its scikit-learn class if that was trained on categories of pandas.

    Such a class asks for a data frame with the categories of the training data. Its booster holds them as codes.

    Args:
        content: the object of a file.
        method: the default method, or `auto`.

    Returns:
        None for other objects, whose own methods answer.

    Raises:
        LoadFailure: the booster cannot be served.
    """
    content = _answering_part(content)
    name = type(content).__module__.partition(".")[0]
    if name not in _LIBRARIES:
        return None
    library = import_module(f"modelway_server.runtimes.{name}")  # only where a model of it was loaded
    booster = library.booster_of(content)
    if booster is None:
        return None
    layout, objective = library.layout_of(content, booster)
    description = {"estimator": f"{name}.{type(content).__name__} ({objective})", name: import_module(name).__version__}
    return MatrixRuntime(name, layout, method, description)


def asks_for_categories(error: BaseException) -> bool:
    """Whether XGBoost or LightGBM raised the error because a frame lacks the categories of the training data."""
    raised_in: set[str] = set()
    traceback = error.__traceback__
    while traceback is not None:
        raised_in.add(str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0])
        traceback = traceback.tb_next
    return bool(raised_in & {"lightgbm", "xgboost"}) and "categor" in describe(error)


def _answering_part(content: Any) -> Any:
    """Return the part that answers rows as they are sent: the best estimator of a search, or the only step of a pipeline."""
    if isinstance(content, BaseSearchCV) and hasattr(content, "best_estimator_"):
        return _answering_part(content.best_estimator_)
    if type(content) is FrozenEstimator:
        return _answering_part(content.estimator)
    if type(content) is Pipeline:
        steps = [step for _, step in content.steps if step is not None and not isinstance(step, str)]
        return _answering_part(steps[0]) if len(steps) == 1 else content
    return content
