"""The benchmark of hand-overs tells what it measured, beside what is to be reached."""

import pytest

from bench.errors import BenchError
from bench.handover import copies
from bench.handover.figures import (
    ARMS,
    HANDOVER,
    MIRROR,
    NONE,
    Figures,
    Trial,
    added,
    cpu_ratio,
    estimate,
    ratio,
    table,
)
from bench.handover.load import ask, moments
from support.server.rollouts import PORT, answering, candidate, free_host, response

ROUNDS = [
    {
        arm: Trial(
            seconds=[0.001 * factor] * 98 + [0.003 * factor, 0.003 * factor],
            foreign=[arm == HANDOVER] * 100,
            stable=0.1 * factor,
            candidate=0.0,
            judged_share=1.0 - number / 100,
        )
        for arm, factor in zip(ARMS, (1.0, 1.0 + number / 100, 1.5, 1.1), strict=True)
    }
    for number in range(3)
]


def test_figures_are_those_of_all_rounds() -> None:
    assert added(ROUNDS) == pytest.approx(0.00049)
    assert ratio(MIRROR, NONE, 0.5)(ROUNDS) == pytest.approx(1.1 / 1.01)
    assert cpu_ratio(MIRROR, NONE)(ROUNDS) == pytest.approx(1.1 / 1.01)
    figure = estimate(ROUNDS, added)
    assert figure.low <= figure.value <= figure.high


def test_table_has_figures_beside_goals() -> None:
    lines = table(
        Figures(machine={"Linux": "6.1"}, load=(0.5, 2.0), rate=250, span=4, rounds=ROUNDS, seconds=100)
    ).splitlines()
    assert "Load 0.5 at the beginning, 2.0 at the end. 3 rounds of 4 s an arm, 250 requests a second" in lines[0]
    assert lines[0].endswith("Of the copies of a round at least 98.0% were answered and judged.")
    (handed,) = [line for line in lines if line.startswith("| added to an answer")]
    assert handed.endswith("| at most 1.000 ms | reached |")
    (copied,) = [line for line in lines if line.startswith("| p99 with mirror 100")]
    assert copied.endswith("| at most 1.020 | falls short |")


def test_moments_are_the_same_for_one_seed_and_as_many_as_wanted() -> None:
    times = moments(1000, 2, 7)
    assert times == moments(1000, 2, 7) == sorted(times)
    assert 1800 < len(times) < 2200
    assert max(times) < 2


@pytest.mark.parametrize("is_refused", [False, True])
def test_clients_see_who_answered_or_that_nobody_did(is_refused: bool) -> None:  # noqa: FBT001
    answer, host = response(b"{}", b"503 Service Unavailable" if is_refused else b"200 OK"), free_host()
    request = b"POST / HTTP/1.1\r\ncontent-length: 0\r\n\r\n"
    with candidate(host, answering(answer)):
        if is_refused:
            with pytest.raises(BenchError, match="503"):
                ask((host, PORT), request, [0.0, 0.01], b"ca4d1", connections=2)
        else:
            answers = ask((host, PORT), request, [0.0, 0.0, 0.01], b"ca4d1", connections=2)
            assert (len(answers.seconds), set(answers.foreign)) == (3, {True})


def test_trial_with_too_few_copies_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "REST_SECONDS", 0.1)
    counts = iter([40.0, 80.0, *[89.0] * 1000])
    with pytest.raises(BenchError, match="89 of 100 copies were judged, which is less than 90%"):
        copies.require_judged(lambda: next(counts), 100)


def test_copies_that_come_late_are_waited_for() -> None:
    counts = iter([40.0, 80.0, 99.0, 100.0])
    assert copies.require_judged(lambda: next(counts), 100) == 1.0
