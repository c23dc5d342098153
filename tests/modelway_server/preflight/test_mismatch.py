"""An answer is compared with what a test expects: members, entries, numbers within a tolerance."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_server.preflight.mismatch import find_mismatch

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@pytest.mark.parametrize(
    ("expected", "got"),
    [
        ({"predictions": [1]}, {"predictions": [1], "classes": [0, 1]}),
        ({}, {"predictions": []}),
        ({"a": {"b": [None, "x", True]}}, {"a": {"b": [None, "x", True], "c": 0}}),
        ([0.3], [0.1 + 0.2]),
        ([250_000], [250_000.01]),
        ([1], [1.0]),
        ([0.0], [1e-7]),
    ],
)
def test_answer_with_all_that_is_expected_matches(expected: Any, got: Any) -> None:
    assert find_mismatch(expected, got, 1e-6) is None


@pytest.mark.parametrize(
    ("expected", "got", "says"),
    [
        ({"p": [[1, 2], [3, 4]]}, {"p": [[1, 2], [3, 5]]}, "p[1][1] is 5, expected 4 within 1e-06"),
        ({"p": [0.5]}, {"p": [0.51]}, "p[0] is 0.51, expected 0.5 within 1e-06"),
        ({"p": [1]}, {"p": ["1"]}, 'p[0] is "1", expected 1'),
        ({"p": [1]}, {"p": [True]}, "p[0] is true, expected 1"),
        ({"p": [True]}, {"p": [1]}, "p[0] is 1, expected true"),
        ({"p": ["yes"]}, {"p": ["no"]}, 'p[0] is "no", expected "yes"'),
        ({"p": [None]}, {"p": [0]}, "p[0] is 0, expected null"),
        ({"p": [1]}, {"p": [1, 1]}, "p is an array of 2, expected an array of 1"),
        ({"p": {"q": 1}}, {"p": {}}, "p.q is missing, expected 1"),
        ({"p": [1]}, [1], "the answer is an array of 1, expected an object"),
        ({"p": "x" * 200}, {"p": ""}, f'p is "", expected "{"x" * 78}…'),
        ([10**400], [1.5], f"[0] is 1.5, expected 1{'0' * 78}… within 1e-06"),
    ],
)
def test_first_place_that_differs_is_named(expected: Any, got: Any, says: str) -> None:
    assert str(find_mismatch(expected, got, 1e-6)) == says


def test_integers_are_equal_or_not_whatever_the_tolerance() -> None:
    assert find_mismatch(10**9, 10**9 + 1, 0.5) is not None
    assert find_mismatch(10**9, 10**9 + 1.0, 0.5) is None


@given(JSON)
def test_each_document_matches_itself(document: Any) -> None:
    assert find_mismatch(document, document, 0) is None
