"""Numbers, shares and times as people read them."""

from datetime import timedelta

import pytest

from modelway.wording import about, counted, length, percent, two_digits


@pytest.mark.parametrize(
    ("seconds", "exact", "estimate"),
    [
        (0, "0 s", "0 s"),
        (59.6, "1 min", "60 s"),
        (61, "1 min 1 s", "1 min"),
        (5400, "1 h 30 min", "1.5 h"),
        (3 * 3600, "3 h", "3 h"),
        (49 * 3600, "2 d 1 h", "2 d"),
        (86400 + 5, "1 d", "1 d"),
        (-5, "0 s", "0 s"),
    ],
)
def test_time_is_told_by_its_largest_units(seconds: float, exact: str, estimate: str) -> None:
    assert (length(timedelta(seconds=seconds)), about(timedelta(seconds=seconds))) == (exact, estimate)


@pytest.mark.parametrize(
    ("share", "text"), [(0.001, "0.1%"), (0.0476, "4.76%"), (0.5, "50%"), (1.0, "100%"), (0.0, "0%")]
)
def test_share_is_told_in_percent(share: float, text: str) -> None:
    assert percent(share) == text


@pytest.mark.parametrize(
    ("number", "text"), [(237, "240"), (2391, "2400"), (7, "7"), (1.52, "1.5"), (2.51e7, "25000000")]
)
def test_estimate_has_two_digits(number: float, text: str) -> None:
    assert two_digits(number) == text


def test_noun_follows_its_number() -> None:
    assert (counted(1, "pod"), counted(2, "pod"), counted(0, "pod")) == ("1 pod", "2 pods", "0 pods")
