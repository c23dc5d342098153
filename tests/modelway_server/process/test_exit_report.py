"""The termination message and the exit code of a server that ends."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_server import errors
from modelway_server.process.exit_report import encode, report_failure


def test_report_has_the_reason_first_and_a_remedy(tmp_path: Path) -> None:
    path = tmp_path / "report"
    code = report_failure(errors.ModelNotFound("nothing at s3://a/b"), {"MODELWAY_TERMINATION_LOG": str(path)})
    document = json.loads(path.read_text())
    assert code == 10
    assert list(document) == ["reason", "message", "remedy"]
    assert document["reason"] == "ModelNotFound"


@pytest.mark.parametrize("text", ["x" * 5000, "é" * 5000, "😀" * 5000, '"\\' * 5000, "\x1b\u202e\ud800" * 5000])
def test_long_text_is_cut_at_a_whole_character(text: str) -> None:
    line = encode({"reason": "LoadFailed", "message": text, "remedy": "do it again"})
    assert 1400 < len(line) <= 1500
    document = json.loads(line)
    assert document["message"].endswith("…")
    assert document["remedy"] == "do it again"


def test_list_loses_whole_entries_from_its_end() -> None:
    entries: list[dict[str, str | float]] = [
        {"metric": "recall", "slice": f"country={index}", "value": 0.5} for index in range(100)
    ]
    document = json.loads(encode({"reason": "EvaluationFailed", "message": "m", "evaluation": entries}))
    left = document["evaluation"]
    assert 10 < len(left) < 100
    assert left == entries[: len(left)]


def test_list_without_room_is_left_out() -> None:
    document = json.loads(encode({"reason": "R", "message": "é" * 5000, "evaluation": [{"metric": "recall"}]}))
    assert document.keys() == {"reason", "message"}


ENTRIES = st.lists(st.fixed_dictionaries({"metric": st.text(max_size=40), "value": st.floats()}), max_size=40)


@given(
    st.sampled_from(["Proved", "EvaluationFailed"]), st.text(), st.text(max_size=3000), ENTRIES, st.integers(0, 2000)
)
def test_report_is_json_of_at_most_the_limit(
    reason: str, message: str, remedy: str, entries: list[dict[str, str | float]], times: int
) -> None:
    line = encode({"reason": reason, "message": message * times, "remedy": remedy, "evaluation": entries})
    assert len(line) <= 1500
    document = json.loads(line)
    assert next(iter(document.items())) == ("reason", reason)
    assert document.get("evaluation") != []


def test_exit_codes_and_reasons_are_unique() -> None:
    codes = [failure.exit_code for failure in errors.LOAD_FAILURES]
    assert codes == sorted(set(codes))
    assert all(failure("x").reason == failure.__name__ for failure in errors.LOAD_FAILURES)
