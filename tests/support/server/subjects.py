"""Models as the pages see them, without a server."""

from typing import Any

from modelway_server.pages.subject import Subject
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.estimators.runtime import METHODS, EstimatorRuntime


def warm(estimator: Any) -> EstimatorRuntime:
    """An estimator in process, ready to be asked for all that it can do."""
    runtime = EstimatorRuntime(estimator, tuple(method for method in METHODS if hasattr(estimator, method)), None)
    runtime.warm_up()
    return runtime


def subject_of(runtime: Runtime, name: str = "model") -> Subject:
    """A runtime that is warm, under a name."""
    return Subject(
        name=name,
        version="v7",
        platform=runtime.platform,
        methods=runtime.methods,
        signature=runtime.signature,
        description={**runtime.description, "digest": "sha256:0"},
        example=runtime.example(),
        max_request_bytes=8 * 2**20,
    )
