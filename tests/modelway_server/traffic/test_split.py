"""Which requests are the candidate's: exact by counting, and the same for the same value of a header."""

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelway_server.traffic.document import WHOLE
from modelway_server.traffic.shared import Shared
from modelway_server.traffic.split import count_on, is_chosen

SHARES = st.integers(0, WHOLE)


@given(SHARES, st.integers(0, 400), st.integers(0, WHOLE - 1))
def test_candidates_count_is_within_one_of_its_share(share: int, requests: int, owed: int) -> None:
    chosen = 0
    for _ in range(requests):
        owed, is_candidates = count_on(owed, share)
        chosen += is_candidates
    assert abs(chosen - requests * share / WHOLE) <= 1


@given(st.lists(st.tuples(SHARES, st.integers(1, 200)), max_size=8))
def test_shares_that_change_owe_nobody_a_request(steps: list[tuple[int, int]]) -> None:
    owed, chosen, due = 0, 0, 0.0
    for share, requests in steps:
        for _ in range(requests):
            owed, is_candidates = count_on(owed, share)
            chosen += is_candidates
            due += share / WHOLE
    assert abs(chosen - due) <= 1


@pytest.mark.parametrize("percent", [0, 1, 5, 25, 50, 99, 100])
def test_values_of_a_header_are_chosen_by_the_share(percent: int) -> None:
    share = percent * WHOLE // 100
    chosen = sum(is_chosen(b"user-%d" % number, "ca4d1", share) for number in range(40_000))
    assert abs(chosen / 400 - percent) <= 0.5


@given(st.binary(max_size=40), SHARES, SHARES)
def test_larger_share_keeps_those_that_were_chosen(value: bytes, one: int, other: int) -> None:
    smaller, larger = sorted((one, other))
    assert is_chosen(value, "w", larger) or not is_chosen(value, "w", smaller)


def test_workers_of_a_pod_share_one_count() -> None:
    shared = Shared(2)
    shared.begin("w-1")
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        shared.enter(1)
        os.write(writes, b"%d" % sum(shared.take_turn(5_000) for _ in range(4_001)))
        os._exit(0)
    own = sum(shared.take_turn(5_000) for _ in range(7_000))
    os.waitpid(child, 0)
    assert abs(own + int(os.read(reads, 20)) - 0.05 * 11_001) <= 1
