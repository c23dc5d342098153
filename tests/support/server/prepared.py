"""A model as `serve` has it: saved, prepared, and loaded from what was left."""

from pathlib import Path
from typing import Any

import joblib

from modelway_server.engines.choose import prepare_model
from modelway_server.engines.load import load_prepared
from modelway_server.runtimes.base import Runtime
from modelway_server.settings import ModelSettings


def prepare_runtime(directory: Path, model: Any, **settings: Any) -> Runtime:
    """A model as `serve` has it.

    Args:
        directory: where the file and the prepared folder go.
        model: fitted.
        settings: of `ModelSettings`.
    """
    models = directory / "models"
    models.mkdir(exist_ok=True)
    (directory / "prepared").mkdir()
    joblib.dump(model, models / "model.joblib")
    prepare_model(ModelSettings(model_dir=models, **settings), directory / "prepared")
    runtime = load_prepared(models, directory / "prepared")
    runtime.warm_up()
    return runtime
