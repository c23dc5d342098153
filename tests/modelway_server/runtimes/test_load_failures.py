"""A model that cannot be served says why and what to do, in the words of its own failure."""

import json
import os
import pickle
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn.base
from sklearn.cluster import DBSCAN
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import LocalOutlierFactor
from sklearn.svm import SVC

from modelway_server.errors import LoadFailure, RuntimeVersionMismatch
from modelway_server.runtimes import load_runtime
from modelway_server.runtimes.base import Runtime
from modelway_server.runtimes.estimators.runtime import load_estimator
from support.files.hostile.assembly import pickled_name
from support.models import WINE, WINE_KINDS, Broken, Crashing, Stubborn, Told, wine_forest
from support.server.served import Served

Launch = Callable[..., Served]


def dump(content: Any) -> bytes:
    return pickle.dumps(content)


FOREST = dump(wine_forest())
FILES: list[tuple[bytes, str, str]] = [
    (b"", "InvalidArtifact", "is empty"),
    (b"hello, I am no model", "InvalidArtifact", "no model that is known"),
    (b"\x00\x01\x02\x03" * 50, "InvalidArtifact", "no model that is known"),
    (b"<!DOCTYPE html><html>Sign in</html>", "InvalidArtifact", "HTML"),
    (b"PK\x03\x04...", "InvalidArtifact", "ZIP archive"),
    (b"version https://git-lfs.github.com/spec/v1\n", "InvalidArtifact", "Git LFS pointer"),
    (b'{"rows": []}', "InvalidArtifact", "JSON"),
    (FOREST[: len(FOREST) // 2], "InvalidArtifact", "truncated or damaged"),
    (zlib.compress(FOREST)[:5000], "InvalidArtifact", "truncated or damaged"),
    (b"\x80\x04\xff\xff\xff\xff", "InvalidArtifact", "truncated or damaged"),
    (dump(LogisticRegression()), "InvalidArtifact", "before it was trained"),
    (dump(np.zeros(3)), "UnsupportedModel", "ndarray"),
    (dump({"model": wine_forest()}), "UnsupportedModel", "dict"),
    (dump(LogisticRegression), "UnsupportedModel", "class LogisticRegression"),
    (dump(DBSCAN().fit(WINE)), "UnsupportedModel", "DBSCAN cannot predict unseen rows"),
    (dump(LocalOutlierFactor().fit(WINE)), "UnsupportedModel", "cannot predict unseen rows"),
    (pickled_name("absent_package.models", "Model"), "MissingModule", "'absent_package'"),
    (pickled_name("__main__", "MyModel"), "MissingModule", "'MyModel'"),
    (pickled_name("support.models", "Absent"), "MissingModule", "support.models.Absent"),
    (pickled_name("json", "loads"), "UnsafeArtifact", "json.loads"),
    (pickled_name("sklearn.ensemble.forest", "Forest"), "RuntimeVersionMismatch", "sklearn.ensemble.forest"),
    (pickled_name("sklearn.ensemble", "Wood"), "RuntimeVersionMismatch", "has no Wood"),
    (pickled_name("xgboost.compat", "XGBoostLabelEncoder"), "RuntimeVersionMismatch", "has no XGBoostLabelEncoder"),
    (pickled_name("_loss", "CyGone"), "RuntimeVersionMismatch", "saved with scikit-learn another version"),
    (pickled_name("lightgbm.compat", "Gone"), "RuntimeVersionMismatch", "saved with LightGBM another version"),
    (
        pickled_name("pandas.core.indexes.numeric", "Int64Index"),
        "RuntimeVersionMismatch",
        "pandas.core.indexes.numeric",
    ),
]


@pytest.mark.parametrize(("content", "reason", "words"), FILES)
def test_file_that_is_no_model_has_its_reason(tmp_path: Path, content: bytes, reason: str, words: str) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(content)
    with pytest.raises(LoadFailure) as error:
        load_runtime(path, format="auto", method="auto")
    assert (error.value.reason, words in error.value.message) == (reason, True), error.value.message
    assert error.value.remedy


def test_truncated_joblib_file_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(wine_forest(), path)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(LoadFailure, match="truncated or damaged"):
        load_estimator(path, "auto")


def test_error_of_the_models_own_code_is_no_damage(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(Stubborn(ValueError("no licence")), path)
    with pytest.raises(LoadFailure) as error:
        load_estimator(path, "auto")
    assert (error.value.reason, "no licence" in error.value.message) == ("LoadFailed", True)


def test_method_unknown_to_the_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(SVC().fit(WINE, WINE_KINDS), path)
    with pytest.raises(LoadFailure) as error:
        load_estimator(path, "predict_proba")
    assert error.value.reason == "UnsupportedModel"
    assert "SVC has no predict_proba; it has predict, decision_function" in error.value.message


@pytest.mark.parametrize("compression", [None, "zlib", "gzip", "lzma", "xz", "bz2"])
def test_joblib_files_load_however_compressed(tmp_path: Path, compression: str | None) -> None:
    path = tmp_path / "any-name"
    joblib.dump(wine_forest(), path, compress=(compression, 3) if compression else 0)
    assert load_estimator(path, "auto").methods[0] == "predict"


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_plain_pickles_load(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "any-name"
    path.write_bytes(pickle.dumps(wine_forest(), protocol=protocol))
    assert load_estimator(path, "auto").methods[0] == "predict"


def of_version(model: Any, version: str, path: Path, monkeypatch: pytest.MonkeyPatch) -> Runtime:
    with monkeypatch.context() as patch:
        patch.setattr(sklearn.base, "__version__", version)
        joblib.dump(model, path)
    return load_estimator(path, "auto")


def test_another_version_is_only_noted_while_the_model_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = of_version(wine_forest(), "1.5.2", tmp_path / "model", monkeypatch)
    runtime.warm_up()
    assert runtime.description["saved_with_scikit_learn"] == "1.5.2"


def test_another_version_is_the_reason_when_the_model_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = LogisticRegression().fit(WINE / WINE.max(), WINE_KINDS)
    del model.classes_
    runtime = of_version(model, "1.5.2", tmp_path / "model", monkeypatch)
    with pytest.raises(RuntimeVersionMismatch, match=r"saved with scikit-learn 1\.5\.2, served with \d") as error:
        runtime.warm_up()
    assert f"served with {sklearn.__version__}:" in error.value.message
    assert f"{sklearn.__version__}, or run a server image with scikit-learn 1.5.2" in error.value.remedy


def test_process_ends_with_the_reports_exit_status(launched: Launch, tmp_path: Path) -> None:
    (tmp_path / "cut.joblib").write_bytes(FOREST[:3000])
    server = launched(path=tmp_path / "cut.joblib")
    assert server.process.wait(timeout=60) == 20
    assert server.report["reason"] == "InvalidArtifact"
    assert server.log[-1]["level"] == "error"
    assert not any("Traceback" in str(line) for line in server.log)


def test_model_that_fails_on_every_row_is_never_ready(launched: Launch) -> None:
    server = launched(model=Broken())
    assert server.process.wait(timeout=60) == 25
    assert "no prediction in me" in server.report["message"]


def test_model_that_never_loads_ends_in_time(launched: Launch) -> None:
    server = launched("--startup-timeout=4", model=Stubborn(600.0))
    assert server.process.wait(timeout=60) == 26
    assert server.report["reason"] == "LoadTimeout"


def test_crash_while_loading_leaves_the_place_in_the_log(launched: Launch) -> None:
    server = launched(model=Crashing())
    assert server.process.wait(timeout=60) == 27
    assert (server.report["reason"], "SIGSEGV" in server.report["message"]) == ("LoadCrashed", True)
    assert "in __setstate__" in (server.directory / "log").read_text()


def test_taken_port_is_reported_before_loading(launched: Launch) -> None:
    first = launched(model=Told().fit()).started()
    port = first.addresses["http"].rpartition(":")[2]
    second = launched(f"--http-port={port}", model=Told().fit())
    assert second.process.wait(timeout=60) == 3
    assert second.report["reason"] == "PortTaken"
    assert "in use" in second.report["message"]


def test_image_without_a_server_module_is_no_bad_model(tmp_path: Path) -> None:
    (tmp_path / "uvloop.py").write_text("raise ImportError('cannot import name Loop')")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "MODELWAY_TERMINATION_LOG": str(tmp_path / "report")}
    command = [sys.executable, "-m", "modelway_server", "serve", f"--model-dir={tmp_path}", "--name=m"]
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    report = json.loads((tmp_path / "report").read_text())
    assert (ended.returncode, report["reason"]) == (4, "ServerIncomplete")
    assert "ImportError: cannot import name Loop" in report["message"]
