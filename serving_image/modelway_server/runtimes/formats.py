"""The formats that are served: ours, one module each, and those that packages in a user's image add.

A package adds a format by an entry point of the group `modelway.runtimes`. Its name is the format's; it leads to an
object (a module will do) that is a `Format`. It is asked before our own formats, so that it may also take over files of
a format of ours that hold a class of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Protocol, cast

from modelway_server.errors import InvalidArtifact, LoadFailed, LoadFailure, MissingModule, UnsupportedModel, describe
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.recognise import model_files, recognise
from modelway_server.runtimes.trust import trust

GROUP = "modelway.runtimes"
"""Entry points of this group add formats."""


@dataclass(frozen=True)
class Options:
    """What the user says of a model.

    Attributes:
        method: what answers by default, or `auto`.
        trusted_types: names that a file may use beside those that all models may, as in `model.trustedTypes`.
    """

    method: str = "auto"
    trusted_types: tuple[str, ...] = ()


class Format(Protocol):
    """A format that a package adds."""

    def recognises(self, path: Path) -> bool:
        """Whether the file or folder is of this format, told from its bytes; quick, and nothing is loaded."""

    def load(self, path: Path, options: Options) -> Runtime:
        """The model in a file or folder.

        Raises:
            LoadFailure: it is none, or not one that can be served.
        """


@dataclass(frozen=True)
class OwnFormat:
    """A format of ours.

    Attributes:
        name: as in `model.format`.
        title: as people say it.
        extra: the extra of this distribution that its library comes with.
        libraries: packages that it imports.
        judge: the module that judges a file before those are imported, where there is one.
    """

    name: str
    title: str
    extra: str
    libraries: tuple[str, ...]
    judge: str = ""

    @cached_property
    def load(self) -> Callable[[Path, Options], Runtime]:
        """Its loader; importing it imports its library.

        Raises:
            MissingModule: the image does not hold the library.
        """
        try:
            module = import_module(f"modelway_server.runtimes.{self.name}")
        except ModuleNotFoundError as error:
            if (error.name or "").partition(".")[0] not in self.libraries:
                raise
            raise MissingModule(
                f"this is a model of {self.title}, and the server's image does not hold the package {error.name!r}",
                remedy=f"Name a server image that holds it in spec.runtime.image (make image FORMATS={self.extra} builds one); on a "
                f"laptop, pip install '.[{self.extra}]' in a checkout of Modelway.",
            ) from error
        return cast("Callable[[Path, Options], Runtime]", module.load)


OWN = {
    own.name: own
    for own in (
        OwnFormat("sklearn", "scikit-learn (joblib or pickle)", "server", ("sklearn", "joblib")),
        OwnFormat("skops", "skops", "skops", ("skops",)),
        OwnFormat("onnx", "ONNX", "server", ("onnxruntime",), "file_checks.onnx_file"),
        OwnFormat("xgboost", "XGBoost", "xgboost", ("xgboost",)),
        OwnFormat("lightgbm", "LightGBM", "lightgbm", ("lightgbm",)),
        OwnFormat("pytorch", "PyTorch", "pytorch", ("torch",), "file_checks.torch_archive"),
        OwnFormat("tensorflow", "TensorFlow (SavedModel)", "tensorflow", ("tensorflow",), "file_checks.saved_model"),
        OwnFormat("mlflow", "MLflow (model folder)", "server", ("yaml",)),
    )
}
"""Our formats, by name."""


def load_runtime(path: Path, *, format: str, method: str, trusted_types: tuple[str, ...] = ()) -> Runtime:  # noqa: A002  (the setting's own name)
    """The model in a file or folder.

    Args:
        path: the model's file or folder.
        format: its format, or `auto` to recognise it; another one than the bytes show is refused.
        method: the method that answers by default, or `auto`.
        trusted_types: see `Options`.

    Raises:
        LoadFailure: there is no model, or not one that can be served.
    """
    options = Options(method, trusted_types)
    added = _added(path, format)
    if added is not None:
        return added.load(path, options)
    own = _own(path, format)
    if own.name not in {"mlflow", "tensorflow"} and path.is_dir():
        path = _only_file(path)
    if own.judge:
        import_module(f"modelway_server.runtimes.{own.judge}").judge(path, trust(trusted_types))
    return own.load(path, options)


def _own(path: Path, asked: str) -> OwnFormat:
    if asked not in {"auto", *OWN}:
        names = ", ".join(("auto", *OWN, *(point.name for point in entry_points(group=GROUP))))
        raise UnsupportedModel(
            f"this server has no format {asked!r}",
            remedy=f"Set model.format to one of {names}, or run an image with a package that adds it.",
        )
    found = recognise(path)
    if found is None and asked == "auto":
        known = ", ".join(own.title for own in OWN.values())
        raise InvalidArtifact(f"{path.name} is no model that is known: its bytes are none of {known}")
    if found is not None and asked not in {"auto", found}:
        raise InvalidArtifact(
            f"{path.name} is a model of {OWN[found].title}, and model.format says {asked} ({OWN[asked].title})",
            remedy=f"Set model.format to {found} or auto, or upload the model that was meant.",
        )
    return OWN[found or asked]


def _only_file(folder: Path) -> Path:
    files = model_files(folder)
    if len(files) != 1:
        raise InvalidArtifact(
            f"{folder.name} is a folder that holds {len(files)} models",
            remedy="Keep one model in the folder, or name its file in spec.model.uri.",
        )
    return files[0]


def _added(path: Path, asked: str) -> Format | None:
    for point in sorted(entry_points(group=GROUP)):
        if asked not in {"auto", point.name}:
            continue
        added = _loaded(point)
        if asked == point.name or added.recognises(path):
            return added
    return None


def _loaded(point: EntryPoint) -> Format:
    """What an entry point leads to.

    Raises:
        LoadFailed: it cannot be imported, or is no format.
    """
    try:
        added = point.load()
        if callable(added.recognises) and callable(added.load):
            return cast("Format", added)
        reason = "recognises and load must be functions"
    except LoadFailure:
        raise
    except Exception as error:  # noqa: BLE001  (the package's own code)
        reason = describe(error)
    raise LoadFailed(
        f"the entry point {point.name!r} of {GROUP} ({point.value}) adds no format: {reason}",
        remedy="Mend that package in the image of spec.runtime.image, or leave it out.",
    )
