"""Every command that shows what a preflight found out shows which of several models serves, and why."""

import argparse
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from modelway.__main__ import main
from modelway.api.v1alpha1 import ModelDeployment
from modelway.cli.argument_types import named_path
from modelway.cli.evidence_text import describe_evidence
from modelway.cli.history import describe, table
from modelway.cli.local_preflight import LocalFiles, preflight_processes
from modelway.cli.preflight_output import render
from modelway.cli.preflight_result import Result, result_of
from modelway.cli.revisions import NoWayBack, Record, restore
from modelway.cli.undo import left_out
from modelway.desired.evidence import Evidence, candidates_in
from modelway.desired.revision import revision_of
from support.operator.contests import OFF, SPEC, TABLE, WANTED, WHY
from support.operator.observed import owner
from support.operator.specs import Object

CRITERION = {"metric": "accuracy", "rule": "min", "threshold": 0.5, "low": 0.9, "outcome": "passed", "rows": 90}
PLACE = Path("/place")
LINES: list[dict[str, Any]] = [
    *({"candidate": one["name"], **{part: one[part] for part in one if part != "name"}} for one in TABLE[:2]),
    {"candidate": "inside", "reason": "LoadFailed", "message": "it raised ValueError"},
    {**CRITERION, "candidate": "model", "value": 0.93},
    {**CRITERION, "candidate": "small", "value": 0.92},
    {"candidate": "model", "test": "known", "outcome": "passed"},
    {"candidate": "inside", "test": "known", "outcome": "failed", "problem": "it is not so"},
    {"reason": "Proved", "choice": "small", "message": WHY.removesuffix(".")},
]
FOUND = candidates_in({"candidates": TABLE})
ACCEPTED = Evidence(accepted=True, reason="Proved", choice="small", candidates=FOUND)


def _result() -> Result:
    return result_of(LINES)


# modelway evaluate ------------------------------------------------------------------------------------------------------------------------


def test_text_shows_the_choice_the_reason_and_the_table() -> None:
    lines = render(_result(), "fraud", "text").splitlines()
    assert lines[0] == f"fraud passed: {WHY}"
    assert lines[2:6] == [
        "CANDIDATE   VALUE   INTERVAL      MS A ROW   MEMORY MIB   SIZE MIB   ENGINE   OUTCOME",
        "model       0.93    0.9 to 0.95   3          80           -          trees    fit",
        "small       0.92    0.9 to 0.94   0.4        12           -          onnx     serves",
        "inside      -       -             -          -            -          -        LoadFailed: it raised ValueError",
    ]
    assert lines[7].startswith("METRIC")
    (limit,) = lines[8:]
    assert limit.split()[:5] == ["accuracy", "-", "min", "0.5", "0.92"], "the limits are those of the choice"


def test_limits_of_all_are_shown_where_none_serves() -> None:
    refusal = {"reason": "EvaluationFailed", "message": "no", "remedy": "Train."}
    lines = render(result_of([*LINES[:-1], refusal]), "fraud", "text").splitlines()
    assert [line.split()[:2] for line in lines[-2:]] == [["model:", "accuracy"], ["small:", "accuracy"]]
    assert "  inside: known: failed: it is not so" in lines


def test_markdown_has_the_table_of_candidates() -> None:
    lines = render(_result(), "fraud", "markdown").splitlines()
    assert "| small | 0.92 | 0.9 to 0.94 | 0.4 | 12 | - | onnx | serves |" in lines


def test_json_has_the_choice_and_the_candidates() -> None:
    document = json.loads(render(_result(), "fraud", "json"))
    assert document["choice"] == "small"
    assert document["candidates"][1]["latencyMilliseconds"] == 0.4
    assert document["candidates"][2] == {"name": "inside", "reason": "LoadFailed", "message": "it raised ValueError"}
    assert not {"choice", "candidates"} & json.loads(render(result_of(LINES[-1:]), "x", "json")).keys() - {"choice"}


def test_candidate_that_is_out_fails_no_case_of_junit() -> None:
    suite = ET.fromstring(render(_result(), "fraud", "junit")).find("testsuite")
    assert suite is not None
    names = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert names["inside"] == ["skipped"]
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")


def _options(files: LocalFiles) -> dict[str, dict[str, str]]:
    """The options of each process, by its name."""
    pod = preflight_processes(WANTED, OFF, PLACE, files)
    return {process.name: dict(argument.partition("=")[::2] for argument in process.arguments[1:]) for process in pod}


def test_candidates_lie_in_folders_of_this_machine() -> None:
    options = _options(LocalFiles(candidates={"small": "file:///small.onnx"}))
    assert options["fetch-candidate-1"]["--uri"] == "file:///small.onnx"
    assert options["fetch-candidate-2"]["--uri"] == "file:///models/inside.joblib"
    small, _, int8 = json.loads(options["prove"]["--candidates"])
    assert small["modelDir"] == options["fetch-candidate-1"]["--dest"] == f"{PLACE}/mnt/candidates/1/model"
    assert small["preparedDir"] == options["prepare-candidate-1"]["--prepared-dir"]
    assert int8["preparedDir"] == options["prepare-int8"]["--prepared-dir"] == f"{PLACE}/mnt/prepared-int8"


def test_model_to_compare_with_must_load() -> None:
    options = _options(LocalFiles(against="file:///old.joblib"))
    assert "--note-failure" in options["prepare"]
    assert "--note-failure" not in options["prepare-stable"]


@pytest.mark.parametrize("text", ["small", "=small.onnx", "small="])
def test_candidate_without_a_file_is_a_wrong_option(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match=r"write small=models/small[.]onnx"):
        named_path(text)


def _file(folder: Path) -> str:
    path = folder / "model.yaml"
    path.write_text(json.dumps(owner(SPEC).document))
    return str(path)


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ("--candidate=other=x.onnx", "the file has no candidate other in spec.model.candidates, only small, inside"),
        ("--candidate=small=absent.onnx", "--candidate: there is no absent.onnx"),
    ],
)
def test_wrong_candidate_is_named(option: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["evaluate", "-f", _file(tmp_path), option]) == 2
    assert says in capsys.readouterr().err


# modelway explain, history and undo -------------------------------------------------------------------------------------------------------


def test_explain_tells_each_candidate() -> None:
    entry = {"revision": "a", "verdict": "Accepted", "choice": "small", "candidates": [dict(one) for one in FOUND]}
    assert list(describe_evidence({"status": {"revisions": [entry]}})) == [
        ("revision a", "accepted, small serves"),
        ("", "model 0.93 (0.9 to 0.95), 3 ms a row, 80 MiB of memory, trees: fit"),
        ("", "small 0.92 (0.9 to 0.94), 0.4 ms a row, 12 MiB of memory, onnx: serves"),
        ("", "inside: LoadFailed"),
        ("", "int8: NothingToQuantise"),
    ]


def _resource(**spec: Any) -> Object:
    return {**owner({**SPEC, **spec}).document}


def _record(spec: Object, evidence: Evidence | None = None) -> Record:
    wanted = ModelDeployment.parse(owner(spec).document)
    return Record(1, revision_of(wanted).hash, "2026-01-01T00:00:00Z", revision_of(wanted).inputs, evidence)


def test_history_shows_the_uri_of_the_choice_and_the_table() -> None:
    rows = describe(_resource(), [_record(SPEC, ACCEPTED)])
    assert (rows[0]["model"], rows[0]["choice"]) == ("s3://models/small.onnx", "small")
    lines = table(rows, now=datetime(2026, 1, 1, tzinfo=UTC)).splitlines()
    assert lines[3] == "What competed in revision 1:"
    assert lines[6].split()[0] == "small"
    assert lines[6].endswith("serves")


ALONE: Object = {"model": {"uri": "s3://models/old.joblib"}}


def test_undo_of_a_contest_leaves_out_what_one_model_may_not_have() -> None:
    target = _record(ALONE)
    back = restore(_resource(), target)
    assert ModelDeployment.parse(back).spec.evaluation is not None
    assert revision_of(ModelDeployment.parse(back)).hash == target.hash
    assert left_out(_resource(), target) == [
        f"spec.preflight.evaluation.maxQualityLoss is removed: {target} has one model"
    ]
    assert left_out(_resource(), _record(SPEC)) == []


def test_undo_to_a_contest_needs_an_evaluation() -> None:
    with pytest.raises(NoWayBack, match=r"evaluation, which compares them, is gone"):
        restore({**_resource(), "spec": ALONE}, _record(SPEC))
    assert restore(_resource(**ALONE), _record(SPEC))["spec"]["model"]["candidates"]
