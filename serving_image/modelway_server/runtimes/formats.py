"""The formats that are served: everything that tells one from another. The loader of each is in the module of its name.

A format of ours takes an entry here, a module `runtimes/<name>.py` with `load(path, options)`, the name in
`spec.model.format`, and a row in docs/formats.md. A library that is not in the server's image takes an extra in
pyproject.toml, with a lock in requirements/formats. Marks of a folder stand a second time in `MODEL_FILES` of
artifacts/manifest.py, which may not import this. tests/contract/test_formats.py fails until all of them agree.
A package adds a format of its own by an entry point instead; see `plugins`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import cast

from modelway_server.errors import MissingModule
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.content import Content
from modelway_server.runtimes.trust import Trust

_TORCH_MEMBERS = frozenset({"constants.pkl", "archive_format", "serialized_exported_program.json"})
SERVER = "server"
"""The extra of the libraries that every server's image holds."""


@dataclass(frozen=True)
class Options:
    """What the user says of a model.

    Attributes:
        method: what answers by default, or `auto`.
        trusted_types: names that a file may use beside those that all models may, as in `model.trustedTypes`.
    """

    method: str = "auto"
    trusted_types: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Format:
    """A format of ours: a file that `recognises` knows, or a folder that holds one of the `folder_marks`.

    Attributes:
        name: as in `model.format`; also the module of `runtimes` that loads it.
        title: as people say it.
        extra: the extra of this distribution that its library comes with.
        libraries: packages that it imports.
        recognises: whether a file is of this format, told from its bytes.
        folder_marks: files that make a folder a model of this format.
        judge: the module of `runtimes.file_checks` that judges a file before a library opens it, where there is one.
    """

    name: str
    title: str
    extra: str
    libraries: tuple[str, ...]
    recognises: Callable[[Content], bool] = lambda _: False
    folder_marks: tuple[str, ...] = ()
    judge: str = ""

    @property
    def is_folder(self) -> bool:
        """Whether its models are folders."""
        return bool(self.folder_marks)

    def check(self, path: Path, trusted: Trust) -> None:
        """Judge a file or folder before its library opens it.

        Raises:
            LoadFailure: it does what no model does, or is damaged.
        """
        if self.judge:
            import_module(f"modelway_server.runtimes.file_checks.{self.judge}").judge(path, trusted)

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


FORMATS = {
    each.name: each
    for each in (
        Format(
            name="sklearn",
            title="scikit-learn (joblib or pickle)",
            extra=SERVER,
            libraries=("sklearn", "joblib"),
            recognises=lambda content: content.is_compressed or content.is_pickle,
        ),
        Format(
            name="skops",
            title="skops",
            extra="skops",
            libraries=("skops",),
            recognises=lambda content: "schema.json" in content.members,
        ),
        Format(
            name="onnx",
            title="ONNX",
            extra=SERVER,
            libraries=("onnxruntime",),
            recognises=lambda content: content.is_onnx,
            judge="onnx_file",
        ),
        Format(
            name="xgboost",
            title="XGBoost",
            extra="xgboost",
            libraries=("xgboost",),
            # its JSON, or its binary form, which also starts with a brace
            recognises=lambda content: (
                content.head.startswith(b"{") and (b"learner" in content.head or b'"version"' in content.head)
            ),
        ),
        Format(
            name="lightgbm",
            title="LightGBM",
            extra="lightgbm",
            libraries=("lightgbm",),
            recognises=lambda content: content.head.startswith(b"tree\n"),
        ),
        Format(
            name="pytorch",
            title="PyTorch",
            extra="pytorch",
            libraries=("torch",),
            recognises=lambda content: not _TORCH_MEMBERS.isdisjoint(content.inner_members),
            judge="torch_archive",
        ),
        Format(  # before TensorFlow: its folder may hold a SavedModel
            name="mlflow",
            title="MLflow (model folder)",
            extra=SERVER,
            libraries=("yaml",),
            folder_marks=("MLmodel",),
        ),
        Format(
            name="tensorflow",
            title="TensorFlow (SavedModel)",
            extra="tensorflow",
            libraries=("tensorflow",),
            folder_marks=("saved_model.pb", "saved_model.pbtxt"),
            judge="saved_model",
        ),
    )
}
"""Our formats, by name, in the order in which they are asked whether they know a file or a folder."""
