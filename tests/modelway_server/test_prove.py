"""`modelway-server prove`: a prepared model is asked as `serve` would answer, and every verdict has its report."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score

from modelway_server.preflight.child import Deadline, Material, PreparedModel
from modelway_server.preflight.report import Report
from modelway_server.preflight.spec import read_preflight
from modelway_server.process.walls import NAMES
from modelway_server.prove import prove as in_process
from support.models import WINE, WINE_KINDS, Boastful, Spying
from support.server.served import SharedModel, begin, prepare_shared

pytestmark = pytest.mark.slow
KNOWN = {"instances": [{"age": 31, "city": "Oslo", "member": "no"}]}
TENSORS = {
    "inputs": [
        {"name": "age", "shape": [1], "datatype": "FP64", "data": [31]},
        {"name": "city", "shape": [1], "datatype": "BYTES", "data": ["Oslo"]},
        {"name": "member", "shape": [1], "datatype": "BYTES", "data": ["no"]},
    ],
    "outputs": [{"name": "predict"}],
}
TENSOR = {"inputs": [{"name": "rows", "shape": [1, 13], "datatype": "FP64", "data": WINE[0].tolist()}]}


class Ended(NamedTuple):
    """How a command ended: its status, its termination message, and what it wrote to its log."""

    status: int
    report: dict[str, Any]
    log: list[dict[str, Any]]


def prove(directory: Path, model: SharedModel, spec: Any = None, *arguments: str) -> Ended:
    """Run the command on a prepared model."""
    directory.mkdir(exist_ok=True)
    words = ["prove", f"--model-dir={model['path'].parent}", f"--prepared-dir={model['prepared']}", *arguments]
    words += [] if spec is None else [f"--spec={json.dumps(spec)}"]
    message = directory / "termination"
    with (directory / "log").open("wb") as log:
        status = begin(words, {**os.environ, "MODELWAY_TERMINATION_LOG": str(message)}, log).wait(60)
    lines = (directory / "log").read_text().splitlines()
    report = json.loads(message.read_bytes()) if message.exists() else {}
    return Ended(status, report, [json.loads(line) for line in lines if line.startswith("{")])


def proved(ended: Ended) -> dict[str, Any]:
    """The report of a model that is proved, and of which there is nothing more to tell."""
    return {"reason": "Proved", "fingerprint": ended.report["fingerprint"]}


def smoke_test(request: Any, expect: Any, **more: Any) -> dict[str, Any]:
    return {"smokeTests": [{"name": "known", "request": request, "expect": expect, **more}]}


@pytest.mark.parametrize(
    ("request_body", "expect"),
    [
        (KNOWN, {"predictions": ["yes"]}),
        (TENSORS, {"outputs": [{"name": "predict", "data": ["yes"], "datatype": "BYTES"}]}),
    ],
)
def test_model_with_the_expected_answer_is_proved(
    tmp_path: Path, mixed_model: SharedModel, request_body: Any, expect: Any
) -> None:
    ended = prove(tmp_path, mixed_model, smoke_test(request_body, expect))
    assert (ended.status, ended.report) == (0, proved(ended))
    assert {"test": "known", "outcome": "passed"} in ended.log
    assert ended.log[-1]["message"] == "proved" or proved(ended) in ended.log


def test_usual_tensor_of_numbers_is_asked_too(tmp_path: Path, forest_model: SharedModel) -> None:
    expect = {"outputs": [{"name": "predict", "shape": [1], "data": [0]}]}
    ended = prove(tmp_path, forest_model, smoke_test(TENSOR, expect))
    assert ended.report == proved(ended)


def test_without_smoke_tests_the_example_is_asked(tmp_path: Path, mixed_model: SharedModel) -> None:
    ended = prove(tmp_path, mixed_model)
    assert (ended.status, ended.report) == (0, proved(ended))
    assert {"test": "the model's own example", "outcome": "passed"} in ended.log


def test_other_answer_fails_with_its_place(tmp_path: Path, mixed_model: SharedModel) -> None:
    ended = prove(tmp_path, mixed_model, smoke_test(KNOWN, {"predictions": ["no"]}))
    assert ended.status == 40
    assert ended.report["reason"] == "SmokeTestFailed"
    assert ended.report["message"] == 'smoke test \'known\': predictions[0] is "yes", expected "no"'
    assert ended.report["remedy"].startswith("Correct the test in spec.preflight.smokeTests")


def test_refused_request_fails_with_its_field(tmp_path: Path, mixed_model: SharedModel) -> None:
    body = {"instances": [{"age": "old", "city": "Oslo", "member": "no"}]}
    spec = {"smokeTests": [{"request": body, "expect": {"predictions": []}}] * 3}
    message = prove(tmp_path, mixed_model, spec).report["message"]
    assert message.startswith(
        "smoke test 'smokeTests[0]': the request is refused: instances[0].age: column 'age' takes"
    )
    assert message.endswith("; 2 more smoke tests fail")


def test_answer_in_bytes_fails_its_smoke_test_with_a_reason(tmp_path: Path, forest_model: SharedModel) -> None:
    body = {**TENSOR, "outputs": [{"name": "predict", "parameters": {"binary_data": True}}]}
    ended = prove(tmp_path, forest_model, smoke_test(body, {"outputs": []}))
    assert ended.status == 40
    assert ended.report["message"] == "smoke test 'known': the answer is in bytes; leave binary_data out of the request"


def test_text_that_no_encoding_takes_is_told_in_escapes(tmp_path: Path, mixed_model: SharedModel) -> None:
    spec = {"smokeTests": [{"name": "\ud800\n", "request": KNOWN, "expect": {"predictions": ["\udfff"]}}]}
    ended = prove(tmp_path, mixed_model, spec)
    assert (ended.status, ended.report["reason"]) == (40, "SmokeTestFailed")
    assert [line["test"] for line in ended.log if "test" in line] == ["\\ud800"]


def test_with_exit_zero_the_report_alone_tells_of_a_verdict(tmp_path: Path, mixed_model: SharedModel) -> None:
    ended = prove(tmp_path, mixed_model, smoke_test(KNOWN, {"predictions": ["no"]}), "--exit-zero")
    assert (ended.status, ended.report["reason"]) == (0, "SmokeTestFailed")


def test_end_of_the_models_process_keeps_its_own_reason(tmp_path: Path, sleeping_model: SharedModel) -> None:
    spec = smoke_test({"instances": [[-666]]}, {"predictions": [0]})
    ended = prove(tmp_path, sleeping_model, spec, "--trusted-types=support.models.Told", "--exit-zero")
    assert (ended.status, ended.report["reason"]) == (28, "OutOfMemory")


def test_model_that_fails_on_a_request_fails_its_smoke_test(tmp_path: Path, sleeping_model: SharedModel) -> None:
    spec = smoke_test({"instances": [[-1]]}, {"predictions": [0]})
    ended = prove(tmp_path, sleeping_model, spec, "--trusted-types=support.models.Told")
    assert (ended.status, ended.report["reason"]) == (40, "SmokeTestFailed")
    assert ended.report["message"].endswith("the model refuses these rows: RuntimeError: told to fail")


def test_slow_model_ends_with_the_preflights_own_remedy(tmp_path: Path, sleeping_model: SharedModel) -> None:
    spec = smoke_test({"instances": [[60]]}, {"predictions": [0]})
    ended = prove(tmp_path, sleeping_model, spec, "--trusted-types=support.models.Told", "--timeout=5", "--exit-zero")
    assert (ended.status, ended.report["reason"]) == (26, "LoadTimeout")
    assert ended.report["message"] == "the model had not answered when the 5 s of the preflight were over"
    assert ended.report["remedy"].startswith("Raise spec.preflight.timeoutSeconds")


def stable(model: SharedModel) -> list[str]:
    """The options that name a stable model."""
    return [
        f"--stable-model-dir={model['path'].parent}",
        f"--stable-prepared-dir={model['prepared']}",
        "--stable-revision=abc",
    ]


@pytest.fixture(scope="module")
def regression(tmp_path_factory: pytest.TempPathFactory) -> SharedModel:
    """A regression on the forest's columns."""
    return prepare_shared(tmp_path_factory.mktemp("regression"), LinearRegression().fit(WINE, WINE_KINDS))


@pytest.fixture(scope="module")
def regression_forest(tmp_path_factory: pytest.TempPathFactory) -> SharedModel:
    """A forest with the contract of the regression; it takes missing values, too."""
    model = RandomForestRegressor(5, random_state=0).fit(WINE, WINE_KINDS)
    return prepare_shared(tmp_path_factory.mktemp("regression-forest"), model)


@pytest.mark.parametrize(("demand", "verdict"), [("Any", (0, "Proved")), ("Compatible", (43, "ContractChanged"))])
def test_changed_contract_is_told_and_refused_where_demand(
    tmp_path: Path, forest_model: SharedModel, regression: SharedModel, demand: str, verdict: tuple[int, str]
) -> None:
    ended = prove(tmp_path, regression, {"contract": demand}, *stable(forest_model))
    assert (ended.status, ended.report["reason"]) == verdict
    missing = "columns x0, x1, x2, x3, x4, x5, x6, x7, x8, x9 and 3 more may not be missing now"
    assert ended.report["contract"].startswith(
        f"{missing}; method predict_proba is gone; output predict is FP64 [rows]"
    )
    assert {"change": "method predict_proba is gone", "breaks": True} in ended.log


def test_compatible_contract_is_proved(tmp_path: Path, regression: SharedModel, regression_forest: SharedModel) -> None:
    ended = prove(tmp_path, regression_forest, {"contract": "Compatible"}, *stable(regression))
    assert (ended.status, ended.report["reason"]) == (0, "Proved")
    assert "may be missing now" in ended.report["contract"]


def test_unchanged_contract_is_not_told(tmp_path: Path, forest_model: SharedModel) -> None:
    ended = prove(tmp_path, forest_model, {}, *stable(forest_model))
    assert ended.report == proved(ended)


def test_model_is_asked_behind_walls(tmp_path: Path, mixed_model: SharedModel) -> None:
    walls = [line["message"] for line in prove(tmp_path, mixed_model).log if line.get("logger", "").endswith(".walls")]
    assert len(walls) == 1
    assert all(name in walls[0] for name in NAMES)


def test_what_a_model_prints_is_no_part_of_the_report(tmp_path: Path) -> None:
    model = prepare_shared(tmp_path, Boastful())
    words = [f"--model-dir={model['path'].parent}", f"--prepared-dir={model['prepared']}"]
    command = [sys.executable, "-m", "modelway_server", "prove", *words]
    environment = {**os.environ, "MODELWAY_TERMINATION_LOG": str(tmp_path / "termination")}
    ended = subprocess.run(command, env=environment, capture_output=True, check=False, timeout=60)
    assert b"I am perfect" in ended.stderr
    example, verdict = map(json.loads, ended.stdout.splitlines())
    assert example == {"test": "the model's own example", "outcome": "passed"}
    assert verdict.keys() == {"reason", "fingerprint"}


@pytest.mark.parametrize("spec", ["", "[]", '{"smokeTests": 1}', '{"contract": "Same"}'])
def test_wrong_spec_is_a_wrong_command_line(tmp_path: Path, mixed_model: SharedModel, spec: str) -> None:
    ended = prove(tmp_path, mixed_model, None, f"--spec={spec}")
    assert (ended.status, ended.report) == (2, {})
    assert f"argument --spec: {spec!r} is no preflight: " in (tmp_path / "log").read_text()


def dataset(directory: Path, **columns: Any) -> str:
    """The option that names a folder with the wines and their kinds, and more columns."""
    folder = directory / "dataset"
    folder.mkdir()
    rows = pd.DataFrame(WINE, columns=[f"x{index}" for index in range(13)])
    rows.assign(kind=WINE_KINDS, **columns).to_csv(folder / "wines.csv", index=False)
    return f"--dataset-dir={folder}"


def evaluation(*metrics: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"evaluation": {"dataset": {"uri": "file:///x"}, "target": "kind", "metrics": list(metrics), **more}}


def test_evaluated_model_is_proved_with_its_numbers(tmp_path: Path, forest_model: SharedModel) -> None:
    ended = prove(tmp_path, forest_model, evaluation({"name": "accuracy", "min": 0.5}), dataset(tmp_path))
    assert (ended.status, ended.report["reason"], ended.report["rows"]) == (0, "Proved", 178)
    (criterion,) = ended.report["evaluation"]
    assert (criterion["metric"], criterion["value"], criterion["outcome"]) == ("accuracy", 1.0, "passed")
    assert next(iter(ended.report)) == "reason"
    assert any(line.get("metric") == "accuracy" for line in ended.log)


def test_model_is_loaded_once_for_tests_and_rows(tmp_path: Path, forest_model: SharedModel) -> None:
    spec = evaluation({"name": "accuracy", "min": 0.5})
    log = prove(tmp_path, forest_model, spec, dataset(tmp_path)).log
    walls = [line for line in log if line.get("logger", "").endswith(".walls")]
    assert len(walls) == 2, "of the model, and of the gate"


def test_failed_smoke_test_comes_before_a_wrong_dataset(tmp_path: Path, forest_model: SharedModel) -> None:
    spec = smoke_test(TENSOR, {"outputs": []}) | evaluation({"name": "accuracy", "min": 0.5}, target="label")
    ended = prove(tmp_path, forest_model, spec, dataset(tmp_path))
    assert (ended.status, ended.report["reason"]) == (40, "SmokeTestFailed")


def test_container_without_room_for_the_gate_proves_the_same(
    tmp_path: Path, forest_model: SharedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset(tmp_path)
    reports = [Report(), Report()]
    for report, limit in zip(reports, (None, 1), strict=True):
        monkeypatch.setattr("modelway_server.preflight.evaluate.memory_limit", lambda limit=limit: limit)
        model = PreparedModel(model_dir=forest_model["path"].parent, prepared_dir=forest_model["prepared"])
        demands = read_preflight(json.dumps(evaluation({"name": "neg_log_loss", "min": -1})))
        material = Material(candidate=model, stable=model, dataset_dir=tmp_path / "dataset")
        in_process(demands, material, Deadline(60), report)
    assert reports[0] == reports[1]
    assert reports[0].trials[0].findings is not None


def test_worse_model_is_refused_with_its_numbers(tmp_path: Path, forest_model: SharedModel) -> None:
    spec = evaluation({"name": "neg_log_loss", "min": -0.001})
    ended = prove(tmp_path, forest_model, spec, dataset(tmp_path), "--exit-zero")
    assert (ended.status, ended.report["reason"]) == (0, "EvaluationFailed")
    assert [one["outcome"] for one in ended.report["evaluation"]] == ["failed"]
    assert ended.report["remedy"]


def test_candidate_is_compared_with_the_stable_model(
    tmp_path: Path, regression: SharedModel, regression_forest: SharedModel
) -> None:
    metric = {"name": "r2", "notWorseThanStableBy": 0.01}
    better = prove(tmp_path, regression_forest, evaluation(metric), dataset(tmp_path), *stable(regression))
    (criterion,) = better.report["evaluation"]
    assert (better.status, criterion["outcome"]) == (0, "passed")
    assert criterion["difference"] == pytest.approx(criterion["value"] - criterion["stable"], abs=1e-4)
    worse = prove(
        tmp_path, regression, evaluation(metric), f"--dataset-dir={tmp_path / 'dataset'}", *stable(regression_forest)
    )
    assert (worse.status, worse.report["reason"]) == (41, "EvaluationFailed")


def test_numbers_are_the_same_in_every_run(tmp_path: Path, forest_model: SharedModel) -> None:
    spec, place = (
        evaluation({"name": "neg_log_loss", "min": -1}, slices=["kind_of_day"]),
        dataset(tmp_path, kind_of_day="x"),
    )
    runs = [prove(tmp_path / name, forest_model, spec, place).log for name in ("first", "second")]
    lines = [[line for line in log if "metric" in line] for log in runs]
    assert lines[0]
    assert lines[0] == lines[1]


@pytest.mark.parametrize(
    ("metric", "target", "says"),
    [
        ({"name": "acuracy", "min": 0.5}, "kind", "there is no metric 'acuracy'"),
        ({"name": "accuracy", "min": 0.5}, "label", "the dataset has no column 'label'"),
    ],
)
def test_evaluation_that_cannot_be_made_says_why(
    tmp_path: Path, forest_model: SharedModel, metric: dict[str, Any], target: str, says: str
) -> None:
    ended = prove(tmp_path, forest_model, evaluation(metric, target=target), dataset(tmp_path))
    assert (ended.status, ended.report["reason"]) == (44, "InvalidDataset")
    assert says in ended.report["message"]


def test_model_never_sees_the_right_answers(tmp_path: Path) -> None:
    place = dataset(tmp_path)
    model = prepare_shared(tmp_path / "spy", Spying(str(tmp_path / "dataset" / "wines.csv")))
    ended = prove(tmp_path / "run", model, evaluation({"name": "r2", "max": 1}), place)
    (criterion,) = ended.report["evaluation"]
    assert criterion["value"] == pytest.approx(r2_score(WINE_KINDS, np.zeros(len(WINE_KINDS))), abs=1e-4)


def test_findings_are_told_where_the_stable_model_fails(
    tmp_path: Path, forest_model: SharedModel, sleeping_model: SharedModel
) -> None:
    other = stable(sleeping_model)
    other[1] = f"--stable-prepared-dir={tmp_path / 'absent'}"
    (tmp_path / "absent").mkdir()
    (tmp_path / "absent" / "prepared.json").write_bytes((forest_model["prepared"] / "prepared.json").read_bytes())
    spec = evaluation({"name": "accuracy", "notWorseThanStableBy": 0})
    ended = prove(tmp_path, forest_model, spec, dataset(tmp_path), *other, "--exit-zero")
    assert ended.status != 0
    assert ended.report["message"].startswith("the stable revision abc: ")
    assert {"test": "the model's own example", "outcome": "passed"} in ended.log


def test_evaluation_without_a_dataset_says_what_is_missing(tmp_path: Path, forest_model: SharedModel) -> None:
    ended = prove(tmp_path, forest_model, evaluation({"name": "accuracy", "min": 0.5}))
    assert (ended.status, ended.report["reason"]) == (44, "InvalidDataset")
    assert "--dataset-dir" in ended.report["remedy"]


def test_stable_model_that_does_not_take_the_rows_is_named(
    tmp_path: Path, forest_model: SharedModel, mixed_model: SharedModel
) -> None:
    spec = evaluation({"name": "accuracy", "notWorseThanStableBy": 0})
    ended = prove(tmp_path, forest_model, spec, dataset(tmp_path), *stable(mixed_model))
    assert ended.report["reason"] == "InvalidDataset"
    assert ended.report["message"].startswith("the stable revision abc: the model does not take the rows")
