"""`modelway-server prove` with candidates: all are tried, one serves, and the report says which, why, and what of the others."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modelway_server.engines.failure_note import note_failure
from modelway_server.errors import NothingToQuantise, OutOfMemory
from modelway_server.preflight.contestants import InvalidCandidates, read_candidates
from support.models import WINE
from support.server.served import begin

pytestmark = pytest.mark.slow
COLUMNS = [f"x{index}" for index in range(4)]


def rows_of(count: int, seed: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Rows of two classes, of which one in ten is on the wrong side."""
    draw = np.random.default_rng(seed)
    rows = draw.normal(size=(count, 4))
    return rows, np.where(draw.random(count) < 0.9, rows[:, 0] + rows[:, 1] > 0, rows[:, 0] + rows[:, 1] <= 0).astype(
        int
    )


TRAINING = rows_of(600, 0)
MODELS: dict[str, Callable[[], Any]] = {
    "forest": lambda: RandomForestClassifier(300, min_samples_leaf=5, random_state=0).fit(*TRAINING),
    "linear": lambda: LogisticRegression().fit(*TRAINING),
    "network": lambda: make_pipeline(StandardScaler(), MLPClassifier((16,), random_state=0, max_iter=900)).fit(
        *TRAINING
    ),
    "dummy": lambda: DummyClassifier().fit(*TRAINING),
    "wide": lambda: LogisticRegression(max_iter=1000).fit(WINE[:, :5], WINE[:, 0] > 13),
}


class Ended(NamedTuple):
    """How the command ended: its status, its termination message, and the lines of its output."""

    status: int
    report: dict[str, Any]
    lines: list[dict[str, Any]]

    def row(self, name: str) -> dict[str, Any]:
        """What the termination message says of a model."""
        return next(row for row in self.report["candidates"] if row["name"] == name)


def run(words: list[str], directory: Path) -> Ended:
    message = directory / "termination"
    message.unlink(missing_ok=True)
    with (directory / "log").open("wb") as log:
        status = begin(words, {**os.environ, "MODELWAY_TERMINATION_LOG": str(message)}, log).wait(120)
    lines = [json.loads(line) for line in (directory / "log").read_text().splitlines() if line.startswith("{")]
    report = json.loads(message.read_bytes()) if message.exists() else {}
    return Ended(status, report, [line for line in lines if "logger" not in line])


class Field:
    """Models that are prepared once for all tests, and what proves them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        rows, target = rows_of(3000, 1)
        (directory / "dataset").mkdir()
        frame = pd.DataFrame(rows, columns=COLUMNS).assign(label=target)
        frame.to_csv(directory / "dataset" / "rows.csv", index=False)

    def prepared(self, name: str, *options: str) -> list[Path]:
        """The folders of a model."""
        models, prepared = self.directory / name / "models", self.directory / name / "-".join(["prepared", *options])
        if not models.exists():
            models.mkdir(parents=True)
            joblib.dump(MODELS[name](), models / "model.joblib")
        if not prepared.exists():
            words = ["prepare", f"--model-dir={models}", f"--prepared-dir={prepared}", "--note-failure", *options]
            assert run(words, self.directory).status == 0
        return [models, prepared]

    def prove(
        self, *names: str, options: tuple[str, ...] = ("--exit-zero",), contract: str = "Any", **evaluation: Any
    ) -> Ended:
        """The first model against the others; `int8` is the first with 8-bit weights."""
        first, *others = names
        models, prepared = self.prepared(first)
        candidates = []
        for name in others:
            folders = self.prepared(first, "--precision=int8") if name == "int8" else self.prepared(name)
            candidates.append({"name": name, "modelDir": str(folders[0]), "preparedDir": str(folders[1])})
        metric = {"name": "accuracy", "min": evaluation.pop("min", 0.8)}
        spec = {"contract": contract, "evaluation": {"target": "label", "metrics": [metric], **evaluation}}
        words = ["prove", f"--model-dir={models}", f"--prepared-dir={prepared}", f"--spec={json.dumps(spec)}"]
        words += [f"--candidates={json.dumps(candidates)}", f"--dataset-dir={self.directory / 'dataset'}", *options]
        return run(words, self.directory)


@pytest.fixture(scope="module")
def field(tmp_path_factory: pytest.TempPathFactory) -> Field:
    return Field(tmp_path_factory.mktemp("field"))


def test_best_of_three_serves(field: Field) -> None:
    ended = field.prove("forest", "linear", "dummy")
    assert (ended.status, ended.report["reason"]) == (0, "Proved"), ended
    values = {row["name"]: row["value"] for row in ended.report["candidates"]}
    assert list(values) == ["model", "linear", "dummy"]
    assert ended.report["choice"] == max(values, key=lambda name: float(values[name]))
    assert ended.row("dummy")["reason"] == "EvaluationFailed"
    assert "is the best of 2" in ended.report["message"]
    assert ended.report["evaluation"][0]["outcome"] == "passed"
    assert ended.report["rows"] == 3000


def test_cheap_model_within_the_loss_serves(field: Field) -> None:
    ended = field.prove("forest", "linear", maxQualityLoss=0.2)
    assert (ended.status, ended.report["choice"]) == (0, "linear"), ended
    cheap, dear = ended.row("linear"), ended.row("model")
    assert cheap["latencyMs"] * cheap["memoryMiB"] < dear["latencyMs"] * dear["memoryMiB"]
    assert cheap["low"] < cheap["value"] < cheap["high"]
    assert cheap["sizeMiB"] < dear["sizeMiB"]
    assert (cheap["engine"], dear["engine"]) == ("linear", "onnx")


def test_weights_of_8_bits_compete_too(field: Field) -> None:
    ended = field.prove("network", "int8", maxQualityLoss=0.1)
    assert ended.report["reason"] == "Proved", ended
    eight_bits, whole = ended.row("int8"), ended.row("model")
    assert eight_bits["engine"] == "onnx"
    assert eight_bits["value"] == pytest.approx(whole["value"], abs=0.05)
    assert 0 < eight_bits["sizeMiB"] != whole["sizeMiB"]


def test_noted_failure_and_broken_contract_stop_no_other(field: Field) -> None:
    models, prepared = field.prepared("linear")
    options = ("--exit-zero", f"--stable-model-dir={models}", f"--stable-prepared-dir={prepared}")
    ended = field.prove("forest", "int8", "wide", "linear", options=options, contract="Compatible")
    assert ended.report["reason"] == "Proved", ended
    assert ended.row("int8") == {"name": "int8", "reason": "NothingToQuantise"}
    wide = ended.row("wide")
    assert (wide["reason"], wide["engine"], "latencyMs" in wide) == ("ContractChanged", "linear", False)
    table = {line["candidate"]: line for line in ended.lines if "candidate" in line}  # the last line of each
    assert "is made of trees" in table["int8"]["message"]
    assert "a row has 5 values" in table["wide"]["message"]
    assert [name for name, line in table.items() if line.get("choice")] == [ended.report["choice"]] == ["linear"]
    assert {"candidate": "linear", "test": "the model's own example", "outcome": "passed"} in ended.lines


def test_all_that_are_refused_end_with_the_best(field: Field) -> None:
    ended = field.prove("dummy", "linear", "forest", min=0.99)
    assert (ended.status, ended.report["reason"]) == (0, "EvaluationFailed"), ended
    values = {row["name"]: row["value"] for row in ended.report["candidates"]}
    best = max(values, key=lambda name: float(values[name]))
    assert ended.report["message"].startswith(f"none of 3 candidates may serve; {best}: accuracy is 0.")
    assert {row["reason"] for row in ended.report["candidates"]} == {"EvaluationFailed"}
    assert "choice" not in ended.report
    assert ended.report["evaluation"][0]["outcome"] == "failed"
    assert field.prove("dummy", "linear", min=0.99, options=()).status == 41


def test_notes_of_all_end_with_that_of_the_model(field: Field, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    note_failure(NothingToQuantise("of trees"), tmp_path / "prepared")
    folders = {"modelDir": str(tmp_path / "models"), "preparedDir": str(tmp_path / "prepared")}
    words = ["prove", f"--model-dir={folders['modelDir']}", f"--prepared-dir={folders['preparedDir']}", "--exit-zero"]
    ended = run([*words, f"--candidates={json.dumps([{'name': 'other', **folders}])}"], field.directory)
    assert (ended.status, ended.report["reason"]) == (0, "NothingToQuantise")
    assert ended.report["message"] == "none of 2 candidates may serve; model: of trees"
    assert ended.report["candidates"] == [{"name": name, "reason": "NothingToQuantise"} for name in ("model", "other")]


def test_failure_that_may_pass_is_no_verdict(field: Field, tmp_path: Path) -> None:
    models, prepared = field.prepared("linear")
    note_failure(OutOfMemory("too large"), tmp_path / "prepared")
    other = {"name": "large", "modelDir": str(models), "preparedDir": str(tmp_path / "prepared")}
    words = ["prove", f"--model-dir={models}", f"--prepared-dir={prepared}", "--exit-zero"]
    ended = run([*words, f"--candidates={json.dumps([other])}"], field.directory)
    assert (ended.status, ended.report["reason"]) == (28, "OutOfMemory")
    assert ended.report["message"] == "candidate large: too large"


def test_dataset_that_cannot_be_read_is_no_models_fault(field: Field) -> None:
    ended = field.prove("linear", "forest", options=("--exit-zero", f"--dataset-dir={field.directory / 'linear'}"))
    assert ended.report["reason"] == "InvalidDataset"
    assert "candidate" not in ended.report["message"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "it is no JSON"),
        ("{}", "it must be an array"),
        ("[1]", r"\[0\] must be an object"),
        ('[{"name": "A", "modelDir": "/m", "preparedDir": "/p"}]', r"\[0\]\.name must be"),
        ('[{"name": "a", "modelDir": "/m"}]', r"\[0\] must name its folders"),
        ('[{"name": "a", "modelDir": "/m", "preparedDir": "/p", "trustedTypes": [1]}]', r"\[0\]\.trustedTypes"),
        ('[{"name": "model", "modelDir": "/m", "preparedDir": "/p"}]', "two are called 'model'"),
    ],
)
def test_list_of_candidates_that_is_none_says_why(text: str, words: str) -> None:
    with pytest.raises(InvalidCandidates, match=words):
        read_candidates(text, "model")
