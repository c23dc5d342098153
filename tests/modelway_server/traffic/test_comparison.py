"""When two answers say the same."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from modelway_server.grpc.codec import encode_answer as encode_grpc
from modelway_server.grpc.queries import decode_message
from modelway_server.protocol import rows, v1, v2
from modelway_server.traffic.answers import Column, Decode, Undecodable, decode_json, decode_v2
from modelway_server.traffic.comparison import Agreement, Sizes, compare


def agreement(one: Any, other: Any, tolerance: float = 0.1) -> Agreement:
    """Of two predictions in V1."""
    stable, candidate = (decode_json(json.dumps({"predictions": each}).encode(), {}) for each in (one, other))
    return compare(stable, candidate, tolerance, Sizes())


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2], [1, 2], (2, 0)),
        ([100, 2], [101, 2], (1, 1)),
        (["a", "b"], ["a", "c"], (1, 1)),
        (["a", None], ["a", None], (2, 0)),
        (["a", None], ["a", "b"], (1, 1)),
        ([True, False], [True, True], (1, 1)),
        ([100.0, 200.0], [109.0, 181.0], (2, 0)),
        ([100.0, 200.0], [100.0, 230.0], (1, 1)),
        ([0.001, 300.0], [9.0, 300.0], (2, 0)),
        ([0.5, 0.2], [0.59, 0.11], (2, 0)),
        ([0.5, 0.2], [0.61, 0.2], (1, 1)),
        ([1.0, None], [1.0, None], (2, 0)),
        ([1.0, None], [1.0, 0.5], (1, 1)),
        ([[0.1, 0.9], [0.2, 0.8]], [[0.1, 0.9], [0.5, 0.5]], (1, 1)),
        ([[0.1, 0.9]], [[0.1, 0.9, 0.0]], (0, 1)),
        ([1.0, 2.0], [1.0], (0, 2)),
        ([[1, 0.5], [2, 0.5]], [[1, 0.52], [3, 0.5]], (1, 1)),
        ([[20, [0.5, 0.5]], [20, [0.4, 0.6]]], [[20, [0.5, 0.5]], [21, [0.4, 0.6]]], (1, 1)),
        ([{"a": 1.5, "b": "x"}], [{"a": 1.51, "b": "x"}], (1, 0)),
        ([{"a": 1.5, "b": "x"}], [{"a": 1.5, "b": "y"}], (0, 1)),
        ([{"a": 1.5}], [{"b": 1.5}], (0, 1)),
        ([1.5], ["1.5"], (0, 1)),
        ([], [], (0, 0)),
    ],
)
def test_predictions_agree_or_not(one: Any, other: Any, expected: tuple[int, int]) -> None:
    assert agreement(one, other) == expected


@pytest.mark.parametrize(("other", "disagree"), [(1050, 0), (1050.0, 0), (1300, 1)])
def test_integers_of_a_regressor_are_numbers(other: float, disagree: int) -> None:
    one, two = [Column("y", np.array([1000]))], [Column("y", np.array([other]))]
    assert compare(one, two, 0.1, Sizes(amounts=True)).disagree == disagree


def test_another_output_or_other_classes_disagree() -> None:
    values = np.array([1.0])
    one, other = [Column("predict", values)], [Column("score", values)]
    assert compare(one, other, 0.1, Sizes()) == (0, 1)
    assert compare(one, [], 0.1, Sizes()) == (0, 1)
    assert compare(one, [*one, *other], 0.1, Sizes()) == (0, 1)
    assert compare(one, [Column("predict", values, {"classes": ["a"]})], 0.1, Sizes()) == (0, 1)


def test_numbers_are_held_against_the_mean_of_all_answers() -> None:
    sizes = Sizes()
    large, small = np.array([1000.0] * 99), np.array([2.0])
    compare([Column("y", large)], [Column("y", large)], 0.1, sizes)
    assert compare([Column("y", small)], [Column("y", small + 90)], 0.1, sizes) == (1, 0)
    assert compare([Column("y", small)], [Column("y", small + 110)], 0.1, sizes) == (0, 1)


@pytest.mark.parametrize(
    ("usual", "one", "other", "expected"),
    [
        ([0.001], [0.001], [0.099], 1),
        ([0.001], [0.001], [0.0015], 0),
        ([0.001], [0.9], [0.85], 0),
        ([0.5], [0.001], [0.099], 0),
        ([0.999, 0.001], [0.999, 0.001], [0.901, 0.099], 1),
        ([0.99, 0.005, 0.005], [0.99, 0.005, 0.005], [0.92, 0.07, 0.01], 1),
        ([0.01] * 100, [0.01] * 100, [0.06] + [0.94 / 99] * 99, 0),
        ([40.0], [0.5], [0.7], 0),
    ],
)
def test_probabilities_are_held_against_what_is_usual(
    usual: list[float], one: list[float], other: list[float], expected: int
) -> None:
    sizes = Sizes()
    known, stable, candidate = ([Column("p", np.array([row]))] for row in (usual, one, other))
    for _ in range(200):
        compare(known, known, 0.1, sizes)
    assert compare(stable, candidate, 0.1, sizes) == (1 - expected, expected)


def test_first_probabilities_of_a_rare_event_do_not_decide_alone() -> None:
    assert agreement([0.0, 0.01], [0.02, 0.0]) == (2, 0)


def test_infinite_numbers_agree_with_themselves_alone() -> None:
    one, other = np.array([np.inf, -np.inf, np.nan]), np.array([np.inf, np.inf, 1.0])
    assert compare([Column("y", one)], [Column("y", one)], 0.1, Sizes()) == (3, 0)
    assert compare([Column("y", one)], [Column("y", other)], 0.1, Sizes()) == (1, 2)


VALUES = st.one_of(
    arrays.arrays(
        np.float64,
        st.tuples(st.just(3)) | st.tuples(st.just(3), st.integers(1, 4)),
        elements=st.floats(-1e200, 1e200) | st.sampled_from([np.nan, np.inf, -np.inf]),
    ),
    arrays.arrays(np.int64, st.just(3)),
    st.lists(st.text(max_size=5), min_size=3, max_size=3).map(lambda texts: np.array(texts, dtype=object)),
)


def encoded(values: Any) -> dict[str, tuple[bytes, dict[bytes, bytes], Decode]]:
    """An answer in every form: its bytes, its headers, and what reads it."""
    facts: dict[str, Any] = {
        "model": "m",
        "version": "",
        "request_id": "a",
        "outputs": {"predict": values},
        "classes": {},
    }
    plain, raw = v2.encode_answer(**facts), v2.encode_answer(**facts, binary=frozenset({"predict"}))
    length = {b"inference-header-content-length": str(raw.header_length).encode()} if raw.header_length else {}
    named = [rows.NamedOutput("prediction", values, ())]
    return {
        "v2": (plain.content, {}, decode_v2),
        "binary": (raw.content, length, decode_v2),
        "v1": (v1.encode_answer({"predict": values}), {}, decode_json),
        "rows": (rows.encode_answer(model="m", version="", count=3, outputs=named), {}, decode_json),
        "grpc": (encode_grpc(**facts, raw=False).SerializeToString(), {}, decode_message),
        "grpc raw": (encode_grpc(**facts, raw=True).SerializeToString(), {}, decode_message),
    }


@given(VALUES)
def test_every_answer_agrees_with_itself_in_every_form(values: Any) -> None:
    for form, (content, headers, decode) in encoded(values).items():
        columns = decode(content, headers)
        assert compare(columns, decode(content, headers), 0.0, Sizes()) == (3, 0), form


@given(VALUES, st.integers(0, 2))
def test_row_that_differs_is_found_in_every_form(values: Any, row: int) -> None:
    changed = values.copy()
    kind = values.dtype.kind
    finite = kind != "f" or bool(np.isfinite(values[row]).all())
    changed[row] = (
        "other"
        if kind == "O"
        else 7.0 + np.nan_to_num(np.abs(values), posinf=0.0).max() * 2
        if kind == "f"
        else values[row] ^ 1
    )
    if (kind == "f" and not np.isfinite(changed[row]).all()) or not finite:
        return
    for form, (content, headers, decode) in encoded(values).items():
        other, other_headers, _ = encoded(changed)[form]
        result = compare(decode(content, headers), decode(other, other_headers), 0.1, Sizes())
        assert result == (2, 1), form


@pytest.mark.parametrize("decode", [decode_v2, decode_json, decode_message])
@given(content=st.binary(max_size=60))
def test_what_is_no_answer_is_told_so(decode: Decode, content: bytes) -> None:
    try:
        decode(content, {})
    except Undecodable:
        return
