"""Serve boosters of XGBoost and LightGBM inside a pickle like the file that their libraries would save."""

from importlib import import_module
from typing import Any

from sklearn.frozen import FrozenEstimator
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from modelway_server.errors import describe
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.numeric_matrix import MatrixRuntime

_LIBRARIES = frozenset({"lightgbm", "xgboost"})
"""Packages of boosters, each with a module beside this one that finds the booster of an object, and its answers."""


def booster_runtime(content: Any, method: str) -> Runtime | None:
    """The runtime of a booster, or of its scikit-learn class where that was trained on categories of pandas.

    Such a class asks for a data frame with the categories of the training data, which its own booster holds as codes.

    Args:
        content: what a file held.
        method: the method that answers by default, or `auto`.

    Returns:
        None for all else: the object's own methods answer.

    Raises:
        LoadFailure: it cannot be served.
    """
    content = _answering(content)
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
    """Whether XGBoost or LightGBM raised it, because a frame has not the categories of the training data."""
    raised_in: set[str] = set()
    traceback = error.__traceback__
    while traceback is not None:
        raised_in.add(str(traceback.tb_frame.f_globals.get("__name__", "")).partition(".")[0])
        traceback = traceback.tb_next
    return bool(raised_in & {"lightgbm", "xgboost"}) and "categor" in describe(error)


def _answering(content: Any) -> Any:
    """The one part that rows come to as they are and that answers them: what a search found, or a pipeline's only step."""
    if isinstance(content, BaseSearchCV) and hasattr(content, "best_estimator_"):
        return _answering(content.best_estimator_)
    if type(content) is FrozenEstimator:
        return _answering(content.estimator)
    if type(content) is Pipeline:
        steps = [step for _, step in content.steps if step is not None and not isinstance(step, str)]
        return _answering(steps[0]) if len(steps) == 1 else content
    return content
