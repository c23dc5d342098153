"""Load the engine that `prepare` chose. This module tries nothing, chooses nothing, and imports only what the engine needs."""

from pathlib import Path

from modelway_server.artifacts.record import ArtifactRecord, locate_model
from modelway_server.engines.folder import QUANTISED
from modelway_server.engines.prepared import GRAPH, PLAN, TREES, Prepared
from modelway_server.engines.row_by_row import RowByRow
from modelway_server.errors import LoadFailed
from modelway_server.runtimes import load_runtime
from modelway_server.runtimes.base import Runtime, as_estimator_holder, as_restorable
from modelway_server.settings import INT8


def load_prepared(model_dir: Path, prepared_dir: Path, *, trusted_types: tuple[str, ...] = ()) -> Runtime:
    """Load the model with the engine that `prepare` chose.

    Args:
        model_dir: the folder of the artifact.
        prepared_dir: the folder that `prepare` filled.
        trusted_types: classes that the artifact may hold beside the known ones.

    Raises:
        LoadFailure: the folder is of another artifact or release, or the model does not load.
    """
    prepared = Prepared.read(prepared_dir)
    record = ArtifactRecord.read(model_dir)
    if record is not None and record.digest != prepared.digest:
        raise LoadFailed(
            f"{prepared_dir} was prepared of {prepared.digest or 'another artifact'}, and {model_dir} holds {record.digest}",
            remedy="Run `modelway-server prepare` again.",
        )
    runtime = load_engine(prepared, locate_model(model_dir), prepared_dir, trusted_types)
    runtime.description = prepared.description | {"engine": prepared.engine, "engine_reason": prepared.reason}
    return runtime


def load_engine(prepared: Prepared, path: Path, directory: Path, trusted_types: tuple[str, ...]) -> Runtime:
    """Load the runtime that the document names; see `load_prepared`."""
    runtime = _load(prepared, path, directory, trusted_types)
    return RowByRow(runtime) if prepared.engine_state.get("precision") == INT8 else runtime


def _load(prepared: Prepared, path: Path, directory: Path, trusted_types: tuple[str, ...]) -> Runtime:
    if prepared.engine_state.get("kind") == PLAN:
        from modelway_server.engines.plan.runtime import load_planned  # noqa: PLC0415  (only what is needed)

        return load_planned(prepared, directory)
    if prepared.engine_state.get("kind") == GRAPH:
        path = directory / QUANTISED
    runtime = load_runtime(path, format=prepared.format, method=prepared.methods[0], trusted_types=trusted_types)
    if (restorable := as_restorable(runtime)) is not None:
        restorable.restore(prepared.signature, prepared.methods, prepared.rows())
    if prepared.engine_state.get("kind") == TREES:
        from modelway_server.engines.direct_trees import as_trees  # noqa: PLC0415  (as above)

        holder = as_estimator_holder(runtime)
        assert holder is not None
        holder.evaluate_by(as_trees(holder.estimator), prepared.engine)
    return runtime
