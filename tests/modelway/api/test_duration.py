"""Lengths of time and shares are read as they are written."""

from datetime import timedelta

import pytest

from modelway.api.duration import share_of, time_of


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("30s", timedelta(seconds=30)),
        ("10m", timedelta(minutes=10)),
        ("1h30m", timedelta(minutes=90)),
        ("100h0m5s", timedelta(hours=100, seconds=5)),
    ],
)
def test_length_of_time_is_the_sum_of_its_parts(text: str, time: timedelta) -> None:
    assert time_of(text) == time


@pytest.mark.parametrize(("text", "share"), [("0.1%", 0.001), ("10%", 0.1), ("100%", 1.0), ("0.001%", 0.00001)])
def test_percent_is_a_share_of_one(text: str, share: float) -> None:
    assert share_of(text) == pytest.approx(share)
