"""scikit-learn estimators, and objects of other packages that have their methods."""

import gc
import logging
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from modelway_server.contract.rows import Rows
from modelway_server.contract.signature import Column, Form, Output, Signature
from modelway_server.errors import (
    InvalidArtifact,
    InvalidInput,
    LoadFailure,
    PredictionFailed,
    UnsupportedModel,
    WarmupFailed,
    describe,
    words,
)
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.estimators.boosters import asks_for_categories, booster_runtime
from modelway_server.runtimes.estimators.changed_answers import check_answers
from modelway_server.runtimes.estimators.declarations import declare
from modelway_server.runtimes.estimators.introspection import Blueprint, inspect
from modelway_server.runtimes.estimators.labels import name_labels
from modelway_server.runtimes.estimators.probe import Call, complete, find_row
from modelway_server.runtimes.estimators.sub_estimators import serve_single_threaded, sub_estimators
from modelway_server.runtimes.estimators.unservable import cannot_answer
from modelway_server.runtimes.outputs import describe_outputs, name_outputs, settle
from modelway_server.runtimes.pickle.file import Unpickled, load
from modelway_server.runtimes.trust import trust
from modelway_server.runtimes.versions import blame_version, blaming_versions, describe_versions, may_differ

METHODS = ("predict", "transform", "decision_function", "predict_proba", "score_samples")
"""The methods that are served, in the order in which `auto` chooses."""

_LOGGER = logging.getLogger(__name__)
_FRAME_REMEDY = (
    "Let the first step keep the names of its columns as feature_names_in_ if it was trained on a data frame "
    "(scikit-learn's validate_data does it in fit), and save it again."
)


_CATEGORIES_REMEDY = (
    "Serve the model of XGBoost or LightGBM alone, or put a ColumnTransformer with an OrdinalEncoder before it, train it on numbers, "
    "and save the pipeline again: these libraries ask for the categories of the training frame, which only a model that is served alone gets."
)


class EstimatorRuntime:
    """One estimator, ready to be warmed up.

    Attributes:
        platform: `sklearn`.
        engine: `estimator`, since its own methods answer.
        methods: the methods that it has, the default first.
        signature: what it takes and gives; complete after `warm_up`.
        description: its class and versions.
        estimator: the object itself.
    """

    platform = "sklearn"
    engine = "estimator"

    def __init__(self, estimator: Any, methods: tuple[str, ...], saved: Mapping[str, str] | None) -> None:
        self.methods = methods
        self.estimator = estimator
        self._saved = saved or {}
        self.description: dict[str, str] = {
            "estimator": f"{type(estimator).__module__}.{type(estimator).__qualname__}",
            "scikit_learn": sklearn.__version__,
        } | describe_versions(self._saved)
        with blaming_versions(self._saved, f"the parts of {type(estimator).__name__} cannot be read"):
            self._blueprint: Blueprint = inspect(estimator)
        self._known_row: Any = None
        self._restored = False
        self.signature: Signature = self._blueprint.signature

    def warm_up(self) -> None:
        """Predict once on a made-up row, and learn what the model takes and gives.

        Raises:
            InvalidArtifact: the estimator was never fitted.
            RuntimeVersionMismatch: the prediction fails, and another version of scikit-learn saved the model.
            WarmupFailed: the prediction fails.
        """
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")  # made-up rows are odd on purpose
            if self._restored:
                self._call_methods()
            else:
                self._try_methods(getattr(self.estimator, self.methods[0]))

    def declare(self, columns: Sequence[Column]) -> None:
        """Take over declared types for columns whose type the model itself does not know."""
        self._blueprint = declare(self._blueprint, columns)
        self.signature = self._blueprint.signature

    def restore(self, signature: Signature, methods: tuple[str, ...], example: Rows) -> None:
        """Take over what `warm_up` of another process learned. The next `warm_up` only calls each method once."""
        self.signature, self.methods, self._known_row, self._restored = signature, methods, example.values, True

    def evaluate_by(self, estimator: Any, engine: str) -> None:
        """Let another object with the same answers take the estimator's place."""
        self.estimator, self.engine = estimator, engine

    def _call_methods(self) -> None:
        try:
            for method in self.methods:
                getattr(self.estimator, method)(self._known_row)
        except Exception as error:
            raise self._warm_up_failure(error) from error

    def _try_methods(self, call: Call) -> None:
        try:
            blueprint, self._known_row = find_row(self._blueprint, call)
            outputs = {self.methods[0]: self._outputs_of(self.methods[0])}
        except Exception as error:
            raise self._warm_up_failure(error) from error
        for method in self.methods[1:]:
            try:
                outputs[method] = self._outputs_of(method)
            except Exception as error:  # noqa: BLE001  (a model may raise anything)
                self._leave_out(method, error)
        self.methods = tuple(outputs)
        self.signature = replace(complete(blueprint, call), outputs=outputs)

    def _leave_out(self, method: str, error: Exception) -> None:
        """Leave out a method that fails. If another version may be the cause, say so in the description."""
        what = f"{method} is not offered: it fails on a made-up row ({describe(error)})"
        _LOGGER.warning("%s", what)
        if "caution" in self.description:
            self.description["caution"] += f"; {what}"

    def call(self, method: str, values: Any, count: int) -> dict[str, NDArray[Any]]:
        """Return the outputs of one method on checked rows by name, each of `count` rows.

        Raises:
            InvalidInput: the model refuses these rows, and answers the row of the warm-up.
            PredictionFailed: the model fails on that row too.
        """
        try:
            result = getattr(self.estimator, method)(values)
        except Exception as error:
            raise self._blame(method, error) from error
        return settle(name_outputs(method, result, count), self.signature.outputs[method])

    def example(self) -> Rows:
        """Return the row of the warm-up."""
        return Rows(self._known_row, 1, self.signature)

    def _outputs_of(self, method: str) -> tuple[Output, ...]:
        arrays = name_outputs(method, getattr(self.estimator, method)(self._known_row), 1)
        return name_labels(self.estimator, method, describe_outputs(arrays))

    def _blame(self, method: str, error: Exception) -> InvalidInput | PredictionFailed:
        try:
            getattr(self.estimator, method)(self._known_row)
        except Exception:
            _LOGGER.exception("%s fails", method)
            return PredictionFailed(f"{method} fails on every row; the server's log has the error")
        return InvalidInput(f"the model refuses these rows: {describe(error)}")

    def _warm_up_failure(self, error: Exception) -> LoadFailure:
        if isinstance(error, InvalidInput):  # a sparse answer that not even one row can have
            return UnsupportedModel(
                f"{self.methods[0]}: {error.message}",
                remedy="Let it give fewer columns (n_features, max_features), or add TruncatedSVD as the next step.",
            )
        if blame := blame_version(self._saved, f"its first prediction fails ({describe(error)})"):
            return blame
        if isinstance(error, NotFittedError):
            return _not_fitted(self.estimator)
        if self.signature.width is None and self.signature.form is not Form.TEXT:
            return WarmupFailed(
                f"{self.methods[0]} fails on a made-up row ({describe(error)}); the model does not say how many values a row has",
                remedy="Give the estimator n_features_in_ (scikit-learn's validate_data sets it in fit), and save it again.",
            )
        return WarmupFailed(
            f"{self.methods[0]} fails on a made-up row: {describe(error)}",
            remedy=_CATEGORIES_REMEDY
            if asks_for_categories(error)
            else _FRAME_REMEDY
            if "numpy.ndarray" in words(error, 5000) and not self.signature.named
            else None,
        )


def load_estimator(path: Path, method: str, trusted_types: Iterable[str] = ()) -> Runtime:
    """Load the estimator in a file. No code of the model runs except for unpickling.

    Args:
        path: a file of joblib or pickle.
        method: the default method: `auto`, or one that the estimator must have.
        trusted_types: names that the file may use beside the lists, as in `model.trustedTypes`.

    Raises:
        LoadFailure: the file is no model, or not one that can be served.
    """
    return runtime_of(load(path, trust(trusted_types)), method)


def runtime_of(unpickled: Unpickled, method: str) -> Runtime:
    """Make the runtime of an object from a file.

    Raises:
        LoadFailure: the object cannot be served.
    """
    estimator, saved = unpickled.content, unpickled.saved
    with blaming_versions(saved, f"{type(estimator).__name__} cannot be read"):
        booster = booster_runtime(estimator, method)
        if booster is not None:
            return booster
        methods = _methods(estimator, method, saved)
        _check_fitted(estimator, saved)
        check_answers(estimator, saved)
    changed = serve_single_threaded(estimator)
    if changed:
        _LOGGER.info("n_jobs set to 1 in %d estimators: the server's workers are what runs in parallel", changed)
    if caution := may_differ(saved):
        _LOGGER.warning("%s", caution)
    gc.collect()
    return EstimatorRuntime(estimator, methods, saved)


def _methods(estimator: Any, chosen: str, saved: Mapping[str, str]) -> tuple[str, ...]:
    if isinstance(estimator, type):
        raise UnsupportedModel(
            f"the file holds the class {estimator.__qualname__}, not a fitted object of it",
            remedy="Save the object on which fit was called, not its class.",
        )
    methods = tuple(method for method in METHODS if callable(getattr(estimator, method, None)))
    if not methods:
        failure = cannot_answer(estimator)
        raise blame_version(saved, failure.message) or failure
    if chosen == "auto":
        return methods
    if chosen not in methods:
        raise UnsupportedModel(
            f"{type(estimator).__name__} has no {chosen}; it has {', '.join(methods)}",
            remedy=f"Set spec.runtime.method to auto or to one of {', '.join(methods)}"
            + (", or train the model with probability=True." if hasattr(estimator, "probability") else "."),
        )
    return (chosen, *(method for method in methods if method != chosen))


def _check_fitted(estimator: Any, saved: Mapping[str, str]) -> None:
    if not callable(getattr(estimator, "fit", None)) or not hasattr(estimator, "__sklearn_tags__"):
        return
    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        blame = blame_version(saved, f"{describe(error)}") if _has_learned(estimator) else None
        raise blame or _not_fitted(estimator) from error


def _has_learned(estimator: Any) -> bool:
    """Whether a part has attributes that only fit sets, by scikit-learn's names for them."""
    return any(
        name.endswith("_") and not name.endswith("__") for part in sub_estimators(estimator) for name in vars(part)
    )


def _not_fitted(estimator: Any) -> InvalidArtifact:
    return InvalidArtifact(
        f"{type(estimator).__name__} was saved before it was trained",
        remedy="Call fit before joblib.dump, and upload the file again.",
    )
