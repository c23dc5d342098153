"""The termination message and the exit code of a server that ends."""

import json
from pathlib import Path

import pytest

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


def test_exit_codes_and_reasons_are_unique() -> None:
    codes = [failure.exit_code for failure in errors.LOAD_FAILURES]
    assert codes == sorted(set(codes))
    assert all(failure("x").reason == failure.__name__ for failure in errors.LOAD_FAILURES)
