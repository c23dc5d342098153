"""The document that `prove` gets as --spec."""

import json
from typing import Any

import pytest

from modelway_server.preflight.spec import InvalidPreflight, Preflight, SmokeTest, read_preflight

TEST: dict[str, Any] = {"request": {"instances": [[1]]}, "expect": {"predictions": [1]}}


def test_every_member_is_read() -> None:
    evaluation = {"target": "label"}
    document = {
        "enabled": True,
        "contract": "Compatible",
        "timeoutSeconds": 60,
        "smokeTests": [{"name": "first", "tolerance": 0.1, **TEST}],
        "evaluation": evaluation,
    }
    tests = (SmokeTest(name="first", tolerance=0.1, request=TEST["request"], expect=TEST["expect"]),)
    assert read_preflight(json.dumps(document)) == Preflight(
        contract="Compatible", smoke_tests=tests, evaluation=evaluation
    )


def test_absent_members_and_nulls_have_their_defaults() -> None:
    assert read_preflight("{}") == Preflight()
    (test,) = read_preflight(json.dumps({"smokeTests": [{"name": None, "tolerance": None, **TEST}]})).smoke_tests
    assert (test.name, test.tolerance) == ("smokeTests[0]", 1e-6)


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ([], "the document must be an object"),
        ({"smoketests": []}, "smoketests is unknown; it takes contract, enabled,"),
        ({"contract": "Same"}, "contract is 'Same'; write Any or Compatible"),
        ({"smokeTests": {}}, "smokeTests must be an array of at most 16 tests"),
        ({"smokeTests": [TEST] * 17}, "at most 16 tests"),
        ({"smokeTests": [TEST, 1]}, r"smokeTests\[1\] must be an object"),
        ({"smokeTests": [{**TEST, "expected": 1}]}, r"smokeTests\[0\].expected is unknown"),
        ({"smokeTests": [{**TEST, "name": 1}]}, r"smokeTests\[0\].name must be a string"),
        ({"smokeTests": [{"request": {}}]}, r"smokeTests\[0\].expect must be an object"),
        ({"smokeTests": [{**TEST, "tolerance": -1}]}, r"smokeTests\[0\].tolerance is -1; write a number of 0 or more"),
        ({"smokeTests": [{**TEST, "tolerance": True}]}, "tolerance is True"),
        ({"evaluation": []}, "evaluation must be an object"),
    ],
)
def test_wrong_member_is_named(document: Any, says: str) -> None:
    with pytest.raises(InvalidPreflight, match=says):
        read_preflight(json.dumps(document))


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000])
def test_text_that_is_no_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidPreflight):
        read_preflight(text)
