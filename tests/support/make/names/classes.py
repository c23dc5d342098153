"""Classes that models hold though no fitted example here does: splitters, kernels, distances, losses, callbacks."""

import importlib
import inspect
from collections.abc import Iterator

from sklearn.utils.discovery import all_estimators

_FAMILIES = {
    "sklearn._loss.link": "BaseLink Interval",
    "sklearn._loss.loss": "BaseLoss",
    "sklearn.gaussian_process.kernels": "Kernel",
    "sklearn.metrics._scorer": "_BaseScorer _MultimetricScorer _PassthroughScorer",
    "sklearn.model_selection._split": "BaseCrossValidator BaseShuffleSplit _RepeatedSplits",
    "sklearn.neural_network._stochastic_optimizers": "BaseOptimizer",
    "sklearn.utils._metadata_requests": "MetadataRequest MethodMetadataRequest",
    "xgboost.callback": "TrainingCallback",
    "xgboost.sklearn": "XGBModel",
    "lightgbm.sklearn": "LGBMModel",
}
"""Modules, and the classes of which all that derive from them, in that module, belong to models."""
_REBUILT = {
    "sklearn.metrics._dist_metrics": "DistanceMetric DistanceMetric32",
    "sklearn.neighbors._ball_tree": "BallTree BallTree32 BallTree64",
    "sklearn.neighbors._kd_tree": "KDTree KDTree32 KDTree64",
}
"""The same, of classes that a function of their module makes instances of."""
_SINGLE = {
    "sklearn.compose._column_transformer": "make_column_selector _RemainderColsList",
    "sklearn.calibration": "_CalibratedClassifier _SigmoidCalibration _TemperatureScaling",
}


def classes() -> Iterator[type]:
    """Each class of which files make instances, where the version has it."""
    yield from (kind for _, kind in all_estimators())
    for module, names in _FAMILIES.items():
        yield from _derive(module, names.split())
    for module, names in _SINGLE.items():
        yield from _present(module, names.split())


def types() -> Iterator[type]:
    """Each class that is handed to a function that makes the instance."""
    for module, names in _REBUILT.items():
        yield from _derive(module, names.split())


def _derive(module: str, names: list[str]) -> Iterator[type]:
    bases = tuple(_present(module, names))
    for kind in vars(importlib.import_module(module)).values():
        if isinstance(kind, type) and issubclass(kind, bases) and kind.__module__ == module and _is_whole(kind):
            yield kind


def _is_whole(kind: type) -> bool:
    return not inspect.isabstract(kind) and not kind.__name__.lstrip("_").startswith("Base")


def _present(module: str, names: list[str]) -> Iterator[type]:
    home = importlib.import_module(module)
    yield from (getattr(home, name) for name in names if hasattr(home, name))
