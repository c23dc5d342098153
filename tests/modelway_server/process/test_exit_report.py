"""What the server tells the cluster when it ends."""

import json
import logging
from pathlib import Path

import pytest

from modelway_server import errors
from modelway_server.process.exit_report import JsonFormatter, encode, report_failure, scrub


def test_the_reason_comes_first_and_the_remedy_is_there(tmp_path: Path) -> None:
    path = tmp_path / "report"
    code = report_failure(errors.ModelNotFound("nothing at s3://a/b"), {"MODELWAY_TERMINATION_LOG": str(path)})
    document = json.loads(path.read_text())
    assert code == 10
    assert list(document) == ["reason", "message", "remedy"]
    assert document["reason"] == "ModelNotFound"


@pytest.mark.parametrize("text", ["x" * 5000, "é" * 5000, "😀" * 5000, '"\\' * 5000, "\x1b\u202e\ud800" * 5000])
def test_a_long_text_is_cut_to_the_limit_at_a_character(text: str) -> None:
    line = encode({"reason": "LoadFailed", "message": text, "remedy": "do it again"})
    assert 1400 < len(line) <= 1500
    document = json.loads(line)
    assert document["message"].endswith("…")
    assert document["remedy"] == "do it again"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET https://ann:pw@host/m?X-Amz-Signature=s3cr3t#f failed", "GET https://host/m failed"),
        ("two\nlines\tand  spaces", "two lines and spaces"),
        ("\x1b[31mred\u202etxt", "\\x1b[31mred\\u202etxt"),
    ],
)
def test_a_text_shows_neither_credentials_nor_control_characters(text: str, shown: str) -> None:
    assert scrub(text) == shown


def test_exit_codes_and_reasons_are_unique() -> None:
    codes = [failure.exit_code for failure in errors.LOAD_FAILURES]
    assert codes == sorted(set(codes))
    assert all(failure("x").reason == failure.__name__ for failure in errors.LOAD_FAILURES)


def test_a_log_record_is_one_line_of_json_with_its_fields() -> None:
    record = logging.makeLogRecord({"msg": "got %s", "args": ("https://a:b@c/d",), "levelname": "INFO", "bytes": 7})
    line = JsonFormatter().format(record)
    assert "\n" not in line
    assert {"message": "got https://c/d", "bytes": 7, "level": "info"}.items() <= json.loads(line).items()
