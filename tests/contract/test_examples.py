"""Every example is trained as its README says, and its model answers the example's own request."""

import asyncio
import json
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from threadpoolctl import threadpool_limits

from modelway.api.v1alpha1 import ModelDeployment
from modelway_server.artifacts.fetch import fetch
from modelway_server.artifacts.record import locate_model
from modelway_server.dataplane.identity import Identity
from modelway_server.dataplane.plane import DataPlane
from modelway_server.dataplane.v2 import read_v2
from modelway_server.runtimes import load_runtime
from support.pages.examples import EXAMPLES, LIBRARIES, MANIFESTS, trainable

STORE = "models.model-store.svc:8080"
Trained = Callable[[Path], Path]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """Runs an example's script once; the folder that it filled."""

    @cache
    def train(folder: Path) -> Path:
        models = tmp_path_factory.mktemp(folder.name)
        if folder.name in LIBRARIES:  # these set up the process in which they train for good
            subprocess.run([sys.executable, str(folder / "train.py"), str(models)], check=True)
            return models
        with threadpool_limits(1), pytest.MonkeyPatch.context() as patch:
            patch.setattr("sys.argv", ["train.py", str(models)])
            patch.syspath_prepend(folder)
            runpy.run_path(str(folder / "train.py"), run_name="__main__")
        return models

    return train


def locate(uri: str, models: Path) -> str:
    """The URI of what a training script wrote, where the example's store would have it."""
    parts = urlsplit(uri)
    assert parts.netloc == STORE
    return f"file://{models}{parts.path}"


@pytest.mark.slow
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("manifest", MANIFESTS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_example_model_answers_its_request(manifest: Path, trained: Trained, tmp_path: Path) -> None:
    folder = manifest.parent
    if not trainable(folder):
        pytest.skip("tried by make test-frameworks")
    models, own = trained(folder), manifest.with_suffix(".json")
    request = (own if own.exists() else folder / "request.json").read_bytes()
    document: dict[str, Any] = yaml.safe_load(manifest.read_text())
    ModelDeployment.parse(document)
    spec, model = document["spec"], document["spec"]["model"]
    asyncio.run(fetch(locate(model["uri"], models), tmp_path, max_bytes=1 << 26, seconds=60, environ={}))
    runtime = load_runtime(
        locate_model(tmp_path),
        format=model.get("format", "auto"),
        method=spec.get("runtime", {}).get("method", "auto"),
        trusted_types=tuple(model.get("trustedTypes", ())),
    )
    runtime.warm_up()
    query = read_v2(DataPlane(runtime, Identity(name=folder.name)), request)
    outputs = {name: array for method in query.methods for name, array in _call(runtime, method, query.rows).items()}
    answer = json.loads(query.encode(outputs).content)
    assert [output["shape"][0] for output in answer["outputs"]] == [2] * len(answer["outputs"])
    assert answer["id"] == json.loads(request)["id"]


def _call(runtime: Any, method: str, rows: Any) -> dict[str, Any]:
    outputs: dict[str, Any] = runtime.call(method, rows.values, rows.count)
    return outputs


def test_the_examples_name_the_image_of_this_release() -> None:
    files = [path for path in EXAMPLES.rglob("*") if path.is_file() and path.suffix in {"", ".yaml", ".md"}]
    named = {tag for path in files for tag in re.findall(r"modelway/server:(\d[.\d]*\d)", path.read_text())}
    assert named == {version("modelway")}


def test_every_example_is_listed() -> None:
    listed = (EXAMPLES / "README.md").read_text()
    folders = sorted(path.parent.name for path in EXAMPLES.glob("*/README.md"))
    assert [name for name in folders if f"]({name})" not in listed] == []
