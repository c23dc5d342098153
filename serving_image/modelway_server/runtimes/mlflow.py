"""MLflow model folders: the file that a flavour names, loaded as what it is; the package mlflow is not needed.

A model that has no flavour but `python_function` is code of its own, which only MLflow itself can load: where the image
holds MLflow, and `mlflow.pyfunc.load_model` is trusted. Source: MLflow's "MLflow Models", storage format.
"""

import importlib.util
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from modelway_server.contract.signature import Column, Dates, Form, Signature
from modelway_server.errors import (
    InvalidArtifact,
    LoadFailed,
    LoadFailure,
    MissingModule,
    RuntimeVersionMismatch,
    UnsafeArtifact,
    UnsupportedModel,
    WarmupFailed,
)
from modelway_server.runtimes.base import Runtime, as_declarable
from modelway_server.runtimes.formats import Options
from modelway_server.runtimes.load import load_runtime
from modelway_server.runtimes.mlflow_document import document_of
from modelway_server.runtimes.trust import trust

_LOGGER = logging.getLogger(__name__)
_FLAVOURS = {
    "sklearn": ("pickled_model", "sklearn_version", "scikit-learn"),
    "xgboost": ("data", "xgb_version", "xgboost"),
    "lightgbm": ("data", "lgb_version", "lightgbm"),
    "onnx": ("data", "onnx_version", "onnx"),
    "pytorch": ("model_data", "pytorch_version", "torch"),
    "tensorflow": ("saved_model_dir", "tensorflow_version", "tensorflow"),
}
"""Flavours in the order in which they are taken: what names the file, what names the library's version, the library."""
_DISTRIBUTIONS = {"xgboost": ("xgboost", "xgboost-cpu"), "tensorflow": ("tensorflow", "tensorflow-cpu")}
"""Names under which a library is installed, where it is not its own."""
_BY_MLFLOW = "mlflow.pyfunc.load_model"
_DATATYPES = {
    "string": "BYTES",
    "boolean": "BOOL",
    "long": "INT64",
    "integer": "INT32",
    "double": "FP64",
    "float": "FP32",
    "datetime": "BYTES",
}
"""Of the types of a signature's columns; `binary` and what is no scalar has none."""


def load(path: Path, options: Options) -> Runtime:
    """The model in a folder.

    Raises:
        LoadFailure: the folder holds none, or not one that can be served.
    """
    document = document_of(path)
    flavours = document["flavors"]
    name = next((each for each in _FLAVOURS if each in flavours), None)
    if name is None:
        return _by_mlflow(path, document, options)
    key, version_key, library = _FLAVOURS[name]
    inner = _inside(path, flavours[name].get(key) or flavours[name].get("data") or "data")
    saved_with = str(flavours[name].get(version_key) or "")
    try:
        runtime = load_runtime(inner, format="auto", method=options.method, trusted_types=options.trusted_types)
    except (LoadFailed, InvalidArtifact, MissingModule) as failure:
        raise _of_versions(failure, library, saved_with) from failure
    columns = _columns(document)
    if (untyped := as_declarable(runtime)) is not None:
        untyped.declare(columns)
    return _Described(runtime, columns, library, saved_with, str(document.get("mlflow_version") or ""))


class _Described:
    """The model of a flavour, with what the folder says of it: names of columns, versions.

    It has slots: what is set on it and is not its own is an error, where it would not reach the model.

    Attributes:
        wrapped: the model.
        platform: as the model's own.
        engine: as the model's own.
        methods: as the model's own.
        signature: as the model's own, with the folder's names where the model has none.
        description: as the model's own, and who saved it with what.
    """

    __slots__ = ("_columns", "_library", "_saved_with", "description", "methods", "platform", "signature", "wrapped")

    def __init__(
        self, runtime: Runtime, columns: tuple[Column, ...], library: str, saved_with: str, mlflow: str
    ) -> None:
        self.wrapped = runtime
        self._columns = columns
        self._library = library
        self._saved_with = saved_with
        self.platform = runtime.platform
        self.methods = runtime.methods
        self.signature = _name(runtime.signature, columns)
        declared = {f"saved_with_{library.replace('-', '_')}": saved_with, "saved_with_mlflow": mlflow}
        self.description = runtime.description | {key: value for key, value in declared.items() if value}
        if _differs(library, saved_with):
            caution = f"saved with {library} {saved_with}, served with {_version_here(library)}: answers may differ"
            _LOGGER.warning("%s", caution)
            self.description.setdefault("caution", caution)

    def __getattr__(self, name: str) -> Any:
        """What else the model has (`engine`, `estimator`, `evaluate_by`, `restore`)."""
        return getattr(self.wrapped, name)

    def warm_up(self) -> None:
        """As the model's own.

        Raises:
            RuntimeVersionMismatch: it fails, and another version of its library saved it.
            LoadFailure: it fails.
        """
        try:
            self.wrapped.warm_up()
        except WarmupFailed as failure:
            raise _of_versions(failure, self._library, self._saved_with) from failure
        self.methods = self.wrapped.methods
        self.signature = _name(self.wrapped.signature, self._columns)

    def call(self, method: str, values: Any, count: int) -> Any:
        """As the model's own."""
        return self.wrapped.call(method, values, count)

    def example(self) -> Any:
        """As the model's own."""
        return self.wrapped.example()


class _Python:
    """A model that only MLflow can load, in the shape of an estimator."""

    def __init__(self, model: Any, columns: tuple[Column, ...]) -> None:
        self._model = model
        self.feature_names_in_ = np.array([column.name for column in columns], dtype=object)

    def get_params(self, **_: Any) -> dict[str, Any]:
        """None: it is no estimator of scikit-learn, which alone would promise not to look at names."""
        return {}

    def predict(self, rows: Any) -> Any:
        """The model's own answers to a data frame."""
        return self._model.predict(rows)


def _by_mlflow(path: Path, document: Mapping[str, Any], options: Options) -> Runtime:
    """A model of the flavour `python_function` alone.

    Raises:
        UnsupportedModel: there is no MLflow here, or the model names no columns.
        UnsafeArtifact: loading it, which runs whatever code it holds, is not trusted.
    """
    if "python_function" not in document["flavors"]:
        known = ", ".join(document["flavors"]) or "none"
        raise UnsupportedModel(
            f"the MLflow model has no flavour that is served; it has {known}",
            remedy=f"Log it with one of {', '.join(_FLAVOURS)}.",
        )
    if importlib.util.find_spec("mlflow") is None:
        raise UnsupportedModel(
            "the MLflow model has the flavour python_function alone: code that only MLflow can load",
            remedy=f"Log it with one of {', '.join(_FLAVOURS)}, or name an image that holds mlflow and its packages in spec.runtime.image.",
        )
    if not trust(options.trusted_types).covers(_BY_MLFLOW):
        raise UnsafeArtifact(
            "the MLflow model has the flavour python_function alone: loading it runs whatever code it holds",
            remedy=f"If you made the model, add {_BY_MLFLOW} to spec.model.trustedTypes.",
        )
    columns = _columns(document)
    if not columns:
        raise UnsupportedModel(
            "the MLflow model has no signature that names its columns",
            remedy="Log it with signature=infer_signature(rows).",
        )
    from mlflow import pyfunc  # noqa: PLC0415  (only where the image holds it)

    from modelway_server.runtimes.estimators.runtime import EstimatorRuntime  # noqa: PLC0415  (scikit-learn)

    runtime = EstimatorRuntime(_Python(pyfunc.load_model(str(path)), columns), ("predict",), None)
    runtime.declare(columns)
    runtime.platform = "mlflow"
    runtime.description |= {"estimator": str(document["flavors"]["python_function"].get("loader_module", "python"))}
    return runtime


def _inside(path: Path, name: Any) -> Path:
    """The file or folder that a flavour names, which must be inside the model's.

    Raises:
        InvalidArtifact: it is not, or is not there.
    """
    try:
        inner = (path / str(name)).resolve()
        inner = (inner / "model").resolve() if (inner / "model").is_dir() else inner
        root = path.resolve()
        is_there = inner.is_relative_to(root) and inner != root and inner.exists()
        other = (inner / "MLmodel").exists()
    except (OSError, ValueError, RuntimeError):  # too long, with a NUL, a link to itself
        is_there = other = False
    if not is_there or other:
        what = "an MLflow model of its own" if other and is_there else "not in the folder"
        raise InvalidArtifact(
            f"{path.name}/MLmodel names {str(name)[:100]!r}, which is {what}",
            remedy="Upload the whole folder as MLflow wrote it.",
        )
    return inner


def _columns(document: Mapping[str, Any]) -> tuple[Column, ...]:
    """The columns of the folder's signature; none where it has none, or tensors."""
    signature = document.get("signature")
    declared = signature.get("inputs") if isinstance(signature, dict) else None
    try:
        entries = json.loads(declared) if isinstance(declared, str) else []
        return tuple(map(_column, entries))
    except (ValueError, KeyError, TypeError):
        return ()


def _column(entry: Mapping[str, Any]) -> Column:
    declared = entry["type"]
    if declared not in _DATATYPES:
        return Column(entry["name"], "BYTES", typed=False)
    return Column(entry["name"], _DATATYPES[declared], dates=Dates.LOCAL if declared == "datetime" else None)


def _name(signature: Signature, columns: tuple[Column, ...]) -> Signature:
    """The signature with the folder's names, where the model itself knows only positions."""
    if signature.named or signature.form not in {Form.MATRIX, Form.OBJECTS} or len(columns) != signature.width:
        return signature
    renamed = (replace(own, name=declared.name) for own, declared in zip(signature.columns, columns, strict=True))
    return replace(signature, columns=tuple(renamed), named=True)


def _of_versions(failure: LoadFailure, library: str, saved_with: str) -> LoadFailure:
    """The failure, told by its likely cause where the library's version is another."""
    if not _differs(library, saved_with):
        return failure
    return RuntimeVersionMismatch(
        f"saved with {library} {saved_with}, served with {_version_here(library)}: {failure.message}",
        remedy=f"Run a server image with {library} {saved_with}, or train and log the model with {_version_here(library)}.",
    )


def _differs(library: str, saved_with: str) -> bool:
    installed = _version_here(library)
    return bool(saved_with and installed) and saved_with.split(".")[:2] != installed.split(".")[:2]


def _version_here(library: str) -> str:
    for name in _DISTRIBUTIONS.get(library, (library,)):
        try:
            return version(name)
        except PackageNotFoundError:
            continue
    return ""
