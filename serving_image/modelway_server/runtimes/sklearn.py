"""scikit-learn models saved by joblib or pickle."""

from pathlib import Path

from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.estimators.runtime import load_estimator
from modelway_server.runtimes.formats import Options


def load(path: Path, options: Options) -> Runtime:
    """The estimator in a file.

    Raises:
        LoadFailure: the file is no model, or not one that can be served.
    """
    return load_estimator(path, options.method, options.trusted_types)
