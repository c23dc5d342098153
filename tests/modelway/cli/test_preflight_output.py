"""What `modelway evaluate` prints: text, JSON, Markdown and JUnit's XML of one result."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.cli.preflight_output import headline, render
from modelway.cli.preflight_result import NOT_TRIED, PASSED, REFUSED, result_of, result_of_failure

RECALL: dict[str, Any] = {
    "metric": "recall", "rule": "min", "threshold": 0.8, "slice": "country=DE", "value": 0.91234, "low": 0.88, "high": 0.94,
    "outcome": "passed", "rows": 500,
}  # fmt: skip
COMPARED: dict[str, Any] = {
    "metric": "recall", "rule": "notWorseThanStableBy", "threshold": -0.01, "value": 0.91, "stable": 0.9, "difference": 0.01,
    "low": -0.02, "high": 0.04, "outcome": "inconclusive", "rows": 900, "rowsNeeded": 4000,
}  # fmt: skip
TEST = {"test": "known", "outcome": "passed"}
WRONG: dict[str, Any] = {"test": "other|one", "outcome": "failed", "problem": "predictions[0] is 0, expected 1"}
CHANGE = {"change": "column age is gone", "breaks": True}
PROVED = {"reason": "Proved", "message": "2 of 2 limits passed", "rows": 900}
FAILURE: dict[str, Any] = {"reason": "EvaluationFailed", "message": "recall is 0.5", "remedy": "Train it again."}


def cases(text: str) -> Mapping[str, Sequence[str]]:
    """The tags in each case of a JUnit document, by its name."""
    return {case.attrib["name"]: [child.tag for child in case] for case in ET.fromstring(text).iter("testcase")}


@pytest.mark.parametrize(
    ("verdict", "status"),
    [
        (PROVED, PASSED),
        (FAILURE, REFUSED),
        ({**FAILURE, "reason": "SmokeTestFailed"}, REFUSED),
        ({**FAILURE, "reason": "InvalidDataset"}, NOT_TRIED),
        ({**FAILURE, "reason": "InvalidDataset", "message": "the stable revision x: no"}, NOT_TRIED),
    ],
)
def test_status_says_whether_the_model_itself_is_refused(verdict: dict[str, Any], status: int) -> None:
    assert result_of([verdict]).exit_status == status


@pytest.mark.parametrize(
    ("report", "is_candidates", "status"),
    [
        ({"reason": "UnsafeArtifact", "message": "m", "remedy": "r"}, True, REFUSED),
        ({"reason": "UnsafeArtifact", "message": "m", "remedy": "r"}, False, NOT_TRIED),
        ({"reason": "ModelNotFound", "message": "m", "remedy": "r"}, False, NOT_TRIED),
        ({"reason": "LoadTimeout", "message": "m", "remedy": "r"}, True, NOT_TRIED),
        ({"reason": "LoadCrashed", "message": "the stable revision x: m", "remedy": "r"}, True, NOT_TRIED),
    ],
)
def test_failure_of_another_process_is_no_refusal(report: dict[str, str], is_candidates: bool, status: int) -> None:  # noqa: FBT001  (a case)
    assert result_of_failure(report, is_candidates=is_candidates).exit_status == status


def test_text_shows_the_verdict_and_a_table_of_metrics() -> None:
    text = render(result_of([CHANGE, TEST, WRONG, RECALL, COMPARED, PROVED]), "fraud", "text")
    assert text.splitlines() == [
        "fraud passed: 2 of 2 limits passed.",
        "",
        "Contract:",
        "  column age is gone (breaks clients)",
        "",
        "Smoke tests:",
        "  known: passed",
        "  other|one: failed: predictions[0] is 0, expected 1",
        "",
        "METRIC   SLICE        LIMIT                       VALUE    STABLE   DIFFERENCE   INTERVAL        ROWS   OUTCOME",
        "recall   country=DE   min 0.8                     0.9123   -        -            0.88 to 0.94    500    passed",
        "recall   -            notWorseThanStableBy 0.01   0.91     0.9      0.01         -0.02 to 0.04   900    inconclusive (needs 4000 rows)",
    ]


def test_refused_model_has_its_reason_and_remedy_first() -> None:
    text = render(result_of([FAILURE]), "fraud", "text")
    assert text == "fraud is refused: EvaluationFailed: recall is 0.5.\nTrain it again.\n"
    assert headline(result_of([{**FAILURE, "reason": "InvalidDataset"}]), "fraud").startswith("fraud was not tried: ")


def test_skipped_limits_are_told_once() -> None:
    note = {"skipped": "recall.notWorseThanStableBy is not judged: there is no stable revision."}
    verdict = {**PROVED, "message": f"1 of 1 limits passed. {note['skipped']}"}
    assert render(result_of([note, verdict]), "fraud", "text").count("no stable revision") == 1
    assert render(result_of([note, FAILURE]), "fraud", "text").count("no stable revision") == 1


def test_json_holds_all_that_was_found() -> None:
    document = json.loads(render(result_of([CHANGE, TEST, RECALL, PROVED]), "fraud", "json"))
    assert (document["name"], document["passed"], document["exitStatus"], document["reason"]) == (
        "fraud",
        True,
        0,
        "Proved",
    )
    assert (document["changes"], document["tests"], document["criteria"]) == ([CHANGE], [TEST], [RECALL])


def test_markdown_keeps_its_table_whatever_the_names() -> None:
    text = render(result_of([WRONG, {**RECALL, "slice": "a|b=<b>"}, FAILURE]), "fraud", "markdown")
    lines = text.splitlines()
    assert lines[0] == "### ❌ fraud is refused: EvaluationFailed: recall is 0.5."
    assert lines[2] == "Train it again."
    (row,) = [line for line in lines if line.startswith("| recall")]
    assert "a\\|b=\\<b\\>" in row
    assert row.count("|") - row.count("\\|") == 10
    assert "- smoke test other\\|one: failed: predictions\\[0\\] is 0, expected 1" in lines


def test_junit_has_a_case_for_each_test_and_limit() -> None:
    text = render(
        result_of([CHANGE, TEST, WRONG, RECALL, COMPARED, {**FAILURE, "reason": "SmokeTestFailed"}]), "fraud", "junit"
    )
    assert cases(text) == {
        "contract": ["system-out"],
        "known": [],
        "other|one": ["failure"],
        "recall min country=DE": ["system-out"],
        "recall notWorseThanStableBy": ["skipped"],
    }
    suite = ET.fromstring(text).find("testsuite")
    assert suite is not None
    assert {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "5",
        "failures": "1",
        "errors": "0",
        "skipped": "1",
    }


@pytest.mark.parametrize(
    ("lines", "case", "tags"),
    [
        ([COMPARED, {**FAILURE, "reason": "EvaluationInconclusive"}], "recall notWorseThanStableBy", ["failure"]),
        ([CHANGE, {**FAILURE, "reason": "ContractChanged"}], "contract", ["failure"]),
        ([{**RECALL, "outcome": "failed"}, FAILURE], "recall min country=DE", ["failure"]),
        ([{**FAILURE, "reason": "UnsafeArtifact"}], "preflight", ["failure"]),
        ([TEST, {**FAILURE, "reason": "InvalidDataset"}], "preflight", ["error"]),
    ],
)
def test_refused_model_fails_a_case_of_junit(lines: list[dict[str, Any]], case: str, tags: list[str]) -> None:
    assert cases(render(result_of(lines), "fraud", "junit"))[case] == tags


@given(st.text(), st.sampled_from(["text", "json", "markdown", "junit"]))
def test_every_text_can_be_shown(text: str, output: str) -> None:
    lines: list[dict[str, Any]] = [
        {**WRONG, "test": text, "problem": text or "x"},
        {**RECALL, "slice": text},
        {**FAILURE, "message": text},
    ]
    shown = render(result_of(lines), "fraud", output)
    assert all(character.isprintable() or character == "\n" for character in shown)
    if output == "junit":
        assert len(list(ET.fromstring(shown).iter("testcase"))) == 2
    if output == "json":
        assert json.loads(shown)["reason"] == "EvaluationFailed"
