"""Load a model, try it, and choose how it is evaluated: the work of `prepare`, done in its child."""

import hashlib
from pathlib import Path
from typing import Any

from modelway_server.artifacts.record import ArtifactRecord, locate_model
from modelway_server.engines.prepared import Prepared, plain_row
from modelway_server.runtimes import load_runtime
from modelway_server.settings import ModelSettings


def prepare_model(wish: ModelSettings, prepared_dir: Path) -> dict[str, Any]:
    """Fill the folder that `serve` starts from; what was decided, for the log.

    Raises:
        LoadFailure: the model cannot be served as wished.
    """
    path = locate_model(wish.model_dir)
    runtime = load_runtime(path, format=wish.format, method=wish.method, trusted_types=wish.trusted_types)
    runtime.warm_up()
    prepared = Prepared(
        digest=_digest(wish.model_dir, path),
        format=wish.format,
        platform=runtime.platform,
        engine=runtime.engine,
        reason="",
        methods=runtime.methods,
        signature=runtime.signature,
        description=runtime.description,
        example=plain_row(runtime.example()),
    )
    prepared.write(prepared_dir)
    return {"engine": prepared.engine, "engine_reason": prepared.reason}


def _digest(directory: Path, path: Path) -> str:
    record = ArtifactRecord.read(directory)
    if record is not None:
        return record.digest
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
