"""One finite number is an answer; all else is told, and never taken for one."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.cluster.metric_answers import NoReading, counts_of, number_of, webhook_counts, webhook_value
from modelway.rollout.judge import Counts


def answer(result: Any, kind: str = "vector") -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


def series(value: str) -> dict[str, Any]:
    return {"metric": {"pod": "a"}, "value": [1764500000.0, value]}


@pytest.mark.parametrize("body", [answer([series("2.5")]), answer([1764500000.0, "2.5"], "scalar")])
def test_one_number_is_read(body: bytes) -> None:
    assert number_of(body) == 2.5


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (answer([]), "gives nothing: no series matches"),
        (answer([series("NaN")]), "gives NaN, which is no number: without requests, a ratio has none"),
        (answer([series("+Inf")]), r"gives \+Inf"),
        (answer([series("1"), series("2")]), "gives 2 series or more"),
        (answer([], "matrix"), "gives a matrix that is no number"),
        (answer([1, "x"], "string"), "gives a string"),
        (answer([{"value": None}]), "a value that is no number"),
        (answer(None), "gives a vector"),
        (b'{"status": "error", "error": "parse error: \\u001b[31m"}', r"refuses the query: parse error: \\x1b"),
        (b"<html>", "no JSON"),
        (b"[" * 20_000, "no JSON"),
        (b"[1]", "no object"),
        (b"{}", "does not say why"),
    ],
)
def test_what_is_not_one_number_says_why(body: bytes, why: str) -> None:
    with pytest.raises(NoReading, match=why):
        number_of(body)


@given(st.binary() | st.recursive(st.none() | st.text() | st.floats(), st.lists).map(answer))
def test_no_answer_breaks_the_reader(body: bytes) -> None:
    for read in (number_of, webhook_value, lambda it: webhook_counts(it, with_stable=True)):
        try:
            read(body)
        except NoReading:
            continue


@pytest.mark.parametrize(
    ("bad", "trials", "counts"), [(2.9, 100.7, (2, 100)), (2.9999999, 100, (3, 100)), (0, 0, (0, 0))]
)
def test_fractions_of_counts_are_dropped(bad: float, trials: float, counts: tuple[int, int]) -> None:
    assert counts_of(bad, trials) == Counts(*counts)


@pytest.mark.parametrize(("bad", "trials"), [(-1, 5), (5, 4), (1, 1e16)])
def test_numbers_that_are_no_counts_are_told(bad: float, trials: float) -> None:
    with pytest.raises(NoReading, match=r"bad is|trials is"):
        counts_of(bad, trials)


def test_webhook_counts_and_speaks() -> None:
    body = b'{"bad": 1, "trials": 10, "stableBad": 2, "stableTrials": 30, "message": "from 3 shops"}'
    assert webhook_counts(body, with_stable=True) == (Counts(1, 10), Counts(2, 30), "from 3 shops")
    assert webhook_counts(body, with_stable=False) == (Counts(1, 10), None, "from 3 shops")


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b'{"message": "no orders yet"}', "has no value: it says 'no orders yet'"),
        (b'{"value": "1"}', "is no number"),
        (b'{"value": true}', "is no number"),
        (b'{"value": NaN}', "is no number"),
    ],
)
def test_webhook_without_a_value_says_why(body: bytes, why: str) -> None:
    with pytest.raises(NoReading, match=why):
        webhook_value(body)
