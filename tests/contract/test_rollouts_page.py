"""The page on rollouts says how many requests a verdict takes: drawn with fixed seeds, it is so."""

import random
import re
from collections.abc import Iterator

import pytest

from modelway.rollout.judge import Counts, Measure, Outcome, judge
from support.pages.blocks import ROOT

pytestmark = pytest.mark.slow

ROLLOUTS, MOST = 101, 6000
CASES = {
    "fails every request": ("failed", 0.001, 1.0),
    "fails 10 % of them": ("failed", 0.001, 0.1),
    "answers half of the requests otherwise": ("disagreement", 0.1, 0.5),
    "answers 20 % of them otherwise": ("disagreement", 0.1, 0.2),
    "fails none": ("failed", 0.001, 0.0),
}
"""Measure, limit and true share by how a row of the table begins. The rows about slowness take too long to draw."""
SLOW = ("is slow", "is as fast")


def _rows() -> Iterator[tuple[str, str, int]]:
    page = (ROOT / "docs" / "rollouts.md").read_text()
    for name, verdict, half in re.findall(r"^\| ([^|]+?) \| ((?:not )?worse)[^|]* \| ([\d,]+) \|$", page, re.MULTILINE):
        yield name, verdict, int(half.replace(",", ""))


def _trials_until(measure: str, limit: float, share: float, outcome: Outcome, seed: int) -> int:
    """After how many trials the judge says so; `MOST` where it never does."""
    draw, bad = random.Random(seed), 0
    for trials in range(1, MOST):
        bad += draw.random() < share
        if trials > 60 and trials % 10:
            continue
        judgement = judge([Measure(measure, Counts(bad, trials), None, limit, 0.02)])
        if judgement.findings[0].outcome is outcome:
            return trials
    return MOST


def test_the_cases_are_the_rows_of_the_table() -> None:
    names = {name for name, _, _ in _rows()}
    assert {name for name in names if not name.startswith(SLOW)} == CASES.keys()


@pytest.mark.parametrize(("name", "verdict", "half"), [row for row in _rows() if not row[0].startswith(SLOW)])
def test_a_verdict_takes_as_many_requests_as_told(name: str, verdict: str, half: int) -> None:
    outcome = Outcome.WORSE if verdict == "worse" else Outcome.NOT_WORSE
    trials = sorted(_trials_until(*CASES[name], outcome, seed) for seed in range(ROLLOUTS))
    assert trials[ROLLOUTS // 2] == pytest.approx(half, rel=0.2)
