"""Load scikit-learn models that skops saved."""

import re
from pathlib import Path
from typing import Any

import skops

from modelway_server.errors import UnsafeArtifact
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.estimators.runtime import runtime_of
from modelway_server.runtimes.formats import Options
from modelway_server.runtimes.pickle.file import rebuild
from modelway_server.runtimes.pickle.load import make
from modelway_server.runtimes.skops import arrays, containers, objects
from modelway_server.runtimes.skops.archive import SCHEMA, open_archive
from modelway_server.runtimes.skops.reader import Reader
from modelway_server.runtimes.trust import Trust, trust

HANDLERS = {**containers.HANDLERS, **objects.HANDLERS, **arrays.HANDLERS}
"""The loaders of skops that are known."""
_PLACE = re.compile(r", byte (\d+)\)")


def load(path: Path, options: Options) -> Runtime:
    """Load the estimator in a file.

    Raises:
        LoadFailure: the file is no model, or not one that can be served.
    """
    trusted, saved = trust(options.trusted_types), dict[str, str]()
    unpickled = rebuild(path, lambda: read(path, trusted, saved), saved)
    runtime = runtime_of(unpickled, options.method)
    runtime.platform = "skops"
    runtime.description |= {"skops": skops.__version__}
    return runtime


def read(path: Path, trusted: Trust, saved: dict[str, str]) -> Any:
    """Read the object in a file.

    Args:
        path: the file.
        trusted: names that are allowed beside the lists.
        saved: receives the versions of libraries that the file names, by package.

    Raises:
        UnsafeArtifact: a rule refuses the file; nothing that it names was called.
        InvalidArtifact: the file is damaged.
        Exception: whatever a class of the model raises.
    """
    with open_archive(path, path.name) as archive:
        reader = Reader(archive, HANDLERS)
        try:
            trace = reader.read(archive.schema())
            if reader.sklearn_version:
                saved["sklearn"] = reader.sklearn_version
            return make(trace, trusted)
        except UnsafeArtifact as failure:
            raise _with_path(failure, reader) from None


def _with_path(failure: UnsafeArtifact, reader: Reader) -> UnsafeArtifact:
    """Return the failure with a path of the schema in place of a byte position."""
    message = _PLACE.sub(lambda match: f", {SCHEMA} at {reader.path(int(match[1]))})", failure.message)
    remedy = failure.remedy.replace("joblib.dump or pickle.dump", "skops.io.dump")
    return UnsafeArtifact(message, remedy=remedy)
