"""An artifact on its way to serve, as a pod takes it: fetched, prepared, and proved."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from modelway_server.artifacts.fetch import fetch
from modelway_server.preflight.child import Deadline, Material, PreparedModel
from modelway_server.preflight.report import Report
from modelway_server.preflight.spec import read_preflight
from modelway_server.prepare import prepare
from modelway_server.prove import prove
from modelway_server.settings import ModelSettings

SECONDS = 120.0
Files = Mapping[str, bytes]


@dataclass(frozen=True, kw_only=True)
class Submission:
    """What somebody asks to be served.

    Attributes:
        store: the files of the store, by name.
        uri: of the model, within the store.
        cap: on its bytes.
        settings: of the model, as `prepare` gets them.
        preflight: spec.preflight.
        dataset: the files of the folder of the dataset.
        stable: the file of the model that serves.
    """

    store: Files
    uri: str = "model.joblib"
    cap: int = 1 << 26
    settings: Mapping[str, Any] = field(default_factory=dict)
    preflight: Mapping[str, Any] = field(default_factory=dict)
    dataset: Files = field(default_factory=dict)
    stable: bytes = b""


def submit(submission: Submission, directory: Path) -> None:
    """Take the artifact all the way to where a pod would serve it.

    Args:
        submission: what is asked.
        directory: an empty folder.

    Raises:
        LoadFailure: it is refused.
    """
    candidate = _prepared(submission.store, submission.uri, submission, directory / "candidate")
    stable = None
    if submission.stable:
        serves = Submission(store={"stable.joblib": submission.stable})
        stable = _prepared(serves.store, "stable.joblib", serves, directory / "stable")
    dataset_dir = _write(submission.dataset, directory / "dataset") if submission.dataset else None
    material = Material(candidate=candidate, stable=stable, dataset_dir=dataset_dir)
    verdict = prove(read_preflight(json.dumps(submission.preflight)), material, Deadline(SECONDS), Report())
    if verdict is not None:
        raise verdict


def _prepared(store: Files, uri: str, submission: Submission, directory: Path) -> PreparedModel:
    models, filled = directory / "models", directory / "prepared"
    source = f"file://{_write(store, directory / 'store')}/{uri}" if "://" not in uri else uri
    asyncio.run(fetch(source, models, max_bytes=submission.cap, seconds=SECONDS))
    prepare(ModelSettings(model_dir=models, **submission.settings), filled, seconds=SECONDS)
    return PreparedModel(model_dir=models, prepared_dir=filled)


def _write(files: Files, directory: Path) -> Path:
    directory.mkdir(parents=True)
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory
