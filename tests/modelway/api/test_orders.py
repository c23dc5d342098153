"""An order is read as it was written, and anything else is no order."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway.api.labels import ROLLOUT_ORDER_ANNOTATION
from modelway.api.orders import ACTIONS, LONGEST_ORDER, Order, order_in

AT = datetime(2026, 11, 30, 19, 0, 0, 123000, tzinfo=UTC)
ORDER = Order("promote", "bcdfghjklm", "alice", AT)


def _read(text: str) -> Order | None:
    return order_in({ROLLOUT_ORDER_ANNOTATION: text})


@given(
    st.sampled_from(ACTIONS),
    st.from_regex(r"[a-zé]{1,9}( [a-z]{1,9})?", fullmatch=True),
    st.datetimes(timezones=st.just(UTC)),
)
def test_order_is_read_as_it_was_written(action: str, by: str, at: datetime) -> None:
    order = Order(action, "bcdfghjklm", by, at.replace(microsecond=at.microsecond // 1000 * 1000))  # type: ignore[arg-type]
    assert _read(order.as_annotation()) == order


def test_time_of_an_order_counts_to_the_millisecond() -> None:
    exact = json.loads(ORDER.as_annotation()) | {"at": "2026-11-30T19:00:00.123456Z"}
    assert _read(json.dumps(exact)) == ORDER


def test_name_of_who_asked_controls_no_terminal() -> None:
    order = _read(ORDER.as_annotation().replace("alice", "al\\u001b[2Jice"))
    assert order is not None
    assert order.by == "al\\x1b[2Jice"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "promote",
        "[]",
        "{}",
        "null",
        "[" * 500,
        ORDER.as_annotation().replace("promote", "delete"),
        ORDER.as_annotation().replace("2026-11-30T", "yesterday"),
        ORDER.as_annotation().replace("Z", ""),
        ORDER.as_annotation().replace('"alice"', "7"),
        ORDER.as_annotation().replace("alice", "a" * 200),
        ORDER.as_annotation() + " " * LONGEST_ORDER,
    ],
)
def test_malformed_order_is_none(text: str) -> None:
    assert _read(text) is None


def test_object_without_annotations_has_no_order() -> None:
    assert order_in(None) is order_in({}) is None
