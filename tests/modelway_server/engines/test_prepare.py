"""A model is tried in a throwaway process, and what was found out is all that `serve` needs."""

import faulthandler
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import pytest
import sklearn

from modelway_server.engines.choose import prepare_model
from modelway_server.engines.folder import PREPARED, SEARCHING
from modelway_server.errors import LOAD_FAILURES, LoadCrashed, LoadFailure, LoadTimeout, OutOfMemory
from modelway_server.prepare import prepare as try_model
from modelway_server.process.child import run_in_child
from modelway_server.settings import ModelSettings
from support.models import Broken, mixed_pipeline
from support.server.prepared import prepare_runtime
from support.server.served import Served, begin


def prepare(directory: Path, model: Any, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit status of `prepare`, and its termination message."""
    (directory / "models").mkdir()
    joblib.dump(model, directory / "models" / "model.joblib")
    words = ["prepare", f"--model-dir={directory / 'models'}", f"--prepared-dir={directory / 'prepared'}", *arguments]
    environment = {**os.environ, "MODELWAY_TERMINATION_LOG": str(directory / "termination")}
    with (directory / "log").open("wb") as log:
        status = begin(words, environment, log).wait(60)
    message_file = directory / "termination"
    return status, json.loads(message_file.read_bytes()) if message_file.exists() else {}


def test_serve_starts_from_what_prepare_left(tmp_path: Path, launched: Callable[..., Served]) -> None:
    status, report = prepare(tmp_path, mixed_pipeline(), "--method=predict_proba", "--engine=native")
    assert (status, report["reason"]) == (0, "Prepared")
    assert report["format"] == "sklearn"
    assert report["engine"] == json.loads((tmp_path / "prepared" / PREPARED).read_text())["engine"]
    model = tmp_path / "models" / "model.joblib"
    server = launched(f"--prepared-dir={tmp_path / 'prepared'}", path=model).started()
    reply = server.predict({"instances": [{"age": None, "city": "Rome", "member": "no"}]})
    assert reply.status == 200, "nullable columns and the default method are those that prepare found"
    assert len(reply.body["predictions"][0]) == 2
    assert not [line for line in server.log if line["message"] == "prepared"]


def test_prepare_reports_that_another_version_saved_the_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sklearn.base.__version__", "1.3.2")
    _, report = prepare(tmp_path, mixed_pipeline(), "--engine=native")
    assert report["caution"] == f"saved with scikit-learn 1.3.2, served with {sklearn.__version__}: answers may differ"


def test_model_that_cannot_answer_is_refused_by_prepare(tmp_path: Path) -> None:
    status, report = prepare(tmp_path, Broken())
    assert (status, report["reason"]) == (25, "WarmupFailed")
    assert not (tmp_path / "prepared" / PREPARED).exists()


@pytest.mark.parametrize("signum", [signal.SIGKILL, signal.SIGTERM])
def test_model_is_served_after_its_search_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signum: signal.Signals
) -> None:
    monkeypatch.setattr("modelway_server.engines.choose._Choice.choose", lambda _: os.kill(os.getpid(), signum))
    models, directory = tmp_path / "models", tmp_path / "prepared"
    models.mkdir()
    joblib.dump(mixed_pipeline(), models / "model.joblib")
    with pytest.raises((OutOfMemory, LoadCrashed)):
        try_model(ModelSettings(model_dir=models, engine="onnx"), tmp_path / "wished", seconds=60)
    decided = try_model(ModelSettings(model_dir=models), directory, seconds=60)
    assert decided["engine"] == "estimator"
    assert (
        "looking for a faster engine ended the process: the process that loaded the model" in decided["engine_reason"]
    )
    assert (directory / PREPARED).exists()
    assert not (directory / SEARCHING).exists()


def test_container_killed_in_its_search_does_not_search_again(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    joblib.dump(mixed_pipeline(), tmp_path / "models" / "model.joblib")
    chosen = ModelSettings(model_dir=tmp_path / "models")
    assert prepare_model(chosen, tmp_path)["engine"] != "estimator"
    (tmp_path / PREPARED).rename(tmp_path / SEARCHING)
    assert "it was killed" in prepare_model(chosen, tmp_path)["engine_reason"]


def test_preparation_of_another_artifact_is_refused(tmp_path: Path, launched: Callable[..., Served]) -> None:
    prepare_runtime(tmp_path, mixed_pipeline())
    models = tmp_path / "other"
    models.mkdir()
    joblib.dump(mixed_pipeline(), models / "model.joblib")
    record = {"uri": "file:///m", "file": "model.joblib", "digest": "sha256:" + "0" * 64, "bytes": 1}
    (models / ".modelway.json").write_text(json.dumps(record))
    server = launched(f"--prepared-dir={tmp_path / 'prepared'}", f"--model-dir={models}")
    assert server.process.wait(timeout=60) == 24
    assert "prepare` again" in server.report["remedy"]


def die(signum: signal.Signals) -> dict[str, Any]:
    faulthandler.disable()  # the place of this one is known
    os.kill(os.getpid(), signum)
    signal.pause()
    return {}


def hoard() -> dict[str, Any]:
    raise MemoryError


def refuse(kind: type[LoadFailure]) -> dict[str, Any]:
    raise kind("for a reason", remedy="do this")


@pytest.mark.parametrize(
    ("work", "failure", "words"),
    [
        (lambda: die(signal.SIGSEGV), LoadCrashed, "SIGSEGV"),
        (lambda: die(signal.SIGKILL), OutOfMemory, "killed"),
        (lambda: os._exit(3), LoadCrashed, "exit status 3"),
        (hoard, OutOfMemory, "more memory"),
        (signal.pause, LoadTimeout, "within 0.3 s"),
    ],
)
def test_each_end_of_the_child_has_its_reason(work: Callable[[], Any], failure: type[LoadFailure], words: str) -> None:
    with pytest.raises(failure, match=words):
        run_in_child(work, seconds=0.3 if failure is LoadTimeout else 30)


@pytest.mark.parametrize("kind", LOAD_FAILURES)
def test_failure_in_the_child_is_the_same_outside(kind: type[LoadFailure]) -> None:
    with pytest.raises(kind) as error:
        run_in_child(lambda: refuse(kind), seconds=30)
    assert (error.value.message, error.value.remedy) == ("for a reason", "do this")


def test_large_result_of_the_child_arrives_whole() -> None:
    assert run_in_child(lambda: {"text": "é\n" * 200_000}, seconds=30) == {"text": "é\n" * 200_000}
