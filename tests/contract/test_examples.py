"""Every example is trained as its README says, and its model answers the example's own request."""

import asyncio
import json
import runpy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from threadpoolctl import threadpool_limits

from modelway_server.artifacts.fetch import fetch
from modelway_server.artifacts.record import locate_model
from modelway_server.dataplane import DataPlane, Identity
from modelway_server.runtimes import load_runtime

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/modeldeployment.yaml"))
STORE = "models.model-store.svc:8080"


def located(uri: str, models: Path) -> str:
    """The URI of what a training script wrote, where the example's store would have it."""
    parts = urlsplit(uri)
    assert parts.netloc == STORE
    return f"file://{models}{parts.path}"


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_its_model_answers_its_request(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["train.py", str(tmp_path / "models")])
    monkeypatch.syspath_prepend(folder)
    with threadpool_limits(1):
        runpy.run_path(str(folder / "train.py"), run_name="__main__")
    spec: dict[str, Any] = yaml.safe_load((folder / "modeldeployment.yaml").read_text())["spec"]
    model, dest = spec["model"], tmp_path / "mnt"
    asyncio.run(fetch(located(model["uri"], tmp_path / "models"), dest, max_bytes=1 << 26, seconds=60, environ={}))
    runtime = load_runtime(
        locate_model(dest),
        format=model.get("format", "auto"),
        method=spec.get("runtime", {}).get("method", "auto"),
        trusted_types=tuple(model.get("trustedTypes", ())),
    )
    runtime.warm_up()
    query = DataPlane(runtime, Identity(name=folder.name)).read_infer((folder / "request.json").read_bytes())
    outputs = {name: array for method in query.asked for name, array in _call(runtime, method, query.rows).items()}
    answer = json.loads(query.encode(outputs).content)
    assert [output["shape"][0] for output in answer["outputs"]] == [2] * len(answer["outputs"])
    assert answer["id"] == json.loads((folder / "request.json").read_text())["id"]


def _call(runtime: Any, method: str, rows: Any) -> dict[str, Any]:
    outputs: dict[str, Any] = runtime.call(method, rows.values, rows.count)
    return outputs


def test_every_example_is_told_of() -> None:
    listed = (ROOT / "examples" / "README.md").read_text()
    folders = sorted(path.parent.name for path in (ROOT / "examples").glob("*/README.md"))
    assert [name for name in folders if f"]({name})" not in listed] == []
