"""Model formats: one file each, imported when a model of that format is loaded."""

from pathlib import Path

from modelway_server.runtimes.base import Runtime


def load_runtime(  # noqa: D417
    path: Path,
    *,
    format: str,  # noqa: A002  (the setting's own name)
    method: str,
    trusted_types: tuple[str, ...] = (),  # noqa: ARG001
) -> Runtime:
    """The model in a file.

    Args:
        path: the model's file.
        format: `sklearn`, or `auto` to recognise it.
        method: the method that answers by default, or `auto`.

    Raises:
        LoadFailure: the file is no model, or not one that can be served.
    """
    assert format in {"auto", "sklearn"}, format
    from modelway_server.runtimes.estimator import load_estimator  # noqa: PLC0415  (imports scikit-learn: a second)

    return load_estimator(path, method)
